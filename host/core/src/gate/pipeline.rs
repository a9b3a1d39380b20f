//! The order of the stages, and what is on disk when.
//!
//! One batch holds `tool.gated` and its outcome; where the guards take longer than [`GATED_ALONE_AFTER`],
//! `tool.gated` goes first, alone, so that the record shows a call that is still being decided.

use super::call::{Call, NormalisedCall};
use super::merge::merge;
use super::normalise::BadCall;
use super::policy::Policy;
use super::record;
use super::stages::{self, Answer, Judged, Place, Ready, Settings, micros};
use super::verdict::{Cause, Decision, StageTimes, Verdict, Via};
use super::{Gatekeeper, GuardAnswer, ask};
use crate::bus::BatchError;
use crate::event::{Draft, MAX_NAME_BYTES};
use crate::interactions::MAX_WAIT_MS;
use crate::journal::Change;
use crate::session::SessionHint;
use crate::text;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How long a decision may take before `tool.gated` is recorded without it: within it one commit serves for both.
const GATED_ALONE_AFTER: Duration = Duration::from_millis(1);

/// What is still to be recorded, and what is.
pub(super) struct Record {
    before: Vec<Draft>,
    gated: Option<Draft>,
    gated_seq: Option<u64>,
    /// The caller can ask its own user.
    pub can_ask: bool,
    /// How long it waits for another person.
    pub wait: Duration,
}

impl Record {
    fn new(call: &NormalisedCall, before: Vec<Draft>, asked: &Call) -> Self {
        let wait = Duration::from_millis(asked.wait_ms.unwrap_or(0).min(MAX_WAIT_MS));
        Self { before, gated: record::gated(call), gated_seq: None, can_ask: asked.can_ask, wait }
    }
}

/// What all stages but the last came to.
pub(super) struct Decided {
    /// The call as it came.
    pub call: Arc<NormalisedCall>,
    /// The call as it would run: a guard's rewrite, or as it came.
    pub runs: Arc<NormalisedCall>,
    pub answer: Answer,
    pub rewritten: Option<Map<String, Value>>,
    /// How long the policy that decided lets a person take to answer, where it says.
    pub timeout: Option<Duration>,
    shadows: Vec<String>,
}

pub(super) async fn run(gate: &Gatekeeper, call: Call, before: Vec<Draft>) -> Verdict {
    let mut times = StageTimes::default();
    let begun = Instant::now();
    let call_id: Arc<str> = match call.call_id.as_deref().filter(|id| !id.is_empty()) {
        Some(id) => cleaned(id).into(),
        None => Uuid::now_v7().to_string().into(),
    };
    let named = match stages::names(&call) {
        Ok(named) => named,
        Err(bad) => return refuse(gate, &call, call_id, before, &bad).await,
    };
    let parsed = stages::parse(&named).await;
    let place = place(gate, &call).await;
    let ready = stages::ready(&call, named, parsed, place, call_id);
    times.parse = micros(begun);
    let record = Record::new(&ready.call, before, &call);
    decide(gate, ready, record, times).await
}

async fn place(gate: &Gatekeeper, call: &Call) -> Place {
    let hint = SessionHint {
        id: call.session_id.as_deref(),
        agent: call.agent.as_deref(),
        cwd: call.cwd.as_deref(),
        roots: &call.roots,
    };
    let session = gate.sessions.resolve_async(&hint).await;
    let agent = call.agent.as_deref().map_or_else(|| session.agent.clone(), Arc::from);
    Place { session: session.id.clone(), agent, roots: session.roots.clone() }
}

async fn decide(gate: &Gatekeeper, ready: Ready, mut record: Record, mut times: StageTimes) -> Verdict {
    let policy = gate.policy.load_full();
    let judged = judge(gate, &policy, &ready, &mut times).await;
    let first = ready.call;
    let mut runs = Arc::clone(&first);
    let (mut answer, mut rewritten, mut shadows) = (judged.answer, None, Vec::new());
    if answer.decision != Decision::Deny {
        let guarded = match ask_guards(gate, &first, &mut record, &mut times).await {
            Ok(answers) => merge(answers),
            Err(error) => return unrecorded(&first, &record, times, &error),
        };
        shadows = guarded.shadows;
        answer = answer.stricter(guarded.answer);
        if answer.decision == Decision::Ask && guarded.rewrite.is_some() {
            // A guard would not have it run like this: a person may still say so, a grant given before does not.
            answer.grant = None;
        }
        if let Some((by, input)) =
            guarded.rewrite.filter(|_| matches!(answer.decision, Decision::Allow | Decision::Abstain))
        {
            match again(gate, &first, &by, &input, &policy, &mut record, &mut times).await {
                Ok((second, call)) => (answer, runs) = (second, call),
                Err(error) => return unrecorded(&first, &record, times, &error),
            }
            rewritten = Some(input);
        }
    }
    let timeout = policy.approval_timeout();
    finish(gate, Decided { call: first, runs, answer, rewritten, timeout, shadows }, record, times).await
}

/// What protection, sandbox and rules say. A call that may ask the file system a lot is judged on a thread that may
/// block, so that it delays no one else.
async fn judge(gate: &Gatekeeper, policy: &Arc<Policy>, ready: &Ready, times: &mut StageTimes) -> Judged {
    let (home, protects) = (gate.home.as_ref(), gate.paused_until().is_none());
    if !ready.is_heavy() {
        let settings = Settings { policy, home, extras: &gate.extras, paths: &*gate.paths, protects };
        return stages::judge(ready, &settings, times);
    }
    let (policy, ready, paths) = (Arc::clone(policy), ready.clone(), Arc::clone(&gate.paths));
    let (home, extras, mut own) = (home.cloned(), gate.extras.clone(), *times);
    let judged = tokio::task::spawn_blocking(move || {
        let settings = Settings { policy: &policy, home: home.as_ref(), extras: &extras, paths: &*paths, protects };
        (stages::judge(&ready, &settings, &mut own), own)
    });
    match judged.await {
        Ok((judged, own)) => {
            *times = own;
            judged
        }
        Err(error) => {
            tracing::error!(%error, "a call could not be judged");
            Judged::failed()
        }
    }
}

/// A rewritten call goes through protection, sandbox, rules and guards once more; a second rewrite denies.
async fn again(
    gate: &Gatekeeper,
    first: &Arc<NormalisedCall>,
    by: &str,
    input: &Map<String, Value>,
    policy: &Arc<Policy>,
    record: &mut Record,
    times: &mut StageTimes,
) -> Result<(Answer, Arc<NormalisedCall>), BatchError> {
    let begun = Instant::now();
    let call = Call {
        tool_name: first.original_tool.to_string(),
        tool_input: input.clone(),
        // The caller's own: the input's is read from the input again.
        cwd: first.folders.first().cloned(),
        ..Call::default()
    };
    let Ok(named) = stages::names(&call) else {
        let answer = Answer::deny(Cause::Plugin, by, "the guard plugin's rewrite is no call of this tool");
        return Ok((answer, Arc::clone(first)));
    };
    let parsed = stages::parse(&named).await;
    let place = Place { session: first.session.clone(), agent: first.agent.clone(), roots: first.roots.clone() };
    let ready = stages::ready(&call, named, parsed, place, first.call_id.clone());
    times.parse += micros(begun);
    let judged = judge(gate, policy, &ready, times).await;
    let runs = ready.call;
    if judged.answer.decision == Decision::Deny {
        return Ok((judged.answer, runs));
    }
    let guarded = merge(ask_guards(gate, &runs, record, times).await?);
    let answer = judged.answer.stricter(guarded.answer);
    if let Some((other, second)) = guarded.rewrite
        && second != *input
    {
        let plugin = other.trim_start_matches("plugin:").to_owned();
        let reason = format!("the guard plugin `{plugin}` rewrote a call that was rewritten already");
        return Ok((Answer::deny(Cause::Plugin, other, reason), runs));
    }
    if matches!(answer.decision, Decision::Allow | Decision::Abstain) {
        let reason = format!("allowed as rewritten by the guard plugin `{}`", by.trim_start_matches("plugin:"));
        let (decision, via, decided_by) = (Decision::Allow, Some(Via::Plugin), Some(by.to_owned()));
        return Ok((Answer { decision, reason, via, decided_by, ..Answer::abstain() }, runs));
    }
    Ok((answer, runs))
}

/// Asks the guards; past [`GATED_ALONE_AFTER`] the call is recorded while they think.
async fn ask_guards(
    gate: &Gatekeeper,
    call: &Arc<NormalisedCall>,
    record: &mut Record,
    times: &mut StageTimes,
) -> Result<Vec<GuardAnswer>, BatchError> {
    let begun = Instant::now();
    let mut guards = gate.guards.check(call);
    let answers = match tokio::time::timeout(GATED_ALONE_AFTER, &mut guards).await {
        Ok(answers) => answers,
        Err(_) => {
            let (committed, answers) = tokio::join!(gated_alone(gate, record), guards);
            committed?;
            answers
        }
    };
    times.guards += micros(begun);
    Ok(answers)
}

/// Records the call without its outcome, where it is not recorded yet.
pub(super) async fn gated_alone(gate: &Gatekeeper, record: &mut Record) -> Result<(), BatchError> {
    if record.gated_seq.is_some() {
        return Ok(());
    }
    let mut drafts = std::mem::take(&mut record.before);
    drafts.extend(record.gated.take());
    let receipts = gate.bus.emit_batch(drafts).await?;
    record.gated_seq = receipts.last().map(|receipt| receipt.seq);
    Ok(())
}

/// Has an ask answered, records the outcome, and only then gives the verdict.
async fn finish(gate: &Gatekeeper, decided: Decided, mut record: Record, mut times: StageTimes) -> Verdict {
    if decided.answer.decision == Decision::Ask {
        return ask::run(gate, decided, record, times).await;
    }
    let answer = decided.answer.clone();
    match close(gate, &decided, answer, None, None, &mut record, &mut times).await {
        Some(verdict) => verdict,
        None => unavailable(&decided.call, &record, times),
    }
}

/// Records the outcome `answer`, in one commit with the change that it needs; none where that is refused, and then
/// nothing is recorded.
pub(super) async fn close(
    gate: &Gatekeeper,
    decided: &Decided,
    answer: Answer,
    approval: Option<&str>,
    needs: Option<Change>,
    record: &mut Record,
    times: &mut StageTimes,
) -> Option<Verdict> {
    let runs = matches!(answer.decision, Decision::Allow | Decision::Ask);
    let rewritten = decided.rewritten.as_ref().filter(|_| runs);
    let begun = Instant::now();
    let mut drafts = record.before.clone();
    drafts.extend(record.gated.clone());
    let Some(outcome) = record::outcome(&decided.call, &answer, rewritten, &decided.shadows, approval) else {
        return Some(unavailable(&decided.call, record, *times));
    };
    drafts.push(outcome);
    let committed = match needs {
        None => gate.bus.emit_batch(drafts).await,
        Some(change) => match gate.bus.commit(change, drafts).await {
            Ok(Err(_refused)) => return None,
            Ok(Ok(receipts)) => Ok(receipts),
            Err(error) => Err(error),
        },
    };
    times.commit += micros(begun);
    Some(match committed {
        Ok(receipts) => {
            let own = if record.gated_seq.is_some() { 1 } else { 2 };
            let skipped = receipts.len().saturating_sub(own);
            let seq =
                record.gated_seq.into_iter().chain(receipts.iter().skip(skipped).map(|receipt| receipt.seq)).collect();
            verdict(&decided.call, answer, rewritten.cloned(), approval, seq, *times)
        }
        Err(error) => unrecorded(&decided.call, record, *times, &error),
    })
}

/// An ask where no one can be asked is a denial.
pub(super) fn answered(answer: Answer, can_ask: bool) -> Answer {
    if answer.decision != Decision::Ask || can_ask {
        return answer;
    }
    let reason = format!("{}; no one can be asked here, so it is denied", answer.reason);
    Answer { decision: Decision::Deny, cause: Some(Cause::NoApprover), reason, ..answer }
}

/// A call whose names break their bounds: denied, and recorded under what is left of them.
async fn refuse(gate: &Gatekeeper, call: &Call, call_id: Arc<str>, before: Vec<Draft>, bad: &BadCall) -> Verdict {
    let clean = Call {
        session_id: call.session_id.as_deref().map(cleaned).filter(|id| !id.is_empty()),
        tool_name: cleaned(&call.tool_name),
        agent: call.agent.as_deref().map(cleaned),
        ..call.clone()
    };
    let place = place(gate, &clean).await;
    let named = stages::Named { tool: clean.tool_name.clone(), ..stages::Named::default() };
    let ready = stages::ready(&clean, named, stages::unparsed("Bash"), place, call_id);
    let answer = Answer::deny(Cause::Rule, "normalise", bad.to_string());
    let record = Record::new(&ready.call, before, call);
    let call = ready.call;
    let decided =
        Decided { runs: Arc::clone(&call), call, answer, rewritten: None, timeout: None, shadows: Vec::new() };
    finish(gate, decided, record, StageTimes::default()).await
}

/// A name as it may be recorded: cut to its bound, without control characters.
fn cleaned(name: &str) -> String {
    text::start(name, MAX_NAME_BYTES).chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

pub(super) fn unrecorded(call: &NormalisedCall, record: &Record, times: StageTimes, error: &BatchError) -> Verdict {
    tracing::error!(session = %call.session, %error, "a verdict could not be recorded");
    unavailable(call, record, times)
}

fn unavailable(call: &NormalisedCall, record: &Record, times: StageTimes) -> Verdict {
    let reason = "the host could not record this call, so it is denied";
    verdict(
        call,
        Answer::deny(Cause::Unavailable, "journal", reason),
        None,
        None,
        record.gated_seq.into_iter().collect(),
        times,
    )
}

pub(super) fn verdict(
    call: &NormalisedCall,
    answer: Answer,
    rewritten_input: Option<Map<String, Value>>,
    approval: Option<&str>,
    seq: Vec<u64>,
    stages_us: StageTimes,
) -> Verdict {
    Verdict {
        decision: answer.decision,
        reason: answer.reason,
        cause: answer.cause,
        via: if answer.decision == Decision::Allow { answer.via } else { None },
        decided_by: answer.decided_by,
        rewritten_input,
        commands: call.commands.clone(),
        understood: call.understood,
        approval_id: approval.map(str::to_owned),
        seq,
        call_id: call.call_id.to_string(),
        stages_us,
    }
}
