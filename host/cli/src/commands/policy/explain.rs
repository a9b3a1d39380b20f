//! `tollgate policy explain`: what each stage says of a call, and which rule decides it.

use super::super::{call, read_stdin};
use super::{Ground, ground};
use crate::args::{CallArgs, ExplainArgs};
use crate::exit::{Exit, Failure};
use crate::output::{self, Colour, colours, paint, tame};
use serde_json::{Value, json};
use std::path::PathBuf;
use tollgate_core::gate::policy::{Policy, RuleView};
use tollgate_core::gate::{Call, Explanation, explain};
use tollgate_core::home::Home;
use tollgate_core::json::{call_from_json, verdict_to_value};

/// Columns of a rule's description.
const DESCRIPTION_WIDTH: usize = 1_000;

/// Explains one call, or one a line; exits with 0 whatever the verdicts: explaining is not asking.
///
/// # Errors
/// When a policy or a call is refused; names the file or the line.
pub(super) fn run(home: impl Fn() -> Result<Home, Failure>, args: ExplainArgs) -> Result<Exit, Failure> {
    let ground = ground(home, &args.policies)?;
    if !args.jsonl {
        let call = call_from_json(&call::text(&args.call)?).map_err(|error| Failure::at("the call", error))?;
        let explanation = explained(&call, &ground);
        if args.call.json {
            output::line(to_json(&explanation, &ground.policy))?;
        } else {
            show(&explanation, &ground.policy)?;
        }
        return Ok(Exit::Done);
    }
    let defaults = Defaults::of(&args.call)?;
    for (index, line) in read_stdin()?.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let call = call_from_json(line).map_err(|error| Failure::at(format!("line {}", index + 1), error))?;
        let own: Value = serde_json::from_str(line).unwrap_or_default();
        let call = defaults.fill(call, own.get("can_ask").is_some_and(|value| !value.is_null()));
        output::line(to_json(&explained(&call, &ground), &ground.policy))?;
    }
    Ok(Exit::Done)
}

/// What the options say of every call that does not say it itself.
struct Defaults {
    cwd: Option<PathBuf>,
    roots: Vec<PathBuf>,
    session: Option<String>,
    can_ask: bool,
}

impl Defaults {
    fn of(args: &CallArgs) -> Result<Self, Failure> {
        let absolute = |path: &PathBuf| std::path::absolute(path).map_err(|error| Failure::at(path.display(), error));
        Ok(Self {
            cwd: args.cwd.as_ref().map(absolute).transpose()?,
            roots: args.roots.iter().map(absolute).collect::<Result<_, _>>()?,
            session: args.session.clone(),
            can_ask: args.can_ask,
        })
    }

    /// The call with what it leaves open. `says_ask`: it says itself whether it may be answered with `ask`.
    fn fill(&self, call: Call, says_ask: bool) -> Call {
        Call {
            cwd: call.cwd.or_else(|| self.cwd.clone()),
            roots: if call.roots.is_empty() { self.roots.clone() } else { call.roots },
            session_id: call.session_id.or_else(|| self.session.clone()),
            can_ask: if says_ask { call.can_ask } else { self.can_ask },
            ..call
        }
    }
}

fn explained(call: &Call, ground: &Ground) -> Explanation {
    explain(call, &ground.policy, ground.home.as_ref(), &ground.extras)
}

/// The rule that decided, and the position of the command that it is about.
fn decisive<'p>(explanation: &Explanation, policy: &'p Policy) -> Option<(RuleView<'p>, Option<usize>)> {
    let stage = explanation.stages.iter().find(|stage| stage.rule.is_some())?;
    Some((policy.rule(stage.rule?)?, stage.command))
}

/// The verdict as HTTP says it, with the stages, the rule and what of the line is not understood.
fn to_json(explanation: &Explanation, policy: &Policy) -> Value {
    let mut verdict = verdict_to_value(&explanation.verdict);
    let stages = explanation.stages.iter().map(|stage| {
        json!({
            "stage": stage.name,
            "decision": stage.decision.as_str(),
            "decided_by": stage.decided_by,
            "reason": stage.reason,
        })
    });
    let rule = decisive(explanation, policy).map(|(rule, command)| {
        json!({
            "id": rule.id,
            "file": rule.file,
            "line": rule.line,
            "column": rule.column,
            "action": rule.action,
            "risk_level": rule.risk.map(|risk| risk.as_str()),
            "reason": rule.reason,
            "description": rule.description,
            "command": command,
        })
    });
    if let Some(verdict) = verdict.as_object_mut() {
        verdict.insert("stages".to_owned(), stages.collect());
        verdict.insert("rule".to_owned(), rule.unwrap_or(Value::Null));
        verdict.insert("problem".to_owned(), json!(explanation.problem.map(|problem| problem.to_string())));
    }
    verdict
}

fn show(explanation: &Explanation, policy: &Policy) -> Result<(), Failure> {
    let verdict = verdict_to_value(&explanation.verdict);
    call::show(&verdict, false)?;
    let on = colours();
    if let Some(problem) = &explanation.problem {
        output::line(paint(on, Colour::Warn, format!("  because {problem}")))?;
    }
    let row = |name: &str, text: String| {
        let name = paint(on, Colour::Faint, format!("{name:<12}"));
        output::line(format_args!("  {name} {}", tame(&text, DESCRIPTION_WIDTH).trim_end()))
    };
    for stage in &explanation.stages {
        let by = stage.decided_by.as_deref().map_or_else(String::new, |by| format!(" ({by})"));
        row(stage.name, format!("{}{by} {}", stage.decision.as_str(), stage.reason))?;
    }
    let Some((rule, command)) = decisive(explanation, policy) else { return Ok(()) };
    let risk = rule.risk.map_or_else(String::new, |risk| format!(", {} risk", risk.as_str()));
    row("rule", format!("{}: {}{risk}; {}:{}:{}", rule.id, rule.action, rule.file, rule.line, rule.column))?;
    if let Some(description) = rule.description {
        row("", description.to_owned())?;
    }
    let commands = verdict.get("commands").and_then(Value::as_array);
    if let Some(command) = command.and_then(|at| commands?.get(at)) {
        row("matches", call::rendered(command))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_says_for_itself_what_it_does_not_leave_open() {
        let defaults =
            Defaults { cwd: Some("/a".into()), roots: vec!["/a".into()], session: Some("s".to_owned()), can_ask: true };
        let filled = defaults.fill(Call::default(), false);
        assert_eq!(filled.cwd.as_deref(), Some(std::path::Path::new("/a")));
        assert_eq!((filled.roots, filled.session_id.as_deref()), (vec![PathBuf::from("/a")], Some("s")));
        assert!(filled.can_ask);
        let own = Call {
            cwd: Some("/b".into()),
            roots: vec!["/b".into()],
            session_id: Some("t".to_owned()),
            ..Call::default()
        };
        let kept = defaults.fill(own, true);
        assert_eq!(kept.cwd.as_deref(), Some(std::path::Path::new("/b")));
        assert_eq!((kept.roots, kept.session_id.as_deref()), (vec![PathBuf::from("/b")], Some("t")));
        assert!(!kept.can_ask);
    }
}
