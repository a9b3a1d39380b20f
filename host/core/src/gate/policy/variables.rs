//! A line with its own variables filled in: `D=/; rm -rf $D` also read as `rm -rf /`.
//!
//! Pure, and only ever one more reading for rules that stop: what a variable holds when the command runs no one
//! can know. Fills in what the line itself assigns, in whatever order, and defaults such as `${x:-rm}`.

use crate::gate::call::{ShellCommand, Word};
use std::collections::HashMap;

/// Most values of one variable that are tried.
const MAX_VALUES: usize = 4;
/// How often values are filled in that hold variables themselves.
const MAX_ROUNDS: usize = 3;
/// The longest word made by filling in, in bytes: the kernel takes no longer path, and a chain of doublings ends.
const MAX_WORD_BYTES: usize = 4_096;
/// Most bytes made for all commands of a line together; further commands are read as they stand.
const MAX_FILLED_BYTES: usize = 256 * 1024;

/// Other readings of the commands of a line.
#[derive(Debug, Default)]
pub(super) struct Filled {
    by_command: HashMap<usize, Vec<ShellCommand>>,
}

impl Filled {
    /// The other readings of the command at `index`.
    pub fn of(&self, index: usize) -> &[ShellCommand] {
        self.by_command.get(&index).map_or(&[], Vec::as_slice)
    }
}

/// Fills in every command in which a variable stands.
pub(super) fn filled_in(commands: &[ShellCommand]) -> Filled {
    let mut filled = Filled::default();
    if !commands.iter().any(has_variable) {
        return filled;
    }
    let values = assigned(commands);
    let mut budget = MAX_FILLED_BYTES;
    for (index, command) in commands.iter().enumerate().filter(|(_, command)| has_variable(command)) {
        for turn in 0..MAX_VALUES {
            let Some(other) = fill(command, &values, turn, &mut budget) else { return filled };
            let known = filled.by_command.entry(index).or_default();
            if other == *command || known.contains(&other) {
                break;
            }
            known.push(other);
        }
    }
    filled
}

fn words(command: &ShellCommand) -> impl Iterator<Item = &Word> {
    let targets = command.redirects.iter().map(|redirect| &redirect.target);
    std::iter::once(&command.program).chain(&command.args).chain(targets)
}

fn has_variable(command: &ShellCommand) -> bool {
    words(command).any(|word| !word.literal && word.text.contains('$'))
}

/// What each variable of the line is given.
fn assigned(commands: &[ShellCommand]) -> HashMap<&str, Vec<&str>> {
    let mut values: HashMap<&str, Vec<&str>> = HashMap::new();
    for (name, value) in commands.iter().flat_map(|command| &command.assignments) {
        let known = values.entry(name).or_default();
        if known.len() < MAX_VALUES && !known.contains(&value.text.as_str()) && value.text.len() <= MAX_WORD_BYTES {
            known.push(&value.text);
        }
    }
    values
}

/// The command with the `turn`th value of each variable, or its last; none when the budget is used up.
fn fill(
    command: &ShellCommand,
    values: &HashMap<&str, Vec<&str>>,
    turn: usize,
    budget: &mut usize,
) -> Option<ShellCommand> {
    let mut one = |word: &Word| -> Option<Vec<Word>> {
        if word.literal || !word.text.contains('$') {
            return Some(vec![word.clone()]);
        }
        let mut text = word.text.clone();
        for _ in 0..MAX_ROUNDS {
            match substituted(&text, values, turn) {
                Some(next) if next != text => text = next,
                _ => break,
            }
        }
        *budget = budget.checked_sub(text.len())?;
        // Unquoted, a value is split where it has blanks; a rule that stops shall see the words.
        let split = text.split_whitespace().map(|part| Word { text: part.to_owned(), literal: false });
        Some(split.collect())
    };
    let mut argv = one(&command.program)?;
    for arg in &command.args {
        argv.extend(one(arg)?);
    }
    let mut argv = argv.into_iter();
    let program = argv.next().unwrap_or_default();
    let mut other = ShellCommand { program, args: argv.collect(), ..command.clone() };
    for redirect in &mut other.redirects {
        redirect.target = one(&redirect.target)?.into_iter().next().unwrap_or_default();
    }
    Some(other)
}

/// `text` with its variables replaced, those unknown left as they are; none where it would grow too long.
fn substituted(text: &str, values: &HashMap<&str, Vec<&str>>, turn: usize) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, dollar) = rest.split_at(at);
        out.push_str(before);
        let (name, default, used) = variable(dollar);
        let known = values.get(name).and_then(|known| known.get(turn).or_else(|| known.last()).copied());
        match known.or(default) {
            Some(value) => out.push_str(value),
            None => out.push_str(dollar.get(..used).unwrap_or_default()),
        }
        rest = dollar.get(used..).unwrap_or_default();
        if out.len() > MAX_WORD_BYTES {
            return None;
        }
    }
    out.push_str(rest);
    Some(out)
}

/// The variable at the start of `text`, which begins with `$`: its name, what stands in for it, its length.
fn variable(text: &str) -> (&str, Option<&str>, usize) {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let after = text.get(1..).unwrap_or_default();
    let Some(braced) = after.strip_prefix('{') else {
        let end = after.find(|c| !is_name(c)).unwrap_or(after.len());
        return (after.get(..end).unwrap_or_default(), None, 1 + end);
    };
    let Some(close) = braced.find('}') else { return ("", None, 1) };
    let inner = braced.get(..close).unwrap_or_default();
    let end = inner.find(|c| !is_name(c)).unwrap_or(inner.len());
    let (name, operator) = inner.split_at(end);
    // `${x:-word}`, `${x-word}`, `${x:=word}`, `${x:+word}`.
    let default = operator.trim_start_matches(':').strip_prefix(['-', '=', '+']);
    (name, default.filter(|word| !word.is_empty()), 1 + 1 + close + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::shell::parse_blocking;

    /// The other readings of the last command of `line`.
    fn check(line: &str, expected: &[&str]) {
        let commands = parse_blocking(line).commands;
        let filled = filled_in(&commands);
        let one = |command: &ShellCommand| {
            let words: Vec<&str> = words(command).map(|word| word.text.as_str()).collect();
            words.join(" ")
        };
        let last = commands.len() - 1;
        assert_eq!(filled.of(last).iter().map(one).collect::<Vec<_>>(), expected, "{line}");
    }

    #[test]
    fn variables_of_the_line_are_filled_in() {
        check("D=/; rm -rf $D", &["rm -rf /"]);
        check("D=/; rm -rf \"${D}\"", &["rm -rf /"]);
        check("export D=/ && rm -rf $D/x", &["rm -rf //x"]);
        check("O='-rf /'; rm $O", &["rm -rf /"]);
        check("x='rm -rf'; $x /", &["rm -rf /"]);
        check("A=/; B=$A; rm $B", &["rm /"]);
        check("D=a; D=/; rm $D", &["rm a", "rm /"]);
        check("F=~/.bashrc; echo x >> $F", &["echo x ~/.bashrc"]);
        check("${x:-rm} -rf /", &["rm -rf /"]);
        check("${x-rm} ${y:=-rf} /", &["rm -rf /"]);
        check("rm $D", &[]);
        check("rm x", &[]);
        check("D=/; echo '$D'", &[]);
    }

    #[test]
    fn what_is_filled_in_is_bounded() {
        let line = format!("a={}; b=$a$a; c=$b$b; rm $c", "x".repeat(2_000));
        let commands = parse_blocking(&line).commands;
        let filled = filled_in(&commands);
        assert!(!filled.of(3).is_empty());
        assert!(filled.of(3).iter().flat_map(words).all(|word| word.text.len() <= MAX_WORD_BYTES));
        // Values enough to use up the budget; what comes after is read as it stands.
        let line = format!("a={}; {}", "x".repeat(4_000), "rm $a;".repeat(200));
        let commands = parse_blocking(&line).commands;
        let filled = filled_in(&commands);
        let bytes: usize = filled.by_command.values().flatten().flat_map(words).map(|word| word.text.len()).sum();
        assert!(bytes <= MAX_FILLED_BYTES + MAX_FILLED_BYTES / 4, "{bytes}");
        assert!(!filled.of(1).is_empty() && filled.of(commands.len() - 1).is_empty());
        assert_eq!(filled_in(&parse_blocking("a=1;a=2;a=3;a=4;a=5;rm $a").commands).of(5).len(), MAX_VALUES);
    }
}
