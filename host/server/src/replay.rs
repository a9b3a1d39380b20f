//! `/api/plugins/{name}/replay`: events that lie behind a plugin, given to it once more, a stretch at a time.

use crate::error::ApiError;
use crate::query::{Since, Wanted, bad, cursor_text, fields, flag};
use crate::router::json;
use crate::state::State;
use axum::extract::{Path, RawQuery, State as Shared};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tollgate_core::event::Event;
use tollgate_runtime::{RetryOutcome, RetryRefusal};

/// Events given in one request: each is a call of the plugin and a commit of its own.
const STRETCH: usize = 100;
/// A stretch ends after the call in which so much time is over, so that who asks hears how far it is.
const STRETCH_TIME: Duration = Duration::from_secs(10);
/// Events looked at in one request that gives none.
const DRY_STRETCH: usize = 1_000;

/// What the request may say of the stretch, as reading events does.
pub(crate) const QUERY: &[&str] = &["since", "until", "type", "filter", "entity", "session", "upto", "dry_run"];

/// Gives a plugin the events that match, oldest first, of those that it subscribes to and that lie behind it. Where there
/// are more, `next` says where to go on: with `upto` as answered, so that it comes to an end.
pub(crate) async fn replay(
    Shared(state): Shared<State>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let (mut wanted, upto, dry_run) = asked(query.as_deref(), &state)?;
    let (subscriptions, finished) = state.runtime.given(&name)?;
    let upto = upto.map_or(finished, |upto| upto.min(finished));
    wanted.patterns.get_or_insert_with(|| subscriptions.clone());
    let journal = state.bus.journal().clone();
    let epoch = journal.epoch();
    let after = match wanted.since {
        Some(Since::Cursor(cursor)) if cursor.epoch != epoch => {
            let message = "`since`: this cursor is of another journal; `tollgate tail` shows those of this one";
            return Err(ApiError::new(StatusCode::GONE, "journal_reset", message));
        }
        Some(Since::Cursor(cursor)) => cursor.seq,
        Some(Since::Seq(seq)) => seq,
        Some(Since::Time(_)) | None => 0,
    };
    let stretch = if dry_run { DRY_STRETCH } else { STRETCH };
    let (query, wants) = (wanted.page(after, stretch), wanted);
    let read = tokio::task::spawn_blocking(move || journal.read(&query)).await;
    let events = read.map_err(|error| ApiError::internal(&error))??;
    let ends = events.len() < stretch || events.last().is_some_and(|last| last.seq >= upto);
    let mut told = Told { after, ..Told::default() };
    let begun = Instant::now();
    let mut in_time = true;
    for event in events.into_iter().take_while(|event| event.seq <= upto) {
        let seq = event.seq;
        if subscriptions.matches(&event.event_type) && wants.takes(&event) {
            let given = if dry_run { Ok(()) } else { told.give(&state, &name, event).await };
            if let Err(refusal) = given {
                told.stop(refusal)?;
                break;
            }
            told.events += 1;
        }
        told.after = seq;
        if begun.elapsed() >= STRETCH_TIME {
            in_time = false;
            break;
        }
    }
    let next = (!ends || !in_time || told.stopped.is_some()).then(|| cursor_text(epoch, told.after));
    let Told { events, handled, left, stopped, .. } = told;
    let answer =
        json!({"events": events, "handled": handled, "left": left, "next": next, "upto": upto, "stopped": stopped});
    Ok(json(answer.to_string()))
}

/// What came of a stretch.
#[derive(Default)]
struct Told {
    /// Everything up to this seq was given, or is not wanted.
    after: u64,
    events: u64,
    handled: u64,
    left: Vec<Value>,
    stopped: Option<Value>,
}

impl Told {
    async fn give(&mut self, state: &State, plugin: &str, event: Arc<Event>) -> Result<(), RetryRefusal> {
        let seq = event.seq;
        match state.runtime.replay(plugin, event).await? {
            RetryOutcome::Handled => self.handled += 1,
            RetryOutcome::Left { cause, message, .. } => {
                self.left.push(json!({"seq": seq, "cause": cause, "message": message}));
            }
        }
        Ok(())
    }

    /// What was given before is told; a refusal of the first event is the request's own.
    fn stop(&mut self, refusal: RetryRefusal) -> Result<(), ApiError> {
        let refused = ApiError::from(refusal);
        if self.events == 0 {
            return Err(refused);
        }
        self.stopped = Some(json!({"code": refused.code(), "message": refused.told()}));
        Ok(())
    }
}

/// The stretch that is asked for, its end, and whether nothing is to be given.
fn asked(query: Option<&str>, state: &State) -> Result<(Wanted, Option<u64>, bool), ApiError> {
    let (mut upto, mut dry_run, mut rest) = (None, false, Vec::new());
    for (name, value) in fields(query, QUERY)? {
        match name.as_str() {
            "upto" => upto = Some(value.parse().map_err(|_| bad(&name, "must be a seq"))?),
            "dry_run" => dry_run = flag(&name, &value)?,
            _ => rest.push((name, value)),
        }
    }
    Ok((Wanted::of(rest, state.bus.clock().now())?, upto, dry_run))
}
