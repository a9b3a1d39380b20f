//! Lines that change what they find: the agents' settings by a search for them, our program by a look-up.
//!
//! Owns what a search may come to. What a command changes is `targets`' knowledge.

use super::daemon::{self, NAME};
use super::environment::Readings;
use super::settings;
use super::wildcards::Wild;
use super::{Protected, is_run_by};
use crate::gate::call::{ShellCommand, Word, reached};
use crate::gate::options::{given, scan, values};
use crate::gate::paths::{self, Look, resolve};
use crate::gate::policy::Folders;
use crate::gate::searchers;
use crate::gate::targets::{self, redirected, start_points, written};
use std::cell::LazyCell;
use std::path::PathBuf;

/// What a command finds, and hands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// Our program's file.
    Program,
    /// A settings file, which it says, or which says our name.
    Settings,
    /// Perhaps a settings file, among others.
    Others { there: bool },
}

/// Options of `find` that say the names of what it finds.
const NAMES: [&str; 2] = ["-name", "-iname"];
const PATHS: [&str; 6] = ["-path", "-ipath", "-wholename", "-iwholename", "-regex", "-iregex"];

/// Programs that take what they are given away.
const DELETERS: [&str; 8] = ["rm", "unlink", "shred", "mv", "truncate", "trash", "srm", "rimraf"];

impl Protected<'_> {
    /// Refuses a line that changes what it finds, where that may be ours.
    pub(super) fn searched(&self, folders: &Folders, readings: &Readings) -> Result<(), String> {
        let all = &self.call.commands;
        let takers = LazyCell::new(|| {
            let taker = |(at, command)| Taker::of(command, readings.of_command(at));
            all.iter().enumerate().map(taker).collect::<Vec<_>>()
        });
        for (index, finder) in all.iter().enumerate().filter(|(_, finder)| !targets::runs_elsewhere(finder)) {
            let Some(found) = self.finds(finder, folders.at(index)) else { continue };
            let takes_itself = finder.name() == "find" && finder.args.iter().any(|arg| arg.text == "-delete");
            let reached = reached(all, index);
            let takes = |(at, command): (usize, &ShellCommand)| {
                let is_fed = || reached.holds(at) || at > index && is_run_by(command, finder);
                at != index && takers.get(at).is_some_and(|taker| taker.by_text || taker.by_mark && is_fed())
            };
            let changes = |command: &ShellCommand| match found {
                Found::Program | Found::Settings => true,
                Found::Others { there } => {
                    there && DELETERS.contains(&command.name())
                        || command.args.iter().any(|arg| arg.text.contains(NAME))
                }
            };
            let mut takers = all.iter().enumerate().filter(|taker| takes(*taker)).map(|(_, command)| command);
            let itself = takes_itself && (found == Found::Settings || found == Found::Others { there: true });
            if itself || takers.any(changes) {
                return Err(match found {
                    Found::Program => "this would change Tollgate's own program; a person can, in a shell of their own",
                    _ => "this may change the hooks that ask Tollgate; a person changes them, or `tollgate hooks`",
                }
                .to_owned());
            }
        }
        Ok(())
    }

    fn finds(&self, finder: &ShellCommand, folders: &[String]) -> Option<Found> {
        match finder.name() {
            _ if daemon::looks_us_up(finder) => Some(Found::Program),
            "find" => self.found_by_name(finder, folders),
            "fd" | "fdfind" => self.found_by_pattern(finder, folders),
            "ls" | "echo" | "printf" | "realpath" | "readlink" => {
                let named = |arg: &&Word| !arg.text.starts_with('-') && self.names_settings(arg, folders);
                finder.args.iter().find(named).map(|_| Found::Settings)
            }
            _ => self.found_by_text(finder, folders),
        }
    }

    /// Whether a word names settings, or a pattern in their folder may come to them.
    fn names_settings(&self, word: &Word, folders: &[String]) -> bool {
        let text = word.text.trim_end_matches('/');
        let (folder, name) = text.rsplit_once('/').unwrap_or(("", text));
        let named = |folder: &str| {
            let own = folder.rsplit('/').next().unwrap_or_default();
            settings::is_file(own, name) || !word.literal && settings::may_match(own, &Wild::of(name), false)
        };
        settings::is_one_of(name)
            || if folder.is_empty() { folders.iter().any(|in_it| named(in_it)) } else { named(folder) }
    }

    /// `find . -name 'settings*.json'`.
    fn found_by_name(&self, finder: &ShellCommand, folders: &[String]) -> Option<Found> {
        let said = |options: &[&str]| -> Vec<&str> {
            let pairs = finder.args.windows(2).filter_map(|pair| match pair {
                [option, value] if options.contains(&option.text.as_str()) => Some(value.text.as_str()),
                _ => None,
            });
            pairs.collect()
        };
        let (names, paths) = (said(&NAMES), said(&PATHS));
        let either = finder.args.iter().any(|arg| matches!(arg.text.as_str(), "-o" | "-or" | "!" | "-not" | ","));
        let tests: Vec<Option<bool>> = names
            .iter()
            .map(|name| settings::by_name(name))
            .chain(paths.iter().map(|path| settings::by_path(path)))
            .collect();
        let may_be = if either {
            tests.is_empty() || tests.iter().any(Option::is_some)
        } else {
            tests.iter().all(Option::is_some)
        };
        if !may_be {
            return None;
        }
        let said = tests.iter().flatten().any(|said| *said);
        let starts = start_points(&finder.args);
        let deepest = said_number(&finder.args, "-maxdepth");
        self.below(starts, folders, deepest, said, !tests.is_empty())
    }

    /// `fd -H settings`.
    fn found_by_pattern(&self, finder: &ShellCommand, folders: &[String]) -> Option<Found> {
        if !given(&scan(&finder.args, &[]), &["-H", "-u", "--hidden", "--unrestricted"]) {
            return None;
        }
        let words = targets::searched_by_fd(&finder.args);
        let (pattern, places) = words.split_first()?;
        let said = settings::by_letters(&pattern.text)?;
        self.below(places.to_vec(), folders, None, said, true)
    }

    /// `grep -rl tollgate .`, `rg -l --hidden tollgate`.
    fn found_by_text(&self, finder: &ShellCommand, folders: &[String]) -> Option<Found> {
        let (name, args) = match (finder.name(), finder.args.split_first()) {
            ("git", Some((first, rest))) if first.text == "grep" => ("grep", rest),
            (name, _) => (name, finder.args.as_slice()),
        };
        let searcher = searchers::of(name).filter(|_| name.ends_with("grep") || matches!(name, "rg" | "ag" | "ack"))?;
        let items = scan(args, &["-e", "-f", "-A", "-B", "-C", "-m", "-g", "-t", "--include", "--glob", "--type"]);
        let lists = given(&items, &["-l", "--files-with-matches", "-L", "--files-without-match"]);
        let hidden = ["-H", "-u", "-.", "--hidden", "--unrestricted", "-a"];
        let recurses = if name.ends_with("grep") {
            finder.name() == "git" || given(&items, &["-r", "-R", "--recursive", "--dereference-recursive"])
        } else {
            given(&items, &hidden)
        };
        let kinds = values(&items, &["--include", "-g", "--glob"]);
        let other = !kinds.is_empty() && !kinds.iter().any(|kind| settings::by_name(&kind.text).is_some());
        let search = searcher.read(args);
        let means_us = |pattern: &Word| !pattern.literal || daemon::matches_us(&pattern.text, true);
        if !lists || !recurses || other || !search.patterns.iter().any(means_us) {
            return None;
        }
        self.below(search.places, folders, None, true, true)
    }

    /// What is found below these folders, or where the line is; none where no settings lie there. `said`: they are
    /// meant; `named`: something of what is found is said.
    fn below(
        &self,
        starts: Vec<&Word>,
        folders: &[String],
        deepest: Option<usize>,
        said: bool,
        named: bool,
    ) -> Option<Found> {
        let here = Word { text: ".".to_owned(), literal: true };
        let starts = if starts.is_empty() { vec![&here] } else { starts };
        let own = self.call.roots.iter().cloned().chain(self.paths.home());
        let lines = folders.iter().map(|folder| paths::folder(self.paths, folder));
        let bases: Vec<PathBuf> = own.chain(lines).collect();
        let places: Vec<PathBuf> = starts
            .into_iter()
            .filter_map(targets::known_path)
            .flat_map(|start| {
                let from = folders.iter().map(|folder| paths::folder(self.paths, folder)).collect::<Vec<_>>();
                from.into_iter().filter_map(move |folder| resolve(self.paths, &folder, &start).ok())
            })
            .collect();
        let holds = |base: &PathBuf| {
            places.iter().any(|place| match base.strip_prefix(place) {
                // Two more: the settings' folder, and the file.
                Ok(between) => deepest.is_none_or(|deepest| deepest >= between.components().count() + 2),
                Err(_) => settings::is_one(place),
            })
        };
        let held: Vec<&PathBuf> = bases.iter().filter(|base| holds(base)).collect();
        if held.is_empty() {
            return None;
        }
        if said {
            return Some(Found::Settings);
        }
        let there = |base: &&PathBuf| settings::folders().any(|own| self.paths.look(&base.join(own)) != Look::Missing);
        Some(Found::Others { there: named && held.iter().any(there) })
    }
}

fn said_number(args: &[Word], option: &str) -> Option<usize> {
    args.windows(2).find_map(|pair| match pair {
        [name, value] if name.text == option => value.text.parse().ok(),
        _ => None,
    })
}

/// How a command may change what another one finds.
struct Taker {
    /// Where it is run with it, or fed with it.
    by_mark: bool,
    /// As a word of it is what the other printed.
    by_text: bool,
}

impl Taker {
    fn of(command: &ShellCommand, readings: &[ShellCommand]) -> Self {
        let changed = |command: &ShellCommand, marks: &[&str]| {
            let mut words = redirected(command).cloned().chain(written(command));
            words.any(|word| !word.literal && marks.iter().any(|mark| word.text.contains(mark)))
        };
        let by_text = std::iter::once(command).chain(readings).any(|reading| changed(reading, &["$()"]));
        Self { by_mark: changed(command, &["{}", "$"]), by_text }
    }
}
