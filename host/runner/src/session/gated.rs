//! What the gate asks people about the calls of a session's agent: seen on the bus, since the gate knows no runner.

use crate::told::RUNNER;
use serde::Deserialize;
use std::borrow::Cow;
use std::future::pending;
use std::sync::Arc;
use tollgate_core::bus::{Bus, Delivery, Follow};
use tollgate_core::event::Event;
use tollgate_core::events::PatternSet;
use tollgate_core::events::payload::{INTERACTION_REQUESTED, INTERACTION_RESOLVED};
use tollgate_core::interactions::Kind;

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
}

impl Gate {
    pub(super) fn of(bus: &Bus, session: &Arc<str>) -> Self {
        let patterns = PatternSet::parse([INTERACTION_REQUESTED, INTERACTION_RESOLVED]).unwrap_or_default();
        // None is dropped: one that nobody saw end would hold the session up for good.
        let follow = bus.follow(bus.journal().head(), patterns);
        Self { session: Arc::clone(session), follow: Some(follow) }
    }

    /// The next; never where nothing comes any more. Cancel-safe.
    pub(super) async fn next(&mut self) -> Gated {
        loop {
            let Some(follow) = &mut self.follow else { return pending().await };
            match follow.next_batch(1).await {
                Ok(Some(deliveries)) => {
                    if let Some(gated) = deliveries.iter().find_map(|delivery| self.read(delivery)) {
                        return gated;
                    }
                }
                Ok(None) => self.follow = None,
                Err(error) => {
                    tracing::warn!(session = %self.session, %error, "runner.gate: what is asked about a session is not seen any more");
                    self.follow = None;
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
