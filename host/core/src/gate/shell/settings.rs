//! Settings of git, and addresses, that are run: given by options, by the environment, by `ext::`.

use super::wrappers::Runs;
use crate::gate::call::Word;

/// Git settings whose value is run.
const GIT_PROGRAM_KEYS: [&str; 16] = [
    "core.pager",
    "core.editor",
    "core.sshcommand",
    "core.fsmonitor",
    "core.hookspath",
    "core.askpass",
    "core.gitproxy",
    "diff.external",
    "sequence.editor",
    "gpg.program",
    "gpg.ssh.program",
    "init.templatedir",
    "uploadpack.packobjectshook",
    "web.browser",
    "sendemail.smtpserver",
    "interactive.difffilter",
];

/// Variables that name a file of settings, or the folder of git's own programs.
const FILES: [&str; 4] = ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG", "GIT_EXEC_PATH"];

/// `key=value` where git runs the value.
pub(super) fn of_git(setting: &str, literal: bool, runs: &mut Runs) {
    let Some((key, value)) = setting.split_once('=') else { return };
    let key = key.to_ascii_lowercase();
    transport(&Word { text: value.to_owned(), literal }, runs);
    let runs_value = GIT_PROGRAM_KEYS.contains(&key.as_str())
        || key.starts_with("pager.")
        || key.ends_with(".command")
        || key.ends_with(".cmd")
        || key.ends_with(".textconv")
        || (key.starts_with("filter.") && [".clean", ".smudge", ".process"].iter().any(|end| key.ends_with(end)));
    let alias = key.starts_with("alias.") && !value.is_empty();
    let code = match value.strip_prefix('!') {
        Some(code) => code,
        // An alias without `!` is git's own command line.
        None if alias => return runs.code.push(Word { text: format!("git {value}"), literal }),
        None if runs_value => value,
        None => return,
    };
    if !matches!(code, "" | "true" | "false") {
        runs.code.push(Word { text: code.to_owned(), literal });
    }
}

/// Whether git runs the value of a setting of that name.
fn is_run(key: &str) -> bool {
    let mut probe = Runs::default();
    of_git(&format!("{key}=x"), true, &mut probe);
    !probe.code.is_empty()
}

/// `GIT_CONFIG_KEY_0=core.pager GIT_CONFIG_VALUE_0=code`, `GIT_CONFIG_PARAMETERS="'core.pager=code'"`.
pub(super) fn of_environment(assignments: &[(String, Word)], runs: &mut Runs) {
    for (name, value) in assignments.iter().filter(|(name, _)| name.starts_with("GIT_")) {
        if let Some(number) = name.strip_prefix("GIT_CONFIG_KEY_") {
            let held = format!("GIT_CONFIG_VALUE_{number}");
            match assignments.iter().find(|(name, _)| *name == held) {
                Some((_, held)) => {
                    of_git(&format!("{}={}", value.text, held.text), value.literal && held.literal, runs)
                }
                None => runs.unknown |= is_run(&value.text),
            }
        } else if name == "GIT_CONFIG_PARAMETERS" {
            // `'key=value'`, or `'key'='value'`.
            let plain = value.text.replace("'='", "=");
            plain.split('\'').for_each(|setting| of_git(setting, value.literal, runs));
        } else if FILES.contains(&name.as_str()) {
            runs.unknown |= !matches!(value.text.as_str(), "" | "/dev/null");
        }
    }
}

/// `ext::program words`: `% ` is a blank of a word, `%%` a `%`.
pub(super) fn transport(address: &Word, runs: &mut Runs) {
    let Some(command) = address.text.strip_prefix("ext::") else { return };
    let mut words = vec![String::new()];
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        let escaped = if c == '%' { chars.next() } else { None };
        match (c, escaped, words.last_mut()) {
            (' ', ..) => words.push(String::new()),
            // `%S`, `%V` and their like name a service.
            ('%', Some(escaped), Some(last)) => last.push(escaped),
            (c, _, Some(last)) => last.push(c),
            _ => {}
        }
    }
    let word = |text: String| Word { text, literal: address.literal };
    // Quotes mean nothing there, which not everyone knows.
    runs.foreign.push(word(command.replace("% ", " ")));
    runs.argv(&words.into_iter().filter(|word| !word.is_empty()).map(word).collect::<Vec<_>>());
}

#[cfg(test)]
mod tests {
    use super::super::parse_blocking;

    #[test]
    fn what_git_runs_by_settings_is_seen() {
        for (line, expected) in [
            ("GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.pager GIT_CONFIG_VALUE_0='rm x' git log", true),
            ("GIT_CONFIG_PARAMETERS=\"'core.pager=rm x'\" git log", true),
            ("export GIT_CONFIG_PARAMETERS=\"'core.pager'='rm x'\"", true),
            ("GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=user.name GIT_CONFIG_VALUE_0='rm x' git log", false),
            ("git clone 'ext::sh -c rm% x'", true),
            ("git remote add y 'ext::sh -c rm% x'", true),
            ("git config remote.y.url 'ext::sh -c rm% x'", true),
            ("git remote add y https://x", false),
        ] {
            let found = parse_blocking(line).commands.iter().any(|command| {
                command.program.text == "rm" && command.args.iter().map(|arg| arg.text.as_str()).eq(["x"])
            });
            assert_eq!(found, expected, "{line}");
        }
        assert!(parse_blocking("GIT_CONFIG_GLOBAL=/dev/null git status").understood());
        assert!(!parse_blocking("GIT_CONFIG_GLOBAL=/tmp/x git status").understood());
        assert!(!parse_blocking("export GIT_CONFIG_KEY_0=core.pager").understood());
    }
}
