//! What a command runs or uses that others of its line have made: a file, a variable, a substitution.
//!
//! Files by their names only, without folders: which folder a line is in by then, others know.

use super::{builds, consoles, input, interpreters, languages, shells};
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
    let script = scripts(command).into_iter().filter_map(|file| Some((Made::File(called(&file.text)?), true)));
    let code = code(command).into_iter().filter_map(|word| match variables(&word.text).as_slice() {
        [name] if word.text.strip_prefix('$') == Some(name) => Some((Made::Variable((*name).to_owned()), true)),
        _ => None,
    });
    let mut found: Vec<(Made, bool)> = script.chain(code).collect();
    let reads = |kind| matches!(kind, RedirectKind::Input | RedirectKind::HereDocument);
    let inputs = command.redirects.iter().filter(|redirect| reads(redirect.kind)).map(|redirect| &redirect.target);
    for word in command.args.iter().chain(inputs) {
        let name = word.text.split(['/', '@', '=']).next_back().unwrap_or_default();
        found.extend(called(name).map(|name| (Made::File(name), false)));
        if !word.literal {
            found.extend(variables(&word.text).into_iter().map(|name| (Made::Variable(name.to_owned()), false)));
        }
    }
    found
}

/// A file by its last part, however its variables are spelled; none where that is nothing, or is known only later.
fn called(file: &str) -> Option<String> {
    let name = base_name(file.trim_end_matches('/')).replace("${", "$").replace('}', "");
    (!matches!(name.as_str(), "" | "-" | "." | ".." | "~" | "null") && !name.contains("$(")).then_some(name)
}

/// The variable that a file's name is, whatever it holds: `$name`.
pub(super) fn variable_of(made: &Made) -> Option<&str> {
    let Made::File(name) = made else { return None };
    let variable = name.strip_prefix('$')?;
    (!variable.is_empty() && variable.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')).then_some(variable)
}

/// The file that a variable's value names.
pub(super) fn file_of(value: &str) -> Option<Made> {
    called(value).filter(|name| !name.contains(['$', ' '])).map(Made::File)
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
            let named = words(&scan(&command.args, &[]));
            files.extend(named.last().map(|last| (*last).clone()));
            if named.last().is_some_and(|last| is_folder(&last.text)) {
                files.extend(named.into_iter().cloned());
            }
        }
        _ if let Some(words) = brought(command) => files.extend(words),
        "npm" | "pnpm" | "yarn" if input::package_scripts(command).is_some() => {
            files.push(Word { text: "package.json".to_owned(), literal: true });
        }
        "sed" | "gsed" => files.extend(written(command)),
        _ if languages::is_one(name) => files.extend(by_code(command)),
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
        "tee" | "sponge" | "aria2c" | "axel" | "fetch" | "lwp-download" => {
            files.extend(words(&scan(&command.args, &["-o"])).into_iter().cloned())
        }
        _ => {}
    }
    files.iter().filter_map(|file| called(&file.text)).collect()
}

/// Whether a word names a folder outright.
fn is_folder(text: &str) -> bool {
    text.ends_with('/') || matches!(text, "." | ".." | "~" | "/tmp" | "/var/tmp")
}

/// Programs that bring files from elsewhere, and the words in front of what they bring and where they put it.
#[rustfmt::skip]
const BRINGERS: [(&str, &[&str]); 18] = [
    ("scp", &[]), ("rsync", &[]), ("sftp", &[]), ("tftp", &["get"]), ("aws", &["s3", "cp"]), ("aws", &["s3", "sync"]), ("aws", &["s3", "mv"]),
    ("gsutil", &["cp"]), ("gsutil", &["rsync"]), ("gcloud", &["storage", "cp"]), ("s5cmd", &["cp"]), ("s3cmd", &["get"]), ("mc", &["cp"]),
    ("rclone", &["copy"]), ("rclone", &["copyto"]), ("docker", &["cp"]), ("podman", &["cp"]), ("kubectl", &["cp"]),
];

/// The files that a command brings from elsewhere; none where it brings nothing.
fn brought(command: &ShellCommand) -> Option<Vec<Word>> {
    let name = command.name();
    let subcommands = BRINGERS.iter().filter(|(program, _)| *program == name).map(|(_, words)| *words);
    for subcommand in subcommands {
        let words: Vec<&Word> = command.args.iter().filter(|arg| !arg.text.starts_with('-')).collect();
        let from = match subcommand {
            [] => Some(0),
            _ => words
                .windows(subcommand.len())
                .position(|pair| pair.iter().map(|word| word.text.as_str()).eq(subcommand.iter().copied())),
        };
        let Some(from) = from else { continue };
        let words = words.get(from + subcommand.len()..).unwrap_or_default();
        let is_far = |word: &&&Word| word.text.contains(':') || name == "tftp";
        let far: Vec<Word> = words.iter().filter(is_far).map(|word| (**word).clone()).collect();
        let last = words.last().filter(|last| !last.text.contains(':')).map(|last| (*last).clone());
        if far.is_empty() || last.is_none() && !matches!(name, "sftp" | "s3cmd") {
            return None;
        }
        // `host:x` is called `x` here, too.
        let plain = |word: Word| Word { text: word.text.rsplit(':').next().unwrap_or_default().to_owned(), ..word };
        return Some(far.into_iter().map(plain).chain(last).collect());
    }
    None
}

/// Functions of other languages that write a file.
const WRITERS: [&str; 7] =
    ["open", "writeFileSync", "writeFile", "appendFileSync", "file_put_contents", "Path", "Deno.writeTextFileSync"];

/// The files that code names where it may write them.
fn by_code(command: &ShellCommand) -> Vec<Word> {
    let documents = command.redirects.iter().filter(|redirect| redirect.kind == RedirectKind::HereDocument);
    let texts = command.args.iter().chain(documents.map(|redirect| &redirect.target));
    let mut found = Vec::new();
    for code in texts.filter(|code| code.text.contains('(')) {
        for (at, function) in WRITERS.iter().flat_map(|function| code.text.match_indices(function)) {
            let rest = code.text.get(at + function.len()..).unwrap_or_default();
            let named = rest.strip_prefix('(').and_then(interpreters::literal);
            found.extend(named.map(|(text, _)| Word { text, literal: code.literal }));
        }
    }
    found
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
        (_, Some(given)) => given.files.into_iter().chain(first()).chain(builds::files(name, &command.args)).collect(),
        _ if shells::is_one(name) && shells::reads_only(name, &command.args) => Vec::new(),
        _ if shells::is_one(name) => shells::script(name, &command.args).into_iter().cloned().chain(first()).collect(),
        _ if consoles::is_database(name) => consoles::files(&command.args),
        _ if builds::kind(name).is_some() || builds::is_compiler(name) => builds::files(name, &command.args),
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
