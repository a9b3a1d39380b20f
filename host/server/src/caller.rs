//! Who asks, and what that may do: found by the token that a request or a connection comes with.
//!
//! Knows no header and no route.

use crate::access::Access;
use crate::allowance::{Allowance, HOME_PER_SECOND};
use crate::error::ApiError;
use crate::jwt::{Claims, Jwt};
use crate::reach::Reach;
use crate::scope::{Needs, Scopes};
use crate::state::{MAX_STREAMS, State};
use std::sync::Arc;
use tollgate_core::time::Timestamp;

/// Who asks, and what that may do: in the extensions of every request that has someone.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) name: Arc<str>,
    pub(crate) scopes: Arc<Scopes>,
    /// What it may say who it is; none: anything that comes from outside.
    pub(crate) sources: Option<Arc<[Arc<str>]>>,
    /// What it has left; none: the daemon's own user, who could take it all anyway.
    pub(crate) allowance: Option<Arc<Allowance>>,
    /// What it may do all this to.
    pub(crate) reach: Arc<Reach>,
    /// From when on it counts no more.
    pub(crate) until: Option<Timestamp>,
    pub(crate) anonymous: bool,
}

impl Caller {
    /// Takes one request from what it may make.
    pub(crate) fn take(&self) -> Result<(), ApiError> {
        let taken = self.allowance.as_ref().map_or(Ok(()), |allowance| allowance.take());
        taken.map_err(|wait| {
            let message = format!("more requests a second than `{}` may make; wait and ask again", self.name);
            ApiError::too_many("rate_limited", message).after(wait)
        })
    }

    /// Whoever has one of the home's own tokens, or the socket.
    fn of_the_home(name: &str, scopes: &Arc<Scopes>, allowance: Option<&Arc<Allowance>>) -> Self {
        Self {
            name: name.into(),
            scopes: Arc::clone(scopes),
            sources: None,
            allowance: allowance.cloned(),
            reach: Arc::new(Reach::ALL),
            until: None,
            anonymous: false,
        }
    }

    /// Whoever a token of the issuer's names.
    fn of_claims(state: &State, claims: Claims) -> Self {
        let name: Arc<str> = format!("user:{}", claims.user).into();
        Self {
            scopes: Arc::new(claims.scopes),
            sources: Some([Arc::clone(&name)].into()),
            allowance: Some(state.users.allowance(&name)),
            reach: Arc::new(claims.reach),
            until: Some(claims.until),
            anonymous: false,
            name,
        }
    }

    /// Whether it may do what needs this.
    pub(crate) fn allows(&self, needs: Needs) -> bool {
        self.scopes.allow(needs) && (self.reach.sessions.is_all() || !needs.all_sessions())
    }

    /// # Errors
    /// What it lacks for what needs this.
    pub(crate) fn must(&self, needs: Needs) -> Result<(), ApiError> {
        if self.allows(needs) {
            return Ok(());
        }
        if self.scopes.allow(needs) {
            return Err(ApiError::forbidden("this is for who has all sessions; the token names some (`sessions`)"));
        }
        let whole = if needs.unrestricted() { " without patterns" } else { "" };
        let scope = needs.scope().unwrap_or("any");
        Err(ApiError::forbidden(format!("this token lacks the scope `{scope}`{whole}")))
    }

    /// Who it is on record: the first of its sources, else `otherwise`.
    pub(crate) fn speaks_as<'a>(&'a self, otherwise: &'a str) -> &'a str {
        self.sources.as_ref().and_then(|sources| sources.first()).map_or(otherwise, |source| source)
    }
}

/// What the door knows of callers without a name of their own.
#[derive(Debug)]
pub(crate) struct Known {
    client: Arc<Scopes>,
    all: Arc<Scopes>,
    client_allowance: Arc<Allowance>,
    approver_allowance: Arc<Allowance>,
    /// Whoever has no token, where the configuration lets them read.
    anonymous: Option<Caller>,
}

/// Requests a second, and live connections, of all who have no token together.
const ANONYMOUS_PER_SECOND: u32 = 50;
pub(crate) const ANONYMOUS_CONNECTIONS: usize = 16;

impl Known {
    pub(crate) fn new(anonymous_read: Option<tollgate_core::events::PatternSet>) -> Self {
        let allowance = || Arc::new(Allowance::new(HOME_PER_SECOND, MAX_STREAMS));
        let anonymous = anonymous_read.map(|patterns| Caller {
            name: "anonymous".into(),
            scopes: Arc::new(Scopes { read: Some(patterns), ..Scopes::default() }),
            sources: None,
            allowance: Some(Arc::new(Allowance::new(ANONYMOUS_PER_SECOND, ANONYMOUS_CONNECTIONS))),
            reach: Arc::new(Reach::ALL),
            until: None,
            anonymous: true,
        });
        Self {
            client: Arc::new(Scopes::client()),
            all: Arc::new(Scopes::all()),
            client_allowance: allowance(),
            approver_allowance: allowance(),
            anonymous,
        }
    }
}

/// Whose a request or a connection is; none where it has no token that counts.
pub(crate) fn whose(state: &State, access: Access, given: Option<&str>) -> Option<Caller> {
    let named = given.and_then(|given| by_token(state, given));
    if access.client {
        // The daemon's own user is a client anyway; a token adds what only a token gives.
        let client = Caller::of_the_home("socket", &state.known.client, None);
        let Some(named) = named.filter(|named| *named.reach == Reach::ALL) else { return Some(client) };
        let scopes = Arc::new(client.scopes.with_rights_of(&named.scopes));
        // Whom it names is who it is on record, for as long as it counts.
        let who = if named.sources.is_some() { named } else { client };
        return Some(Caller { scopes, ..who });
    }
    if given.is_some() { named } else { state.known.anonymous.clone().filter(|_| access.network) }
}

fn by_token(state: &State, given: &str) -> Option<Caller> {
    let known = &state.known;
    if state.token.matches(given) {
        return Some(Caller::of_the_home("client", &known.client, Some(&known.client_allowance)));
    }
    if state.approver_token.matches(given) {
        return Some(Caller::of_the_home("approver", &known.all, Some(&known.approver_allowance)));
    }
    if let Some(jwt) = state.jwt.as_deref().filter(|_| Jwt::looks_like(given)) {
        return match jwt.read(given, state.bus.clock().now()) {
            Ok(claims) => Some(Caller::of_claims(state, claims)),
            Err(reason) => {
                tracing::debug!(reason, "a JSON Web Token was refused");
                None
            }
        };
    }
    let named = state.tokens.find(given)?;
    Some(Caller {
        name: Arc::clone(&named.name),
        scopes: Arc::clone(&named.scopes),
        sources: Some(Arc::clone(&named.sources)),
        allowance: Some(Arc::clone(&named.allowance)),
        reach: Arc::new(Reach::ALL),
        until: None,
        anonymous: false,
    })
}
