//! Whether the agents' hooks are live: a call through each installed hook, as its agent would make it.
//!
//! Knows how each agent asks and what its exact denial is; what is installed where is the settings' to say.

use super::{Finding, Health, finding};
use crate::agents::Scope;
use crate::agents::command::HookCommand;
use crate::agents::file::SettingsFile;
use crate::agents::known::{AGENTS, Agent, Shape};
use crate::agents::settings::{self, Found, Trouble};
use crate::client::Client;
use crate::commands::hooks::{settings_file, switch_name};
use crate::config::Config;
use serde_json::{Value, json};
use std::io::{Read, Write as _};
use std::process::Stdio;
use tollgate_core::home::Home;
use tollgate_core::hooks::EXIT_BLOCK;

/// How many of the newest denials are searched for the canary's.
const NEWEST: usize = 50;
/// The most of a hook's words that is read, in bytes: an answer to a canary is a sentence or two.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

/// The hooks of each agent and scope; where they are installed, a call through them as the agent would make it.
pub(super) fn look(home: &Home, client: &Client, daemon: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let config = Config::load(home).unwrap_or_default();
    for agent in &AGENTS {
        for scope in [Scope::Project, Scope::User] {
            let what = format!("{} hooks, {}", agent.name(), scope.as_str());
            let file = match settings_file(agent, scope).and_then(|path| SettingsFile::read(&path)) {
                Ok(file) => file,
                Err(error) => {
                    // Nobody knows whether there are hooks in it.
                    findings.push(finding(what, Health::Bad, error.to_string()));
                    continue;
                }
            };
            let found = settings::find(agent, &file.settings);
            let Some(command) = &found.command else { continue };
            let mut trouble = trouble(agent, &found, &file, config.hook(agent.hook).timeout_ms);
            if trouble.as_ref().is_none_or(|(health, _)| *health != Health::Bad)
                && let Some(words) = not_run(agent, scope, command)
            {
                trouble = Some((Health::Bad, words));
            }
            findings.push(match trouble {
                Some((Health::Bad, words)) => finding(what, Health::Bad, words),
                _ if !daemon => {
                    finding(what, Health::Bad, "installed, and every call is denied while no daemon answers")
                }
                // What is odd counts only where the hook is live.
                odd => match (canary(home, client, agent, command, &what), odd) {
                    (live, Some((health, words))) if live.health == Health::Good => finding(what, health, words),
                    (live, _) => live,
                },
            });
        }
    }
    if findings.is_empty() {
        let words =
            "no agent has hooks in this project's settings or the user's; `tollgate hooks install AGENT` adds them";
        findings.push(finding("hooks", Health::Odd, words));
    }
    findings
}

/// Why the hook is not tried: it is a program of somebody else's, in a file that may be.
fn not_run(agent: &Agent, scope: Scope, command: &HookCommand) -> Option<String> {
    let name = agent.name();
    if !command.is_plain() {
        return Some(format!(
            "it runs more than `hooks install` writes, so it was not tried; `tollgate hooks install {name}` puts it right"
        ));
    }
    (scope == Scope::Project && !command.is_this_program()).then(|| {
        format!(
            "`{}` is not this program, and a project's settings may be anybody's, so it was not tried; \
             `tollgate hooks install {name}` names this one",
            command.program
        )
    })
}

/// What the settings alone show to be wrong.
fn trouble(agent: &Agent, found: &Found, file: &SettingsFile, deadline_ms: u64) -> Option<(Health, String)> {
    let mend = format!("`tollgate hooks install {}`", agent.name());
    match found.trouble(agent) {
        Some(Trouble::SwitchedOff(switch)) => {
            let words = format!("`{}` in {} keeps them silent", switch_name(switch), file.path().display());
            return Some((Health::Bad, words));
        }
        Some(Trouble::Gone(program)) => {
            return Some((Health::Bad, format!("`{program}` is gone; {mend} names this one")));
        }
        Some(Trouble::Open(events)) => {
            let words = format!("{} let the tool run where they fail; {mend} mends it", events.join(", "));
            return Some((Health::Bad, words));
        }
        Some(Trouble::Differ(events)) => {
            let words = format!("{} run another command than the rest; {mend} makes them one", events.join(", "));
            return Some((Health::Bad, words));
        }
        Some(Trouble::Missing(events)) if found.lets_past(agent) => {
            return Some((Health::Bad, format!("without {}; {mend} adds them", events.join(", "))));
        }
        Some(Trouble::Missing(_)) | None => {}
    }
    if let Some(patience_ms) = found.patience_ms.filter(|patience_ms| *patience_ms <= deadline_ms) {
        // Where nothing makes it block, the tool runs when the agent gives up.
        let health = if agent.shape == Shape::Line { Health::Bad } else { Health::Odd };
        let words = format!(
            "the agent waits {patience_ms} ms for a hook that answers within {deadline_ms} ms; {mend} mends it"
        );
        return Some((health, words));
    }
    let missing = found.missing(agent);
    (!missing.is_empty()).then(|| (Health::Odd, format!("without {}; {mend} adds them", missing.join(", "))))
}

/// A call that only protection denies, as `agent` tells its hook of it.
fn input(agent: &Agent, home: &Home, call_id: &str) -> Value {
    let event = agent.gate().map_or("", |event| event.name);
    let mut input = json!({
        "hook_event_name": event,
        "cwd": "/",
        "tool_name": "Write",
        "tool_input": {"file_path": home.config(), "content": ""},
        "tool_use_id": call_id,
    });
    let session = if agent.shape == Shape::Flat { "conversation_id" } else { "session_id" };
    if let Some(fields) = input.as_object_mut() {
        fields.insert(session.to_owned(), json!("tollgate-doctor"));
    }
    input
}

/// The canary's call through the installed command: it must be denied in the agent's own way, on this daemon's record.
fn canary(home: &Home, client: &Client, agent: &Agent, command: &HookCommand, what: &str) -> Finding {
    let call_id = format!("doctor-{}-{}", std::process::id(), now_nanos());
    let answer = match through(command, &input(agent, home, &call_id).to_string()) {
        Ok(answer) => answer,
        Err(error) => return finding(what, Health::Bad, format!("`{}` does not start: {error}", command.program)),
    };
    if answer.exit != Some(i32::from(EXIT_BLOCK)) {
        let words =
            format!("a call that changes Tollgate's own files passed (exit {:?}); is protection paused?", answer.exit);
        return finding(what, Health::Bad, words);
    }
    let recorded = client.get(&format!("/api/events?type=tool.denied&newest=true&limit={NEWEST}"));
    match recorded {
        Ok(events) if !events.contains(&call_id) => finding(
            what,
            Health::Bad,
            "the hook blocked, and this daemon did not see the call: does it ask another home's daemon?",
        ),
        Ok(_) => match answer.mistake(agent) {
            None => {
                let note = agent.note.map(|note| format!("; {note}")).unwrap_or_default();
                finding(what, Health::Good, format!("live: a canary call was denied and is on record{note}"))
            }
            Some(words) => finding(what, Health::Bad, format!("the denial {words}: is the hook another version?")),
        },
        Err(error) => finding(what, Health::Bad, error.to_string()),
    }
}

/// What a hook did.
#[derive(Debug)]
struct Answer {
    exit: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Answer {
    /// What of a denial is not as `agent` has to have it; none where all of it is.
    fn mistake(&self, agent: &Agent) -> Option<String> {
        let words = self.stderr.trim();
        if words.is_empty() {
            return Some("says no reason on standard error, and some agents run the tool then".to_owned());
        }
        let expected = match agent.shape {
            Shape::Flat => json!({"permission": "deny", "user_message": words, "agent_message": words}).to_string(),
            Shape::Words | Shape::Line => String::new(),
        };
        (self.stdout != expected).then(|| format!("has `{}` on standard output, not `{expected}`", self.stdout))
    }
}

/// Runs the installed command with `input`; it has a deadline of its own.
fn through(command: &HookCommand, input: &str) -> std::io::Result<Answer> {
    let mut process = command.process();
    let mut child = process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A hook that refuses early closes its input; its exit says the rest.
        let _ = stdin.write_all(input.as_bytes());
    }
    // A few sentences each: neither fills its pipe while the other is read.
    let stdout = child.stdout.take().map(start_of).transpose()?.unwrap_or_default();
    let stderr = child.stderr.take().map(start_of).transpose()?.unwrap_or_default();
    Ok(Answer { exit: child.wait()?.code(), stdout, stderr })
}

/// What comes out of a pipe, up to [`MAX_ANSWER_BYTES`].
fn start_of(pipe: impl Read) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    pipe.take(MAX_ANSWER_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn now_nanos() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use tollgate_core::hooks::HookContext;

    #[test]
    fn the_canary_is_a_call_in_every_agent_s_own_shape() {
        let home = Home::at("/h");
        for agent in &AGENTS {
            let bytes = input(agent, &home, "c1").to_string();
            let input = agent.hook.read(bytes.as_bytes(), HookContext { user: "u", wait_ms: None }).unwrap();
            let call = input.call.unwrap();
            assert_eq!((call.tool_name.as_str(), call.call_id.as_deref()), ("Write", Some("c1")), "{}", agent.name());
            assert_eq!(call.session_id.as_deref(), Some("tollgate-doctor"), "{}", agent.name());
        }
    }

    #[test]
    fn a_hook_that_talks_without_end_is_not_listened_to() {
        let heard = start_of(std::io::repeat(b'x').take(MAX_ANSWER_BYTES * 2)).unwrap();
        assert_eq!(heard.len() as u64, MAX_ANSWER_BYTES);
    }

    #[test]
    fn a_denial_that_an_agent_would_pass_over_is_told() {
        let answer =
            |stdout: &str, stderr: &str| Answer { exit: Some(2), stdout: stdout.into(), stderr: stderr.into() };
        let said = r#"{"permission":"deny","user_message":"no","agent_message":"no"}"#;
        for agent in &AGENTS {
            let (right, wrong) = if agent.shape == Shape::Flat { (said, "") } else { ("", "{}") };
            assert_eq!(answer(right, "no\n").mistake(agent), None, "{}", agent.name());
            assert!(answer(right, "\n").mistake(agent).unwrap().contains("no reason"), "{}", agent.name());
            assert!(answer(wrong, "no\n").mistake(agent).unwrap().contains("standard output"), "{}", agent.name());
        }
    }
}
