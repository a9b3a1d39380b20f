//! What people are asked, over Socket.IO: what waits for an answer, and the answer. Who may do that, and that the first
//! answer counts, is as over HTTP.

use super::said::{Code, Trouble};
use crate::caller::Caller;
use crate::interactions::{answered, asked, value};
use crate::scope::Needs;
use crate::state::State;
use serde::Deserialize;
use serde_json::{Value, json};
use tollgate_core::interactions::{Answer, Filter, State as InteractionState};

/// Most questions in one answer: a screenful of each; and most bytes of them: as much as may be said at once.
const MAX_QUESTIONS: usize = 100;
const MAX_QUESTIONS_BYTES: usize = crate::line::MAX_FRAME_BYTES;

/// `resolve_interaction {interactionId, decision?, answer?}`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Answering {
    interaction_id: String,
    decision: Option<String>,
    answer: Option<Value>,
}

impl Eq for Answering {}

impl Answering {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(given: Option<&Value>) -> Result<Self, Trouble> {
        let given = given.cloned().unwrap_or_default();
        serde_json::from_value(given).map_err(|error| Trouble::bad(format!("resolve_interaction: {error}")))
    }
}

/// The newest that wait for an answer and are the caller's, and fit into one message: `{ok, interactions}`.
pub(crate) async fn waiting(state: &State, caller: &Caller) -> Result<Value, Trouble> {
    needs(caller, Needs::ReadAsked)?;
    let filter = Filter { state: Some(InteractionState::Pending), limit: MAX_QUESTIONS, ..Filter::default() };
    let found = asked(state, caller, filter).await?;
    let mut bytes = 0;
    let fit = found.iter().map(value).take_while(|one| {
        bytes += one.to_string().len();
        bytes <= MAX_QUESTIONS_BYTES
    });
    Ok(json!({"ok": true, "interactions": fit.collect::<Vec<_>>()}))
}

/// Answers one: `{ok, first, interaction}`; where it has ended, `first` is false and it says how.
pub(crate) async fn resolve(state: &State, caller: &Caller, answering: Answering) -> Result<Value, Trouble> {
    needs(caller, Needs::Approve)?;
    let Answering { interaction_id, decision, answer } = answering;
    let resolution = answered(state, caller, &interaction_id, Answer { decision, answer }).await?;
    Ok(json!({"ok": true, "first": resolution.first, "interaction": value(&resolution.interaction)}))
}

fn needs(caller: &Caller, needs: Needs) -> Result<(), Trouble> {
    if caller.allows(needs) {
        return Ok(());
    }
    let scope = needs.scope().unwrap_or("any");
    Err(Trouble::new(Code::Forbidden, format!("this token lacks the scope `{scope}`, or has it for some types alone")))
}
