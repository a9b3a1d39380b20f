//! The stages that need no one else: normalise, protection, sandbox, rules.
//!
//! Pure but for the paths they are given. Knows neither bus nor guards.

use super::call::{Call, NormalisedCall};
use super::normalise::{self, BadCall, Lines};
use super::paths::{Paths, Remembered, folder, resolve};
use super::policy::{Action, Policy, Risk, RuleVerdict, Subject, Target};
use super::shell::{self, NotUnderstood, Parsed};
use super::verdict::{Cause, Decision, StageTimes, Via};
use super::{binding, protection, sandbox, targets};
use crate::home::Home;
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// What a stage, or all of them together, answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub decision: Decision,
    /// What the agent may read.
    pub reason: String,
    /// What people read, where that differs.
    pub detail: Option<String>,
    pub cause: Option<Cause>,
    pub via: Option<Via>,
    pub decided_by: Option<String>,
    /// How much the rule's author fears what it is about.
    pub risk: Option<Risk>,
    /// The session grant that answers this ask, where one may.
    pub grant: Option<Arc<str>>,
}

impl Answer {
    pub fn abstain() -> Self {
        Self {
            decision: Decision::Abstain,
            reason: String::new(),
            detail: None,
            cause: None,
            via: None,
            decided_by: None,
            risk: None,
            grant: None,
        }
    }

    pub fn deny(cause: Cause, decided_by: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            decision: Decision::Deny,
            reason: reason.into(),
            detail: None,
            cause: Some(cause),
            via: None,
            decided_by: Some(decided_by.into()),
            ..Self::abstain()
        }
    }

    /// The stricter of both; `self` where they are equal. Where both ask, people read both, and no grant for the
    /// one answers the other.
    pub fn stricter(self, other: Self) -> Self {
        if rank(other.decision) > rank(self.decision) {
            return other;
        }
        if self.decision == Decision::Ask && other.decision == Decision::Ask {
            let detail = Some(format!("{}; {}", self.for_people(), other.for_people()));
            return Self { detail, grant: None, ..self };
        }
        self
    }

    /// What people read.
    pub fn for_people(&self) -> &str {
        self.detail.as_deref().unwrap_or(&self.reason)
    }
}

/// deny > ask > allow > abstain: a word for or against the call counts more than none.
pub(super) fn rank(decision: Decision) -> u8 {
    match decision {
        Decision::Abstain => 0,
        Decision::Allow => 1,
        Decision::Ask => 2,
        Decision::Deny => 3,
    }
}

/// A call with its names checked and made canonical, its lines not yet parsed.
#[derive(Default)]
pub(super) struct Named {
    pub tool: String,
    /// Of a shell tool.
    pub lines: Lines,
}

/// Checks the names of a call and finds its shell line.
pub(super) fn names(call: &Call) -> Result<Named, BadCall> {
    let tool = normalise::tool(&call.tool_name)?;
    for (field, text) in [("session_id", &call.session_id), ("call_id", &call.call_id), ("agent", &call.agent)] {
        if let Some(text) = text {
            normalise::name(field, text)?;
        }
    }
    if call.session_id.as_deref().is_some_and(str::is_empty) {
        return Err(BadCall::Empty("session_id"));
    }
    let lines = if tool == "Bash" { normalise::lines_of(&call.tool_name, &call.tool_input) } else { Lines::default() };
    Ok(Named { tool, lines })
}

/// What a shell tool without a line comes to; other tools are understood.
pub(super) fn unparsed(tool: &str) -> Parsed {
    let problem = (tool == "Bash").then_some(NotUnderstood::Syntax);
    Parsed { problem, ..Parsed::default() }
}

/// A call ready for the stages.
#[derive(Clone)]
pub(super) struct Ready {
    pub call: Arc<NormalisedCall>,
    pub problem: Option<NotUnderstood>,
}

/// The session as the stages need it.
pub(super) struct Place {
    pub session: Arc<str>,
    pub agent: Arc<str>,
    pub roots: Vec<PathBuf>,
}

pub(super) fn ready(call: &Call, named: Named, parsed: Parsed, place: Place, call_id: Arc<str>) -> Ready {
    let input: Map<String, Value> = call.tool_input.clone();
    let input_json = serde_json::to_string(&input).unwrap_or_else(|_| "{}".to_owned());
    let folders = normalise::working_folders(&input, call.cwd.as_deref(), &place.roots);
    // Guards are told of the folder that the input names, as a tool that heeds it would run there.
    let given = folders.iter().skip(1).find(|folder| folder.is_absolute());
    let cwd = given.or(folders.first()).cloned().unwrap_or_default();
    let understood = parsed.understood();
    let call = NormalisedCall {
        call_id,
        session: place.session,
        agent: place.agent,
        tool: named.tool.into(),
        original_tool: call.tool_name.as_str().into(),
        input,
        input_json: input_json.into(),
        cwd,
        folders,
        roots: place.roots,
        commands: parsed.commands,
        understood,
    };
    Ready { call: Arc::new(call), problem: parsed.problem }
}

/// What the stages are decided with.
pub(super) struct Settings<'a> {
    pub policy: &'a Policy,
    pub home: Option<&'a Home>,
    pub extras: &'a [PathBuf],
    pub paths: &'a dyn Paths,
    /// Tollgate itself is protected; not while a person has paused it.
    pub protects: bool,
}

/// What protection, sandbox and rules say, and what they would each say.
pub(super) struct Judged {
    pub answer: Answer,
    pub protection: Result<(), String>,
    pub sandbox: Option<Result<(), String>>,
    pub rules: Option<RuleVerdict>,
}

impl Judged {
    /// Nobody knows: a denial.
    pub fn failed() -> Self {
        let reason = "the host could not judge this call, so it is denied";
        let answer = Answer::deny(Cause::Unavailable, "gate", reason);
        Self { answer, protection: Ok(()), sandbox: None, rules: None }
    }
}

/// From how many questions to the file system on a call may keep a thread that others wait for too long.
const MANY_LOOKS: usize = 256;

impl Ready {
    /// Whether judging it may ask the file system so much that it needs a thread which may block.
    pub fn is_heavy(&self) -> bool {
        let commands = &self.call.commands;
        let words: usize =
            commands.iter().map(|one| one.args.len() + one.redirects.len() + one.assignments.len()).sum();
        let moves = commands.iter().filter(|one| matches!(one.program.text.as_str(), "cd" | "pushd")).count();
        // Paths elsewhere than in commands: as many as fit into the input, with their quotes and a comma.
        let named = if commands.is_empty() { self.call.input_json.len() / 16 } else { 0 };
        words.saturating_mul(moves + 1).max(named) > MANY_LOOKS
    }
}

pub(super) fn judge(ready: &Ready, settings: &Settings<'_>, times: &mut StageTimes) -> Judged {
    let begun = Instant::now();
    let paths = Remembered::new(settings.paths);
    let settings = &Settings { paths: &paths, ..*settings };
    let protection = match settings.protects {
        true => protection::check(&ready.call, settings.home, settings.paths),
        false => Ok(()),
    };
    if let Err(reason) = &protection {
        let answer = Answer::deny(Cause::Protection, "protection", reason.clone());
        times.sandbox += micros(begun);
        return Judged { answer, protection, sandbox: None, rules: None };
    }
    let sandbox = sandbox::check(&ready.call, settings.extras, settings.paths).map_err(|denial| denial.0);
    times.sandbox += micros(begun);
    if let Err(reason) = &sandbox {
        let answer = Answer::deny(Cause::Sandbox, "sandbox", reason.clone());
        return Judged { answer, protection, sandbox: Some(sandbox), rules: None };
    }
    let begun = Instant::now();
    let rules = rules(ready, settings);
    times.rules += micros(begun);
    Judged { answer: from_rules(&ready.call, &rules), protection, sandbox: Some(sandbox), rules: Some(rules) }
}

fn rules(ready: &Ready, settings: &Settings<'_>) -> RuleVerdict {
    let call = &ready.call;
    let texts = |paths: &[PathBuf]| paths.iter().map(|path| path.to_string_lossy().into_owned()).collect::<Vec<_>>();
    let (roots, extras) = (texts(&call.roots), texts(settings.extras));
    let starts = call.starts();
    let mut paths = Vec::new();
    if targets::file_access(&call.tool).is_some() {
        for path in targets::tool_paths(&call.tool, &call.input).into_iter().flatten() {
            for start in &starts {
                let real = resolve(settings.paths, &folder(settings.paths, start), &path).ok();
                paths.push(Target::new(&path, real.as_deref().map(|real| real.to_string_lossy()).as_deref(), &roots));
            }
        }
    } else if &*call.tool != "Bash" {
        for address in targets::addresses(&call.tool, &call.input) {
            // `file:///x` is a file.
            let file = targets::file_of(&address);
            let real = file.and_then(|file| resolve(settings.paths, &call.cwd, file).ok());
            let real = real.as_deref().map(|real| real.to_string_lossy());
            paths.push(Target::new(file.unwrap_or(&address), real.as_deref(), &roots));
        }
    }
    // As the roots are: without links.
    let cwd = settings.paths.real(&call.cwd).unwrap_or_else(|| call.cwd.clone());
    settings.policy.evaluate(&Subject {
        tool: &call.tool,
        original: &call.original_tool,
        is_shell: &*call.tool == "Bash",
        commands: &call.commands,
        problem: ready.problem.or(settings.paths.is_exhausted().then_some(NotUnderstood::TooManyPaths)),
        targets: &paths,
        cwd: &cwd.to_string_lossy(),
        starts: &starts,
        roots: &roots,
        extras: &extras,
    })
}

fn from_rules(call: &NormalisedCall, rules: &RuleVerdict) -> Answer {
    let (decision, cause, via) = match rules.action {
        Action::Allow => (Decision::Allow, None, Some(Via::Rule)),
        Action::Abstain => return Answer::abstain(),
        Action::Ask => (Decision::Ask, Some(Cause::Rule), None),
        Action::Deny => (Decision::Deny, Some(Cause::Rule), None),
    };
    let risk = match rules.risk {
        Some(Risk::Critical) => " (critical risk)",
        Some(Risk::High) => " (high risk)",
        _ => "",
    };
    let detail = (!risk.is_empty()).then(|| format!("{}{risk}", rules.reason));
    let (reason, decided_by) = (rules.reason.clone(), Some(rules.decided_by.clone()));
    let grant = binding::grant_key(call, rules);
    Answer { decision, reason, detail, cause, via, decided_by, risk: rules.risk, grant }
}

/// Parses the lines of a call on the way through the gate.
pub(super) async fn parse(named: &Named) -> Parsed {
    let mut parsed = Vec::with_capacity(named.lines.lines.len());
    for line in &named.lines.lines {
        parsed.push(shell::parse(line).await);
    }
    together(named, parsed)
}

/// As [`parse`], blocking.
pub(super) fn parse_blocking(named: &Named) -> Parsed {
    together(named, named.lines.lines.iter().map(|line| shell::parse_blocking(line)).collect())
}

/// What all lines of a call run.
fn together(named: &Named, parsed: Vec<Parsed>) -> Parsed {
    let mut lines = parsed.into_iter();
    let Some(mut whole) = lines.next() else { return unparsed(&named.tool) };
    lines.for_each(|line| whole.append(line));
    if !named.lines.sure {
        whole.problem.get_or_insert(NotUnderstood::Several);
    }
    whole
}

pub(super) fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
