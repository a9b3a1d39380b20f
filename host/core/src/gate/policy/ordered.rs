//! A line with what its variables hold where each command stands: `D=../x; rm -rf "$D"` also read as `rm -rf ../x`.
//!
//! Pure. One value after another, as the line runs, where `variables` takes all in whatever order: for checks to which a
//! value of before or of later would be a false alarm. What is not known stays a variable.

use super::variables::{Budget, Filled, Values, fill_all, has_variable, names_in, replaced};
use crate::gate::call::{ShellCommand, is_argument};
use crate::gate::shell::lasting;

/// Fills in every command in which a variable stands that the line has set by then.
pub(in crate::gate) fn filled_in_order(commands: &[ShellCommand]) -> Filled {
    let mut filled = Filled::default();
    if !commands.iter().any(has_variable) {
        return filled;
    }
    let mut left = Budget::default();
    let mut held: Values<'_> = Values::new();
    for (index, command) in commands.iter().enumerate() {
        if has_variable(command) {
            let own = with_bound(command, &held);
            fill_all(index, command, own.as_ref().unwrap_or(&held), &mut left, &mut filled);
        }
        for (name, value) in lasting(command).filter(|(name, _)| !is_argument(name)) {
            let only = |variable: &str| match held.get(variable).map(Vec::as_slice) {
                Some([only]) => Some(only.as_str()),
                _ => None,
            };
            let text = replaced(&value.text, only, &mut left);
            // Made of what it held before, which no one told, or too long to be followed.
            match text.filter(|text| !names_in(text).any(|own| own == name)) {
                Some(text) => held.insert(name, vec![text]),
                None => held.remove(name.as_str()),
            };
        }
    }
    filled
}

/// What is held besides where a command stands: what loops put into their variables, and arguments that did not move.
fn with_bound<'a>(command: &'a ShellCommand, held: &Values<'a>) -> Option<Values<'a>> {
    if command.bound.is_empty() {
        return None;
    }
    let mut bound: Values<'a> = Values::new();
    for (name, value) in command.bound.iter() {
        let values = bound.entry(name).or_default();
        if !values.contains(&value.text) {
            values.push(value.text.clone());
        }
    }
    bound.retain(|name, values| !is_argument(name) || values.len() == 1);
    let mut own = held.clone();
    own.extend(bound);
    Some(own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::shell::parse_blocking;

    /// The last command of `line` in its other readings.
    fn check(line: &str, expected: &[&str]) {
        let commands = parse_blocking(line).commands;
        let filled = filled_in_order(&commands);
        let one = |command: &ShellCommand| {
            let words = std::iter::once(&command.program).chain(&command.args);
            words.map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
        };
        let last = commands.iter().rposition(|command| !command.maybe).unwrap_or_default();
        let found: Vec<String> = filled.of(last).iter().map(one).collect();
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn a_variable_holds_what_was_put_in_it_last() {
        check("D=../x; rm $D", &["rm ../x"]);
        check("D=a; D=b; rm $D", &["rm b"]);
        check("D=a; rm $D; D=b", &[]);
        check("D=a; D=$D/b; rm $D", &["rm a/b"]);
        check("D=$D/b; rm $D", &[]);
        check("D=${D%/}/b; rm $D", &[]);
        check("D=a x; rm $D", &[]);
        check("export D=a; rm $D", &["rm a"]);
        check("for d in ../a ../b; do rm $d; done", &["rm ../a", "rm ../b"]);
        check("A=b; D=$A/c; A=x; rm $D", &["rm b/c"]);
        check("rm $D", &[]);
        check("f() { rm $1; }; f ../x", &["rm ../x"]);
        check("f() { d=$1; shift; rm $d; }; f a ../x", &["rm a"]);
        check("f() { shift; rm $1; }; f a ../x", &[]);
        check("H=$HOME/x; rm $H", &["rm $HOME/x"]);
        check("D=a; read D <<< \"$(x)\"; rm $D", &["rm $()"]);
    }
}
