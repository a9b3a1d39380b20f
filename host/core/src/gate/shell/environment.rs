//! Variables of the environment that make programs run something: as a command, as options, or as code of a language.
//!
//! Owns the tables of them. Knows no rules.

use super::wrappers::Runs;
use super::{builds, interpreters, lines};
use crate::gate::call::Word;
use crate::gate::tar;

/// Variables whose value is run as a command by the programs that read them.
const COMMANDS: [&str; 33] = [
    "LESSOPEN",
    "LESSCLOSE",
    "GIT_SSH_COMMAND",
    "GIT_SSH",
    "GIT_EXTERNAL_DIFF",
    "GIT_EDITOR",
    "GIT_SEQUENCE_EDITOR",
    "GIT_PAGER",
    "GIT_ASKPASS",
    "GIT_PROXY_COMMAND",
    "SVN_SSH",
    "SVN_EDITOR",
    "HGEDITOR",
    "CVS_RSH",
    "PAGER",
    "MANPAGER",
    "SYSTEMD_PAGER",
    "BAT_PAGER",
    "DELTA_PAGER",
    "AWS_PAGER",
    "GH_PAGER",
    "PSQL_PAGER",
    "PSQL_EDITOR",
    "EDITOR",
    "VISUAL",
    "FCEDIT",
    "SUDO_EDITOR",
    "SUDO_ASKPASS",
    "PROMPT_COMMAND",
    "RSYNC_RSH",
    "SSH_ASKPASS",
    "BROWSER",
    "FZF_DEFAULT_COMMAND",
];

/// Variables whose value is a program that builds start, with words for it: `CC='ccache gcc'`.
const TOOLS: [&str; 8] =
    ["CC", "CXX", "LD", "AR", "RUSTC", "RUSTC_WRAPPER", "CMAKE_C_COMPILER_LAUNCHER", "CMAKE_CXX_COMPILER_LAUNCHER"];

/// Variables whose value is code of a language.
const CODE: [(&str, &str); 4] = [("PERL5DB", "perl"), ("PERL5OPT", "perl"), ("LUA_INIT", "lua"), ("RUBYOPT", "ruby")];

/// Variables whose value names code that is loaded first; which file that is matters where it lies nowhere in a project.
#[rustfmt::skip]
const LOADS: [&str; 14] = [
    "NODE_OPTIONS", "RUBYOPT", "PERL5OPT", "PYTHONSTARTUP", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "MAVEN_OPTS",
    "GRADLE_OPTS", "npm_config_script_shell", "NPM_CONFIG_SCRIPT_SHELL", "GOFLAGS", "BUN_OPTIONS", "PYTHONINSPECT",
];

/// Variables whose value names a file that is written, with what is typed.
const HISTORIES: [&str; 8] = [
    "HISTFILE",
    "LESSHISTFILE",
    "MYSQL_HISTFILE",
    "PSQL_HISTORY",
    "SQLITE_HISTORY",
    "NODE_REPL_HISTORY",
    "REDISCLI_HISTFILE",
    "PYTHON_HISTORY",
];

/// Modules of Python whose functions run what they are given, where `breakpoint()` is to call one.
const RUNNERS: [&str; 6] = ["os.", "posix.", "subprocess.", "pty.", "builtins.", "runpy."];

/// What stands in front of the file in such a value.
#[rustfmt::skip]
const LOADERS: [&str; 13] = [
    "--require=", "--import=", "--loader=", "--experimental-loader=", "--require", "--import", "--loader", "--experimental-loader", "-r", "-I",
    "-javaagent:", "-agentpath:", "-toolexec=",
];

/// What these variables make the program run that they are set for.
pub(super) fn runs(assignments: &[(String, Word)], runs: &mut Runs) {
    for (variable, value) in assignments.iter().filter(|(_, value)| !value.text.is_empty()) {
        let name = variable.as_str();
        let word = |text: &str| Word { text: text.to_owned(), literal: value.literal };
        if COMMANDS.contains(&name) {
            // `LESSOPEN='|program %s'`.
            runs.code.push(word(value.text.trim_start_matches(['|', '-'])));
        }
        if TOOLS.contains(&name) {
            let words: Vec<Word> = value.text.split_whitespace().map(word).collect();
            runs.maybe.extend(Some(words).filter(|words| !words.is_empty()));
        }
        if let Some((_, language)) = CODE.iter().find(|(variable, _)| *variable == name) {
            let mut own = Runs { wrapper: (*language).to_owned(), ..Runs::default() };
            interpreters::source(&Word { literal: true, ..value.clone() }, &mut own);
            runs.take(own);
        }
        runs.unknown |= LOADS.contains(&name) && loads(&value.text);
        runs.unknown |= name == "PYTHONBREAKPOINT" && RUNNERS.iter().any(|module| value.text.starts_with(module));
        // Where it is a file of that kind, nothing else is lost.
        if HISTORIES.contains(&name) && !value.text.to_ascii_lowercase().contains("hist") {
            runs.writes.push(value.clone());
        }
        match name {
            "MAKEFLAGS" | "GNUMAKEFLAGS" => {
                let text = value.text.split_once("--eval=").map_or("", |(_, text)| text);
                runs.foreign.extend(builds::commands("make", &[], text).iter().map(|code| word(code)));
            }
            "TAR_OPTIONS" => {
                let words: Vec<Word> = value.text.split_whitespace().map(word).collect();
                runs.code.extend(tar::programs(&tar::items(&words)));
            }
            "FZF_DEFAULT_OPTS" => {
                let quoted = value.text.split(['"', '\'']).skip(1).step_by(2);
                runs.foreign.extend(quoted.map(word));
            }
            "VIMINIT" | "EXINIT" | "NVIM_INIT" => {
                lines::editor(&[word("-c"), value.clone()], runs);
            }
            _ => {}
        }
    }
}

/// Whether a value loads a file by a path that no project has, or code that stands in it.
fn loads(value: &str) -> bool {
    let far = |path: &str| path.starts_with(['/', '~', '$']) || path.starts_with("data:");
    value.split_whitespace().any(|word| {
        let path = LOADERS.iter().find_map(|loader| word.strip_prefix(loader)).unwrap_or(word);
        far(path.trim_matches(['"', '\''])) && !is_of_system(path)
    })
}

/// Programs and libraries that are installed.
fn is_of_system(path: &str) -> bool {
    ["/bin/", "/usr/", "/opt/", "/nix/", "/snap/", "$HOME/.nvm/", "$(", "${"]
        .iter()
        .any(|folder| path.starts_with(folder))
}

/// The body of a shell's function that stands in the environment: `BASH_FUNC_name%%=() { … }`.
pub(super) fn function(word: &str) -> Option<&str> {
    let (_, body) = word.strip_prefix("BASH_FUNC_")?.split_once('=')?;
    body.trim_start().strip_prefix("()")
}

#[cfg(test)]
mod tests {
    use super::super::parse_blocking;

    #[test]
    fn what_the_environment_runs_is_seen() {
        for line in [
            "BROWSER='rm x' open y",
            "FZF_DEFAULT_COMMAND='rm x' fzf",
            "FZF_DEFAULT_OPTS='--preview \"rm x\"' fzf",
            "CC='rm x' make",
            "LUA_INIT='os.execute(\"rm x\")' lua y",
            "PERL5DB='BEGIN{system(\"rm x\")}' perl -d y",
            "MAKEFLAGS='--eval=$(shell rm x)' make",
            "TAR_OPTIONS=--checkpoint-action=exec='rm${IFS}x' tar cf y z",
            "env 'BASH_FUNC_y%%=() { rm x; }' bash -c y",
            "VIMINIT=':!rm x' vim",
        ] {
            let found = parse_blocking(line)
                .commands
                .iter()
                .any(|command| command.name() == "rm" && command.args.iter().any(|arg| arg.text == "x"));
            assert!(found, "{line}: {:?}", parse_blocking(line).commands);
        }
    }

    #[test]
    fn what_is_loaded_from_elsewhere_is_not_understood() {
        for (line, understood) in [
            ("NODE_OPTIONS='--require /tmp/x.js' node y", false),
            ("NODE_OPTIONS=--import=data:text/javascript,x npm test", false),
            ("NODE_OPTIONS='--require ./test/x.js --max-old-space-size=4096' npm test", true),
            ("NODE_OPTIONS=--import=tsx npm test", true),
            ("JAVA_TOOL_OPTIONS=-javaagent:/tmp/x.jar java y", false),
            ("JAVA_TOOL_OPTIONS=-javaagent:/opt/x/agent.jar java y", true),
            ("RUBYOPT=-r/tmp/x ruby y", false),
            ("RUBYOPT=-W:no-deprecated ruby y", true),
            ("GOFLAGS=-mod=mod go build", true),
            ("npm_config_script_shell=/bin/bash npm test", true),
        ] {
            assert_eq!(parse_blocking(line).understood(), understood, "{line}");
        }
    }
}
