//! `tollgate plugin test`: recorded events and calls through the real sandbox, without a daemon.

use super::ground::{Code, on_ground, started};
use super::rehearse::{Step, step};
use super::{golden, recorded};
use crate::args::TestArgs;
use crate::exit::{Exit, Failure};
use crate::output::{self, Colour, colours, paint, tame};
use serde_json::Value;
use tollgate_runtime::LogLevel;

/// Columns of a text shown to a person.
const WIDTH: usize = 300;

/// Functions shown of those that were running when it trapped.
const FRAMES: usize = 6;

/// Gives the component every line, and says what came of it.
///
/// # Errors
/// When a file cannot be read, or a host would refuse the component or have it wait for a grant.
pub fn try_out(args: &TestArgs) -> Result<Exit, Failure> {
    let lines = recorded::read(&args.tried.events)?;
    let steps = on_ground(Code::Kept, async |ground| {
        let mut trial = started(ground, &args.tried.file, args.tried.grant.as_deref()).await?;
        if trial.in_shadow() {
            super::say(
                "under this grant a host asks this guard, and no verdict of it counts: gate = [\"deny\", \"ask\"] under [grant] makes it count",
            );
        }
        if !args.json {
            for log in trial.first_logs() {
                let words = format!("{} {}", LogLevel::as_str(log.level), log.text);
                output::line(format_args!("init  log {}", tame(&words, WIDTH)))?;
            }
        }
        let mut steps = Vec::with_capacity(lines.len());
        for line in &lines {
            let step = step(&mut trial, line).await?;
            show(&step, args.json)?;
            steps.push(step);
        }
        Ok(steps)
    })?;
    let passed_over = |step: &Step| step.took.is_none();
    if !steps.is_empty() && steps.iter().all(passed_over) {
        return Err(Failure::Failed(format!(
            "{}: no line is an event that it subscribes to, or a call that it gates: nothing was tested",
            args.tried.events.display()
        )));
    }
    let faults = steps.iter().filter(|step| step.faulted).count();
    let on = colours() && !args.json;
    if !args.json {
        output::line(summary(&steps))?;
    }
    let Some(file) = &args.golden else {
        return Ok(if faults == 0 { Exit::Done } else { Exit::Failed });
    };
    if args.bless {
        golden::bless(file, &steps)?;
        super::say(format_args!("{} says from now on what is to come", file.display()));
        return Ok(Exit::Done);
    }
    match golden::difference(file, &steps)? {
        None => Ok(Exit::Done),
        Some(difference) => {
            let words = format!("not what {} says (-) but this (+); --bless takes it", file.display());
            let text = format!("{}\n{difference}", paint(on, Colour::Bad, words));
            // Beside JSON on standard output, for people all the same.
            if args.json {
                super::say(text.trim_end())
            } else {
                output::write(&text)?
            }
            Ok(Exit::Failed)
        }
    }
}

fn show(step: &Step, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return output::line(step.to_json());
    }
    let text = |name: &str| step.did.get(name).and_then(Value::as_str).unwrap_or_default();
    let on = colours();
    let outcome = text("outcome");
    let colour = match outcome {
        "handled" | "abstain" | "allow" => Colour::Good,
        "fault" | "failed" | "deny" => Colour::Bad,
        "not_subscribed" | "not_gated" => Colour::Faint,
        _ => Colour::Warn,
    };
    let measures =
        step.took.map_or_else(String::new, |took| format!("{} fuel, {} us", took.fuel, took.took.as_micros()));
    let line = step.did.get("line").and_then(Value::as_u64).unwrap_or_default();
    let what = [text("event"), text("tool")].concat();
    let shown = paint(on, colour, format!("{:<10}", outcome.replace('_', " ")));
    output::line(format!("{line:>4}  {what:<24} {shown} {measures}").trim_end())?;
    let detail = |name: &str, text: &str| output::line(format_args!("      {name} {}", tame(text, WIDTH)));
    for name in ["cause", "message", "reason"] {
        if !text(name).is_empty() {
            detail(name, text(name))?;
        }
    }
    // From the innermost function that has a name.
    let frames = step.backtrace.iter().flat_map(|backtrace| backtrace.lines()).filter_map(|line| line.split_once('!'));
    for (_, function) in frames.take(FRAMES) {
        detail("in", function)?;
    }
    if let Some(mend) = mend(text("cause")) {
        detail("mend", mend)?;
    }
    if let Some(input) = step.did.get("rewritten_input") {
        detail("input", &input.to_string())?;
    }
    let items = |name: &str| step.did.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let field = |item: &Value, name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    for emit in items("emits") {
        let payload = emit.get("payload").map(ToString::to_string).unwrap_or_default();
        detail("emit", &format!("{} {payload}", field(&emit, "type")))?;
    }
    for question in items("questions") {
        detail("asks", &field(&question, "text"))?;
    }
    for log in items("logs") {
        detail("log", &format!("{} {}", field(&log, "level"), field(&log, "text")))?;
    }
    if let Some(refused) = step.did.get("over_budget") {
        detail("over budget", &format!("{refused} refused"))?;
    }
    Ok(())
}

/// What helps against a fault, by its name in the contract.
fn mend(cause: &str) -> Option<&'static str> {
    Some(match cause {
        "trap" => {
            "it did what its language leaves undefined (in C: past an array's end, through a null pointer, a sum too large), \
             or it gave up"
        }
        "panic" => "the log has the place; an error that is returned is counted, and costs no new instance",
        "stack_overflow" => "it calls itself too deep: keep what is left to do in a list, and loop over it",
        "out_of_fuel" => {
            "do less for one event, or raise fuel_per_event (guards: fuel_per_gate) under [limits] of the grant"
        }
        "timeout" => "wait for less, or raise timeout_ms (guards: gate_timeout_ms) under [limits] of the grant",
        "memory" => "keep less at a time, or raise memory_bytes under [limits] of the grant",
        "host_bytes" => "hand the host less in one call: at most 4 MiB",
        "handles" => "drop what it started and no longer needs: at most 1,000 handles are kept",
        _ => return None,
    })
}

/// How many there were of each outcome, the most frequent first.
fn summary(steps: &[Step]) -> String {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for step in steps {
        let outcome = step.did.get("outcome").and_then(Value::as_str).unwrap_or_default().replace('_', " ");
        match counts.iter_mut().find(|(name, _)| *name == outcome) {
            Some((_, count)) => *count += 1,
            None => counts.push((outcome, 1)),
        }
    }
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let counts: Vec<String> = counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let lines = if steps.len() == 1 { "line" } else { "lines" };
    format!("{} {lines}: {}", steps.len(), counts.join(", "))
}
