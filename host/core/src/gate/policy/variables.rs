//! A line with its own variables filled in: `D=/; rm -rf $D` also read as `rm -rf /`.
//!
//! Pure, and only ever further readings for rules that stop: what a variable holds when the command runs no one
//! can know. Fills in what the line itself assigns or loops over, in whatever order, and defaults such as
//! `${x:-rm}`.

use crate::gate::call::{ShellCommand, Word, is_argument};
use crate::gate::shell::Expansion;
use std::collections::{BTreeSet, HashMap};

/// Most readings of one command: more values than a person writes out.
const MAX_READINGS: usize = 64;
/// Most readings of all commands of a line together; each is held against every rule.
const MAX_ALL_READINGS: usize = 1_024;
/// Most values that a variable held before which are put into one that is made of it.
const MAX_BEFORE: usize = 4;
/// How often values are filled in that hold variables themselves.
const MAX_ROUNDS: usize = 8;
/// The longest word made by filling in, in bytes: the kernel takes no longer path, and a chain of doublings ends.
const MAX_WORD_BYTES: usize = 4_096;
/// Most bytes made for all commands of a line together.
const MAX_FILLED_BYTES: usize = 256 * 1024;
/// Most steps that working out the patterns of expansions such as `${x%.*}` may take for all of them.
const MAX_FILLED_STEPS: usize = 8_000_000;

/// Other readings of the commands of a line.
#[derive(Debug, Default)]
pub(in crate::gate) struct Filled {
    by_command: HashMap<usize, Vec<ShellCommand>>,
    /// A bound was reached, so that there are readings no one looked at.
    pub incomplete: bool,
}

impl Filled {
    /// The other readings of the command at `index`.
    pub fn of(&self, index: usize) -> &[ShellCommand] {
        self.by_command.get(&index).map_or(&[], Vec::as_slice)
    }
}

/// What the line puts into each variable.
pub(super) type Values<'a> = HashMap<&'a str, Vec<String>>;

/// Fills in every command in which a variable stands.
pub(in crate::gate) fn filled_in(commands: &[ShellCommand]) -> Filled {
    let mut filled = Filled::default();
    if !commands.iter().any(has_variable) {
        return filled;
    }
    let mut left = Budget::default();
    let values = assigned(commands, &mut left, &mut filled.incomplete);
    for (index, command) in commands.iter().enumerate().filter(|(_, command)| has_variable(command)) {
        let own = with_arguments(command, &values);
        fill_all(index, command, own.as_ref().unwrap_or(&values), &mut left, &mut filled);
    }
    filled
}

/// Adds the other readings of a command, with each combination of values.
pub(super) fn fill_all(
    index: usize,
    command: &ShellCommand,
    values: &Values<'_>,
    left: &mut Budget,
    filled: &mut Filled,
) {
    let mut turns = Turns::of(command, values);
    let mut readings: Vec<ShellCommand> = Vec::new();
    loop {
        let Some(other) = fill(command, &turns.values(), left) else {
            filled.incomplete = true;
            break;
        };
        if other != *command && !readings.contains(&other) {
            readings.push(other);
        }
        if !turns.next() {
            break;
        }
        if readings.len() >= MAX_READINGS {
            filled.incomplete = true;
            break;
        }
    }
    filled.by_command.insert(index, readings);
}

/// What filling in may still take.
pub(super) struct Budget {
    readings: usize,
    bytes: usize,
    steps: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { readings: MAX_ALL_READINGS, bytes: MAX_FILLED_BYTES, steps: MAX_FILLED_STEPS }
    }
}

pub(super) fn words(command: &ShellCommand) -> impl Iterator<Item = &Word> {
    let targets = command.redirects.iter().map(|redirect| &redirect.target);
    std::iter::once(&command.program).chain(&command.args).chain(targets)
}

pub(super) fn has_variable(command: &ShellCommand) -> bool {
    words(command).any(|word| !word.literal && word.text.contains('$'))
}

/// Whether no variable and no substitution is left in a reading.
pub(super) fn is_told(command: &ShellCommand) -> bool {
    words(command).all(|word| word.literal || !word.text.contains(['$', '`', '<']))
}

fn with_arguments<'a>(command: &'a ShellCommand, values: &Values<'a>) -> Option<Values<'a>> {
    let arguments: Vec<_> = command.bound.iter().filter(|(name, _)| is_argument(name)).collect();
    if arguments.is_empty() {
        return None;
    }
    let mut own = values.clone();
    for (name, value) in arguments {
        own.entry(name).or_default().push(value.text.clone());
    }
    Some(own)
}

fn assigned<'a>(commands: &'a [ShellCommand], left: &mut Budget, incomplete: &mut bool) -> Values<'a> {
    let mut values: Values<'_> = HashMap::new();
    let mut seen = BTreeSet::new();
    for (name, value) in commands.iter().flat_map(|command| command.assignments.iter().chain(command.bound.iter())) {
        if is_argument(name) {
            continue;
        }
        if seen.insert((name, &value.text)) {
            // `PATH=x:$PATH`: what it held before is not known here, and may be nothing, or what the line put in it.
            let held = values.entry(name).or_default();
            let before: Vec<String> = held.iter().rev().take(MAX_BEFORE).cloned().collect();
            for before in std::iter::once("").chain(before.iter().map(String::as_str)) {
                let text = replaced(&value.text, |variable| (variable == name).then_some(before), left);
                *incomplete |= text.is_none();
                held.extend(text.filter(|text| !held.contains(text)));
            }
        }
    }
    values
}

/// The variables of a command, each with the value whose turn it is.
struct Turns<'a> {
    choices: Vec<(&'a str, &'a [String])>,
    at: Vec<usize>,
}

impl<'a> Turns<'a> {
    fn of(command: &'a ShellCommand, values: &'a Values<'a>) -> Self {
        let mut names = BTreeSet::new();
        let texts = words(command).filter(|word| !word.literal).map(|word| word.text.as_str());
        let mut next: Vec<&str> = texts.flat_map(names_in).collect();
        // `${!x}`: what is held is a name.
        let indirect = words(command).any(|word| !word.literal && word.text.contains("${!"));
        while !next.is_empty() {
            next.retain(|name| values.contains_key(name) && names.insert(*name));
            let held = next.iter().filter_map(|name| values.get(name)).flatten();
            let named = held.clone().map(String::as_str).filter(|_| indirect);
            next = held.flat_map(|text| names_in(text)).chain(named).collect();
        }
        let choices = names.into_iter().filter_map(|name| Some((name, values.get(name)?.as_slice())));
        let choices: Vec<_> = choices.collect();
        Self { at: vec![0; choices.len()], choices }
    }

    fn values(&self) -> HashMap<&'a str, &'a str> {
        let chosen = self.choices.iter().zip(&self.at);
        chosen.filter_map(|((name, values), at)| Some((*name, values.get(*at)?.as_str()))).collect()
    }

    /// Goes on to the next combination; false when all had their turn.
    fn next(&mut self) -> bool {
        for (at, (_, values)) in self.at.iter_mut().zip(&self.choices) {
            *at += 1;
            if *at < values.len() {
                return true;
            }
            *at = 0;
        }
        false
    }
}

pub(super) fn names_in(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('$')
        .map(|(at, _)| Expansion::at(text.get(at..).unwrap_or_default()).name)
        .filter(|name| !name.is_empty())
}

/// The command with these values; none when the budget is used up.
fn fill(command: &ShellCommand, values: &HashMap<&str, &str>, left: &mut Budget) -> Option<ShellCommand> {
    left.readings = left.readings.checked_sub(1)?;
    let mut one = |word: &Word| -> Option<Vec<Word>> {
        left.bytes = left.bytes.checked_sub(word.text.len())?;
        if word.literal || !word.text.contains('$') {
            return Some(vec![word.clone()]);
        }
        let mut text = word.text.clone();
        let mut rounds = 0;
        loop {
            let next = replaced(&text, |name| values.get(name).copied(), left)?;
            if next == text {
                break;
            }
            rounds += 1;
            if rounds > MAX_ROUNDS {
                return None;
            }
            text = next;
        }
        left.bytes = left.bytes.checked_sub(text.len())?;
        // Unquoted, a value is split where it has blanks; a rule that stops shall see the words.
        let known = |part: &str| !part.contains(['$', '*', '?', '[', '(']);
        let split = text.split_whitespace().map(|part| Word { text: part.to_owned(), literal: known(part) });
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

/// `text` with its variables replaced by what they hold or by their defaults, those unknown left as they are; none where
/// that is too long, or takes too many steps.
pub(super) fn replaced<'v>(text: &str, value: impl Fn(&str) -> Option<&'v str>, left: &mut Budget) -> Option<String> {
    let longest = MAX_WORD_BYTES.max(text.len());
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, dollar) = rest.split_at(at);
        out.push_str(before);
        let expansion = Expansion::at(dollar);
        let used = expansion.len;
        match value(expansion.name) {
            Some(value) if dollar.starts_with("${!") => out.extend(["${", value, "}"]),
            Some(value) => {
                left.steps = left.steps.checked_sub(expansion.steps(value))?;
                out.push_str(&expansion.of(value));
            }
            None => out.push_str(expansion.default().unwrap_or_else(|| dollar.get(..used).unwrap_or_default())),
        }
        rest = dollar.get(used..).unwrap_or_default();
        if out.len() > longest {
            return None;
        }
    }
    out.push_str(rest);
    Some(out).filter(|out| out.len() <= longest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::shell::parse_blocking;

    fn filled(line: &str) -> (Filled, usize) {
        let commands = parse_blocking(line).commands;
        (filled_in(&commands), commands.iter().rposition(|command| !command.maybe).unwrap_or_default())
    }

    /// The other readings of the last command of `line`.
    fn check(line: &str, expected: &[&str]) {
        let (filled, last) = filled(line);
        let one = |command: &ShellCommand| {
            let words: Vec<&str> = words(command).map(|word| word.text.as_str()).collect();
            words.join(" ")
        };
        assert_eq!(filled.of(last).iter().map(one).collect::<Vec<_>>(), expected, "{line}");
        assert!(!filled.incomplete, "{line}");
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
        check("A=a; A=b; B=c; B=d; rm $A $B", &["rm a c", "rm b c", "rm a d", "rm b d"]);
        check("for d in a /; do rm $d; done", &["rm a", "rm /"]);
        check("for d in a; do for e in $d /; do rm $e; done; done", &["rm a", "rm /"]);
        check("F=~/.bashrc; echo x >> $F", &["echo x ~/.bashrc"]);
        check("${x:-rm} -rf /", &["rm -rf /"]);
        check("${x-rm} ${y:=-rf} /", &["rm -rf /"]);
        check("rm $D", &[]);
        check("rm x", &[]);
        check("D=/; echo '$D'", &[]);
        check("A=$A; rm $A", &["rm"]);
        check("A=x; A=$A/y; rm $A", &["rm x", "rm /y", "rm x/y"]);
        check("A=/e; A+=tc; rm $A", &["rm /e", "rm tc", "rm /etc"]);
        check("q=/etc; n=q; rm ${!n}", &["rm /etc"]);
        check("q=/etc; declare -n r=q; rm $r", &["rm /etc"]);
        check("declare -A m=([x]=/etc); rm \"${m[x]}\"", &["rm /etc"]);
        check("d=/; rm ${d}home", &["rm /home"]);
        check("d=.gi; rm \"$d\"t", &["rm .git"]);
        check("x=rn; ${x/n/m} /", &["rm /"]);
        check("x=/a/etc; rm ${x#/a}", &["rm /etc"]);
        check("a=(-r); a+=(/etc); rm ${a[@]}", &["rm -r", "rm /etc", "rm -r /etc"]);
        check("a=(/etc); rm \"${a[0]}\"", &["rm /etc"]);
        check("printf -v d %s/%s /etc x; rm $d", &["rm /etc/x"]);
        check("set -- /etc; rm \"$1\"", &["rm /etc"]);
        check("set -- a /etc; shift; rm $1", &["rm a", "rm /etc"]);
        check("f() { shift; rm $1; }; f a /etc", &["rm a", "rm /etc"]);
        check("set -- /etc; for x; do rm $x; done", &["rm /etc"]);
        check("ls | while read d; do rm $d; done", &["rm $()"]);
        check("read -ra a <<< '/a /b'; rm ${a[1]}", &["rm /a /b"]);
        check("mapfile -t a <<< /etc; rm ${a[@]}", &["rm /etc"]);
        check("A=/;B=$A;C=$B;D=$C;E=$D; rm $E", &["rm /"]);
    }

    #[test]
    fn what_is_filled_in_is_bounded_and_says_so() {
        let incomplete = |line: &str| filled(line).0.incomplete;
        let values = |count: usize| (0..count).map(|n| format!("a={n}; ")).collect::<String>();
        assert!(!incomplete(&format!("{}rm $a", values(MAX_READINGS))));
        assert!(incomplete(&format!("{}rm $a", values(MAX_READINGS + 1))));
        let chain = |length: usize| (1..=length).map(|n| format!("a{n}=$a{}; ", n - 1)).collect::<String>();
        assert!(!incomplete(&format!("a0=/; {}rm $a{}", chain(MAX_ROUNDS - 1), MAX_ROUNDS - 1)));
        assert!(incomplete(&format!("a0=/; {}rm $a{}", chain(MAX_ROUNDS), MAX_ROUNDS)));
        assert!(incomplete("A=$B; B=$A; rm $A"));
        // Readings of many commands.
        let readings = |count: usize| format!("{}{}", values(MAX_READINGS), "rm $a;".repeat(count));
        assert!(!incomplete(&readings(MAX_ALL_READINGS / MAX_READINGS)));
        assert!(incomplete(&readings(MAX_ALL_READINGS / MAX_READINGS + 1)));
        // A word that doubles, and one that grows all others.
        let doubled = |length: usize| format!("a={}; b=$a$a; c=$b$b; rm $c", "x".repeat(length));
        assert!(!incomplete(&doubled(MAX_WORD_BYTES / 4)));
        assert!(incomplete(&doubled(MAX_WORD_BYTES / 4 + 1)));
        let long = |count: usize| format!("a={}; {}", "x".repeat(4_000), "rm $a;".repeat(count));
        assert!(!incomplete(&long(60)));
        assert!(incomplete(&long(70)));
        // A variable that doubles itself, and one that is cut again and again.
        let twice = |count: usize| (0..count).map(|n| format!("a=$a${{a}}{n}; ")).collect::<String>();
        assert!(incomplete(&format!("a=xx; {}rm $a", twice(40))));
        let steps = 350 * 350 * "//a/".len();
        let cuts = |count: usize| format!("a={}; rm {}", "x".repeat(350), "${a//a/} ".repeat(count));
        assert!(!incomplete(&cuts(9)));
        let spread = |count: usize| format!("a={}; {}", "x".repeat(350), "rm ${a//a/};".repeat(count));
        assert!(!incomplete(&spread(MAX_FILLED_STEPS / steps)));
        assert!(incomplete(&spread(MAX_FILLED_STEPS / steps + 1)));
    }
}
