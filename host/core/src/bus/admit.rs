//! Letting drafts in: bounds, names, depth, events per root, payload shape, redaction. In that order.
//!
//! The one place where a draft becomes an event. Knows nothing of the journal or of subscribers.

use super::EmitError;
use crate::event::{Draft, Entity, Event, MAX_DEPTH, MAX_EVENTS_PER_ROOT, MAX_NAME_BYTES, MAX_PAYLOAD_BYTES};
use crate::journal::lock;
use crate::redact::{self, redact};
use crate::time::{Clock, Timestamp};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tollgate_events::{EventType, PatternSet};
use uuid::{ContextV7, Uuid};

/// Roots counted in each of two generations; the older one is forgotten when the younger one is full. A root
/// that 4,096 others have overtaken is counted from nothing again, which only a very slow storm notices.
const COUNTED_ROOTS: usize = 4_096;

/// What the journal says of itself: that payloads were blanked, that events went. Nobody else may say so.
const OWN_DOMAIN: &str = "journal";
/// The domains of the gate's facts: a verdict is given, and protection lifted, only once these are recorded.
const GATE_DOMAINS: [&str; 2] = ["tool", "protection"];

/// What the bus lets in.
pub(super) struct Admission {
    pub(super) clock: Clock,
    filter: Option<PatternSet>,
    ids: Mutex<ContextV7>,
    roots: Mutex<Roots>,
}

impl Admission {
    pub(super) fn new(clock: Clock, filter: Option<PatternSet>) -> Self {
        Self { clock, filter, ids: Mutex::new(ContextV7::new()), roots: Mutex::default() }
    }

    /// Whether `draft` would be let in. Counts nothing.
    pub(super) fn check(&self, draft: &Draft) -> Result<(), EmitError> {
        self.check_shape(draft)?;
        if may_outgrow(draft) {
            redacted(draft.clone())?;
        }
        if let Some(cause) = draft.cause
            && lock(&self.roots).count(cause.root) >= MAX_EVENTS_PER_ROOT
        {
            return Err(root_spent());
        }
        Ok(())
    }

    /// Makes an event of `draft`, without seq, and counts it for its root.
    pub(super) fn admit(&self, draft: Draft) -> Result<Event, EmitError> {
        self.check_shape(&draft)?;
        let draft = redacted(draft)?;
        if let Some(cause) = draft.cause
            && !lock(&self.roots).add(cause.root)
        {
            return Err(root_spent());
        }
        Ok(self.event(draft))
    }

    /// As [`Admission::admit`], for what a handler staged while [`Admission::check`] allowed it: counted, not
    /// refused, since refusing would drop the rest of the handler's work. So one root exceeds its bound by at
    /// most what the handlers under way have staged. `again`: for an event that was given before, whose emits are
    /// counted, or on record, already.
    pub(super) fn admit_staged(&self, draft: Draft, again: bool) -> Result<Event, EmitError> {
        self.check_shape(&draft)?;
        let draft = redacted(draft)?;
        if let Some(cause) = draft.cause.filter(|_| !again) {
            lock(&self.roots).add(cause.root);
        }
        Ok(self.event(draft))
    }

    /// Whether the filter takes this type. What the gate decided is on record whatever the filter says.
    pub(super) fn lets_in(&self, event_type: &EventType) -> bool {
        GATE_DOMAINS.contains(&event_type.domain())
            || self.filter.as_ref().is_none_or(|filter| filter.matches(event_type))
    }

    fn check_shape(&self, draft: &Draft) -> Result<(), EmitError> {
        if !self.lets_in(&draft.event_type) {
            return Err(EmitError::Filtered(draft.event_type.clone()));
        }
        if draft.event_type.domain() == OWN_DOMAIN {
            return Err(EmitError::Field {
                field: "type",
                reason: format!("{OWN_DOMAIN}.* is the journal's own to record"),
            });
        }
        check_size(&draft.payload)?;
        check_names(draft)?;
        if draft.cause.is_some_and(|cause| cause.depth >= MAX_DEPTH) {
            return Err(EmitError::TooDeep(format!("a chain of causes has at most {MAX_DEPTH} links")));
        }
        tollgate_events::payload::check(draft.event_type.as_str(), &draft.payload)?;
        Ok(())
    }

    fn event(&self, draft: Draft) -> Event {
        let now = self.clock.now();
        let id = draft.id.unwrap_or_else(|| self.new_id(now));
        let (root, depth) = match draft.cause {
            Some(cause) => (cause.root, cause.depth + 1),
            None => (id, 0),
        };
        Event {
            seq: 0,
            id,
            event_type: draft.event_type,
            ts: draft.ts.unwrap_or(now),
            source: draft.source,
            entity: draft.entity,
            session: draft.session,
            root,
            depth,
            payload: draft.payload,
        }
    }

    /// A UUID v7 greater than the last one of this bus, whatever the clock does.
    fn new_id(&self, now: Timestamp) -> Uuid {
        let millis = u64::try_from(now.0).unwrap_or(0);
        let nanos = u32::try_from(millis % 1_000).unwrap_or(0) * 1_000_000;
        let context = lock(&self.ids);
        let at = uuid::Timestamp::from_unix(&*context, millis / 1_000, nanos);
        drop(context);
        Uuid::new_v7(at)
    }
}

/// The draft without its secrets: a name can be a URL, and a URL can carry a password. What is over its bound
/// only then is refused too.
fn redacted(draft: Draft) -> Result<Draft, EmitError> {
    let clean = |text: Arc<str>| match redact(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(clean) => clean.into(),
    };
    let draft = Draft {
        payload: clean(draft.payload),
        source: clean(draft.source),
        entity: draft.entity.map(|entity| Entity { kind: clean(entity.kind), id: clean(entity.id) }),
        session: draft.session.map(clean),
        ..draft
    };
    check_size(&draft.payload)?;
    check_names(&draft)?;
    Ok(draft)
}

/// What another journal recorded, held to the bounds of what comes in and without its secrets. Its type's shape is
/// not looked at: it may be an older one.
pub(crate) fn check_recorded(event: Event) -> Result<Event, EmitError> {
    let draft = Draft {
        event_type: event.event_type.clone(),
        payload: event.payload,
        source: event.source,
        entity: event.entity,
        session: event.session,
        id: None,
        ts: None,
        cause: None,
    };
    check_size(&draft.payload)?;
    check_names(&draft)?;
    let Draft { payload, source, entity, session, .. } = redacted(draft)?;
    Ok(Event { payload, source, entity, session, ..event })
}

/// Whether redaction could bring the draft over a bound.
fn may_outgrow(draft: &Draft) -> bool {
    draft.payload.len() > MAX_PAYLOAD_BYTES / redact::MAX_GROWTH
        || names(draft).any(|(_, name)| name.len() > MAX_NAME_BYTES / redact::MAX_GROWTH)
}

/// The draft's names, and what they are called where they are refused.
fn names(draft: &Draft) -> impl Iterator<Item = (&'static str, &Arc<str>)> {
    let entity = draft.entity.iter().flat_map(|entity| [("entity.kind", &entity.kind), ("entity.id", &entity.id)]);
    std::iter::once(("source", &draft.source)).chain(entity).chain(draft.session.iter().map(|name| ("session", name)))
}

fn check_names(draft: &Draft) -> Result<(), EmitError> {
    names(draft).try_for_each(|(field, name)| check_name(field, name))
}

fn check_size(payload: &str) -> Result<(), EmitError> {
    if payload.len() > MAX_PAYLOAD_BYTES { Err(EmitError::TooLarge(payload.len())) } else { Ok(()) }
}

fn root_spent() -> EmitError {
    EmitError::TooDeep(format!("one outside event sets off at most {MAX_EVENTS_PER_ROOT} events"))
}

/// Checks a name: not empty, within [`MAX_NAME_BYTES`], no control characters.
pub(crate) fn check_name(field: &'static str, text: &str) -> Result<(), EmitError> {
    let refuse = |reason: String| Err(EmitError::Field { field, reason });
    if text.is_empty() {
        return refuse("is empty".to_owned());
    }
    if text.len() > MAX_NAME_BYTES {
        return refuse(format!("has {} bytes, at most {MAX_NAME_BYTES} are taken", text.len()));
    }
    if text.chars().any(char::is_control) {
        return refuse("holds a control character".to_owned());
    }
    Ok(())
}

/// How many events each recent root has, itself included. Events from outside are not counted until
/// something follows from them.
#[derive(Default)]
struct Roots {
    young: HashMap<Uuid, u32>,
    old: HashMap<Uuid, u32>,
}

impl Roots {
    fn count(&self, root: Uuid) -> u32 {
        self.young.get(&root).or_else(|| self.old.get(&root)).copied().unwrap_or(1)
    }

    /// Counts one more; false where the root has had its share.
    fn add(&mut self, root: Uuid) -> bool {
        let count = self.count(root);
        if self.young.len() >= COUNTED_ROOTS && !self.young.contains_key(&root) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(root, count.saturating_add(1));
        count < MAX_EVENTS_PER_ROOT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counted_roots_are_bounded_and_recent_ones_are_kept() {
        let mut roots = Roots::default();
        let busy = Uuid::from_u128(0);
        for round in 1..=10 * u128::try_from(COUNTED_ROOTS).unwrap_or(u128::MAX) {
            roots.add(Uuid::from_u128(round));
            if round % 1_000 == 0 {
                roots.add(busy);
            }
        }
        assert!(roots.young.len() <= COUNTED_ROOTS && roots.old.len() <= COUNTED_ROOTS);
        assert_eq!(roots.count(busy), 41, "the root itself and forty that followed");
    }

    #[test]
    fn ids_grow_though_the_clock_goes_back() {
        let clock = Clock::fixed(Timestamp(1_700_000_000_000));
        let admission = Admission::new(clock.clone(), None);
        let first = admission.new_id(clock.now());
        clock.set(Timestamp(1_600_000_000_000));
        let second = admission.new_id(clock.now());
        assert!(first < second, "{first} {second}");
        assert_eq!(second.get_version_num(), 7);
    }
}
