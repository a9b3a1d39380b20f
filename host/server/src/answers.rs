//! The shapes of what is answered, for the documents. That the handlers keep to them is what `documents`' tests show.

#![expect(dead_code, reason = "shapes, which are described and not made")]

use schemars::JsonSchema;
use serde_json::Value;
use std::collections::BTreeMap;

/// A refusal or a failure.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Failure {
    error: FailureDetail,
}

/// What went wrong.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct FailureDetail {
    /// Stable: what programs look at.
    code: String,
    /// For people.
    message: String,
    /// Under which the host's log says more.
    request_id: String,
}

/// An event, protocol v1. The first five fields are frozen; what a stream itself says has no others.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Envelope {
    /// `domain.action`.
    r#type: String,
    /// RFC 3339, UTC, milliseconds.
    ts: String,
    source: String,
    entity: Option<Entity>,
    /// By type.
    payload: BTreeMap<String, Value>,
    #[schemars(default)]
    id: Option<String>,
    #[schemars(default)]
    seq: Option<u64>,
    #[schemars(default)]
    session: Option<String>,
    #[schemars(default)]
    root: Option<String>,
    #[schemars(default)]
    depth: Option<u8>,
}

/// What an event is about.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Entity {
    kind: String,
    id: String,
}

/// Some events, and where the rest begins.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Events {
    events: Vec<Envelope>,
    /// A cursor; null where there is no more.
    next: Option<String>,
}

/// What was recorded, in the order given.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Receipts {
    events: Vec<Receipt>,
    /// With `wait_ms`: what became of it at each plugin that it went to.
    #[schemars(default)]
    outcomes: Option<Vec<Handled>>,
}

/// What became of a stretch of events that a plugin was given once more.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Replayed {
    /// How many it was given, or with `dry_run` would be.
    events: u64,
    handled: u64,
    /// Those that were not handled.
    left: Vec<Left>,
    /// The cursor to go on from; null where nothing is left.
    next: Option<String>,
    /// Give it with the next request: events after this seq it is given anyway.
    upto: u64,
    /// Why it was given no more, where something kept it.
    stopped: Option<Stopped>,
}

/// An event that was given once more and not handled.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Left {
    seq: u64,
    cause: String,
    message: String,
}

/// Why no more was given.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Stopped {
    code: String,
    message: String,
}

/// What became of an event at a plugin.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Handled {
    plugin: String,
    /// `handled`, `failed`, `faulted`, `timed_out` or `dropped`.
    outcome: String,
    message: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Receipt {
    seq: u64,
    id: String,
    /// It was on record already, under this seq.
    duplicate: bool,
}

/// How the host is.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Health {
    status: String,
    version: String,
    /// `full`, `normal` or `memory`.
    durability: String,
    head: u64,
    epoch: String,
}

/// Whether it does its work.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Ready {
    ready: bool,
    /// `ok`, or what is wrong with it.
    journal: String,
    /// Plugins that are being looked at for the first time.
    loading: Vec<String>,
    closing: bool,
}

/// Counters since the start.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Stats {
    published: u64,
    filtered: u64,
    rejected: u64,
    last_event: Option<String>,
    by_type: BTreeMap<String, u64>,
    subscribers: Vec<Subscriber>,
    clients: Vec<Client>,
    streams: usize,
    uptime_ms: u64,
}

/// One who is handed events: emitted = filtered + delivered + dropped + waiting.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Subscriber {
    name: String,
    emitted: u64,
    filtered: u64,
    delivered: u64,
    dropped: u64,
    waiting: u64,
}

/// One who follows live, counted the same way.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Client {
    name: String,
    /// `sse`, `websocket`, `frontend`, `socketio` or `control`.
    kind: String,
    /// The token that it came with.
    token: String,
    emitted: u64,
    filtered: u64,
    delivered: u64,
    dropped: u64,
    waiting: u64,
    /// The last seq that it said it was done with.
    acknowledged: u64,
}

/// What a call may do, and why.
#[derive(JsonSchema)]
pub(crate) struct Verdict {
    /// `allow`, `deny`, `ask` or `abstain`.
    decision: String,
    reason: String,
    cause: Option<String>,
    decided_by: Option<String>,
    rewritten_input: Value,
    approval_id: Option<String>,
    understood: bool,
    seq: Vec<u64>,
}

/// What an agent's hook is to answer.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct HookAnswer {
    /// 0 or 2.
    exit: u8,
    stdout: String,
    stderr: String,
}

/// A runner session.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct RunnerSession {
    id: String,
    /// The provider of a session whose program the host runs.
    provider: Option<String>,
    /// `CREATED` to `COMPLETED` or `FAILED`.
    state: String,
    reason: Option<String>,
    agent_id: String,
    village_id: Option<String>,
    repo_id: Option<String>,
    room_path: String,
    workspace: Option<String>,
    created_at: String,
    ended_at: Option<String>,
    exit_code: Option<i64>,
    /// Of one session alone, not in a list.
    #[schemars(default)]
    approvals: Option<Vec<SessionApproval>>,
}

/// An approval that a session asked for.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct SessionApproval {
    /// The session's own id for it.
    id: String,
    /// The question that it is.
    interaction: String,
    open: bool,
}

/// Runner sessions, the oldest first.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct RunnerSessions {
    sessions: Vec<RunnerSession>,
}

/// What was recorded of a session, in the order given; null where it was so already.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct SessionReceipts {
    events: Vec<Option<Receipt>>,
}

/// Questions to people.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Interactions {
    interactions: Vec<Interaction>,
}

/// A question to a person.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Interaction {
    id: String,
    kind: String,
    /// `pending`, `resolved`, `expired` or `cancelled`.
    state: String,
    chat_id: Option<String>,
    session: Option<String>,
    text: String,
    options: Vec<String>,
    details: Value,
    asked_by: String,
    asked_at: String,
    expires_at: Option<String>,
    decision: Option<String>,
    answer: Value,
    resolved_by: Option<String>,
    settled_at: Option<String>,
    unspent: bool,
}

/// A question that has ended.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Resolution {
    /// Whether this answer was the first, which counts.
    first: bool,
    interaction: Interaction,
}

/// What sessions may do without being asked again.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Grants {
    grants: Vec<Grant>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Grant {
    session: String,
    key: String,
    given_by: String,
    given_at: String,
}

/// Events that plugins gave up.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct DeadLetters {
    dead_letters: Vec<DeadLetter>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct DeadLetter {
    plugin: String,
    seq: u64,
    cause: String,
    message: String,
    tries: u32,
    at: String,
}

/// The plugins.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Plugins {
    plugins: Vec<Plugin>,
}

/// One plugin; `GET /api/plugins/{name}` says more of it.
#[derive(JsonSchema)]
pub(crate) struct Plugin {
    name: String,
    version: Option<String>,
    digest: Option<String>,
    state: String,
    calls: u64,
    failed: u64,
    faults: u64,
}

/// Named tokens; never their texts.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Tokens {
    tokens: Vec<Token>,
}

/// A named token.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct Token {
    name: String,
    scopes: Vec<String>,
    sources: Vec<String>,
    per_second: u32,
    connections: usize,
    created: String,
    /// Its text, told once, where it is made.
    #[schemars(default)]
    token: Option<String>,
}

/// Any object, said in words elsewhere.
#[derive(JsonSchema)]
pub(crate) struct Object(BTreeMap<String, Value>);

/// One event to record, an array of them, or one a line: envelopes, CloudEvents, kernel and runner records.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(crate) enum Drafts {
    /// One.
    One(BTreeMap<String, Value>),
    /// Several, all or none.
    Several(Vec<BTreeMap<String, Value>>),
}

/// What `/ws` tells.
#[derive(JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase", rename_all_fields = "camelCase")]
#[schemars(deny_unknown_fields)]
pub(crate) enum ControlFrame {
    /// What a session's terminal wrote.
    Terminal {
        /// `output`.
        event: String,
        session_id: String,
        seq: u64,
        timestamp: String,
        data: String,
        stream: String,
        /// Bytes that were too many to be told before these.
        #[schemars(default)]
        dropped_bytes: Option<u64>,
    },
    /// What else became of a session.
    Session {
        /// `output`, `state_change`, `approval_request`, `approval_resolved` or `completed`.
        event: String,
        session_id: String,
        seq: u64,
        timestamp: String,
        /// The type of the catalogue whose payload `data` is.
        event_type: String,
        data: BTreeMap<String, Value>,
    },
    /// What the connection itself says.
    Event {
        /// `connected`, `authenticated`, `subscribed`, `unsubscribed`, `approval_answered`, `gap` or `journal_reset`.
        event: String,
        timestamp: String,
        data: BTreeMap<String, Value>,
        #[schemars(default)]
        session_id: Option<String>,
    },
    /// What goes wrong.
    Error {
        /// Stable: what programs look at.
        code: String,
        /// For people.
        message: String,
        timestamp: String,
        #[schemars(default)]
        session_id: Option<String>,
    },
    /// The answer to a ping.
    Pong { timestamp: String },
}
