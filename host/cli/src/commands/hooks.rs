//! `tollgate hooks`: Tollgate's hooks in an agent's settings, put in, taken out and looked at.

use crate::agents::command::{HookCommand, PROGRAM};
use crate::agents::file::SettingsFile;
use crate::agents::known::{AGENTS, Agent};
use crate::agents::settings::{self, Found, Trouble};
use crate::agents::{Scope, settings_path};
use crate::args::{HooksChange, HooksCommand};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::home;
use crate::output::{self, Colour, colours, paint};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use tollgate_core::home::Home;

/// Changes or shows the settings.
///
/// # Errors
/// When a settings file cannot be read or written, or has another shape; nothing is changed then.
pub fn run(home: &Home, command: &HooksCommand) -> Result<Exit, Failure> {
    match command {
        HooksCommand::Install(change) => {
            let agent = change.agent;
            let command = hook_command(home, agent)?;
            let config = Config::load(home).map_err(|error| Failure::Failed(error.to_string()))?;
            let deadline_ms = config.hook(agent.hook).timeout_ms;
            edit(agent, change, INSTALLED, |settings, _| settings::install(agent, settings, &command, deadline_ms))
        }
        HooksCommand::Uninstall(change) => {
            let agent = change.agent;
            edit(agent, change, "uninstalled", |settings, file| {
                settings::uninstall(agent, settings, file.before().as_ref())
            })
        }
        HooksCommand::Status { agent: None, json } => status(AGENTS.iter(), *json),
        HooksCommand::Status { agent: Some(agent), json } => status(std::iter::once(*agent), *json),
    }
}

/// What is said to be done.
const INSTALLED: &str = "installed";

/// The settings file of an agent and a scope, seen from this folder.
///
/// # Errors
/// When there is no folder to start from, or no home of the user.
pub fn settings_file(agent: &Agent, scope: Scope) -> Result<PathBuf, Failure> {
    let cwd = std::env::current_dir().map_err(|error| Failure::at("the working folder", error))?;
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let configured = agent.variable.and_then(variable);
    settings_path(agent, scope, &cwd, variable("HOME").as_deref(), configured.as_deref())
        .ok_or_else(|| Failure::Failed("no HOME, so no user's settings; set HOME, or use --project".to_owned()))
}

/// This binary as a hook: with its home where that is not the one that it would find by itself.
fn hook_command(home: &Home, agent: &Agent) -> Result<HookCommand, Failure> {
    let program = std::env::current_exe().map_err(|error| Failure::at("finding this binary", error))?;
    // By this name it is found again in settings: to be looked at, tried, and taken out.
    if program.file_name().is_none_or(|name| name != PROGRAM) {
        let reason =
            format!("hooks are known by their program's name, `{PROGRAM}`: copy or rename it, and install with that");
        return Err(Failure::at(program.display(), reason));
    }
    let text = |path: &Path| match path.to_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(Failure::at(path.display(), "the path is not UTF-8, which settings cannot hold")),
    };
    let other_home = home::default().is_none_or(|default| default.root() != home.root());
    let other_home = other_home.then(|| text(home.root())).transpose()?;
    HookCommand::new(agent, &text(&program)?, other_home.as_deref())
        .ok_or_else(|| Failure::at(home.root().display(), "the path holds NUL, which no line for a shell can"))
}

fn edit(
    agent: &Agent,
    change: &HooksChange,
    done: &str,
    edit: impl FnOnce(&mut Map<String, Value>, &SettingsFile) -> Result<(), String>,
) -> Result<Exit, Failure> {
    let file = SettingsFile::read(&settings_file(agent, change.scope())?)?;
    let ours = settings::find(agent, &file.settings).command.is_some();
    let file = if ours { file } else { file.untouched() };
    let name = file.path().display().to_string();
    let mut settings = file.settings.clone();
    edit(&mut settings, &file).map_err(|reason| Failure::at(&name, reason))?;
    let Some(difference) = file.difference(&settings)? else {
        output::line(format_args!("{name}: nothing to change"))?;
        return Ok(Exit::Done);
    };
    output::write(&difference)?;
    if change.dry_run {
        output::line("nothing was changed (--dry-run)")?;
        return Ok(Exit::Done);
    }
    file.write(&settings)?;
    let works = if done == INSTALLED { "; `tollgate doctor` says whether it works" } else { "" };
    output::line(format_args!("{name}: {done}{works}"))?;
    if file.backup().exists() {
        output::line(format_args!("what was there before: {}", file.backup().display()))?;
    }
    if let Some(note) = agent.note.filter(|_| !settings::find(agent, &settings).events.is_empty()) {
        output::line(note)?;
    }
    Ok(Exit::Done)
}

fn status(agents: impl Iterator<Item = &'static Agent>, as_json: bool) -> Result<Exit, Failure> {
    let on = colours();
    let (mut all, mut unread) = (Vec::new(), false);
    for agent in agents {
        for scope in [Scope::Project, Scope::User] {
            let path = settings_file(agent, scope)?;
            let file = match SettingsFile::read(&path) {
                Ok(file) => file,
                Err(error) => {
                    // Nobody knows whether there are hooks in it; the others are told of all the same.
                    unread = true;
                    if !as_json {
                        let (agent, scope) = (agent.name(), scope.as_str());
                        output::line(format_args!("{agent}, {scope}: {}", paint(on, Colour::Bad, &error)))?;
                    }
                    all.push(json!({
                        "agent": agent.name(),
                        "scope": scope.as_str(),
                        "file": path.to_string_lossy(),
                        "installed": false,
                        "error": error.to_string(),
                    }));
                    continue;
                }
            };
            let found = settings::find(agent, &file.settings);
            let trouble = found.trouble(agent);
            let (colour, word) = state(&found, trouble.as_ref());
            let note = agent.note.filter(|_| !found.events.is_empty());
            if !as_json {
                let (agent, scope, name) = (agent.name(), scope.as_str(), file.path().display());
                output::line(format_args!("{agent}, {scope}: {} ({name})", paint(on, colour, &word)))?;
                if let Some(note) = note {
                    output::line(format_args!("  {note}"))?;
                }
            }
            all.push(json!({
                "agent": agent.name(),
                "scope": scope.as_str(),
                "file": file.path().to_string_lossy(),
                "installed": found.command.is_some() && trouble.is_none(),
                "events": found.events,
                "missing": found.missing(agent),
                "program": found.command.map(|command| command.program),
                "switched_off": found.switched_off.is_some(),
                "note": note,
            }));
        }
    }
    if as_json {
        output::line(json!({ "hooks": all }))?;
    }
    Ok(if unread { Exit::Failed } else { Exit::Done })
}

/// How the hooks found in one file are, in a few words.
fn state(found: &Found, trouble: Option<&Trouble>) -> (Colour, String) {
    match trouble {
        None if found.command.is_none() => (Colour::Faint, "not installed".to_owned()),
        None => (Colour::Good, "installed".to_owned()),
        Some(Trouble::SwitchedOff(switch)) => (Colour::Bad, format!("switched off by {}", switch_name(switch))),
        Some(Trouble::Gone(_)) => (Colour::Bad, "installed, and its program is gone".to_owned()),
        Some(Trouble::Missing(events)) => (Colour::Warn, format!("in part: without {}", events.join(", "))),
        Some(Trouble::Open(events)) => {
            (Colour::Bad, format!("installed, and open where it fails: {}", events.join(", ")))
        }
        Some(Trouble::Differ(events)) => {
            (Colour::Bad, format!("installed, and {} run another command", events.join(", ")))
        }
    }
}

/// `/tools/enableHooks` → `tools.enableHooks`.
pub fn switch_name(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}
