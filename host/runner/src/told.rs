//! What a session tells: its events, as drafts. The payloads' shapes are the catalogue's; further keys are ours.

use crate::machine::Move;
use crate::options::Identity;
use crate::output::Chunk;
use crate::state::State;
use crate::workspace::{Summary, Touch, Touched};
use serde::Serialize;
use serde_json::value::to_raw_value;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::bus::EmitError;
use tollgate_core::event::{Draft, Entity};
use tollgate_core::events::payload::{
    APPROVAL_REQUESTED, APPROVAL_RESOLVED, ApprovalRequested, ApprovalResolved, DIFF_SUMMARY, DiffSummary,
    FILE_TOUCHED, FileTouched, Json, SESSION_ENDED, SESSION_STARTED, SESSION_STATE_CHANGED, SessionEnded,
    SessionStarted, SessionStateChanged, TERMINAL_CHUNK, TerminalChunk, USAGE_TICK, UsageTick, Violation,
};
use tollgate_core::id::derived;
use tollgate_core::interactions::Interaction;
use tollgate_core::json::typed_draft;
use uuid::Uuid;

/// Who says what the runner does.
pub(crate) const RUNNER: &str = "runner";
/// The provider of a session that does not run here, in what the host tells of it.
const OUTSIDE: &str = "outside";
/// The one move to RUNNING that names the program's processes.
const RUNNING: &str = "session.state_changed to RUNNING";

/// A payload of the catalogue, whose agent it is of, and further keys.
#[derive(Serialize)]
struct Told<'a, T> {
    #[serde(flatten)]
    payload: T,
    #[serde(rename = "agentId")]
    agent_id: &'a str,
    #[serde(flatten)]
    more: Map<String, Value>,
}

/// The one id of a session's `session.started`: of two, the journal takes the first. Nobody else can use it.
pub(crate) fn started_id(session: &str) -> Uuid {
    only(session, SESSION_STARTED)
}

/// As [`started_id`], of `session.ended`.
pub(crate) fn ended_id(session: &str) -> Uuid {
    only(session, SESSION_ENDED)
}

/// As [`started_id`], of the move that says what the program's processes are found by.
pub(crate) fn running_id(session: &str) -> Uuid {
    only(session, RUNNING)
}

fn only(session: &str, event_type: &str) -> Uuid {
    let mut hash = Sha256::new();
    for part in [RUNNER, event_type, session] {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(part);
    }
    derived(hash.finalize().into())
}

impl Identity {
    /// `session.started`.
    pub(crate) fn started(&self, version: &str) -> Result<Draft, EmitError> {
        let path = self.workspace.as_ref().map(|path| path.to_string_lossy().into_owned());
        let payload = SessionStarted {
            provider_id: self.provider.as_deref().unwrap_or(OUTSIDE).to_owned(),
            provider_version: version.to_owned(),
            workspace_path: path.unwrap_or_default(),
            room_path: self.room_path.to_string(),
        };
        let rooms = [("villageId", &self.village_id), ("repoId", &self.repo_id)];
        let rooms = rooms.into_iter().filter_map(|(key, room)| Some((key, json!(room.as_deref()?))));
        let draft = self.draft(SESSION_STARTED, payload, rooms.chain([("runsHere", json!(true))]))?;
        Ok(Draft { id: Some(started_id(&self.id)), ..draft })
    }

    /// `session.state_changed`.
    pub(crate) fn moved(&self, moved: &Move, reason: Option<&str>) -> Result<Draft, EmitError> {
        self.draft(SESSION_STATE_CHANGED, changed(moved, reason), None)
    }

    /// The same, once: to RUNNING, with what the program's processes are found by after a restart.
    pub(crate) fn runs(&self, moved: &Move, process: Option<Value>) -> Result<Draft, EmitError> {
        let process = process.map(|process| ("process", process));
        let draft = self.draft(SESSION_STATE_CHANGED, changed(moved, None), process)?;
        Ok(Draft { id: Some(running_id(&self.id)), ..draft })
    }

    /// `session.ended`.
    pub(crate) fn ended(
        &self,
        last: State,
        reason: Option<&str>,
        exit_code: Option<i64>,
        time: Duration,
        usage: Option<Value>,
    ) -> Result<Draft, EmitError> {
        let payload = SessionEnded {
            final_state: last.as_str().to_owned(),
            exit_code,
            total_duration_ms: millis(time).into(),
            total_usage: usage.map(|usage| raw(SESSION_ENDED, &usage)).transpose()?,
        };
        let draft = self.draft(SESSION_ENDED, payload, reason.map(|reason| ("reason", json!(reason))))?;
        Ok(Draft { id: Some(ended_id(&self.id)), ..draft })
    }

    /// `terminal.chunk`; both streams of a program are one in a terminal.
    pub(crate) fn chunk(&self, chunk: Chunk) -> Result<Draft, EmitError> {
        let dropped = (chunk.dropped > 0).then(|| ("droppedBytes", json!(chunk.dropped)));
        self.draft(TERMINAL_CHUNK, TerminalChunk { data: chunk.text, stream: "stdout".to_owned() }, dropped)
    }

    /// `file.touched`, one for each; the last says what is not told.
    pub(crate) fn touched(&self, touched: Touched) -> Result<Vec<Draft>, EmitError> {
        let count = touched.files.len();
        let draft = |(index, (path, touch)): (usize, (String, Touch))| {
            let payload =
                FileTouched { path, room_path: self.room_path.to_string(), reason: touch.reason().to_owned() };
            let last = index + 1 == count;
            let more = (last && touched.more > 0).then(|| ("more", json!(touched.more)));
            let partial = (last && touched.partial).then(|| ("partial", json!(true)));
            self.draft(FILE_TOUCHED, payload, more.into_iter().chain(partial))
        };
        touched.files.into_iter().enumerate().map(draft).collect()
    }

    /// `diff.summary`.
    pub(crate) fn diff(&self, summary: &Summary) -> Result<Draft, EmitError> {
        let files: Result<Vec<Json>, EmitError> = summary.files.iter().map(|file| raw(DIFF_SUMMARY, file)).collect();
        let payload = DiffSummary {
            files_changed: summary.files_changed,
            lines_added: summary.lines_added,
            lines_removed: summary.lines_removed,
            files: files?,
        };
        self.draft(DIFF_SUMMARY, payload, summary.partial.then(|| ("partial", json!(true))))
    }

    /// `usage.tick`.
    pub(crate) fn tick(&self, units: &Value, interval: Duration) -> Result<Draft, EmitError> {
        let payload = UsageTick {
            provider_id: self.provider.as_deref().unwrap_or(OUTSIDE).to_owned(),
            units: raw(USAGE_TICK, units)?,
            interval_ms: millis(interval).into(),
        };
        self.draft(USAGE_TICK, payload, None)
    }

    /// `approval.requested`: what was asked for, with what it is answered by.
    pub(crate) fn requested(
        &self,
        id: &str,
        what: &Map<String, Value>,
        asked: &Interaction,
    ) -> Result<Draft, EmitError> {
        let mut approval = what.clone();
        approval.insert("id".to_owned(), json!(id));
        approval.insert("interactionId".to_owned(), json!(&*asked.id));
        approval.insert("text".to_owned(), json!(asked.text));
        if let Some(at) = asked.expires_at {
            approval.insert("expiresAt".to_owned(), json!(at.to_string()));
        }
        let payload = ApprovalRequested { approval: raw(APPROVAL_REQUESTED, &approval)? };
        self.draft(APPROVAL_REQUESTED, payload, None)
    }

    /// `approval.resolved`.
    pub(crate) fn resolved(
        &self,
        id: &str,
        decision: &str,
        by: &str,
        note: Option<String>,
    ) -> Result<Draft, EmitError> {
        let payload = ApprovalResolved {
            approval_id: id.to_owned(),
            decision: decision.to_owned(),
            resolved_by: by.to_owned(),
            note,
        };
        self.draft(APPROVAL_RESOLVED, payload, None)
    }

    /// An event from outside, as one of this session: with its agent, where it does not name one.
    pub(crate) fn adopt(&self, mut draft: Draft) -> Draft {
        #[derive(serde::Deserialize)]
        struct Named {
            #[serde(rename = "agentId")]
            agent_id: Option<serde::de::IgnoredAny>,
        }
        let is_named = serde_json::from_str::<Named>(&draft.payload).is_ok_and(|named| named.agent_id.is_some());
        // Spliced in, so that the rest stays as it was written.
        if let (false, Some(fields)) = (is_named, draft.payload.trim_start().strip_prefix('{')) {
            let comma = if fields.trim_start().starts_with('}') { "" } else { "," };
            draft.payload = format!("{{\"agentId\":{}{comma}{fields}", json!(&*self.agent_id)).into();
        }
        self.about(draft)
    }

    fn draft<'a>(
        &self,
        event_type: &str,
        payload: impl Serialize,
        more: impl IntoIterator<Item = (&'a str, Value)>,
    ) -> Result<Draft, EmitError> {
        let more = more.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let told = Told { payload, agent_id: &self.agent_id, more };
        Ok(self.about(typed_draft(event_type, &told, RUNNER)?))
    }

    fn about(&self, draft: Draft) -> Draft {
        let entity = Entity { kind: "session".into(), id: Arc::clone(&self.id) };
        Draft { entity: Some(entity), session: Some(Arc::clone(&self.id)), ..draft }
    }
}

fn changed(moved: &Move, reason: Option<&str>) -> SessionStateChanged {
    SessionStateChanged {
        previous_state: moved.from.as_str().to_owned(),
        new_state: moved.to.as_str().to_owned(),
        reason: reason.map(str::to_owned),
    }
}

fn raw(event_type: &str, value: &impl Serialize) -> Result<Json, EmitError> {
    let refuse = |error: serde_json::Error| Violation {
        event_type: event_type.to_owned(),
        path: "payload".to_owned(),
        reason: error.to_string(),
    };
    Ok(to_raw_value(value).map_err(refuse)?)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::*;
    use crate::options::Wish;
    use tollgate_core::events::EventType;

    #[test]
    fn an_event_from_outside_gets_the_agent_that_it_does_not_name() {
        let wish = Wish { agent_id: Some("a\"1".to_owned()), ..Wish::default() };
        let identity = Identity::of(&wish, "s1".into(), None);
        let adopted = |payload: &str| {
            let draft = Draft::new(EventType::parse("alert.raised").unwrap(), "runner", payload);
            let draft = identity.adopt(draft);
            assert_eq!((draft.session.as_deref(), &*draft.entity.unwrap().id), (Some("s1"), "s1"));
            draft.payload.to_string()
        };
        assert_eq!(adopted("{}"), r#"{"agentId":"a\"1"}"#);
        assert_eq!(adopted(" { \"a\":1.50 }"), r#"{"agentId":"a\"1", "a":1.50 }"#);
        assert_eq!(adopted(r#"{"a":1,"agentId":"b"}"#), r#"{"a":1,"agentId":"b"}"#);
    }

    #[test]
    fn the_first_and_the_last_event_have_ids_that_only_the_host_gives() {
        assert_ne!(started_id("s1"), ended_id("s1"));
        assert_ne!(started_id("s1"), started_id("s2"));
        assert_ne!(started_id("s1"), running_id("s1"));
        assert!(tollgate_core::id::is_derived(ended_id("s1")));
    }
}
