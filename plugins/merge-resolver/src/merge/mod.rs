//! Three versions of a file in, one out, with what could not be decided marked. Pure: knows nothing of git or
//! of the host, and is the same on every machine.
//!
//! `diff` (`histogram`) and `diff3` lay the versions side by side; `hunk` (line rules: `list`, `imports`, `whitespace`,
//! `version`) and `keyed` (meaning compared by key: `tree`) say what may be done about a hunk; `file` puts the
//! result together and checks it whole; `markers` reads and writes conflicts.

mod align;
mod blocks;
mod brackets;
mod changelog;
mod definitions;
mod diff;
mod diff3;
mod doubts;
mod file;
mod histogram;
#[cfg(test)]
mod hostile;
mod hunk;
mod import_sets;
mod imports;
mod indentation;
mod keyed;
mod kind;
mod list;
mod markers;
mod moved;
#[cfg(test)]
mod tests;
mod tokens;
mod tree;
mod version;
mod whitespace;
mod words;

pub use diff::By;
#[cfg(test)]
pub use file::{MAX_HUNKS, MAX_SIDE_BYTES};
pub use file::{Resolution, Told, Versions, merge};
pub use hunk::How;
#[cfg(test)]
pub use hunk::MAX_HUNK_LINES;
pub use kind::{Kind, file_name, kind};
pub use markers::{Labels, sides};
pub use tree::read;
