//! What an allow must hold besides its patterns: it covers a whole command or none of it.
//!
//! A rule that stops looks for one thing in a command. One that lets through answers for everything the command
//! does: the program that runs, the files it names and writes, the variables it is given. Lexical: symlinks are
//! the sandbox's.

use super::flags::Reading;
use super::matcher::Pathglob;
use super::rule::Rule;
use super::seen::{Seen, below, parts};
use crate::gate::call::{RedirectKind, Word};
use crate::gate::paths::{lexical, spelled_out};
use crate::gate::sandbox::DEVICES;
use crate::gate::searchers;

/// Folders whose programs are what their names say.
const SYSTEM_FOLDERS: [&str; 7] =
    ["/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/opt/homebrew/bin", "/run/current-system/sw/bin"];

/// Whether `rule`, which allows and whose patterns hold, answers for all of the command.
pub(super) fn covers(rule: &Rule, seen: &Seen<'_>) -> bool {
    let command = seen.command;
    let matcher = rule.matcher.as_ref();
    let assigned = |name: &str| matcher.is_some_and(|matcher| matcher.assigns(name));
    let named = matcher.is_some_and(|matcher| matcher.names_path(seen));
    let skipped = matcher.and_then(|matcher| matcher.subcommand_of(seen, Reading::Narrow)).unwrap_or(0);
    command.program.literal
        && (named || is_trusted(&command.program.text))
        && command.assignments.iter().all(|(name, _)| assigned(name))
        && seen.folders.iter().all(|folder| is_own(seen, folder))
        && seen.writes().all(|target| writes(matcher.map_or(&[], |matcher| matcher.redirects_to()), seen, target))
        && names(rule, seen, skipped)
}

/// A program that is looked up, or lies where only the system puts one: not one that lies in the project.
fn is_trusted(program: &str) -> bool {
    match program.rsplit_once('/') {
        None => true,
        Some((folder, _)) => SYSTEM_FOLDERS.contains(&folder),
    }
}

fn is_device(text: &str) -> bool {
    DEVICES.contains(&text)
}

fn writes(globs: &[Pathglob], seen: &Seen<'_>, target: &Word) -> bool {
    is_device(&target.text) || matched(globs, seen, target)
}

/// Whether one of the globs is about the word wherever the command may run.
fn matched(globs: &[Pathglob], seen: &Seen<'_>, word: &Word) -> bool {
    globs.iter().any(|glob| glob.anything || (is_known(word) && everywhere(seen, word, |path| glob.is_match(path))))
}

/// Whether `holds` is true of the word as it is written, without its dots, or else from every folder it may mean.
fn everywhere(seen: &Seen<'_>, word: &Word, holds: impl Fn(&str) -> bool) -> bool {
    let text = spelled_out(&word.text);
    if holds(&lexical(&text)) {
        return true;
    }
    let relative = !text.starts_with(['/', '~']);
    relative && !seen.folders.is_empty() && seen.folders.iter().all(|folder| holds(&below(folder, &text)))
}

/// Whether the rule answers for every file that the command is told to use.
fn names(rule: &Rule, seen: &Seen<'_>, skipped: usize) -> bool {
    let globs = rule.matcher.as_ref().map_or(&[] as &[Pathglob], |matcher| matcher.args_glob());
    let holds = |word: &Word| {
        let by_glob = globs.is_empty() || matched(globs, seen, word);
        let patterns = &rule.path_patterns;
        let by_pattern = patterns.is_empty()
            || (is_known(word) && everywhere(seen, word, |path| patterns.iter().any(|regex| regex.is_match(path))));
        let said = !globs.is_empty() || !patterns.is_empty();
        if said { by_glob && by_pattern } else { is_home(seen, word) }
    };
    let pattern = pattern_operand(seen);
    let args = seen.command.args.iter().enumerate().skip(skipped);
    let mut args = args.filter(|(at, _)| Some(*at) != pattern).map(|(_, word)| word);
    let inputs = seen.command.redirects.iter().filter(|redirect| redirect.kind == RedirectKind::Input);
    args.all(|word| option_or(word, &holds)) && inputs.map(|redirect| &redirect.target).all(holds)
}

/// An option as such names no file; what is attached to it may.
fn option_or(word: &Word, holds: &impl Fn(&Word) -> bool) -> bool {
    if !word.text.starts_with('-') {
        return holds(word) && parts(&word.text).all(|part| holds(&part_of(word, part)));
    }
    let mut parts = parts(&word.text).peekable();
    if parts.peek().is_none() && !word.literal {
        return holds(word);
    }
    parts.all(|part| holds(&part_of(word, part)))
}

fn part_of(word: &Word, part: &str) -> Word {
    Word { text: part.to_owned(), literal: word.literal }
}

/// Whether what a word comes to is known, but for the files that a pattern in it finds.
fn is_known(word: &Word) -> bool {
    if word.literal || word.text == "<()" {
        return true;
    }
    // A number, whatever it is.
    let text =
        ["$?", "$#", "$!", "$$", "$(())"].iter().fold(word.text.clone(), |text, number| text.replace(number, ""));
    // A brace list too long to write out may hold anything.
    !text.contains(['$', '{']) && !text.split('/').any(may_be_above)
}

/// Whether a part of a pattern may come to `..`: `.*`, `.!(x)`, `..?(x)`, and every group in front, which may say the
/// dots itself or be empty before them.
fn may_be_above(part: &str) -> bool {
    const GROUPS: [&str; 4] = ["@(", "+(", "?(", "*("];
    let dots = part.trim_start_matches('.');
    let patterned = dots.starts_with(['*', '?', '[']) || ["@(", "+(", "!("].iter().any(|group| dots.starts_with(group));
    GROUPS.iter().any(|group| part.starts_with(group)) || patterned && matches!(part.len() - dots.len(), 1 | 2)
}

/// Whether a word, were it a path, would stay in the session's folders and the allowed extras.
fn is_home(seen: &Seen<'_>, word: &Word) -> bool {
    if !is_known(word) {
        return false;
    }
    let text = spelled_out(&word.text);
    if is_device(&text) {
        return true;
    }
    if text.starts_with(['/', '~']) {
        return is_own(seen, &lexical(&text));
    }
    // `src:/etc`, `a,/etc`: a list of paths; `https://x` is none.
    let listed = text.split([':', ',']).skip(1).any(|piece| piece.starts_with(['/', '~']) && !piece.starts_with("//"));
    if listed {
        return false;
    }
    !seen.folders.is_empty() && seen.folders.iter().all(|folder| is_own(seen, &below(folder, &text)))
}

fn is_own(seen: &Seen<'_>, path: &str) -> bool {
    seen.ground.roots.iter().chain(seen.ground.extras).any(|root| {
        let below = path.strip_prefix(root.trim_end_matches('/'));
        below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
    })
}

/// The position of a searcher's pattern, which only looks like a path.
fn pattern_operand(seen: &Seen<'_>) -> Option<usize> {
    let args = seen.command.args.as_slice();
    let at = searchers::of(seen.command.name())?.pattern_at(args)?;
    args.get(at)?.literal.then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_come_to_the_folder_above() {
        for part in
            ["..*", "..!(x)", "..?(x)", ".!(x)", ".*", ".?", ".[.]", ".+(.)", "?(.).", "*(.)", "@(..)", "*(x)?(y).*"]
        {
            assert!(may_be_above(part), "{part}");
        }
        for part in ["*", "x*", "?", "!(x)", "*.rs", ".claude*", "...*", "src", "x.?(y)", "[.]"] {
            assert!(!may_be_above(part), "{part}");
        }
    }
}
