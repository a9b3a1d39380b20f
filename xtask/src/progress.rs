//! How far it is, on a terminal. Knows nothing of what is done.

use std::io::{IsTerminal as _, Write as _};

/// Says on standard error, where that is a terminal, that so much of it is done; a line of its own once all of it is.
pub fn tell(name: &str, what: &str, done: usize, of: usize) {
    let mut out = std::io::stderr();
    if out.is_terminal() {
        let end = if done == of { "\n" } else { "" };
        let _ = write!(out, "\r{name}: {what} {done} of {of}{end}");
    }
}
