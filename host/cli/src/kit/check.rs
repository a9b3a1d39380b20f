//! `tollgate plugin check`: a component as a host sees it before it serves, for people and as JSON.

use super::ground::{Code, on_ground};
use super::read_text;
use crate::exit::{Exit, Failure};
use crate::output::{self, Colour, colours, paint, tame};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tollgate_runtime::{Examined, Portrait, Rejection, TrialGround, TrialRefusal};

/// Columns of a value shown to a person.
const WIDTH: usize = 400;

/// Looks at the component in `file`, under `grant` or all that it asks for.
///
/// # Errors
/// When a file cannot be read; what a host would refuse is an answer.
pub fn check(file: &Path, grant: Option<&Path>, as_json: bool) -> Result<Exit, Failure> {
    let grant = grant.map(read_text).transpose()?;
    let findings = on_ground(Code::Fresh, async |ground| match ground.examine(file).await {
        Ok(examined) => look(ground, examined, grant.as_deref()).await,
        Err(rejection) => Ok(Findings { portrait: None, verdict: Err(rejection.into()) }),
    })?;
    report(file, &findings, as_json)
}

/// The same of what a tool left in `made`, which `place` puts where it belongs by its name, compiled once for both; and
/// kept, since the package's tests are what comes next. It is granted what it asks for besides `grant`, which tests
/// are held to.
///
/// # Errors
/// When it is no component, or cannot be put there, or `grant` is no grant file.
pub(super) fn check_built(
    made: &Path,
    place: impl FnOnce(&str) -> Result<PathBuf, Failure>,
    grant: Option<&Path>,
    as_json: bool,
) -> Result<Exit, Failure> {
    let text = grant.map(read_text).transpose()?.unwrap_or_default();
    let (file, findings) = on_ground(Code::Kept, async |ground| {
        let examined = ground.examine_unnamed(made).await;
        let examined = examined.map_err(|rejection| Failure::at(made.display(), rejection))?;
        let refused = |error| Failure::at(grant.unwrap_or(made).display(), error);
        let grant = examined.granting_all(&text).map_err(refused)?;
        // Only now: where the grant is none, the component of the last build stays.
        let place = place(&examined.portrait.name)?;
        Ok((place, look(ground, examined, Some(&grant)).await?))
    })?;
    if !as_json {
        output::line(format_args!("built {}", file.display()))?;
    }
    report(&file, &findings, as_json)
}

struct Findings {
    portrait: Option<Portrait>,
    verdict: Result<Started, TrialRefusal>,
}

struct Started {
    started_in: Duration,
    memory_bytes: usize,
}

/// Starts what was examined.
async fn look(ground: &TrialGround, mut examined: Examined, grant: Option<&str>) -> Result<Findings, Failure> {
    // Whoever copies what is proposed keeps what else the file says. What no host takes is refused below.
    if let Some(whole) = grant.and_then(|grant| examined.granting_all(grant).ok()) {
        examined.portrait.proposed_grant = whole;
    }
    let grant = grant.unwrap_or(&examined.portrait.proposed_grant);
    let verdict = match ground.start(&examined, Some(grant)).await {
        Ok(mut trial) => Ok(Started { started_in: trial.started_in(), memory_bytes: trial.memory_bytes() }),
        Err(TrialRefusal::Host(error)) => return Err(Failure::Failed(error)),
        Err(refusal) => Err(refusal),
    };
    Ok(Findings { portrait: Some(examined.portrait), verdict })
}

fn report(file: &Path, findings: &Findings, as_json: bool) -> Result<Exit, Failure> {
    let fields = fields(findings);
    let exit = if findings.verdict.is_ok() { Exit::Done } else { Exit::Failed };
    if as_json {
        output::line(Value::Object(fields))?;
        return Ok(exit);
    }
    for (name, value) in &fields {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            Value::Array(items) if items.is_empty() => continue,
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
            other => other.to_string(),
        };
        if !matches!(name.as_str(), "takes" | "refused" | "proposed_grant" | "config_schema") {
            output::line(format_args!("{:<14} {}", name.replace('_', " "), tame(&text, WIDTH)))?;
        }
    }
    let on = colours();
    match &findings.verdict {
        Ok(_) => output::line(paint(on, Colour::Good, "a host takes it")),
        Err(refusal) => {
            output::line(paint(on, Colour::Bad, format!("{}: {}", file.display(), tame(&refusal.to_string(), WIDTH))))?;
            if let (TrialRefusal::NeedsGrant(_), Some(portrait)) = (refusal, &findings.portrait) {
                output::write(&format!("this would grant it:\n{}", portrait.proposed_grant))?;
            }
            Ok(())
        }
    }?;
    Ok(exit)
}

/// Everything, in the order in which it is shown.
fn fields(findings: &Findings) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    if let Some(portrait) = &findings.portrait {
        put("name", json!(portrait.name));
        put("version", json!(portrait.version));
        put("summary", json!(portrait.summary));
        put("world", json!(portrait.world.as_str()));
        put("interface", json!(format!("tollgate:plugin@{}", portrait.interface)));
        put("digest", json!(portrait.digest));
        put("bytes", json!(portrait.bytes));
        put("exports", json!(portrait.exports));
        put("imports", json!(portrait.imports));
        put("subscriptions", json!(portrait.subscriptions));
        put("gates", json!(portrait.gates));
        put("needs", json!(portrait.needs));
        put("wants", json!(portrait.wants));
        put("config_schema", json!(portrait.config_schema));
        put("proposed_grant", json!(portrait.proposed_grant));
        put("compiled_ms", json!(micros(portrait.compiled_in) / 1_000));
    }
    if let Ok(started) = &findings.verdict {
        put("cold_start_us", json!(micros(started.started_in)));
        put("memory_bytes", json!(started.memory_bytes));
    }
    put("takes", json!(findings.verdict.is_ok()));
    put("refused", findings.verdict.as_ref().err().map_or(Value::Null, refusal));
    fields
}

fn refusal(refusal: &TrialRefusal) -> Value {
    match refusal {
        TrialRefusal::Rejected(Rejection { stage, cause, .. }) => json!({"stage": stage.as_str(), "cause": cause}),
        TrialRefusal::NeedsGrant(missing) => {
            json!({"stage": "needs", "cause": refusal.to_string(), "missing": missing})
        }
        TrialRefusal::Host(_) => json!({"cause": refusal.to_string()}),
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
