//! What surrounds a command: its wrappers, what it reads, how deep it stands.

use super::input::Stdin;
use crate::gate::call::Word;
use std::ops::Range;
use std::sync::Arc;

/// What surrounds a command.
#[derive(Debug, Clone, Default)]
pub(super) struct Context {
    pub wrappers: Vec<String>,
    pub piped_from: Option<u32>,
    /// Positions of the commands that feed its input.
    pub sources: Vec<Range<u32>>,
    pub stdin: Stdin,
    pub depth: usize,
    /// The functions whose bodies surround it.
    pub calls: Vec<String>,
    /// What the loops around it put into their variables.
    pub bound: Arc<[(String, Word)]>,
    /// Position of the last `cd` in front that has succeeded for certain.
    pub arrived: Option<u32>,
    /// It is only another reading of other words.
    pub maybe: bool,
    /// It is the body of a function that is only defined.
    pub defining: bool,
}

impl Context {
    pub fn deeper(&self) -> Self {
        Self { depth: self.depth + 1, ..self.clone() }
    }

    /// Of the substitutions in a command's words: they read what the command would.
    pub fn substituted(&self) -> Self {
        Self { wrappers: Vec::new(), ..self.deeper() }
    }

    /// Of what reads the commands at `span`.
    pub fn fed_by(&self, span: Range<u32>) -> Self {
        let piped_from = span.end.checked_sub(1).filter(|_| !span.is_empty());
        Self { piped_from, sources: vec![span], stdin: Stdin::Piped, ..self.clone() }
    }

    /// Of what reads a file or a document that the command at `span` stands for.
    pub fn read_by(&self, span: Range<u32>) -> Self {
        match self.stdin {
            Stdin::File => self.fed_by(span),
            _ => Self { sources: self.sources.iter().cloned().chain([span]).collect(), ..self.clone() },
        }
    }

    /// Of what has this input instead.
    pub fn with_input(&self, stdin: Stdin) -> Self {
        Self { stdin, ..self.clone() }
    }
}
