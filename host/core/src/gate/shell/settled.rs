//! The walk's part about words of variables that the line itself has filled: a program, or code, that is known after all.
//!
//! Strict where `policy::variables` is generous: a text counts as told only where every value is, whatever the order. What a
//! variable is given later than it was used, as in a loop, is looked at when the walk is done.

use super::context::Context;
use super::expansion::{Expansion, applied};
use super::follow::MAX_ARGUMENTS;
use super::values::{PRINTED, lasting};
use super::walk::Walk;
use super::{MAX_COMMANDS, NotUnderstood};
use crate::gate::call::{ShellCommand, Word, is_argument};
use crate::gate::options::is_cluster_with;
use brush_parser::ast::FunctionBody;
use std::collections::BTreeSet;
use std::rc::Rc;

/// Most texts that one word of variables is followed into; more is no text that a person had in mind.
const MAX_TEXTS: usize = 16;

/// How deep values are followed that hold variables themselves.
const MAX_DEEP: usize = 4;

/// Most defaults that are kept of expansions such as `${x:=y}`, which fill variables too.
const MAX_DEFAULTS: usize = 64;

/// Expansions that are never code, whatever they come to: numbers, and a new name.
const PLAIN: [&str; 6] = ["$!", "$$", "$?", "$#", "$(mktemp)", "$(())"];

/// Variables that hold a folder or a number, as far as a line does not fill them itself.
const FOLDERS: [&str; 7] = ["PWD", "HOME", "OLDPWD", "TMPDIR", "UID", "RANDOM", "SECONDS"];

/// Most steps that telling what a line's variables hold may take, in assignments looked at and bytes made: scripts of hundreds
/// of commands stay below it, values of values of values do not.
const MAX_STEPS: usize = 500_000;

/// Commands that fill variables with what they read.
const READING: [&str; 3] = ["read", "mapfile", "readarray"];

/// How far the arguments have moved where the walk is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shifted {
    /// So many are gone.
    pub by: usize,
    /// Or more, or fewer.
    pub unsure: bool,
    /// Depth of the lists in which each command runs once.
    pub depth: usize,
}

impl Walk {
    /// Something is known only when it runs; in a function that is only defined, where that is called.
    pub(super) fn dynamic(&mut self, context: &Context) {
        if context.defining {
            self.deferred = true;
        } else {
            self.trouble(NotUnderstood::Dynamic);
        }
    }

    /// Notes that a variable is filled of which the line does not tell the name: `declare -n r=x`, `read "$n"`.
    pub(super) fn note_unsure_name(&mut self, program: &str, args: &[Word]) {
        let dynamic =
            |word: &Word| !word.literal && word.text.split('=').next().unwrap_or_default().contains(['$', '`']);
        self.unsure_names |= match program {
            "declare" | "typeset" | "local" => args.iter().any(|arg| is_cluster_with(&arg.text, 'n') || dynamic(arg)),
            "export" | "readonly" | "read" | "mapfile" | "readarray" | "getopts" => args.iter().any(dynamic),
            "printf" => args.windows(2).any(|pair| matches!(pair, [flag, name] if flag.text == "-v" && dynamic(name))),
            _ => false,
        };
    }

    /// Notes a `shift`.
    pub(super) fn note_shift(&mut self, args: &[Word], context: &Context) {
        let number = match args {
            [] => Some(1),
            [only] if only.literal => only.text.parse().ok(),
            _ => None,
        };
        self.shifted.unsure |= context.depth != self.shifted.depth || number.is_none();
        self.shifted.by = self.shifted.by.saturating_add(number.unwrap_or(1));
    }

    /// Notes the variables that expansions such as `${x:=y}` fill.
    pub(super) fn note_defaults(&mut self, code: &str) {
        for (at, _) in code.match_indices("${") {
            let expansion = Expansion::at(code.get(at..).unwrap_or_default());
            let operator = expansion.operator.trim_start_matches(':');
            if let Some(text) = operator.strip_prefix('=').filter(|_| !expansion.name.is_empty()) {
                if self.defaults.len() >= MAX_DEFAULTS {
                    return self.trouble(NotUnderstood::TooMany);
                }
                self.defaults.push((expansion.name.to_owned(), text.to_owned()));
            }
        }
    }

    /// Every text that a word of variables may come to; none where one of them is known only when it runs.
    pub(super) fn told(&mut self, text: &str, context: &Context) -> Option<Vec<String>> {
        self.told_as(text, context, false)
    }

    /// As [`Walk::told`]; of a program it is enough that it has a name, wherever that lies.
    fn told_as(&mut self, text: &str, context: &Context, named: bool) -> Option<Vec<String>> {
        if self.unsure_names || !text.contains('$') {
            return None;
        }
        self.spend(self.commands.len())?;
        // Values are parted where the line says.
        if self.commands.iter().flat_map(lasting).any(|(name, _)| name == "IFS") {
            return None;
        }
        self.told_within(text, Some(context), MAX_DEEP, named)
    }

    /// Takes steps from what the whole line may; where they are used up, the line is too much to be understood.
    fn spend(&mut self, steps: usize) -> Option<()> {
        self.told_steps = self.told_steps.saturating_add(steps);
        if self.told_steps > MAX_STEPS {
            self.trouble(NotUnderstood::TooMany);
            return None;
        }
        Some(())
    }

    /// As [`Walk::told`]. Without a context arguments are no one's.
    fn told_within(&mut self, text: &str, context: Option<&Context>, deep: usize, named: bool) -> Option<Vec<String>> {
        let mut found = vec![String::new()];
        let mut rest = text;
        while let Some(at) = rest.find(['$', '`']) {
            let (before, dollar) = rest.split_at(at);
            let (values, len) = self.values_at(dollar, context, deep, named)?;
            found = found
                .iter()
                .flat_map(|front| values.iter().map(move |value| format!("{front}{before}{value}")))
                .take(MAX_TEXTS + 1)
                .collect();
            self.spend(found.iter().map(String::len).sum())?;
            if found.len() > MAX_TEXTS || found.iter().any(|text| text.len() > super::MAX_LINE_BYTES) {
                return None;
            }
            rest = dollar.get(len..)?;
        }
        found.iter_mut().for_each(|text| text.push_str(rest));
        Some(found)
    }

    /// What the expansion may come to with which `text` begins, and its length.
    fn values_at(
        &mut self,
        text: &str,
        context: Option<&Context>,
        deep: usize,
        named: bool,
    ) -> Option<(Vec<String>, usize)> {
        if let Some(plain) = PLAIN.iter().find(|plain| text.starts_with(**plain)) {
            return Some((vec![(*plain).to_owned()], plain.len()));
        }
        let expansion = Expansion::at(text);
        let Expansion { name, operator, len } = expansion;
        if name.is_empty() || text.starts_with('`') || text.starts_with("${!") {
            return None;
        }
        let mut values = if is_argument(name) {
            let given = given(context?, self.shifted, &self.arguments)?;
            match name {
                "@" | "*" if !operator.is_empty() || given.iter().any(|word| !word.literal) => return None,
                "@" | "*" => (0..=self.shifted.by).map(|from| joined(given.get(from..).unwrap_or_default())).collect(),
                number => {
                    let number: usize = number.parse().ok()?;
                    let found = (number..=number + self.shifted.by).filter_map(|at| given.get(at.checked_sub(1)?));
                    found.map(|word| word.literal.then(|| word.text.clone())).collect::<Option<Vec<_>>>()?
                }
            }
        } else {
            let mut texts = Vec::new();
            let (held, steps) = self.held(name, context);
            self.spend(steps)?;
            self.note_trust(name, &held);
            if held.len() > MAX_TEXTS {
                return None;
            }
            for value in held {
                let told = match deep.checked_sub(1) {
                    _ if value.literal => Some(vec![value.text.clone()]),
                    Some(deep) => self.told_within(&value.text, None, deep, named),
                    None => None,
                };
                texts.extend(told.or_else(|| (named && has_name(&value.text)).then(|| vec![value.text]))?);
            }
            texts
        };
        // What someone's environment may set is written in capitals; any other name may be hiding something.
        let is_setting = name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        let or = operator.trim_start_matches(':');
        if or.starts_with(['-', '=']) {
            let default = expansion.default().unwrap_or_default();
            if values.is_empty() && !is_setting || default.contains(['$', '`', '\\', '\'', '"']) {
                return None;
            }
            values.push(default.to_owned());
        } else if values.is_empty() {
            let known = match (name, operator) {
                ("SHELL" | "BASH", "") => "/bin/bash",
                ("SHELL" | "BASH", "##*/") => "bash",
                (name, "") if FOLDERS.contains(&name) => text.get(..len)?,
                _ => return None,
            };
            values.push(known.to_owned());
        } else if !matches!(operator, "" | "[@]" | "[*]") {
            self.spend(values.iter().map(|value| expansion.steps(value)).sum())?;
            values = values.iter().map(|value| applied(operator, value)).collect::<Option<Vec<_>>>()?;
        }
        values.sort_unstable();
        values.dedup();
        Some((values, len))
    }

    /// All that the line puts into a variable, as far as it was walked, and how many steps it took to find.
    fn held(&self, name: &str, context: Option<&Context>) -> (BTreeSet<HeldValue>, usize) {
        let mut steps = self.commands.len();
        let is_defined =
            |at: usize| self.defined.iter().any(|span| u32::try_from(at).is_ok_and(|at| span.contains(&at)));
        let commands = self.commands.iter().enumerate().filter(|(at, _)| !is_defined(*at));
        // How a text is parted that is read, options and other variables decide.
        let reads = |(_, command): &(usize, &ShellCommand)| READING.contains(&command.program.text.as_str());
        let (reading, others): (Vec<_>, Vec<_>) = commands.partition(reads);
        let is_it = |(own, _): &&(String, Word)| own == name;
        let held = others.iter().flat_map(|(_, command)| command.assignments.iter().chain(command.bound.iter()));
        let held = held.chain(context.iter().flat_map(|context| context.bound.iter())).inspect(|_| steps += 1);
        let mut found: BTreeSet<HeldValue> = held
            .filter(is_it)
            .map(|(_, value)| HeldValue { text: value.text.clone(), literal: value.literal })
            .collect();
        if reading.iter().any(|(_, command)| command.assignments.iter().any(|own| is_it(&own))) {
            found.insert(HeldValue { text: PRINTED.to_owned(), literal: false });
        }
        let defaults = self.defaults.iter().filter(|(own, _)| own == name);
        found.extend(
            defaults.map(|(_, text)| HeldValue { text: text.clone(), literal: !text.contains(['$', '`', '"', '\'']) }),
        );
        (found, steps)
    }

    /// Notes that a variable was taken for what it holds by now.
    fn note_trust(&mut self, name: &str, held: &BTreeSet<HeldValue>) {
        if self.repeated > 0 && !self.trusted.contains_key(name) {
            self.trusted.insert(name.to_owned(), held.clone());
        }
    }

    /// Looks whether a variable was given something else after it was taken for what it held. Loops are walked once.
    pub(super) fn look_back(&mut self) {
        let trusted = std::mem::take(&mut self.trusted);
        if trusted.iter().any(|(name, before)| !self.held(name, None).0.is_subset(before)) {
            self.trouble(NotUnderstood::Dynamic);
        }
    }

    /// The programs, with their words, that a program by a variable comes to; none where that is not known.
    pub(super) fn programs(&mut self, program: &Word, args: &[Word], context: &Context) -> Option<Vec<Vec<Word>>> {
        if let Some(skipped) = all_arguments(&program.text) {
            let given = given(context, self.shifted, &self.arguments)?;
            let from = |from: usize| given.get(from..).unwrap_or_default().iter().chain(args).cloned().collect();
            let found: Vec<Vec<Word>> = (skipped..=skipped + self.shifted.by.min(MAX_TEXTS)).map(from).collect();
            let known = |argv: &Vec<Word>| argv.first().is_some_and(|first| all_arguments(&first.text).is_none());
            return found.iter().all(known).then_some(found);
        }
        let mut found = Vec::new();
        for text in self.told_as(&program.text, context, true)? {
            let unknown = |part: &str| part.contains(['$', '`', '*', '?', '[', '{', '(']);
            let words = text.split_whitespace().map(|part| Word { text: part.to_owned(), literal: !unknown(part) });
            let argv: Vec<Word> = words.chain(args.iter().cloned()).collect();
            let first = argv.first()?;
            if !(first.literal || has_name(&first.text) || argv.len() == args.len()) {
                return None;
            }
            found.push(argv);
        }
        Some(found)
    }

    /// The words of a call, with what those stand for that name the caller's own arguments.
    pub(super) fn handed_on(&mut self, args: &[Word], context: &Context) -> Vec<Word> {
        let mut found = Vec::with_capacity(args.len());
        for arg in args {
            match all_arguments(&arg.text).filter(|_| !arg.literal) {
                Some(skipped) => match given(context, self.shifted, &self.arguments) {
                    Some(given) => found.extend(given.into_iter().skip(skipped + self.shifted.by)),
                    None => found.push(arg.clone()),
                },
                None if names_argument(arg) => {
                    let told = self.told(&arg.text, context).and_then(|texts| texts.into_iter().next());
                    found.push(
                        told.map_or_else(|| arg.clone(), |text| Word { literal: !text.contains(['$', '`']), text }),
                    );
                }
                None => found.push(arg.clone()),
            }
        }
        found.truncate(MAX_ARGUMENTS);
        found
    }

    /// Walks the body of a function that is called.
    pub(super) fn body(&mut self, body: &Rc<FunctionBody>, context: &Context) {
        let own = Shifted { depth: context.depth + 1, ..Shifted::default() };
        let outer = std::mem::replace(&mut self.shifted, own);
        let FunctionBody(body, redirects) = &**body;
        self.redirected(redirects.as_ref(), context, |walk, inner| walk.compound(body, inner));
        self.shifted = outer;
    }

    /// Records a reading of a command's words, and follows it into a function.
    pub(super) fn reading(
        &mut self,
        argv: Vec<Word>,
        assignments: Vec<(String, Word)>,
        context: &Context,
        fed: &[std::ops::Range<u32>],
    ) {
        if self.commands.len() >= MAX_COMMANDS {
            return self.trouble(NotUnderstood::TooMany);
        }
        let call = argv.split_first().and_then(|(name, args)| self.called(name, args, context));
        self.emit(argv, assignments, Vec::new(), context, fed);
        if let Some((body, context)) = call {
            self.body(&body, &context);
        }
    }

    /// Assignments with what the arguments of the call hold, so that others may take them up: `local dir=$1`.
    pub(super) fn told_assignments(&mut self, assignments: &mut Vec<(String, Word)>, context: &Context) {
        let mut more = Vec::new();
        for (name, value) in assignments.iter_mut().filter(|(_, value)| names_argument(value)) {
            let mut texts = self.told(&value.text, context).unwrap_or_default().into_iter();
            let literal = |text: String| Word { literal: !text.contains(['$', '`']), text };
            if let Some(first) = texts.next() {
                *value = literal(first);
            }
            more.extend(texts.map(|text| (name.clone(), literal(text))));
        }
        assignments.append(&mut more);
    }
}

/// How many a word leaves out that stands for all arguments: `$@`, `${@:2}`.
fn all_arguments(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("${@").or_else(|| text.strip_prefix("${*"));
    match rest.and_then(|rest| rest.strip_suffix('}')) {
        Some("") => Some(0),
        Some(operator) => operator.strip_prefix(':')?.trim().parse::<usize>().ok()?.checked_sub(1),
        None => matches!(text, "$@" | "$*").then_some(0),
    }
}

/// A value, to be compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct HeldValue {
    text: String,
    literal: bool,
}

/// `"$DIR/bin/tool"`: where it lies is not known, what it is called is.
pub(super) fn has_name(program: &str) -> bool {
    let unknown = ['$', '*', '?', '[', '{', '}', '`', '(', '<'];
    program.rsplit_once('/').is_some_and(|(folder, name)| {
        folder.starts_with('$') && !folder.contains("$(") && !name.is_empty() && !name.contains(unknown)
    })
}

/// What the code is called with.
fn given(context: &Context, shifted: Shifted, arguments: &[(String, Word)]) -> Option<Vec<Word>> {
    if shifted.unsure || !arguments.is_empty() {
        return None;
    }
    let numbered = context.bound.iter().filter_map(|(name, word)| Some((name.parse::<usize>().ok()?, word)));
    let mut numbered: Vec<_> = numbered.filter(|(number, _)| *number > 0).collect();
    numbered.sort_by_key(|(number, _)| *number);
    (!numbered.is_empty()).then(|| numbered.into_iter().map(|(_, word)| word.clone()).collect())
}

fn joined(words: &[Word]) -> String {
    Word::joined(words).text
}

fn names_argument(value: &Word) -> bool {
    let names =
        value.text.match_indices('$').map(|(at, _)| Expansion::at(value.text.get(at..).unwrap_or_default()).name);
    !value.literal && names.filter(|name| !name.is_empty()).any(is_argument)
}

#[cfg(test)]
mod tests {
    use super::super::{NotUnderstood, parse_blocking};
    use super::{MAX_DEEP, MAX_DEFAULTS, MAX_TEXTS};

    /// The line is understood, and runs that.
    fn check(line: &str, expected: &str) {
        let parsed = parse_blocking(line);
        let commands: Vec<String> = parsed
            .commands
            .iter()
            .map(|command| {
                let words = std::iter::once(&command.program).chain(&command.args);
                words.map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
            })
            .collect();
        assert!(parsed.understood(), "{line}: {:?}", parsed.problem);
        assert!(commands.iter().any(|command| command == expected), "{line}: {commands:?}");
    }

    #[test]
    fn what_a_line_puts_in_a_variable_is_run() {
        for (line, expected) in [
            ("C='npm test'; $C", "npm test"),
            ("P=.venv/bin/python; $P -m x", ".venv/bin/python -m x"),
            ("B=$(pwd)/a; $B x", "$PWD/a x"),
            ("${PYTHON:-python3} x", "python3 x"),
            ("for c in 'a b' c; do $c; done", "a b"),
            ("S=; S=sudo; $S ls", "ls"),
            ("x=rn; ${x/n/m} y", "rm y"),
            ("r() { \"$@\"; }; r npm test", "npm test"),
            ("r() { shift; \"$@\"; }; r 5 npm test", "npm test"),
            ("r() { local c=$1; shift; $c x; }; r ls", "ls x"),
            ("r() { local c=$1; $c; }; r ls; r id", "id"),
            ("r() { eval \"$1\"; }; r 'ls | wc'", "wc"),
            ("C='ls | wc'; bash -c \"$C\"", "wc"),
            ("x & P=$!; trap \"kill $P\" EXIT", "kill $!"),
            ("T=$(mktemp -d); trap \"rm -rf $T\" EXIT", "rm -rf $(mktemp)"),
            ("r() { \"$@\"; }; s() { r \"$@\"; }; s ls", "ls"),
            ("C=sudo; $C ls", "ls"),
            ("C=(npm test); \"${C[@]}\"", "npm test"),
            ("J=$JAVA_HOME/bin/java; $J x", "$JAVA_HOME/bin/java x"),
            ("r() { local n=$1; \"${@:2}\"; }; r 5 ls x", "ls x"),
            ("r() { $1 x; }; s() { r \"$2\"; }; s a ls", "ls x"),
        ] {
            check(line, expected);
        }
    }

    #[test]
    fn what_may_be_something_else_is_not_understood() {
        for line in [
            "$C x",
            "${x:-rm} y",
            "C=$(a); $C x",
            "C=ls; read C < f; $C x",
            "IFS=,; c=a,b; $c",
            "r() { \"$@\"; }; r $X y",
            "r() { while a; do shift; done; \"$@\"; }; r a b",
            "r() { a && shift; \"$@\"; }; r a b",
            "r() { \"$@\"; r rm x; }; r ls",
            "C=ls; for i in 1 2; do $C; C='bash -c'; done",
            "C=ls; trap \"$C x\" EXIT; C=$(a)",
            "C=; : ${C:=$(a)}; $C x",
            "C=$1; $C x",
            "IFS=: read -ra v <<< 'rm:x'; \"${v[@]}\"",
            "C=ls; declare -n r=C; r=rm; $C x",
            "C=ls; n=C; export \"$n=rm\"; $C x",
            "C=ls; printf -v \"$n\" rm; $C x",
            "J=$JAVA_HOME/bin/java; eval \"$J x\"",
            "\"$@\"",
            "trap \"rm $X\" EXIT",
            "trap \"rm $(a)\" EXIT",
            "s() { C=$1; }; s rm; r() { $C; }; r $X; C=$Y; $C",
        ] {
            assert!(!parse_blocking(line).understood(), "{line}");
        }
        let many = |count: usize| {
            format!("for c in {}; do $c x; done", (0..count).map(|n| format!("c{n} ")).collect::<String>())
        };
        assert!(parse_blocking(&many(MAX_TEXTS)).understood());
        assert!(!parse_blocking(&many(MAX_TEXTS + 1)).understood());
        // Values of values of values.
        let spread = |count: usize| -> String {
            let values = |(own, other)| (0..count).map(move |n| format!("{own}=${other}{};", "$p".repeat(n)));
            [('a', 'b'), ('b', 'c'), ('c', 'd'), ('d', 'e')].into_iter().flat_map(values).collect()
        };
        let problem = |count: usize| parse_blocking(&format!("p=;{}e=ls;$a", spread(count))).problem;
        assert_eq!((problem(3), problem(8)), (None, Some(NotUnderstood::TooMany)));
        let deep = |count: usize| {
            let values: String = (1..=count).map(|n| format!("C{n}=$C{}; ", n - 1)).collect();
            format!("C0=ls; {values}$C{count} x")
        };
        assert!(parse_blocking(&deep(MAX_DEEP)).understood());
        assert!(!parse_blocking(&deep(MAX_DEEP + 1)).understood());
        let defaults = |count: usize| (0..count).map(|n| format!(": ${{x{n}:=a}}; ")).collect::<String>();
        assert!(parse_blocking(&defaults(MAX_DEFAULTS)).understood());
        assert!(!parse_blocking(&defaults(MAX_DEFAULTS + 1)).understood());
    }
}
