//! What the agents' hook inputs have in common: which event is which, and which events each makes.
//!
//! Must not know how an agent wants its answer.

use super::fields::{self, Fields};
use super::fit::fit;
use super::kind::{self, Kind};
use super::tool::{Seen, Tool};
use super::{AgentHook, HookError};
use crate::event::{Draft, Entity, MAX_NAME_BYTES};
use crate::gate::{Call, normalise};
use crate::text;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tollgate_events::EventType;

/// The longest text of a message event, in bytes: with its escapes it fits a payload.
const MAX_MESSAGE_BYTES: usize = 32 * 1024;
/// Where agents keep what they said last.
const ANSWERS: [&str; 3] = ["last_assistant_message", "prompt_response", "text"];

/// What the hook's process and its caller know beside the input.
#[derive(Debug, Clone, Copy, Default)]
pub struct HookContext<'a> {
    /// The user that the agent works for.
    pub user: &'a str,
    /// How long the hook can wait for a person, in milliseconds.
    pub wait_ms: Option<u64>,
}

/// What one hook input means.
#[derive(Debug, Clone)]
pub struct HookInput {
    /// What happened, the hook's own event first.
    pub drafts: Vec<Draft>,
    /// The question to the gate, where the event gates.
    pub call: Option<Call>,
    /// The agent's session.
    pub session: String,
    /// Where the agent works, absolute.
    pub cwd: Option<PathBuf>,
    pub(super) agent: AgentHook,
    pub(super) kind: Kind,
    pub(super) tool: Option<Seen>,
}

impl HookInput {
    /// Whether the agent waits for a verdict.
    #[must_use]
    pub fn gates(&self) -> bool {
        self.kind.gates()
    }

    /// Gives the hook's own record the id of the call that it turned out to be about.
    pub(super) fn is_about(&mut self, call_id: &str) {
        let Some(draft) = self.drafts.first_mut() else { return };
        if let Ok(Value::Object(mut fields)) = serde_json::from_str(&draft.payload) {
            fields.insert("call_id".to_owned(), json!(call_id));
            draft.payload = fit(fields).into();
        }
    }
}

pub(super) fn read(agent: AgentHook, json: &str, context: HookContext<'_>) -> Result<HookInput, HookError> {
    let fields = fields::parse(json)?;
    let (kind, event_type) = kind::of(fields::event(agent, &fields)?)?;
    let session = fields::session(agent, &fields)?;
    let cwd = fields::cwd(agent, &fields)?;
    let can_ask = match agent {
        AgentHook::ClaudeCode => true,
        AgentHook::Codex | AgentHook::Gemini => false,
        AgentHook::Cursor => kind == Kind::Shell,
        AgentHook::Generic => fields::can_ask(&fields)?,
    };
    let tool = Tool::of(agent, kind, &session, &fields)?;
    let reader = Reader { agent, session: &session, context };
    let consequence = reader.consequence(kind, tool.as_ref(), &fields)?;
    let seen = tool.as_ref().map(|tool| tool.seen.clone());
    let call = tool.filter(|_| kind.gates()).map(|tool| reader.call(tool, cwd.as_deref(), can_ask));
    let mut drafts = vec![reader.hook_event(event_type, kind, fields, seen.as_ref())];
    drafts.extend(consequence);
    Ok(HookInput { drafts, call, session, cwd, agent, kind, tool: seen })
}

struct Reader<'a> {
    agent: AgentHook,
    session: &'a str,
    context: HookContext<'a>,
}

impl Reader<'_> {
    /// The only copy of an input: the event's own is cut.
    fn call(&self, tool: Tool<'_>, cwd: Option<&Path>, can_ask: bool) -> Call {
        Call {
            session_id: Some(self.session.to_owned()),
            tool_name: tool.name.to_owned(),
            tool_input: tool.input.into_owned(),
            cwd: cwd.map(Path::to_owned),
            agent: Some(self.agent.as_str().to_owned()),
            call_id: Some(tool.seen.call_id),
            roots: Vec::new(),
            can_ask,
            wait_ms: self.context.wait_ms,
        }
    }

    /// The hook's own record: the agent's fields, `agent` and, of a tool, `call_id`.
    fn hook_event(&self, event_type: EventType, kind: Kind, mut fields: Fields, seen: Option<&Seen>) -> Draft {
        fields.insert("agent".to_owned(), json!(self.agent.as_str()));
        if let Some(seen) = seen {
            fields.insert("call_id".to_owned(), json!(seen.call_id));
        }
        // All of a file, which nobody asked to keep: what it is about is its path.
        if kind == Kind::ReadFile
            && let Some(content) = fields.shift_remove("content")
        {
            fields.insert("content_bytes".to_owned(), json!(content.as_str().map_or(0, str::len)));
        }
        self.draft(event_type, fit(fields))
    }

    /// What the event means to those who know nothing of hooks.
    fn consequence(&self, kind: Kind, tool: Option<&Tool<'_>>, fields: &Fields) -> Result<Option<Draft>, HookError> {
        match (kind, tool) {
            (Kind::PostTool | Kind::PostToolFailure, Some(tool)) => {
                self.finished(kind == Kind::PostTool, tool, fields).map(Some)
            }
            (Kind::UserPrompt, _) => self.message("message.in", &["prompt"], fields),
            (Kind::Stop, _) => self.message("message.out", &ANSWERS, fields),
            _ => Ok(None),
        }
    }

    fn finished(&self, ok: bool, tool: &Tool<'_>, fields: &Fields) -> Result<Draft, HookError> {
        let mut payload = Map::new();
        payload.insert("session_id".to_owned(), json!(self.session));
        // The gate's own record of them has no more, and a tool may finish that it was never asked about.
        payload.insert("tool_name".to_owned(), json!(text::start(tool.name, MAX_NAME_BYTES)));
        // A name that the gate would refuse has none of ours.
        if let Some(ours) = normalise::tool(tool.name).ok().filter(|ours| ours != tool.name) {
            payload.insert("canonical_tool".to_owned(), json!(ours));
        }
        payload.insert("call_id".to_owned(), json!(text::start(&tool.seen.call_id, MAX_NAME_BYTES)));
        payload.insert("ok".to_owned(), json!(ok));
        let duration = fields.get("duration_ms").or_else(|| fields.get("duration"));
        if let Some(duration) = duration.and_then(Value::as_u64) {
            payload.insert("duration_ms".to_owned(), json!(duration));
        }
        let exit_code = fields.get("tool_response").and_then(|response| response.get("exit_code"));
        let exit_code = exit_code.or_else(|| fields.get("exit_code"));
        if let Some(exit_code) = exit_code.and_then(Value::as_i64) {
            payload.insert("exit_code".to_owned(), json!(exit_code));
        }
        self.typed("tool.finished", payload)
    }

    fn message(&self, event_type: &str, names: &[&str], fields: &Fields) -> Result<Option<Draft>, HookError> {
        let mut said = None;
        for name in names {
            said = said.or(fields::text(fields, name)?);
        }
        let Some(said) = said.filter(|said| !said.is_empty()) else { return Ok(None) };
        let shown = text::start(said, MAX_MESSAGE_BYTES);
        let mut payload = Map::new();
        payload.insert("user_id".to_owned(), json!(self.context.user));
        payload.insert("chat_id".to_owned(), json!(self.session));
        payload.insert("text".to_owned(), json!(shown));
        if shown.len() < said.len() {
            payload.insert("truncated".to_owned(), json!(true));
        }
        self.typed(event_type, payload).map(Some)
    }

    fn typed(&self, event_type: &str, payload: Map<String, Value>) -> Result<Draft, HookError> {
        let event_type = EventType::parse(event_type).map_err(|error| HookError::Input(error.to_string()))?;
        Ok(self.draft(event_type, Value::Object(payload).to_string()))
    }

    fn draft(&self, event_type: EventType, payload: String) -> Draft {
        let session: Arc<str> = self.session.into();
        let mut draft = Draft::new(event_type, format!("hook:{}", self.agent), payload);
        draft.entity = Some(Entity { kind: "session".into(), id: Arc::clone(&session) });
        draft.session = Some(session);
        draft
    }
}
