//! What a lane's handlers did, on its way into the journal: gathered over a batch, committed as one unit with
//! the cursor, a bounded number of commits under way while the next events are handled.

use super::share::{Share, Step};
use crate::host::GuestState;
use crate::plugin::Plugin;
use crate::usage::Usage;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesOrdered, StreamExt};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::time::Sleep;
use tollgate_core::bus::{Bus, MAX_BATCH, Outcome};
use tollgate_core::event::Event;
use tollgate_core::journal::{Completion, DeadLetter, JournalError, StoreWrite};
use uuid::Uuid;

/// Most commits under way; the lane waits for the oldest where there are as many.
const MAX_UNDER_WAY: usize = 8;
/// Bytes of commits under way that count as too many; one more commit may come on top.
const MAX_UNDER_WAY_BYTES: usize = 16 << 20;
/// Bytes of payloads and stored values that are handed to the journal at once, unless one event has more.
const MAX_GATHERED_BYTES: usize = 1 << 20;
/// What was done is handed to the journal after this long at most, however slow the next event is.
const MAX_WAIT: Duration = Duration::from_millis(5);
/// Most drafts of one commit, well below what the bus takes at once.
const MAX_EMITS: usize = MAX_BATCH / 4;

pub(super) struct Commits {
    bus: Bus,
    plugin: Arc<str>,
    usage: Arc<Usage>,
    share: Arc<Share>,
    /// Which of the plugin's lanes this is.
    lane: usize,
    /// Of the events that the lane was given.
    generation: u64,
    /// All that the lane was given up to this seq is finished.
    finished: u64,
    /// As much of it was handed to the journal.
    handed: u64,
    emits: Vec<tollgate_core::event::Draft>,
    store: Vec<StoreWrite>,
    dead_letter: Option<DeadLetter>,
    /// What became of events that somebody waits for, told once it is in the journal.
    told: Vec<(Uuid, Outcome)>,
    since: Option<Instant>,
    /// Of `emits` and `store`.
    bytes: usize,
    number: u64,
    under_way: FuturesOrdered<BoxFuture<'static, Result<(u64, usize), JournalError>>>,
    under_way_bytes: usize,
}

impl Commits {
    /// For a lane that has finished nothing yet.
    pub(super) fn new(bus: Bus, plugin: &Plugin, share: Arc<Share>, lane: usize) -> Self {
        Self {
            bus,
            plugin: Arc::clone(&plugin.name),
            usage: Arc::clone(&plugin.usage),
            generation: share.generation(),
            share,
            lane,
            finished: 0,
            handed: 0,
            emits: Vec::new(),
            store: Vec::new(),
            dead_letter: None,
            told: Vec::new(),
            since: None,
            bytes: 0,
            number: 1,
            under_way: FuturesOrdered::new(),
            under_way_bytes: 0,
        }
    }

    /// The event is done; takes what its handler staged. There must be room for the commit of what was gathered
    /// before.
    pub(super) fn done(&mut self, seq: u64, state: &mut GuestState) {
        let staged = &mut state.call.emits;
        let bytes = staged.iter().map(|draft| draft.payload.len()).sum::<usize>() + state.store.staged_bytes();
        self.gather(staged.len(), bytes);
        self.emits.append(staged);
        state.store.take(self.number, &mut self.store);
        self.finish(seq);
    }

    /// Counts what comes next; hands what was gathered before to the journal where both are too much.
    fn gather(&mut self, emits: usize, bytes: usize) {
        if self.emits.len() + emits > MAX_EMITS || self.bytes + bytes > MAX_GATHERED_BYTES {
            self.flush();
        }
        self.bytes += bytes;
    }

    /// The event is finished and had no effects.
    pub(super) fn finish(&mut self, seq: u64) {
        self.finished = seq;
    }

    /// The event is given up; there must be room for its commit.
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

    /// What became of an event that is, or is about to be, finished: for who waits for it.
    pub(super) fn became(&mut self, event: &Event, outcome: impl FnOnce() -> Outcome) {
        if self.bus.is_awaited(event.id) {
            self.told.push((event.id, outcome()));
        }
    }

    /// The generation of the events that are handled.
    pub(super) fn generation(&self) -> u64 {
        self.generation
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

    /// Drives a call. What earlier events did is handed to the journal in time, however long the call takes.
    pub(super) async fn beside<T>(&mut self, call: impl Future<Output = T>) -> T {
        let mut call = pin!(call);
        let mut sleep: Option<Pin<Box<Sleep>>> = None;
        std::future::poll_fn(|context| {
            if let Poll::Ready(result) = call.as_mut().poll(context) {
                return Poll::Ready(result);
            }
            if let Some(at) = self.due_at() {
                let sleep = sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at.into())));
                // A guest that computes comes by at every epoch, and may keep the timers from being looked at.
                if Instant::now() >= at || sleep.as_mut().poll(context).is_ready() {
                    self.flush();
                }
            }
            Poll::Pending
        })
        .await
    }

    /// When what was gathered has waited for long enough; none where nothing was, or there is no room for it.
    fn due_at(&self) -> Option<Instant> {
        self.since.filter(|_| self.finished != self.handed && !self.full()).map(|since| since + MAX_WAIT)
    }

    /// Hands what was gathered to the journal; there must be room for it.
    pub(super) fn flush(&mut self) {
        self.since = None;
        if self.finished == self.handed {
            return;
        }
        debug_assert!(!self.full(), "more commits under way than may be");
        let (emits, store) = (std::mem::take(&mut self.emits), std::mem::take(&mut self.store));
        let usage = (!store.is_empty()).then(|| Arc::clone(&self.usage));
        let (bus, subscriber, dead_letter) = (&self.bus, Arc::clone(&self.plugin), self.dead_letter.take());
        let ticket = self.share.commit(self.lane, self.generation, self.finished, |step| {
            let Step { after, finished, ahead } = step;
            bus.complete(Completion { subscriber, after, finished, ahead, emits, store, dead_letter, retried: None })
        });
        self.handed = self.finished;
        let (number, bytes) = (self.number, std::mem::take(&mut self.bytes));
        self.number += 1;
        self.under_way_bytes += bytes;
        let committed = async move {
            match ticket {
                Some(ticket) => ticket.wait().await.map(|()| {
                    usage.iter().for_each(|usage| usage.store_committed());
                    (number, bytes)
                }),
                None => Err(JournalError::Write("what another instance did was not recorded".to_owned())),
            }
        };
        let told = std::mem::take(&mut self.told);
        self.under_way.push_back(if told.is_empty() {
            Box::pin(committed)
        } else {
            // Driven whether the lane looks at it or not, since somebody waits for what it says.
            let telling = tokio::spawn(tell(self.bus.clone(), Arc::clone(&self.plugin), committed, told));
            Box::pin(async move { telling.await.unwrap_or(Err(JournalError::Closed)) })
        });
    }

    /// Commits what came of an event that was given once more, which moves no cursor: what its handler staged, or the
    /// letter that is left; `letter` is the one that it was. Nothing is gathered or under way. Answers with the
    /// commit's number.
    pub(super) async fn retried(
        &mut self,
        letter: Option<u64>,
        left: Option<DeadLetter>,
        state: Option<&mut GuestState>,
    ) -> Result<u64, JournalError> {
        debug_assert!(self.finished == self.handed && !self.pending(), "it would not come after what was done before");
        let (number, mut emits, mut store) = (self.number, Vec::new(), Vec::new());
        self.number += 1;
        if let Some(state) = state {
            emits.append(&mut state.call.emits);
            state.store.take(number, &mut store);
        }
        let (subscriber, dead_letter, retried) = (Arc::clone(&self.plugin), left, letter);
        let ticket = self.share.commit_beside(|step| {
            let Step { after, finished, ahead } = step;
            self.bus.complete(Completion { subscriber, after, finished, ahead, emits, store, dead_letter, retried })
        });
        ticket.wait().await?;
        self.usage.store_committed();
        Ok(number)
    }

    /// Whether commits are under way.
    pub(super) fn pending(&self) -> bool {
        !self.under_way.is_empty()
    }

    /// Whether as many are under way as may be.
    pub(super) fn full(&self) -> bool {
        self.under_way.len() >= MAX_UNDER_WAY || self.under_way_bytes >= MAX_UNDER_WAY_BYTES
    }

    /// The oldest commit's end, with its number; none where none is under way.
    pub(super) async fn next(&mut self) -> Option<Result<u64, JournalError>> {
        let committed = self.under_way.next().await?;
        Some(committed.map(|(number, bytes)| {
            self.under_way_bytes = self.under_way_bytes.saturating_sub(bytes);
            number
        }))
    }

    /// Drops everything that is not in the journal; the lane goes on from its cursor.
    pub(super) fn forget(&mut self) {
        self.emits.clear();
        self.store.clear();
        self.dead_letter = None;
        self.told.clear();
        self.since = None;
        self.bytes = 0;
        self.finished = self.handed;
        self.under_way = FuturesOrdered::new();
        self.under_way_bytes = 0;
    }

    /// Goes on with events of `generation`, which begin at the cursor; nothing is gathered.
    pub(super) fn go_on_with(&mut self, generation: u64) {
        if self.generation != generation {
            self.generation = generation;
            (self.finished, self.handed) = (0, 0);
        }
    }
}

/// Waits for a commit, and tells what became of its events once it is made.
async fn tell(
    bus: Bus,
    plugin: Arc<str>,
    committed: impl Future<Output = Result<(u64, usize), JournalError>>,
    told: Vec<(Uuid, Outcome)>,
) -> Result<(u64, usize), JournalError> {
    let committed = committed.await;
    if committed.is_ok() {
        told.into_iter().for_each(|(event, outcome)| bus.tell(&plugin, event, outcome));
    }
    committed
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;
    use tollgate_core::bus::{BusOptions, Start};
    use tollgate_core::journal::{Durability, JournalOptions};
    use tollgate_core::time::Clock;

    #[tokio::test]
    async fn commits_are_bounded_by_their_bytes_as_well() {
        let folder = tempfile::tempdir().unwrap();
        let journal = JournalOptions { path: folder.path().join("j"), durability: Durability::Memory };
        let bus = Bus::open(BusOptions { journal, filter: None, clock: Clock::system() }).unwrap();
        let finished = bus.finished("p".into(), Start::Head).await.unwrap();
        let plugin = Plugin::new("p".into(), Clock::system());
        let mut commits = Commits::new(bus, &plugin, Arc::new(Share::new(1, &finished)), 0);
        for seq in 1..=3 {
            commits.gather(1, MAX_GATHERED_BYTES / 2);
            commits.finish(seq);
        }
        assert_eq!((commits.handed, commits.under_way_bytes, commits.full()), (2, MAX_GATHERED_BYTES, false));
        // One event that alone has more than all commits should.
        commits.gather(1, MAX_UNDER_WAY_BYTES);
        commits.finish(4);
        commits.flush();
        assert!(commits.full(), "{} commits", commits.under_way.len());
        while commits.full() {
            commits.next().await.unwrap().unwrap();
        }
        assert_eq!((commits.under_way_bytes, commits.under_way.len()), (0, 0));
    }
}
