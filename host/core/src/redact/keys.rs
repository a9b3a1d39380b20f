//! Values of keys that name a secret, in JSON and in JSON inside its strings: a string goes whole, of a list or
//! an object every string and number.
//!
//! Reads only what stands behind such a key; a text that is cut off or no JSON is read as far as it goes.

use super::{Found, pattern};
use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

/// A key in JSON, with the backslashes of its depth; or an option in a list of arguments, whose value is next.
pub(super) const NAME: &str = r#"(?i)(?P<quote>\\*)"(?:(?P<key><KEY>)\\*"<S>*:|(?P<option>--?<OPTION>)\\*"<S>*,)<S>*"#;
/// Shorter numbers are flags and counts, not passwords.
const SHORTEST_NUMBER: usize = 4;

static NAMES: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(NAME));

/// Notes the values of every telling key.
pub(super) fn find<'a>(json: &'a str, found: &mut Vec<Found<'a>>) {
    // What is read already: whole, and but for its numbers. No text is read more often than these two times,
    // however deep such keys are nested.
    let (mut whole, mut but_numbers) = (0, 0);
    for captures in NAMES.iter().flat_map(|regex| regex.captures_iter(json)) {
        let (Some(name), Some(quote)) = (captures.get(0), captures.name("quote")) else { continue };
        let numbers = captures.name("key").is_some_and(|key| !counts(key.as_str()));
        if name.start() < whole || (!numbers && name.start() < but_numbers) {
            continue;
        }
        let opening = json.get(quote.start()..=quote.end()).unwrap_or_default();
        let mut reader = Reader { json, opening, found };
        if captures.name("option").is_some() {
            reader.argument(name.end());
            continue;
        }
        let end = reader.value(name.end(), numbers);
        if numbers {
            whole = whole.max(end);
        }
        but_numbers = but_numbers.max(end);
    }
}

/// Whether a number under this key is a count or a position: `token` is what models and parsers count in.
fn counts(key: &str) -> bool {
    key.len().checked_sub(5).and_then(|at| key.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case("token"))
}

/// Reads JSON whose strings open and end with `opening`: a quote and the backslashes of its depth.
struct Reader<'a, 'f> {
    json: &'a str,
    opening: &'a str,
    found: &'f mut Vec<Found<'a>>,
}

impl Reader<'_, '_> {
    /// Notes the value at `at` and says where it ends.
    fn value(&mut self, at: usize, numbers: bool) -> usize {
        match self.byte(at) {
            Some(b'[' | b'{') => self.container(at, numbers),
            Some(b'-' | b'0'..=b'9') => self.number(at, numbers),
            _ => match self.string(at) {
                Some(text) => {
                    let end = text.end;
                    self.note(text);
                    end
                }
                None => at,
            },
        }
    }

    /// The value of an option, unless it is the next option.
    fn argument(&mut self, at: usize) {
        if let Some(text) = self.string(at).filter(|text| self.byte(text.start) != Some(b'-')) {
            self.note(text);
        }
    }

    /// Notes every string and number of the list or object at `at`, but the names in it.
    fn container(&mut self, mut at: usize, numbers: bool) -> usize {
        let mut open = 0_usize;
        while let Some(byte) = self.byte(at) {
            match byte {
                b'[' | b'{' => {
                    open += 1;
                    at += 1;
                }
                b']' | b'}' => {
                    open -= 1;
                    at += 1;
                    if open == 0 {
                        return at;
                    }
                }
                b'-' | b'0'..=b'9' => at = self.number(at, numbers),
                b'"' | b'\\' => {
                    let Some(text) = self.string(at) else {
                        match self.escaped_space(at) {
                            Some(after) => at = after,
                            // The end of a string that all this is in.
                            None => return at,
                        }
                        continue;
                    };
                    let end = text.end;
                    at = end + self.opening.len();
                    if !self.names(at) {
                        self.note(text);
                    }
                    if !self.json.get(end..).unwrap_or_default().starts_with(self.opening) {
                        return end;
                    }
                }
                b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                    at += self.run(at, |byte| byte.is_ascii_alphanumeric() || byte == b'_')
                }
                _ => at += 1,
            }
        }
        at
    }

    /// Passes over the number at `at`, and notes it where it is to go and is long enough.
    fn number(&mut self, at: usize, goes: bool) -> usize {
        let length = self.run(at, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.' | b'_'));
        let end = at + length.max(1);
        let text = self.json.get(at..end).unwrap_or_default();
        let is_number =
            text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E'));
        if goes && is_number && length >= SHORTEST_NUMBER {
            self.found.push(Found { at: at..end, quote: self.opening });
        }
        end
    }

    /// The inside of the string that opens at `start`; none where there is none.
    fn string(&self, start: usize) -> Option<Range<usize>> {
        if !self.json.get(start..)?.starts_with(self.opening) {
            return None;
        }
        let begin = start + self.opening.len();
        // JSON in a string in a string: a quote of level k has a run of backslashes that ends in k binary ones.
        let level = (self.opening.len() - 1).trailing_ones();
        let mut run = 0_usize;
        for (at, byte) in self.json.bytes().enumerate().skip(begin) {
            match byte {
                b'\\' => run += 1,
                b'"' if run.trailing_ones() == level => return Some(begin..(at - ((1 << level) - 1)).max(begin)),
                // The end of a string around this one, which was cut off.
                b'"' if run.trailing_ones() < level => return Some(begin..(at - run).max(begin)),
                _ => run = 0,
            }
        }
        None
    }

    /// Whether the string that ended at `at` is followed by a colon.
    fn names(&self, mut at: usize) -> bool {
        loop {
            match self.byte(at) {
                Some(b' ' | b'\n' | b'\t' | b'\r') => at += 1,
                Some(b'\\') => match self.escaped_space(at) {
                    Some(after) => at = after,
                    None => return false,
                },
                byte => return byte == Some(b':'),
            }
        }
    }

    /// Where an escaped line end, return or tab at `at` ends.
    fn escaped_space(&self, at: usize) -> Option<usize> {
        let letter = at + self.run(at, |byte| byte == b'\\');
        (letter > at && matches!(self.byte(letter), Some(b'n' | b'r' | b't'))).then_some(letter + 1)
    }

    fn note(&mut self, at: Range<usize>) {
        self.found.push(Found { at, quote: "" });
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.json.as_bytes().get(at).copied()
    }

    /// How many bytes from `at` on are such.
    fn run(&self, at: usize, such: impl Fn(u8) -> bool) -> usize {
        self.json.as_bytes().get(at..).unwrap_or_default().iter().take_while(|byte| such(**byte)).count()
    }
}
