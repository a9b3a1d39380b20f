//! What a shell's own commands put into variables, and which of their words they expand once more.

use super::input::{self, Input};
use super::wrappers::{Assignments, assignment};
use crate::gate::call::{ShellCommand, Word};
use crate::gate::options::{given, is_cluster_with, scan, values, words};

/// Commands that declare: their words are assignments.
const DECLARING: [&str; 5] = ["export", "declare", "typeset", "local", "readonly"];

/// Commands that fill the variables that they name with what they read or print.
const FILLING: [&str; 4] = ["read", "mapfile", "readarray", "printf"];

/// What they fill that are told no name.
const UNNAMED: [&str; 2] = ["REPLY", "MAPFILE"];

/// What fills a variable that the line does not tell: what another command prints, or a file says.
pub(super) const PRINTED: &str = "$()";

/// Whether what a command of this name puts into variables stays when it is done.
pub(super) fn keeps(program: &str) -> bool {
    program.is_empty() || DECLARING.contains(&program) || FILLING.contains(&program)
}

/// What a command assigns that stays when it is done: what stands in front of a program is for that alone.
pub(in crate::gate) fn lasting(command: &ShellCommand) -> impl Iterator<Item = &(String, Word)> {
    let program = command.program.text.as_str();
    let names = |name: &str, arg: &Word| arg.text == name || arg.text.starts_with('-') && arg.text.ends_with(name);
    let fills = move |name: &str| UNNAMED.contains(&name) || command.args.iter().any(|arg| names(name, arg));
    let lasts = move |name: &str| keeps(program) && (!FILLING.contains(&program) || fills(name));
    command.assignments.iter().filter(move |(name, _)| lasts(name))
}

/// What a command of this name puts into variables by its arguments.
pub(super) fn assigned(program: &str, args: &[Word], input: &Input<'_>) -> Assignments {
    match program {
        _ if DECLARING.contains(&program) => {
            // `declare -n r=x` makes `r` another name of `x`.
            let names = args.iter().any(|arg| is_cluster_with(&arg.text, 'n')) && program != "export";
            let named = |(name, value): (String, Word)| match names {
                true => (name, Word { text: format!("${}", value.text), literal: false }),
                false => (name, value),
            };
            args.iter().filter_map(assignment).map(named).collect()
        }
        "read" | "mapfile" | "readarray" => {
            let valued: &[&str] = match program {
                "read" => &["-a", "-d", "-i", "-n", "-N", "-p", "-t", "-u"],
                _ => &["-d", "-n", "-O", "-s", "-u", "-C", "-c"],
            };
            let items = scan(args, valued);
            if !input.is_fed() && !given(&items, &["-u"]) {
                return Vec::new();
            }
            let array = if program == "read" { values(&items, &["-a"]) } else { Vec::new() };
            let mut names: Vec<String> =
                words(&items).into_iter().chain(&array).map(|name| name.text.clone()).collect();
            if names.is_empty() {
                names.push(if program == "read" { "REPLY" } else { "MAPFILE" }.to_owned());
            }
            let read = input.code();
            let text = read.texts.into_iter().next().filter(|_| input.is_fed());
            let value = text.unwrap_or_else(|| Word { text: PRINTED.to_owned(), literal: false });
            names.into_iter().map(|name| (name, value.clone())).collect()
        }
        "printf" => {
            let items = scan(args, &["-v"]);
            let said = input::formatted(&words(&items).into_iter().cloned().collect::<Vec<_>>());
            let names = values(&items, &["-v"]);
            said.iter().flat_map(|said| names.iter().map(|name| (name.text.clone(), said.clone()))).collect()
        }
        _ => Vec::new(),
    }
}

/// The words of a command of this name that are expanded once more: an index of an array, a list of words.
pub(super) fn expanded(program: &str, args: &[Word]) -> Vec<Word> {
    let index = |arg: &&Word| arg.text.contains('[') && arg.text.contains(['$', '`']);
    match program {
        "let" | "unset" | "read" | "mapfile" | "readarray" | "test" | "[" | "getopts" | "wait" => {
            args.iter().filter(index).cloned().collect()
        }
        _ if DECLARING.contains(&program) => args.iter().filter(index).cloned().collect(),
        "printf" => values(&scan(args, &["-v"]), &["-v"]).iter().filter(index).cloned().collect(),
        "compgen" | "complete" => values(&scan(args, &["-A", "-W", "-C", "-F", "-G", "-P", "-S", "-X", "-o"]), &["-W"]),
        _ => Vec::new(),
    }
}

/// `a[$(code)]`: where such a value is taken for a number, bash expands the index.
pub(super) fn is_element(value: &str) -> bool {
    let name = value.trim_start().find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|end| *end > 0);
    let index = name.and_then(|end| value.trim_start().get(end..)).filter(|index| index.starts_with('['));
    index.is_some_and(|index| index.contains("$(") || index.contains('`'))
}

/// The words of a command of this name that are code: `mapfile -C code`, `compgen -C code`, `bind -x '"k": code'`.
pub(super) fn code(program: &str, args: &[Word]) -> Vec<Word> {
    match program {
        "mapfile" | "readarray" => values(&scan(args, &["-C", "-c", "-d", "-n", "-O", "-s", "-u"]), &["-C"]),
        "compgen" | "complete" => values(&scan(args, &["-A", "-W", "-C", "-F", "-G", "-P", "-S", "-X", "-o"]), &["-C"]),
        "bind" => {
            let bound = values(&scan(args, &["-x", "-f", "-m", "-q", "-r", "-u"]), &["-x"]);
            let code =
                |word: &Word| Some(Word { text: word.text.split_once(':')?.1.trim().to_owned(), ..word.clone() });
            bound.iter().filter_map(code).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::follow::MAX_ARGUMENTS;
    use super::super::parse_blocking;

    /// What the last command of a line is bound to, or assigned.
    fn has(line: &str, name: &str, value: &str) -> bool {
        let commands = parse_blocking(line).commands;
        let mut held = commands.iter().flat_map(|command| command.assignments.iter().chain(command.bound.iter()));
        held.any(|(own, word)| own == name && word.text == value)
    }

    #[test]
    fn what_a_shell_puts_into_variables_is_found() {
        for (line, name, value) in [
            ("printf -v x 'a%sb' c", "x", "acb"),
            ("printf -v x '%s,' a b", "x", "a,b,"),
            ("printf -v x '%5d' a", "x", "%5d a"),
            ("read x <<< a", "x", "a"),
            ("read -p no x <<< a", "x", "a"),
            ("echo a | read", "REPLY", "a"),
            ("mapfile -t x <<< a", "x", "a"),
            ("ls | mapfile", "MAPFILE", "$()"),
            ("read x < f", "x", "$()"),
            ("declare -n x=y", "x", "$y"),
            ("export x=y", "x", "y"),
            ("a=(b c)", "a", "b c"),
            ("set -- a b; ls", "2", "b"),
            ("set -e -- a; ls", "1", "a"),
            ("set a b; ls", "1", "a"),
        ] {
            assert!(has(line, name, value), "{line}: {:?}", parse_blocking(line).commands);
        }
        assert!(!has("set -euo pipefail; ls", "1", "-euo") && !has("read x", "x", "$()"));
    }

    #[test]
    fn what_a_line_gives_itself_is_bounded() {
        // Each is an argument, and all of them are two more.
        let given = |count: usize| parse_blocking(&format!("set -- {}; ls", "a ".repeat(count))).problem;
        assert!(given(MAX_ARGUMENTS).is_none());
        assert!(given(MAX_ARGUMENTS + 1).is_some());
        let values = |count: usize| format!("printf -v x '%s' {}", "a ".repeat(count));
        assert!(has(&values(64), "x", &"a".repeat(64)));
        assert!(!has(&values(65), "x", &"a".repeat(65)), "more are all words, one after another");
    }

    #[test]
    fn a_text_is_handed_on_a_few_times() {
        let copies = |count: usize| -> String {
            let copied = (0..count).map(|n| format!("cp f{n} f{}; ", n + 1)).collect::<String>();
            format!("echo 'rm x' > f0; {copied}sh f{count}")
        };
        let runs = |count: usize| parse_blocking(&copies(count)).commands.iter().any(|command| command.name() == "rm");
        assert!(runs(8));
        assert!(!runs(9));
    }
}
