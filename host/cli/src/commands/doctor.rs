//! `tollgate doctor`: whether everything between an agent and the gate works, tried for real.

use super::hooks::settings_file;
use super::parse;
use crate::agents::Scope;
use crate::agents::file::SettingsFile;
use crate::agents::settings::{self, HookCommand};
use crate::client::Client;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::output::{self, Colour, colours, paint, tame};
use crate::policies;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Stdio};
use tollgate_core::home::Home;
use tollgate_core::hooks::EXIT_BLOCK;

/// How many of the newest denials are searched for the canary's.
const NEWEST: usize = 50;

/// How one thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Good,
    /// Works, and may not be what is wanted.
    Odd,
    Bad,
}

impl Health {
    fn as_str(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Odd => "warn",
            Self::Bad => "fail",
        }
    }
}

struct Finding {
    what: String,
    health: Health,
    words: String,
}

/// Looks at everything; fails where something does not work.
///
/// # Errors
/// When the findings cannot be shown.
pub fn run(home: &Home, as_json: bool) -> Result<Exit, Failure> {
    let mut findings = vec![configuration(home), policy(home)];
    let client = Client::of(home);
    let daemon = daemon(&client);
    let answers = daemon.health == Health::Good;
    findings.push(daemon);
    if answers {
        findings.extend(plugins(&client));
    }
    findings.extend(agents(home, &client, answers));
    let bad = findings.iter().any(|finding| finding.health == Health::Bad);
    if as_json {
        let all: Vec<Value> = findings
            .iter()
            .map(|one| json!({"check": one.what, "result": one.health.as_str(), "detail": one.words}))
            .collect();
        output::line(json!({"ok": !bad, "checks": all}))?;
    } else {
        let on = colours();
        for Finding { what, health, words } in &findings {
            let (colour, mark) = match health {
                Health::Good => (Colour::Good, "ok  "),
                Health::Odd => (Colour::Warn, "warn"),
                Health::Bad => (Colour::Bad, "fail"),
            };
            output::line(format_args!("{} {what}: {}", paint(on, colour, mark), tame(words, 500)))?;
        }
    }
    Ok(if bad { Exit::Failed } else { Exit::Done })
}

fn finding(what: impl Into<String>, health: Health, words: impl Into<String>) -> Finding {
    Finding { what: what.into(), health, words: words.into() }
}

fn configuration(home: &Home) -> Finding {
    match Config::load(home) {
        Ok(_) => finding("configuration", Health::Good, home.config().display().to_string()),
        Err(error) => finding("configuration", Health::Bad, error.to_string()),
    }
}

fn policy(home: &Home) -> Finding {
    let config = Config::load(home).unwrap_or_default();
    match policies::load(home, &config) {
        Ok(policy) if policy.is_empty() => {
            finding("policy", Health::Odd, "no rule at all; `[gate] presets` names none and policies/ holds none")
        }
        Ok(policy) => finding("policy", Health::Good, format!("{} rules", policy.len())),
        Err(error) => finding("policy", Health::Bad, error.to_string()),
    }
}

fn daemon(client: &Client) -> Finding {
    let answer = client.get("/healthz").map_err(Failure::from).and_then(|text| parse(&text));
    match answer {
        Ok(health) => {
            let text = |key: &str| health.get(key).map(ToString::to_string).unwrap_or_default();
            let words =
                format!("version {}, durability {}, head {}", text("version"), text("durability"), text("head"));
            finding("daemon", Health::Good, words)
        }
        Err(error) => finding("daemon", Health::Bad, error.to_string()),
    }
}

fn plugins(client: &Client) -> Vec<Finding> {
    let answer = client.get("/api/plugins").map_err(Failure::from).and_then(|text| parse(&text));
    let listed = match answer {
        Ok(listed) => listed,
        Err(error) => return vec![finding("plugins", Health::Bad, error.to_string())],
    };
    let plugins = listed.get("plugins").and_then(Value::as_array).cloned().unwrap_or_default();
    let of = |plugin: &Value, key: &str| plugin.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut findings: Vec<Finding> = plugins
        .iter()
        .filter_map(|plugin| {
            let (name, state) = (of(plugin, "name"), of(plugin, "state"));
            let rejected = plugin.get("rejected").filter(|rejected| !rejected.is_null());
            let (health, words) = match (state.as_str(), rejected) {
                (_, Some(rejected)) => (Health::Bad, format!("its newest file is refused: {}", of(rejected, "cause"))),
                ("serving" | "disabled", None) => return None,
                ("needs_grant", None) => {
                    (Health::Odd, format!("waits for a grant: `tollgate plugin grant {name}` shows it"))
                }
                (other, None) => (Health::Bad, format!("is {other}: `tollgate plugin logs {name}` says why")),
            };
            Some(finding(format!("plugin {name}"), health, words))
        })
        .collect();
    if findings.is_empty() {
        findings.push(finding("plugins", Health::Good, format!("{} and none in trouble", plugins.len())));
    }
    findings
}

/// The hooks of each scope; where they are installed, a call through them as the agent would make it.
fn agents(home: &Home, client: &Client, daemon: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    // Installed, or not known to be missing.
    let mut installed = false;
    for scope in [Scope::Project, Scope::User] {
        let what = format!("claude-code hooks, {}", scope.as_str());
        let file = match settings_file(scope).and_then(|path| SettingsFile::read(&path)) {
            Ok(file) => file,
            Err(error) => {
                installed = true;
                findings.push(finding(what, Health::Bad, error.to_string()));
                continue;
            }
        };
        let found = settings::find(&file.settings);
        let Some(command) = &found.command else { continue };
        installed = true;
        let missing = found.missing();
        findings.push(if found.switched_off {
            finding(what, Health::Bad, format!("`disableAllHooks` in {} keeps them silent", file.path().display()))
        } else if !missing.is_empty() {
            let words = format!("without {}; `tollgate hooks install claude-code` adds them", missing.join(", "));
            finding(what, if missing.contains(&"PreToolUse") { Health::Bad } else { Health::Odd }, words)
        } else if daemon {
            canary(home, client, command, &what)
        } else {
            finding(what, Health::Bad, "installed, and every call is denied while no daemon answers")
        });
    }
    if !installed {
        let words = "no hooks in this project's settings or the user's; `tollgate hooks install claude-code` adds them";
        findings.push(finding("claude-code hooks", Health::Odd, words));
    }
    findings
}

/// A call that only protection denies, through the installed command: it must block, with this daemon's record.
fn canary(home: &Home, client: &Client, command: &HookCommand, what: &str) -> Finding {
    let call_id = format!("doctor-{}-{}", std::process::id(), now_nanos());
    let input = json!({
        "session_id": "tollgate-doctor",
        "hook_event_name": "PreToolUse",
        "cwd": "/",
        "tool_name": "Write",
        "tool_input": {"file_path": home.config(), "content": ""},
        "tool_use_id": call_id,
    });
    let exit = match through(command, &input.to_string()) {
        Ok(exit) => exit,
        Err(error) => return finding(what, Health::Bad, format!("`{}` does not start: {error}", command.program)),
    };
    if exit != Some(i32::from(EXIT_BLOCK)) {
        let words = format!("a call that changes Tollgate's own files passed (exit {exit:?}); is protection paused?");
        return finding(what, Health::Bad, words);
    }
    let recorded = client.get(&format!("/api/events?type=tool.denied&newest=true&limit={NEWEST}"));
    match recorded {
        Ok(events) if events.contains(&call_id) => {
            finding(what, Health::Good, "live: a canary call was denied and is on record")
        }
        Ok(_) => finding(
            what,
            Health::Bad,
            "the hook blocked, and this daemon did not see the call: does it ask another home's daemon?",
        ),
        Err(error) => finding(what, Health::Bad, error.to_string()),
    }
}

/// Runs the installed command with `input`; it has a deadline of its own.
fn through(command: &HookCommand, input: &str) -> std::io::Result<Option<i32>> {
    let mut child = Command::new(&command.program)
        .args(&command.args)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A hook that refuses early closes its input; its exit says the rest.
        let _ = stdin.write_all(input.as_bytes());
    }
    Ok(child.wait()?.code())
}

fn now_nanos() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos()
}
