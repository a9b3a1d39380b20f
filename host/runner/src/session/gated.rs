//! What the gate asks people about the calls of a session's agent: seen on the bus, since the gate knows no runner.

use crate::told::RUNNER;
use serde::Deserialize;
use std::borrow::Cow;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use tollgate_core::bus::{Bus, Delivery, Follow};
use tollgate_core::event::Event;
use tollgate_core::events::PatternSet;
use tollgate_core::events::payload::{INTERACTION_REQUESTED, INTERACTION_RESOLVED};
use tollgate_core::interactions::Kind;

/// How long it is until a read that the journal refused is tried again.
const READ_AGAIN: Duration = Duration::from_secs(1);

/// One approval of a session's that is not its own, by the question's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Gated {
    Asked(Arc<str>),
    Ended(Arc<str>),
}

/// The approvals that others ask about one session, from when this is made on.
pub(super) struct Gate {
    session: Arc<str>,
    /// None once the bus is closed.
    follow: Option<Follow>,
    /// When it is read again where the journal refused it: kept here, since nobody may wait for it to the end.
    again_at: Instant,
}

impl Gate {
    pub(super) fn of(bus: &Bus, session: &Arc<str>) -> Self {
        let patterns = PatternSet::parse([INTERACTION_REQUESTED, INTERACTION_RESOLVED]).unwrap_or_default();
        // None is dropped: one that nobody saw end would hold the session up for good.
        let follow = bus.follow(bus.journal().head(), patterns);
        Self { session: Arc::clone(session), follow: Some(follow), again_at: Instant::now() }
    }

    /// The next; never where nothing comes any more. Cancel-safe.
    pub(super) async fn next(&mut self) -> Gated {
        loop {
            let Some(follow) = &mut self.follow else { return pending().await };
            sleep_until(self.again_at).await;
            match follow.next_batch(1).await {
                Ok(Some(deliveries)) => {
                    if let Some(gated) = deliveries.iter().find_map(|delivery| self.read(delivery)) {
                        return gated;
                    }
                }
                Ok(None) => self.follow = None,
                // It is where it was, so that nothing is missed once the journal can be read again.
                Err(error) => {
                    tracing::warn!(session = %self.session, %error, "runner.gate: what is asked about a session is not seen now");
                    self.again_at = Instant::now() + READ_AGAIN;
                }
            }
        }
    }

    fn read(&self, delivery: &Delivery) -> Option<Gated> {
        #[derive(Deserialize)]
        struct Asked<'a> {
            #[serde(borrow)]
            kind: Cow<'a, str>,
            interaction_id: Arc<str>,
        }
        let Delivery::Event(event) = delivery else { return None };
        let Event { event_type, source, session, payload, .. } = &**event;
        if session.as_ref() != Some(&self.session) {
            return None;
        }
        let asked: Asked<'_> = serde_json::from_str(payload).ok()?;
        match event_type.as_str() {
            // Its own it knows of before they are told.
            INTERACTION_REQUESTED if asked.kind == Kind::Approval.as_str() && **source != *RUNNER => {
                Some(Gated::Asked(asked.interaction_id))
            }
            INTERACTION_RESOLVED => Some(Gated::Ended(asked.interaction_id)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

    use super::*;
    use serde_json::json;
    use std::task::Poll;
    use tollgate_core::bus::{BusOptions, QUEUE_EVENTS};
    use tollgate_core::event::Draft;
    use tollgate_core::events::EventType;
    use tollgate_core::journal::{Durability, JournalOptions};
    use tollgate_core::time::Clock;

    fn asked(session: &str, id: &str) -> Draft {
        let payload = json!({"chat_id": "c", "kind": "approval", "interaction_id": id}).to_string();
        Draft::new(EventType::parse(INTERACTION_REQUESTED).unwrap(), "core", payload).in_session(session)
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_asked_while_the_journal_cannot_be_read_is_seen_once_it_can() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("journal.db");
        let journal = JournalOptions { path: path.clone(), durability: Durability::Normal };
        let bus = Bus::open(BusOptions { journal, filter: None, clock: Clock::system() }).unwrap();
        let mut gate = Gate::of(&bus, &"s1".into());
        let mut next = Box::pin(gate.next());
        assert!(std::future::poll_fn(|context| Poll::Ready(next.as_mut().poll(context).is_pending())).await);
        drop(next);
        // More than its queue holds, so that the rest is read from the journal.
        let mut drafts = vec![asked("another", "a"); QUEUE_EVENTS];
        drafts.push(asked("s1", "b"));
        for batch in drafts.chunks(QUEUE_EVENTS / 2) {
            bus.emit_batch(batch.to_vec()).await.unwrap();
        }
        let others = rusqlite::Connection::open(&path).unwrap();
        let damaged = others.execute("UPDATE events SET payload = CAST(payload AS BLOB) WHERE session = 's1'", []);
        assert_eq!(damaged.unwrap(), 1);
        assert!(tokio::time::timeout(READ_AGAIN * 5, gate.next()).await.is_err(), "it cannot be read");
        others.execute("UPDATE events SET payload = CAST(payload AS TEXT)", []).unwrap();
        let seen = tokio::time::timeout(READ_AGAIN * 5, gate.next()).await;
        assert_eq!(seen, Ok(Gated::Asked("b".into())));
    }
}
