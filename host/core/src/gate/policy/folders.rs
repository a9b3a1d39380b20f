//! The folders that the commands of a line may run in.
//!
//! Pure. Too many folders make rules stricter, too few would let something pass: only a `cd` that has succeeded for
//! certain leaves the folder behind it out.

use crate::gate::call::ShellCommand;
use crate::gate::paths::{lexical, spelled_out};
use crate::gate::shell::SSH_HERE;
use crate::gate::targets::{self, first_unknown};
use std::ops::Range;

/// Most folders that a line's `cd`s are followed into: each word is read in each of them. A line that goes on is asked
/// about.
pub(super) const MAX_FOLDERS: usize = 32;

/// Most folders kept of commands that run in fewer than all: with more, a command may run in any.
const MAX_OWN: usize = 256;

/// The folders of a line's commands.
pub(in crate::gate) struct Folders {
    /// Where the line may have been, in order: each command may run in those known by then.
    all: Vec<String>,
    /// Those of commands that run in fewer.
    own: Vec<String>,
    /// Of each command: the first so many of all, or some of their own.
    of: Vec<Place>,
}

#[derive(Clone)]
enum Place {
    Any(usize),
    Own(Range<usize>),
}

/// Where a `cd` leads.
enum Target {
    To(String),
    /// To where the line was before.
    Back,
    Unknown,
}

impl Folders {
    /// Follows the `cd`s of a line that may start in each of `starts`. One counts for all that follow it, in a subshell
    /// or not.
    pub fn of<'c>(commands: impl IntoIterator<Item = &'c ShellCommand>, starts: &[String]) -> Self {
        let mut folders = Self { all: starts.to_vec(), own: Vec::new(), of: Vec::new() };
        // Where the line is by now, from each start.
        let mut places: Vec<String> = if starts.is_empty() { vec![String::new()] } else { starts.to_vec() };
        let mut moves: Vec<(usize, Option<usize>, Target)> = Vec::new();
        for (index, command) in commands.into_iter().enumerate() {
            // What starts in a folder of its own, whatever the line's is.
            let starts: Vec<&str> = command.wrappers.iter().filter_map(|wrapper| start_of(wrapper)).collect();
            for start in &starts {
                folders.add(start);
            }
            let arrived = command.arrived.and_then(|at| usize::try_from(at).ok());
            let place = arrived.and_then(|at| folders.behind(at, &moves, &starts));
            folders.of.push(place.unwrap_or(Place::Any(folders.all.len())));
            let target = match command.program.text.as_str() {
                "cd" | "pushd" => target(command),
                "popd" => Target::Back,
                _ => continue,
            };
            if let Target::To(target) = &target {
                for place in &mut places {
                    let next = joined(place, target);
                    if folders.all.len() >= MAX_FOLDERS {
                        break;
                    }
                    folders.add(&next);
                    *place = next;
                }
            }
            moves.push((index, arrived, target));
        }
        folders
    }

    /// The folders of the command at `index`.
    pub fn at(&self, index: usize) -> &[String] {
        match self.of.get(index) {
            Some(Place::Any(known)) => self.all.get(..*known).unwrap_or_default(),
            Some(Place::Own(own)) => self.own.get(own.clone()).unwrap_or_default(),
            None => &[],
        }
    }

    /// Whether there are folders that nobody looked at.
    pub fn are_too_many(&self) -> bool {
        self.all.len() >= MAX_FOLDERS
    }

    fn add(&mut self, folder: &str) {
        if self.all.len() < MAX_FOLDERS && !self.all.iter().any(|known| known == folder) {
            self.all.push(folder.to_owned());
        }
    }

    /// Where the line may be behind the move of the command at `at`, which succeeded, and those after it, which may
    /// have; none where that is not known.
    fn behind(&mut self, at: usize, moves: &[(usize, Option<usize>, Target)], starts: &[&str]) -> Option<Place> {
        let from = moves.iter().position(|(index, ..)| *index == at)?;
        let (_, before, target) = moves.get(from)?;
        let mut found: Vec<String> = match target {
            Target::To(target) => self.at(at).iter().map(|folder| joined(folder, target)).collect(),
            Target::Back => self.at((*before)?).to_vec(),
            Target::Unknown => return None,
        };
        found.sort_unstable();
        found.dedup();
        for (_, _, target) in moves.get(from + 1..)? {
            let Target::To(target) = target else { return None };
            let more: Vec<String> = found.iter().map(|folder| joined(folder, target)).collect();
            found.extend(more);
            found.sort_unstable();
            found.dedup();
            if found.len() > MAX_FOLDERS {
                return None;
            }
        }
        found.extend(starts.iter().map(|start| (*start).to_owned()));
        // Many commands run behind the same move.
        if let Some(Place::Own(last)) = self.of.last()
            && self.own.get(last.clone()) == Some(&found)
        {
            return Some(Place::Own(last.clone()));
        }
        let first = self.own.len();
        if first + found.len() > MAX_OWN || found.is_empty() {
            return None;
        }
        self.own.extend(found);
        Some(Place::Own(first..self.own.len()))
    }
}

fn start_of(wrapper: &str) -> Option<&'static str> {
    match wrapper {
        "chroot" => Some("/"),
        SSH_HERE => Some("~"),
        _ => None,
    }
}

fn joined(folder: &str, target: &str) -> String {
    if target.starts_with(['/', '~']) { lexical(target) } else { lexical(&format!("{folder}/{target}")) }
}

fn target(command: &ShellCommand) -> Target {
    if command.args.iter().any(|arg| arg.text == "-") {
        return Target::Back;
    }
    let mut words = command.args.iter().filter(|arg| !arg.text.starts_with('-'));
    match words.next() {
        None if command.program.text == "pushd" => Target::Back,
        None => Target::To("~".to_owned()),
        // `pushd +2`
        Some(word) if command.program.text == "pushd" && word.text.starts_with('+') => Target::Back,
        Some(word) if word.literal => Target::To(word.text.clone()),
        // `$HOME/x`, `s*/../..`: nothing is left to choose.
        Some(word) => {
            let known =
                targets::folded(&spelled_out(&word.text)).into_iter().find(|text| first_unknown(text).is_none());
            known.map_or(Target::Unknown, Target::To)
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::*;
    use crate::gate::shell::parse_blocking;

    /// The folders of the last `x` of a line that starts in `/p`.
    fn of(line: &str) -> String {
        let commands = parse_blocking(line).commands;
        let folders = Folders::of(&commands, &["/p".to_owned()]);
        let last = commands.iter().rposition(|command| command.name() == "x").unwrap();
        folders.at(last).join(" ")
    }

    #[test]
    fn only_a_certain_move_leaves_the_folder_behind() {
        for (line, expected) in [
            ("x", "/p"),
            ("cd a; x", "/p /p/a"),
            ("cd a && x", "/p/a"),
            ("cd a && b && x", "/p/a"),
            ("cd a && cd b && x", "/p/a/b"),
            ("cd a && cd .. && x", "/p"),
            ("cd a && (x)", "/p/a"),
            ("(cd a && x)", "/p/a"),
            ("cd a && { cd b; x; }", "/p/a /p/a/b"),
            ("cd a && b | x", "/p/a"),
            ("cd a || x", "/p /p/a"),
            ("cd a && b || x", "/p /p/a"),
            ("b || cd a && x", "/p /p/a"),
            ("cd a & x", "/p /p/a"),
            ("! cd a && x", "/p /p/a"),
            ("cd a | b && x", "/p /p/a"),
            ("cd a && b; x", "/p /p/a"),
            ("cd a || exit 1; x", "/p/a"),
            ("cd a || { echo no; exit 1; }; x", "/p/a"),
            ("cd a || exit & x", "/p /p/a"),
            ("cd a || b || exit; x", "/p /p/a"),
            ("cd a || exit | b; x", "/p /p/a"),
            ("cd a && b && cd - && x", "/p"),
            ("cd $A && x", "/p"),
            ("cd a; cd $A && x", "/p /p/a"),
            ("pushd a && b && popd && x", "/p /p/a"),
            ("f() { cd b; }; cd a && f && x", "/p/a /p/a/b /p/b/a /p/b/a/b"),
            ("CDPATH=/ cd a && x", "/p /p/a"),
            ("cd a && ssh localhost x", "/p/a ~"),
            ("cd a && env -C b x", "/p/a /p/a/b"),
            ("cd /e && x", "/e"),
        ] {
            assert_eq!(of(line), expected, "{line}");
        }
    }

    #[test]
    fn too_many_places_are_all_that_there_are() {
        let moves = |count: usize| (0..count).map(|n| format!("cd /{n} && y; ")).collect::<String>();
        // Each has one of its own, as far as the bound.
        let commands = |line: &str| Folders::of(&parse_blocking(line).commands, &["/p".to_owned()]).own.len();
        assert_eq!(commands(&moves(MAX_FOLDERS)), MAX_FOLDERS);
        assert!(commands(&moves(MAX_OWN + 5)) <= MAX_OWN);
        let spread = "cd a && { cd b; cd c; cd d; cd e; cd f; cd g; x; }";
        assert!(of(spread).starts_with("/p "), "more than {MAX_FOLDERS} are all");
    }
}
