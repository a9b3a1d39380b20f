//! `tollgate plugin`: what the daemon's plugins are doing, and steering them.

use super::{cell, confirmed, encode, parse};
use crate::args::PluginCommand;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::kit;
use crate::output::{self, Colour, colours, paint, tame};
use serde_json::{Value, json};
use tollgate_core::home::Home;

/// How much of a digest is shown, in characters: enough to tell two versions apart.
const SHOWN_DIGEST: usize = 12;

/// Asks the daemon and shows the answer; what an author does goes without one, and without a home.
///
/// # Errors
/// When no daemon answers, there is no such plugin, or the approver token is not its; and as the kit's own.
pub fn run(home: impl Fn() -> Result<Home, Failure>, command: PluginCommand) -> Result<Exit, Failure> {
    match command {
        PluginCommand::List { json } => list(&Client::of(&home()?), json),
        PluginCommand::Inspect { name, json } => inspect(&Client::of(&home()?), &name, json),
        PluginCommand::Logs { name, lines, json } => logs(&Client::of(&home()?), &name, lines, json),
        PluginCommand::Disable { name } => {
            steer(&home()?, &name, "disable", "disabled; `tollgate plugin enable` lets it run again")
        }
        PluginCommand::Enable { name } => steer(&home()?, &name, "enable", "enabled"),
        PluginCommand::Reload { name, json } => reload(&home()?, &name, json),
        PluginCommand::Grant { name, yes } => grant(&home()?, &name, yes),
        PluginCommand::New(args) => kit::create(&args),
        PluginCommand::Build { folder, json } => kit::build(&folder, json),
        PluginCommand::Bench { tried, json } => kit::bench(&tried, json),
        PluginCommand::Replay(args) => kit::replay(&home()?, &args),
        PluginCommand::Test(args) => kit::try_out(&args),
        PluginCommand::Check { file, grant, json } => kit::check(&file, grant.as_deref(), json),
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
    output::write(&overview(&plugins))?;
    let on = colours();
    for plugin in &plugins {
        if plugin.get("throttled") == Some(&Value::Bool(true)) {
            let words = format!("{}: throttled: its fuel_per_minute is spent", cell(plugin.get("name")));
            output::line(paint(on, Colour::Bad, words))?;
        }
        let waiting = plugin.get("waiting").filter(|waiting| !waiting.is_null());
        if plugin.get("shadow") == Some(&Value::Bool(true)) && waiting.is_none() {
            let name = cell(plugin.get("name"));
            let words =
                format!("{name}: a guard whose verdicts do not count: `tollgate plugin grant {name}` shows what would");
            output::line(paint(on, Colour::Warn, words))?;
        }
        for (key, parts) in [("rejected", ["stage", "cause"]), ("last_fault", ["cause", "message"])] {
            let Some(trouble) = plugin.get(key).filter(|trouble| !trouble.is_null()) else { continue };
            let words = parts.map(|part| cell(trouble.get(part))).join(": ");
            let words = format!("{}: {}: {}", cell(plugin.get("name")), key.replace('_', " "), tame(&words, 300));
            output::line(paint(on, Colour::Bad, words))?;
        }
        if let Some(waiting) = waiting {
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
    output::write(&portrait(&value))?;
    Ok(Exit::Done)
}

/// One line for each plugin.
fn overview(plugins: &[Value]) -> String {
    const HEADER: [&str; 11] =
        ["NAME", "STATE", "VERSION", "DIGEST", "QUEUE", "LAG", "FAULTS", "FUEL/S", "MEMORY", "P50 US", "P99 US"];
    const KEYS: [&str; 11] = [
        "name",
        "state",
        "version",
        "digest",
        "queue",
        "lag",
        "faults",
        "fuel_per_second",
        "memory_bytes",
        "p50_us",
        "p99_us",
    ];
    let row = |plugin: &Value| {
        let shown = |key: &str| match (key, plugin.get(key)) {
            ("digest", Some(Value::String(digest))) => digest.chars().take(SHOWN_DIGEST).collect(),
            ("memory_bytes", Some(bytes)) => bytes.as_u64().map_or_else(|| "-".to_owned(), mebibytes),
            (_, value) => tame(&cell(value), 64),
        };
        KEYS.map(shown).to_vec()
    };
    output::table(&HEADER, &plugins.iter().map(row).collect::<Vec<_>>())
}

fn mebibytes(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) >> 20;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

/// Everything about one plugin, for people: what it is first, what went wrong last. What the daemon says and this
/// does not know is shown too.
fn portrait(value: &Value) -> String {
    const FIRST: &[&str] = &["name", "summary", "version", "digest", "world", "state"];
    const LAST: &[&str] = &["last_fault", "rejected", "waiting"];
    let fields = value.as_object().into_iter().flatten();
    let others = fields.map(|(key, _)| key.as_str()).filter(|key| !FIRST.contains(key) && !LAST.contains(key));
    let mut text = String::new();
    for key in FIRST.iter().copied().chain(others).chain(LAST.iter().copied()) {
        let lines: String = match value.get(key) {
            None | Some(Value::Null) => continue,
            Some(Value::Array(items)) if items.is_empty() => continue,
            Some(Value::Array(items)) => {
                items.iter().map(|item| format!("\n  {}", tame(&cell(Some(item)), 500))).collect()
            }
            Some(Value::Object(fields)) => {
                let fields = fields.iter().filter(|(_, value)| !value.is_null());
                fields.map(|(key, value)| format!("\n  {key}: {}", cell_lines(value).replace('\n', "\n  "))).collect()
            }
            Some(value) => format!(" {}", cell_lines(value)),
        };
        text.push_str(&format!("{key}:{lines}\n"));
    }
    text
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
    let status = parse(&client.get(&path(name, ""))?)?;
    let Some(rejected) = status.get("rejected").filter(|rejected| !rejected.is_null()) else {
        output::line(format_args!("{name}: granted"))?;
        return Ok(Exit::Done);
    };
    let [stage, cause] = ["stage", "cause"].map(|key| cell(rejected.get(key)));
    let mend = if stage == "config" {
        format!("; its configuration goes under [config] in {}", home.plugins().join(format!("{name}.toml")).display())
    } else {
        String::new()
    };
    let words = format!("{name}: granted, and it does not start with that: {stage}: {}{mend}", tame(&cause, 300));
    output::line(paint(colours(), Colour::Bad, words))?;
    Ok(Exit::Failed)
}

/// A value of several lines on lines of its own, its control characters tamed.
fn cell_lines(value: &Value) -> String {
    let text = cell(Some(value));
    if !text.contains('\n') {
        return tame(&text, 2_000);
    }
    text.lines().map(|line| format!("\n  {}", tame(line, 500))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_lines_up() {
        let plugins = [
            json!({"name": "audit", "state": "serving", "version": "0.1.0", "digest": "0123456789abcdef0123",
                "queue": 0, "lag": 0, "faults": 0, "fuel_per_second": 120_000, "memory_bytes": 1_310_720,
                "p50_us": 12, "p99_us": 90}),
            json!({"name": "test-runner", "state": "quarantined", "version": "1.2.3", "digest": "fedcba98765432100123",
                "queue": 17, "lag": 204, "faults": 5, "fuel_per_second": 0, "memory_bytes": 0, "p50_us": 8,
                "p99_us": 9}),
            json!({"name": "bad\u{1b}[2J", "state": "rejected"}),
        ];
        let expected = "\
NAME         STATE        VERSION  DIGEST        QUEUE  LAG  FAULTS  FUEL/S  MEMORY   P50 US  P99 US
audit        serving      0.1.0    0123456789ab  0      0    0       120000  1.2 MiB  12      90
test-runner  quarantined  1.2.3    fedcba987654  17     204  5       0       0.0 MiB  8       9
bad [2J      rejected     -        -             -      -    -       -       -        -       -
";
        assert_eq!(overview(&plugins), expected);
    }

    #[test]
    fn an_inspected_plugin_shows_what_it_is_first_and_what_went_wrong_last() {
        let plugin = json!({
            "calls": 3,
            "delivery": {"mode": "durable", "instances": 4, "drain_ms": 5000, "max_age_ms": null},
            "granted": ["emit test.*"],
            "last_fault": {"cause": "trap", "message": "unreachable", "backtrace": "0: f\n1: g\u{1b}[2J"},
            "missing": [],
            "name": "audit",
            "rejected": null,
            "state": "serving",
            "waiting": {"version": "0.2.0", "missing": ["data 5 (needed)"]},
        });
        let expected = "\
name: audit
state: serving
calls: 3
delivery:
  mode: durable
  instances: 4
  drain_ms: 5000
granted:
  emit test.*
last_fault:
  cause: trap
  message: unreachable
  backtrace: 
    0: f
    1: g [2J
waiting:
  version: 0.2.0
  missing: [\"data 5 (needed)\"]
";
        assert_eq!(portrait(&plugin), expected);
    }
}
