//! What the agents' hook inputs have in common: which event is which, and which events each makes.
//!
//! Must not know how an agent wants its answer.

use super::fit::fit;
use super::{AgentHook, HookError};
use crate::event::{Draft, Entity};
use crate::gate::{Call, normalise};
use crate::id::derived;
use crate::json::{folder, kind_of};
use crate::text;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tollgate_events::EventType;

/// The longest name of a hook event that is taken, in bytes.
const MAX_EVENT_NAME: usize = 64;
/// The longest text of a message event, in bytes: with its escapes it fits a payload.
const MAX_MESSAGE_BYTES: usize = 32 * 1024;

/// What the hook's process and its caller know beside the input.
#[derive(Debug, Clone, Copy)]
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
    kind: Kind,
}

impl HookInput {
    /// Whether the agent waits for a verdict.
    #[must_use]
    pub fn gates(&self) -> bool {
        self.call.is_some()
    }

    pub(super) fn is_permission_request(&self) -> bool {
        self.kind == Kind::PermissionRequest
    }
}

/// The events that mean something beyond their own record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    PreTool,
    PermissionRequest,
    PostTool,
    PostToolFailure,
    UserPrompt,
    Stop,
    Other,
}

/// The agents' names of them, and ours.
const KINDS: [(&str, Kind, &str); 10] = [
    ("PreToolUse", Kind::PreTool, "pre_tool"),
    ("BeforeTool", Kind::PreTool, "pre_tool"),
    ("PermissionRequest", Kind::PermissionRequest, "permission_request"),
    ("PostToolUse", Kind::PostTool, "post_tool"),
    ("AfterTool", Kind::PostTool, "post_tool"),
    ("PostToolUseFailure", Kind::PostToolFailure, "post_tool_failure"),
    ("UserPromptSubmit", Kind::UserPrompt, "user_prompt"),
    ("BeforeAgent", Kind::UserPrompt, "user_prompt"),
    ("Stop", Kind::Stop, "stop"),
    ("AfterAgent", Kind::Stop, "stop"),
];

pub(super) fn read(agent: AgentHook, json: &str, context: HookContext<'_>) -> Result<HookInput, HookError> {
    let fields: Map<String, Value> = match serde_json::from_str(json) {
        Ok(Value::Object(fields)) => fields,
        Ok(other) => return Err(HookError::Input(format!("must be an object, is {}", kind_of(&other)))),
        Err(error) => return Err(HookError::Input(crate::json::syntax(&error).reason)),
    };
    let (kind, event_type) = event_of(required(&fields, "hook_event_name")?)?;
    let session = required(&fields, "session_id")?;
    if session.is_empty() {
        return Err(HookError::Input("`session_id` is empty".to_owned()));
    }
    normalise::name("`session_id`", session).map_err(|bad| HookError::Input(bad.to_string()))?;
    let session = session.to_owned();
    let cwd = text(&fields, "cwd")?.filter(|cwd| !cwd.is_empty()).map(folder).transpose();
    let cwd = cwd.map_err(|reason| HookError::Input(format!("`cwd` {reason}")))?;
    let tool = Tool::of(kind, &session, &fields)?;
    let reader = Reader { agent, session: &session, context };
    let call = match &tool {
        Some(tool) if matches!(kind, Kind::PreTool | Kind::PermissionRequest) => {
            Some(reader.call(tool, cwd.as_deref()))
        }
        _ => None,
    };
    let consequence = reader.consequence(kind, tool.as_ref(), &fields)?;
    let call_id = tool.map(|tool| tool.call_id);
    let mut drafts = vec![reader.hook_event(event_type, fields, call_id)];
    drafts.extend(consequence);
    Ok(HookInput { drafts, call, session, cwd, kind })
}

/// What an agent's event is, and ours of it.
fn event_of(name: &str) -> Result<(Kind, EventType), HookError> {
    let no_event = || {
        let shown: String = name.chars().take(MAX_EVENT_NAME).collect();
        HookError::Input(format!("`hook_event_name` `{shown}` is no name of an event"))
    };
    if name.len() > MAX_EVENT_NAME {
        return Err(no_event());
    }
    let (kind, ours) = KINDS
        .iter()
        .find(|(theirs, _, _)| *theirs == name)
        .map_or_else(|| (Kind::Other, snake_case(name)), |(_, kind, ours)| (*kind, (*ours).to_owned()));
    Ok((kind, EventType::parse(&format!("hook.{ours}")).map_err(|_| no_event())?))
}

/// The tool that an event is about.
struct Tool<'a> {
    name: &'a str,
    input: &'a Map<String, Value>,
    call_id: String,
}

impl<'a> Tool<'a> {
    fn of(kind: Kind, session: &str, fields: &'a Map<String, Value>) -> Result<Option<Self>, HookError> {
        if matches!(kind, Kind::UserPrompt | Kind::Stop | Kind::Other) {
            return Ok(None);
        }
        let name = required(fields, "tool_name")?;
        let input = match fields.get("tool_input") {
            Some(Value::Object(input)) => input,
            Some(other) => {
                return Err(HookError::Input(format!("`tool_input` must be an object, is {}", kind_of(other))));
            }
            None => return Err(HookError::Input("`tool_input` is missing".to_owned())),
        };
        let call_id = match text(fields, "tool_use_id")? {
            Some(id) => id.to_owned(),
            None => derived_call_id(session, name, input)?,
        };
        Ok(Some(Self { name, input, call_id }))
    }
}

/// An agent that gives no tool-use id gets one that its later event about the same call gets too. The very
/// same call made twice in a session therefore shares it.
fn derived_call_id(session: &str, tool: &str, input: &Map<String, Value>) -> Result<String, HookError> {
    let input = serde_json::to_string(input).map_err(|error| HookError::Input(error.to_string()))?;
    let mut hash = Sha256::new();
    for part in [session, tool, &input] {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(part);
    }
    Ok(derived(hash.finalize().into()).to_string())
}

struct Reader<'a> {
    agent: AgentHook,
    session: &'a str,
    context: HookContext<'a>,
}

impl Reader<'_> {
    /// The only copy of an input: the event's own is cut.
    fn call(&self, tool: &Tool<'_>, cwd: Option<&Path>) -> Call {
        Call {
            session_id: Some(self.session.to_owned()),
            tool_name: tool.name.to_owned(),
            tool_input: tool.input.clone(),
            cwd: cwd.map(Path::to_owned),
            agent: Some(self.agent.as_str().to_owned()),
            call_id: Some(tool.call_id.clone()),
            roots: Vec::new(),
            can_ask: self.agent.can_ask(),
            wait_ms: self.context.wait_ms,
        }
    }

    /// The hook's own record: the agent's fields, `agent` and, of a tool, `call_id`.
    fn hook_event(&self, event_type: EventType, mut fields: Map<String, Value>, call_id: Option<String>) -> Draft {
        fields.insert("agent".to_owned(), json!(self.agent.as_str()));
        if let Some(call_id) = call_id {
            fields.insert("call_id".to_owned(), json!(call_id));
        }
        self.draft(event_type, fit(fields))
    }

    /// What the event means to those who know nothing of hooks.
    fn consequence(
        &self,
        kind: Kind,
        tool: Option<&Tool<'_>>,
        fields: &Map<String, Value>,
    ) -> Result<Option<Draft>, HookError> {
        match (kind, tool) {
            (Kind::PostTool | Kind::PostToolFailure, Some(tool)) => {
                self.finished(kind == Kind::PostTool, tool, fields).map(Some)
            }
            (Kind::UserPrompt, _) => self.message("message.in", &["prompt"], fields),
            (Kind::Stop, _) => self.message("message.out", &["last_assistant_message", "prompt_response"], fields),
            _ => Ok(None),
        }
    }

    fn finished(&self, ok: bool, tool: &Tool<'_>, fields: &Map<String, Value>) -> Result<Draft, HookError> {
        let mut payload = Map::new();
        payload.insert("session_id".to_owned(), json!(self.session));
        payload.insert("tool_name".to_owned(), json!(tool.name));
        // A name that the gate would refuse has none of ours.
        if let Some(ours) = normalise::tool(tool.name).ok().filter(|ours| ours != tool.name) {
            payload.insert("canonical_tool".to_owned(), json!(ours));
        }
        payload.insert("call_id".to_owned(), json!(tool.call_id));
        payload.insert("ok".to_owned(), json!(ok));
        if let Some(duration) = fields.get("duration_ms").and_then(Value::as_u64) {
            payload.insert("duration_ms".to_owned(), json!(duration));
        }
        let exit_code = fields.get("tool_response").and_then(|response| response.get("exit_code"));
        let exit_code = exit_code.or_else(|| fields.get("exit_code"));
        if let Some(exit_code) = exit_code.and_then(Value::as_i64) {
            payload.insert("exit_code".to_owned(), json!(exit_code));
        }
        self.typed("tool.finished", payload)
    }

    fn message(
        &self,
        event_type: &str,
        names: &[&str],
        fields: &Map<String, Value>,
    ) -> Result<Option<Draft>, HookError> {
        let mut said = None;
        for name in names {
            said = said.or(text(fields, name)?);
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

/// `SubagentStart` → `subagent_start`.
fn snake_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let mut after_lower = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() && after_lower {
            out.push('_');
        }
        after_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        out.push(c.to_ascii_lowercase());
    }
    out
}

fn required<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<&'a str, HookError> {
    text(fields, name)?.ok_or_else(|| HookError::Input(format!("`{name}` is missing")))
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, HookError> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(HookError::Input(format!("`{name}` must be a string, is {}", kind_of(other)))),
    }
}
