//! `tollgate plugin`: what the daemon's plugins are doing, and steering them.

use super::{confirmed, encode, parse};
use crate::args::PluginCommand;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::output::{self, Colour, colours, paint, tame};
use serde_json::{Value, json};
use tollgate_core::home::Home;

/// How much of a digest is shown, in characters: enough to tell two versions apart.
const SHOWN_DIGEST: usize = 12;

/// Asks the daemon and shows the answer.
///
/// # Errors
/// When no daemon answers, there is no such plugin, or the approver token is not its.
pub fn run(home: &Home, command: PluginCommand) -> Result<Exit, Failure> {
    match command {
        PluginCommand::List { json } => list(&Client::of(home), json),
        PluginCommand::Inspect { name, json } => inspect(&Client::of(home), &name, json),
        PluginCommand::Logs { name, lines, json } => logs(&Client::of(home), &name, lines, json),
        PluginCommand::Disable { name } => {
            steer(home, &name, "disable", "disabled; `tollgate plugin enable` lets it run again")
        }
        PluginCommand::Enable { name } => steer(home, &name, "enable", "enabled"),
        PluginCommand::Reload { name, json } => reload(home, &name, json),
        PluginCommand::Grant { name, yes } => grant(home, &name, yes),
    }
}

fn path(name: &str, rest: &str) -> String {
    format!("/api/plugins/{}{rest}", encode(name))
}

fn list(client: &Client, json: bool) -> Result<Exit, Failure> {
    let answer = client.get("/api/plugins")?;
    if json {
        output::line(answer)?;
        return Ok(Exit::Done);
    }
    let value = parse(&answer)?;
    let plugins = value.get("plugins").and_then(Value::as_array).cloned().unwrap_or_default();
    if plugins.is_empty() {
        output::line("no plugins; drop a .wasm file into the home's plugins folder")?;
        return Ok(Exit::Done);
    }
    let header =
        ["NAME", "VERSION", "WORLD", "STATE", "CALLS", "FAILED", "FAULTS", "LAG", "FUEL", "P50 US", "P99 US", "MEMORY"];
    let keys = [
        "name",
        "version",
        "world",
        "state",
        "calls",
        "failed",
        "faults",
        "lag",
        "fuel",
        "p50_us",
        "p99_us",
        "memory_bytes",
    ];
    let rows: Vec<Vec<String>> = plugins.iter().map(|plugin| keys.map(|key| cell(plugin.get(key))).to_vec()).collect();
    output::write(&output::table(&header, &rows))?;
    let on = colours();
    for plugin in &plugins {
        if plugin.get("throttled") == Some(&Value::Bool(true)) {
            let words = format!("{}: throttled: its fuel_per_minute is spent", cell(plugin.get("name")));
            output::line(paint(on, Colour::Bad, words))?;
        }
        for (key, parts) in [("rejected", ["stage", "cause"]), ("last_fault", ["cause", "message"])] {
            let Some(trouble) = plugin.get(key).filter(|trouble| !trouble.is_null()) else { continue };
            let words = parts.map(|part| cell(trouble.get(part))).join(": ");
            let words = format!("{}: {}: {}", cell(plugin.get("name")), key.replace('_', " "), tame(&words, 300));
            output::line(paint(on, Colour::Bad, words))?;
        }
        if let Some(waiting) = plugin.get("waiting").filter(|waiting| !waiting.is_null()) {
            let (name, version) = (cell(plugin.get("name")), cell(waiting.get("version")));
            let missing = waiting.get("missing").and_then(Value::as_array).into_iter().flatten();
            let missing: Vec<String> = missing.map(|one| cell(Some(one))).collect();
            let words = tame(&format!("{name}: waits: {version} needs {}", missing.join(", ")), 300);
            let words = format!("{words}: `tollgate plugin grant {name}` shows it");
            output::line(paint(on, Colour::Warn, words))?;
        }
    }
    Ok(Exit::Done)
}

fn inspect(client: &Client, name: &str, json: bool) -> Result<Exit, Failure> {
    let answer = client.get(&path(name, ""))?;
    if json {
        output::line(answer)?;
        return Ok(Exit::Done);
    }
    let value = parse(&answer)?;
    for (key, value) in value.as_object().into_iter().flatten() {
        match value {
            Value::Array(items) if items.is_empty() => {}
            Value::Array(items) => {
                output::line(format_args!("{key}:"))?;
                for item in items {
                    output::line(format_args!("  {}", tame(&cell(Some(item)), 500)))?;
                }
            }
            Value::Null => {}
            _ => output::line(format_args!("{key}: {}", cell_lines(value)))?,
        }
    }
    Ok(Exit::Done)
}

fn logs(client: &Client, name: &str, lines: usize, json: bool) -> Result<Exit, Failure> {
    if lines == 0 {
        return Ok(Exit::Done);
    }
    let value = parse(&client.get(&path(name, &format!("/logs?last={lines}")))?)?;
    let on = colours();
    for line in value.get("lines").and_then(Value::as_array).into_iter().flatten() {
        if json {
            output::line(line)?;
            continue;
        }
        let level = cell(line.get("level"));
        let colour = match level.as_str() {
            "error" => Colour::Bad,
            "warn" => Colour::Warn,
            _ => Colour::Faint,
        };
        let at = paint(on, Colour::Faint, cell(line.get("at")));
        output::line(format_args!(
            "{at} {} {}",
            paint(on, colour, format!("{level:<5}")),
            tame(&cell(line.get("message")), 2_000)
        ))?;
    }
    Ok(Exit::Done)
}

fn steer(home: &Home, name: &str, verb: &str, done: &str) -> Result<Exit, Failure> {
    Client::approver_of(home).post(&path(name, &format!("/{verb}")), b"")?;
    output::line(format_args!("{name}: {done}"))?;
    Ok(Exit::Done)
}

fn reload(home: &Home, name: &str, json: bool) -> Result<Exit, Failure> {
    let answer = Client::approver_of(home).post(&path(name, "/reload"), b"")?;
    if json {
        output::line(answer)?;
        return Ok(Exit::Done);
    }
    let status = parse(&answer)?;
    let digest: String = cell(status.get("digest")).chars().take(SHOWN_DIGEST).collect();
    let (version, state) = (cell(status.get("version")), cell(status.get("state")));
    output::line(format_args!("{name}: loaded anew, version {version} ({digest}…), {state}"))?;
    Ok(Exit::Done)
}

fn grant(home: &Home, name: &str, yes: bool) -> Result<Exit, Failure> {
    let client = Client::approver_of(home);
    let proposed = parse(&client.get(&path(name, "/grant"))?)?;
    for key in ["asked", "granted", "missing"] {
        let items = proposed.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let items: Vec<String> = items.iter().map(|item| tame(&cell(Some(item)), 300)).collect();
        let items = if items.is_empty() { "nothing".to_owned() } else { items.join(", ") };
        output::line(format_args!("{key:>8}: {items}"))?;
    }
    if let Some(text) = proposed.get("toml").and_then(Value::as_str) {
        output::line(format_args!("\nplugins/{name}.toml would say:\n{}", text.trim_end()))?;
    }
    if !yes && !confirmed("Grant this?", &format!("`tollgate plugin grant {name} --yes` grants it"))? {
        output::line("nothing was changed")?;
        return Ok(Exit::Failed);
    }
    // What was shown and nothing else: the plugin's file may have been replaced meanwhile.
    let shown = json!({"digest": proposed.get("digest")}).to_string();
    client.post(&path(name, "/grant"), shown.as_bytes())?;
    output::line(format_args!("{name}: granted"))?;
    Ok(Exit::Done)
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// A value of several lines on lines of its own, its control characters tamed.
fn cell_lines(value: &Value) -> String {
    let text = cell(Some(value));
    if !text.contains('\n') {
        return tame(&text, 2_000);
    }
    text.lines().map(|line| format!("\n  {}", tame(line, 500))).collect()
}
