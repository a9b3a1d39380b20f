//! A line with what its variables hold where each command stands: `D=../x; rm -rf "$D"` also read as `rm -rf ../x`.
//!
//! Pure. One value after another, as the line runs, where `variables` takes all in whatever order: for checks to which a
//! value of before or of later would be a false alarm. What is not known stays a variable, and where a value may or may not
//! have been given, as in a subshell or a condition, the one before it counts as well.

use super::variables::{Budget, Filled, Values, fill_all, has_variable, is_told, names_in, replaced, words};
use crate::gate::call::{ShellCommand, Word, is_argument};
use crate::gate::options::is_cluster_with;
use crate::gate::shell::{Expansion, lasting};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Most values of one variable that are looked at; with more, none counts as told.
const MAX_GIVEN: usize = 64;

/// Most variables that those of loops may be made of; with more, none counts as told.
const MAX_LOOPED: usize = 16;

/// Wrappers whose code or words are of the shell around them. Any other may run a shell of its own, which has only what is
/// exported.
const SAME_SHELL: [&str; 13] = [
    "eval", "builtin", "command", "exec", "sudo", "env", "time", "timeout", "nice", "ionice", "nohup", "setsid",
    "stdbuf",
];

/// What a variable was given.
struct Given<'a> {
    /// None where it is made of what it held before, which no one told.
    text: Option<String>,
    /// All that it is made of was certain.
    sure: bool,
    /// Position of the first command that may not have it.
    until: usize,
    /// What runs the command that gave it.
    by: &'a [String],
}

type Held<'a> = HashMap<&'a str, Vec<Given<'a>>>;

/// Fills in every command in which a variable stands that the line has set by then.
pub(in crate::gate) fn filled_in_order(commands: &[ShellCommand]) -> Filled {
    follow(commands, |_, _| {})
}

/// The positions of the commands each of whose variables is certain to hold one of the values that the line tells.
pub(super) fn told_in_order(commands: &[ShellCommand]) -> BTreeSet<usize> {
    let mut certain = BTreeSet::new();
    let mut lost = None;
    let filled = follow(commands, |index, held| {
        let Some(command) = commands.get(index) else { return };
        let lost = lost.get_or_insert_with(|| Lost::of(commands));
        let texts = words(command).filter(|word| !word.literal);
        if texts.map(|word| word.text.as_str()).all(|text| is_certain(text, (index, command), held, lost)) {
            certain.insert(index);
        }
    });
    certain.retain(|index| !filled.of(*index).is_empty() && filled.of(*index).iter().all(is_told));
    certain
}

/// Goes through a line in order; `see` is told of each command with a variable, and what all hold in front of it.
fn follow<'a>(commands: &'a [ShellCommand], mut see: impl FnMut(usize, &Held<'a>)) -> Filled {
    let mut filled = Filled::default();
    if !commands.iter().any(has_variable) {
        return filled;
    }
    let mut left = Budget::default();
    let mut held: Held<'a> = Held::new();
    for (index, command) in commands.iter().enumerate() {
        if has_variable(command) {
            fill_all(index, command, &values_at(index, command, &held), &mut left, &mut filled);
            see(index, &held);
        }
        for (name, value) in lasting(command).filter(|(name, _)| !is_argument(name)) {
            let only = |variable: &str| match told(held.get(variable), index).as_slice() {
                [only] => only.text.as_deref(),
                _ => None,
            };
            let text = replaced(&value.text, only, &mut left);
            let text = text.filter(|text| !names_in(text).any(|own| own == name));
            let sure = text.is_some() && is_certain(&value.text, (index, command), &held, &Lost::default());
            let until = usize::try_from(command.certain_to).unwrap_or_default();
            held.entry(name).or_default().push(Given { text, sure, until, by: &command.wrappers });
        }
    }
    filled
}

/// What a variable may hold at `index`: what it was given last for certain, and what may have come after that.
fn told<'h, 'a>(given: Option<&'h Vec<Given<'a>>>, index: usize) -> Vec<&'h Given<'a>> {
    let given = given.map(Vec::as_slice).unwrap_or_default();
    let certain = given.iter().rposition(|given| given.until > index).unwrap_or_default();
    given.get(certain..).unwrap_or_default().iter().rev().collect()
}

/// What the variables of a command hold where it stands: besides what the line gave them what the loops around it put into
/// theirs, and arguments that did not move.
fn values_at<'v>(index: usize, command: &'v ShellCommand, held: &'v Held<'_>) -> Values<'v> {
    let mut values: Values<'v> = Values::new();
    for (name, value) in command.bound.iter() {
        let values = values.entry(name).or_default();
        if values.len() <= MAX_GIVEN && !values.contains(&value.text) {
            values.push(value.text.clone());
        }
    }
    values.retain(|name, values| !is_argument(name) || values.len() == 1);
    let unknown = || words(command).filter(|word| !word.literal).map(|word| word.text.as_str());
    // `${!x}`: what is held is a name.
    let indirect = unknown().any(|text| text.contains("${!"));
    let bound = command.bound.iter().map(|(_, value)| value.text.as_str());
    let mut next: Vec<&'v str> = unknown().chain(bound).flat_map(names_in).collect();
    while let Some(name) = next.pop() {
        if values.contains_key(name) {
            continue;
        }
        let mut texts: Vec<&'v String> = Vec::new();
        for text in told(held.get(name), index).into_iter().filter_map(|given| given.text.as_ref()).take(MAX_GIVEN + 1)
        {
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        if !texts.is_empty() {
            next.extend(texts.iter().flat_map(|text| names_in(text)));
            next.extend(texts.iter().filter(|_| indirect).map(|text| text.as_str()));
            values.insert(name, texts.into_iter().cloned().collect());
        }
    }
    values
}

/// Whether each variable in a text is certain to hold one of the values that the line tells, where a command stands.
fn is_certain(text: &str, (index, command): (usize, &ShellCommand), held: &Held<'_>, lost: &Lost<'_>) -> bool {
    let given = |name: &str| {
        let given = told(held.get(name), index);
        let is_ours = |given: &&Given<'_>| {
            let wrappers = command.wrappers.strip_prefix(given.by);
            given.until > index && wrappers.is_some_and(|rest| rest.iter().all(|by| SAME_SHELL.contains(&by.as_str())))
        };
        given.len() <= MAX_GIVEN
            && given.last().is_some_and(is_ours)
            && given.iter().all(|given| given.sure)
            && !lost.holds(name)
    };
    // `${!x}`: what another variable holds.
    !text.contains("${!")
        && expansions(text).all(|expansion| {
            let stands_in = expansion.operator.trim_start_matches(':').starts_with(['-', '=']);
            let name = expansion.name;
            // What is none of the line's is no value that it tells, whatever it is.
            name.is_empty()
                || is_argument(name)
                || stands_in && !held.contains_key(name)
                || is_looped(name, command, &given) && !lost.holds(name)
        })
}

/// Whether the loops around a command put nothing into a variable but what is told, by themselves or by what is given.
fn is_looped(name: &str, command: &ShellCommand, given: &impl Fn(&str) -> bool) -> bool {
    let mut seen = BTreeSet::from([name]);
    let mut next = vec![name];
    while let Some(name) = next.pop() {
        let mut values = command.bound.iter().filter(|(own, _)| own == name).map(|(_, value)| value).peekable();
        if values.peek().is_none() && !given(name) {
            return false;
        }
        next.extend(
            values
                .filter(|value| !value.literal)
                .flat_map(|value| names_in(&value.text))
                .filter(|name| seen.insert(name)),
        );
        if seen.len() > MAX_LOOPED {
            return false;
        }
    }
    true
}

/// Variables that may hold something at some time that the line does not tell, or nothing: what a loop or a trap does later
/// counts for what stands in front of it.
#[derive(Default)]
struct Lost<'a> {
    names: BTreeSet<&'a str>,
    /// Nobody knows which.
    all: bool,
}

impl<'a> Lost<'a> {
    fn of(commands: &'a [ShellCommand]) -> Self {
        let mut lost = Self::default();
        for command in commands {
            lost.note(command);
        }
        let mut values: Vec<&'a (String, Word)> = commands.iter().flat_map(lasting).collect();
        let mut last: Option<&'a Arc<[(String, Word)]>> = None;
        for bound in commands.iter().map(|command| &command.bound) {
            // The commands of one loop share what it binds.
            if !last.is_some_and(|last| Arc::ptr_eq(last, bound)) {
                values.extend(bound.iter());
            }
            last = Some(bound);
        }
        let named: BTreeSet<&str> = values.iter().map(|(name, _)| name.as_str()).collect();
        loop {
            let before = lost.names.len();
            for (name, value) in values.iter().filter(|(_, value)| !value.literal) {
                let is_told = |expansion: Expansion<'_>| {
                    named.contains(expansion.name) && !is_argument(expansion.name) && !lost.holds(expansion.name)
                };
                if value.text.contains('`') || !expansions(&value.text).all(is_told) {
                    lost.names.insert(name);
                }
            }
            if lost.names.len() == before {
                return lost;
            }
        }
    }

    /// Notes what a command takes away, or reads.
    fn note(&mut self, command: &'a ShellCommand) {
        let program = command.program.text.as_str();
        let declares = matches!(program, "declare" | "typeset" | "local");
        let takes = declares || matches!(program, "unset" | "read" | "mapfile" | "readarray" | "getopts");
        if !takes && !matches!(program, "export" | "readonly" | "printf") {
            return;
        }
        let is_unsure =
            |arg: &Word| !arg.literal && arg.text.split('=').next().unwrap_or_default().contains(['$', '`']);
        // Another name of some variable.
        let renames = declares && command.args.iter().any(|arg| is_cluster_with(&arg.text, 'n'));
        self.all |= renames || program != "printf" && command.args.iter().any(is_unsure);
        if takes {
            let names = command.args.iter().map(|arg| arg.text.as_str());
            self.names.extend(names.filter(|name| !name.contains('=')));
        }
    }

    fn holds(&self, name: &str) -> bool {
        self.all || self.names.contains(name)
    }
}

fn expansions(text: &str) -> impl Iterator<Item = Expansion<'_>> {
    text.match_indices('$').map(|(at, _)| Expansion::at(text.get(at..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::shell::parse_blocking;

    /// The last command of `line` in its other readings.
    fn check(line: &str, expected: &[&str]) {
        let commands = parse_blocking(line).commands;
        let filled = filled_in_order(&commands);
        let one = |command: &ShellCommand| {
            let words = std::iter::once(&command.program).chain(&command.args);
            words.map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
        };
        let last = commands.iter().rposition(|command| !command.maybe).unwrap_or_default();
        let found: Vec<String> = filled.of(last).iter().map(one).collect();
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn a_variable_holds_what_was_put_in_it_last() {
        check("D=../x; rm $D", &["rm ../x"]);
        check("D=a; D=b; rm $D", &["rm b"]);
        check("D=a; rm $D; D=b", &[]);
        check("D=a; D=$D/b; rm $D", &["rm a/b"]);
        check("D=$D/b; rm $D", &[]);
        check("D=${D%/}/b; rm $D", &[]);
        check("D=a x; rm $D", &[]);
        check("export D=a; rm $D", &["rm a"]);
        check("for d in ../a ../b; do rm $d; done", &["rm ../a", "rm ../b"]);
        check("A=b; D=$A/c; A=x; rm $D", &["rm b/c"]);
        check("rm $D", &[]);
        check("f() { rm $1; }; f ../x", &["rm ../x"]);
        check("f() { d=$1; shift; rm $d; }; f a ../x", &["rm a"]);
        check("f() { shift; rm $1; }; f a ../x", &[]);
        check("H=$HOME/x; rm $H", &["rm $HOME/x"]);
        check("D=a; read D <<< \"$(x)\"; rm $D", &["rm $()"]);
    }

    #[test]
    fn what_may_not_have_been_given_hides_nothing() {
        check("D=a; (D=b; rm $D)", &["rm b"]);
        check("D=a; (D=b); rm $D", &["rm b", "rm a"]);
        check("D=a; x && D=b; rm $D", &["rm b", "rm a"]);
        check("D=a; x && D=b && rm $D", &["rm b"]);
        check("if x; then D=a; else D=b; fi; rm $D", &["rm b", "rm a"]);
        check("D=a; x || D=b; rm $D", &["rm b", "rm a"]);
        check("D=a; D=b & rm $D", &["rm b", "rm a"]);
        check("D=a; D=b | x; rm $D", &["rm b", "rm a"]);
    }

    #[test]
    fn only_what_certainly_holds_a_value_of_the_line_is_told() {
        let is_told = |line: &str| {
            let commands = parse_blocking(line).commands;
            let at = commands.iter().rposition(|command| command.name() == "rm");
            at.is_some_and(|at| told_in_order(&commands).contains(&at))
        };
        for line in [
            "D=b; rm $D/",
            "D=b\nrm $D/",
            "D=b && rm $D/",
            "x && D=b && rm $D/",
            "D=b && x; rm $D/",
            "export D=b; rm $D/",
            "D=b; E=$D/c; rm $E/",
            "D=b; (rm $D/)",
            "(D=b; rm $D/)",
            "D=b; (D=c); rm $D/",
            "D=b; if x; then rm $D/; fi",
            "D=b; sudo rm $D/",
            "D=b; x | rm $D/",
            "D=b; f() { rm $D/; }; f",
            "bash -c 'D=b; rm $D/'",
            "for d in a b; do rm $d/; done",
            "for d in a b; do for e in $d/x; do rm $e/; done; done",
            "D=b; unset E; rm $D/",
            "rm ${D:-b}/",
            "printf -v D %s b; rm $D/",
            "a=(b c); rm ${a[0]}/",
        ] {
            assert!(is_told(line), "{line}");
        }
        for line in [
            "rm $D/",
            "(D=b); rm $D/",
            "x && D=b; rm $D/",
            "x || D=b; rm $D/",
            "x && D=b || rm $D/",
            "D=b & rm $D/",
            "D=b && x & rm $D/",
            "D=b | x; rm $D/",
            "x $(D=b); rm $D/",
            "f() { D=b; }; rm $D/",
            "if x; then D=b; fi; rm $D/",
            "while x; do D=b; done; rm $D/",
            "case x in y) D=b;; esac; rm $D/",
            "D=b x; rm $D/",
            "D=b; unset D; rm $D/",
            "D=b; n=D; unset $n; rm $D/",
            "D=b; for i in 1 2; do rm $D/; unset D; done",
            "D=b; for i in 1 2; do rm $D/; D=$(x); done",
            "E=b; for i in 1 2; do D=$E; rm $D/; E=$(x); done",
            "echo b | read D; rm $D/",
            "D=b; read D; rm $D/",
            "(E=b); D=$E; rm $D/",
            "D=b; f() { local D; rm $D/; }; f",
            "D=b; declare -n r=D; unset r; rm $D/",
            "D=b; bash -c 'rm $D/'",
            "D=b; ssh h 'rm $D/'",
            "rm ${D:+b}/",
            "n=D; (D=b); rm ${!n}/",
            "for d in a; do unset d; rm $d/; done",
        ] {
            assert!(!is_told(line), "{line}");
        }
        // The loop's own variable is one of them.
        let looped = |count: usize| {
            let names = (0..count).map(|n| format!("v{n}=a; ")).collect::<String>();
            let values = (0..count).map(|n| format!(" $v{n}")).collect::<String>();
            format!("{names}for d in{values}; do rm $d/; done")
        };
        assert!(is_told(&looped(MAX_LOOPED - 1)));
        assert!(!is_told(&looped(MAX_LOOPED)));
        let given = |count: usize| (0..count).map(|n| format!("x && D={n}; ")).collect::<String>();
        assert!(is_told(&format!("D=a; {}rm $D/", given(MAX_GIVEN - 1))));
        assert!(!is_told(&format!("D=a; {}rm $D/", given(MAX_GIVEN))));
    }
}
