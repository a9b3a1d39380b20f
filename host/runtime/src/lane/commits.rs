//! What a lane's handlers did, on its way into the journal: gathered over a batch, committed as one unit with
//! the cursor, a bounded number of commits under way while the next events are handled.

use crate::host::GuestState;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesOrdered, StreamExt};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tollgate_core::bus::{Bus, MAX_BATCH};
use tollgate_core::journal::{Completion, DeadLetter, JournalError, StoreWrite};

/// Most commits under way; the lane waits for the oldest beyond.
const MAX_UNDER_WAY: usize = 8;
/// What was done is handed to the journal after this long at most, however slow the next event is.
const MAX_WAIT: Duration = Duration::from_millis(5);
/// Most drafts of one commit, well below what the bus takes at once.
const MAX_EMITS: usize = MAX_BATCH / 4;

pub(super) struct Commits {
    bus: Bus,
    plugin: Arc<str>,
    /// Newest seq that is finished.
    finished: u64,
    /// Newest seq that was handed to the journal: what the next commit comes after.
    handed: u64,
    emits: Vec<tollgate_core::event::Draft>,
    store: Vec<StoreWrite>,
    dead_letter: Option<DeadLetter>,
    since: Option<Instant>,
    number: u64,
    under_way: FuturesOrdered<BoxFuture<'static, Result<u64, JournalError>>>,
}

impl Commits {
    /// For a lane that goes on after `finished`.
    pub(super) fn new(bus: Bus, plugin: Arc<str>, finished: u64) -> Self {
        Self {
            bus,
            plugin,
            finished,
            handed: finished,
            emits: Vec::new(),
            store: Vec::new(),
            dead_letter: None,
            since: None,
            number: 1,
            under_way: FuturesOrdered::new(),
        }
    }

    /// The event is done; takes what its handler staged.
    pub(super) fn done(&mut self, seq: u64, state: &mut GuestState) {
        let staged = &mut state.call.emits;
        if self.emits.len() + staged.len() > MAX_EMITS {
            self.flush();
        }
        self.emits.append(staged);
        state.store.take(self.number, &mut self.store);
        self.finish(seq);
    }

    /// The event is finished and had no effects.
    pub(super) fn finish(&mut self, seq: u64) {
        self.finished = seq;
    }

    /// The event is given up.
    pub(super) fn give_up(&mut self, seq: u64, cause: &str, message: &str, tries: u32) {
        self.finished = seq;
        self.dead_letter = Some(DeadLetter {
            subscriber: Arc::clone(&self.plugin),
            seq,
            cause: cause.into(),
            message: message.into(),
            tries,
            at: self.bus.clock().now(),
        });
        self.flush();
    }

    pub(super) fn finished(&self) -> u64 {
        self.finished
    }

    /// Whether something has waited for long enough to be handed to the journal.
    pub(super) fn due(&mut self, now: Instant) -> bool {
        match self.since {
            Some(since) => now.duration_since(since) >= MAX_WAIT,
            None => {
                self.since = Some(now);
                false
            }
        }
    }

    /// Hands what was gathered to the journal.
    pub(super) fn flush(&mut self) {
        self.since = None;
        if self.finished == self.handed {
            return;
        }
        let ticket = self.bus.complete(Completion {
            subscriber: Arc::clone(&self.plugin),
            after: self.handed,
            finished: self.finished,
            emits: std::mem::take(&mut self.emits),
            store: std::mem::take(&mut self.store),
            dead_letter: self.dead_letter.take(),
        });
        self.handed = self.finished;
        let number = self.number;
        self.number += 1;
        self.under_way.push_back(Box::pin(async move { ticket.wait().await.map(|()| number) }));
    }

    /// Whether commits are under way.
    pub(super) fn pending(&self) -> bool {
        !self.under_way.is_empty()
    }

    /// Whether as many are under way as may be.
    pub(super) fn full(&self) -> bool {
        self.under_way.len() >= MAX_UNDER_WAY
    }

    /// The oldest commit's end, with its number; none where none is under way.
    pub(super) async fn next(&mut self) -> Option<Result<u64, JournalError>> {
        self.under_way.next().await
    }

    /// Drops everything that is not in the journal; the lane goes on from its cursor.
    pub(super) fn forget(&mut self) {
        self.emits.clear();
        self.store.clear();
        self.dead_letter = None;
        self.since = None;
        self.finished = self.handed;
        self.under_way = FuturesOrdered::new();
    }

    /// Goes on after `finished`, where the inbox was opened anew; nothing is gathered or under way.
    pub(super) fn go_on_after(&mut self, finished: u64) {
        self.finished = finished;
        self.handed = finished;
    }
}
