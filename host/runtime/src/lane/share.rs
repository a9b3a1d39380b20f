//! What the instances of one plugin share: which events each was given, how far all of them are, and the order of
//! their commits. Knows nothing of guests, or of where events come from.
//!
//! A plugin has one cursor, however many instances it has: the seq up to which everything is finished, with those
//! that are finished ahead of it. Commits are made under one lock, so that each follows on the one before.

use std::collections::{BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tollgate_core::event::Event;
use tollgate_core::journal::{Ahead, Finished, MAX_AHEAD};

/// Most events that are handed out and not finished: their payloads are held in memory. An entity with as many
/// keeps the other instances from theirs until some of them are done.
pub(super) const MAX_OUT: usize = 256;

/// Shared by the lanes of one plugin, and by what hands out their events.
pub(super) struct Share {
    state: Mutex<State>,
    /// For each lane: something waits for it, or nothing will any more.
    given: Vec<Notify>,
    /// Something was finished, failed or opened anew.
    moved: Notify,
}

#[derive(Default)]
struct State {
    /// Counts how often the events began anew at the cursor: what was handed out before is void.
    generation: u64,
    /// Something was not recorded: the events are to begin anew.
    broken: bool,
    /// No more events will come.
    closed: bool,
    upto: u64,
    ahead: BTreeSet<u64>,
    /// Newest seq handed out.
    newest: u64,
    seats: Vec<Seat>,
    /// Known to wait and not handed out.
    outside: u64,
}

#[derive(Default)]
struct Seat {
    /// Handed out and not taken by its lane.
    waiting: VecDeque<Arc<Event>>,
    /// Handed out and not finished, in order.
    out: VecDeque<u64>,
}

/// What a commit says of the cursor.
pub(super) struct Step {
    pub(super) after: u64,
    pub(super) finished: u64,
    pub(super) ahead: Ahead,
}

/// The instance that handles an event: that of its entity, else of its session, else the first.
pub(super) fn instance_of(event: &Event, instances: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    match (&event.entity, &event.session) {
        (Some(entity), _) => (0_u8, &entity.kind, &entity.id).hash(&mut hasher),
        (None, Some(session)) => (1_u8, session).hash(&mut hasher),
        (None, None) => return 0,
    }
    let among = u64::try_from(instances.max(1)).unwrap_or(1);
    usize::try_from(hasher.finish() % among).unwrap_or(0)
}

impl Share {
    pub(super) fn new(instances: usize, finished: &Finished) -> Self {
        let mut state = State { seats: (0..instances).map(|_| Seat::default()).collect(), ..State::default() };
        state.begin_at(finished);
        Self { state: Mutex::new(state), given: (0..instances).map(|_| Notify::new()).collect(), moved: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the one lane of a plugin was given a batch; nothing of what comes up to `passed` was left out but
    /// what is finished.
    pub(super) fn took(&self, batch: &[Arc<Event>], passed: u64) {
        let mut state = self.state();
        state.newest = batch.last().map_or(passed, |last| last.seq).max(state.newest);
        if let Some(seat) = state.seats.first_mut() {
            seat.out.extend(batch.iter().map(|event| event.seq));
        }
    }

    /// Hands out as many of `events`, which follow on those before, as there is room for. `more` are known to wait
    /// besides; `passed` as above.
    pub(super) fn hand_out(&self, events: &mut VecDeque<Arc<Event>>, more: u64, passed: u64) {
        let mut state = self.state();
        let instances = state.seats.len();
        while !state.broken && state.has_room() {
            let Some(event) = events.pop_front() else { break };
            let instance = instance_of(&event, instances);
            state.newest = event.seq;
            let Some(seat) = state.seats.get_mut(instance) else { break };
            seat.out.push_back(event.seq);
            seat.waiting.push_back(event);
            if let Some(given) = self.given.get(instance) {
                given.notify_one();
            }
        }
        if !state.broken && events.is_empty() {
            state.newest = state.newest.max(passed);
        }
        state.outside = more + events.len() as u64;
    }

    /// At most `max` events for a lane, with the generation that they belong to; none once no more will come.
    /// Cancel-safe.
    pub(super) async fn take(&self, lane: usize, max: usize) -> Option<(u64, Vec<Arc<Event>>)> {
        loop {
            {
                let mut state = self.state();
                let (generation, closed) = (state.generation, state.closed);
                let seat = state.seats.get_mut(lane)?;
                if !seat.waiting.is_empty() {
                    let count = seat.waiting.len().min(max);
                    return Some((generation, seat.waiting.drain(..count).collect()));
                }
                if closed {
                    return None;
                }
            }
            // A permit is kept where it was given between the look and this.
            self.given.get(lane)?.notified().await;
        }
    }

    /// Commits what a lane finished up to `finished`, with `commit`, which must not wait; none where its events are
    /// void: they come again.
    pub(super) fn commit<T>(
        &self,
        lane: usize,
        generation: u64,
        finished: u64,
        commit: impl FnOnce(Step) -> T,
    ) -> Option<T> {
        let mut state = self.state();
        if state.broken || state.generation != generation {
            return None;
        }
        let (after, before) = (state.upto, state.ahead());
        state.finish(lane, finished);
        let committed = commit(state.step(after, before));
        drop(state);
        self.moved.notify_waiters();
        Some(committed)
    }

    /// Commits something that finishes nothing, in its turn.
    pub(super) fn commit_beside<T>(&self, commit: impl FnOnce(Step) -> T) -> T {
        let state = self.state();
        commit(state.step(state.upto, state.ahead()))
    }

    /// The generation that is handed out now.
    pub(super) fn generation(&self) -> u64 {
        self.state().generation
    }

    /// What was handed out with `generation` is void, since something of it was not recorded.
    pub(super) fn fail(&self, generation: u64) {
        let mut state = self.state();
        if state.generation == generation {
            state.broken = true;
            state.seats.iter_mut().for_each(|seat| seat.waiting.clear());
        }
        drop(state);
        self.moved.notify_waiters();
    }

    /// The events begin anew after what is finished.
    pub(super) fn reopened(&self, finished: &Finished) {
        let mut state = self.state();
        state.generation += 1;
        state.broken = false;
        state.begin_at(finished);
        drop(state);
        self.moved.notify_waiters();
    }

    /// No more events will come.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.given.iter().for_each(Notify::notify_one);
        self.moved.notify_waiters();
    }

    /// Waits until an event can be handed out.
    pub(super) async fn room(&self) {
        self.until(|state| (!state.broken && state.has_room()).then_some(())).await;
    }

    /// Waits until the events are to begin anew.
    pub(super) async fn broken(&self) {
        self.until(|state| state.broken.then_some(())).await;
    }

    async fn until<T>(&self, look: impl Fn(&State) -> Option<T>) -> T {
        loop {
            let mut moved = pin!(self.moved.notified());
            moved.as_mut().enable();
            if let Some(found) = look(&self.state()) {
                return found;
            }
            moved.await;
        }
    }

    /// How many events are known to wait, those being handled included, and how far all lanes are.
    pub(super) fn shown(&self) -> (u64, u64) {
        let state = self.state();
        // What is passed over at the next commit is finished already.
        let upto = state.ahead.range(..state.first_left()).next_back().copied().unwrap_or(state.upto);
        (state.outside + state.out() as u64, upto)
    }
}

impl State {
    fn begin_at(&mut self, finished: &Finished) {
        self.upto = finished.upto;
        self.newest = finished.upto;
        self.ahead = finished.ahead.iter().copied().collect();
        self.seats.iter_mut().for_each(|seat| *seat = Seat::default());
    }

    fn out(&self) -> usize {
        self.seats.iter().map(|seat| seat.out.len()).sum()
    }

    /// Whether one more event may be handed out. Where none is out, the next is the oldest that is not finished:
    /// it never comes to be ahead of another.
    fn has_room(&self) -> bool {
        let out = self.out();
        out == 0 || (out < MAX_OUT && out + self.ahead.len() < MAX_AHEAD)
    }

    /// A lane has finished all that it was given up to `finished`.
    fn finish(&mut self, lane: usize, finished: u64) {
        let Some(seat) = self.seats.get_mut(lane) else { return };
        while let Some(seq) = seat.out.pop_front_if(|seq| *seq <= finished) {
            self.ahead.insert(seq);
        }
        let ahead = self.ahead.split_off(&self.first_left());
        self.upto = std::mem::replace(&mut self.ahead, ahead).last().copied().unwrap_or(self.upto).max(self.upto);
    }

    /// All before this one is finished.
    fn first_left(&self) -> u64 {
        let first_out = self.seats.iter().filter_map(|seat| seat.out.front().copied()).min();
        first_out.unwrap_or(u64::MAX).min(self.newest.saturating_add(1))
    }

    fn ahead(&self) -> Vec<u64> {
        self.ahead.iter().copied().collect()
    }

    fn step(&self, after: u64, before: Vec<u64>) -> Step {
        Step { after, finished: self.upto, ahead: Ahead { before, seqs: self.ahead() } }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot set up has failed")]
    use super::*;
    use proptest::prelude::*;
    use tollgate_core::event::Entity;
    use tollgate_core::events::EventType;
    use tollgate_core::time::Timestamp;
    use uuid::Uuid;

    fn event(seq: u64, entity: Option<&str>, session: Option<&str>) -> Arc<Event> {
        Arc::new(Event {
            seq,
            id: Uuid::nil(),
            event_type: EventType::parse("demo.tick").unwrap(),
            ts: Timestamp(0),
            source: "test".into(),
            entity: entity.map(|id| Entity { kind: "task".into(), id: id.into() }),
            session: session.map(Arc::from),
            root: Uuid::nil(),
            depth: 0,
            payload: "{}".into(),
        })
    }

    #[test]
    fn an_event_belongs_to_its_entity_else_its_session_else_the_first_instance() {
        let of = |entity: Option<&str>, session: Option<&str>| instance_of(&event(1, entity, session), 8);
        assert_eq!(of(Some("a"), Some("s")), of(Some("a"), Some("t")), "the entity decides");
        assert_eq!(of(None, None), 0);
        let spread = |of: &dyn Fn(&str) -> usize| {
            let names: Vec<String> = (0..64).map(|name| name.to_string()).collect();
            names.iter().map(|name| of(name)).collect::<BTreeSet<_>>().len()
        };
        assert_eq!(spread(&|name| of(Some(name), None)), 8, "entities are spread over all");
        assert_eq!(spread(&|name| of(None, Some(name))), 8, "and so are sessions");
        assert_eq!(instance_of(&event(1, Some("a"), None), 1), 0);
    }

    #[test]
    fn what_is_handed_out_and_what_is_ahead_is_bounded() {
        let share = Share::new(2, &Finished::default());
        let slow = (0..).map(|name: u32| name.to_string());
        let slow = slow.into_iter().find(|name| instance_of(&event(0, Some(name), None), 2) == 1).unwrap();
        let stuck = event(1, Some(&slow), None);
        let mut events: VecDeque<_> =
            std::iter::once(stuck).chain((2..).map(|seq| event(seq, None, None)).take(3 * MAX_AHEAD)).collect();
        share.hand_out(&mut events, 0, 0);
        assert_eq!(share.shown(), (3 * MAX_AHEAD as u64 + 1, 0));
        assert_eq!(share.state().out(), MAX_OUT);
        // The first event is never finished: the others are, until as many are ahead of it as may be.
        let mut longest = 0;
        for _ in 0..100 {
            let newest = share.state().newest;
            longest = share.commit(0, 0, newest, |step| step.ahead.seqs.len()).unwrap();
            share.hand_out(&mut events, 0, 0);
        }
        assert_eq!(longest, MAX_AHEAD - 1);
        // Opened anew with as many ahead, the first one is handed out all the same.
        let finished = Finished { upto: 0, ahead: (2..).take(MAX_AHEAD).collect() };
        share.reopened(&finished);
        let mut events = VecDeque::from([event(1, Some(&slow), None), event(9_999, None, None)]);
        share.hand_out(&mut events, 0, 0);
        assert_eq!((events.len(), share.state().out()), (1, 1));
        let step = share.commit(1, 1, 1, |step| (step.after, step.finished, step.ahead.seqs.len())).unwrap();
        assert_eq!(step, (0, 1, MAX_AHEAD), "what lies between them may come still");
        assert_eq!(share.shown(), (1, 1));
        // The inbox has come to the end of them: nothing does.
        events.clear();
        share.hand_out(&mut events, 0, 1_001);
        assert_eq!(share.shown(), (0, 1_001));
        let step = share.commit(1, 1, 1, |step| (step.after, step.finished, step.ahead)).unwrap();
        assert_eq!(step, (1, 1_001, Ahead { before: finished.ahead, seqs: Vec::new() }));
    }

    #[test]
    fn what_was_handed_out_before_a_failure_is_void() {
        let share = Share::new(1, &Finished::default());
        share.took(&[event(1, None, None), event(2, None, None)], 0);
        assert!(share.commit(0, 0, 1, |_| ()).is_some());
        share.fail(0);
        assert!(share.commit(0, 0, 2, |_| ()).is_none());
        share.reopened(&Finished { upto: 1, ahead: Vec::new() });
        assert!(share.commit(0, 0, 2, |_| ()).is_none(), "of the generation before");
        share.took(&[event(2, None, None)], 0);
        assert_eq!(share.commit(0, share.generation(), 2, |step| (step.after, step.finished)), Some((1, 2)));
    }

    proptest! {
        /// Whatever the order in which lanes finish, the cursor passes no event that is not finished, and what is
        /// ahead of it is just what else is.
        #[test]
        fn the_cursor_passes_finished_events_alone(
            lanes in proptest::collection::vec(0_usize..4, 1..60),
            turns in proptest::collection::vec((0_usize..4, 1_usize..5), 0..80),
            cut in 0_usize..80,
        ) {
            let mut finished = BTreeSet::new();
            let mut share = Share::new(4, &Finished::default());
            // As if the hash had said so.
            let give = |share: &Share, finished: &BTreeSet<u64>| {
                let mut state = share.state();
                for (at, lane) in lanes.iter().enumerate() {
                    let seq = 2 * at as u64 + 1;
                    if !finished.contains(&seq) {
                        state.seats[*lane].out.push_back(seq);
                        state.newest = seq;
                    }
                }
            };
            give(&share, &finished);
            let mut recorded = Finished::default();
            for (turn, (lane, count)) in turns.iter().enumerate() {
                if turn == cut {
                    // A restart: what is recorded is all that is known.
                    share = Share::new(4, &recorded);
                    give(&share, &finished);
                }
                let mine: Vec<u64> = share.state().seats[*lane].out.iter().take(*count).copied().collect();
                let Some(last) = mine.last() else { continue };
                let step = share.commit(*lane, 0, *last, |step| step).unwrap();
                prop_assert_eq!((step.after, &step.ahead.before), (recorded.upto, &recorded.ahead));
                finished.extend(mine);
                recorded = Finished { upto: step.finished, ahead: step.ahead.seqs };
                let known: BTreeSet<u64> = lanes
                    .iter()
                    .enumerate()
                    .map(|(at, _)| 2 * at as u64 + 1)
                    .filter(|seq| *seq <= recorded.upto || recorded.ahead.contains(seq))
                    .collect();
                prop_assert_eq!(&known, &finished);
            }
        }
    }
}
