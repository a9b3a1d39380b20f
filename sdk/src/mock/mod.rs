//! The host that native unit tests get: it records what the plugin did, and answers like a host that granted
//! everything, or with the error that a test sets. One for each thread, as tests have one each. It checks the types and
//! payloads of emits, and enforces no budget; `tollgate plugin test` runs the component under a real host's.

pub(crate) mod bus;
pub(crate) mod data;
pub(crate) mod interactions;
pub(crate) mod log;
pub(crate) mod process;
pub(crate) mod session;
pub(crate) mod store;
pub(crate) mod workspace;

use crate::{Draft, Event, Level, ToolCall};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;

pub use process::{Finished, Programs};
pub use session::Effect;

/// What the mock host remembers. A test may change it to set a scene.
#[derive(Debug, Default)]
pub struct MockHost {
    /// Staged emits, then those committed at once, in the order made.
    pub emits: Vec<Draft>,
    /// While set, any emit answers this, as one that is not granted does.
    pub emit_error: Option<crate::EmitError>,
    /// Log lines, oldest first.
    pub logs: Vec<(Level, String)>,
    /// While set, any read or write of the store answers this.
    pub store_error: Option<crate::StoreError>,
    /// The store's pairs.
    pub store: BTreeMap<String, Vec<u8>>,
    /// The data folder's files.
    pub data: BTreeMap<String, Vec<u8>>,
    /// While true, store and data answer as they do to a candidate version: reads work, writes do not.
    pub read_only: bool,
    /// While set, `data` answers this to any write.
    pub data_error: Option<crate::DataError>,
    /// Calls of `data.read`, to count what a plugin reads.
    pub data_reads: usize,
    /// The handled event's session's first root, a real folder; none is an event without a workspace.
    pub workspace: Option<PathBuf>,
    /// While set, `workspace` answers this to anything, as to a path that is not granted.
    pub workspace_error: Option<crate::workspace::WorkspaceError>,
    /// What programs do; by default there are none.
    pub programs: Programs,
    /// What was started, oldest first.
    pub commands: Vec<crate::process::Command>,
    /// What was asked; the interactions' ids are `interaction-1` and so on.
    pub questions: Vec<crate::interactions::Question>,
    /// While set, any question answers this.
    pub ask_error: Option<crate::interactions::AskError>,
    /// Effects on the session, in the order made.
    pub effects: Vec<Effect>,
    /// While set, any effect on the session answers this.
    pub effect_error: Option<crate::session::EffectError>,
}

thread_local! {
    static HOST: RefCell<MockHost> = RefCell::default();
}

/// Looks at, or changes, this thread's host.
pub fn with<T>(look: impl FnOnce(&mut MockHost) -> T) -> T {
    HOST.with_borrow_mut(look)
}

/// Forgets everything.
pub fn reset() {
    with(|host| *host = MockHost::default());
}

/// What was emitted so far.
#[must_use]
pub fn emits() -> Vec<Draft> {
    with(|host| host.emits.clone())
}

/// What was logged so far.
#[must_use]
pub fn logs() -> Vec<(Level, String)> {
    with(|host| host.logs.clone())
}

/// An event from outside with seq 1 and nothing optional; set its public fields for more.
#[must_use]
pub fn event(event_type: &str, payload: &str) -> Event {
    Event {
        seq: 1,
        id: "00000000-0000-7000-8000-000000000001".to_owned(),
        type_: event_type.to_owned(),
        source: "core".to_owned(),
        time: 1_700_000_000_000,
        entity: None,
        session: None,
        payload: payload.to_owned(),
        depth: 0,
    }
}

/// A call of `tool` with nothing optional; set its public fields for more.
#[must_use]
pub fn call(tool: &str, input: &str) -> ToolCall {
    ToolCall {
        call_id: "call-1".to_owned(),
        session: "s1".to_owned(),
        agent: "claude-code".to_owned(),
        tool: tool.to_owned(),
        original_tool: tool.to_owned(),
        input: input.to_owned(),
        cwd: "/home/dev/project".to_owned(),
        commands: Vec::new(),
        understood: true,
    }
}

#[cfg(test)]
mod tests;
