//! Commands that stop the daemon, or give its program another name: however they come by its name.

use super::wildcards::{Reach, Wild};
use crate::gate::call::{ShellCommand, Word, base_name};
use crate::gate::options::{is_cluster_with, positional};
use crate::gate::searchers;
use crate::gate::targets::{redirected, written};
use regex::RegexBuilder;
use std::cell::OnceCell;

/// What the daemon's process and program are called, and how its command line begins.
pub(super) const NAME: &str = "tollgate";
const COMMAND_LINE: &str = "/usr/bin/tollgate run";

/// Programs that tell processes by their name, and those that filter such a list by a script.
const FINDERS: [&str; 5] = ["pidof", "ps", "lsof", "fuser", "cat"];
const SCRIPTED: [&str; 6] = ["awk", "gawk", "mawk", "nawk", "sed", "gsed"];

/// Options of `pkill` and `pgrep` that take a word.
const PKILL_VALUED: [&str; 28] = [
    "-d",
    "-F",
    "-g",
    "-G",
    "-P",
    "-s",
    "-t",
    "-u",
    "-U",
    "-r",
    "-q",
    "-O",
    "--older",
    "--delimiter",
    "--pidfile",
    "--pgroup",
    "--group",
    "--parent",
    "--session",
    "--terminal",
    "--euid",
    "--uid",
    "--runstates",
    "--signal",
    "--queue",
    "--ns",
    "--nslist",
    "--cgroup",
];

/// Options that choose processes by something else than their name: whose they are, how old, in which state.
const WHOSE: [&str; 19] = [
    "-u",
    "-U",
    "-g",
    "-G",
    "-O",
    "-r",
    "-s",
    "-t",
    "--cgroup",
    "--euid",
    "--group",
    "--ns",
    "--older",
    "--pgroup",
    "--runstates",
    "--session",
    "--terminal",
    "--uid",
    "--user",
];

/// Letters that a pattern has to say of the program's name before it is taken to mean it: `*` is said of anything.
const MIN_NAME_LETTERS: usize = 3;

/// Most names that one command gives processes by; more are no one's habit.
const MAX_NAMES: usize = 8;

/// What a line's commands say together, found out once.
pub(super) struct Line<'a> {
    commands: &'a [ShellCommand],
    finds_us: OnceCell<bool>,
    looks_us_up: OnceCell<bool>,
}

impl<'a> Line<'a> {
    pub fn of(commands: &'a [ShellCommand]) -> Self {
        Self { commands, finds_us: OnceCell::new(), looks_us_up: OnceCell::new() }
    }

    /// It finds our process, so that what it kills may be it.
    fn finds_us(&self) -> bool {
        *self.finds_us.get_or_init(|| self.commands.iter().any(finds_us))
    }

    /// It asks where our program is.
    fn looks_us_up(&self) -> bool {
        *self.looks_us_up.get_or_init(|| self.commands.iter().any(looks_us_up))
    }
}

/// Whether a command asks where our program is.
pub(super) fn looks_us_up(command: &ShellCommand) -> bool {
    let asks = ["which", "type", "command", "whereis", "whence", "where", "readlink", "realpath"];
    let is_us = |arg: &Word| matches!(base_name(&arg.text), NAME | "tollgate.exe");
    asks.contains(&command.name()) && command.args.iter().any(is_us)
}

/// Refuses a command that may stop the daemon.
pub(super) fn stops(command: &ShellCommand, line: &Line<'_>) -> Result<(), String> {
    let stops = match command.name() {
        "pkill" | "skill" | "snice" => chooses_us(command),
        "killall" => killall(command),
        "kill" => {
            let own_pid = std::process::id().to_string();
            let own = |arg: &Word| arg.text.trim_start_matches('-') == own_pid;
            // Every process there is: `-1` as a target. In front it is a signal, SIGHUP.
            let everyone = command.args.iter().skip(1).any(|arg| arg.text == "-1");
            let known = command.args.iter().all(|arg| arg.literal);
            command.args.iter().any(own) || everyone || !known && line.finds_us()
        }
        "systemctl" | "service" | "launchctl" | "rc-service" => {
            let verbs = ["stop", "restart", "try-restart", "kill", "disable", "mask", "unload", "bootout", "remove"];
            let verb = |arg: &Word| verbs.contains(&arg.text.as_str());
            command.args.iter().any(verb) && command.args.iter().any(|arg| !verb(arg) && may_be_unit(arg))
        }
        "loginctl" => {
            command.args.iter().any(|arg| arg.text.starts_with("terminate-") || arg.text.starts_with("kill-"))
        }
        _ => false,
    };
    if stops { Err("this would stop Tollgate".to_owned()) } else { Ok(()) }
}

fn finds_us(command: &ShellCommand) -> bool {
    match command.name() {
        "pgrep" => chooses_us(command),
        finder if FINDERS.contains(&finder) => names_us(command),
        filter if SCRIPTED.contains(&filter) => names_us(command) || command.args.iter().any(script_chooses_us),
        // `ps | grep toll`, not `grep -v grep`.
        filter => searchers::of(filter).is_some_and(|searcher| {
            let search = searcher.read(&command.args);
            let chosen = |pattern: &Word| pattern.literal && matches_us(&pattern.text, true);
            !search.inverted && (names_us(command) || search.patterns.iter().any(chosen))
        }),
    }
}

fn names_us(command: &ShellCommand) -> bool {
    command.args.iter().any(|arg| arg.text.contains(NAME))
}

/// Whether an expression in a script of `awk` or `sed` means us: between slashes, or in quotes as a part of our name.
fn script_chooses_us(script: &Word) -> bool {
    let between = |mark: char| script.text.split(mark).skip(1).step_by(2).filter(|text| !text.is_empty());
    script.literal
        && (between('/').any(|text| matches_us(text, true)) || between('"').any(|text| matches_us(text, false)))
}

/// The arguments without signals: `-9`, `-KILL`.
fn without_signals(args: &[Word]) -> Vec<Word> {
    let signal = |text: &str| {
        let name = text.strip_prefix('-').unwrap_or_default();
        // `-U1000` is a user.
        let letters = name.bytes().take_while(u8::is_ascii_uppercase).count();
        letters != 1 && name.bytes().skip(letters).all(|byte| byte.is_ascii_digit())
    };
    args.iter().filter(|arg| arg.text == "-" || !arg.text.starts_with('-') || !signal(&arg.text)).cloned().collect()
}

/// Whether `pkill` or `pgrep` may choose our process.
fn chooses_us(command: &ShellCommand) -> bool {
    let args = without_signals(&command.args);
    let owned = |arg: &Word| {
        let long = arg.text.split('=').next().unwrap_or_default();
        WHOSE.iter().any(|option| *option == long || option.len() == 2 && arg.text.starts_with(option))
    };
    let has = |letter: char, long: &str| args.iter().any(|arg| is_cluster_with(&arg.text, letter) || arg.text == long);
    let patterns = positional(&args, &PKILL_VALUED);
    let (inverted, whole) = (has('v', "--inverse"), has('f', "--full"));
    // By their owner alone: everything of ours.
    let everything = patterns.is_empty() && args.iter().any(owned);
    let chosen = |pattern: &&Word| !pattern.literal || matches_us(&pattern.text, whole);
    inverted || everything || patterns.len() > MAX_NAMES || patterns.iter().any(chosen)
}

/// Whether a regular expression may match our process.
pub(super) fn matches_us(pattern: &str, whole_line: bool) -> bool {
    /// A pattern of any length must not cost more than a look.
    const MAX_REGEX_BYTES: usize = 64 * 1024;
    match RegexBuilder::new(pattern).case_insensitive(true).size_limit(MAX_REGEX_BYTES).build() {
        Ok(regex) => regex.is_match(NAME) || whole_line && regex.is_match(COMMAND_LINE),
        Err(_) => true,
    }
}

fn killall(command: &ShellCommand) -> bool {
    let args = without_signals(&command.args);
    let regex = args.iter().any(|arg| is_cluster_with(&arg.text, 'r') || arg.text == "--regexp");
    let valued = ["-s", "-u", "-o", "-y", "-n", "-Z", "--signal", "--user", "--older-than", "--younger-than", "--ns"];
    let names = positional(&args, &valued);
    let by_owner = args.iter().any(|arg| arg.text.starts_with("-u") || arg.text.starts_with("--user"));
    let named = |name: &Word| name.text.to_ascii_lowercase().contains(NAME);
    let is_us = |name: &&Word| !name.literal || named(name) || regex && matches_us(&name.text, false);
    names.is_empty() && by_owner || regex && names.len() > MAX_NAMES || names.iter().any(is_us)
}

/// Whether a service's name, as written, may be ours.
fn may_be_unit(arg: &Word) -> bool {
    let parts = Wild::of(&arg.text);
    let unit = [NAME, "tollgate.service"].iter().any(|unit| parts.reach(&[unit]) == Reach::At);
    !arg.text.starts_with('-') && (!arg.literal || arg.text.contains(NAME) || unit)
}

/// The program's file under a new name, if a command gives it one: the file, and the name where it has one.
pub(super) fn renamed<'a>(command: &'a ShellCommand, line: &Line<'_>) -> Option<(&'a Word, Option<&'a Word>)> {
    fn name(word: &Word) -> &str {
        base_name(word.text.trim_end_matches('/'))
    }
    let own = |word: &Word| name(word) == NAME;
    let may_be_own = |word: &Word| {
        let said = name(word).chars().filter(char::is_ascii_alphabetic).count();
        let pattern = said >= MIN_NAME_LETTERS && !name(word).contains(['$', '`', '(', '{']);
        pattern && Wild::of(name(word)).reach(&[NAME]) == Reach::At
    };
    let unknown = |word: &Word| may_be_own(word) || word.text.contains("$()") && line.looks_us_up();
    let is_us = |word: &Word| own(word) || !word.literal && unknown(word);
    match command.name() {
        "ln" | "cp" | "mv" | "install" | "rsync" | "scp" => {
            let words = positional(&command.args, &["-S", "-m", "-o", "-g", "-e", "--suffix", "--mode"]);
            let (to, from) = words.split_last()?;
            let file = from.iter().copied().find(|word| is_us(word))?;
            let keeps_name = own(to) || to.text.ends_with('/') || matches!(to.text.as_str(), "." | "..");
            (!keeps_name).then_some((file, Some(*to)))
        }
        "cat" | "dd" => {
            let file = command.args.iter().find(|arg| is_us(arg))?;
            let mut to = redirected(command).cloned().chain(written(command));
            to.any(|to| !own(&to)).then_some((file, None))
        }
        _ => None,
    }
}
