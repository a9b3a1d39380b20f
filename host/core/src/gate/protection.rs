//! The protection stage: no call changes Tollgate itself, its hooks in agents' settings, or stops the daemon.
//!
//! Comes before everything that can be configured. Knows the home's layout and the agents' settings files.

use super::call::{NormalisedCall, ShellCommand};
use super::paths::{self, Paths, resolve};
use super::policy::folders;
use super::targets::{self, Access};
use crate::home::Home;
use std::path::{Path, PathBuf};

/// Settings files of agents that hold our hooks: folder, beginning and end of the file's name.
const SETTINGS: [(&str, &str, &str); 5] = [
    (".claude", "settings", ".json"),
    (".codex", "hooks", ".json"),
    (".codex", "config", ".toml"),
    (".gemini", "settings", ".json"),
    (".cursor", "hooks", ".json"),
];

/// Programs whose arguments are only spoken of.
const SPEAKERS: [&str; 4] = ["echo", "printf", "true", ":"];

/// Checks `call`; `home` is none where no host runs.
///
/// # Errors
/// Why it is refused, in a sentence for people and agents.
pub fn check(call: &NormalisedCall, home: Option<&Home>, paths: &dyn Paths) -> Result<(), String> {
    let protected = Protected { home: home.map(|home| Roots::of(home, paths)), paths, call };
    if let Some(access) = targets::file_access(&call.tool) {
        for path in targets::tool_paths(&call.tool, &call.input).into_iter().flatten() {
            protected.path(&call.cwd, &path, access)?;
        }
    }
    let cwd = call.cwd.to_string_lossy();
    let (folders, known) = folders(&call.commands, &cwd);
    for (command, known) in call.commands.iter().zip(known) {
        stops_the_daemon(command, &call.commands)?;
        changes_by_command_line(command)?;
        if !targets::runs_elsewhere(command) {
            protected.command(command, folders.get(..known).unwrap_or_default())?;
        }
    }
    Ok(())
}

/// The home's real paths.
struct Roots {
    home: PathBuf,
    secrets: [PathBuf; 3],
}

impl Roots {
    fn of(home: &Home, paths: &dyn Paths) -> Self {
        let real = paths.real(home.root()).unwrap_or_else(|| home.root().to_owned());
        let real_home = Home::at(real.clone());
        Self { home: real, secrets: [real_home.token(), real_home.approver_token(), real_home.socket()] }
    }
}

struct Protected<'a> {
    home: Option<Roots>,
    paths: &'a dyn Paths,
    call: &'a NormalisedCall,
}

impl Protected<'_> {
    fn path(&self, cwd: &Path, path: &str, access: Access) -> Result<(), String> {
        let Ok(real) = resolve(self.paths, cwd, path) else { return Ok(()) };
        if let Some(home) = &self.home {
            // A write to a folder above the home (`rm -rf ~`) takes the home with it.
            if access == Access::Write && home.home.starts_with(&real) && home.home != real {
                return Err(format!("this would change `{path}`, which holds Tollgate's own files too"));
            }
            if access == Access::Write && real.starts_with(&home.home) {
                return Err("this would change Tollgate's own files; a person can, in a shell of their own".to_owned());
            }
            if home.secrets.contains(&real) {
                return Err("this would use Tollgate's own tokens or socket".to_owned());
            }
        }
        if access == Access::Write && is_settings(&real) {
            return Err(format!(
                "{} holds the hooks that ask Tollgate; a person changes it, or `tollgate hooks`",
                real.file_name().unwrap_or_default().to_string_lossy()
            ));
        }
        Ok(())
    }

    fn command(&self, command: &ShellCommand, folders: &[String]) -> Result<(), String> {
        let inside = targets::written_inside(command);
        for word in targets::written(command).into_iter().chain(&inside) {
            let Some(path) = targets::known_path(word) else { continue };
            self.below_each(&path, folders, Access::Write)?;
        }
        let program = base_name(command);
        if SPEAKERS.contains(&program) {
            return Ok(());
        }
        for arg in &command.args {
            if let Some(path) = targets::known_path(arg).filter(|path| path.len() <= 4_096) {
                self.below_each(&path, folders, Access::Read)?;
                if let Some((_, value)) = path.split_once('=') {
                    self.below_each(value, folders, Access::Read)?;
                }
            }
            // Code of another language is not parsed: naming one of our files in it is enough.
            if is_interpreter(program) && self.names_ours(&arg.text) {
                return Err("this code names Tollgate's own files or hook settings".to_owned());
            }
        }
        Ok(())
    }

    fn below_each(&self, path: &str, folders: &[String], access: Access) -> Result<(), String> {
        if path.starts_with(['/', '~']) {
            return self.path(&self.call.cwd, path, access);
        }
        for folder in folders {
            self.path(&paths::folder(self.paths, folder), path, access)?;
        }
        Ok(())
    }

    fn names_ours(&self, code: &str) -> bool {
        let settings = SETTINGS.iter().any(|(folder, stem, _)| code.contains(&format!("{folder}/{stem}")));
        settings || self.home.as_ref().is_some_and(|home| home.home.to_str().is_some_and(|home| code.contains(home)))
    }
}

fn is_settings(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
    let file = SETTINGS
        .iter()
        .any(|(in_folder, stem, end)| folder == *in_folder && name.starts_with(stem) && name.ends_with(end));
    // Deleting or moving the folder takes the file with it.
    file || SETTINGS.iter().any(|(in_folder, _, _)| name == *in_folder)
}

fn base_name(command: &ShellCommand) -> &str {
    command.program.text.rsplit('/').next().unwrap_or_default()
}

fn is_interpreter(program: &str) -> bool {
    ["python", "perl", "ruby", "node", "php", "lua", "deno", "bun"].iter().any(|name| program.starts_with(name))
}

fn stops_the_daemon(command: &ShellCommand, all: &[ShellCommand]) -> Result<(), String> {
    let program = base_name(command);
    let names_us = |command: &ShellCommand| command.args.iter().any(|arg| arg.text.contains("tollgate"));
    let own_pid = std::process::id().to_string();
    let stops = match program {
        "pkill" | "killall" | "skill" => names_us(command),
        "kill" => {
            let finds_us = |other: &ShellCommand| {
                matches!(base_name(other), "pgrep" | "pidof" | "ps" | "lsof" | "fuser" | "cat") && names_us(other)
            };
            command.args.iter().any(|arg| arg.text.trim_start_matches('-') == own_pid || arg.text == "-1")
                || all.iter().any(finds_us)
        }
        "systemctl" | "service" | "launchctl" | "rc-service" => {
            let verbs = ["stop", "restart", "kill", "disable", "mask", "unload", "bootout", "remove"];
            names_us(command) && command.args.iter().any(|arg| verbs.contains(&arg.text.as_str()))
        }
        _ => false,
    };
    if stops { Err("this would stop Tollgate".to_owned()) } else { Ok(()) }
}

/// `tollgate` commands that only a person gives.
fn changes_by_command_line(command: &ShellCommand) -> Result<(), String> {
    if base_name(command) != "tollgate" {
        return Ok(());
    }
    let words: Vec<&str> =
        command.args.iter().map(|arg| arg.text.as_str()).filter(|text| !text.starts_with('-')).collect();
    let changes = match words.as_slice() {
        ["pause" | "resume" | "open" | "token" | "stop", ..] => true,
        ["plugin", verb, ..] => matches!(*verb, "disable" | "enable" | "grant" | "reload" | "remove"),
        ["approvals", verb, ..] => matches!(*verb, "approve" | "reject" | "watch"),
        ["grants", verb, ..] => *verb == "revoke",
        ["hooks", verb, ..] => matches!(*verb, "install" | "uninstall"),
        _ => false,
    };
    // A word that is known only when it runs might be any of them.
    let unknown = command.args.iter().take(2).any(|arg| !arg.literal);
    if changes || unknown { Err("this is for a person to do, not for an agent".to_owned()) } else { Ok(()) }
}
