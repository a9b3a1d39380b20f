//! What expressions of other languages come to, as far as their text tells: literals, names that hold them, the home
//! folder, and what is put together from these.
//!
//! Not a parser. Where it cannot tell it says so.

use super::interpreters::literal;
use super::literals::{self, Data};

/// Most values of an expression, and most that a name holds.
const MAX_VALUES: usize = 8;

/// How often names are followed that hold names, and calls within calls.
const MAX_STEPS: usize = 6;

/// Longest text that is put together, in bytes.
const MAX_BYTES: usize = 4_096;

/// Code and which parts of it are data.
pub(super) struct Code<'a> {
    pub text: &'a str,
    pub data: Data,
    /// Its names can be followed.
    follows: bool,
}

/// What an expression may come to, and how many bytes it takes.
type Values = (Vec<String>, usize);

/// Spellings of folders and programs that every user has.
const PLACES: [(&str, &str); 21] = [
    ("homedir()", "~"),
    ("Path.home()", "~"),
    ("home()", "~"),
    ("Dir.home", "~"),
    ("environ['HOME']", "~"),
    ("environ[\"HOME\"]", "~"),
    ("environ.get('HOME')", "~"),
    ("environ.get(\"HOME\")", "~"),
    ("getenv('HOME')", "~"),
    ("getenv(\"HOME\")", "~"),
    ("env.HOME", "~"),
    ("env['HOME']", "~"),
    ("env.get('HOME')", "~"),
    ("env.get(\"HOME\")", "~"),
    ("ENV['HOME']", "~"),
    ("ENV[\"HOME\"]", "~"),
    ("$ENV{HOME}", "~"),
    ("getcwd()", "."),
    ("process.cwd()", "."),
    ("sys.executable", "python3"),
    ("process.execPath", "node"),
];

/// Functions that hand on the path or the text that they are given.
const HANDS_ON: [&str; 13] = [
    "expanduser",
    "expand_path",
    "abspath",
    "realpath",
    "normpath",
    "resolve",
    "normalize",
    "Path",
    "PurePath",
    "str",
    "String",
    "which",
    "glob",
];

/// What is written behind an expression without a change of what it comes to, as far as it matters.
const BEHIND: [&str; 7] =
    [".expanduser()", ".resolve()", ".absolute()", ".as_posix()", ".toString()", ".trim()", ".strip()"];

impl<'a> Code<'a> {
    pub fn of(interpreter: &str, text: &'a str) -> Self {
        Self { text, data: Data::of(interpreter, text), follows: literals::is_read(interpreter) }
    }

    /// Code of a language that is not known.
    pub fn unknown(text: &'a str) -> Self {
        Self { text, data: Data::default(), follows: false }
    }

    /// What the expression at the start of `text` may come to, where that is certain.
    pub fn value(&self, text: &str) -> Option<Values> {
        self.sum(text, MAX_STEPS)
    }

    /// Terms with `+` between, or `/` between paths.
    fn sum(&self, text: &str, steps: usize) -> Option<Values> {
        let steps = steps.checked_sub(1)?;
        let (mut values, mut used) = self.term(text, steps)?;
        loop {
            let rest = text.get(used..)?;
            if let Some(behind) = BEHIND.iter().find(|behind| rest.starts_with(**behind)) {
                used += behind.len();
                continue;
            }
            let trimmed = rest.trim_start_matches(' ');
            let between = match trimmed.chars().next() {
                Some('+') if !trimmed.starts_with("+=") => "",
                Some('/') if !trimmed.starts_with("//") => "/",
                _ => return Some((values, used)),
            };
            let next = trimmed.get(1..)?.trim_start();
            let (more, length) = self.term(next, steps)?;
            values = joined(&values, &more, between)?;
            used = text.len() - next.len() + length;
        }
    }

    fn term(&self, text: &str, steps: usize) -> Option<Values> {
        if let Some((said, used)) = literal(text) {
            let quote = text.get(..used)?.chars().next_back();
            let marked = text.starts_with(['f', 'F']) || quote == Some('`');
            return Some((
                if marked { self.filled(&said, steps) } else { vec![said.replace("$ENV{HOME}", "~")] },
                used,
            ));
        }
        if let Some(inner) = text.strip_prefix('(') {
            let (values, used) = self.sum(inner, steps)?;
            return inner.get(used..)?.starts_with(')').then_some((values, used + 2));
        }
        // `require("os").`, `os.path.`: only what it is called at the end.
        let mut bare = text;
        loop {
            if let Some((spelled, means)) = PLACES.iter().find(|(spelled, _)| bare.starts_with(spelled)) {
                return Some((vec![(*means).to_owned()], text.len() - bare.len() + spelled.len()));
            }
            let Some(rest) = without_module(bare) else { break };
            bare = rest;
        }
        let skipped = text.len() - bare.len();
        let end = bare.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(bare.len());
        let (name, after) = bare.split_at(end);
        if let Some(args) = after.strip_prefix('(') {
            let joins = matches!(name, "join" | "joinpath");
            if !(joins || HANDS_ON.contains(&name)) {
                return None;
            }
            let (mut values, mut rest) = (vec![String::new()], args.trim_start());
            loop {
                let (more, used) = self.sum(rest, steps.checked_sub(1)?)?;
                let first = values.iter().all(String::is_empty);
                values = joined(&values, &more, if first { "" } else { "/" })?;
                rest = rest.get(used..)?.trim_start();
                if let Some(tail) = rest.strip_prefix(')') {
                    return Some((values, text.len() - tail.len()));
                }
                rest = rest.strip_prefix(',')?.trim_start();
            }
        }
        // A name that the code fills itself; a member of something is not one.
        if skipped > 0 || name.is_empty() {
            return None;
        }
        let mut values = Vec::new();
        for held in self.held(name)? {
            let (found, used) = self.sum(held, steps)?;
            if !ends_expression(held.get(used..)?) {
                return None;
            }
            values.extend(found);
        }
        values.truncate(MAX_VALUES);
        Some((values, name.len()))
    }

    /// A text with names in it: those that are known filled in.
    fn filled(&self, said: &str, steps: usize) -> Vec<String> {
        let mut found = vec![String::new()];
        let mut rest = said;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, tail)) = after.split_once('}') else { break };
            let known = steps.checked_sub(1).and_then(|steps| self.sum(name.trim(), steps));
            let known = known.filter(|(_, used)| *used == name.trim().len()).map(|(values, _)| values);
            let (before, values) = match known {
                Some(values) => (before.strip_suffix('$').unwrap_or(before), values),
                None => (before, vec![format!("{{{name}}}")]),
            };
            let Some(next) = joined(&found, &values, before) else { break };
            found = next;
            rest = tail;
        }
        found.iter().map(|text| format!("{text}{rest}")).collect()
    }

    /// The expressions that a name of the code may hold; none where something else may fill it.
    pub fn held(&self, name: &str) -> Option<Vec<&'a str>> {
        if !self.follows || name.is_empty() {
            return None;
        }
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let mut found = Vec::new();
        for (at, _) in self.text.match_indices(name) {
            let (before, after) = (self.text.get(..at)?, self.text.get(at + name.len()..)?);
            let inside = before.chars().next_back().is_some_and(|c| is_word(c) || c == '.');
            if inside || after.chars().next().is_some_and(is_word) || self.data.holds(at) {
                continue;
            }
            let (before, after) = (before.trim_end(), after.trim_start_matches(' '));
            let last = before.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
            let changed = [".append", ".extend", ".push", ".insert", ".unshift", "+=", "||=", "??=", "%="];
            if changed.iter().any(|mark| after.starts_with(mark)) || last == "as" {
                return None;
            }
            if last == "for" || is_loop(before) {
                found.extend(self.looped(after)?);
            } else if let Some(value) = after.strip_prefix('=').filter(|value| !value.starts_with(['=', '>', '~'])) {
                // `a, name = b`
                let statement = before.rsplit(['\n', ';']).next().unwrap_or_default();
                if before.ends_with(',') && !statement.contains('(') {
                    return None;
                }
                found.push(value.trim_start_matches(' '));
            } else if before.ends_with('(') || after.starts_with("=>") || last == "lambda" {
                found.extend(self.arguments(before, after).unwrap_or_default());
            }
            if found.len() > MAX_VALUES {
                return None;
            }
        }
        (!found.is_empty()).then_some(found)
    }

    /// The elements of `in [a, b]`.
    fn looped(&self, after: &'a str) -> Option<Vec<&'a str>> {
        let list = ["in ", "of "].iter().find_map(|word| after.strip_prefix(word))?.trim_start();
        let mut rest = list.strip_prefix(['[', '('])?.trim_start();
        let mut found = Vec::new();
        while let Some((_, used)) = literal(rest) {
            found.push(rest);
            rest = rest.get(used..)?.trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
        rest.starts_with([']', ')']).then_some(found)
    }

    /// What a function is called with, where a name is the first that it takes: `def f(name)`, `f = lambda name:`.
    fn arguments(&self, before: &str, after: &str) -> Option<Vec<&'a str>> {
        let head = before.trim_end_matches('(').trim_end();
        let start = head.rfind(|c: char| !(c.is_alphanumeric() || c == '_')).map_or(0, |at| at + 1);
        let own = head.get(start..)?;
        let defines = head.get(..start)?.trim_end();
        let function = if defines.ends_with("def") || defines.ends_with("function") {
            own
        } else if after.starts_with("=>") || after.starts_with(") =>") || after.starts_with(")=>") || own == "lambda" {
            let assigned = head.strip_suffix("lambda").unwrap_or(head).trim_end().strip_suffix('=')?.trim_end();
            assigned.rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next()?
        } else {
            return None;
        };
        let call = format!("{function}(");
        let calls = self.text.match_indices(&call).filter(|(at, _)| {
            let before = self.text.get(..*at).unwrap_or_default();
            let inside = before.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
            !(function.is_empty()
                || inside
                || before.ends_with("def ")
                || before.ends_with("function ")
                || self.data.holds(*at))
        });
        Some(calls.filter_map(|(at, call)| self.text.get(at + call.len()..)).collect())
    }
}

/// `for (const x of`.
fn is_loop(before: &str) -> bool {
    ["for (const", "for (let", "for (var", "for(const", "for(let", "for(var", "for ("]
        .iter()
        .any(|mark| before.ends_with(mark))
}

fn ends_expression(rest: &str) -> bool {
    let rest = rest.trim_start_matches([' ', '\t']);
    rest.is_empty() || rest.starts_with(['\n', ';', ')', ',', ']', '}', '#', ':']) || rest.starts_with("//")
}

/// Each of `left` with each of `right` behind it; none where that is too much.
fn joined(left: &[String], right: &[String], between: &str) -> Option<Vec<String>> {
    let all = left.iter().flat_map(|left| right.iter().map(move |right| format!("{left}{between}{right}")));
    let all: Vec<String> = all.take(MAX_VALUES + 1).collect();
    (all.len() <= MAX_VALUES && all.iter().all(|text| text.len() <= MAX_BYTES)).then_some(all)
}

/// `path.join(…)` of `os.path.join(…)`.
fn without_module(text: &str) -> Option<&str> {
    let call = ["require(", "import(", "__import__("].iter().find_map(|word| text.strip_prefix(word));
    let after = match call {
        Some(args) => args.split_once(')').map(|(_, after)| after)?,
        None => {
            let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
            text.get(end..).filter(|_| end > 0)?
        }
    };
    after.strip_prefix("::").or_else(|| after.strip_prefix('.'))
}

#[cfg(test)]
mod tests {
    use super::{Code, MAX_BYTES, MAX_STEPS, MAX_VALUES};

    fn check(interpreter: &str, code: &str, expected: Option<&[&str]>) {
        let expression = code.rsplit_once("f(").map_or("", |(_, expression)| expression);
        let found = Code::of(interpreter, code).value(expression).map(|(values, _)| values);
        assert_eq!(
            found.as_ref().map(|all| all.iter().map(String::as_str).collect::<Vec<_>>()).as_deref(),
            expected,
            "{code}"
        );
    }

    #[test]
    fn what_is_certain_is_told() {
        for (interpreter, code, expected) in [
            ("python3", "f('a' + 'b')", "ab"),
            ("python3", "x = 'a'; f(x)", "a"),
            ("python3", "x = y = 'a'; f(y + '/b')", "a/b"),
            ("python3", "f(os.path.join(os.environ['HOME'], 'a'))", "~/a"),
            ("python3", "p = Path.home() / 'a'; f(p)", "~/a"),
            ("python3", "f(os.path.expanduser('~/a'))", "~/a"),
            ("python3", "x = 'b'; f(f'a{x}c')", "abc"),
            ("python3", "def g(c): f(c)", ""),
            ("node", "f(require('os').homedir() + '/a')", "~/a"),
            ("node", "const d = process.env.HOME; f(d)", "~"),
            ("node", "f(p.join(os.homedir(), '.npm'))", "~/.npm"),
            ("node", "const x = 'b'; f(`a${x}`)", "ab"),
        ] {
            let expected = [expected];
            check(interpreter, code, if expected == [""] { None } else { Some(&expected) });
        }
        check("python3", "for x in ['a', 'b']: f(x)", Some(&["a", "b"]));
        check("python3", "g('a'); def g(x): f(x)", Some(&["a"]));
    }

    #[test]
    fn what_is_not_certain_is_not() {
        for code in
            ["f(x)", "x = input(); f(x)", "x = 'a'; x += y; f(x)", "f('a' + y)", "x = x; f(x)", "f(os.path.join(y))"]
        {
            check("python3", code, None);
        }
        let values = |count: usize| format!("{}f(x)", "x = 'a'; ".repeat(count));
        let found = |count: usize| {
            let code = values(count);
            Code::of("python3", &code).value("x)").is_some()
        };
        assert!(found(MAX_VALUES) && !found(MAX_VALUES + 1));
    }

    #[test]
    fn names_are_followed_a_few_times_and_texts_are_no_longer_than_a_path() {
        let told = |code: &str, last: &str| Code::of("python3", code).value(last).is_some();
        let chain = |length: usize| (1..length).map(|n| format!("a{n} = a{}; ", n - 1)).collect::<String>();
        // Each name is one step, and what the first of them holds is the last.
        let chained = |length: usize| told(&format!("a0 = 'x'; {}", chain(length)), &format!("a{}", length - 1));
        assert!(chained(MAX_STEPS / 2) && !chained(MAX_STEPS + 1));
        let long = |length: usize| told("", &format!("'{}' + 'x'", "y".repeat(length)));
        assert!(long(MAX_BYTES - 1) && !long(MAX_BYTES));
    }
}
