//! What a plugin's manager holds of its lanes, and what it asks of them. Changes all of them or none.

use super::drain::Drain;
use super::inbox::{Inbox, Opened};
use super::share::{Share, instance_of};
use super::spawn;
use crate::component::{Rejection, Stage};
use crate::context::Context;
use crate::guest::Guest;
use crate::plugin::Plugin;
use crate::retry::{Again, RetryOutcome, RetryRefusal};
use crate::version::{Version, init_failed};
use futures_util::future::join_all;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot, watch};
use tollgate_core::bus::Bus;

/// Commands that may wait for a lane: one change and one try of a dead letter at a time, and tries that nobody
/// waits for any more.
pub(super) const COMMANDS: usize = 4;

/// What the plugin's manager asks of a lane.
pub(super) enum Command {
    /// Commit everything, tell `held`, and wait for what comes next; where nothing does, go on.
    Hold { held: oneshot::Sender<()>, next: oneshot::Receiver<Next> },
    /// Give the guest an event once more.
    Retry { what: Again, done: oneshot::Sender<Result<RetryOutcome, RetryRefusal>> },
    /// Finish the call in flight, commit, stop the guest, end.
    Stop { done: oneshot::Sender<()> },
}

/// What a lane that is held does next; `done` is told once its old guest is gone, for which it has `until`.
pub(super) enum Next {
    /// Serve with this version from the next event on; without a guest it makes one. `reopen`: what it was given is
    /// void.
    Serve { version: Arc<Version>, guest: Option<Box<Guest>>, reopen: bool, until: Instant, done: oneshot::Sender<()> },
    /// Stop the guest, end.
    End { until: Instant, done: oneshot::Sender<()> },
}

/// The running lanes of a plugin, one for each instance.
pub(crate) struct LaneHandle {
    pub(super) context: Arc<Context>,
    pub(super) plugin: Arc<Plugin>,
    pub(super) lanes: Vec<mpsc::Sender<Command>>,
    pub(super) drain: Drain,
    pub(super) share: Arc<Share>,
    /// What serves; dropping it ends what hands out events.
    pub(super) version: watch::Sender<Arc<Version>>,
}

impl LaneHandle {
    /// Swaps at the next boundary between events, for which a call in flight is stopped after the old version's
    /// `drain_ms`; returns when the old guests are gone.
    ///
    /// # Errors
    /// When no guest of the version could be made there, or its events not be read: the old one keeps serving.
    pub(crate) async fn swap(&mut self, version: Arc<Version>) -> Result<(), Rejection> {
        let old = Arc::clone(&self.version.borrow());
        let until = Instant::now() + old.grant.delivery.drain();
        let draining = self.drain.begin(until);
        // The new guests read from the journal what the old ones stored: they are made here, where all of it is
        // there, and not before.
        let Some(held) = self.hold().await else { return Ok(()) };
        // Nothing is under way; what a lane calls from here on, it calls after the change.
        drop(draining);
        let (context, new) = (Arc::clone(&self.context), Arc::clone(&version));
        let guest = match self.context.guests.spawn(async move { new.fresh_guest(&context).await }).await {
            Ok(Ok(guest)) => guest,
            Ok(Err(fault)) => return Err(init_failed(fault)),
            // The host is ending.
            Err(_) => return Ok(()),
        };
        if version.grant.delivery.instances() != self.lanes.len() {
            let opened = open(&self.context, &version).await?;
            go_on(held, |done| Next::End { until, done }).await;
            *self = spawn(&self.context, &self.plugin, version, guest, opened);
            return Ok(());
        }
        let reopen = old.description.subscriptions != version.description.subscriptions
            || old.grant.delivery.mode != version.grant.delivery.mode;
        self.version.send_replace(Arc::clone(&version));
        if reopen && self.lanes.len() > 1 {
            self.share.fail(self.share.generation());
        }
        let mut guest = Some(Box::new(guest));
        go_on(held, |done| Next::Serve { version: Arc::clone(&version), guest: guest.take(), reopen, until, done })
            .await;
        Ok(())
    }

    /// Has every lane come to a boundary with everything committed; none where one has ended, which lanes do by
    /// themselves only with the host.
    async fn hold(&self) -> Option<Vec<oneshot::Sender<Next>>> {
        let held = self.lanes.iter().map(async |commands| {
            let (next, told) = oneshot::channel();
            let (held, is_held) = oneshot::channel();
            commands.send(Command::Hold { held, next: told }).await.ok()?;
            is_held.await.ok().map(|()| next)
        });
        join_all(held).await.into_iter().collect()
    }

    /// What a letter is tried with, for as long as the try takes: the handle may be gone by then.
    pub(crate) fn retrier(&self) -> Retrier {
        Retrier { bus: self.context.bus.clone(), lanes: self.lanes.clone() }
    }

    /// Ends the lanes; returns when everything they did is committed. A call in flight is stopped after the
    /// version's `drain_ms`, and its event waits.
    pub(crate) async fn stop(self) {
        let _draining = self.drain.begin(Instant::now() + self.version.borrow().grant.delivery.drain());
        let stopped = self.lanes.iter().map(async |commands| {
            let (done, stopped) = oneshot::channel();
            // None: it has ended already.
            let _ = send(commands, Command::Stop { done }, stopped).await;
        });
        join_all(stopped).await;
    }
}

/// Opens the inbox of a version.
pub(super) async fn open(context: &Context, version: &Version) -> Result<Opened, Rejection> {
    let opened = Inbox::open(&context.bus, version).await;
    opened.map_err(|error| Rejection::passing(Stage::Init, format!("its cursor: {error}")))
}

/// Tells lanes that are held what to do, and waits until they have done it.
async fn go_on(held: Vec<oneshot::Sender<Next>>, mut next: impl FnMut(oneshot::Sender<()>) -> Next) {
    let done = held.into_iter().filter_map(|lane| {
        let (done, is_done) = oneshot::channel();
        lane.send(next(done)).is_ok().then_some(is_done)
    });
    // An error means that the lane has ended.
    join_all(done).await;
}

/// A way to have running lanes give their guests an event once more.
pub(crate) struct Retrier {
    bus: Bus,
    lanes: Vec<mpsc::Sender<Command>>,
}

impl Retrier {
    /// The outcome; none where the lane ended before there was one.
    pub(crate) async fn retry(&self, what: Again) -> Option<Result<RetryOutcome, RetryRefusal>> {
        let (done, tried) = oneshot::channel();
        send(self.lane_of(&what).await?, Command::Retry { what, done }, tried).await
    }

    /// The lane that the event belongs to: no other may be handling one of the same entity meanwhile. An event that
    /// cannot be read is refused by any lane.
    async fn lane_of(&self, what: &Again) -> Option<&mpsc::Sender<Command>> {
        if self.lanes.len() < 2 {
            return self.lanes.first();
        }
        let event = match what {
            Again::Event(event) => Some(Arc::clone(event)),
            Again::Letter(seq) => {
                let (journal, seq) = (self.bus.journal().clone(), *seq);
                tokio::task::spawn_blocking(move || journal.event(seq).ok().flatten()).await.ok().flatten()
            }
        };
        let instance = event.map_or(0, |event| instance_of(&event, self.lanes.len()));
        self.lanes.get(instance)
    }
}

/// The lane's answer; none where it has ended.
async fn send<T>(commands: &mpsc::Sender<Command>, command: Command, done: oneshot::Receiver<T>) -> Option<T> {
    commands.send(command).await.ok()?;
    done.await.ok()
}
