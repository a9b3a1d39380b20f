//! Socket.IO, for official clients of version 4: rooms of villages, repositories and agents, and dashboards of hooks.
//!
//! Owns the library's service and the bounds in front of it: who is let in, how many, how long they may take to say who
//! they are. Its path is a row of the table of routes like any other, so nothing is answered before the door is passed.

mod address_book;
mod connection;
pub(crate) mod dashboard;
mod held;
mod joins;
mod pace;
mod questions;
mod rooms;
pub(crate) mod said;
mod wire;

use crate::access::Access;
use crate::caller::{Caller, whose};
use crate::error::ApiError;
use crate::feed::KEEP_ALIVE;
use crate::line::MAX_FRAME_BYTES;
use crate::query::{Since, cursor};
use crate::router::{BODY_TIMEOUT, MAX_BODY_BYTES};
use crate::scope::Needs;
use crate::serve::Place;
use crate::stall::Written;
use crate::state::{MAX_STREAMS, State};
use crate::tenure::{self, OwnPlace, Tenure};
pub(crate) use address_book::AddressBook;
use axum::body::Body;
use axum::extract::{Request, State as Shared};
use axum::http::header::{CONTENT_LENGTH, UPGRADE};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use connection::{Connection, Guest, Wishes, join};
use held::Held;
pub(crate) use rooms::{Kind as RoomKind, Room, rooms_named, rooms_of_start};
use rooms::{MAX_ROOMS, Rooms};
use said::{Code, Trouble};
use serde::Deserialize;
use socketioxide::adapter::LocalAdapter;
use socketioxide::handler::{ConnectHandler, FromConnectParts, Value as Packet};
use socketioxide::socket::Socket;
use socketioxide::{ParserConfig, SocketIo, TransportType};
use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;
use wire::{Inbox, Taken};

/// Packets that the library holds for a client that does not take them yet: our own queue is in front, and this one
/// drops the newest. It is made as small as keeps a fast client busy.
pub(crate) const BUFFER: usize = 128;
/// How long a client may take to say who it is once it is connected.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one may take to move from one transport to the other.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one may take to answer a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Most clients that have not said who they are.
pub(crate) const MAX_KNOCKING: usize = 128;
/// Most connections of the library's, with those that are let go and do not leave.
pub(crate) const MAX_SESSIONS: usize = MAX_STREAMS + 2 * MAX_KNOCKING;
/// Bytes of a WebSocket that are read at once: clients say little.
const READ_BUFFER_BYTES: usize = 8 * 1024;

/// The library's service, and who has a place in it.
pub(crate) struct Control {
    service: BoxCloneSyncService<Request, Response, Infallible>,
    io: SocketIo,
    sessions: Arc<Semaphore>,
    knocking: Arc<Semaphore>,
    /// Connections that took over from polling before who polls had said who it is, by the library's id.
    early: Mutex<HashMap<String, Written>>,
    pub(crate) addresses: Arc<AddressBook>,
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").finish_non_exhaustive()
    }
}

/// A connection's place in the library, for as long as it holds the request that began it.
#[derive(Debug, Clone)]
struct Seat {
    _session: Arc<OwnedSemaphorePermit>,
    /// Given back once it has said who it is.
    knocking: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
    /// Its place among those of whoever it said it is: whoever is let go and stays connected keeps it.
    own: Arc<Mutex<Option<OwnPlace>>>,
    held: Held,
}

impl Seat {
    /// Takes a place among the caller's own, where it has none yet: who says that it is somebody else gives back what it had.
    fn take_own(&self, caller: &Caller) -> Result<(), ApiError> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if !own.as_ref().is_some_and(|own| own.is_of(caller)) {
            *own = Some(OwnPlace::take(caller)?);
        }
        Ok(())
    }

    fn admitted(&self) {
        *self.knocking.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Control {
    pub(crate) fn new() -> Self {
        let frame = u64::try_from(MAX_FRAME_BYTES).unwrap_or(u64::MAX);
        let (service, io) = SocketIo::builder()
            .transports([TransportType::Polling, TransportType::Websocket])
            .ping_interval(KEEP_ALIVE)
            .ping_timeout(PING_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .upgrade_timeout(UPGRADE_TIMEOUT)
            .max_buffer_size(BUFFER)
            .max_payload(frame)
            .ws_max_message_size(MAX_FRAME_BYTES)
            .ws_max_frame_size(MAX_FRAME_BYTES)
            .ws_read_buffer_size(READ_BUFFER_BYTES)
            // Nothing here takes binary data.
            .with_parser(ParserConfig::common().max_incoming_binaries(0))
            .build_svc();
        let service = tower::ServiceExt::<Request>::map_response(service, |response: axum::http::Response<_>| {
            response.map(Body::new)
        });
        io.ns("/", serve.with(admit));
        Self {
            service: BoxCloneSyncService::new(service),
            io,
            sessions: Arc::new(Semaphore::new(MAX_SESSIONS)),
            knocking: Arc::new(Semaphore::new(MAX_KNOCKING)),
            early: Mutex::default(),
            addresses: Arc::default(),
        }
    }

    /// Lets everyone go.
    pub(crate) async fn close(&self) {
        self.io.close().await;
    }

    fn seat(&self) -> Result<Seat, ApiError> {
        let place = |places: &Arc<Semaphore>| Arc::clone(places).try_acquire_owned();
        match (place(&self.sessions), place(&self.knocking)) {
            (Ok(session), Ok(knocking)) => {
                let (own, knocking) = (Arc::default(), Arc::new(Mutex::new(Some(knocking))));
                Ok(Seat { _session: Arc::new(session), knocking, own, held: Held::default() })
            }
            _ => Err(ApiError::busy("too many are connecting over Socket.IO; try again")),
        }
    }

    /// The seat of a connection that has begun and has said who it is.
    fn seat_of(&self, sid: &str) -> Option<Seat> {
        let socket = self.io.of("/")?.get_socket(sid.parse().ok()?)?;
        socket.req_parts().extensions.get::<Seat>().cloned()
    }

    /// A WebSocket takes over from polling, maybe before the client has said who it is: then there is no seat to be
    /// found yet, and whoever is served later asks for it.
    fn takes_over(&self, sid: &str, written: Written) {
        {
            let mut early = self.early.lock().unwrap_or_else(PoisonError::into_inner);
            if early.len() >= MAX_SESSIONS {
                early.retain(|_, one| !one.is_alone());
            }
            // The first that still stands: the library takes no other after it.
            let taken = early.get(sid).is_some_and(|first| !first.is_alone());
            if early.len() < MAX_SESSIONS && !taken {
                early.insert(sid.to_owned(), written);
            }
        }
        // Only now: who came to be served meanwhile found nothing, and is found.
        if let Some(seat) = self.seat_of(sid) {
            self.claim(sid, &seat.held);
        }
    }

    /// Counts what leaves over the WebSocket that took over for this id, if one did.
    fn claim(&self, sid: &str, held: &Held) {
        let written = self.early.lock().unwrap_or_else(PoisonError::into_inner).remove(sid);
        if let Some(written) = written {
            held.over(written);
        }
    }

    /// This connection did not take over after all; another may have.
    fn forget(&self, sid: &str, written: &Written) {
        let mut early = self.early.lock().unwrap_or_else(PoisonError::into_inner);
        if early.get(sid).is_some_and(|kept| kept.is(written)) {
            early.remove(sid);
        }
    }
}

/// `/socket.io/`: both of its transports. Who it is a client says once it is connected.
pub(crate) async fn answer(Shared(state): Shared<State>, mut request: Request) -> Result<Response, ApiError> {
    let query = request.uri().query().unwrap_or_default();
    let sid = query.split('&').find_map(|pair| pair.strip_prefix("sid=")).map(str::to_owned);
    let seat = match sid.as_deref() {
        Some(sid) => state.control.seat_of(sid),
        None => {
            let seat = state.control.seat()?;
            request.extensions_mut().insert(seat.clone());
            request.extensions_mut().insert(state.clone());
            Some(seat)
        }
    };
    let posted = request.method() == Method::POST;
    // The library keeps the request that a session begins with for as long as that lasts: the connection of one that
    // polls is long gone by then, and its place is free.
    let (upgrades, written) = (request.headers().contains_key(UPGRADE), request.extensions_mut().remove::<Written>());
    if !upgrades {
        request.extensions_mut().remove::<Place>();
    } else if let Some(written) = written.clone() {
        match (&sid, &seat) {
            (Some(sid), _) => state.control.takes_over(sid, written),
            (None, Some(seat)) => seat.held.over(written),
            (None, None) => {}
        }
    }
    let answer = state.control.service.clone().oneshot(request);
    let answer = if posted {
        // A client's own words: they come within the time that any body may take.
        tokio::time::timeout(BODY_TIMEOUT, answer)
            .await
            .map_err(|_| ApiError::new(StatusCode::REQUEST_TIMEOUT, "timeout", "the body took too long"))?
    } else {
        answer.await
    };
    let response = match answer {
        Ok(response) => response,
        Err(never) => match never {},
    };
    if let (Some(sid), Some(written)) = (sid, written)
        && upgrades
        && response.status() != StatusCode::SWITCHING_PROTOCOLS
    {
        // The library did not take it.
        state.control.forget(&sid, &written);
    }
    if let Some(seat) = seat.filter(|_| !posted && !upgrades) {
        let length = response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        seat.held.polled(length.unwrap_or_default());
    }
    Ok(response)
}

/// What a client says when it connects; other keys are the application's own.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Auth {
    /// A token, or a JSON Web Token.
    token: Option<String>,
    /// Where to go on after.
    cursor: Option<String>,
    /// Rooms to be in from the start: what a client that resumes missed in them it is told.
    rooms: Vec<String>,
    /// Whether it is told of hooks.
    hooks: Option<bool>,
}

/// A client that connects, and what it says.
struct Newcomer {
    socket: Arc<Socket>,
    auth: Option<String>,
}

impl FromConnectParts<LocalAdapter> for Newcomer {
    type Error = Infallible;

    fn from_connect_parts(socket: &Arc<Socket>, auth: &Option<Packet>) -> Result<Self, Infallible> {
        let auth = auth.as_ref().and_then(|auth| auth.as_str()).map(|text| text.as_str().to_owned());
        Ok(Self { socket: Arc::clone(socket), auth })
    }
}

/// Who was let in, for whoever serves it. It holds no socket: where nobody comes for it, it goes with its socket.
#[derive(Clone)]
struct Admitted(Arc<Mutex<Option<Guest>>>);

/// Lets in who may be there. What it refuses the client is told as the error of its connecting.
async fn admit(newcomer: Newcomer) -> Result<(), Trouble> {
    let Newcomer { socket, auth } = newcomer;
    let extensions = &socket.req_parts().extensions;
    let (Some(state), Some(access), Some(seat)) =
        (extensions.get::<State>(), extensions.get::<Access>(), extensions.get::<Seat>())
    else {
        return Err(Trouble::new(Code::Internal, "this connection did not come through the door"));
    };
    let auth = read_auth(auth.as_deref())?;
    let caller = match &auth.token {
        Some(token) => whose(state, *access, Some(token)),
        None => extensions.get::<Caller>().cloned(),
    };
    let unauthorised = "needs a token as `auth: {token}`, and this is none that counts here";
    let caller = caller.ok_or_else(|| Trouble::new(Code::Unauth, unauthorised))?;
    caller.take()?;
    if !caller.allows(Needs::Watch) {
        return Err(Trouble::new(Code::Forbidden, "this token lacks the scope `read`"));
    }
    let mut rooms = Rooms::default();
    for room in &auth.rooms {
        join(&mut rooms, Room::parse(room).map_err(Trouble::bad)?, &caller)?;
    }
    let hooks = auth.hooks.unwrap_or(true) && dashboard::may_be_read(&caller.scopes);
    let resumed = match &auth.cursor {
        Some(text) => Some(cursor(text).ok_or_else(|| Trouble::bad("`cursor`: is no cursor of ours"))?),
        None => None,
    };
    // From here on, and not from when it is first listened to: it is told that it is connected before that.
    let head = state.bus.journal().head();
    let now = (hooks || !rooms.is_empty()).then_some(Since::Seq(head));
    let since = resumed.map(Since::Cursor).or(now);
    let history = (hooks && resumed.is_none()).then_some(head);
    let wishes = Wishes { rooms, hooks, since, history };
    seat.take_own(&caller)?;
    seat.held.begin();
    let place = tenure::Place::take(state)?;
    let (inbox, heard) = Inbox::new();
    let tenure = Tenure::of(state, &caller);
    let held = seat.held.clone();
    let guest = Guest { state: state.clone(), caller, inbox: inbox.clone(), heard, wishes, tenure, place, held };
    seat.admitted();
    // Before the client is told that it is connected, so that nothing of what it says is missed.
    socket.extensions.insert(inbox);
    socket.on_fallback(async |_: Taken| {});
    socket.extensions.insert(Admitted(Arc::new(Mutex::new(Some(guest)))));
    Ok(())
}

fn read_auth(text: Option<&str>) -> Result<Auth, Trouble> {
    let Some(text) = text else { return Ok(Auth::default()) };
    if text.len() > MAX_BODY_BYTES {
        return Err(Trouble::bad("`auth`: too long"));
    }
    let bad = |error: serde_json::Error| Trouble::bad(format!("`auth`: {error}"));
    // An object: a list would do for the reader.
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).map_err(bad)?;
    let auth: Auth = serde_json::from_value(fields.into()).map_err(bad)?;
    if auth.rooms.len() > MAX_ROOMS {
        return Err(Trouble::bad(format!("`rooms`: at most {MAX_ROOMS}")));
    }
    Ok(auth)
}

/// Serves who was let in.
async fn serve(newcomer: Newcomer) {
    let socket = newcomer.socket;
    let Some(Admitted(admitted)) = socket.extensions.remove::<Admitted>() else { return };
    let Some(guest) = admitted.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
    guest.state.control.claim(&socket.id.to_string(), &guest.held);
    let (leave, left) = watch::channel(false);
    let gone = leave.clone();
    socket.on_disconnect(async move || {
        gone.send_replace(true);
    });
    // Who left before it could be told to whom to say so.
    if !socket.connected() {
        leave.send_replace(true);
    }
    Connection::new(guest, socket).serve(left).await;
}

#[cfg(test)]
mod tests;
