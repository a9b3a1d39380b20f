//! One client of `/ws` that said who it is: its sessions, what it is told of them, and what it has them do.

use super::said::{Code, Message, Position, Terminal, Trouble};
use super::told::{TOLD, notice};
use super::{now, pong};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::feed::{Came, Feed, Kind, place};
use crate::frames::Format;
use crate::line::{Gone, Heard, Line};
use crate::query::{Since, Wanted, since};
use crate::runner;
use crate::scope::Needs;
use crate::state::State;
use crate::tenure::{Places, Tenure};
use axum::extract::ws::Utf8Bytes;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tokio::time::sleep_until;
use tollgate_core::bus::Delivery;
use tollgate_core::event::{Event, MAX_NAME_BYTES};
use tollgate_core::events::PatternSet;
use tollgate_core::interactions::Answer;
use tollgate_runner::Size;

/// Most sessions that one client is told of: more than anyone looks at, and each event is looked up among them.
pub(crate) const MAX_SESSIONS: usize = 256;
/// Events of the past that are read at a time, and their bytes: the last page of the journal's that is read is whole.
const REPLAY_EVENTS: usize = 256;
const REPLAY_BYTES: usize = 1024 * 1024;

/// What the journal holds of a session that a client is still to be told.
struct Replay {
    session: Arc<str>,
    wanted: Wanted,
    after: u64,
    /// The last seq of it.
    upto: u64,
    /// The journal's bounds, where what was asked for is of another journal or kept no more.
    reset: Option<(u64, u64)>,
}

pub(super) struct Connection {
    state: State,
    caller: Caller,
    line: Line,
    tenure: Tenure,
    /// Each with the seq after which what comes is told as it comes: what is up to there is the past.
    sessions: BTreeMap<Arc<str>, u64>,
    /// None while there is no session to be told of.
    feed: Option<Feed>,
    /// Of different sessions, each at most once.
    replays: VecDeque<Replay>,
    _places: Places,
}

impl Connection {
    pub(super) fn new(state: State, caller: Caller, line: Line, places: Places) -> Self {
        let tenure = Tenure::of(&state, &caller);
        let (sessions, replays) = (BTreeMap::new(), VecDeque::new());
        Self { state, caller, line, tenure, sessions, feed: None, replays, _places: places }
    }

    /// Serves it to its end.
    pub(super) async fn serve(mut self) {
        let mut tenure = self.tenure.clone();
        let gone = loop {
            let turned = tokio::select! {
                // Also in the middle of what is told: who may no longer hear it hears no more.
                end = tenure.over() => Err(end.into()),
                turned = self.turn() => turned,
            };
            if let Err(gone) = turned {
                break gone;
            }
        };
        let Self { line, feed, .. } = self;
        drop(feed);
        line.end(gone).await;
    }

    /// One thing: of the client, of the past, of what happens, or of the clock.
    async fn turn(&mut self) -> Result<(), Gone> {
        let until = self.line.keep().await?;
        let replays = !self.replays.is_empty();
        let feed = self.feed.as_mut();
        let came = async {
            match feed {
                // What is past comes first.
                Some(_) if replays => None,
                Some(feed) => feed.came(until).await,
                None => {
                    sleep_until(until).await;
                    None
                }
            }
        };
        tokio::select! {
            received = self.line.receive() => match self.line.heard(received).await? {
                Heard::Text(text) => self.hear(&text).await,
                Heard::Binary => self.complain(&Trouble::invalid("a message is text")).await,
                Heard::Signal => Ok(()),
            },
            came = came => match came {
                None => self.replay().await,
                Some(Came::Over(end)) => Err(end.into()),
                Some(Came::Reset { oldest, newest }) => self.reset(None, oldest, newest).await,
                Some(Came::Deliveries(deliveries)) => {
                    let texts: Vec<_> = deliveries.iter().filter_map(|delivery| self.text(delivery)).collect();
                    self.line.tell(texts).await
                }
            },
        }
    }

    /// What a delivery is to this client.
    fn text(&self, delivery: &Delivery) -> Option<Utf8Bytes> {
        match delivery {
            Delivery::Event(event) => {
                let feed = self.feed.as_ref()?;
                let after = event.session.as_ref().and_then(|session| self.sessions.get(session));
                if after.is_some_and(|after| event.seq > *after) && feed.takes(event) {
                    return Some(self.frame(event));
                }
                feed.leave_out();
                None
            }
            Delivery::Gap { from, to, count } => {
                let data = json!({"from": from, "to": to, "count": count});
                Some(notice("gap", None, &now(&self.state), data).to_string().into())
            }
        }
    }

    fn frame(&self, event: &Event) -> Utf8Bytes {
        self.state.frames.text(event, Format::ControlPlane)
    }

    async fn reset(&mut self, session: Option<&str>, oldest: u64, newest: u64) -> Result<(), Gone> {
        let data = json!({"oldest": oldest, "newest": newest});
        self.line.answer(&notice("journal_reset", session, &now(&self.state), data)).await
    }

    /// Tells the next of what is past, where there is some.
    async fn replay(&mut self) -> Result<(), Gone> {
        let Some(mut replay) = self.replays.pop_front() else { return Ok(()) };
        if let Some((oldest, newest)) = replay.reset.take() {
            self.reset(Some(&*replay.session), oldest, newest).await?;
        }
        let journal = self.state.bus.journal().clone();
        let query = replay.wanted.page(replay.after, REPLAY_EVENTS);
        let read = tokio::task::spawn_blocking(move || journal.read_within(&query, REPLAY_BYTES)).await;
        let events = match read {
            Ok(Ok(events)) => events,
            Ok(Err(error)) => {
                // Told of as it happens alone, it would never hear of its past: it asks for both once more.
                self.unsubscribe(&replay.session);
                return self.complain(&refused(error).of(&replay.session)).await;
            }
            Err(_) => return Err(Gone::Left),
        };
        let Some(last) = events.last().map(|event| event.seq) else { return Ok(()) };
        let wanted = events.iter().filter(|event| event.seq <= replay.upto && replay.wanted.takes(event));
        let texts: Vec<_> = wanted.map(|event| self.frame(event)).collect();
        replay.after = last;
        if last < replay.upto {
            self.replays.push_front(replay);
        }
        self.line.tell(texts).await
    }

    async fn complain(&mut self, trouble: &Trouble) -> Result<(), Gone> {
        self.line.answer(&trouble.frame(&now(&self.state))).await
    }

    async fn hear(&mut self, text: &str) -> Result<(), Gone> {
        let answer = match self.caller.take() {
            Ok(()) => self.answer(text).await,
            Err(error) => Err(error.into()),
        };
        match answer {
            Ok(Some(answer)) => self.line.answer(&answer).await,
            Ok(None) => Ok(()),
            Err(trouble) => self.complain(&trouble).await,
        }
    }

    async fn answer(&mut self, text: &str) -> Result<Option<Value>, Trouble> {
        match Message::read(text)? {
            Message::Authenticate { .. } => {
                Err(Trouble::invalid("you have said who you are; connect again to be somebody else"))
            }
            Message::Ping {} => Ok(Some(pong(&self.state))),
            Message::Subscribe { session_id, since } => {
                let subscribed = self.subscribe(&session_id, since).await;
                subscribed.map(Some).map_err(|trouble| trouble.of(&session_id))
            }
            Message::Unsubscribe { session_id } => {
                self.own(&session_id)?;
                self.unsubscribe(&session_id);
                Ok(Some(notice("unsubscribed", Some(&session_id), &now(&self.state), json!({}))))
            }
            Message::Terminal(Terminal::Input { session_id, data }) => {
                self.steers(&session_id)?;
                let typed = self.state.runner.input(&session_id, data.into_bytes()).await;
                typed.map(|()| None).map_err(|error| refused(error).of(&session_id))
            }
            Message::Terminal(Terminal::Resize { session_id, cols, rows }) => {
                self.steers(&session_id)?;
                let resized = self.state.runner.resize(&session_id, Size { cols, rows }).await;
                resized.map(|()| None).map_err(|error| refused(error).of(&session_id))
            }
            Message::Approval { session_id, approval_id, decision, answer } => {
                self.own(&session_id)?;
                self.may(runner::ANSWERS, &session_id)?;
                let answer = Answer { decision, answer };
                let resolution = runner::answered(&self.state, &self.caller, &session_id, &approval_id, answer).await;
                let resolution = resolution.map_err(|error| Trouble::from(error).of(&session_id))?;
                let found = &resolution.interaction;
                let data = json!({"approvalId": approval_id, "first": resolution.first, "state": found.state.as_str(),
                    "decision": found.decision, "resolvedBy": found.resolved_by});
                Ok(Some(notice("approval_answered", Some(&session_id), &now(&self.state), data)))
            }
        }
    }

    /// What HTTP needs of who does the same.
    fn may(&self, needs: Needs, session: &str) -> Result<(), Trouble> {
        self.caller.must(needs).map_err(|error| refused(error).of(session))
    }

    fn own(&self, session: &str) -> Result<(), Trouble> {
        if self.sessions.contains_key(session) {
            return Ok(());
        }
        Err(Trouble::new(Code::NotSubscribed, "subscribe to this session first").of(session))
    }

    fn steers(&self, session: &str) -> Result<(), Trouble> {
        self.own(session)?;
        self.may(runner::STEERS, session)
    }

    async fn subscribe(&mut self, session: &str, position: Option<Position>) -> Result<Value, Trouble> {
        if session.is_empty() || session.len() > MAX_NAME_BYTES || session.contains(char::is_control) {
            let message = format!("`sessionId`: 1 to {MAX_NAME_BYTES} bytes without control characters");
            return Err(Trouble::invalid(message));
        }
        self.caller.must(Needs::ReadSome)?;
        if !self.caller.reach.session(Some(session)) {
            return Err(Trouble::new(Code::Forbidden, "this token does not name the session (`sessions`)"));
        }
        let session: Arc<str> = session.into();
        if !self.sessions.contains_key(&session) {
            if self.sessions.len() >= MAX_SESSIONS {
                let message = format!("at most {MAX_SESSIONS} sessions at a time; unsubscribe from one first");
                return Err(Trouble::new(Code::TooMany, message));
            }
            let past = match position {
                Some(position) => Some(past(&self.state, position).await?),
                None => None,
            };
            self.follow().await?;
            let upto = self.state.bus.journal().head();
            if let Some((after, reset)) = past {
                let wanted =
                    Wanted { patterns: Some(patterns()), session: Some(Arc::clone(&session)), ..Wanted::default() };
                let wanted = wanted.readable_by(&self.caller);
                self.replays.push_back(Replay { session: Arc::clone(&session), wanted, after, upto, reset });
            }
            self.sessions.insert(Arc::clone(&session), upto);
        }
        let state = self.state.runner.get(&session).map(|status| status.state.as_str());
        let seq = self.sessions.get(&session);
        Ok(notice("subscribed", Some(&session), &now(&self.state), json!({"state": state, "seq": seq})))
    }

    /// Follows what may be told, where it does not yet.
    async fn follow(&mut self) -> Result<(), Trouble> {
        if self.feed.is_some() {
            return Ok(());
        }
        let head = self.state.bus.journal().head();
        let wanted = Wanted { patterns: Some(patterns()), since: Some(Since::Seq(head)), ..Wanted::default() };
        self.feed = Some(Feed::begin(&self.state, self.caller.clone(), wanted, Kind::ControlPlane).await?);
        Ok(())
    }

    fn unsubscribe(&mut self, session: &str) {
        self.sessions.remove(session);
        self.replays.retain(|replay| &*replay.session != session);
        if self.sessions.is_empty() {
            self.feed = None;
        }
    }
}

/// Where the past begins that is asked for, and the journal's bounds where it is not there any more.
async fn past(state: &State, position: Position) -> Result<(u64, Option<(u64, u64)>), Trouble> {
    let from = match position {
        Position::Seq(seq) => Since::Seq(seq),
        Position::Text(text) => since(&text, state.bus.clock().now())?,
    };
    let journal = state.bus.journal().clone();
    let found = tokio::task::spawn_blocking(move || place(&journal, Some(from))).await;
    found.map_err(|error| ApiError::internal(&error))?.map_err(refused)
}

fn refused(error: impl Into<ApiError>) -> Trouble {
    error.into().into()
}

/// What may be told of a session. They are written here, and well.
fn patterns() -> PatternSet {
    PatternSet::parse(TOLD.iter().map(|(told, _)| *told)).unwrap_or_default()
}
