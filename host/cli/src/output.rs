//! Standard output as commands use it: a reader that went away ends the command quietly; colours on a terminal alone.

use crate::exit::Failure;
use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal as _, Write as _};

/// Colours, by what they stand for.
#[derive(Debug, Clone, Copy)]
pub enum Colour {
    /// Went well.
    Good,
    /// Went wrong.
    Bad,
    /// Wants a look.
    Warn,
    /// Less important.
    Faint,
    /// What it is about.
    Name,
}

/// Whether to colour: on a terminal that did not ask otherwise.
pub fn colours() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// `text` in a colour, when `on`.
pub fn paint(on: bool, colour: Colour, text: impl Display) -> String {
    if !on {
        return text.to_string();
    }
    let code = match colour {
        Colour::Good => 32,
        Colour::Bad => 31,
        Colour::Warn => 33,
        Colour::Faint => 90,
        Colour::Name => 36,
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// Writes `text` and a line end.
///
/// # Errors
/// When standard output cannot be written; none where its reader only went away.
pub fn line(text: impl Display) -> Result<(), Failure> {
    write(&format!("{text}\n"))
}

/// Writes `text` as it stands.
///
/// # Errors
/// As [`line()`].
pub fn write(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(()),
        // `tollgate tail | head`: the reader has what it wanted.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(Failure::at("standard output", error)),
    }
}

/// `text` with control characters shown as spaces and cut to `width` characters: events must not steer the terminal.
pub fn tame(text: &str, width: usize) -> String {
    let mut out: String = text.chars().take(width).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(width).is_some() {
        out.push('…');
    }
    out
}

/// Rows as aligned columns under a header, two spaces apart. Cells are plain; colour a whole row's line instead.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let header: Vec<String> = header.iter().map(ToString::to_string).collect();
    let mut out = String::new();
    for row in std::iter::once(&header).chain(rows) {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}", width = *width)).collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_events_cannot_steer_the_terminal() {
        assert_eq!(tame("a\x1b[2Jb\n", 10), "a [2Jb ");
        assert_eq!(tame("abcdef", 3), "abc…");
    }

    #[test]
    fn columns_line_up() {
        let rows = vec![vec!["audit".to_owned(), "1".to_owned()], vec!["x".to_owned(), "22".to_owned()]];
        assert_eq!(table(&["NAME", "CALLS"], &rows), "NAME   CALLS\naudit  1\nx      22\n");
    }
}
