//! `tollgate plugin new`, `build`, `check` and what else a plugin's author does: with no daemon, and no home.
//!
//! Packages and their tools are this module's; what a component is, and what it may do, the runtime says.

mod bench;
mod build;
mod check;
mod create;
mod golden;
mod ground;
mod recorded;
mod rehearse;
mod replay;
mod try_out;
mod vendor;

pub use bench::bench;
pub use build::build;
pub use check::check;
pub use create::create;
pub use replay::replay;
pub use try_out::try_out;

use crate::exit::Failure;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;

/// Says what is going on, on standard error: answers are on standard output.
fn say(text: impl std::fmt::Display) {
    // A reader of standard error that went away misses this and nothing else.
    let _ = writeln!(std::io::stderr(), "tollgate: {text}");
}

/// What a tool said, as it said it: editors find files and lines in it.
fn pass_on(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Largest text file that an author hands in, in bytes: recorded events of a busy day.
const MAX_TEXT_BYTES: u64 = 64 * 1024 * 1024;

/// A text file, whole.
fn read_text(path: &Path) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::at(path.display(), error);
    let mut text = String::new();
    // A pipe has no size to ask for.
    let read = File::open(path).and_then(|file| file.take(MAX_TEXT_BYTES + 1).read_to_string(&mut text));
    if read.map_err(failed)? as u64 > MAX_TEXT_BYTES {
        return Err(Failure::Failed(format!(
            "{} has more than the {MAX_TEXT_BYTES} bytes that are read: take a part of it",
            path.display()
        )));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;

    #[test]
    fn a_file_that_is_too_long_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(MAX_TEXT_BYTES + 1).unwrap();
        let error = read_text(file.path()).unwrap_err().to_string();
        assert!(error.contains("more than the 67108864 bytes"), "{error}");
        assert!(read_text(Path::new("/dev/zero")).is_err(), "whatever its size says");
        assert!(read_text(Path::new("/nowhere")).unwrap_err().to_string().starts_with("/nowhere: "));
    }
}
