//! `/api/deadletters`: events that a plugin gave up, and letting them go.

use crate::access::require_approver;
use crate::error::ApiError;
use crate::query::fields;
use crate::router::json;
use crate::state::State;
use axum::extract::{Path, RawQuery, State as Shared};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};
use tollgate_core::journal::DeadLetter;

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

/// Lets one go for good; one that is not there is gone already.
pub(crate) async fn discard(
    Shared(state): Shared<State>,
    Path((plugin, seq)): Path<(String, u64)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    require_approver(&state, &headers)?;
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
