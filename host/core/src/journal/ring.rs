//! The journal in memory: a bounded ring of events, with cursors, dead letters, plugin store and what changes
//! left beside it.
//!
//! One lock, no thread, no hash chain; nothing survives the process.

use super::change::Kept;
use super::types::{DeadLetter, Finished, JournalError, Receipt, Stats};
use super::work::{Done, Unit, Work};
use super::{Page, Sink, Slice, lock};
use crate::event::Event;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use uuid::Uuid;

/// Most events that the ring keeps.
pub const RING_EVENTS: usize = 65_536;
/// Most bytes of payload that the ring keeps.
pub const RING_BYTES: usize = 256 * 1024 * 1024;
/// Most dead letters kept in memory, the newest.
const RING_DEAD_LETTERS: usize = 10_000;
/// Most events that one read looks at while it holds the lock.
const SCANNED_EVENTS: usize = 4_096;

/// The ring and its lock.
pub(super) struct Ring {
    state: Mutex<State>,
    head: Arc<AtomicU64>,
    sink: Sink,
}

#[derive(Default)]
struct State {
    events: VecDeque<Arc<Event>>,
    bytes: usize,
    head: u64,
    /// Ids that emitters gave, of the events kept; ids from the host are not repeated.
    given: HashMap<Uuid, u64>,
    cursors: BTreeMap<Arc<str>, Finished>,
    dead_letters: VecDeque<DeadLetter>,
    store: HashMap<Arc<str>, BTreeMap<String, Vec<u8>>>,
    kept: Kept,
    closed: bool,
}

impl Ring {
    pub(super) fn new(head: Arc<AtomicU64>, sink: Sink) -> Self {
        Self { state: Mutex::default(), head, sink }
    }

    /// Records one event; `given` says that its id is the emitter's own.
    pub(super) fn emit(&self, event: Event, given: bool) -> Result<Receipt, JournalError> {
        let mut batch = Batch::new(vec![event]);
        let mut state = lock(&self.state);
        if state.closed {
            return Err(JournalError::Closed);
        }
        self.append_all(&mut state, &mut batch, given);
        drop(state);
        batch.receipts.first().copied().ok_or(JournalError::Closed)
    }

    /// Does any request at once.
    pub(super) fn apply(&self, work: Work) -> Result<Done, JournalError> {
        match work {
            Work::Emit { events, given } => {
                let mut batch = Batch::new(events);
                self.append_all(&mut *self.open()?, &mut batch, given);
                Ok(Done::Receipts(batch.receipts))
            }
            Work::Change { change, events, given } => {
                let mut batch = Batch::new(events);
                let mut state = self.open()?;
                if let Err(refusal) = state.kept.change(change) {
                    return Ok(Done::Refused(refusal));
                }
                self.append_all(&mut state, &mut batch, given);
                drop(state);
                Ok(Done::Receipts(batch.receipts))
            }
            Work::Complete(mut unit) => {
                let mut batch = Batch::new(std::mem::take(&mut unit.emits));
                let mut state = self.open()?;
                unit.check_step(state.cursors.get(&unit.subscriber).unwrap_or(&Finished::default()))?;
                if let Some(seq) = unit.retried
                    && !state.drop_letter(&unit.subscriber, seq)
                {
                    return Err(unit.no_letter(seq));
                }
                self.append_all(&mut state, &mut batch, true);
                state.complete(unit);
                drop(state);
                Ok(Done::Nothing)
            }
            Work::OpenCursor { subscriber, at_head, .. } => {
                let mut state = self.open()?;
                let start = if at_head { state.head } else { 0 };
                let start = Finished { upto: start, ahead: Vec::new() };
                let head = state.head;
                let finished = state.cursors.entry(subscriber).or_insert(start);
                finished.upto = head.min(finished.upto);
                finished.ahead.retain(|seq| *seq <= head);
                Ok(Done::Cursor(finished.clone()))
            }
            Work::DropDeadLetter { subscriber, seq } => {
                self.open()?.drop_letter(&subscriber, seq);
                Ok(Done::Nothing)
            }
            Work::SaveSession { .. } | Work::LimitPages(_) | Work::Retain(..) => self.open().map(|_| Done::Nothing),
            #[cfg(test)]
            Work::Fail(failure) => Err(failure.into()),
        }
    }

    fn open(&self) -> Result<MutexGuard<'_, State>, JournalError> {
        let state = lock(&self.state);
        if state.closed { Err(JournalError::Closed) } else { Ok(state) }
    }

    /// Records what the batch holds and hands it over: under the lock, so that subscribers see seq order.
    fn append_all(&self, state: &mut State, batch: &mut Batch, given: bool) {
        let Batch { events, receipts, dropped } = batch;
        events.retain_mut(|event| {
            let receipt = state.append(event, given, dropped);
            receipts.push(receipt);
            !receipt.duplicate
        });
        self.head.store(state.head, Ordering::SeqCst);
        if !events.is_empty() {
            (self.sink)(events);
        }
    }

    pub(super) fn close(&self) {
        lock(&self.state).closed = true;
    }

    /// Up to `slice.limit` matching events.
    pub(super) fn page(&self, slice: &Slice<'_>) -> Page {
        let state = lock(&self.state);
        let oldest = state.oldest();
        let mut page = Page::empty(slice);
        page.oldest = oldest;
        if oldest == 0 {
            return page;
        }
        let from = index(slice.after.max(oldest - 1).saturating_add(1) - oldest).min(state.events.len());
        let to = index((slice.upto.min(state.head) + 1).saturating_sub(oldest)).clamp(from, state.events.len());
        let wanted = state.events.range(from..to);
        let mut take = |seen: usize, event: &Arc<Event>| {
            if slice.takes(event) {
                page.events.push(Arc::clone(event));
            }
            let more = page.events.len() < slice.limit && seen + 1 < SCANNED_EVENTS;
            if !more {
                page.exhausted = false;
                page.scanned = event.seq;
            }
            more
        };
        if slice.newest {
            wanted.rev().enumerate().all(|(seen, event)| take(seen, event));
        } else {
            wanted.enumerate().all(|(seen, event)| take(seen, event));
        }
        page
    }

    /// Where the event is whose emitter gave it this id.
    pub(super) fn seq_of(&self, id: Uuid) -> Option<u64> {
        lock(&self.state).given.get(&id).copied()
    }

    /// Reads what changes left.
    pub(super) fn with_kept<T>(&self, read: impl FnOnce(&Kept) -> T) -> T {
        read(&lock(&self.state).kept)
    }

    pub(super) fn store_get(&self, plugin: &str, key: &str) -> Option<Vec<u8>> {
        lock(&self.state).store.get(plugin)?.get(key).cloned()
    }

    pub(super) fn store_keys(&self, plugin: &str, prefix: &str) -> Vec<String> {
        let state = lock(&self.state);
        let Some(kept) = state.store.get(plugin) else { return Vec::new() };
        kept.range(prefix.to_owned()..).map(|(key, _)| key).take_while(|key| key.starts_with(prefix)).cloned().collect()
    }

    pub(super) fn store_bytes(&self, plugin: &str) -> u64 {
        let state = lock(&self.state);
        let kept = state.store.get(plugin).into_iter().flatten();
        kept.map(|(key, value)| u64::try_from(key.len() + value.len()).unwrap_or(u64::MAX)).sum()
    }

    pub(super) fn dead_letters(&self, subscriber: Option<&str>, limit: usize) -> Vec<DeadLetter> {
        let state = lock(&self.state);
        let wanted = |letter: &&DeadLetter| subscriber.is_none_or(|subscriber| *letter.subscriber == *subscriber);
        state.dead_letters.iter().filter(wanted).take(limit).cloned().collect()
    }

    pub(super) fn dead_letter(&self, subscriber: &str, seq: u64) -> Option<DeadLetter> {
        let state = lock(&self.state);
        state.dead_letters.iter().find(|letter| *letter.subscriber == *subscriber && letter.seq == seq).cloned()
    }

    pub(super) fn stats(&self, epoch: u64) -> Stats {
        let state = lock(&self.state);
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        Stats {
            epoch,
            first: state.oldest(),
            head: state.head,
            events: count(state.events.len()),
            bytes: count(state.bytes),
            free_bytes: 0,
            wal_bytes: 0,
            oldest: state.events.front().map(|event| event.ts),
            newest: state.events.back().map(|event| event.ts),
            pruned: state.oldest().saturating_sub(1),
            cursors: state.cursors.iter().map(|(name, done)| (name.to_string(), done.upto)).collect(),
            dead_letters: count(state.dead_letters.len()),
        }
    }
}

/// Events on their way in. What costs time, making them and freeing those that they push out, is done outside of
/// the lock: guests' completions wait for it.
struct Batch {
    events: Vec<Arc<Event>>,
    receipts: Vec<Receipt>,
    dropped: Vec<Arc<Event>>,
}

impl Batch {
    fn new(events: Vec<Event>) -> Self {
        let count = events.len();
        Self {
            events: events.into_iter().map(Arc::new).collect(),
            receipts: Vec::with_capacity(count),
            dropped: Vec::with_capacity(count),
        }
    }
}

impl State {
    /// Appends an event unless one with its id is there; what falls out of the ring goes to `dropped`.
    fn append(&mut self, event: &mut Arc<Event>, given: bool, dropped: &mut Vec<Arc<Event>>) -> Receipt {
        let id = event.id;
        if given {
            if let Some(first) = self.given.get(&id) {
                return Receipt { seq: *first, id, duplicate: true };
            }
            self.given.insert(id, self.head + 1);
        }
        self.head += 1;
        // No one else has it yet, so nothing is copied.
        Arc::make_mut(event).seq = self.head;
        self.bytes += event.payload.len();
        self.events.push_back(Arc::clone(event));
        while self.events.len() > RING_EVENTS || (self.bytes > RING_BYTES && self.events.len() > 1) {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes -= oldest.payload.len();
            if !self.given.is_empty() {
                self.given.remove(&oldest.id);
            }
            dropped.push(oldest);
        }
        Receipt { seq: self.head, id, duplicate: false }
    }

    /// Removes a dead letter; says whether there was one.
    fn drop_letter(&mut self, subscriber: &str, seq: u64) -> bool {
        let before = self.dead_letters.len();
        self.dead_letters.retain(|letter| *letter.subscriber != *subscriber || letter.seq != seq);
        self.dead_letters.len() < before
    }

    /// Does what a completion says besides its emits.
    fn complete(&mut self, unit: Unit) {
        let Unit { subscriber, finished, ahead, store, dead_letter, .. } = unit;
        if !store.is_empty() {
            let kept = self.store.entry(Arc::clone(&subscriber)).or_default();
            for write in store {
                match write.value {
                    Some(value) => kept.insert(write.key, value),
                    None => kept.remove(&write.key),
                };
            }
        }
        if let Some(letter) = dead_letter {
            self.dead_letters.push_back(letter);
            if self.dead_letters.len() > RING_DEAD_LETTERS {
                self.dead_letters.pop_front();
            }
        }
        match self.cursors.get_mut(&subscriber) {
            Some(cursor) => *cursor = Finished { upto: finished.max(cursor.upto), ahead: ahead.seqs },
            None => {
                self.cursors.insert(subscriber, Finished { upto: finished, ahead: ahead.seqs });
            }
        }
    }

    fn oldest(&self) -> u64 {
        self.events.front().map_or(0, |event| event.seq)
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
