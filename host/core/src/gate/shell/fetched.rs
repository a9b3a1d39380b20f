//! What a command runs or uses that others of its line have made: a file, a variable, a substitution.
//!
//! Files by their names only, without folders: which folder a line is in by then, others know.

use super::wrappers::base_name;
use super::{interpreters, shells};
use crate::gate::call::{Redirect, RedirectKind, ShellCommand, Word};
use crate::gate::options::{given, scan, values, words};

/// Something that a command makes and a later one may take up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Made {
    /// A file of that name.
    File(String),
    /// A variable that holds what a substitution printed.
    Variable(String),
}

/// Whether a program of this name runs what it reads.
pub(super) fn is_interpreter(name: &str) -> bool {
    shells::is_one(name) || interpreters::is_one(name)
}

/// What a command makes.
pub(super) fn made(command: &ShellCommand) -> Vec<Made> {
    let printed = command.assignments.iter().filter(|(_, value)| value.text.contains("$()"));
    let variables = printed.map(|(name, _)| Made::Variable(name.clone()));
    names(command).into_iter().map(Made::File).chain(variables).collect()
}

/// Whether a command runs it: as a script, or as its code.
pub(super) fn runs(command: &ShellCommand, made: &Made) -> bool {
    match made {
        Made::File(name) => script(command).is_some_and(|file| base_name(&file.text) == name),
        Made::Variable(name) => takes_code(command, &format!("${name}")),
    }
}

/// Whether it stands in its words: `-d @file`, `--data=$x`.
pub(super) fn uses(command: &ShellCommand, made: &Made) -> bool {
    let inputs = command
        .redirects
        .iter()
        .filter(|redirect| matches!(redirect.kind, RedirectKind::Input | RedirectKind::HereDocument));
    let mut words = command.args.iter().chain(inputs.map(|redirect| &redirect.target));
    match made {
        Made::File(name) => words.any(|word| word.text.split(['/', '@', '=']).next_back() == Some(name)),
        Made::Variable(name) => words.any(|word| !word.literal && holds(&word.text, name)),
    }
}

/// Whether `$name` or `${name…}` stands in a text.
fn holds(text: &str, name: &str) -> bool {
    text.split('$').skip(1).any(|part| {
        let after = part.strip_prefix('{').unwrap_or(part).strip_prefix(name);
        after.is_some_and(|after| !after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
    })
}

fn names(command: &ShellCommand) -> Vec<String> {
    let writes = |kind| matches!(kind, RedirectKind::Output | RedirectKind::Append);
    let redirected = command.redirects.iter().filter(|redirect| writes(redirect.kind)).map(|redirect| &redirect.target);
    let mut files: Vec<Word> = redirected.cloned().collect();
    match base_name(&command.program.text) {
        "curl" => {
            let items =
                scan(&command.args, &["-o", "--output", "-H", "-d", "-X", "-u", "-A", "-e", "-b", "-c", "-m", "-w"]);
            files.extend(values(&items, &["-o", "--output"]));
            if given(&items, &["-O", "--remote-name", "--remote-name-all"]) {
                files.extend(words(&items).into_iter().map(of_address));
            }
        }
        "wget" => {
            let items = scan(&command.args, &["-O", "--output-document", "-P", "--directory-prefix", "-o", "-t", "-T"]);
            let named = values(&items, &["-O", "--output-document"]);
            if named.is_empty() {
                files.extend(words(&items).into_iter().map(of_address));
            }
            files.extend(named);
        }
        "cp" | "mv" | "install" | "ln" => {
            files.extend(words(&scan(&command.args, &[])).into_iter().next_back().cloned())
        }
        "tee" | "aria2c" | "fetch" => files.extend(words(&scan(&command.args, &["-o"])).into_iter().cloned()),
        _ => {}
    }
    let names = files.iter().filter(|file| !file.text.contains('$')).map(|file| base_name(&file.text).to_owned());
    names.filter(|name| !name.is_empty() && name != "-" && name != "null").collect()
}

/// The last part of an address, without its question.
fn of_address(address: &Word) -> Word {
    let path = address.text.split(['?', '#']).next().unwrap_or_default();
    Word { text: base_name(path).to_owned(), literal: address.literal }
}

/// Whether a word is code that it runs: `bash -c "$(…)"`, `python3 -c "$x"`, `eval $(…)`.
pub(super) fn takes_code(command: &ShellCommand, text: &str) -> bool {
    let name = base_name(&command.program.text);
    let is_filled = |word: &Word| word.text == text;
    match name {
        "eval" => command.args.iter().any(is_filled),
        _ if shells::is_one(name) || interpreters::is_one(name) => {
            let from = |document: &Redirect| document.kind == RedirectKind::HereDocument && is_filled(&document.target);
            let pairs = command.args.iter().zip(command.args.iter().skip(1));
            let mut code =
                pairs.filter(|(flag, _)| flag.text.starts_with('-') && flag.text.ends_with(['c', 'e', 'E', 'r', 'p']));
            code.any(|(_, code)| is_filled(code)) || command.redirects.iter().any(from)
        }
        _ => false,
    }
}

/// The file that a command runs: itself by a path, or a shell's or an interpreter's script.
fn script(command: &ShellCommand) -> Option<&Word> {
    let name = base_name(&command.program.text);
    let first = || command.args.iter().find(|arg| !arg.text.starts_with(['-', '+']));
    let file = match name {
        "source" | "." => command.args.first(),
        _ if shells::is_one(name) || interpreters::is_one(name) => first(),
        _ if command.program.text.contains('/') => Some(&command.program),
        _ => None,
    };
    file.filter(|file| file.literal)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::super::parse_blocking;
    use super::*;

    #[test]
    fn what_is_fetched_has_a_name() {
        for (line, expected) in [
            ("curl -so /tmp/i.sh https://x/y", "i.sh"),
            ("curl -fsSLO https://x/y/i.sh?v=1", "i.sh"),
            ("curl https://x/y", ""),
            ("wget https://x/i.sh", "i.sh"),
            ("wget -qO- https://x/i.sh", ""),
            ("wget -O a https://x/i.sh", "a"),
            ("base64 -d x > b", "b"),
            ("tee -a log", "log"),
            ("ls > /dev/null", ""),
        ] {
            let commands = parse_blocking(line).commands;
            let found: Vec<String> = commands.iter().flat_map(names).collect();
            assert_eq!(found.join(" "), expected, "{line}");
        }
    }

    /// Whether the last command runs (`r`) or uses (`u`) what the first one makes.
    fn check(line: &str, expected: &str) {
        let commands = parse_blocking(line).commands;
        let (first, last) = (commands.first().unwrap(), commands.last().unwrap());
        let made = made(first);
        let found: String = made
            .iter()
            .map(|made| match (runs(last, made), uses(last, made)) {
                (true, _) => 'r',
                (false, true) => 'u',
                (false, false) => '-',
            })
            .collect();
        assert_eq!(found, expected, "{line}: {made:?}");
    }

    #[test]
    fn what_was_made_is_found_again() {
        check("curl -o /tmp/i x; sh /tmp/i", "r");
        check("curl -O https://x/i; ./i", "r");
        check("curl -O https://x/i; cat i", "u");
        check("curl -O https://x/i; curl -d @i y", "u");
        check("curl -O https://x/i; curl -T y < i", "u");
        check("cp a b; curl -F f=@b y", "u");
        check("curl -O https://x/i; ls", "-");
        check("curl -O https://x/i; sh other.sh", "-");
        check("export a=1; ls $a", "");
    }

    #[test]
    fn variables_of_substitutions_are_followed() {
        for (line, expected) in [("x=$(a); eval \"$x\"", 'r'), ("x=$(a); b ${x%y}", 'u'), ("x=$(a); b $xy", '-')] {
            let commands = parse_blocking(line).commands;
            let last = commands.iter().find(|command| matches!(&*command.program.text, "eval" | "b")).unwrap();
            let made = Made::Variable("x".to_owned());
            assert_eq!(runs(last, &made), expected == 'r', "{line}");
            assert_eq!(uses(last, &made), expected != '-', "{line}");
        }
    }
}
