//! Whose files a command prints, for another to take: where a search goes through, what a pattern comes to.
//!
//! Owns that knowledge of programs. Decides nothing.

use super::written::start_points;
use super::{chooses, redirected, written};
use crate::gate::call::{ShellCommand, Word};
use crate::gate::options::{given, positional, scan};
use crate::gate::searchers;

/// The folders below which a command finds the files that it prints, and the patterns whose files it does.
#[must_use]
pub fn listed(command: &ShellCommand) -> Vec<Word> {
    let args = command.args.as_slice();
    let owned = |words: Vec<&Word>| words.into_iter().cloned().collect::<Vec<_>>();
    match command.name() {
        "find" => owned(start_points(args)),
        "fd" | "fdfind" => owned(searched_by_fd(args).into_iter().skip(1).collect()),
        "locate" | "plocate" | "mlocate" => vec![Word { text: "/".to_owned(), literal: true }],
        "ls" | "echo" | "printf" => {
            let whole = |word: &&Word| !word.literal && chooses(&word.text);
            let itself = command.name() == "ls" && given(&scan(args, &[]), &["-d", "--directory"]);
            let words = positional(args, &["-I", "-w", "-T"]).into_iter();
            owned(words.filter(|word| itself || whole(word)).collect())
        }
        name => match searchers::of(name).filter(|_| name.ends_with("grep") || matches!(name, "rg" | "ag" | "ack")) {
            Some(searcher) if prints_names(args) => owned(searcher.read(args).places),
            _ => Vec::new(),
        },
    }
}

/// The words of `fd` that are its own: the pattern, and where it searches.
pub(in crate::gate) fn searched_by_fd(args: &[Word]) -> Vec<&Word> {
    let valued = ["-e", "-t", "-d", "-E", "-c", "-j", "-S", "--extension", "--type", "--max-depth", "--exclude"];
    let runs = |arg: &&Word| !matches!(arg.text.as_str(), "-x" | "-X" | "--exec" | "--exec-batch");
    let own = args.iter().take_while(runs).count();
    positional(args.get(..own).unwrap_or_default(), &valued)
}

fn prints_names(args: &[Word]) -> bool {
    let names = ["-l", "-L", "--files", "--files-with-matches", "--files-without-match"];
    given(&scan(args, &["-e", "-f", "-g", "-t", "-m", "-A", "-B", "-C"]), &names)
}

/// Whether a command changes files that others name for it: by `xargs`, or by a substitution.
#[must_use]
pub fn changes_listed(command: &ShellCommand) -> bool {
    let named = |word: &Word| !word.literal && ["{}", "$()"].iter().any(|mark| word.text.starts_with(mark));
    written(command).iter().any(named) || redirected(command).any(named)
}
