//! What the gate would say of a call, stage by stage, without bus, guards or any side effect.

use super::call::{Call, NormalisedCall};
use super::paths::{Paths, SystemPaths};
use super::pipeline::{answered, verdict};
use super::policy::{Action, Policy};
use super::shell::NotUnderstood;
use super::stages::{self, Answer, Place, Settings, micros};
use super::verdict::{Cause, Decision, StageTimes, Verdict};
use crate::home::Home;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// What one stage said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// `normalise`, `protection`, `sandbox` or `rules`.
    pub name: &'static str,
    /// What it said; abstain where it had nothing against the call.
    pub decision: Decision,
    /// Which rule, or which part of the stage.
    pub decided_by: Option<String>,
    /// Its sentence; empty with abstain.
    pub reason: String,
    /// The rule that decided, for [`Policy::rule`].
    pub rule: Option<usize>,
    /// Position of the command that decided.
    pub command: Option<usize>,
}

/// A call explained.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The call as the stages saw it; none where its names broke their bounds.
    pub call: Option<NormalisedCall>,
    /// Why the shell line is not understood whole.
    pub problem: Option<NotUnderstood>,
    /// Each stage that was reached, in order.
    pub stages: Vec<Stage>,
    /// What the gate would answer were there no guards; no seq.
    pub verdict: Verdict,
}

/// Explains `call` under `policy`. A call without roots is taken to work in a session whose root is its cwd.
#[must_use]
pub fn explain(call: &Call, policy: &Policy, home: Option<&Home>, extras: &[PathBuf]) -> Explanation {
    explain_on(call, policy, home, extras, &SystemPaths)
}

pub(super) fn explain_on(
    call: &Call,
    policy: &Policy,
    home: Option<&Home>,
    extras: &[PathBuf],
    paths: &dyn Paths,
) -> Explanation {
    let mut times = StageTimes::default();
    let begun = Instant::now();
    let call_id: Arc<str> = call.call_id.as_deref().unwrap_or_default().into();
    let place = place(call, paths);
    let (named, bad) = match stages::names(call) {
        Ok(named) => (named, None),
        Err(bad) => (stages::Named::default(), Some(bad)),
    };
    let parsed = stages::parse_blocking(&named);
    let ready = stages::ready(call, named, parsed, place, call_id);
    times.parse = micros(begun);
    if let Some(bad) = bad {
        let answer = Answer::deny(Cause::Rule, "normalise", bad.to_string());
        let stage = Stage { decision: Decision::Deny, reason: bad.to_string(), ..Stage::silent("normalise") };
        return Explanation {
            problem: None,
            stages: vec![stage],
            verdict: verdict(&ready.call, answer, None, None, Vec::new(), times),
            call: None,
        };
    }
    let extras: Vec<PathBuf> = extras.iter().map(|extra| paths.real(extra).unwrap_or_else(|| extra.clone())).collect();
    let judged = stages::judge(&ready, &Settings { policy, home, extras: &extras, paths, protects: true }, &mut times);
    let mut said = vec![passed("protection", &judged.protection)];
    said.extend(judged.sandbox.as_ref().map(|sandbox| passed("sandbox", sandbox)));
    said.extend(judged.rules.map(|rules| Stage {
        name: "rules",
        decision: match rules.action {
            Action::Allow => Decision::Allow,
            Action::Abstain => Decision::Abstain,
            Action::Ask => Decision::Ask,
            Action::Deny => Decision::Deny,
        },
        decided_by: Some(rules.decided_by),
        reason: rules.reason,
        rule: rules.rule,
        command: rules.command,
    }));
    let answer = answered(judged.answer, call.can_ask);
    let verdict = verdict(&ready.call, answer, None, None, Vec::new(), times);
    Explanation { call: Some(Arc::unwrap_or_clone(ready.call)), problem: ready.problem, stages: said, verdict }
}

fn place(call: &Call, paths: &dyn Paths) -> Place {
    let mut roots = call.roots.clone();
    if roots.is_empty() {
        roots.extend(call.cwd.clone());
    }
    let roots = roots.into_iter().map(|root| paths.real(&root).unwrap_or(root)).collect();
    Place {
        session: call.session_id.as_deref().unwrap_or_default().into(),
        agent: call.agent.as_deref().unwrap_or_default().into(),
        roots,
    }
}

fn passed(name: &'static str, result: &Result<(), String>) -> Stage {
    match result {
        Ok(()) => Stage::silent(name),
        Err(reason) => Stage { decision: Decision::Deny, reason: reason.clone(), ..Stage::silent(name) },
    }
}

impl Stage {
    /// A stage that has nothing against the call.
    fn silent(name: &'static str) -> Self {
        Self { name, decision: Decision::Abstain, decided_by: None, reason: String::new(), rule: None, command: None }
    }
}
