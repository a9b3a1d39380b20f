//! Patterns over event types: the one grammar of plugins, streams, filters and queries.
//!
//! `*` alone matches all. A last segment `*` matches one or more remaining segments. `*` elsewhere
//! matches exactly one. Everything else compares exactly.

use crate::EventType;
use crate::event_type::{MAX_TYPE_BYTES, first_bad_byte, is_segment_byte};
use std::fmt;

/// One valid pattern such as `tool.*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern(Box<str>);

/// Why a text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatternError {
    /// Longer than an event type can be.
    TooLong(usize),
    /// A segment is empty, mixes `*` with other characters, or holds a character that no type has.
    BadSegment {
        /// The refused text.
        text: String,
        /// Byte offset of the fault.
        at: usize,
    },
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(bytes) => write!(f, "a pattern has at most {MAX_TYPE_BYTES} bytes, this one has {bytes}"),
            Self::BadSegment { text, at } => {
                write!(f, "`{text}` has a bad segment at byte {at}; a segment is `*` or made of a-z, 0-9, `_` and `-`")
            }
        }
    }
}

impl std::error::Error for PatternError {}

impl Pattern {
    /// Checks `text` against the grammar.
    ///
    /// # Errors
    /// When the text is too long, empty, or a segment breaks the grammar.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.len() > MAX_TYPE_BYTES {
            return Err(PatternError::TooLong(text.len()));
        }
        let bad = first_bad_byte(text, |byte| byte == b'*' || is_segment_byte(byte)).or_else(|| mixed_star(text));
        match bad {
            Some(at) => Err(PatternError::BadSegment { text: text.to_owned(), at }),
            None => Ok(Self(text.into())),
        }
    }

    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this pattern matches `event_type`.
    #[must_use]
    pub fn matches(&self, event_type: &EventType) -> bool {
        if &*self.0 == "*" {
            return true;
        }
        let mut wanted = self.0.split('.').peekable();
        let mut actual = event_type.as_str().split('.');
        while let Some(segment) = wanted.next() {
            let Some(found) = actual.next() else { return false };
            if segment == "*" {
                if wanted.peek().is_none() {
                    return true;
                }
            } else if segment != found {
                return false;
            }
        }
        actual.next().is_none()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Offset of the first segment that mixes `*` with other characters.
fn mixed_star(text: &str) -> Option<usize> {
    let mut at = 0;
    for segment in text.split('.') {
        if segment.contains('*') && segment != "*" {
            return Some(at);
        }
        at += segment.len() + 1;
    }
    None
}

/// A set of patterns; an event that several match is matched once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PatternSet(Vec<Pattern>);

impl PatternSet {
    /// Parses each text.
    ///
    /// # Errors
    /// The first text that is not a pattern.
    pub fn parse<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Result<Self, PatternError> {
        texts.into_iter().map(|text| Pattern::parse(text.as_ref())).collect::<Result<_, _>>().map(Self)
    }

    /// The set that matches every event.
    #[must_use]
    pub fn all() -> Self {
        Self(vec![Pattern("*".into())])
    }

    /// Whether any pattern matches.
    #[must_use]
    pub fn matches(&self, event_type: &EventType) -> bool {
        self.0.iter().any(|pattern| pattern.matches(event_type))
    }

    /// The patterns, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &Pattern> {
        self.0.iter()
    }

    /// Whether the set matches nothing because it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
