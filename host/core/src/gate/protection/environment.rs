//! What the variables mean that name the home: `$TOLLGATE_HOME`, and `$XDG_STATE_HOME`, its parent.
//!
//! Their values are the daemon's own, whatever a line says of them besides. Knows no places and no programs.

use super::places::Roots;
use crate::gate::call::{ShellCommand, Word};
use crate::gate::policy::{Filled, filled_in};
use std::path::Path;

/// The home's variable, and that of the folder that it lies in.
const HOME: &str = "TOLLGATE_HOME";
const STATE: &str = "XDG_STATE_HOME";

/// What the home is called in the folder that [`STATE`] names.
const NAME: &str = "/tollgate";

/// Other readings of a line's commands: with what the line puts into its variables, and what these two hold.
pub(super) struct Readings {
    filled: Filled,
    /// How many commands stand in front of the line's own.
    before: usize,
}

impl Readings {
    pub fn of(commands: &[ShellCommand], home: Option<&Roots>) -> Self {
        let names_us = |command: &ShellCommand| {
            words(command).any(|word| !word.literal && (word.text.contains(HOME) || word.text.contains(STATE)))
        };
        let Some(home) = home.filter(|_| commands.iter().any(names_us)) else {
            return Self { filled: filled_in(commands), before: 0 };
        };
        let path = |path: &Path| Word { text: path.to_string_lossy().into_owned(), literal: true };
        let mut assignments = vec![(HOME.to_owned(), path(&home.home))];
        if let Some(parent) = home.home.parent().filter(|_| home.home.ends_with(NAME.trim_start_matches('/'))) {
            assignments.push((STATE.to_owned(), path(parent)));
        }
        let known = ShellCommand { assignments, ..ShellCommand::default() };
        let all: Vec<ShellCommand> = [known].into_iter().chain(commands.iter().map(by_first_name)).collect();
        Self { filled: filled_in(&all), before: 1 }
    }

    /// Those of the command at `index`.
    pub fn of_command(&self, index: usize) -> &[ShellCommand] {
        self.filled.of(index + self.before)
    }

    /// The commands, each as it is read first.
    pub fn first<'c>(&'c self, commands: &'c [ShellCommand]) -> impl Iterator<Item = &'c ShellCommand> {
        let commands = commands.iter().enumerate();
        commands.map(|(index, command)| self.of_command(index).first().unwrap_or(command))
    }
}

fn words(command: &ShellCommand) -> impl Iterator<Item = &Word> {
    let targets = command.redirects.iter().map(|redirect| &redirect.target);
    let values = command.assignments.iter().map(|(_, value)| value);
    command.args.iter().chain(targets).chain(values)
}

/// The command with `$XDG_STATE_HOME/tollgate`, which is the home wherever that lies, as `$TOLLGATE_HOME`.
fn by_first_name(command: &ShellCommand) -> ShellCommand {
    let mut named = command.clone();
    let targets = named.redirects.iter_mut().map(|redirect| &mut redirect.target);
    let values = named.assignments.iter_mut().map(|(_, value)| value);
    for word in named.args.iter_mut().chain(targets).chain(values).filter(|word| !word.literal) {
        if let Some(text) = renamed(&word.text) {
            word.text = text;
        }
    }
    named
}

fn renamed(text: &str) -> Option<String> {
    let at = text.find(STATE)?;
    let (before, after) = (text.get(..at)?, text.get(at + STATE.len()..)?);
    let (before, after) = match before.strip_suffix("${") {
        // `${XDG_STATE_HOME:-$HOME/.local/state}` with whatever stands in for it.
        Some(before) => (before, after.get(closing(after)?..)?),
        None => (before.strip_suffix('$')?, after),
    };
    let rest = after.strip_prefix(NAME).filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
    Some(format!("{before}${{{HOME}}}{rest}"))
}

/// Where the text goes on behind the brace that closes it.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1_usize;
    let end = text.char_indices().find(|(_, c)| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    end.map(|(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_name_is_the_first() {
        for (text, expected) in [
            ("$XDG_STATE_HOME/tollgate", Some("${TOLLGATE_HOME}")),
            ("${XDG_STATE_HOME}/tollgate/token", Some("${TOLLGATE_HOME}/token")),
            ("${XDG_STATE_HOME:-${HOME}/.local/state}/tollgate/", Some("${TOLLGATE_HOME}/")),
            ("--to=$XDG_STATE_HOME/tollgate", Some("--to=${TOLLGATE_HOME}")),
            ("$XDG_STATE_HOME/tollgates", None),
            ("$XDG_STATE_HOME", None),
            ("XDG_STATE_HOME/tollgate", None),
            ("${XDG_STATE_HOME", None),
        ] {
            assert_eq!(renamed(text).as_deref(), expected, "{text}");
        }
    }
}
