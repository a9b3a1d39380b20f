//! A terminal's output on its way into events: whole characters, bounded chunks, so many a second.
//!
//! What is over the bounds of a second waits for the next one, the newest [`MAX_HELD_BYTES`] of it; the rest is
//! dropped and counted, and the next chunk says how much is missing before it. Knows no terminal and no event; time is given.

use crate::limits::{MAX_CHUNK_BYTES, MAX_CHUNKS_PER_SECOND, MAX_HELD_BYTES, MAX_OUTPUT_PER_SECOND};
use std::time::Duration;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// Output that is to be told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) text: String,
    /// Bytes that are missing before it.
    pub(crate) dropped: u64,
}

/// One terminal's output.
pub(crate) struct Output {
    held: Vec<u8>,
    /// Dropped since the last chunk.
    dropped: u64,
    /// The second that is counted.
    since: Instant,
    chunks: u32,
    bytes: usize,
    total: u64,
    total_dropped: u64,
}

impl Output {
    pub(crate) fn new(now: Instant) -> Self {
        Self { held: Vec::new(), dropped: 0, since: now, chunks: 0, bytes: 0, total: 0, total_dropped: 0 }
    }

    /// Takes what was read.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.total += count(bytes.len());
        self.held.extend_from_slice(bytes);
        let over = self.held.len().saturating_sub(MAX_HELD_BYTES);
        if over > 0 {
            // Not in the middle of a character.
            let rest = self.held.iter().skip(over).take(3);
            let over = over + rest.take_while(|byte| is_continuation(**byte)).count();
            self.held.drain(..over);
            self.lose(count(over));
        }
    }

    /// What was told is lost: the journal did not take it.
    pub(crate) fn lose(&mut self, bytes: u64) {
        self.dropped += bytes;
        self.total_dropped += bytes;
    }

    /// The next chunk that may be told now.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Chunk> {
        if now.saturating_duration_since(self.since) >= SECOND {
            (self.since, self.chunks, self.bytes) = (now, 0, 0);
        }
        let room = MAX_OUTPUT_PER_SECOND.saturating_sub(self.bytes);
        if self.chunks >= MAX_CHUNKS_PER_SECOND || room == 0 {
            return None;
        }
        let most = room.min(MAX_CHUNK_BYTES);
        let end = match self.held.get(..most) {
            Some(head) if self.held.len() > most => cut(head),
            _ => self.held.len() - unfinished(&self.held),
        };
        let chunk = self.split(end)?;
        self.chunks += 1;
        self.bytes += end;
        Some(chunk)
    }

    /// When the next chunk may be told; none where nothing waits.
    pub(crate) fn ready_at(&self) -> Option<Instant> {
        let whole = self.held.len() > unfinished(&self.held);
        let spent = self.chunks >= MAX_CHUNKS_PER_SECOND || self.bytes >= MAX_OUTPUT_PER_SECOND;
        whole.then(|| if spent { self.since + SECOND } else { self.since })
    }

    /// The rest, whatever the second has had: at most [`MAX_HELD_BYTES`]. Dropped bytes that no chunk told of are
    /// told by an empty one.
    pub(crate) fn finish(&mut self) -> Vec<Chunk> {
        let mut rest = Vec::new();
        while !self.held.is_empty() {
            let end = match self.held.get(..MAX_CHUNK_BYTES) {
                Some(head) if self.held.len() > MAX_CHUNK_BYTES => cut(head),
                _ => self.held.len(),
            };
            rest.extend(self.split(end));
        }
        if self.dropped > 0 {
            rest.push(Chunk { text: String::new(), dropped: std::mem::take(&mut self.dropped) });
        }
        rest
    }

    /// Bytes that came.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Bytes that nobody was told of.
    pub(crate) fn total_dropped(&self) -> u64 {
        self.total_dropped
    }

    fn split(&mut self, end: usize) -> Option<Chunk> {
        if end == 0 {
            return None;
        }
        let bytes: Vec<u8> = self.held.drain(..end).collect();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Some(Chunk { text, dropped: std::mem::take(&mut self.dropped) })
    }
}

/// Where to cut what is longer than one chunk: after its last line, so that a secret in one line stays in one
/// event and is recognised; where there is none, before a character.
fn cut(head: &[u8]) -> usize {
    match head.iter().rposition(|byte| *byte == b'\n') {
        Some(last) => last + 1,
        None => (head.len() - unfinished(head)).max(1),
    }
}

/// How many bytes at the end begin a character that is not whole yet.
fn unfinished(bytes: &[u8]) -> usize {
    for (back, byte) in bytes.iter().rev().take(3).enumerate() {
        let length = match byte {
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            byte if is_continuation(*byte) => continue,
            _ => return 0,
        };
        return if length > back + 1 { back + 1 } else { 0 };
    }
    0
}

fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::*;
    use proptest::prelude::*;

    fn all(output: &mut Output, now: Instant) -> Vec<Chunk> {
        std::iter::from_fn(|| output.take(now)).collect()
    }

    #[test]
    fn a_character_is_never_cut() {
        let now = Instant::now();
        let text = "aé€😀";
        let mut output = Output::new(now);
        let mut told = String::new();
        for byte in text.as_bytes() {
            output.push(&[*byte]);
            for chunk in all(&mut output, now) {
                assert!(chunk.text.chars().count() == 1 && text.contains(&chunk.text), "{chunk:?}");
                told += &chunk.text;
            }
        }
        assert_eq!(told, text);
        // What never becomes whole is shown as broken at the end.
        output.push(&[0xE2, 0x82]);
        assert_eq!((output.take(now), output.ready_at()), (None, None));
        assert_eq!(output.finish(), [Chunk { text: "\u{FFFD}".to_owned(), dropped: 0 }]);
        // And what cannot be text is, at once.
        output.push(&[b'a', 0xFF, 0x80, 0x80, 0x80, 0x80]);
        assert!(output.take(now).unwrap().text.starts_with("a\u{FFFD}"));
    }

    #[test]
    fn a_chunk_is_bounded_and_ends_with_a_line_where_it_can() {
        let now = Instant::now();
        let mut output = Output::new(now);
        output.push("line\n".repeat(2_000).as_bytes());
        let first = output.take(now).unwrap();
        assert!(first.text.len() <= MAX_CHUNK_BYTES && first.text.len() > MAX_CHUNK_BYTES - 5, "{}", first.text.len());
        assert!(first.text.ends_with("line\n"));
        let mut output = Output::new(now);
        output.push("é".repeat(MAX_CHUNK_BYTES).as_bytes());
        assert!(
            all(&mut output, now)
                .iter()
                .all(|chunk| chunk.text.len() <= MAX_CHUNK_BYTES && !chunk.text.contains('\u{FFFD}'))
        );
    }

    #[test]
    fn a_second_takes_so_many_chunks() {
        let now = Instant::now();
        let mut output = Output::new(now);
        for _ in 0..MAX_CHUNKS_PER_SECOND {
            output.push(b"x");
            assert!(output.take(now).is_some());
        }
        output.push(b"last");
        assert_eq!(output.take(now), None);
        assert_eq!(output.ready_at(), Some(now + SECOND));
        assert_eq!(output.take(now + SECOND), Some(Chunk { text: "last".to_owned(), dropped: 0 }));
    }

    #[test]
    fn a_second_takes_so_many_bytes_and_what_is_dropped_is_told() {
        let now = Instant::now();
        let mut output = Output::new(now);
        let flood = vec![b'x'; MAX_HELD_BYTES];
        let rounds = 10;
        let mut told = 0;
        for _ in 0..rounds {
            output.push(&flood);
            told += all(&mut output, now).iter().map(|chunk| chunk.text.len()).sum::<usize>();
        }
        assert_eq!(told, MAX_OUTPUT_PER_SECOND);
        assert!(output.held.len() <= MAX_HELD_BYTES);
        output.push(b"the end");
        let next = output.take(now + SECOND).unwrap();
        let dropped = rounds * MAX_HELD_BYTES + 7 - MAX_OUTPUT_PER_SECOND - MAX_HELD_BYTES;
        assert_eq!(next.dropped, count(dropped));
        let rest: String = output.finish().into_iter().map(|chunk| chunk.text).collect();
        assert!(rest.ends_with("the end"), "the newest is what is kept");
        assert_eq!((output.total(), output.total_dropped()), (count(rounds * MAX_HELD_BYTES + 7), count(dropped)));
        output.lose(5);
        assert_eq!(output.finish(), [Chunk { text: String::new(), dropped: 5 }], "told though nothing follows");
    }

    proptest! {
        #[test]
        fn what_is_told_and_what_is_dropped_is_what_came(
            pieces in proptest::collection::vec(("[ -~é€😀\n]{0,900}", 1..40usize, 0..700u64), 0..30),
        ) {
            let mut now = Instant::now();
            let mut output = Output::new(now);
            let (mut came, mut told, mut dropped) = (0, 0, 0);
            let mut tell = |chunk: Chunk| {
                assert!(chunk.text.len() <= MAX_CHUNK_BYTES && !chunk.text.contains('\u{FFFD}'));
                told += count(chunk.text.len());
                dropped += chunk.dropped;
            };
            for (text, times, millis) in pieces {
                let bytes = text.repeat(times);
                for piece in bytes.as_bytes().chunks(777) {
                    came += count(piece.len());
                    output.push(piece);
                    while let Some(chunk) = output.take(now) {
                        tell(chunk);
                    }
                }
                now += Duration::from_millis(millis);
            }
            output.finish().into_iter().for_each(&mut tell);
            prop_assert_eq!(told + dropped, came);
            prop_assert_eq!((output.total(), output.total_dropped()), (came, dropped));
        }
    }
}
