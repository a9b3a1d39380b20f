//! Shells: which of their arguments is code, and when they run what they read.

use super::input::Input;
use super::wrappers::Runs;
use crate::gate::call::Word;
use crate::gate::options::is_cluster_with;

/// The shells that read code from `-c`, a here-document or a pipe.
const SHELLS: [&str; 8] = ["bash", "sh", "zsh", "dash", "ksh", "ash", "fish", "rbash"];

pub(super) fn is_one(name: &str) -> bool {
    SHELLS.contains(&name)
}

/// A file that is the standard input.
pub(super) fn is_stdin(file: &str) -> bool {
    matches!(file, "-" | "/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0")
}

/// A file that is what another command prints, or a descriptor that was opened somewhere.
pub(super) fn is_opened(file: &str) -> bool {
    file == "<()" || ["/dev/fd/", "/proc/self/fd/"].iter().any(|folder| file.starts_with(folder))
}

/// Takes what `input` holds as code.
pub(super) fn run_input(input: &Input<'_>, runs: &mut Runs) {
    runs.reads_code = true;
    let code = input.code();
    runs.unknown |= !code.sure;
    runs.code.extend(code.texts);
}

pub(super) fn runs(args: &[Word], input: &Input<'_>, runs: &mut Runs) {
    let mut rest = args;
    let (mut code, mut from_stdin) = (false, false);
    while let Some((first, tail)) = rest.split_first() {
        let text = first.text.as_str();
        if text == "--" || text == "-" {
            rest = tail;
            break;
        }
        if !text.starts_with(['-', '+']) {
            break;
        }
        code |= is_cluster_with(text, 'c');
        from_stdin |= is_cluster_with(text, 's');
        let values = if matches!(text, "--rcfile" | "--init-file") {
            runs.unknown = true;
            1
        } else if text.starts_with("--") {
            0
        } else {
            // `-euo pipefail`: each `o` of a cluster takes a word.
            text.chars().filter(|letter| matches!(letter, 'o' | 'O')).count()
        };
        rest = tail.get(values..).unwrap_or_default();
    }
    let file = rest.first().map(|file| file.text.as_str());
    if code {
        match rest.first() {
            Some(text) => runs.code.push(text.clone()),
            None => runs.unknown = true,
        }
    } else if from_stdin || file.is_none_or(is_stdin) {
        run_input(input, runs);
    } else if file.is_some_and(is_opened) {
        // Its commands are seen, what they print is not.
        runs.reads_code = true;
        runs.unknown = true;
    }
}
