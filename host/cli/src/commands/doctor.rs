//! `tollgate doctor`: whether everything between an agent and the gate works, tried for real.

mod agents;

use super::{cell, parse};
use crate::client::Client;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::output::{self, Colour, colours, paint, tame};
use crate::policies;
use serde_json::{Value, json};
use tollgate_core::home::Home;

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
    findings.extend(agents::look(home, &client, answers));
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
            let text = |key: &str| cell(health.get(key));
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
