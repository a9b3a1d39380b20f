//! Flags and subcommands as rules ask for them, in the words that a program is given.
//!
//! Pure. No one here knows every program's options, so each question has two readings: a rule that stops must
//! not miss a flag, a rule that lets through must not imagine one.

use crate::gate::call::{ShellCommand, Word};

/// Which way a doubt falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// For rules that deny or ask: what it may well be.
    Wide,
    /// For rules that allow: what it is for certain.
    Narrow,
}

impl Reading {
    /// The reading of what must not be there.
    pub fn opposite(self) -> Self {
        match self {
            Self::Wide => Self::Narrow,
            Self::Narrow => Self::Wide,
        }
    }
}

/// Shortest abbreviation of a long flag that counts, in bytes with its dashes: `--fo` for `--force`.
const MIN_ABBREVIATION: usize = 4;

/// Whether `command` is given `flag`.
///
/// Wide: alone (`-f`, `--force`), with a value (`--force=x`), in a cluster (`-rfv`), with a value attached (`-ofile`
/// is `-o`, and each letter after it), abbreviated (`--forc`). After `--` there are no flags, unless that `--` may
/// itself be an option's value. Narrow: alone or with `=` and a value that does not switch it off, before any `--`, and
/// not where it may be the value of an option in front of it.
pub(super) fn has(command: &ShellCommand, flag: &str, reading: Reading) -> bool {
    let mut before: Option<&str> = None;
    for arg in &command.args {
        let text = arg.text.as_str();
        let may_be_value = before.is_some_and(may_take_value);
        if text == "--" && !(may_be_value && reading == Reading::Wide) {
            return false;
        }
        let found = match reading {
            Reading::Wide => is_widely(text, flag),
            Reading::Narrow => {
                arg.literal && !may_be_value && (text == flag || name(text) == flag && !is_switched_off(text))
            }
        };
        if found || (text == flag && reading == Reading::Wide) {
            return true;
        }
        before = Some(text);
    }
    false
}

/// Whether `command` is certainly given one of `flags`, where `plain` are flags that take no value: alone, with a value
/// that does not switch it off, or in a cluster of letters that are all known.
pub(super) fn has_for_certain(command: &ShellCommand, flags: &[String], plain: &[String]) -> bool {
    let known = |letter: char| {
        let short = |flag: &String| flag.strip_prefix('-').is_some_and(|name| name.chars().eq([letter]));
        flags.iter().any(short) || plain.iter().any(short)
    };
    let of_known = |letters: &str| letters.chars().all(known);
    let mut before: Option<&str> = None;
    for arg in &command.args {
        let text = arg.text.as_str();
        let is_plain =
            |text: &str| letters(text).is_some_and(of_known) || plain.iter().chain(flags).any(|flag| flag == text);
        let may_be_value = before.is_some_and(|before| may_take_value(before) && !is_plain(before));
        if text == "--" {
            return false;
        }
        let is = |flag: &String| {
            let letter = flag.strip_prefix('-').filter(|letter| letter.len() == 1);
            let cluster = letter.and_then(|letter| letters(text)?.split_once(letter).map(|(front, _)| of_known(front)));
            text == flag || name(text) == flag && !is_switched_off(text) || cluster == Some(true)
        };
        if arg.literal && !may_be_value && flags.iter().any(is) {
            return true;
        }
        before = Some(text);
    }
    false
}

/// The letters of a word of short options.
fn letters(text: &str) -> Option<&str> {
    text.strip_prefix('-').filter(|letters| !letters.is_empty() && !letters.starts_with('-'))
}

/// An option that might take the next word as its value.
fn may_take_value(text: &str) -> bool {
    text.starts_with('-') && text != "-" && text != "--" && !text.contains('=')
}

/// The option of `--option=value`.
fn name(text: &str) -> &str {
    text.split_once('=').map_or(text, |(name, _)| name)
}

/// `--dry-run=none`, `--dry-run=false`.
fn is_switched_off(text: &str) -> bool {
    let value = text.split_once('=').map(|(_, value)| value.to_ascii_lowercase());
    value.is_some_and(|value| matches!(value.as_str(), "none" | "false" | "no" | "0" | "off"))
}

fn is_widely(text: &str, flag: &str) -> bool {
    let letter = flag.strip_prefix('-').filter(|name| name.len() == 1).and_then(|name| name.chars().next());
    match letter {
        Some(letter) => text
            .strip_prefix('-')
            .is_some_and(|cluster| cluster.chars().take_while(char::is_ascii_alphanumeric).any(|c| c == letter)),
        None => {
            let name = name(text);
            name == flag || (name.starts_with("--") && name.len() >= MIN_ABBREVIATION && flag.starts_with(name))
        }
    }
}

/// Most words of a subcommand; a file with more is refused.
pub(super) const MAX_PHRASE: usize = 16;

/// Options in front of a subcommand that are known to take the next word as their value.
fn valued_options(program: &str) -> &'static [&'static str] {
    match program {
        "git" => &["-C", "-c", "--git-dir", "--work-tree", "--namespace", "--super-prefix", "--config-env"],
        "docker" | "podman" | "nerdctl" => {
            &["-H", "--host", "--context", "--config", "-l", "--log-level", "-f", "--file", "-p", "--project-name"]
        }
        "kubectl" | "oc" | "helm" => &[
            "-n",
            "--namespace",
            "--context",
            "--kubeconfig",
            "--cluster",
            "--user",
            "-s",
            "--server",
            "--kube-context",
        ],
        "aws" => &[
            "--profile",
            "--region",
            "--endpoint-url",
            "--output",
            "--query",
            "--ca-bundle",
            "--color",
            "--cli-read-timeout",
            "--cli-connect-timeout",
        ],
        "psql" | "redis-cli" | "valkey-cli" => &["-h", "-p", "-a", "-n", "-u", "-U", "-d"],
        "gcloud" => &["--project", "--account", "--configuration"],
        "gh" => &["-R", "--repo"],
        "npm" | "pnpm" | "yarn" => &["--prefix", "-C", "--dir", "--cwd", "-w", "--workspace"],
        "cargo" => &["-Z", "--config", "-C", "--color"],
        "systemctl" => &["-H", "-M"],
        _ => &[],
    }
}

/// Whether the words of `phrase` are the command's subcommand.
///
/// Wide: the first words that are no options, options and their values in front and between. Whether an unknown
/// option takes a value no one knows: the word after it is tried both as its value and as a word. Narrow: the
/// phrase is the very first words.
pub(super) fn subcommand(command: &ShellCommand, phrase: &[String], reading: Reading) -> bool {
    match reading {
        Reading::Wide => subcommand_widely(command, phrase),
        Reading::Narrow => {
            let same = |(want, have): (&String, &Word)| have.literal && is_word(want, &have.text);
            command.args.len() >= phrase.len() && phrase.iter().zip(&command.args).all(same)
        }
    }
}

/// Whether a word is what a phrase says: a `*` in it is any letters.
fn is_word(want: &str, have: &str) -> bool {
    let Some((first, rest)) = want.split_once('*') else { return want == have };
    let Some(mut left) = have.strip_prefix(first) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part);
        }
        let Some((_, after)) = left.split_once(part) else { return false };
        left = after;
    }
    true
}

fn subcommand_widely(command: &ShellCommand, phrase: &[String]) -> bool {
    let valued = valued_options(command.name());
    // How many words of the phrase may have been seen, a bit for each number; several where an option may or may not have
    // taken one.
    let all = 1_u64 << phrase.len().min(MAX_PHRASE);
    let mut reached = 1_u64;
    let mut before: Option<&str> = None;
    for arg in &command.args {
        let text = arg.text.as_str();
        let option = before.replace(text).filter(|option| may_take_value(option));
        if option.is_some_and(|option| valued.contains(&option)) || text.starts_with(['-', '+']) {
            continue;
        }
        let seen = phrase.iter().enumerate().take(MAX_PHRASE);
        let advanced = seen.filter(|(at, word)| reached & (1 << at) != 0 && is_word(word, text));
        let advanced = advanced.fold(0, |steps, (at, _)| steps | 1 << (at + 1));
        reached = if option.is_some() { reached | advanced } else { advanced };
        if reached & all != 0 {
            return true;
        }
        if reached == 0 {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::*;
    use crate::gate::shell::parse_blocking;

    fn command(line: &str) -> ShellCommand {
        parse_blocking(line).commands.first().unwrap().clone()
    }

    #[test]
    fn flags_are_read_as_programs_read_them() {
        // Line, flag, found by a rule that stops, found by a rule that allows.
        for (line, flag, wide, narrow) in [
            ("rm -f x", "-f", true, true),
            ("rm -rfv x", "-f", true, false),
            ("rm x -f", "-f", true, true),
            ("rm -- -f", "-f", false, false),
            ("rm -v -- -f", "-f", true, false),
            ("git push -o -- --force", "--force", true, false),
            ("git push --force=x", "--force", true, true),
            ("git push --forc", "--force", true, false),
            ("git push --fo", "--force", true, false),
            ("git push --f", "--force", false, false),
            ("git push --forced", "--force", false, false),
            ("git push --force-with-lease", "--force", false, false),
            ("git push -o --dry-run", "--dry-run", true, false),
            ("git push --dry-run -v", "--dry-run", true, true),
            ("kubectl delete pod x --dry-run=client", "--dry-run", true, true),
            ("kubectl delete pod x --dry-run=none", "--dry-run", true, false),
            ("npm publish --dry-run=FALSE", "--dry-run", true, false),
            ("git push -oname", "-n", true, false),
            ("head -n5 x", "-n", true, false),
            ("find . -delete", "-delete", true, true),
            ("find . -name delete", "-delete", false, false),
            ("find . -deleted", "-delete", false, false),
            ("kill -9 1", "-9", true, true),
            ("rm --recursive=x", "-r", false, false),
            ("x -", "-f", false, false),
            ("x --output=json", "--output=json", true, true),
            ("rm \"$f\"", "-f", false, false),
        ] {
            let command = command(line);
            assert_eq!(has(&command, flag, Reading::Wide), wide, "wide: {line}");
            assert_eq!(has(&command, flag, Reading::Narrow), narrow, "narrow: {line}");
        }
    }

    #[test]
    fn a_trial_is_one_only_for_certain() {
        let list = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let (flags, plain) = (list("-n --dry-run"), list("-f -d --force"));
        for (line, certain) in [
            ("git push --force --dry-run", true),
            ("git clean -ndf", true),
            ("git clean -fd -n", true),
            ("git clean -fen x", false),
            ("git clean -e -n", false),
            ("git push -- -n", false),
            ("git push -o --dry-run", false),
            ("git push --receive-pack --dry-run", false),
            ("git push --dry-run=no", false),
            ("git push $X --dry-run", true),
            ("git push \"$n\"", false),
            ("git push -dname", true),
            ("git push -oname", false),
        ] {
            assert_eq!(has_for_certain(&command(line), &flags, &plain), certain, "{line}");
        }
    }

    #[test]
    fn subcommands_come_after_global_options() {
        for (line, phrase, wide, narrow) in [
            ("git push", "push", true, true),
            ("git push origin x", "push", true, true),
            ("git -C x push", "push", true, false),
            ("git -C push status", "push", false, false),
            ("git -c a.b=c push", "push", true, false),
            ("git --git-dir=x push", "push", true, false),
            ("git --no-pager push", "push", true, false),
            ("git --new-option value push", "push", true, false),
            ("git status push", "push", false, false),
            ("git commit -m push", "push", false, false),
            ("gh repo delete x", "repo delete", true, true),
            ("gh --unknown x repo delete x", "repo delete", true, false),
            ("gh repo --unknown x delete y", "repo delete", true, false),
            ("gh --unknown repo repo delete y", "repo delete", true, false),
            ("gh repo view delete", "repo delete", false, false),
            ("gh repo", "repo delete", false, false),
            ("cargo +nightly publish", "publish", true, false),
            ("kubectl -v 9 delete pod x", "delete", true, false),
            ("kubectl -n delete get pods", "delete", false, false),
            ("npm", "publish", false, false),
            ("aws ec2 terminate-instances x", "* terminate*", true, true),
            ("aws --region x ec2 terminate-instances", "* terminate*", true, false),
            ("aws iam get-role --role-name remove-bot", "* remove*", false, false),
            ("aws logs tail delete-logs", "* delete*", false, false),
            ("a x-y-z", "x*y*z", true, true),
            ("a x-y-z-w", "x*y*z", false, false),
            ("a xz", "x*x*z", false, false),
        ] {
            let command = command(line);
            let phrase: Vec<String> = phrase.split(' ').map(str::to_owned).collect();
            assert_eq!(subcommand(&command, &phrase, Reading::Wide), wide, "wide: {line}");
            assert_eq!(subcommand(&command, &phrase, Reading::Narrow), narrow, "narrow: {line}");
        }
    }
}
