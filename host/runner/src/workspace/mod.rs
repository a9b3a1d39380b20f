//! What a session does to its workspace: files touched, seen by looking again and again, and what git says at the end.

mod diff;
mod git;
mod scan;

pub(crate) use diff::{Summary, base, summary};
pub(crate) use scan::{Snapshot, Touch, Touched, scan};
