//! Where a lane's events come from: the journal at the plugin's cursor, or the live bus.

use super::is_durable;
use crate::version::Version;
use std::sync::Arc;
use tollgate_core::bus::{Bus, Delivery, DurableSubscription, Start, Subscription};
use tollgate_core::event::Event;
use tollgate_core::journal::{Finished, JournalError};

/// An inbox with what the plugin had finished when it was opened.
pub(super) type Opened = (Inbox, Finished);

pub(super) enum Inbox {
    Durable(DurableSubscription),
    Live(Subscription),
    /// It subscribes to nothing (a guard that only gates), or is between two subscriptions.
    Closed,
}

impl Inbox {
    /// Opens it, and says what the plugin has finished: its first commit comes after that.
    pub(super) async fn open(bus: &Bus, version: &Version) -> Result<Opened, JournalError> {
        let patterns = version.description.subscriptions.clone();
        if patterns.is_empty() {
            return Ok((Self::Closed, Finished::default()));
        }
        let name = Arc::clone(&version.plugin);
        if is_durable(version) {
            let subscription = bus.durable(name, patterns, version.grant.delivery.start).await?;
            let finished = subscription.finished().clone();
            return Ok((Self::Durable(subscription), finished));
        }
        // Before the subscription, so that whatever it delivers comes after the cursor.
        let finished = bus.finished(Arc::clone(&name), Start::Head).await?;
        Ok((Self::Live(bus.subscribe_as(name, patterns)), finished))
    }

    /// The next events, in seq order; none when the bus is closed. Cancel-safe.
    pub(super) async fn next(&mut self, max: usize) -> Result<Option<Vec<Arc<Event>>>, JournalError> {
        match self {
            Self::Durable(subscription) => subscription.next_batch(max).await,
            Self::Live(subscription) => Ok(loop {
                match subscription.next().await {
                    Some(Delivery::Event(event)) => break Some(vec![event]),
                    // What was dropped is counted by the bus; a live plugin chose not to wait for it.
                    Some(Delivery::Gap { .. }) => {}
                    None => break None,
                }
            }),
            Self::Closed => std::future::pending().await,
        }
    }

    /// The newest seq that came, or did not come since it was finished; 0 where that is not known.
    pub(super) fn passed(&self) -> u64 {
        match self {
            Self::Durable(subscription) => subscription.passed(),
            Self::Live(_) | Self::Closed => 0,
        }
    }

    pub(super) fn waiting(&self) -> u64 {
        match self {
            Self::Durable(subscription) => subscription.waiting() as u64,
            Self::Live(_) | Self::Closed => 0,
        }
    }
}
