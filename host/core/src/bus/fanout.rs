//! The one way out: hands committed events to the subscribers that want their type, in seq order.
//!
//! Owns the subscribers, the routes from type to subscribers, and the counts by type.

use super::outcomes::Outcomes;
use super::subscriber::{Subscriber, WhenFull};
use crate::event::Event;
use crate::journal::lock;
use crate::time::Timestamp;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use tollgate_events::{EventType, PatternSet};

/// Most types counted by name; the rest are counted as `other`.
pub(super) const COUNTED_TYPES: usize = 1_024;
/// Most routes kept for types that are not counted by name; then all of them are forgotten.
const OTHER_ROUTES: usize = 4_096;

type Route = Arc<[Arc<Subscriber>]>;

/// The fan-out and its lock.
pub(super) struct Fanout(Mutex<State>);

#[derive(Default)]
struct State {
    outcomes: Arc<Outcomes>,
    subscribers: Vec<Arc<Subscriber>>,
    made: u64,
    known: HashMap<EventType, Known>,
    others: HashMap<EventType, Route>,
    other_published: u64,
    published: u64,
    last_event: Option<Timestamp>,
    /// The last seq handed over: who attaches now gets everything after it.
    last_seq: u64,
    closed: bool,
}

struct Known {
    published: u64,
    route: Option<Route>,
}

/// Counts of what was handed over.
pub(super) struct Counts {
    pub(super) published: u64,
    pub(super) last_event: Option<Timestamp>,
    pub(super) by_type: BTreeMap<String, u64>,
    pub(super) subscribers: Vec<super::SubscriberStatistics>,
}

impl Fanout {
    /// Without subscribers; who waits for what becomes of an event is told of those that are dropped.
    pub(super) fn new(outcomes: Arc<Outcomes>) -> Self {
        Self(Mutex::new(State { outcomes, ..State::default() }))
    }

    /// The subscribers with a name that want this type now.
    pub(super) fn named(&self, event_type: &EventType) -> Vec<Arc<str>> {
        let state = lock(&self.0);
        let wanting = state.subscribers.iter().filter(|it| it.has_name() && it.patterns().matches(event_type));
        let mut names: Vec<_> = wanting.map(|subscriber| subscriber.name()).collect();
        // While a plugin changes how many instances it has, it is there twice.
        let mut seen = HashSet::new();
        names.retain(|name| seen.insert(Arc::clone(name)));
        names
    }

    /// Says where the journal ended when it was opened.
    pub(super) fn start_after(&self, seq: u64) {
        lock(&self.0).last_seq = seq;
    }

    /// Hands over committed events. Called in seq order, by one thread at a time.
    pub(super) fn publish(&self, events: &[Arc<Event>]) {
        let mut state = lock(&self.0);
        for event in events {
            state.published += 1;
            state.last_event = Some(event.ts);
            state.last_seq = event.seq;
            for subscriber in state.route(&event.event_type).iter() {
                subscriber.offer(event);
            }
        }
    }

    /// Adds a subscriber that gets what comes from now on.
    pub(super) fn subscribe(
        &self,
        name: Option<Arc<str>>,
        patterns: PatternSet,
        when_full: WhenFull,
    ) -> Arc<Subscriber> {
        let mut state = lock(&self.0);
        let subscriber = state.add(name, patterns, when_full);
        subscriber.attach(state.last_seq);
        subscriber
    }

    /// Adds a subscriber that gets nothing before it is attached.
    pub(super) fn subscribe_detached(
        &self,
        name: Option<Arc<str>>,
        patterns: PatternSet,
        when_full: WhenFull,
    ) -> Arc<Subscriber> {
        lock(&self.0).add(name, patterns, when_full)
    }

    /// Has a subscriber want something else from the next event on.
    pub(super) fn set_patterns(&self, subscriber: &Subscriber, patterns: Arc<PatternSet>) {
        let mut state = lock(&self.0);
        subscriber.set_patterns(patterns);
        state.forget_routes();
    }

    pub(super) fn unsubscribe(&self, subscriber: &Subscriber) {
        let mut state = lock(&self.0);
        state.subscribers.retain(|kept| kept.id != subscriber.id);
        state.forget_routes();
    }

    /// Attaches a subscriber that has read up to `position`: from the seq returned on, exclusive, its queue gets
    /// every matching event.
    pub(super) fn attach(&self, subscriber: &Subscriber, position: u64) -> u64 {
        let state = lock(&self.0);
        let after = state.last_seq.max(position);
        subscriber.attach(after);
        after
    }

    pub(super) fn close(&self) {
        let mut state = lock(&self.0);
        state.closed = true;
        state.subscribers.iter().for_each(|subscriber| subscriber.close());
    }

    pub(super) fn is_closed(&self) -> bool {
        lock(&self.0).closed
    }

    pub(super) fn counts(&self) -> Counts {
        let state = lock(&self.0);
        let mut by_type: BTreeMap<_, _> =
            state.known.iter().map(|(name, known)| (name.to_string(), known.published)).collect();
        by_type.retain(|_, published| *published > 0);
        if state.other_published > 0 {
            by_type.insert("other".to_owned(), state.other_published);
        }
        Counts {
            published: state.published,
            last_event: state.last_event,
            by_type,
            subscribers: state.subscribers.iter().map(|subscriber| subscriber.statistics(state.last_seq)).collect(),
        }
    }
}

impl State {
    fn add(&mut self, name: Option<Arc<str>>, patterns: PatternSet, when_full: WhenFull) -> Arc<Subscriber> {
        self.made += 1;
        let subscriber = Subscriber::new(self.made, name, patterns, when_full, Arc::clone(&self.outcomes));
        let subscriber = Arc::new(subscriber);
        if self.closed {
            subscriber.close();
        }
        self.subscribers.push(Arc::clone(&subscriber));
        self.forget_routes();
        subscriber
    }

    /// Who wants this type, which is counted. Flat in the number of subscribers once a type is known.
    fn route(&mut self, event_type: &EventType) -> Route {
        if let Some(known) = self.known.get_mut(event_type) {
            known.published += 1;
            return Arc::clone(known.route.get_or_insert_with(|| find_route(&self.subscribers, event_type)));
        }
        if self.known.len() < COUNTED_TYPES {
            let route = find_route(&self.subscribers, event_type);
            self.known.insert(event_type.clone(), Known { published: 1, route: Some(Arc::clone(&route)) });
            return route;
        }
        self.other_published += 1;
        if let Some(route) = self.others.get(event_type) {
            return Arc::clone(route);
        }
        let route = find_route(&self.subscribers, event_type);
        if self.others.len() >= OTHER_ROUTES {
            self.others.clear();
        }
        self.others.insert(event_type.clone(), Arc::clone(&route));
        route
    }

    fn forget_routes(&mut self) {
        self.others.clear();
        self.known.values_mut().for_each(|known| known.route = None);
    }
}

fn find_route(subscribers: &[Arc<Subscriber>], event_type: &EventType) -> Route {
    subscribers.iter().filter(|subscriber| subscriber.patterns().matches(event_type)).cloned().collect()
}
