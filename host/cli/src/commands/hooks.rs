//! `tollgate hooks`: Tollgate's hooks in an agent's settings, put in, taken out and looked at.

use crate::agents::file::SettingsFile;
use crate::agents::settings::{self, HookCommand};
use crate::agents::{Scope, claude_settings};
use crate::args::{HooksChange, HooksCommand};
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
            let command = hook_command(home)?;
            edit(change, "installed", |settings, _| settings::install(settings, &command))
        }
        HooksCommand::Uninstall(change) => {
            edit(change, "uninstalled", |settings, file| settings::uninstall(settings, file.before().as_ref()))
        }
        HooksCommand::Status { agent: _, json } => status(*json),
    }
}

/// The settings file of a scope, seen from this folder.
///
/// # Errors
/// When there is no folder to start from, or no home of the user.
pub fn settings_file(scope: Scope) -> Result<PathBuf, Failure> {
    let cwd = std::env::current_dir().map_err(|error| Failure::at("the working folder", error))?;
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    claude_settings(scope, &cwd, variable("HOME").as_deref(), variable("CLAUDE_CONFIG_DIR").as_deref())
        .ok_or_else(|| Failure::Failed("no HOME, so no user's settings; set HOME, or use --project".to_owned()))
}

/// This binary as a hook: with its home where that is not the one that it would find by itself.
fn hook_command(home: &Home) -> Result<HookCommand, Failure> {
    let program = std::env::current_exe().map_err(|error| Failure::at("finding this binary", error))?;
    let text = |path: &Path| match path.to_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(Failure::at(path.display(), "the path is not UTF-8, which settings cannot hold")),
    };
    let other_home = home::default().is_none_or(|default| default.root() != home.root());
    let home = other_home.then(|| text(home.root())).transpose()?;
    Ok(HookCommand::new(&text(&program)?, home.as_deref()))
}

fn edit(
    change: &HooksChange,
    done: &str,
    edit: impl FnOnce(&mut Map<String, Value>, &SettingsFile) -> Result<(), String>,
) -> Result<Exit, Failure> {
    let file = SettingsFile::read(&settings_file(change.scope())?)?;
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
    output::line(format_args!("{name}: {done}; `tollgate doctor` says whether it works"))?;
    if file.backup().exists() {
        output::line(format_args!("what was there before: {}", file.backup().display()))?;
    }
    Ok(Exit::Done)
}

fn status(as_json: bool) -> Result<Exit, Failure> {
    let on = colours();
    let mut all = Vec::new();
    for scope in [Scope::Project, Scope::User] {
        let file = SettingsFile::read(&settings_file(scope)?)?;
        let found = settings::find(&file.settings);
        let program = found.command.as_ref().map(|command| PathBuf::from(&command.program));
        let there = program.as_ref().is_none_or(|program| program.exists());
        let (colour, word) = match (found.events.is_empty(), found.switched_off, there, found.missing().is_empty()) {
            (true, ..) => (Colour::Faint, "not installed".to_owned()),
            (_, true, ..) => (Colour::Bad, "switched off by disableAllHooks".to_owned()),
            (_, _, false, _) => (Colour::Bad, "installed, and its program is gone".to_owned()),
            (.., false) => (Colour::Warn, format!("in part: without {}", found.missing().join(", "))),
            (.., true) => (Colour::Good, "installed".to_owned()),
        };
        if !as_json {
            let name = file.path().display();
            output::line(format_args!("claude-code, {}: {} ({name})", scope.as_str(), paint(on, colour, &word)))?;
        }
        all.push(json!({
            "agent": "claude-code",
            "scope": scope.as_str(),
            "file": file.path().to_string_lossy(),
            "installed": !found.events.is_empty() && found.missing().is_empty() && there && !found.switched_off,
            "events": found.events,
            "missing": found.missing(),
            "program": program.map(|program| program.to_string_lossy().into_owned()),
            "switched_off": found.switched_off,
        }));
    }
    if as_json {
        output::line(json!({ "hooks": all }))?;
    }
    Ok(Exit::Done)
}
