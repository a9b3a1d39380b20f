//! Recorded lines given to a plugin on trial, and what came of each as JSON: what a golden file holds, and the measures
//! that it never holds.

use super::recorded::{Recorded, What};
use crate::exit::Failure;
use serde_json::{Map, Value, json};
use std::time::Duration;
use tollgate_core::event::Entity;
use tollgate_core::events::EventType;
use tollgate_core::gate::GuardOutcome;
use tollgate_core::redact::redact;
use tollgate_runtime::{Account, FaultCause, LogLevel, Trial, TrialOutcome};

/// What came of one line.
#[derive(Debug, Clone)]
pub struct Step {
    /// What it did: the same for the same plugin and line, whenever and wherever.
    pub did: Value,
    /// What that took; none where it was not asked.
    pub took: Option<Measures>,
    /// Whether the guest faulted.
    pub faulted: bool,
    /// Where a fault was that says nothing of it itself.
    pub backtrace: Option<String>,
}

/// What one call took.
#[derive(Debug, Clone, Copy)]
pub struct Measures {
    /// Fuel, the host's work included.
    pub fuel: u64,
    /// Wall clock.
    pub took: Duration,
    /// Bytes of all memories afterwards; 0 after a fault.
    pub memory_bytes: usize,
}

impl Step {
    /// Everything, as one object.
    pub fn to_json(&self) -> Value {
        let mut whole = self.did.clone();
        if let (Some(fields), Some(took)) = (whole.as_object_mut(), self.took) {
            fields.insert("fuel".to_owned(), json!(took.fuel));
            fields.insert("took_us".to_owned(), json!(u64::try_from(took.took.as_micros()).unwrap_or(u64::MAX)));
            fields.insert("memory_bytes".to_owned(), json!(took.memory_bytes));
            if let Some(backtrace) = &self.backtrace {
                fields.insert("backtrace".to_owned(), json!(backtrace));
            }
        }
        whole
    }
}

/// Gives `trial` one line; what a host would not is passed over.
///
/// # Errors
/// When the trial's own journal fails.
pub async fn step(trial: &mut Trial, recorded: &Recorded) -> Result<Step, Failure> {
    let Recorded { line, what } = recorded;
    match what {
        What::Event(event) if !trial.handles(&event.event_type) => Ok(passed_over(*line, what, "not_subscribed")),
        What::Call(call) if !trial.gates(&call.tool) => Ok(passed_over(*line, what, "not_gated")),
        _ => Ok(did(*line, what, &account(trial, what).await?)),
    }
}

/// Hands `trial` an event or a call, whether a host would or not.
///
/// # Errors
/// When the trial's own journal fails.
pub async fn account(trial: &mut Trial, what: &What) -> Result<Account, Failure> {
    match what {
        What::Event(event) => {
            let handled = trial.handle((**event).clone()).await;
            handled.map_err(|error| Failure::at("the trial's own journal", error))
        }
        What::Call(call) => Ok(trial.check(call).await),
    }
}

/// What came of the line, or the seq, of this number.
pub fn did(number: u64, what: &What, account: &Account) -> Step {
    let mut did = head(number, what);
    did.extend(outcome(&account.outcome));
    did.extend(effects(account));
    let took = Measures { fuel: account.fuel, took: account.took, memory_bytes: account.memory_bytes };
    let fault = if let TrialOutcome::Fault(fault) = &account.outcome { Some(fault) } else { None };
    // A panic names its place itself.
    let unplaced = fault.filter(|fault| fault.cause != FaultCause::Panic);
    let backtrace = unplaced.and_then(|fault| fault.backtrace.clone());
    Step { did: Value::Object(did), took: Some(took), faulted: fault.is_some(), backtrace }
}

fn head(number: u64, what: &What) -> Map<String, Value> {
    let kind = if matches!(what, What::Event(_)) { "event" } else { "tool" };
    Map::from_iter([("line".to_owned(), json!(number)), (kind.to_owned(), json!(what.name()))])
}

fn passed_over(line: u64, what: &What, why: &str) -> Step {
    let mut did = head(line, what);
    did.insert("outcome".to_owned(), json!(why));
    Step { did: Value::Object(did), took: None, faulted: false, backtrace: None }
}

/// How it ended, in the words of the contract.
fn outcome(outcome: &TrialOutcome) -> Map<String, Value> {
    let said = match outcome {
        TrialOutcome::Handled => json!({"outcome": "handled"}),
        TrialOutcome::Failed(message) => json!({"outcome": "failed", "message": message}),
        TrialOutcome::Retry(message) => json!({"outcome": "retry", "message": message}),
        TrialOutcome::Fault(fault) => {
            json!({"outcome": "fault", "cause": fault.cause.as_str(), "message": fault.message})
        }
        TrialOutcome::Verdict(verdict) => match verdict {
            GuardOutcome::Abstain => json!({"outcome": "abstain"}),
            GuardOutcome::Deny(reason) => json!({"outcome": "deny", "reason": reason}),
            GuardOutcome::Ask(reason) => json!({"outcome": "ask", "reason": reason}),
            GuardOutcome::Allow => json!({"outcome": "allow"}),
            GuardOutcome::Rewrite(input) => json!({"outcome": "rewrite", "rewritten_input": input}),
            GuardOutcome::Failed { cause, message } => {
                json!({"outcome": "failed", "cause": cause.as_str(), "message": message})
            }
        },
    };
    if let Value::Object(said) = said { said } else { Map::new() }
}

/// What it did besides, each only where there is any.
fn effects(account: &Account) -> Map<String, Value> {
    let mut did = Map::new();
    let mut put = |name: &str, items: Vec<Value>| {
        if !items.is_empty() {
            did.insert(name.to_owned(), Value::Array(items));
        }
    };
    let emits = account.emits.iter();
    put("emits", emits.map(|one| emit_of(&one.event_type, one.entity.as_ref(), &one.payload)).collect());
    let questions = account.questions.iter();
    put(
        "questions",
        questions.map(|one| json!({"kind": one.kind, "text": one.text, "options": one.options})).collect(),
    );
    let logs = account.logs.iter();
    put("logs", logs.map(|line| json!({"level": LogLevel::as_str(line.level), "text": line.text})).collect());
    if account.over_budget > 0 {
        did.insert("over_budget".to_owned(), json!(account.over_budget));
    }
    did
}

/// An emit without what the host gives it (id, time and place), its secrets replaced as on every way into the journal.
pub fn emit_of(event_type: &EventType, entity: Option<&Entity>, payload: &str) -> Value {
    let payload = redact(payload);
    let payload = serde_json::from_str(&payload).unwrap_or_else(|_| json!(payload));
    let mut fields = Map::from_iter([("type".to_owned(), json!(event_type.as_str()))]);
    if let Some(entity) = entity {
        fields.insert("entity".to_owned(), json!({"kind": &*entity.kind, "id": &*entity.id}));
    }
    fields.insert("payload".to_owned(), payload);
    Value::Object(fields)
}
