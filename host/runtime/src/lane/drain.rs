//! How long a change of a plugin waits for what its lanes have under way.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;
use tokio::sync::watch;

/// Says to a plugin's lanes that they are waited for, and until when.
pub(super) struct Drain(Arc<watch::Sender<Option<Instant>>>);

/// While it lives, the lanes are waited for.
pub(super) struct Draining(Arc<watch::Sender<Option<Instant>>>);

/// A lane's view of it.
#[derive(Clone)]
pub(super) struct Due(watch::Receiver<Option<Instant>>);

impl Drain {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }

    pub(super) fn due(&self) -> Due {
        Due(self.0.subscribe())
    }

    /// Whatever lanes have under way ends by `until`.
    pub(super) fn begin(&self, until: Instant) -> Draining {
        self.0.send_replace(Some(until));
        Draining(Arc::clone(&self.0))
    }
}

impl Drop for Draining {
    fn drop(&mut self) {
        self.0.send_replace(None);
    }
}

impl Due {
    /// Of a change that waits until then, whatever else is said.
    pub(super) fn at(until: Instant) -> Self {
        Self(watch::Sender::new(Some(until)).subscribe())
    }

    /// Drives `call` to its end; none where a change waited for it for as long as it may, which drops it.
    pub(super) async fn within<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        let mut call = pin!(call);
        // Looked at only once the call waits: most never do.
        let mut due = pin!(async { self.clone().passed().await });
        std::future::poll_fn(|context| {
            if let Poll::Ready(result) = call.as_mut().poll(context) {
                return Poll::Ready(Some(result));
            }
            // A guest that computes comes by at every epoch, and may keep the timers from being looked at.
            if self.is_past() || due.as_mut().poll(context).is_ready() {
                return Poll::Ready(None);
            }
            Poll::Pending
        })
        .await
    }

    /// Resolves when no change waits any more.
    pub(super) async fn called_off(&self) {
        // An error: nobody is left to ask for one.
        let _ = self.0.clone().wait_for(Option::is_none).await;
    }

    fn is_past(&self) -> bool {
        self.0.borrow().is_some_and(|at| at <= Instant::now())
    }

    async fn passed(mut self) {
        loop {
            let at = *self.0.borrow_and_update();
            let changed = match at {
                Some(at) => match tokio::time::timeout_at(at.into(), self.0.changed()).await {
                    Ok(changed) => changed,
                    Err(_) => return,
                },
                None => self.0.changed().await,
            };
            if changed.is_err() {
                // Nobody is left to call it off, or to ask for another.
                return match at {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn a_call_is_dropped_once_a_change_has_waited_for_long_enough() {
        let drain = Drain::new();
        let due = drain.due();
        assert_eq!(due.within(async { 1 }).await, Some(1));
        let draining = drain.begin(Instant::now());
        assert_eq!(due.within(async { 2 }).await, Some(2), "one that is done is not lost");
        assert_eq!(due.within(std::future::pending::<()>()).await, None);
        drop(draining);
        let waiting = async {
            tokio::task::yield_now().await;
            let draining = drain.begin(Instant::now() + Duration::from_millis(20));
            std::future::pending::<()>().await;
            drop(draining);
        };
        assert!(
            tokio::select! { called = due.within(std::future::pending::<()>()) => called.is_none(), () = waiting => false }
        );
    }
}
