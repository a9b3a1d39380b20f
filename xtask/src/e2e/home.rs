//! What an agent's scenes have a Tollgate set, and ask it: by its settings and its command line.

use crate::agents::{Agent, Folders};
use crate::tollgate::Tollgate;
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::time::Duration;

/// How many events are read: a run makes some dozen.
const EVENTS: &str = "1000";

/// Writes the settings: the project alone, no port, and how long the agent's hooks wait for a person.
///
/// # Errors
/// When they cannot be written.
pub fn configure(tollgate: &Tollgate<'_>, folders: &Folders, agent: &Agent, wait: Duration) -> Result<()> {
    let (project, wait_ms) = (folders.project.display().to_string(), wait.as_millis());
    tollgate.configure(&format!(
        "[server]\nlisten = \"off\"\n\n[gate]\npresets = [\"guardrails\"]\n\n[workspace]\nallow = [{project:?}]\n\n\
         [hooks.{}]\ntimeout_ms = {wait_ms}\n",
        agent.name
    ))
}

/// Every event of hooks, tools and alerts, oldest first.
///
/// # Errors
/// When the daemon does not answer, or not with events.
pub fn events(tollgate: &Tollgate<'_>) -> Result<Vec<Value>> {
    let said = tollgate.run(&["tail", "--no-follow", "-n", EVENTS, "--json", "hook.*", "tool.*", "alert.*"])?;
    said.lines().map(|line| serde_json::from_str(line).with_context(|| format!("an event: {line}"))).collect()
}

/// The ids of the approvals that wait for a person.
///
/// # Errors
/// As [`events`].
pub fn approvals(tollgate: &Tollgate<'_>) -> Result<Vec<String>> {
    let said: Value = serde_json::from_str(&tollgate.run(&["approvals", "list", "--json"])?)?;
    let listed = said.get("interactions").and_then(Value::as_array).context("no list of approvals")?;
    Ok(listed.iter().filter_map(|one| one.get("id")?.as_str().map(str::to_owned)).collect())
}
