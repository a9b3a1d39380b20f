//! Finding credentials in text, by hand-written scanners in linear time. Pure; never returns what it found.

mod assignment;
mod bearer;
mod placeholder;
mod prefix;
mod private_key;
mod url;

use std::fmt;

/// What kind of credential was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind(&'static str);

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The first credential in `text`.
#[must_use]
pub fn find(text: &str) -> Option<Kind> {
    prefix::find(text)
        .or_else(|| private_key::find(text))
        .or_else(|| bearer::find(text))
        .or_else(|| url::find(text))
        .or_else(|| assignment::find(text))
}

/// The longest beginning of `text` whose bytes are all `allowed`.
fn run(text: &str, allowed: fn(u8) -> bool) -> &str {
    let end = text.bytes().position(|byte| !allowed(byte)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// Bytes of base64, base64url and the separators that tokens use.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'+' | b'/' | b'=' | b'~')
}

/// Each position in `text` where `needle` begins, without regard to ASCII case, and what follows it.
fn after_each<'a>(text: &'a str, needle: &'static str) -> impl Iterator<Item = (usize, &'a str)> {
    let first = needle.as_bytes().first().copied().unwrap_or_default();
    text.bytes().enumerate().filter(move |(_, byte)| byte.eq_ignore_ascii_case(&first)).filter_map(move |(at, _)| {
        let end = at + needle.len();
        text.get(at..end).filter(|found| found.eq_ignore_ascii_case(needle))?;
        Some((at, text.get(end..)?))
    })
}

/// Whether a word can begin at `at`: no letter, digit or underscore stands before it.
fn starts_word(text: &str, at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| text.as_bytes().get(before));
    before.is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
}
