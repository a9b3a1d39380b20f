//! What a connection may do, and the checks on top: of the network's requests, and of what each route needs.

use crate::caller::{Caller, whose};
use crate::error::ApiError;
use crate::scope::Needs;
use crate::state::State;
use axum::extract::{Request, State as Shared};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN, SEC_WEBSOCKET_PROTOCOL};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// What the listener found the peer may do; put into every request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// Is the daemon's own user: may emit events, ask the gate and read.
    pub client: bool,
    /// Comes from the network: its `Host` and `Origin` are checked, and its token says what it may do.
    pub network: bool,
}

impl Access {
    /// A peer of the unix socket that is the daemon's own user.
    pub const LOCAL_USER: Self = Self { client: true, network: false };
    /// Anyone who reaches the port.
    pub const NETWORK: Self = Self { client: false, network: true };
}

/// Names that a request from the network may address this host by, against a page that has its own name resolve
/// to this machine.
const HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// What the network's requests are held against.
#[derive(Debug, Clone, Default)]
pub struct NetworkRules {
    /// Host names besides the loopback's, in lower case, without a port.
    pub hosts: Vec<String>,
    /// Origins besides the host's own, such as `https://board.example.org`, against other sites' pages.
    pub origins: Vec<String>,
}

impl NetworkRules {
    fn check(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let host =
            one(headers, HOST.as_str())?.ok_or_else(|| forbidden("host_missing", "the request names no host"))?;
        let name = host.parse::<Authority>().map_err(|_| forbidden("host_refused", "the Host header is no host"))?;
        let name = name.host().to_ascii_lowercase();
        if !HOSTS.contains(&name.as_str()) && !self.hosts.contains(&name) {
            let mend = format!("this host does not answer as `{name}`; add the name to `[server] hosts`");
            return Err(forbidden("host_refused", mend));
        }
        let Some(origin) = one(headers, ORIGIN.as_str())? else { return Ok(()) };
        let own = origin.strip_prefix("http://").is_some_and(|own| own.eq_ignore_ascii_case(host));
        if own || self.origins.iter().any(|allowed| allowed == origin) {
            return Ok(());
        }
        Err(forbidden("origin_refused", "pages of this origin may not ask; add it to `[server] origins`"))
    }
}

/// The one value of a header: of two, another reader might believe the other.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, ApiError> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(forbidden("header_twice", format!("the {name} header comes twice")));
    }
    let text = first.map(|value| value.to_str()).transpose();
    text.map_err(|_| forbidden("header_refused", format!("the {name} header is no text")))
}

fn forbidden(code: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, code, message)
}

/// Around every route: the network's requests must name this host and come from no foreign page; whoever asks is
/// made known by the token, or by the socket, and asks no more often than is allowed.
pub(crate) async fn admit(Shared(state): Shared<State>, mut request: Request, next: Next) -> Response {
    let access = request.extensions().get::<Access>().copied();
    if access.is_some_and(|access| access.network)
        && let Err(refused) = state.network.check(request.headers())
    {
        return refused.into_response();
    }
    if let Some(caller) = access.and_then(|access| whose(&state, access, given(request.headers()))) {
        // Those without a token share one: only what they may do takes from it.
        if !caller.anonymous
            && let Err(refused) = caller.take()
        {
            return refused.into_response();
        }
        request.extensions_mut().insert(caller);
    }
    next.run(request).await
}

/// Lets through who may do what the route needs.
pub(crate) async fn require(needs: Needs, request: Request, next: Next) -> Response {
    let local = request.extensions().get::<Access>().is_some_and(|access| access.client);
    let refused = match request.extensions().get::<Caller>() {
        _ if needs == Needs::Nothing => None,
        None if needs == Needs::Later && given(request.headers()).is_none() => None,
        Some(caller) if needs == Needs::Later && caller.anonymous => None,
        // Those without a token watch, and nothing else.
        Some(caller) if caller.anonymous && needs != Needs::Watch => Some(unauthorised()),
        Some(caller) if caller.anonymous => caller.take().err(),
        Some(caller) => {
            let given = given(request.headers()).is_some();
            caller.must(needs).err().map(|refused| if local { lacking(caller, needs, given, refused) } else { refused })
        }
        None if given(request.headers()).is_some() => Some(unknown_token()),
        None => Some(unauthorised()),
    };
    match refused {
        Some(refused) => refused.into_response(),
        None => next.run(request).await,
    }
}

fn unauthorised() -> ApiError {
    let message = "needs a token as `Authorization: Bearer …`, or on a WebSocket as the subprotocol `tollgate.token.…`";
    ApiError::new(StatusCode::UNAUTHORIZED, "unauthorised", message)
}

fn unknown_token() -> ApiError {
    let message = "this token does not count here: it is unknown, was revoked, or its time is over";
    ApiError::new(StatusCode::UNAUTHORIZED, "unauthorised", message)
}

/// The same refusal to the daemon's own user, who needs no token for most.
fn lacking(caller: &Caller, needs: Needs, given: bool, refused: ApiError) -> ApiError {
    let scope = needs.scope().unwrap_or("any");
    match given {
        _ if caller.scopes.allow(needs) => refused,
        false => ApiError::forbidden(format!(
            "needs the approver token, or one of the scope `{scope}`, as `Authorization: Bearer …`"
        )),
        true => ApiError::forbidden(format!(
            "the token is not this daemon's approver token, nor one of the scope `{scope}`"
        )),
    }
}

/// How a WebSocket's subprotocol that carries a token begins: browsers send no headers of a page's choice.
const TOKEN_PROTOCOL: &str = "tollgate.token.";

/// The token that a request comes with.
fn given(headers: &HeaderMap) -> Option<&str> {
    bearer(headers).or_else(|| token_protocol(headers)?.strip_prefix(TOKEN_PROTOCOL))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// The subprotocol with the token in it, as it was offered.
pub(crate) fn token_protocol(headers: &HeaderMap) -> Option<&str> {
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    offered.flat_map(|value| value.split(',')).map(str::trim).find(|one| one.starts_with(TOKEN_PROTOCOL))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn code(headers: &[(&str, &str)]) -> Option<&'static str> {
        let rules = NetworkRules {
            hosts: vec!["gate.example.org".to_owned()],
            origins: vec!["https://board.example.org".to_owned()],
        };
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        }
        rules.check(&map).err().map(|error| error.code())
    }

    #[test]
    fn only_our_names_and_no_foreign_pages() {
        for host in ["localhost:7411", "127.0.0.1", "[::1]:7411", "LOCALHOST", "gate.example.org:443"] {
            assert_eq!(code(&[("host", host)]), None, "{host}");
        }
        for host in ["evil.example.org", "localhost.evil.org:7411", "127.0.0.1.evil.org", "10.0.0.1:7411", "", "a b"] {
            assert_eq!(code(&[("host", host)]), Some("host_refused"), "{host}");
        }
        assert_eq!(code(&[]), Some("host_missing"));
        assert_eq!(code(&[("host", "localhost"), ("host", "localhost")]), Some("header_twice"));
        for (origin, refused) in [
            ("http://localhost:7411", false),
            ("https://board.example.org", false),
            ("https://localhost:7411", true),
            ("http://localhost:3000", true),
            ("http://evil.example.org", true),
            ("null", true),
        ] {
            let code = code(&[("host", "localhost:7411"), ("origin", origin)]);
            assert_eq!(code, refused.then_some("origin_refused"), "{origin}");
        }
    }
}
