//! What has to be known from one hook of an agent to the next: which calls came past the gate, and which shell line
//! was answered a moment ago.
//!
//! Owns both bounds. Must not know how a verdict comes about; of the journal it only asks what it forgot.

use super::input::HookInput;
use super::kind::Kind;
use super::tool::{self, digest};
use crate::bus::Bus;
use crate::event::{Draft, MAX_NAME_BYTES};
use crate::gate::{Decision, Verdict};
use crate::journal::Query;
use crate::text;
use serde_json::{Value, json};
use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tollgate_events::PatternSet;
use uuid::Uuid;

/// Calls that are remembered to have been gated: those of hundreds of sessions in an hour, in about a megabyte. What is
/// forgotten is looked for in the journal.
pub(super) const MAX_GATED: usize = 16 * 1024;
/// Shell lines that wait for their second hook, of all sessions; what is forgotten is gated twice.
pub(super) const MAX_ANSWERED: usize = 1_024;
/// How long an answer serves for the second hook of the same line: other hooks may run in between.
pub(super) const ANSWER_LASTS: Duration = Duration::from_secs(60);
/// How many of a session's newest calls are searched in the journal for one that is not remembered.
pub(super) const SEARCHED: usize = 1_000;
/// And how much of them is read, in bytes.
pub(super) const SEARCHED_BYTES: usize = 8 * 1024 * 1024;

/// What a daemon remembers of its agents' hooks.
#[derive(Debug, Default)]
pub struct HookMemory(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The oldest first.
    gated: VecDeque<Uuid>,
    known: HashSet<Uuid>,
    /// The oldest first.
    answered: VecDeque<Answered>,
}

/// A shell line that was let through at one of its two hooks.
#[derive(Debug)]
struct Answered {
    line: Uuid,
    /// Which of the two.
    first: Kind,
    /// Where the gate took it to run.
    folder: Option<PathBuf>,
    call_id: String,
    until: Instant,
}

impl HookMemory {
    /// Whether `input` is the second hook of a shell line whose first was let through: it is then about the same call,
    /// and needs no other verdict. Each first hook serves one second hook.
    pub fn answered(&self, input: &mut HookInput, now: Instant) -> bool {
        let Some(seen) = input.tool.as_ref().filter(|_| input.gates()) else { return false };
        let Some(line) = seen.line else { return false };
        let mut state = self.state();
        state.answered.retain(|one| one.until > now);
        // Left empty it says nothing; else it has to be where the gate took the line to run.
        let same_folder = |one: &Answered| seen.folder.is_none() || one.folder == seen.folder;
        let found =
            state.answered.iter().position(|one| one.line == line && one.first != input.kind && same_folder(one));
        let Some(answered) = found.and_then(|at| state.answered.remove(at)) else { return false };
        drop(state);
        input.is_about(&answered.call_id);
        true
    }

    /// Remembers that the gate is asked about `input`.
    pub fn gating(&self, input: &HookInput) {
        let Some(seen) = &input.tool else { return };
        self.remember(call(&input.session, &seen.call_id));
        if let Some(line) = seen.line {
            self.remember(line);
        }
    }

    /// Remembers what came of it: the call as it will run, and the answer for its second hook.
    pub fn gated(&self, input: &HookInput, verdict: &Verdict, now: Instant) {
        let Some(seen) = &input.tool else { return };
        let rewritten = verdict.rewritten_input.as_ref();
        // Its later events are about the other input.
        let new_id = rewritten.filter(|_| !seen.given).map(|other| tool::call_id(&input.session, &seen.tool, other));
        if let Some(Ok(call_id)) = new_id {
            self.remember(call(&input.session, &call_id));
        }
        if !matches!(verdict.decision, Decision::Allow | Decision::Abstain) || seen.line.is_none() {
            return;
        }
        let line = rewritten.map_or(seen.line, |other| tool::line_id(&input.session, &seen.tool, other));
        let Some(line) = line else { return };
        self.remember(line);
        let mut state = self.state();
        state.answered.retain(|one| one.until > now);
        if state.answered.len() >= MAX_ANSWERED {
            state.answered.pop_front();
        }
        state.answered.push_back(Answered {
            line,
            first: input.kind,
            folder: seen.folder.clone().or_else(|| input.cwd.clone()),
            call_id: seen.call_id.clone(),
            until: now + ANSWER_LASTS,
        });
    }

    /// Whether nothing is odd about `input`: it tells of no tool that has run, or of one that is remembered.
    #[must_use]
    pub fn knows(&self, input: &HookInput) -> bool {
        let Some(seen) = input.tool.as_ref().filter(|_| input.kind.finished()) else { return true };
        let state = self.state();
        seen.line.is_some_and(|line| state.known.contains(&line))
            || state.known.contains(&call(&input.session, &seen.call_id))
    }

    /// An alert where `input` tells of a tool that has run and that the gate was never asked about: the hook before
    /// tools is missing, switched off or failed. Reads the journal where it is not remembered: not on a thread that
    /// others wait for.
    #[must_use]
    pub fn unseen(&self, input: &HookInput, bus: &Bus) -> Option<Draft> {
        if self.knows(input) {
            return None;
        }
        let seen = input.tool.as_ref()?;
        match recorded(bus, &input.session, &seen.call_id) {
            Ok(false) => alert(input, &seen.tool, &seen.call_id),
            Ok(true) => None,
            Err(error) => {
                // Not known is no reason for an alarm.
                tracing::warn!(%error, "the journal could not be searched for a call");
                None
            }
        }
    }

    fn remember(&self, id: Uuid) {
        let mut state = self.state();
        if !state.known.insert(id) {
            return;
        }
        state.gated.push_back(id);
        if state.gated.len() > MAX_GATED
            && let Some(oldest) = state.gated.pop_front()
        {
            state.known.remove(&oldest);
        }
    }

    /// What a panic left behind is whole: each change is one step.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn call(session: &str, call_id: &str) -> Uuid {
    digest(&["call", session, call_id])
}

/// Whether the journal has the call among the session's newest.
fn recorded(bus: &Bus, session: &str, call_id: &str) -> Result<bool, crate::journal::JournalError> {
    let query = Query {
        patterns: PatternSet::parse(["tool.gated"]).ok(),
        session: Some(session.into()),
        limit: SEARCHED,
        newest: true,
        ..Query::default()
    };
    let written = json!(call_id).to_string();
    let events = bus.journal().read_within(&query, SEARCHED_BYTES)?;
    let is_it = |payload: &str| {
        let payload: Option<Value> = payload.contains(&written).then(|| serde_json::from_str(payload).ok()).flatten();
        payload.is_some_and(|payload| payload.get("call_id").and_then(Value::as_str) == Some(call_id))
    };
    Ok(events.iter().any(|event| is_it(&event.payload)))
}

fn alert(input: &HookInput, tool: &str, call_id: &str) -> Option<Draft> {
    let id = digest(&["alert", &input.session, call_id]);
    // Nobody has checked them: the gate never saw the call.
    let (tool, call_id) = (text::start(tool, MAX_NAME_BYTES), text::start(call_id, MAX_NAME_BYTES));
    let description = format!(
        "`{tool}` has finished and no hook had asked about it: the hook that {} runs before tools is missing, \
         switched off or failed; `tollgate doctor` looks",
        input.agent
    );
    let context = json!({
        "session_id": input.session,
        "agent": input.agent.as_str(),
        "tool_name": tool,
        "call_id": call_id,
    });
    super::alert(Some(id), &input.session, "a tool ran past the gate", &description, &context)
}
