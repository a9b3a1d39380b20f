//! What surrounds a command: its wrappers, what it reads, how deep it stands.

use crate::gate::call::Word;
use std::sync::Arc;

/// Where a command's standard input comes from, as far as it may be code.
#[derive(Debug, Clone, Default)]
pub(super) enum Stdin {
    /// The caller's.
    #[default]
    Inherited,
    /// Another command of the line.
    Piped,
    /// A here-document or here-string.
    Document(Word),
}

/// What surrounds a command.
#[derive(Debug, Clone, Default)]
pub(super) struct Context {
    pub wrappers: Vec<String>,
    pub piped_from: Option<u32>,
    pub piped_since: Option<u32>,
    pub stdin: Stdin,
    pub depth: usize,
    /// What the loops around it put into their variables.
    pub bound: Arc<[(String, Word)]>,
}

impl Context {
    pub fn deeper(&self) -> Self {
        Self { depth: self.depth + 1, ..self.clone() }
    }
}

/// How data flows between a command and a process substitution beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// `> >(list)`, `tee >(list)`: the list reads what the command writes.
    FromUs,
    /// `< <(list)`: the list writes what the command reads.
    ToUs,
    /// `diff <(list)`: a file.
    Aside,
}
