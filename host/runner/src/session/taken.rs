//! Events that come from outside: judged by the session's state, all of them or none, and recorded in order.
//!
//! Judged first, on a clone of the state, then asked about, then recorded in one commit; only then it counts.

use super::Session;
use super::approvals::{self, NewApproval};
use crate::error::{EventRefusal, RunnerError};
use crate::limits::MAX_TAKEN;
use crate::machine::{Machine, Move, Refusal, Settled};
use crate::state::State;
use crate::told::{ended_id, started_id};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::event::Draft;
use tollgate_core::events::payload::{
    ALERT_RAISED, APPROVAL_REQUESTED, APPROVAL_RESOLVED, ApprovalResolved, DIFF_SUMMARY, FILE_TOUCHED, SESSION_ENDED,
    SESSION_STARTED, SESSION_STATE_CHANGED, SessionEnded, SessionStateChanged, TERMINAL_CHUNK, TEST_RUN_FINISHED,
    TEST_RUN_STARTED, USAGE_TICK,
};
use tollgate_core::interactions::{Answer, Interaction, State as Answered};
use tollgate_core::journal::Receipt;

/// The fields of an approval that may be its question, the first one first.
const QUESTIONS: [&str; 5] = ["text", "title", "question", "description", "command"];

/// What a session's state follows from.
const STATE: [&str; 5] = [SESSION_STARTED, SESSION_STATE_CHANGED, SESSION_ENDED, APPROVAL_REQUESTED, APPROVAL_RESOLVED];
/// What the host tells itself of a session whose program it runs.
const HOSTS: [&str; 4] = [TERMINAL_CHUNK, FILE_TOUCHED, DIFF_SUMMARY, USAGE_TICK];

/// Whether an event of this type is a session's own alone to tell, so that it is to be judged before it is recorded.
pub(crate) fn is_judged(event_type: &str, host_runs: bool) -> bool {
    STATE.contains(&event_type) || (host_runs && HOSTS.contains(&event_type))
}

/// One step of what is to be done.
enum Step {
    /// To be recorded; the sender's position, where it is the sender's.
    Record(Option<usize>, Draft),
    /// To be asked, and told of.
    Ask(usize, Draft, Arc<str>, NewApproval),
    /// The sender's answer to an approval.
    Answer(usize, Draft, Arc<str>, Answer, String),
    /// An approval that nobody needs any more.
    Void(Arc<str>),
}

/// What was judged.
struct Plan {
    machine: Machine,
    steps: Vec<Step>,
    /// What is known before anything is recorded: of an event that came before.
    receipts: Vec<Option<Receipt>>,
    reason: Option<String>,
    exit_code: Option<i64>,
}

impl Session {
    /// Takes `drafts` in. A receipt for each; none for a move to the state that it is in already. `host_runs`: the
    /// host runs the program and tells most of it itself.
    pub(super) async fn take(
        &mut self,
        drafts: Vec<Draft>,
        may_approve: bool,
        host_runs: bool,
    ) -> Result<Vec<Option<Receipt>>, RunnerError> {
        if drafts.len() > MAX_TAKEN {
            return Err(RunnerError::TooManyEvents(drafts.len()));
        }
        let ids: Vec<_> = drafts.iter().map(|draft| draft.id).collect();
        let plan = self.judge(drafts, may_approve, host_runs)?;
        let mut asked = Vec::new();
        let recorded = self.carry_out(plan.steps, &mut asked).await;
        let recorded = match recorded {
            Ok(recorded) => recorded,
            Err(error) => {
                for (_, question) in &asked {
                    self.take_back(question).await;
                }
                return Err(error);
            }
        };
        let mut receipts = plan.receipts;
        for (index, receipt) in recorded {
            if let Some(place) = receipts.get_mut(index) {
                *place = Some(receipt);
            }
        }
        for (id, receipt) in ids.into_iter().zip(&receipts) {
            if let Some(id) = id.filter(|id| self.remembered.iter().all(|(known, _)| known != id)) {
                self.remember(id, *receipt);
            }
        }
        let kept = self.status.borrow().reason.clone();
        self.machine = plan.machine;
        self.publish(plan.reason.or(kept).as_deref(), plan.exit_code, self.machine.is_ended());
        for (id, question) in asked {
            self.watch(&id, &question);
        }
        Ok(receipts)
    }

    fn judge(&self, drafts: Vec<Draft>, may_approve: bool, host_runs: bool) -> Result<Plan, RunnerError> {
        let receipts = vec![None; drafts.len()];
        let mut plan =
            Plan { machine: self.machine.clone(), steps: Vec::new(), receipts, reason: None, exit_code: None };
        for (index, draft) in drafts.into_iter().enumerate() {
            let at = |reason: EventRefusal| RunnerError::Event { index, reason };
            if let Some(id) = draft.id
                && let Some((_, receipt)) = self.remembered.iter().find(|(known, _)| *known == id)
            {
                if let Some(place) = plan.receipts.get_mut(index) {
                    *place = *receipt;
                }
                continue;
            }
            if let Some(other) = draft.session.as_ref().filter(|other| **other != self.who.id) {
                return Err(at(EventRefusal::Elsewhere(other.to_string())));
            }
            let draft = self.who.adopt(draft);
            // Its shape, so that nothing is asked of anybody for an event that is refused afterwards.
            self.context.bus.check(&draft).map_err(|error| at(error.into()))?;
            self.judge_one(&mut plan, index, draft, may_approve, host_runs).map_err(at)?;
        }
        Ok(plan)
    }

    fn judge_one(
        &self,
        plan: &mut Plan,
        index: usize,
        draft: Draft,
        may_approve: bool,
        host_runs: bool,
    ) -> Result<(), EventRefusal> {
        let event_type = draft.event_type.as_str().to_owned();
        match &*event_type {
            SESSION_STARTED
            | SESSION_STATE_CHANGED
            | SESSION_ENDED
            | TERMINAL_CHUNK
            | FILE_TOUCHED
            | DIFF_SUMMARY
            | USAGE_TICK
                if host_runs =>
            {
                plan.machine.lives()?;
                return Err(EventRefusal::Own(event_type));
            }
            SESSION_STARTED => {
                plan.machine.start()?;
                let draft = Draft { id: Some(started_id(&self.who.id)), ..draft };
                plan.steps.push(Step::Record(Some(index), draft));
            }
            SESSION_STATE_CHANGED => {
                let said: SessionStateChanged = payload(&draft)?;
                let (from, to) = (state("previousState", &said.previous_state)?, state("newState", &said.new_state)?);
                plan.machine.lives()?;
                let now = plan.machine.state();
                if to == now {
                    return Ok(());
                }
                if from != now {
                    let reason = format!("is {from}, and the session is in {now}");
                    return Err(EventRefusal::Field { path: "previousState", reason });
                }
                let before = plan.machine.clone();
                plan.machine.go(to)?;
                plan.void(&before, None);
                plan.reason = said.reason;
                plan.steps.push(Step::Record(Some(index), draft));
            }
            SESSION_ENDED => {
                let said: SessionEnded = payload(&draft)?;
                let last = state("finalState", &said.final_state)?;
                let before = plan.machine.clone();
                let moved = plan.machine.end(last)?;
                plan.void(&before, None);
                self.plan_move(plan, moved, None)?;
                plan.exit_code = said.exit_code;
                let draft = Draft { id: Some(ended_id(&self.who.id)), ..draft };
                plan.steps.push(Step::Record(Some(index), draft));
            }
            APPROVAL_REQUESTED => {
                let what = requested(&draft)?;
                let (id, _) = approvals::id_of(&what).map_err(|error| field("payload.approval", &error))?;
                let moved = plan.machine.ask(&id)?;
                let reason = what.text.clone();
                plan.steps.push(Step::Ask(index, draft, id, what));
                self.plan_move(plan, moved, Some(reason))?;
            }
            APPROVAL_RESOLVED => {
                let said: ApprovalResolved = payload(&draft)?;
                let id: Arc<str> = said.approval_id.as_str().into();
                let (answer, settled, reason) = resolved(&said)?;
                let before = plan.machine.clone();
                let moved = plan.machine.settle(&id, &settled)?;
                if !may_approve {
                    return Err(EventRefusal::MayNotApprove);
                }
                plan.steps.push(Step::Answer(index, draft, Arc::clone(&id), answer, said.resolved_by));
                plan.void(&before, Some(&id));
                self.plan_move(plan, moved, Some(reason))?;
            }
            TERMINAL_CHUNK | FILE_TOUCHED | DIFF_SUMMARY | USAGE_TICK | TEST_RUN_STARTED | TEST_RUN_FINISHED
            | ALERT_RAISED => {
                plan.machine.lives()?;
                plan.steps.push(Step::Record(Some(index), draft));
            }
            _ => return Err(EventRefusal::Foreign(event_type)),
        }
        Ok(())
    }

    /// The host's own word for a move that follows from an event.
    fn plan_move(&self, plan: &mut Plan, moved: Option<Move>, reason: Option<String>) -> Result<(), EventRefusal> {
        let Some(moved) = moved else { return Ok(()) };
        let draft = self.who.moved(&moved, reason.as_deref()).map_err(|error| field("payload", &error))?;
        plan.steps.push(Step::Record(None, draft));
        plan.reason = reason;
        Ok(())
    }

    /// Asks, answers, and records it all in one commit; receipts by the sender's positions.
    async fn carry_out(
        &self,
        steps: Vec<Step>,
        asked: &mut Vec<(Arc<str>, Interaction)>,
    ) -> Result<Vec<(usize, Receipt)>, RunnerError> {
        let mut drafts = Vec::new();
        let mut places = Vec::new();
        for step in steps {
            let (index, draft) = match step {
                Step::Record(Some(index), draft) => (Some(index), draft),
                Step::Record(None, draft) => {
                    // What the host adds is not the sender's to be refused for.
                    let mut wanted = vec![draft];
                    self.context.bus.keep_wanted(&mut wanted);
                    let Some(draft) = wanted.pop() else { continue };
                    (None, draft)
                }
                Step::Ask(index, draft, id, what) => {
                    let question = self.ask_person(None, &what).await?;
                    let told = self.who.requested(&id, &what.details, &question)?;
                    asked.push((id, question));
                    let Draft { source, ts, id, .. } = draft;
                    (Some(index), Draft { source, ts, id, ..told })
                }
                Step::Answer(index, draft, id, answer, by) => {
                    let interaction = self.interaction_of(&id, asked)?;
                    let resolution = self.context.interactions.resolve(&interaction, answer, &by).await?;
                    if !resolution.first {
                        let how = ended_as(&resolution.interaction);
                        let reason = EventRefusal::Settled(id.to_string(), how);
                        return Err(RunnerError::Event { index, reason });
                    }
                    (Some(index), draft)
                }
                Step::Void(id) => {
                    let interaction = self.interaction_of(&id, asked)?;
                    let ended = self.context.interactions.cancel(&interaction, crate::told::RUNNER).await?;
                    (None, approvals::resolved(&self.who, &id, &ended.interaction)?)
                }
            };
            drafts.push(draft);
            places.push(index);
        }
        // Each was checked, so what is left is the journal's to refuse, and that is all of them.
        let receipts = self.context.bus.emit_batch(drafts).await?;
        Ok(places.into_iter().zip(receipts).filter_map(|(place, receipt)| Some((place?, receipt))).collect())
    }

    fn interaction_of(&self, id: &str, asked: &[(Arc<str>, Interaction)]) -> Result<Arc<str>, Refusal> {
        let now = asked.iter().find(|(known, _)| &**known == id).map(|(_, question)| &question.id);
        now.or_else(|| self.approvals.interaction(id)).cloned().ok_or_else(|| Refusal::NoApproval(id.to_owned()))
    }
}

impl Plan {
    /// Approvals that were open `before` and are not any more, but for the one that was settled.
    fn void(&mut self, before: &Machine, settled: Option<&str>) {
        for id in before.open().filter(|id| settled != Some(&***id)) {
            if self.machine.open().all(|open| open != id) {
                self.steps.push(Step::Void(Arc::clone(id)));
            }
        }
    }
}

fn ended_as(interaction: &Interaction) -> String {
    match (&interaction.decision, interaction.state) {
        (Some(decision), Answered::Resolved) => decision.clone(),
        (_, state) => state.as_str().to_owned(),
    }
}

fn payload<T: DeserializeOwned>(draft: &Draft) -> Result<T, EventRefusal> {
    serde_json::from_str(&draft.payload).map_err(|error| field("payload", &error))
}

fn field(path: &'static str, error: &impl ToString) -> EventRefusal {
    EventRefusal::Field { path, reason: error.to_string() }
}

/// A state as others write it, in upper or lower case.
fn state(path: &'static str, text: &str) -> Result<State, EventRefusal> {
    State::parse(&text.to_ascii_uppercase()).ok_or_else(|| {
        let known: Vec<_> = State::ALL.iter().map(|state| state.as_str()).collect();
        let text: String = text.chars().take(64).collect();
        EventRefusal::Field { path, reason: format!("`{text}` is no state; known are {}", known.join(", ")) }
    })
}

/// An approval as others ask for it.
fn requested(draft: &Draft) -> Result<NewApproval, EventRefusal> {
    #[derive(Deserialize)]
    struct Requested {
        approval: Map<String, Value>,
    }
    let Requested { approval } = payload(draft)?;
    let text = |key: &str| approval.get(key)?.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned);
    let ttl = match approval.get("timeoutMs") {
        None | Some(Value::Null) => None,
        Some(ms) => match ms.as_u64() {
            Some(ms) => Some(Duration::from_millis(ms)),
            None => {
                let reason = "must be a whole number of milliseconds".to_owned();
                return Err(EventRefusal::Field { path: "payload.approval.timeoutMs", reason });
            }
        },
    };
    let question = QUESTIONS.into_iter().find_map(text).unwrap_or_else(|| "may the session go on?".to_owned());
    let id = text("id").or_else(|| text("approvalId")).ok_or_else(|| EventRefusal::Field {
        path: "payload.approval.id",
        reason: "is missing: what is asked for from outside needs an id to be answered by".to_owned(),
    })?;
    Ok(NewApproval { id: Some(id), text: question, ttl, details: approval })
}

/// An answer as others give it: what it is for the interaction, and for the session.
fn resolved(said: &ApprovalResolved) -> Result<(Answer, Settled, String), EventRefusal> {
    let ApprovalResolved { approval_id: id, decision, resolved_by: by, note } = said;
    match decision.to_ascii_lowercase().as_str() {
        "approve" | "approved" | "allow" | "allowed" => {
            Ok((Answer::approve(), Settled::Approved, format!("approval {id} was given by {by}")))
        }
        "reject" | "rejected" | "deny" | "denied" => {
            let note = note.as_deref().unwrap_or_default();
            let colon = if note.is_empty() { "" } else { ": " };
            let reason = format!("approval {id} was denied by {by}{colon}{note}");
            Ok((Answer::reject(note), Settled::Denied(reason.as_str().into()), reason))
        }
        _ => {
            let decision: String = decision.chars().take(64).collect();
            let reason = format!("`{decision}` is no answer: say `approve` or `reject`");
            Err(EventRefusal::Field { path: "payload.decision", reason })
        }
    }
}
