//! `/ws`: the control plane over a plain WebSocket. A client says who it is, subscribes to sessions, is told of them,
//! and types into their terminals.
//!
//! Owns who is let in, and how many may be there who have not said who they are. What a session may do is the
//! runner's to judge, and who may have it do that is said where HTTP says it.

mod connection;
pub(crate) mod said;
pub(crate) mod told;

use crate::access::Access;
use crate::caller::{Caller, whose};
use crate::error::ApiError;
use crate::line::{Gone, Heard, Line, Upgrade, bounded};
use crate::serve::{Place, until_true};
use crate::state::State;
use crate::tenure::{End, Places};
use axum::Extension;
use axum::extract::State as Shared;
use axum::extract::ws::close_code;
use axum::http::HeaderMap;
use axum::response::Response;
use connection::Connection;
use said::{Code, Message, Trouble};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

/// Most clients that have not said who they are: as many as may be over Socket.IO.
pub(crate) const MAX_STRANGERS: usize = crate::control::MAX_KNOCKING;
/// How long a client may take to say who it is once it is connected.
const AUTHENTICATE_WITHIN: Duration = Duration::from_secs(10);

/// Who comes: somebody already, who has a place, or nobody yet.
enum Knock {
    Known(Caller, Places),
    Stranger(OwnedSemaphorePermit),
}

/// A client that says who it is by its handshake, or once it is connected.
pub(crate) async fn answer(
    Shared(state): Shared<State>,
    caller: Option<Extension<Caller>>,
    access: Extension<Access>,
    place: Option<Extension<Place>>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Result<Response, ApiError> {
    let upgrade = bounded(&headers, upgrade)?;
    let knock = match caller.map(|Extension(caller)| caller).filter(|caller| !caller.anonymous) {
        Some(caller) => {
            let places = Places::take(&state, &caller)?;
            Knock::Known(caller, places)
        }
        None => {
            let seat = Arc::clone(&state.strangers).try_acquire_owned();
            Knock::Stranger(seat.map_err(|_| ApiError::busy("too many are connecting; try again"))?)
        }
    };
    let Extension(access) = access;
    Ok(upgrade.on_upgrade(move |socket| async move {
        // The connection's place is given back when its socket is gone, not when it is upgraded.
        let _place = place;
        let mut line = Line::new(socket);
        match welcome(&state, access, &mut line, knock).await {
            Ok((caller, places)) => Connection::new(state, caller, line, places).serve().await,
            Err(gone) => line.end(gone).await,
        }
    }))
}

/// Tells a client that it is connected, and hears who it is.
async fn welcome(state: &State, access: Access, line: &mut Line, knock: Knock) -> Result<(Caller, Places), Gone> {
    let journal = state.bus.journal();
    let data = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "epoch": format!("{:016x}", journal.epoch()),
        "seq": journal.head(),
    });
    line.answer(&told::notice("connected", None, &now(state), data)).await?;
    let (caller, places) = match knock {
        Knock::Known(caller, places) => (caller, places),
        Knock::Stranger(seat) => {
            let known = introduced(state, access, line).await?;
            drop(seat);
            known
        }
    };
    let data = json!({"name": caller.name, "expiresAt": caller.until.map(|until| until.to_string())});
    line.answer(&told::notice("authenticated", None, &now(state), data)).await?;
    Ok((caller, places))
}

/// Waits, not for long, until a client has said who it is.
async fn introduced(state: &State, access: Access, line: &mut Line) -> Result<(Caller, Places), Gone> {
    let mut closing = state.closing.subscribe();
    let until = Instant::now() + AUTHENTICATE_WITHIN;
    loop {
        let received = tokio::select! {
            () = until_true(&mut closing) => return Err(End::Closing.into()),
            received = timeout_at(until, line.receive()) => received,
        };
        let Ok(received) = received else {
            let message = format!("nothing said within {} s who this is", AUTHENTICATE_WITHIN.as_secs());
            line.answer(&Trouble::new(Code::AuthFailed, message).frame(&now(state))).await?;
            return Err(Gone::Told(close_code::POLICY, "it did not say who it is"));
        };
        let said = match line.heard(received).await? {
            Heard::Text(text) => Message::read(&text),
            Heard::Binary => Err(Trouble::invalid("a message is text")),
            Heard::Signal => continue,
        };
        let trouble = match said {
            Ok(Message::Authenticate { token }) => match known(state, access, &token) {
                Ok(known) => return Ok(known),
                Err(trouble) => {
                    line.answer(&trouble.frame(&now(state))).await?;
                    // One try: who guesses has to connect for each.
                    return Err(match trouble.code {
                        Code::AuthFailed => Gone::Told(close_code::POLICY, "no token that counts"),
                        _ => Gone::Told(close_code::AGAIN, "too many at once"),
                    });
                }
            },
            Ok(Message::Ping {}) => {
                line.answer(&pong(state)).await?;
                continue;
            }
            Ok(_) => Trouble::new(Code::NotAuthenticated, "say who you are first: authenticate, with a token"),
            Err(trouble) => trouble,
        };
        line.answer(&trouble.frame(&now(state))).await?;
    }
}

/// Whose a token is, and their place.
fn known(state: &State, access: Access, token: &str) -> Result<(Caller, Places), Trouble> {
    let caller = whose(state, access, Some(token));
    let caller = caller.ok_or_else(|| {
        Trouble::new(Code::AuthFailed, "this token does not count here: it is unknown, over, or was revoked")
    })?;
    caller.take()?;
    // All places taken is, to this client, what its own taken is: it comes again later.
    let places = Places::take(state, &caller);
    let places = places.map_err(|error| Trouble::new(Code::ConnectionLimit, error.message()))?;
    Ok((caller, places))
}

fn pong(state: &State) -> serde_json::Value {
    json!({"type": "pong", "timestamp": now(state)})
}

fn now(state: &State) -> String {
    state.bus.clock().now().to_string()
}

#[cfg(test)]
mod tests;
