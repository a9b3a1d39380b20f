//! Programs that the gate does not know: a word of theirs that is another program's name may be the program that they
//! run, with the words behind it.
//!
//! Owns the names that are looked for, and the programs whose words are only data. Knows nothing of rules: this is one
//! more reading, and whether it matters others say.

use super::wrappers::Runs;
use super::{languages, prefixes, shells};
use crate::gate::call::{Word, base_name};

/// Programs that destroy, send, change what others use or run others: reading one of these into words that are none
/// costs nothing unless what stands behind it is stopped as well.
const NAMES: &[&str] = &[
    "rm",
    "rmdir",
    "unlink",
    "shred",
    "dd",
    "truncate",
    "wipefs",
    "chmod",
    "chown",
    "mv",
    "tee",
    "find",
    "eval",
    "xargs",
    "parallel",
    "su",
    "ssh",
    "scp",
    "curl",
    "wget",
    "nc",
    "ncat",
    "socat",
    "git",
    "gh",
    "docker",
    "podman",
    "kubectl",
    "helm",
    "terraform",
    "tofu",
    "pulumi",
    "aws",
    "gcloud",
    "az",
    "gsutil",
    "psql",
    "mysql",
    "mongosh",
    "redis-cli",
    "sqlite3",
    "dropdb",
    "crontab",
    "systemctl",
    "shutdown",
    "reboot",
    "npm",
    "cargo",
    "twine",
    "rimraf",
    "del-cli",
    "prisma",
    "rails",
    "make",
];

/// Programs whose words name files, packages, patterns or texts, and none that they run.
const DATA: &[&str] = &[
    "grep",
    "egrep",
    "fgrep",
    "zgrep",
    "rg",
    "ag",
    "ack",
    "ugrep",
    "git",
    "hub",
    "gh",
    "glab",
    "jj",
    "hg",
    "svn",
    "find",
    "fd",
    "fdfind",
    "locate",
    "man",
    "info",
    "tldr",
    "cheat",
    "whatis",
    "apropos",
    "help",
    "which",
    "type",
    "whereis",
    "whence",
    "hash",
    "command",
    "npm",
    "pnpm",
    "yarn",
    "bun",
    "pip",
    "pip3",
    "pipx",
    "uv",
    "poetry",
    "cargo",
    "rustup",
    "go",
    "gem",
    "brew",
    "port",
    "apt",
    "apt-get",
    "apt-cache",
    "aptitude",
    "dpkg",
    "dnf",
    "yum",
    "rpm",
    "zypper",
    "pacman",
    "apk",
    "snap",
    "flatpak",
    "nix-env",
    "conda",
    "mamba",
    "asdf",
    "touch",
    "mkdir",
    "cp",
    "ln",
    "install",
    "less",
    "more",
    "head",
    "tail",
    "wc",
    "sort",
    "uniq",
    "cut",
    "tr",
    "shellcheck",
    "shfmt",
    "bashate",
    "checkbashisms",
    "beautysh",
    "pygmentize",
    "highlight",
    "chroma",
    "silicon",
    "carbon-now",
    "vale",
    "cloc",
    "tokei",
    "scc",
    "prettier",
    "diff",
    "cmp",
    "comm",
    "file",
    "stat",
    "du",
    "df",
    "tree",
    "bat",
    "rsync",
    "scp",
    "export",
    "declare",
    "local",
    "readonly",
    "typeset",
    "unset",
    "alias",
    "read",
    "let",
    "return",
    "code",
    "vim",
    "nano",
    "emacs",
    "subl",
    "say",
    "espeak",
    "notify-send",
    "logger",
    "wall",
    "figlet",
    "cowsay",
    "basename",
    "dirname",
    "realpath",
    "readlink",
    "ps",
    "kill",
    "pkill",
    "killall",
    "pgrep",
    "pidof",
];

/// The same: agents, whose words are what they are asked, and programs that take a text.
const TEXTS: &[&str] = &[
    ":",
    "false",
    "exit",
    "sleep",
    "gdb",
    "lldb",
    "claude",
    "codex",
    "gemini",
    "opencode",
    "aider",
    "cursor-agent",
    "amp",
    "tollgate",
    "crontab",
    "at",
    "set",
    "shift",
    "printf",
    "let",
    "jq",
    "yq",
    "sed",
    "awk",
    "gawk",
    "rename",
    "service",
    "systemctl",
    "launchctl",
    "aws",
    "gcloud",
    "az",
    "gsutil",
    "rclone",
    "mc",
    "s5cmd",
];

/// Most words of a command that are looked at, and most readings of it: what is run stands in front.
const MAX_WORDS: usize = 32;
const MAX_READINGS: usize = 4;

/// Further readings of a program of which nothing is known.
pub(super) fn runs(name: &str, args: &[Word], runs: &mut Runs) {
    let known = DATA.contains(&name) || TEXTS.contains(&name) || NAMES.contains(&name);
    if known || !(runs.argvs.is_empty() && runs.code.is_empty() && runs.foreign.is_empty()) {
        return;
    }
    let mut found = 0;
    for (at, arg) in args.iter().enumerate().take(MAX_WORDS) {
        let Some((program, nested)) = named(arg) else { continue };
        let rest = args.get(at + 1..).unwrap_or_default();
        // `check -s bash x.sh`, `show --syntax python -`: a language, unless there is code behind it.
        let is_value = at
            .checked_sub(1)
            .and_then(|before| args.get(before))
            .is_some_and(|before| before.text.starts_with('-') && before.text != "--");
        if is_value
            && is_language(program)
            && !rest.first().is_some_and(|first| first.text.len() > 1 && first.text.starts_with('-'))
        {
            continue;
        }
        // `nix run nixpkgs#bash -- -c code`: these dashes are the runner's.
        let rest =
            if nested && rest.first().is_some_and(|first| first.text == "--") { rest.get(1..) } else { Some(rest) };
        let program = Word { text: program.to_owned(), literal: true };
        runs.maybe.push(std::iter::once(program).chain(rest.unwrap_or_default().iter().cloned()).collect());
        found += 1;
        if found == MAX_READINGS {
            return;
        }
    }
}

/// The program that a word names, and whether it names a package of it.
fn named(word: &Word) -> Option<(&str, bool)> {
    let (text, nested) = match word.text.rsplit_once('#') {
        Some((_, package)) => (package, true),
        None => (word.text.as_str(), false),
    };
    let name = base_name(text);
    let suspect = NAMES.contains(&name)
        || name.starts_with("mkfs")
        || shells::is_one(name)
        || languages::is_one(name)
        || prefixes::is_one(name);
    (word.literal && suspect).then_some((text, nested))
}

fn is_language(program: &str) -> bool {
    shells::is_one(base_name(program)) || languages::is_one(base_name(program))
}

/// The subcommands of runners of packages that are their own; any other is a package's program.
#[rustfmt::skip]
const OWN: &[&str] = &[
    "install", "i", "add", "remove", "rm", "uninstall", "un", "unlink", "link", "ln", "update", "up", "upgrade", "outdated",
    "run", "run-script", "test", "t", "tst", "start", "stop", "restart", "exec", "x", "dlx", "create", "init", "publish", "pack",
    "list", "ls", "ll", "why", "info", "view", "show", "audit", "config", "set", "get", "cache", "store", "prune", "dedupe", "import",
    "patch", "patch-commit", "patch-remove", "rebuild", "fetch", "deploy", "env", "setup", "root", "bin", "licenses", "approve-builds",
    "server", "doctor", "login", "logout", "whoami", "workspace", "workspaces", "version", "policies", "plugin", "constraints",
    "npm", "node", "global", "owner", "tag", "team", "access", "search", "help", "pm", "build", "completion", "ci", "self-update",
    "unpublish", "dist-tag",
];

/// `pnpm prisma migrate reset`: a program of a package, as if it stood alone.
pub(super) fn package(name: &str, args: &[Word], runs: &mut Runs) {
    if !matches!(name, "pnpm" | "yarn" | "bun") {
        return;
    }
    let is_option = |word: &&Word| word.text.starts_with('-');
    let rest = args.get(args.iter().take_while(is_option).count()..).unwrap_or_default();
    if rest.first().is_some_and(|first| first.literal && !OWN.contains(&first.text.as_str())) {
        runs.maybe.push(rest.to_vec());
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse_blocking;

    #[test]
    fn a_program_in_the_words_of_an_unknown_one_is_read() {
        for (line, expected) in [
            ("newrun --fast rm -rf x", "rm -rf x"),
            ("newrun -- /bin/rm -rf x", "/bin/rm -rf x"),
            ("./tool sudo rm x", "rm x"),
            ("nix run nixpkgs#bash -- -c 'rm x'", "rm x"),
            ("pnpm prisma migrate reset", "prisma migrate reset"),
            ("newrun --shell bash -c 'rm x'", "rm x"),
            ("newlint -s bash x.sh", ""),
            ("newlint --syntax sh -", ""),
            ("newrun -- sh x.sh", "sh x.sh"),
            ("newrun 'rm -rf x'", ""),
            ("newrun $X rm", "rm"),
            ("say rm -rf x", ""),
            ("brew install git", ""),
            ("pnpm add rimraf", ""),
        ] {
            let parsed = parse_blocking(line);
            let last = parsed.commands.iter().rfind(|command| command.maybe);
            let shown = last.map(|command| {
                let words = std::iter::once(&command.program).chain(&command.args);
                words.map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
            });
            assert_eq!(shown.unwrap_or_default(), expected, "{line}");
            assert!(parsed.understood(), "{line}");
        }
    }

    #[test]
    fn few_words_and_readings_are_looked_at() {
        let readings = |line: &str| parse_blocking(line).commands.iter().filter(|command| command.maybe).count();
        // Each reading holds those behind it, which are its own words.
        assert_eq!(readings(&format!("newrun {}", "rm ".repeat(super::MAX_READINGS + 2))), super::MAX_READINGS);
        let behind = |words: usize| readings(&format!("newrun {}rm y", "x ".repeat(words)));
        assert_eq!((behind(super::MAX_WORDS - 1), behind(super::MAX_WORDS)), (1, 0));
    }
}
