//! Commands of `tollgate` itself that only a person gives.
//!
//! Owns the list of them. Knows nothing of how the program is found, or what it does then.

use super::daemon::NAME;
use crate::gate::call::{ShellCommand, Word, base_name};
use std::path::Path;

/// Every command that uses the approver token or changes what is on the record, and what of it a person gives: all
/// of it where no verbs stand. A command that the program learns (`host/cli/src/args.rs`) is added here by hand: this
/// crate does not know the program's own words.
const FOR_PEOPLE: [(&str, &[&str]); 11] = [
    ("approvals", &["answer", "approve", "reject", "watch"]),
    ("deadletter", &["drop", "retry"]),
    ("grants", &["revoke"]),
    ("hooks", &["install", "uninstall"]),
    ("journal", &["import", "prune", "redact", "vacuum"]),
    ("open", &[]),
    ("pause", &[]),
    ("plugin", &["disable", "enable", "grant", "reload", "remove"]),
    ("resume", &[]),
    ("stop", &[]),
    ("token", &["add", "revoke"]),
];

/// Refuses `tollgate` commands that only a person gives. `real` is what the program's path leads to.
pub(super) fn commands_us(command: &ShellCommand, real: Option<&Path>) -> Result<(), String> {
    let linked = real.and_then(Path::file_name).is_some_and(|name| name == NAME);
    if command.name() != NAME && !linked {
        return Ok(());
    }
    let words = without_home(&command.args);
    let first = words.first().map_or("", |word| word.text.as_str());
    // An option may stand anywhere and take the next word, so a verb counts at any position.
    let is_for_people = |(noun, verbs): &(&str, &[&str])| match verbs {
        [] => first == *noun,
        _ => {
            let mut after = words.iter().skip_while(|arg| arg.text != *noun).skip(1);
            after.any(|arg| verbs.contains(&arg.text.as_str()))
        }
    };
    let lists = words.get(1).is_some_and(|word| word.text == "list");
    // It has a plugin do again what it did; with `--dry-run` it only counts.
    let replays = first == "replay" && !is_dry(&command.args);
    // A word that is known only when it runs might be any of them.
    let unknown = words.iter().take(2).any(|arg| !arg.literal);
    if FOR_PEOPLE.iter().any(is_for_people) || replays || first == "token" && !lists || unknown {
        return Err("this is for a person to do, not for an agent".to_owned());
    }
    Ok(())
}

/// Refuses to take our program away by what installs programs.
pub(super) fn uninstalls_us(command: &ShellCommand) -> Result<(), String> {
    const INSTALLERS: [&str; 22] = [
        "cargo", "brew", "port", "apt", "apt-get", "aptitude", "dpkg", "dnf", "yum", "zypper", "rpm", "pacman", "apk",
        "snap", "nix-env", "npm", "pnpm", "yarn", "mise", "scoop", "choco", "winget",
    ];
    const AWAY: [&str; 14] = [
        "uninstall",
        "remove",
        "rm",
        "purge",
        "erase",
        "del",
        "delete",
        "unlink",
        "autoremove",
        "-r",
        "-e",
        "-P",
        "--remove",
        "--purge",
    ];
    let program = command.name();
    if !INSTALLERS.contains(&program) {
        return Ok(());
    }
    let has = |words: &[&str]| command.args.iter().any(|arg| words.contains(&arg.text.as_str()));
    let us = |arg: &Word| {
        let name = base_name(&arg.text);
        name == NAME || name == "tollgate-cli" || name.strip_prefix(NAME).is_some_and(|rest| rest.starts_with('@'))
    };
    // A dependency of a project is no program.
    let away = match program {
        "cargo" => has(&["uninstall"]),
        "npm" | "pnpm" | "yarn" => has(&AWAY) && has(&["-g", "--global", "global"]),
        "pacman" => command.args.iter().any(|arg| arg.text.starts_with("-R")),
        _ => has(&AWAY),
    };
    if away && command.args.iter().any(us) {
        return Err("this would take Tollgate's own program away; a person can, in a shell of their own".to_owned());
    }
    Ok(())
}

/// Whether it is told to change nothing: by the whole word, which no option of ours takes for its value.
fn is_dry(args: &[Word]) -> bool {
    let mut options = args.iter().take_while(|arg| arg.text != "--");
    options.any(|arg| arg.literal && arg.text == "--dry-run")
}

/// The words that are neither options nor the value of `--home`.
fn without_home(args: &[Word]) -> Vec<&Word> {
    let mut words = Vec::new();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if arg.text == "--home" {
            rest.next();
        } else if !arg.text.starts_with('-') {
            words.push(arg);
        }
    }
    words
}
