//! The stage that answers an ask: an approval given before, a session grant, the agent's own user, a person.
//!
//! An approval is used up in the commit that records what it allowed, so that it allows once, whoever asks at the
//! same time and whatever crashes; a grant is looked at in that commit too.

use super::call::NormalisedCall;
use super::pipeline::{Decided, Record, answered, close, gated_alone, unrecorded};
use super::policy::Risk;
use super::stages::Answer;
use super::verdict::{Cause, Decision, StageTimes, Verdict, Via};
use super::{Gatekeeper, binding, record};
use crate::interactions::{
    APPROVE, APPROVE_ALL, Ask, AskError, Bound, Interaction, Interactions, Kind, REJECT, State, WaitError,
    spendable_since,
};
use crate::journal::{Change, JournalError};
use serde_json::{Value, json};
use std::time::Duration;

/// How often a call asks anew because an equal one used up the approval that it waited for.
const MAX_ROUNDS: usize = 16;
/// The largest input that a person is shown whole, in bytes of JSON: it fits into an interaction's details.
const MAX_SHOWN_BYTES: usize = 48 * 1024;
/// The longest other text in the details, in bytes.
const MAX_SHOWN_NAME_BYTES: usize = 4 * 1024;

/// People who can be asked.
#[derive(Clone)]
pub struct Approvals {
    /// Where they are asked, and where approvals and grants are found.
    pub interactions: Interactions,
    /// Someone is there to answer. Where not, approvals and grants given before still count, and everything else
    /// is denied with cause `no_approver`.
    pub approvers: bool,
    /// How long an approval waits for its answer where the policy says nothing of it; none: [`Kind::ttl`].
    pub ttl: Option<Duration>,
}

/// Answers an ask, records the outcome, and only then gives the verdict.
pub(super) async fn run(gate: &Gatekeeper, decided: Decided, mut record: Record, mut times: StageTimes) -> Verdict {
    let Some(approvals) = &gate.approvals else {
        let answer = answered(decided.answer.clone(), record.can_ask);
        return outcome(gate, &decided, answer, None, &mut record, &mut times).await;
    };
    let interactions = &approvals.interactions;
    let call = binding::hash(&decided.runs);
    let deadline = interactions.now().after(record.wait);
    let mut waits = None;
    for _ in 0..MAX_ROUNDS {
        match interactions.unspent(call).await {
            Ok(Some(approval)) => {
                let answer = allowed(&decided.answer, Via::Approval, "a person approved this call");
                let claim = Change::Spend { id: approval.id.clone(), since: spendable_since(interactions.now()) };
                let closed = close(gate, &decided, answer, Some(&approval.id), Some(claim), &mut record, &mut times);
                match closed.await {
                    Some(verdict) => return verdict,
                    // An equal call was faster.
                    None => continue,
                }
            }
            Ok(None) => {}
            Err(error) => return unreadable(&decided, &record, times, &error),
        }
        if let Some(key) = &decided.answer.grant {
            let answer = allowed(&decided.answer, Via::Grant, "a person approved all calls like this in this session");
            let claim = Change::UseGrant { session: decided.runs.session.clone(), key: key.clone() };
            if let Some(verdict) = close(gate, &decided, answer, None, Some(claim), &mut record, &mut times).await {
                return verdict;
            }
        }
        if record.can_ask || !approvals.approvers {
            let answer = answered(decided.answer.clone(), record.can_ask);
            return outcome(gate, &decided, answer, None, &mut record, &mut times).await;
        }
        // The record shows who is asked about what before anyone is.
        if let Err(error) = gated_alone(gate, &mut record).await {
            return unrecorded(&decided.call, &record, times, &error);
        }
        let asked = match interactions.ask(question(approvals, &decided, call)).await {
            Ok(asked) => asked,
            Err(AskError::Emit(error)) => return unrecorded(&decided.call, &record, times, &error.into()),
            Err(error) => {
                let reason = format!("{}; no one can be asked now: {error}", decided.answer.reason);
                let answer = denied(&decided.answer, Cause::NoApprover, reason);
                return outcome(gate, &decided, answer, None, &mut record, &mut times).await;
            }
        };
        let ended = match interactions.wait(&asked.id, deadline).await {
            Ok(ended) => ended,
            Err(WaitError::TooMany) => asked,
            Err(WaitError::Journal(error)) => return unreadable(&decided, &record, times, &error),
            // Settled so long ago that it is kept no more.
            Err(WaitError::NotFound(_)) => continue,
        };
        if let Some(answer) = refused(&decided.answer, &ended) {
            return outcome(gate, &decided, answer, Some(&ended.id), &mut record, &mut times).await;
        }
        waits = Some(ended.id);
    }
    let answer = denied(&decided.answer, Cause::Pending, "equal calls used up every approval; try again".to_owned());
    outcome(gate, &decided, answer, waits.as_deref(), &mut record, &mut times).await
}

/// Records an outcome that needs nothing to be there.
async fn outcome(
    gate: &Gatekeeper,
    decided: &Decided,
    answer: Answer,
    approval: Option<&str>,
    record: &mut Record,
    times: &mut StageTimes,
) -> Verdict {
    match close(gate, decided, answer, approval, None, record, times).await {
        Some(verdict) => verdict,
        None => unrecorded(&decided.call, record, *times, &JournalError::Closed.into()),
    }
}

fn unreadable(decided: &Decided, record: &Record, times: StageTimes, error: &JournalError) -> Verdict {
    unrecorded(&decided.call, record, times, &error.clone().into())
}

/// The denial that an interaction's state means; none where it was approved.
fn refused(ask: &Answer, ended: &Interaction) -> Option<Answer> {
    let id = &ended.id;
    Some(match ended.state {
        State::Pending => denied(
            ask,
            Cause::Pending,
            format!("{}; a person is asked (approval {id}): try the same call again once it is approved", ask.reason),
        ),
        State::Expired => {
            denied(ask, Cause::Expired, format!("{}; no one answered in time (approval {id})", ask.reason))
        }
        State::Cancelled => denied(ask, Cause::Person, "the question about this call was withdrawn".to_owned()),
        State::Resolved if ended.decision.as_deref() == Some(REJECT) => {
            let said: Option<String> = ended.answer.as_deref().and_then(|answer| serde_json::from_str(answer).ok());
            denied(ask, Cause::Person, said.unwrap_or_else(|| "a person said no to this call".to_owned()))
        }
        State::Resolved => return None,
    })
}

fn allowed(ask: &Answer, via: Via, reason: &str) -> Answer {
    Answer {
        decision: Decision::Allow,
        reason: reason.to_owned(),
        detail: None,
        cause: None,
        via: Some(via),
        ..ask.clone()
    }
}

fn denied(ask: &Answer, cause: Cause, reason: String) -> Answer {
    Answer { decision: Decision::Deny, reason, detail: None, cause: Some(cause), ..ask.clone() }
}

/// What a person is asked about a call: what would run, as it would run.
fn question(approvals: &Approvals, decided: &Decided, hash: [u8; 32]) -> Ask {
    let (call, answer): (&NormalisedCall, &Answer) = (&decided.runs, &decided.answer);
    let why = record::cut(answer.for_people(), record::MAX_REASON_BYTES);
    let mut details = record::base(call);
    record::with_input(&mut details, &call.input, MAX_SHOWN_BYTES);
    let name = |text: &str| Value::from(record::cut(text, MAX_SHOWN_NAME_BYTES));
    details.insert("cwd".to_owned(), name(&call.cwd.to_string_lossy()));
    details.insert("agent".to_owned(), json!(&*call.agent));
    details.insert("decided_by".to_owned(), answer.decided_by.as_deref().map(name).into());
    details.insert("risk".to_owned(), answer.risk.map(risk_name).into());
    details.insert("rewritten".to_owned(), decided.rewritten.is_some().into());
    let mut options = vec![APPROVE.to_owned(), REJECT.to_owned()];
    options.extend(answer.grant.is_some().then(|| APPROVE_ALL.to_owned()));
    Ask {
        session: Some(call.session.clone()),
        options,
        details: Some(Value::Object(details)),
        ttl: decided.timeout.or(approvals.ttl),
        bound: Some(Bound { call: hash, grant: answer.grant.clone() }),
        ..Ask::new(Kind::Approval, format!("{}: {why}", call.original_tool), "core")
    }
}

fn risk_name(risk: Risk) -> &'static str {
    match risk {
        Risk::Low => "low",
        Risk::Medium => "medium",
        Risk::High => "high",
        Risk::Critical => "critical",
    }
}
