//! What a live client is fed, whichever way it is connected: its filter, its place in the journal, and the join of
//! what the journal holds with what happens next. Owns the client's place and its counters; writes no frame of its own.

use crate::allowance::Allowance;
use crate::caller::Caller;
use crate::clients::Present;
use crate::error::ApiError;
use crate::frames::{Format, Frames};
use crate::query::{Since, Wanted};
use crate::serve::until_true;
use crate::state::State;
use axum::extract::ws::Utf8Bytes;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;
use tollgate_core::bus::{Delivery, Follow};
use tollgate_core::events::PatternSet;
use tollgate_core::journal::{Cursor, Journal, JournalError};
use tollgate_core::time::{Clock, Timestamp};

/// A client that has nothing to hear hears so this often, so that both ends notice a dead connection.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often the clock is looked at while a token's time runs: what is connected ends within that of its end.
const CLOCK_LOOK: Duration = Duration::from_millis(500);
/// Most events in one write.
const BATCH_EVENTS: usize = 256;

/// How a client is connected, which says what becomes of it when it falls behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It reads on from the journal: its own reading is its queue.
    ServerSent,
    /// It loses the oldest and is told.
    Socket,
    /// The same, in a frontend's own frames.
    Frontend,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::ServerSent => "sse",
            Self::Socket => "websocket",
            Self::Frontend => "frontend",
        }
    }
}

/// One thing to tell a client.
#[derive(Debug)]
pub(crate) enum Said {
    /// An event, and where in the journal it is.
    Event(u64, Utf8Bytes),
    /// What the stream itself says; it has no place in the journal.
    Notice(String),
}

/// What comes next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Something to tell; it can be empty where nothing of it was wanted.
    Said(Vec<Said>),
    /// It is over, for this reason.
    Over(End),
}

/// Why a feed is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The host stops, or its journal cannot be read.
    Closing,
    /// The token that it came with was taken back.
    Revoked,
    /// The token that it came with counts no more.
    Expired,
}

impl End {
    /// In words for the client.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Closing => "the host stops",
            Self::Revoked => "the token was taken back",
            Self::Expired => "the token's time is over",
        }
    }
}

/// What one client holds; all of it is released when the client leaves.
pub(crate) struct Feed {
    follow: Follow,
    wanted: Wanted,
    /// The patterns that count now.
    patterns: PatternSet,
    epoch: u64,
    clock: Clock,
    format: Format,
    frames: Arc<Frames>,
    reset: Option<(u64, u64)>,
    client: Present,
    closing: watch::Receiver<bool>,
    ended: Option<watch::Receiver<bool>>,
    until: Option<Timestamp>,
    allowance: Option<Arc<Allowance>>,
    _places: (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>),
}

impl Feed {
    /// Takes a place and begins where the client wants to.
    pub(crate) async fn open(state: &State, caller: Caller, wanted: Wanted, kind: Kind) -> Result<Self, ApiError> {
        if wanted.until.is_some() || wanted.newest {
            let message = "`until` and `newest` are for /api/events; a stream has no end";
            return Err(ApiError::bad_request("bad_query", message));
        }
        let wanted = wanted.readable_by(&caller);
        let own = match &caller.allowance {
            Some(allowance) => Some(allowance.live().ok_or_else(|| {
                let message = format!("`{}` has as many live connections as it may; close one first", caller.name);
                ApiError::too_many("too_many_connections", message)
            })?),
            None => None,
        };
        let place = state.streams.clone().try_acquire_owned();
        let place = place.map_err(|_| ApiError::busy("too many live streams; close one and try again"))?;
        let journal = state.bus.journal().clone();
        let epoch = journal.epoch();
        let since = wanted.since;
        let begin = tokio::task::spawn_blocking(move || begin(&journal, since)).await;
        let (after, reset) = begin.map_err(|error| ApiError::internal(&error))??;
        let patterns = wanted.patterns.clone().unwrap_or_else(PatternSet::all);
        let follow = match kind {
            Kind::ServerSent => state.bus.follow(after, patterns.clone()),
            Kind::Socket | Kind::Frontend => state.bus.watch(after, patterns.clone()),
        };
        let format = if kind == Kind::Frontend { Format::Frontend } else { wanted.format };
        let client = state.clients.enter(follow.name(), kind.as_str(), Arc::clone(&caller.name));
        Ok(Self {
            follow,
            ended: caller.allowance.as_ref().map(|allowance| allowance.ended()),
            until: caller.until,
            allowance: caller.allowance,
            wanted,
            patterns,
            epoch,
            clock: state.bus.clock().clone(),
            format,
            frames: Arc::clone(&state.frames),
            reset,
            client,
            closing: state.closing.subscribe(),
            _places: (place, own),
        })
    }

    /// Done when it is over, also while what it gave last is still being told.
    pub(crate) fn over(&self) -> impl Future<Output = End> + Send + 'static {
        let (mut closing, mut ended) = (self.closing.clone(), self.ended.clone());
        let (clock, until) = (self.clock.clone(), self.until);
        async move { over(&mut closing, &mut ended, &clock, until).await }
    }

    /// The journal that its cursors are of.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Takes what one operation costs from what the client may ask; whether there was enough.
    pub(crate) fn may_ask(&self) -> bool {
        self.allowance.as_ref().is_none_or(|allowance| allowance.take().is_ok())
    }

    /// The patterns that count now.
    pub(crate) fn patterns(&self) -> &PatternSet {
        &self.patterns
    }

    /// Has other patterns count from the next event on.
    pub(crate) fn set_patterns(&mut self, patterns: PatternSet) {
        self.follow.set_patterns(patterns.clone());
        self.patterns = patterns;
    }

    /// The client is done with everything up to this seq.
    pub(crate) fn acknowledge(&self, seq: u64) {
        self.client.acknowledge(seq);
    }

    /// What comes next, once there is something; none when `until` has come. Cancel-safe.
    pub(crate) async fn next(&mut self, until: Instant) -> Option<Next> {
        if let Some((oldest, newest)) = self.reset.take() {
            let payload = json!({"oldest": oldest, "newest": newest}).to_string();
            let notice = self.format.notice("journal.reset", self.clock.now(), &payload);
            return Some(Next::Said(vec![Said::Notice(notice)]));
        }
        let batch = tokio::select! {
            end = over(&mut self.closing, &mut self.ended, &self.clock, self.until) => return Some(Next::Over(end)),
            batch = tokio::time::timeout_at(until, self.follow.next_batch(BATCH_EVENTS)) => batch.ok()?,
        };
        Some(match batch {
            Ok(Some(deliveries)) => Next::Said(deliveries.iter().filter_map(|delivery| self.said(delivery)).collect()),
            Ok(None) => Next::Over(End::Closing),
            Err(error) => {
                tracing::warn!(%error, "a stream ended");
                Next::Over(End::Closing)
            }
        })
    }

    fn said(&self, delivery: &Delivery) -> Option<Said> {
        match delivery {
            Delivery::Event(event) if self.wanted.takes(event) => {
                Some(Said::Event(event.seq, self.frames.text(event, self.format)))
            }
            Delivery::Event(_) => {
                self.client.leave_out();
                None
            }
            Delivery::Gap { from, to, count } => {
                let payload = json!({"from": from, "to": to, "count": count}).to_string();
                Some(Said::Notice(self.format.notice("stream.gap", self.clock.now(), &payload)))
            }
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        // Whoever comes next finds nothing of use in what the last one was sent.
        if self.client.leave() {
            self.frames.clear();
        }
    }
}

/// Done when one who came with such a token is to be let go.
async fn over(
    closing: &mut watch::Receiver<bool>,
    ended: &mut Option<watch::Receiver<bool>>,
    clock: &Clock,
    until: Option<Timestamp>,
) -> End {
    tokio::select! {
        () = until_true(closing) => End::Closing,
        () = revoked(ended) => End::Revoked,
        () = expired(clock, until) => End::Expired,
    }
}

async fn revoked(ended: &mut Option<watch::Receiver<bool>>) {
    match ended {
        Some(ended) => until_true(ended).await,
        None => std::future::pending().await,
    }
}

async fn expired(clock: &Clock, until: Option<Timestamp>) {
    let Some(until) = until else { return std::future::pending().await };
    // In pieces, so that a clock that is set meanwhile counts.
    while clock.now() < until {
        clock.sleep(clock.now().until(until).min(CLOCK_LOOK)).await;
    }
}

/// Where to go on after, and the journal's bounds where the client's cursor is not of this journal or is
/// older than what is kept: then everything that is kept follows.
fn begin(journal: &Journal, since: Option<Since>) -> Result<(u64, Option<(u64, u64)>), JournalError> {
    let head = journal.head();
    match since {
        None => Ok((head, None)),
        Some(Since::Time(at)) => {
            let query = tollgate_core::journal::Query { since: Some(at), limit: 1, ..Default::default() };
            let first = journal.read(&query)?;
            Ok((first.first().map_or(head, |event| event.seq.saturating_sub(1)), None))
        }
        Some(Since::Seq(seq)) => resume(journal, Cursor { epoch: journal.epoch(), seq }, head),
        Some(Since::Cursor(cursor)) => resume(journal, cursor, head),
    }
}

fn resume(journal: &Journal, cursor: Cursor, head: u64) -> Result<(u64, Option<(u64, u64)>), JournalError> {
    let (oldest, newest) = (journal.oldest()?, journal.head());
    let ours = cursor.epoch == journal.epoch() && cursor.seq <= newest.max(head);
    // Seq 0 is "from the beginning", whatever the beginning is.
    let kept = cursor.seq == 0 || cursor.seq.saturating_add(1) >= oldest;
    if ours && kept { Ok((cursor.seq, None)) } else { Ok((oldest.saturating_sub(1), Some((oldest, newest)))) }
}
