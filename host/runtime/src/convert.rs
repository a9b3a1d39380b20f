//! The WIT edge: events and calls as the bindings want them, borrowed; verdicts back.

use crate::bindings::exports::tollgate::plugin::gate;
use crate::bindings::tollgate::plugin::types as wit;
use crate::fault::start_of;
use tollgate_core::event::Event;
use tollgate_core::gate::{GuardOutcome, NormalisedCall, RedirectKind, ShellCommand, Word};
use uuid::fmt::Hyphenated;

/// Room for an id's text, so that it needs no allocation.
pub(crate) struct IdText([u8; Hyphenated::LENGTH]);

impl Default for IdText {
    fn default() -> Self {
        Self([0; Hyphenated::LENGTH])
    }
}

/// The event as a guest sees it.
pub(crate) fn event<'a>(event: &'a Event, id: &'a mut IdText) -> wit::Event<'a> {
    wit::Event {
        seq: event.seq,
        id: event.id.hyphenated().encode_lower(&mut id.0),
        type_: event.event_type.as_str(),
        source: &event.source,
        time: u64::try_from(event.ts.0).unwrap_or_default(),
        entity: event.entity.as_ref().map(|entity| wit::EntityParam { kind: &entity.kind, id: &entity.id }),
        session: event.session.as_deref(),
        payload: &event.payload,
        depth: event.depth,
    }
}

/// A call's commands with their parts as slices; the bindings borrow from it.
pub(crate) struct CommandViews<'a>(Vec<CommandView<'a>>);

struct CommandView<'a> {
    command: &'a ShellCommand,
    args: Vec<wit::Word<'a>>,
    assignments: Vec<(&'a str, wit::Word<'a>)>,
    redirects: Vec<wit::Redirect<'a>>,
    wrappers: Vec<&'a str>,
}

impl<'a> CommandViews<'a> {
    pub(crate) fn of(call: &'a NormalisedCall) -> Self {
        let views = call.commands.iter().map(|command| CommandView {
            command,
            args: command.args.iter().map(word).collect(),
            assignments: command.assignments.iter().map(|(name, value)| (name.as_str(), word(value))).collect(),
            redirects: command
                .redirects
                .iter()
                .map(|redirect| wit::Redirect { kind: redirect_kind(redirect.kind), target: word(&redirect.target) })
                .collect(),
            wrappers: command.wrappers.iter().map(String::as_str).collect(),
        });
        Self(views.collect())
    }

    pub(crate) fn commands(&'a self) -> Vec<wit::ShellCommand<'a>> {
        let commands = self.0.iter().map(|view| wit::ShellCommand {
            program: word(&view.command.program),
            args: &view.args,
            assignments: &view.assignments,
            redirects: &view.redirects,
            wrappers: &view.wrappers,
            piped_from: view.command.piped_from,
        });
        commands.collect()
    }
}

fn word(word: &Word) -> wit::Word<'_> {
    wit::Word { text: &word.text, literal: word.literal }
}

fn redirect_kind(kind: RedirectKind) -> wit::RedirectKind {
    match kind {
        RedirectKind::Input => wit::RedirectKind::Input,
        RedirectKind::Output => wit::RedirectKind::Output,
        RedirectKind::Append => wit::RedirectKind::Append,
        RedirectKind::HereDocument => wit::RedirectKind::HereDocument,
    }
}

/// The call as a guard sees it.
pub(crate) fn call<'a>(
    call: &'a NormalisedCall,
    cwd: &'a str,
    commands: &'a [wit::ShellCommand<'a>],
) -> wit::ToolCall<'a> {
    wit::ToolCall {
        call_id: &call.call_id,
        session: &call.session,
        agent: &call.agent,
        tool: &call.tool,
        original_tool: &call.original_tool,
        input: &call.input_json,
        cwd,
        commands,
        understood: call.understood,
    }
}

/// Most bytes of what a guard says of its verdict: it is recorded, and a person reads it.
pub(crate) const MAX_VERDICT_BYTES: usize = 4 * 1_024;

/// A guard's verdict as it gave it; what it may mean is decided elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GuardWord {
    Abstain,
    Deny(String),
    Ask(String),
    Allow,
    /// JSON text, unchecked.
    Rewrite(String),
}

impl GuardWord {
    /// What it says to the gate.
    ///
    /// # Errors
    /// When a rewrite is no object: what is wrong with it.
    pub(crate) fn outcome(self) -> Result<GuardOutcome, String> {
        Ok(match self {
            Self::Abstain => GuardOutcome::Abstain,
            Self::Deny(reason) => GuardOutcome::Deny(reason),
            Self::Ask(reason) => GuardOutcome::Ask(reason),
            Self::Allow => GuardOutcome::Allow,
            Self::Rewrite(json) => GuardOutcome::Rewrite(
                serde_json::from_str(&json).map_err(|error| format!("its rewrite is no JSON object: {error}"))?,
            ),
        })
    }
}

impl From<gate::Verdict> for GuardWord {
    fn from(verdict: gate::Verdict) -> Self {
        match verdict {
            gate::Verdict::Abstain => Self::Abstain,
            gate::Verdict::Deny(reason) => Self::Deny(start_of(&reason, MAX_VERDICT_BYTES).to_owned()),
            gate::Verdict::Ask(reason) => Self::Ask(start_of(&reason, MAX_VERDICT_BYTES).to_owned()),
            gate::Verdict::Allow => Self::Allow,
            gate::Verdict::Rewrite(json) => Self::Rewrite(json),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdicts_words_are_cut() {
        let words = "é".repeat(MAX_VERDICT_BYTES);
        for word in [gate::Verdict::Deny(words.clone()).into(), gate::Verdict::Ask(words.clone()).into()] {
            let (GuardWord::Deny(kept) | GuardWord::Ask(kept)) = &word else { continue };
            assert_eq!(kept.len(), MAX_VERDICT_BYTES, "{word:?}");
        }
        assert_eq!(GuardWord::from(gate::Verdict::Ask("short".to_owned())), GuardWord::Ask("short".to_owned()));
    }
}
