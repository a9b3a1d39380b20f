//! The name of an event: two or more segments of `[a-z0-9_-]`, joined by `.`.

use std::fmt;
use std::sync::Arc;

/// The longest event type, in bytes.
pub const MAX_TYPE_BYTES: usize = 128;

/// Last segments of types that say how things stand, and say it again soon.
const PASSING: [&str; 4] = ["chunk", "heartbeat", "progress", "tick"];

/// A valid event type such as `task.progress`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventType(Arc<str>);

/// Why a text is not an event type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventTypeError {
    /// Longer than [`MAX_TYPE_BYTES`].
    TooLong(usize),
    /// Fewer than two segments.
    OneSegment(String),
    /// A segment is empty or holds another character than `[a-z0-9_-]`.
    BadSegment {
        /// The refused text.
        text: String,
        /// Byte offset of the first bad character, or of the empty segment.
        at: usize,
    },
}

impl fmt::Display for EventTypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(bytes) => write!(f, "an event type has at most {MAX_TYPE_BYTES} bytes, this one has {bytes}"),
            Self::OneSegment(text) => write!(f, "`{text}` has one segment; an event type is `domain.action`"),
            Self::BadSegment { text, at } => {
                write!(f, "`{text}` has a bad segment at byte {at}; segments are made of a-z, 0-9, `_` and `-`")
            }
        }
    }
}

impl std::error::Error for EventTypeError {}

impl EventType {
    /// Checks `text` against the grammar.
    ///
    /// # Errors
    /// When the text is too long, has fewer than two segments, or a segment breaks the grammar.
    pub fn parse(text: &str) -> Result<Self, EventTypeError> {
        if text.len() > MAX_TYPE_BYTES {
            return Err(EventTypeError::TooLong(text.len()));
        }
        if let Some(at) = first_bad_byte(text, is_segment_byte) {
            return Err(EventTypeError::BadSegment { text: text.to_owned(), at });
        }
        if !text.contains('.') {
            return Err(EventTypeError::OneSegment(text.to_owned()));
        }
        Ok(Self(text.into()))
    }

    /// The whole type, such as `task.progress`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first segment, such as `task`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.split_once('.').map_or(&*self.0, |(domain, _)| domain)
    }

    /// Whether it says how things stand and the next of its kind says it again, as `task.progress`, `terminal.chunk`
    /// and `usage.tick` do: who falls behind loses these first.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        self.0.rsplit_once('.').is_some_and(|(_, last)| PASSING.contains(&last))
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventType({})", self.0)
    }
}

pub(crate) fn is_segment_byte(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-')
}

/// Offset of the first byte that `allowed` refuses, or of the first empty segment.
pub(crate) fn first_bad_byte(text: &str, allowed: fn(u8) -> bool) -> Option<usize> {
    let mut segment_start = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte == b'.' {
            if at == segment_start {
                return Some(at);
            }
            segment_start = at + 1;
        } else if !allowed(byte) {
            return Some(at);
        }
    }
    (segment_start == text.len()).then_some(segment_start)
}
