//! `tollgate plugin replay`: a plugin given what the journal holds, in a sandbox of its own and with no effect, and how
//! that differs from what is recorded, or from what the home's own plugin of that name would do.
//!
//! `tollgate replay` is another thing: it hands events to the plugin that serves, with all that it does for them.

mod against;
mod report;

use super::ground::{Code, Ground, on_ground, started};
use super::recorded::{self, What};
use super::rehearse::{Step, account, did};
use crate::args::{Against, ReplayPluginArgs, When};
use crate::exit::{Exit, Failure};
use against::{Beside, Other};
use report::Report;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tollgate_core::event::Event;
use tollgate_core::events::PatternSet;
use tollgate_core::gate::NormalisedCall;
use tollgate_core::home::Home;
use tollgate_core::journal::{Export, Query};
use tollgate_core::redact::REDACTED;
use tollgate_runtime::Trial;

/// The type of the event that tells of a call.
const GATED: &str = "tool.gated";

/// Goes through the journal, and tells of the differences.
///
/// # Errors
/// When there is no journal or no such plugin, or a host would refuse it.
pub fn replay(home: &Home, args: &ReplayPluginArgs) -> Result<Exit, Failure> {
    let file = component(home, &args.plugin)?;
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let beside = home.plugins().join(format!("{name}.toml"));
    let grant = args.grant.as_deref().or_else(|| beside.is_file().then_some(beside.as_path()));
    let mut query = query(args)?;
    let types = query.patterns.take();
    let report = on_ground(Code::Kept, async |ground| {
        let mut trial = started(ground, &file, grant).await?;
        let other = match args.against {
            Against::Recorded => Other::recorded(&home.journal(), &name, &query)?,
            Against::Current => current(home, &name).await?,
        };
        shadow(&home.journal(), query, types.as_ref(), Report::of(&name), &mut trial, other).await
    })?;
    report.say(args.json)?;
    Ok(if report.faults == 0 { Exit::Done } else { Exit::Failed })
}

/// The file that is meant: one by its path, or the home's plugin by its name.
fn component(home: &Home, plugin: &str) -> Result<PathBuf, Failure> {
    if Path::new(plugin).extension().is_some() || plugin.contains('/') {
        return Ok(PathBuf::from(plugin));
    }
    let file = home.plugins().join(format!("{plugin}.wasm"));
    if file.is_file() {
        return Ok(file);
    }
    Err(Failure::Failed(format!("{} is not there: name a plugin of this home, or a file NAME.wasm", file.display())))
}

/// The home's own plugin of the name, under its own grant.
async fn current(home: &Home, name: &str) -> Result<Other, Failure> {
    let file = component(home, name)?;
    let beside = home.plugins().join(format!("{name}.toml"));
    let grant = beside.is_file().then_some(beside.as_path());
    let ground = Ground::new(Code::Kept)?;
    let trial = started(ground.trials(), &file, grant).await?;
    Ok(Other::Plugin(Box::new(Beside { trial, _ground: ground })))
}

fn query(args: &ReplayPluginArgs) -> Result<Query, Failure> {
    let (after, since) = match args.since {
        // From this one on.
        When::Seq(seq) => (seq.saturating_sub(1), None),
        When::Time(at) => (0, Some(at)),
    };
    args.which.query(after, since).map_err(|error| Failure::Usage(error.to_string()))
}

/// Gives `trial` what `query` finds of these types, and reads beside it what became of calls, of whatever type.
async fn shadow(
    journal: &Path,
    query: Query,
    types: Option<&PatternSet>,
    mut report: Report,
    trial: &mut Trial,
    mut other: Other,
) -> Result<Report, Failure> {
    let failed = |error: tollgate_core::journal::JournalError| Failure::Failed(error.to_string());
    let mut export = Export::open(journal, query).map_err(failed)?;
    while let Some(events) = export.next_page().map_err(failed)? {
        for event in &events {
            if types.is_some_and(|types| !types.matches(&event.event_type)) {
                report.outcome(event);
                continue;
            }
            if trial.handles(&event.event_type) {
                let what = What::Event(Box::new(Event::clone(event)));
                let step = one(trial, event, &what).await?;
                report.event(event, &step, &other.of_event(trial, event, &what).await?);
            }
            match (event.event_type.as_str() == GATED).then(|| call(event)) {
                Some(Ok(call)) if trial.gates(&call.tool) => {
                    let what = What::Call(Box::new(call));
                    let step = one(trial, event, &what).await?;
                    report.call(event, &step, other.of_call(event, &what).await?);
                }
                Some(Err(tool)) if trial.gates(&tool) => report.not_comparable += 1,
                Some(_) => {}
                None => report.outcome(event),
            }
        }
    }
    report.pruned = export.missed();
    Ok(report)
}

/// What came of one.
async fn one(trial: &mut Trial, event: &Event, what: &What) -> Result<Step, Failure> {
    let account = account(trial, what).await?;
    Ok(did(event.seq, what, &account))
}

/// The call that a `tool.gated` tells of; its canonical tool where its input was not recorded as it was.
fn call(event: &Event) -> Result<NormalisedCall, String> {
    let payload: Value = serde_json::from_str(&event.payload).unwrap_or_default();
    let text = |name: &str| payload.get(name).and_then(Value::as_str).unwrap_or_default();
    let tool = if text("canonical_tool").is_empty() { text("tool_name") } else { text("canonical_tool") };
    let input = payload.get("tool_input").cloned().unwrap_or_default();
    let cut = payload.get("tool_input_truncated") == Some(&Value::Bool(true));
    if cut || input.to_string().contains(REDACTED) {
        return Err(tool.to_owned());
    }
    // The folder of a call is not recorded.
    let call = json!({"tool_name": text("tool_name"), "tool_input": input, "session_id": text("session_id"),
        "call_id": text("call_id"), "agent": text("agent"), "cwd": "/"});
    recorded::call(call).map_err(|_| tool.to_owned())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;
    use tollgate_core::json::event_from_json;

    fn gated(payload: Value) -> Event {
        let line = json!({"type": GATED, "ts": "2026-01-27T10:21:33Z", "source": "core", "payload": payload,
            "id": "01990000-0000-7000-8000-000000000001"});
        event_from_json(&line.to_string()).unwrap()
    }

    #[test]
    fn a_call_is_made_again_unless_its_input_was_changed() {
        let whole = json!({"session_id": "s1", "tool_name": "shell", "canonical_tool": "Bash", "call_id": "c1",
            "tool_input": {"command": "git push"}});
        let made = call(&gated(whole.clone())).unwrap();
        assert_eq!((&*made.tool, &*made.original_tool, &*made.session, &*made.call_id), ("Bash", "shell", "s1", "c1"));
        let mut cut = whole.clone();
        cut.as_object_mut().unwrap().insert("tool_input_truncated".to_owned(), json!(true));
        assert_eq!(call(&gated(cut)).unwrap_err(), "Bash");
        let mut redacted = whole;
        redacted.as_object_mut().unwrap().insert("tool_input".to_owned(), json!({"command": format!("x {REDACTED}")}));
        assert_eq!(call(&gated(redacted)).unwrap_err(), "Bash");
    }
}
