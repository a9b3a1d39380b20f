//! What the library holds for a client: bytes that were given to it and have not left. It counts packets alone, and says
//! nothing of those that have gone; so they are counted on their way in, and on their way out of this host.
//!
//! Knows no packet. Must not wait for a client: whoever fills it does, as long as something leaves.

use super::BUFFER;
use crate::stall::Written;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Most bytes that the library holds for a client: as many as the largest event has. One packet that is larger waits
/// until nothing else is held.
pub(crate) const MAX_HELD_BYTES: u64 = 256 * 1024;

/// Most packets that it holds for a client that polls. Where such a one goes over to a WebSocket, the library puts a packet
/// of its own behind those, and no poll takes any until that is done: without room for it nobody would ever go on. What was
/// given while a poll was answered is not counted, and may be as much again.
pub(crate) const MAX_UNPOLLED: u64 = BUFFER as u64 / 2 - 2;

/// Bytes of a poll's answer that took nothing: a packet that says so, or a ping.
const NOTHING_BYTES: u64 = 1;

/// The count of one connection of the library's, over whichever transport. What it says is exact but for pings, which
/// make it a little too small until nothing is held again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    given: AtomicU64,
    /// What left in answers to polls.
    polled: AtomicU64,
    /// Packets that were given since the last of those.
    unpolled: AtomicU64,
    /// What a poll took, or that polling is over.
    moved: Notify,
    socket: Mutex<Option<Socket>>,
}

/// A connection of its own, and what was written to it before.
#[derive(Debug, Clone)]
struct Socket {
    written: Written,
    before: u64,
}

impl Held {
    /// From now on it leaves over this connection; the library takes none after the first.
    pub(crate) fn over(&self, written: Written) {
        let before = written.bytes();
        self.0.socket.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(Socket { written, before });
        self.0.moved.notify_waiters();
    }

    /// So many bytes left in the answer to a poll.
    pub(crate) fn polled(&self, bytes: u64) {
        self.0.polled.fetch_add(bytes, Ordering::Relaxed);
        if bytes > NOTHING_BYTES {
            self.0.unpolled.store(0, Ordering::Relaxed);
        }
        self.0.moved.notify_waiters();
    }

    /// Whoever is there begins anew: what is left of what it was given before counts no more, since nobody may have counted
    /// how it left.
    pub(crate) fn begin(&self) {
        self.0.given.store(self.left(), Ordering::Relaxed);
    }

    /// A packet of so many bytes was given to the library.
    pub(crate) fn given(&self, bytes: u64) {
        let frame = if self.socket().is_some() { frame_bytes(bytes) } else { 0 };
        self.0.given.fetch_add(bytes + frame, Ordering::Relaxed);
        self.0.unpolled.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether one of so many bytes may be given to it, for a client that polls, or does not.
    pub(crate) fn has_room_for(&self, bytes: u64, polls: bool) -> bool {
        let held = self.bytes();
        let unpolled = if polls { self.0.unpolled.load(Ordering::Relaxed) } else { 0 };
        unpolled < MAX_UNPOLLED && (held == 0 || held.saturating_add(bytes) <= MAX_HELD_BYTES)
    }

    /// Waits until it has room; false where nothing left for so long.
    pub(crate) async fn room_for(&self, bytes: u64, polls: impl Fn() -> bool, patience: Duration) -> bool {
        loop {
            let socket = self.socket();
            // Heard of from here on, so that nothing that leaves after the look is missed.
            let mut polled = pin!(self.0.moved.notified());
            let mut written = pin!(socket.as_ref().map(|socket| socket.written.more()));
            if self.has_room_for(bytes, polls()) {
                return true;
            }
            let written = async {
                match written.as_mut().as_pin_mut() {
                    Some(written) => written.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = polled.as_mut() => {}
                () = written => {}
                () = tokio::time::sleep(patience) => return false,
            }
        }
    }

    fn socket(&self) -> Option<Socket> {
        self.0.socket.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn left(&self) -> u64 {
        let written = self.socket().map_or(0, |socket| socket.written.bytes().saturating_sub(socket.before));
        self.0.polled.load(Ordering::Relaxed).saturating_add(written)
    }

    pub(crate) fn bytes(&self) -> u64 {
        let left = self.left();
        // What left and was never given are pings and greetings: no part of what is given next.
        self.0.given.fetch_max(left, Ordering::Relaxed).saturating_sub(left)
    }
}

/// What a WebSocket puts before a text of so many bytes.
fn frame_bytes(bytes: u64) -> u64 {
    match bytes {
        0..126 => 2,
        126..65_536 => 4,
        _ => 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_what_was_given_and_has_not_left() {
        let held = Held::default();
        held.given(100);
        assert_eq!(held.bytes(), 100);
        held.polled(103);
        assert_eq!(held.bytes(), 0, "with a ping");
        held.given(70);
        assert_eq!(held.bytes(), 70, "which counts for nothing after that");
        let written = Written::default();
        written.add(1_000);
        held.over(written.clone());
        assert_eq!(held.bytes(), 70, "not what went over the connection before");
        held.given(MAX_HELD_BYTES);
        written.add(70);
        assert_eq!(held.bytes(), MAX_HELD_BYTES + 10);
        written.add(MAX_HELD_BYTES + 10);
        assert_eq!(held.bytes(), 0);
        held.given(5);
        held.begin();
        assert_eq!(held.bytes(), 0);
    }

    #[test]
    fn what_is_held_is_bounded_and_a_larger_packet_goes_alone() {
        let held = Held::default();
        assert!(held.has_room_for(u64::MAX, false), "nothing is held");
        held.given(MAX_HELD_BYTES - 10);
        let has_room_for = |bytes| held.has_room_for(bytes, false);
        assert!(has_room_for(10) && !has_room_for(11) && !has_room_for(u64::MAX));
        held.polled(MAX_HELD_BYTES - 11);
        assert!(!has_room_for(u64::MAX), "one byte is still there");
        held.polled(1);
        assert!(has_room_for(u64::MAX));
        // Of packets, whatever their size, who polls has fewer; a poll that took nothing makes no room.
        let polls = Held::default();
        (0..MAX_UNPOLLED).for_each(|_| polls.given(1));
        assert!(!polls.has_room_for(1, true) && polls.has_room_for(1, false));
        polls.polled(NOTHING_BYTES);
        assert!(!polls.has_room_for(1, true));
        polls.polled(2);
        assert!(polls.has_room_for(1, true));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_room_has_it_once_enough_left_and_gives_up_where_nothing_does() {
        const PATIENCE: Duration = Duration::from_secs(1);
        let (held, written) = (Held::default(), Written::default());
        held.given(MAX_HELD_BYTES);
        assert!(!held.room_for(1, || false, PATIENCE).await, "nothing leaves");
        let waits = {
            let held = held.clone();
            async move { held.room_for(2, || false, PATIENCE).await }
        };
        let leaves = async {
            for _ in 0..2 {
                tokio::time::sleep(PATIENCE / 2).await;
                held.polled(1);
            }
        };
        assert!(tokio::join!(waits, leaves).0);
        // The same over a connection that comes while it is waited for.
        held.given(2);
        let waits = {
            let held = held.clone();
            async move { held.room_for(2, || false, PATIENCE).await }
        };
        let leaves = async {
            tokio::time::sleep(PATIENCE / 2).await;
            held.over(written.clone());
            tokio::time::sleep(PATIENCE / 2).await;
            written.add(2);
        };
        assert!(tokio::join!(waits, leaves).0);
    }
}
