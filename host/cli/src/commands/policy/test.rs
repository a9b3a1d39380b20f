//! `tollgate policy test`: a policy file by its examples, or policies by a file of test cases.

use super::ground;
use crate::exit::{Exit, Failure};
use crate::output::{self, Colour, colours, paint, tame};
use crate::policies::{self, Text};
use serde_json::{Value, json};
use std::path::Path;
use tollgate_core::gate::policy::{CaseResult, Cases, Policy, PolicyError, PolicySource};
use tollgate_core::home::Home;

/// Columns of one line about a call.
const LINE_WIDTH: usize = 1_000;

/// Tests a file; exits with 1 when something does not hold.
///
/// # Errors
/// When a file is refused, naming all that is wrong with it.
pub(super) fn run(
    home: impl Fn() -> Result<Home, Failure>,
    file: &Path,
    names: &[String],
    json: bool,
) -> Result<Exit, Failure> {
    let text = policies::read(file)?;
    if !Cases::is_one(&text.1) {
        if !names.is_empty() {
            let message = "--policy goes with a file of test cases; a policy file is tested by its own examples";
            return Err(Failure::Usage(message.to_owned()));
        }
        return examples(&text, json);
    }
    let cases = Cases::read(PolicySource { name: &text.0, text: &text.1 }).map_err(refused)?;
    let policy = if names.is_empty() && !cases.policies().is_empty() {
        policies::named(cases.policies(), file.parent().unwrap_or(Path::new("")))?
    } else {
        ground(home, names)?.policy
    };
    let results = cases.run(&policy);
    report(&text.0, &results, json)
}

fn refused(problems: Vec<PolicyError>) -> Failure {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Failure::Failed(lines.join("\n"))
}

/// Loading a file holds every rule against its examples; what is left to say is what the whole makes of them.
fn examples(text: &Text, json: bool) -> Result<Exit, Failure> {
    let problems = Policy::check(policies::sources(std::slice::from_ref(text)));
    if !problems.is_empty() {
        return Err(refused(problems));
    }
    let policy = policies::compose(std::slice::from_ref(text), &[])?;
    let elsewhere = policy.decided_elsewhere();
    if json {
        let rules = policy.example_counts().map(|(rule, matching, other)| {
            json!({"rule": rule.id, "line": rule.line, "match": matching, "not_match": other})
        });
        let elsewhere = elsewhere.iter().map(|example| {
            json!({
                "rule": example.rule,
                "line": example.line,
                "call": example.call,
                "decision": example.action.as_str(),
                "decided_by": example.decided_by,
            })
        });
        let (rules, elsewhere): (Vec<Value>, Vec<Value>) = (rules.collect(), elsewhere.collect());
        output::line(json!({"file": text.0, "rules": rules, "decided_elsewhere": elsewhere}))?;
        return Ok(Exit::Done);
    }
    let on = colours();
    let mut total = 0;
    for (rule, matching, other) in policy.example_counts() {
        total += matching + other;
        if matching + other == 0 {
            output::line(paint(on, Colour::Warn, format!("{}:{}: {} has no examples", text.0, rule.line, rule.id)))?;
        }
    }
    for example in &elsewhere {
        let said = format!(
            "{}:{}: `{}` matches {}, and {} decides it: {}",
            text.0,
            example.line,
            example.call,
            example.rule,
            example.decided_by,
            example.action.as_str()
        );
        output::line(paint(on, Colour::Faint, tame(&said, LINE_WIDTH)))?;
    }
    output::line(format_args!("{}: {} rules, {total} examples hold", text.0, policy.len()))?;
    Ok(Exit::Done)
}

fn report(file: &str, results: &[CaseResult], json: bool) -> Result<Exit, Failure> {
    let failed = results.iter().filter(|result| !result.holds()).count();
    let exit = if failed == 0 { Exit::Done } else { Exit::Failed };
    if json {
        let cases: Vec<Value> = results.iter().map(to_json).collect();
        output::line(json!({"file": file, "held": results.len() - failed, "failed": failed, "cases": cases}))?;
        return Ok(exit);
    }
    let on = colours();
    for result in results.iter().filter(|result| !result.holds()) {
        let rule = result.expected_rule.as_ref().map_or_else(String::new, |rule| format!(" by {rule}"));
        let said = format!(
            "{file}:{}:{}: `{}`: expected {}{rule}, is {} by {}",
            result.line,
            result.column,
            result.call,
            result.expected.as_str(),
            result.action.as_str(),
            result.decided_by
        );
        output::line(paint(on, Colour::Bad, tame(&said, LINE_WIDTH)))?;
    }
    output::line(format_args!("{file}: {} of {} cases hold", results.len() - failed, results.len()))?;
    Ok(exit)
}

fn to_json(result: &CaseResult) -> Value {
    json!({
        "line": result.line,
        "column": result.column,
        "call": result.call,
        "expected": result.expected.as_str(),
        "expected_rule": result.expected_rule,
        "decision": result.action.as_str(),
        "decided_by": result.decided_by,
        "holds": result.holds(),
    })
}
