//! Splits a program's output into clean lines of bounded length. Knows nothing of what they mean.

/// Longer lines are cut here: no framework's own line comes near, and a guest's memory is bounded.
pub const MAX_LINE_BYTES: usize = 8 * 1024;

const ESCAPE: char = '\u{1b}';
const BELL: char = '\u{7}';

/// One stream's line under way.
#[derive(Debug, Default)]
pub struct Lines {
    partial: Vec<u8>,
}

impl Lines {
    /// Takes the next piece of output and hands over each line that it ends.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&str)) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = MAX_LINE_BYTES.saturating_sub(self.partial.len());
            self.partial.extend(piece.iter().take(room));
            if piece.ends_with(b"\n") {
                each(&clean(&self.partial));
                self.partial.clear();
            }
        }
    }

    /// Hands over the last line, where it had no end of its own.
    pub fn end(&mut self, mut each: impl FnMut(&str)) {
        if !self.partial.is_empty() {
            each(&clean(&self.partial));
            self.partial.clear();
        }
    }
}

/// The line as a person sees it: without colours and other controls, and of a line that was written over and
/// over only what stayed.
fn clean(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end_matches(['\n', '\r']);
    let text = text.rsplit_once('\r').map_or(text, |(_, last)| last);
    if !text.chars().any(|character| character.is_control() && character != '\t') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match (character, rest.peek()) {
            // A control sequence ends with a letter or one of `@[\]^_`{|}~`.
            (ESCAPE, Some('[')) => {
                rest.next();
                rest.find(|end| ('@'..='~').contains(end));
            }
            // An operating-system command, such as a link, ends with a bell or with `ESC \`.
            (ESCAPE, Some(']')) => {
                let mut before = ' ';
                rest.find(|end| {
                    let ends = *end == BELL || (before == ESCAPE && *end == '\\');
                    before = *end;
                    ends
                });
            }
            (ESCAPE, Some(_)) => drop(rest.next()),
            ('\t', _) => out.push('\t'),
            (control, _) if control.is_control() => {}
            (other, _) => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for piece in pieces {
            lines.push(piece, |line| found.push(line.to_owned()));
        }
        lines.end(|line| found.push(line.to_owned()));
        found
    }

    #[test]
    fn pieces_become_lines() {
        assert_eq!(lines(&[b"one\ntw", b"o\r\n", b"\n", b"three"]), ["one", "two", "", "three"]);
        assert_eq!(lines(&[]), Vec::<String>::new());
    }

    #[test]
    fn colours_links_and_overwritten_text_go() {
        assert_eq!(lines(&[b"\x1b[31;1mFAIL\x1b[0m a\tb\x07\n"]), ["FAIL a\tb"]);
        assert_eq!(lines(&[b"\x1b]8;;file:///x\x1b\\name\x1b]8;;\x07!\n"]), ["name!"]);
        assert_eq!(lines(&[b"10%\r50%\r100% done\r\n"]), ["100% done"]);
        assert_eq!(lines(&[b"half \x1b[31"]), ["half "]);
        assert_eq!(lines(&[b"bad \xff byte\n"]), ["bad \u{fffd} byte"]);
    }

    #[test]
    fn a_long_line_is_cut() {
        let mut long = vec![b'x'; 3 * MAX_LINE_BYTES];
        long.extend_from_slice(b"\nshort\n");
        let found: Vec<usize> = lines(&[&long]).iter().map(String::len).collect();
        assert_eq!(found, [MAX_LINE_BYTES, 5]);
    }
}
