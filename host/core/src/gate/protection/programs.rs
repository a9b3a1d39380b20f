//! What programs do with the paths among their arguments: list, read, read all below, or who knows what.
//!
//! Knows programs, no paths.

use super::Touch;
use crate::gate::call::{ShellCommand, Word};
use crate::gate::options::{is_cluster_with, positional};
use crate::gate::searchers;
use crate::gate::tar;
use crate::gate::targets::start_points;

/// Programs whose arguments are only spoken of.
const SPEAKERS: [&str; 4] = ["echo", "printf", "true", ":"];

/// Programs that tell files' names and sizes, never what is in them.
const LISTERS: [&str; 14] = [
    "ls", "stat", "du", "df", "test", "[", "realpath", "readlink", "basename", "dirname", "tree", "exa", "eza", "which",
];

/// Programs that read the files they are given and change none, but those that their options name (see `targets`).
const READERS: [&str; 30] = [
    "cat",
    "tac",
    "nl",
    "less",
    "more",
    "head",
    "tail",
    "grep",
    "egrep",
    "fgrep",
    "jq",
    "wc",
    "diff",
    "cmp",
    "file",
    "cut",
    "sort",
    "uniq",
    "strings",
    "base64",
    "md5sum",
    "sha256sum",
    "cp",
    "sed",
    "gsed",
    "bat",
    "tollgate",
    "find",
    "cd",
    "pushd",
];

/// Programs that read all that is below the folders they are given.
const DEEP_READERS: [&str; 16] = [
    "rg", "ag", "ack", "ugrep", "zip", "7z", "7za", "7zr", "rar", "rsync", "rclone", "borg", "restic", "cpio", "pax",
    "chroot",
];

/// Those of them that search the folder they run in unless told another.
const DEEP_SEARCHERS: [&str; 4] = ["rg", "ag", "ack", "ugrep"];

/// Subcommands of git that leave the files alone that they name.
const GIT_READERS: [&str; 15] = [
    "add",
    "diff",
    "log",
    "show",
    "status",
    "blame",
    "commit",
    "ls-files",
    "check-ignore",
    "grep",
    "ls-tree",
    "cat-file",
    "rev-parse",
    "rev-list",
    "archive",
];

/// Options of `find` that run a program or write.
const FIND_RUNS: [&str; 5] = ["-exec", "-execdir", "-ok", "-okdir", "-delete"];

/// What a command does with the paths that it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// It speaks of them, or lists them.
    Nothing,
    /// It touches them.
    Touches(Touch),
}

/// Whether a program only speaks of the files that it is given, or lists them.
pub(in crate::gate) fn tells_only(program: &str) -> bool {
    SPEAKERS.contains(&program) || LISTERS.contains(&program)
}

/// Whether a program may go through all that is below a folder that it is given: it is known to, or it is not known.
pub(in crate::gate) fn may_go_below(command: &ShellCommand) -> bool {
    matches!(reading(command.name(), command, false), Reading::Touches(Touch::ReadAll | Touch::Use))
}

/// What `program` does with its arguments; `wraps` where they are another program's, which is judged by itself.
pub(super) fn reading(program: &str, command: &ShellCommand, wraps: bool) -> Reading {
    let args = command.args.as_slice();
    if tells_only(program) || program == "find" && !runs_found(args) {
        return Reading::Nothing;
    }
    Reading::Touches(match program {
        _ if DEEP_READERS.contains(&program) => Touch::ReadAll,
        _ if wraps => Touch::Read,
        _ if tar::is_one(program) && tar::packs(&tar::items(args)) => Touch::ReadAll,
        _ if recurses(program, args) => Touch::ReadAll,
        "git" if git_reads(args) => Touch::Read,
        // What it makes is among what it writes; what is there already stays.
        "mkdir" => Touch::Read,
        _ if READERS.contains(&program) => Touch::Read,
        _ => Touch::Use,
    })
}

fn has(args: &[Word], letters: &[char], long: &[&str]) -> bool {
    args.iter().any(|arg| {
        letters.iter().any(|letter| is_cluster_with(&arg.text, *letter)) || long.contains(&arg.text.as_str())
    })
}

fn recurses(program: &str, args: &[Word]) -> bool {
    match program {
        "grep" | "egrep" | "fgrep" | "zgrep" => {
            has(args, &['r', 'R'], &["--recursive", "--dereference-recursive", "--directories=recurse"])
                || args
                    .windows(2)
                    .any(|pair| matches!(pair, [option, how] if option.text == "-d" && how.text == "recurse"))
        }
        "cp" => has(args, &['r', 'R', 'a'], &["--recursive", "--archive"]),
        "scp" | "diff" => has(args, &['r'], &["--recursive"]),
        _ => false,
    }
}

fn git_reads(args: &[Word]) -> bool {
    let words = positional(args, &["-C", "-c", "--git-dir", "--work-tree", "--namespace"]);
    let subcommand = words.first().map_or("", |word| word.text.as_str());
    GIT_READERS.contains(&subcommand) && !args.iter().any(|arg| arg.text.starts_with("--output"))
}

/// Whether a search goes through the folder that it runs in, for want of another or where an option is not known; a
/// search at the end of a pipe goes through that.
pub(super) fn searches_here(program: &str, command: &ShellCommand) -> bool {
    let deep = DEEP_SEARCHERS.contains(&program) || program.ends_with("grep") && recurses(program, &command.args);
    let here = || match searchers::of(program) {
        Some(searcher) => {
            let search = searcher.read(&command.args);
            search.places.is_empty() || !search.certain
        }
        None => true,
    };
    deep && command.reads.is_empty() && here()
}

/// Whether `find` hands what it finds to another program, or deletes it.
pub(super) fn runs_found(args: &[Word]) -> bool {
    args.iter().any(|arg| FIND_RUNS.contains(&arg.text.as_str()))
}

/// Where `find` starts.
pub(super) fn starts(args: &[Word]) -> Vec<Word> {
    let starts = start_points(args);
    if starts.is_empty() {
        return vec![Word { text: ".".to_owned(), literal: true }];
    }
    starts.into_iter().cloned().collect()
}

/// The one name that all files have which `find` finds, where it is given one and nothing that turns it round.
pub(super) fn only_name(args: &[Word]) -> Option<&str> {
    let turned = |arg: &Word| matches!(arg.text.as_str(), "-o" | "-or" | "!" | "-not" | ",");
    let mut names = args.windows(2).filter_map(|pair| match pair {
        [option, name] if matches!(option.text.as_str(), "-name" | "-iname") => Some(name.text.as_str()),
        _ => None,
    });
    let name = names.next()?;
    (names.next().is_none() && !args.iter().any(turned)).then_some(name)
}

/// The folders that a program puts where another, in a container or elsewhere, reads them.
pub(super) fn mounts(program: &str, args: &[Word]) -> Vec<Word> {
    let part = |text: &str, of: &Word| Word { text: text.to_owned(), literal: of.literal };
    let source = |value: &str, of: &Word| part(value.split(':').next().unwrap_or_default(), of);
    let mut found = Vec::new();
    match program {
        "docker" | "podman" | "nerdctl" | "systemd-nspawn" => {
            for (at, arg) in args.iter().enumerate() {
                let text = arg.text.as_str();
                if matches!(text, "-v" | "--volume" | "--mount" | "--bind") {
                    found.extend(args.get(at + 1).into_iter().flat_map(mounted));
                } else if let Some((_, value)) = text
                    .split_once('=')
                    .filter(|(option, _)| matches!(*option, "--volume" | "--mount" | "--bind" | "--bind-ro"))
                {
                    found.extend(mounted(&part(value, arg)));
                } else if let Some(value) = text.strip_prefix("-v").filter(|value| value.contains(':')) {
                    found.push(source(value, arg));
                }
            }
            if args.first().is_some_and(|arg| arg.text == "cp") {
                found.extend(args.iter().skip(1).filter(|arg| !arg.text.contains(':')).cloned());
            }
        }
        "bwrap" => {
            let binds = |arg: &Word| arg.text.starts_with('-') && arg.text.contains("bind");
            let values = args.windows(2).filter_map(|pair| pair.first().filter(|arg| binds(arg)).and(pair.get(1)));
            found.extend(values.cloned());
        }
        "mount"
            if has(args, &['B', 'R'], &["--bind", "--rbind"]) || args.iter().any(|arg| arg.text.contains("bind")) =>
        {
            found.extend(positional(args, &["-o", "-t"]).into_iter().cloned());
        }
        _ => {}
    }
    found
}

/// The sources in a mount's value: `a:b`, `type=bind,src=a,dst=b`.
fn mounted(value: &Word) -> Vec<Word> {
    let part = |text: &str| Word { text: text.to_owned(), literal: value.literal };
    let fields = value.text.split(',').filter_map(|field| field.split_once('='));
    let named: Vec<Word> =
        fields.filter(|(name, _)| matches!(*name, "src" | "source")).map(|(_, source)| part(source)).collect();
    if named.is_empty() { vec![part(value.text.split(':').next().unwrap_or_default())] } else { named }
}
