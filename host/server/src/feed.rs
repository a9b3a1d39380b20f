//! What a live client is fed, whichever way it is connected: its filter, its place in the journal, and the join of
//! what the journal holds with what happens next. Owns the client's place and its counters; writes no frame of its own.

use crate::allowance::Allowance;
use crate::caller::Caller;
use crate::clients::Present;
use crate::control::AddressBook;
use crate::error::ApiError;
use crate::frames::{Format, Frames};
use crate::query::{Since, Wanted};
use crate::state::State;
use crate::tenure::{End, Places, Tenure};
use axum::extract::ws::Utf8Bytes;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tollgate_core::bus::{Delivery, Follow};
use tollgate_core::event::Event;
use tollgate_core::events::PatternSet;
use tollgate_core::journal::{Cursor, Journal, JournalError};
use tollgate_core::time::Clock;

/// A client that has nothing to hear hears so this often, so that both ends notice a dead connection.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);
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
    /// The same, of rooms and hooks.
    SocketIo,
    /// The same, of sessions.
    ControlPlane,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::ServerSent => "sse",
            Self::Socket => "websocket",
            Self::Frontend => "frontend",
            Self::SocketIo => "socketio",
            Self::ControlPlane => "control",
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

/// What came, before it is put into words.
#[derive(Debug)]
pub(crate) enum Came {
    /// The client's cursor is of another journal, or older than what is kept: all that is kept follows.
    Reset {
        oldest: u64,
        newest: u64,
    },
    Deliveries(Vec<Delivery>),
    /// It is over, for this reason.
    Over(End),
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
    addresses: Arc<AddressBook>,
    reset: Option<(u64, u64)>,
    client: Present,
    tenure: Tenure,
    allowance: Option<Arc<Allowance>>,
    /// Given back with it; none where whoever has it holds them.
    _places: Option<Places>,
}

impl Feed {
    /// Takes a place and begins where the client wants to.
    pub(crate) async fn open(state: &State, caller: Caller, wanted: Wanted, kind: Kind) -> Result<Self, ApiError> {
        if wanted.until.is_some() || wanted.newest {
            let message = "`until` and `newest` are for /api/events; a stream has no end";
            return Err(ApiError::bad_request("bad_query", message));
        }
        let places = Places::take(state, &caller)?;
        let mut feed = Self::begin(state, caller, wanted, kind).await?;
        feed._places = Some(places);
        Ok(feed)
    }

    /// The same for who has its place already.
    pub(crate) async fn begin(state: &State, caller: Caller, wanted: Wanted, kind: Kind) -> Result<Self, ApiError> {
        let wanted = wanted.readable_by(&caller);
        let journal = state.bus.journal().clone();
        let epoch = journal.epoch();
        let since = wanted.since;
        let begin = tokio::task::spawn_blocking(move || place(&journal, since)).await;
        let (after, reset) = begin.map_err(|error| ApiError::internal(&error))??;
        let patterns = wanted.patterns.clone().unwrap_or_else(PatternSet::all);
        let follow = match kind {
            Kind::ServerSent => state.bus.follow(after, patterns.clone()),
            Kind::Socket | Kind::Frontend | Kind::SocketIo | Kind::ControlPlane => {
                state.bus.watch(after, patterns.clone())
            }
        };
        let format = if kind == Kind::Frontend { Format::Frontend } else { wanted.format };
        let client = state.clients.enter(follow.name(), kind.as_str(), Arc::clone(&caller.name));
        Ok(Self {
            follow,
            tenure: Tenure::of(state, &caller),
            allowance: caller.allowance,
            wanted,
            patterns,
            epoch,
            clock: state.bus.clock().clone(),
            format,
            frames: Arc::clone(&state.frames),
            addresses: Arc::clone(&state.control.addresses),
            reset,
            client,
            _places: None,
        })
    }

    /// Done when it is over, also while what it gave last is still being told.
    pub(crate) fn over(&self) -> impl Future<Output = End> + Send + 'static {
        let mut tenure = self.tenure.clone();
        async move { tenure.over().await }
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

    /// What comes next, in words for the client, once there is something; none when `until` has come. Cancel-safe.
    pub(crate) async fn next(&mut self, until: Instant) -> Option<Next> {
        Some(match self.came(until).await? {
            Came::Over(end) => Next::Over(end),
            Came::Reset { oldest, newest } => {
                let payload = json!({"oldest": oldest, "newest": newest}).to_string();
                Next::Said(vec![Said::Notice(self.format.notice("journal.reset", self.clock.now(), &payload))])
            }
            Came::Deliveries(deliveries) => {
                Next::Said(deliveries.iter().filter_map(|delivery| self.said(delivery)).collect())
            }
        })
    }

    /// What comes next as it is, once there is something; none when `until` has come. Cancel-safe.
    pub(crate) async fn came(&mut self, until: Instant) -> Option<Came> {
        if let Some((oldest, newest)) = self.reset.take() {
            return Some(Came::Reset { oldest, newest });
        }
        let batch = tokio::select! {
            end = self.tenure.over() => return Some(Came::Over(end)),
            batch = tokio::time::timeout_at(until, self.follow.next_batch(BATCH_EVENTS)) => batch.ok()?,
        };
        Some(match batch {
            Ok(Some(deliveries)) => Came::Deliveries(deliveries),
            Ok(None) => Came::Over(End::Closing),
            Err(error) => {
                tracing::warn!(%error, "a stream ended");
                Came::Over(End::Closing)
            }
        })
    }

    /// Whether an event that came is one that the client asked for and may read.
    pub(crate) fn takes(&self, event: &Event) -> bool {
        self.wanted.takes(event)
    }

    /// An event that came is not told.
    pub(crate) fn leave_out(&self) {
        self.client.leave_out();
    }

    fn said(&self, delivery: &Delivery) -> Option<Said> {
        match delivery {
            Delivery::Event(event) if self.takes(event) => {
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
            self.addresses.clear();
        }
    }
}

/// Where to go on after, and the journal's bounds where the client's cursor is not of this journal or is
/// older than what is kept: then everything that is kept follows.
pub(crate) fn place(journal: &Journal, since: Option<Since>) -> Result<(u64, Option<(u64, u64)>), JournalError> {
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
