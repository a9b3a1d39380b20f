//! The one task that ends interactions when their time is up.
//!
//! Sleeps until the earliest expiry, or until one is asked that may be earlier; asks the journal for what is due
//! each time, so what ran out while the host was down is found at the start.

use super::{Inner, State};
use crate::bus::EmitError;
use crate::journal::{End, JournalError};
use crate::time::{Clock, Timestamp};
use futures_util::future::join_all;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Notify;

/// Most interactions ended at a time: what one commit takes.
const AT_ONCE: usize = 256;
/// The longest sleep while something waits: a timer stands still while the machine sleeps, and the clock does not.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// The sleep after the journal refused, which may pass.
const AFTER_REFUSAL: Duration = Duration::from_secs(5);

/// How one ends that ran out by `at`.
pub(super) fn end(at: Timestamp) -> End {
    End {
        state: State::Expired,
        decision: Some(State::Expired.as_str().to_owned()),
        answer: None,
        by: None,
        at,
        unspent: false,
    }
}

/// Runs until the interactions or the journal are gone.
pub(super) async fn run(interactions: Weak<Inner>, asked: Arc<Notify>, clock: Clock) {
    loop {
        let Some(inner) = interactions.upgrade() else { return };
        let next = sweep(&inner).await;
        drop(inner);
        let sleep = match next {
            Ok(None) => {
                asked.notified().await;
                continue;
            }
            Ok(Some(next)) => clock.now().until(next).min(LONGEST_SLEEP),
            Err(EmitError::Journal(JournalError::Closed)) => return,
            Err(error) => {
                tracing::warn!(%error, "interactions that ran out stay as they are for now");
                AFTER_REFUSAL
            }
        };
        tokio::select! {
            () = asked.notified() => {}
            () = clock.sleep(sleep) => {}
        }
    }
}

/// Ends all that is due; when the next one is.
async fn sweep(inner: &Arc<Inner>) -> Result<Option<Timestamp>, EmitError> {
    loop {
        let now = inner.bus.clock().now();
        let due = inner.read(move |journal| journal.due_interactions(now, AT_ONCE)).await?;
        if due.is_empty() {
            return Ok(inner.read(|journal| journal.next_expiry()).await?);
        }
        for ended in join_all(due.iter().map(|due| inner.settle(due, end(now), None))).await {
            let _first_or_not = ended?;
        }
    }
}
