//! Shell lines: every simple command that a line would run, at whatever depth, and whether we are sure.
//!
//! Owns the bounds of what is parsed and the thread on which deep lines are parsed. Knows nothing of rules,
//! sandboxes or verdicts: it says what runs, not whether it may.

mod braces;
mod builds;
mod calls;
mod channels;
mod compound;
mod consoles;
mod context;
mod elsewhere;
mod environment;
mod expansion;
mod expressions;
mod fed;
mod fetched;
mod follow;
mod input;
mod interpreters;
mod known;
mod languages;
mod lines;
mod literals;
mod moves;
mod nesting;
mod outline;
mod prefixes;
mod printed;
mod programs;
mod quoting;
mod redirects;
mod renamed;
mod scripts;
mod sed;
mod settings;
mod settled;
mod shells;
mod thread;
mod unknown;
mod values;
mod walk;
mod word;
mod wrappers;

#[cfg(test)]
mod tests;

pub(super) use elsewhere::{ELSEWHERE, SSH_HERE};
pub(super) use expansion::Expansion;
#[cfg(test)]
pub(super) use input::MAX_GUESSES;
pub(super) use values::lasting;

use super::call::ShellCommand;
use std::ops::Range;

/// The longest line that is parsed, in bytes: far above what people and agents write by hand.
pub const MAX_LINE_BYTES: usize = 16 * 1024;
/// Most commands taken from one line, so that a verdict stays a verdict and not a program analysis.
pub const MAX_COMMANDS: usize = 1_000;
/// Most words of all commands together. A line has room for half its bytes; wrappers take them again, brace lists
/// multiply them.
const MAX_WORDS: usize = 2 * MAX_LINE_BYTES;
/// Deepest nesting of lists, substitutions and wrappers: real lines stay under five.
pub const MAX_DEPTH: usize = 16;

/// Why a line is not understood; never a reason to let it through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotUnderstood {
    /// Over [`MAX_LINE_BYTES`].
    #[error("the command line is longer than {MAX_LINE_BYTES} bytes")]
    TooLong,
    /// Over [`MAX_COMMANDS`], or words without measure.
    #[error("the command line has too many commands or words")]
    TooMany,
    /// Over [`MAX_DEPTH`].
    #[error("the command line is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// Not bash as far as the parser knows.
    #[error("the command line could not be parsed")]
    Syntax,
    /// A program's name, or code for an interpreter, is known only when it runs.
    #[error("what the command line runs is known only when it runs")]
    Dynamic,
    /// Characters that look like blanks and are none, or carriage returns.
    #[error("the command line hides characters that look like blanks")]
    Hidden,
    /// The parser is busy or did not answer in time.
    #[error("the command line took too long to parse")]
    Busy,
    /// The call gives several lines, or one in a form not known.
    #[error("it is not certain which command line the call would run")]
    Several,
    /// Parsed, but its files cannot be looked at one by one.
    #[error("the command line names too many files in too many folders")]
    TooManyPaths,
}

/// What a line runs.
#[derive(Debug, Clone, Default)]
pub struct Parsed {
    /// Every simple command at any depth, a wrapper before what it runs.
    pub commands: Vec<ShellCommand>,
    /// Why the line is not understood whole; none where it is.
    pub problem: Option<NotUnderstood>,
}

impl Parsed {
    /// Whether the line was understood whole.
    #[must_use]
    pub fn understood(&self) -> bool {
        self.problem.is_none()
    }

    /// Adds what another line runs, after what this one does.
    pub(in crate::gate) fn append(&mut self, other: Self) {
        let before = u32::try_from(self.commands.len()).unwrap_or(u32::MAX);
        let moved = |at: u32| at.saturating_add(before);
        let spans = |spans: &[Range<u32>]| spans.iter().map(|span| moved(span.start)..moved(span.end)).collect();
        self.problem = self.problem.or(other.problem);
        self.commands.extend(other.commands.into_iter().map(|command| ShellCommand {
            piped_from: command.piped_from.map(moved),
            reads: spans(&command.reads),
            filled: spans(&command.filled),
            runs: spans(&command.runs),
            arrived: command.arrived.map(moved),
            certain_to: if command.certain_to == 0 { 0 } else { moved(command.certain_to) },
            ..command
        }));
    }

    fn refused(problem: NotUnderstood) -> Self {
        Self { commands: Vec::new(), problem: Some(problem) }
    }
}

/// Parses a line; deep ones on a thread with a large stack.
pub async fn parse(line: &str) -> Parsed {
    match here(line) {
        Some(parsed) => parsed,
        None => thread::parse(line).await,
    }
}

/// As [`parse`], blocking for the few milliseconds that the deepest lines take.
#[must_use]
pub fn parse_blocking(line: &str) -> Parsed {
    here(line).unwrap_or_else(|| thread::parse_blocking(line))
}

/// Whether a command that is a shell or another interpreter runs what it reads: it is given no script of its own.
/// Of any other program it is said too, as no one knows what it does with its input.
pub(in crate::gate) fn runs_its_input(command: &ShellCommand) -> bool {
    wrappers::runs_its_input(&command.program, &command.args)
}

/// Whether a command's program is one that runs others: a shell, another interpreter, a wrapper.
pub(in crate::gate) fn runs_others(command: &ShellCommand) -> bool {
    wrappers::runs_others(&command.program.text)
}

/// Whether a program of this name may run code of another language than a shell's.
pub(in crate::gate) fn is_of_language(name: &str) -> bool {
    languages::may_be_one(name) || scripts::is_awk(name)
}

/// What can be said without the large stack: the answer for flat lines and for those over a bound.
fn here(line: &str) -> Option<Parsed> {
    if line.len() > MAX_LINE_BYTES {
        return Some(Parsed::refused(NotUnderstood::TooLong));
    }
    walk::parse(line, walk::Stack::Small).ok()
}
