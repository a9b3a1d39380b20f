//! What a command runs that others of its line have made: a file by its name, or a substitution as its code.
//!
//! Names only, without folders: which folder a line is in by then, others know.

use super::wrappers::base_name;
use super::{interpreters, shells};
use crate::gate::call::{Redirect, RedirectKind, ShellCommand, Word};
use crate::gate::options::{given, scan, values, words};

/// The names of the files.
pub(super) fn names(command: &ShellCommand) -> Vec<String> {
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

/// Whether a substitution in its words is code that it runs: `bash -c "$(…)"`, `python3 -c "$(…)"`, `eval $(…)`.
pub(super) fn takes_code(command: &ShellCommand) -> bool {
    let name = base_name(&command.program.text);
    let is_filled = |word: &Word| word.text == "$()";
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
pub(super) fn script(command: &ShellCommand) -> Option<&Word> {
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
}
