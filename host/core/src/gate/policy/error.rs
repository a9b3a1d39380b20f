//! Why a policy is refused, and where.

use super::presets;
use crate::nearest::nearest;

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl At {
    pub const START: Self = Self { line: 1, column: 1 };
}

/// Why a policy is refused. The last good policy stays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Something in a file.
    #[error("{file}:{line}:{column}: {message}")]
    File {
        /// The file's name, or the preset's.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong, naming the rule where there is one, and the mend.
        message: String,
    },
    /// A preset's name.
    #[error("there is no preset `{name}`; {mend}")]
    Preset {
        /// The name.
        name: String,
        /// Which there are.
        mend: String,
    },
}

impl PolicyError {
    pub(super) fn at(file: &str, at: At, message: String) -> Self {
        Self::File { file: file.to_owned(), line: at.line, column: at.column, message }
    }

    /// The first of a refused file's problems.
    pub(super) fn first(problems: Vec<Self>) -> Self {
        let unread = || Self::at("", At::START, "the file could not be read".to_owned());
        problems.into_iter().next().unwrap_or_else(unread)
    }

    pub(super) fn unknown_preset(name: &str) -> Self {
        let known = presets::names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let mend = match nearest(name, presets::names()) {
            Some(near) => format!("did you mean `{near}`? (there are {known})"),
            None => format!("there are {known}"),
        };
        Self::Preset { name: name.to_owned(), mend }
    }

    pub(super) fn place(&self) -> At {
        match self {
            Self::File { line, column, .. } => At { line: *line, column: *column },
            Self::Preset { .. } => At::START,
        }
    }
}
