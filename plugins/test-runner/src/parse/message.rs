//! The first lines of what a failing test says, and the place that it points at: gathered within bounds, tidied at
//! the end.

use super::place;
use crate::report::Said;
use crate::text;

/// Most lines of one message: an assertion with both values and a little of its difference.
pub const MAX_MESSAGE_LINES: usize = 12;
/// Longest line of a message, in bytes.
pub const MAX_MESSAGE_LINE_BYTES: usize = 300;

/// A message under way.
#[derive(Debug, Default, Clone)]
pub struct Message {
    lines: Vec<String>,
    closed: bool,
    place: Option<String>,
    /// An error said the place: no later line says a better one.
    settled: bool,
}

impl Message {
    /// Adds a line, where there is room and the message is not closed. Leading empty lines are left out.
    pub fn push(&mut self, line: &str) {
        let empty = line.trim().is_empty();
        if self.closed || self.lines.len() >= MAX_MESSAGE_LINES || (empty && self.lines.is_empty()) {
            return;
        }
        self.lines.push(text::cut(line.trim_end(), MAX_MESSAGE_LINE_BYTES).into_owned());
    }

    /// Takes the place that `line` points at, where none was found yet.
    pub fn look(&mut self, line: &str) {
        if self.place.is_none() {
            self.place = place::of(line);
        }
    }

    /// Takes the place that `line`, an error, points at, whatever a line that is none pointed at before. Of several
    /// errors the first counts: the text begins with it.
    pub fn look_at_error(&mut self, line: &str) {
        if !self.settled
            && let Some(place) = place::of(line)
        {
            (self.place, self.settled) = (Some(place), true);
        }
    }

    /// What follows is no part of it: a stack, a source listing.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Forgets what was gathered: only now the message proper begins.
    pub fn restart(&mut self) {
        *self = Self::default();
    }

    /// Whether nothing was gathered.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Text and place.
    pub fn said(&mut self) -> Said {
        let place = self.place.take();
        Said { text: self.take(), place }
    }

    /// The text, without the indentation that all its lines share and without empty lines at its end.
    pub fn take(&mut self) -> String {
        let mut lines = std::mem::take(self).lines;
        while lines.last().is_some_and(|line| line.is_empty()) {
            lines.pop();
        }
        let indent = |line: &String| line.len() - line.trim_start_matches(' ').len();
        let shared = lines.iter().filter(|line| !line.is_empty()).map(indent).min().unwrap_or_default();
        let shown: Vec<&str> = lines.iter().map(|line| line.get(shared..).unwrap_or_default()).collect();
        shown.join("\n")
    }
}

/// Whether a line of a Java stack is of the class of `test`, which is named `package.Class.method`.
pub fn is_own_frame(line: &str, test: &str) -> bool {
    let class = test.rsplit_once('.').map_or(test, |(class, _)| class);
    line.trim_start().strip_prefix("at ").and_then(|frame| frame.strip_prefix(class)).is_some_and(|rest| {
        // The class itself, or one within it.
        rest.starts_with(['.', '$'])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_tidy_and_bounded() {
        let mut message = Message::default();
        for line in ["", "    a", "", "      b  ", "", ""] {
            message.push(line);
        }
        assert_eq!(message.take(), "a\n\n  b");
        assert!(message.is_empty());
        for _ in 0..MAX_MESSAGE_LINES + 5 {
            message.push(&"x".repeat(MAX_MESSAGE_LINE_BYTES + 5));
        }
        let text = message.take();
        assert_eq!(text.lines().count(), MAX_MESSAGE_LINES);
        assert!(text.lines().all(|line| line.len() <= MAX_MESSAGE_LINE_BYTES));
        message.look("at nowhere");
        message.look("at a.rs:1");
        message.look("at a.rs:2");
        message.push("kept");
        message.close();
        message.push("not kept");
        message.look_at_error("nowhere");
        assert_eq!(message.said(), Said { text: "kept".into(), place: Some("a.rs:1".into()) });
        for _ in 0..2 {
            // What was said is forgotten with its text.
            message.look("at a.rs:3");
            message.look_at_error("at a.rs:4");
            message.look_at_error("at a.rs:5");
            message.look("at a.rs:6");
            assert_eq!(message.said(), Said { text: String::new(), place: Some("a.rs:4".into()) });
        }
    }
}
