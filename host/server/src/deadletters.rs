//! `/api/deadletters`: events that a plugin gave up, trying them again, and letting them go.

use crate::error::ApiError;
use crate::query::{fields, flag};
use crate::router::json;
use crate::state::State;
use axum::extract::{Path, RawQuery, State as Shared};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use tollgate_core::journal::DeadLetter;
use tollgate_runtime::{RetryOutcome, RetryRefusal};

/// Letters in one answer where the query names no limit, and most in one.
const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 10_000;

/// The oldest first, of one plugin or all.
pub(crate) async fn list(Shared(state): Shared<State>, RawQuery(query): RawQuery) -> Result<Response, ApiError> {
    let (mut plugin, mut limit) = (None, DEFAULT_LIMIT);
    for (name, value) in fields(query.as_deref(), &["plugin", "limit"])? {
        if name == "plugin" {
            plugin = Some(value);
        } else {
            let given = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
            limit = given
                .ok_or_else(|| ApiError::bad_request("bad_query", format!("`limit`: must be 1 to {MAX_LIMIT}")))?;
        }
    }
    let journal = state.bus.journal().clone();
    let read = tokio::task::spawn_blocking(move || journal.dead_letters(plugin.as_deref(), limit)).await;
    let letters: Vec<Value> = read.map_err(|error| ApiError::internal(&error))??.iter().map(value).collect();
    Ok(json(json!({ "dead_letters": letters }).to_string()))
}

/// Hands one to its plugin again, once, and says what came of it; with `dry_run=true`, whether it would.
pub(crate) async fn retry(
    Shared(state): Shared<State>,
    Path((plugin, seq)): Path<(String, u64)>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let mut dry_run = false;
    for (_, value) in fields(query.as_deref(), &["dry_run"])? {
        dry_run = flag("dry_run", &value)?;
    }
    if dry_run {
        state.runtime.may_retry(&plugin, seq).await?;
        return Ok(json(json!({"plugin": plugin, "seq": seq, "outcome": "would_retry"}).to_string()));
    }
    let answer = match state.runtime.retry(&plugin, seq).await? {
        RetryOutcome::Handled => json!({"plugin": plugin, "seq": seq, "outcome": "handled"}),
        RetryOutcome::Left { cause, message, tries } => json!({
            "plugin": plugin, "seq": seq, "outcome": "left", "cause": cause, "message": message, "tries": tries,
        }),
    };
    Ok(json(answer.to_string()))
}

/// Lets one go for good; one that is not there is gone already.
pub(crate) async fn discard(
    Shared(state): Shared<State>,
    Path((plugin, seq)): Path<(String, u64)>,
) -> Result<Response, ApiError> {
    state.bus.drop_dead_letter(plugin.into(), seq).await?;
    Ok(json(json!({ "dropped": seq }).to_string()))
}

fn value(letter: &DeadLetter) -> Value {
    json!({
        "plugin": letter.subscriber,
        "seq": letter.seq,
        "cause": letter.cause,
        "message": letter.message,
        "tries": letter.tries,
        "at": letter.at.to_string(),
    })
}

impl From<RetryRefusal> for ApiError {
    fn from(refusal: RetryRefusal) -> Self {
        let message = refusal.to_string();
        let code = match refusal {
            RetryRefusal::Absent(_) | RetryRefusal::NoLetter { .. } => return Self::not_found(message),
            RetryRefusal::Journal(error) => return error.into(),
            RetryRefusal::Busy(_) | RetryRefusal::OutOfFuel(_) | RetryRefusal::Ended(_) => return Self::busy(message),
            RetryRefusal::Disabled(_) => "disabled",
            RetryRefusal::Quarantined(_) => "quarantined",
            RetryRefusal::NotServing { .. } | RetryRefusal::NoGuest { .. } => "not_serving",
            RetryRefusal::EventGone { .. } => "event_gone",
            RetryRefusal::NotSubscribed { .. } => "not_subscribed",
        };
        Self::new(StatusCode::CONFLICT, code, message)
    }
}
