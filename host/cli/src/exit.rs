//! How a command ends: the exit codes of the contract, and failures that know theirs.

use crate::client::ClientError;
use std::fmt::Display;
use std::process::ExitCode;

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, or a verdict that lets through.
    Done,
    /// Failed.
    Failed,
    /// Denied.
    Denied,
    /// A verdict that asks.
    Ask,
    /// Wrong usage.
    Usage,
    /// No daemon on this home.
    NoDaemon,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Denied => 2,
            Exit::Ask => 3,
            Exit::Usage => 64,
            Exit::NoDaemon => 69,
        })
    }
}

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Wrong usage that the argument parser does not see.
    #[error("{0}")]
    Usage(String),
    /// Anything else that went wrong; names the thing, the place and the mend.
    #[error("{0}")]
    Failed(String),
    /// The daemon is away or did not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl Failure {
    /// A failure of `what`, with its cause.
    pub fn at(what: impl Display, cause: impl Display) -> Self {
        Self::Failed(format!("{what}: {cause}"))
    }

    /// The exit code of this failure.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Failed(_) => Exit::Failed,
            Self::Client(error) if error.is_away() => Exit::NoDaemon,
            Self::Client(_) => Exit::Failed,
        }
    }
}
