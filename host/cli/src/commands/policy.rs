//! `tollgate policy explain`: what the stages say of a call. No daemon, no events, no plugins.

use super::{call, read_stdin};
use crate::args::ExplainArgs;
use crate::config::{Config, expand};
use crate::exit::{Exit, Failure};
use crate::host;
use crate::output::{self, Colour, colours, paint, tame};
use std::path::PathBuf;
use tollgate_core::gate::policy::Policy;
use tollgate_core::gate::{Explanation, explain};
use tollgate_core::home::Home;
use tollgate_core::json::{call_from_json, verdict_to_value};

/// What calls are explained by.
struct Ground {
    policy: Policy,
    home: Option<Home>,
    extras: Vec<PathBuf>,
}

/// Explains one call, or one a line; exits with 0 whatever the verdicts: explaining is not asking.
///
/// # Errors
/// When a policy or a call is refused; names the file or the line.
pub fn run(home: impl Fn() -> Result<Home, Failure>, args: ExplainArgs) -> Result<Exit, Failure> {
    let ground = ground(home, &args.policies)?;
    if !args.jsonl {
        let call = call_from_json(&call::text(&args.call)?).map_err(|error| Failure::at("the call", error))?;
        let explanation = explain(&call, &ground.policy, ground.home.as_ref(), &ground.extras);
        return show(&explanation, args.call.json);
    }
    for (index, line) in read_stdin()?.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let call = call_from_json(line).map_err(|error| Failure::at(format!("line {}", index + 1), error))?;
        let explanation = explain(&call, &ground.policy, ground.home.as_ref(), &ground.extras);
        output::line(verdict_to_value(&explanation.verdict))?;
    }
    Ok(Exit::Done)
}

fn ground(home: impl Fn() -> Result<Home, Failure>, policies: &[String]) -> Result<Ground, Failure> {
    // Without a home there is still a policy: the defaults.
    let home = home().ok();
    let config = match &home {
        Some(home) => Config::load(home).map_err(|error| Failure::Failed(error.to_string()))?,
        None => Config::default(),
    };
    let policy = match &home {
        _ if !policies.is_empty() => named(policies)?,
        Some(home) => host::load_policy(home, &config)?,
        None => host::join_policies(&[], &config.gate.presets)?,
    };
    let user_home = std::env::var_os("HOME").map(PathBuf::from);
    let extras = config.gate.allowed_extras.iter().map(|path| expand(path, user_home.as_deref())).collect();
    Ok(Ground { policy, home, extras })
}

/// Presets by name and files by path (one with a `/` or a `.` in it), files first.
fn named(policies: &[String]) -> Result<Policy, Failure> {
    let (files, presets): (Vec<_>, Vec<_>) = policies.iter().cloned().partition(|name| name.contains(['/', '.']));
    let texts = files.iter().map(|file| host::read_policy(file.as_ref())).collect::<Result<Vec<_>, _>>()?;
    host::join_policies(&texts, &presets)
}

fn show(explanation: &Explanation, json: bool) -> Result<Exit, Failure> {
    call::show(&verdict_to_value(&explanation.verdict), json)?;
    if json {
        return Ok(Exit::Done);
    }
    let on = colours();
    if let Some(problem) = &explanation.problem {
        output::line(paint(on, Colour::Warn, format!("  because {problem}")))?;
    }
    for stage in &explanation.stages {
        let by = stage.decided_by.as_deref().map_or_else(String::new, |by| format!(" ({by})"));
        let said = tame(&format!("{}{by} {}", stage.decision.as_str(), stage.reason), 1_000);
        output::line(format_args!("  {} {said}", paint(on, Colour::Faint, format!("{:<12}", stage.name))))?;
    }
    Ok(Exit::Done)
}
