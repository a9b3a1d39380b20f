//! How long a live client may stay, and its place among the others. Knows neither what it is told nor how.

use crate::allowance::Allowance;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::serve::until_true;
use crate::state::State;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tollgate_core::time::{Clock, Timestamp};

/// How often the clock is looked at while a token's time runs: what is connected ends within that of its end.
const CLOCK_LOOK: Duration = Duration::from_millis(500);

/// Why a client is let go.
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

/// How long one client may stay.
#[derive(Debug, Clone)]
pub(crate) struct Tenure {
    closing: watch::Receiver<bool>,
    revoked: Option<watch::Receiver<bool>>,
    clock: Clock,
    until: Option<Timestamp>,
}

impl Tenure {
    pub(crate) fn of(state: &State, caller: &Caller) -> Self {
        Self {
            closing: state.closing.subscribe(),
            revoked: caller.allowance.as_deref().map(Allowance::ended),
            clock: state.bus.clock().clone(),
            until: caller.until,
        }
    }

    /// Done when it is to be let go. Cancel-safe.
    pub(crate) async fn over(&mut self) -> End {
        let Self { closing, revoked, clock, until } = self;
        tokio::select! {
            () = until_true(closing) => End::Closing,
            () = is_revoked(revoked) => End::Revoked,
            () = is_over(clock, *until) => End::Expired,
        }
    }
}

async fn is_revoked(revoked: &mut Option<watch::Receiver<bool>>) {
    match revoked {
        Some(revoked) => until_true(revoked).await,
        None => std::future::pending().await,
    }
}

async fn is_over(clock: &Clock, until: Option<Timestamp>) {
    let Some(until) = until else { return std::future::pending().await };
    // In pieces, so that a clock that is set meanwhile counts.
    while clock.now() < until {
        clock.sleep(clock.now().until(until).min(CLOCK_LOOK)).await;
    }
}

/// A client's place among all that are live.
#[derive(Debug)]
pub(crate) struct Place(#[expect(dead_code, reason = "held, not looked at")] OwnedSemaphorePermit);

impl Place {
    pub(crate) fn take(state: &State) -> Result<Self, ApiError> {
        let place = Arc::clone(&state.streams).try_acquire_owned();
        place.map(Self).map_err(|_| ApiError::busy("too many live streams; close one and try again"))
    }
}

/// A client's place among those of its token.
#[derive(Debug)]
pub(crate) struct OwnPlace {
    /// Whose; none who may have as many as there are.
    of: Option<Arc<Allowance>>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl OwnPlace {
    pub(crate) fn take(caller: &Caller) -> Result<Self, ApiError> {
        let Some(allowance) = &caller.allowance else { return Ok(Self { of: None, _permit: None }) };
        let permit = allowance.live().ok_or_else(|| {
            let message = format!("`{}` has as many live connections as it may; close one first", caller.name);
            ApiError::too_many("too_many_connections", message)
        })?;
        Ok(Self { of: Some(Arc::clone(allowance)), _permit: Some(permit) })
    }

    /// Whether it is one of this caller's.
    pub(crate) fn is_of(&self, caller: &Caller) -> bool {
        match (&self.of, &caller.allowance) {
            (Some(ours), Some(theirs)) => Arc::ptr_eq(ours, theirs),
            (None, None) => true,
            _ => false,
        }
    }
}

/// Both.
#[derive(Debug)]
pub(crate) struct Places(#[expect(dead_code, reason = "held, not looked at")] (Place, OwnPlace));

impl Places {
    /// Takes one of each.
    pub(crate) fn take(state: &State, caller: &Caller) -> Result<Self, ApiError> {
        let own = OwnPlace::take(caller)?;
        Ok(Self((Place::take(state)?, own)))
    }
}
