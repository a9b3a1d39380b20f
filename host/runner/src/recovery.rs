//! After a restart of the host: sessions that were left open are ended as FAILED, in the words of the journal alone.
//!
//! A session was left open where its `session.started` is recorded and its `session.ended` is not; both have ids that
//! only the runner gives, so nobody else can open or end one.

use crate::error::RunnerError;
use crate::limits::{KEPT_ENDED, STARTS_BYTES, STARTS_READ};
use crate::machine::Move;
use crate::options::Identity;
use crate::program::{Identity as Process, kill_left_over};
use crate::session::{Context, Status};
use crate::state::State;
use crate::told::{RUNNER, ended_id, running_id, started_id};
use serde::Deserialize;
use std::sync::Arc;
use tollgate_core::event::Event;
use tollgate_core::events::PatternSet;
use tollgate_core::events::payload::{SESSION_STARTED, SESSION_STATE_CHANGED};
use tollgate_core::interactions::{Filter, Kind, MAX_PENDING_PER_SESSION, State as Answered};
use tollgate_core::journal::{Journal, JournalError, Query};
use tollgate_core::time::Timestamp;

/// Why they end.
pub(crate) const RESTARTED: &str = "the host was restarted";

/// A session that was left open.
struct Left {
    who: Identity,
    started: Timestamp,
    state: State,
    process: Option<Process>,
}

/// The fields of `session.started` that a session is known by afterwards.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    provider_id: String,
    workspace_path: String,
    room_path: String,
    agent_id: Option<String>,
    village_id: Option<String>,
    repo_id: Option<String>,
    #[serde(default)]
    runs_here: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Moved {
    new_state: String,
    process: Option<Process>,
}

/// Ends what was left open, and says what that was.
pub(crate) async fn recover(context: &Context) -> Result<Vec<Status>, RunnerError> {
    let journal = context.bus.journal().clone();
    let found = tokio::task::spawn_blocking(move || {
        let left = left_open(&journal)?;
        for process in left.iter().filter_map(|left| left.process.as_ref()) {
            let killed = kill_left_over(process);
            if killed > 0 {
                tracing::warn!(killed, "runner.recover: programs of the host before this one were still there");
            }
        }
        Ok::<_, JournalError>(left)
    });
    let left = found.await.map_err(|_| RunnerError::Stopping)??;
    let mut ended = Vec::new();
    for left in left {
        let status = end(context, left).await?;
        if ended.len() < KEPT_ENDED {
            ended.push(status);
        }
    }
    Ok(ended)
}

/// Every start that is recorded is held against its end, however long ago it was. Blocks for the journal.
fn left_open(journal: &Journal) -> Result<Vec<Left>, JournalError> {
    let mut after = 0;
    let mut left = Vec::new();
    loop {
        let starts = starts(journal, after)?;
        let Some(last) = starts.last() else { return Ok(left) };
        after = last.seq;
        for start in &starts {
            left.extend(if_left_open(journal, start)?);
        }
    }
}

/// The first starts after a seq, as many as are held at a time.
fn starts(journal: &Journal, after: u64) -> Result<Vec<Arc<Event>>, JournalError> {
    let patterns = PatternSet::parse([SESSION_STARTED]).ok();
    journal.read_within(&Query { patterns, after, limit: STARTS_READ, ..Query::default() }, STARTS_BYTES)
}

fn if_left_open(journal: &Journal, start: &Event) -> Result<Option<Left>, JournalError> {
    let Some(id) = start.session.clone().filter(|id| start.id == started_id(id)) else { return Ok(None) };
    if journal.event_of(ended_id(&id))?.is_some() {
        return Ok(None);
    }
    let Ok(who) = serde_json::from_str::<Started>(&start.payload) else { return Ok(None) };
    let moves = Query {
        patterns: PatternSet::parse([SESSION_STATE_CHANGED]).ok(),
        session: Some(Arc::clone(&id)),
        limit: 1,
        newest: true,
        ..Query::default()
    };
    let moved = |event: &Event| serde_json::from_str::<Moved>(&event.payload).ok();
    let last = journal.read(&moves)?.first().and_then(|event| moved(event));
    let state = last.and_then(|last| State::parse(&last.new_state.to_ascii_uppercase()));
    // Only the host's own word is a reason to kill anything.
    let running = journal.event_of(running_id(&id))?.and_then(|event| moved(&event));
    Ok(Some(Left {
        who: who.identity(id),
        started: start.ts,
        state: state.unwrap_or(State::Created),
        process: running.and_then(|running| running.process),
    }))
}

impl Started {
    fn identity(self, id: Arc<str>) -> Identity {
        let shared = |text: Option<String>| text.as_deref().map(Arc::from);
        Identity {
            provider: self.runs_here.then(|| self.provider_id.as_str().into()),
            agent_id: shared(self.agent_id).unwrap_or_else(|| Arc::clone(&id)),
            village_id: shared(self.village_id),
            repo_id: shared(self.repo_id),
            room_path: self.room_path.as_str().into(),
            workspace: Some(self.workspace_path).filter(|path| !path.is_empty()).map(Into::into),
            id,
        }
    }
}

/// Withdraws what one still asks, and tells its last events.
async fn end(context: &Context, left: Left) -> Result<Status, RunnerError> {
    let Left { who, started, state, .. } = left;
    let filter = Filter {
        state: Some(Answered::Pending),
        kind: Some(Kind::Approval),
        session: Some(Arc::clone(&who.id)),
        limit: MAX_PENDING_PER_SESSION,
        ..Filter::default()
    };
    for open in context.interactions.list(&filter).await? {
        if &*open.asked_by == RUNNER {
            context.interactions.cancel(&open.id, RUNNER).await?;
        }
    }
    let now = context.bus.clock().now();
    let (last, mut told) = if state.is_final() {
        (state, Vec::new())
    } else {
        let moved = Move { from: state, to: State::Failed };
        (State::Failed, vec![who.moved(&moved, Some(RESTARTED))?])
    };
    told.push(who.ended(last, Some(RESTARTED), None, started.until(now), None)?);
    context.bus.keep_wanted(&mut told);
    context.bus.emit_batch(told).await?;
    Ok(Status {
        identity: Arc::new(who),
        state: last,
        reason: Some(RESTARTED.to_owned()),
        approvals: Vec::new(),
        created_at: started,
        ended_at: Some(now),
        exit_code: None,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

    use super::*;
    use serde_json::json;
    use tollgate_core::bus::{Bus, BusOptions};
    use tollgate_core::event::{Draft, MAX_PAYLOAD_BYTES};
    use tollgate_core::events::EventType;
    use tollgate_core::journal::{Durability, JournalOptions};
    use tollgate_core::time::Clock;

    #[tokio::test]
    async fn large_starts_are_read_a_few_at_a_time_and_all_of_them() {
        const STARTS: usize = 40;
        let home = tempfile::tempdir().unwrap();
        let journal = JournalOptions { path: home.path().join("journal.db"), durability: Durability::Normal };
        let bus = Bus::open(BusOptions { journal, filter: None, clock: Clock::system() }).unwrap();
        let payload = json!({"providerId": "p", "providerVersion": "1", "workspacePath": "/w", "roomPath": "r",
            "x": "x".repeat(MAX_PAYLOAD_BYTES - 1_000)});
        let draft = Draft::new(EventType::parse(SESSION_STARTED).unwrap(), "x", payload.to_string()).in_session("x");
        for _ in 0..STARTS {
            bus.emit(draft.clone()).await.unwrap();
        }
        let (mut after, mut found, mut most) = (0, 0, 0);
        loop {
            let read = starts(bus.journal(), after).unwrap();
            let Some(last) = read.last() else { break };
            after = last.seq;
            found += read.len();
            most = most.max(read.iter().map(|start| start.payload.len()).sum());
        }
        assert_eq!(found, STARTS);
        // A page of the journal's holds 4 MiB, and one event more.
        assert!(most <= STARTS_BYTES + 4 * 1_024 * 1_024 + MAX_PAYLOAD_BYTES, "{most} bytes at a time");
    }
}
