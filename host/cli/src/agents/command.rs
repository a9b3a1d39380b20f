//! What a hook runs: written into settings, found in them again, and started as the agent would.

use super::known::{Agent, Shape};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::process::Command;

/// What the program of a hook of ours is called.
pub const PROGRAM: &str = "tollgate";

/// The shell that agents give a hook's line to.
const SHELL: &str = "/bin/sh";

/// What runs: the program, and the words after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookCommand {
    /// An absolute path.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Where the settings have one line for a shell: that line.
    line: Option<String>,
}

impl HookCommand {
    /// `program hook AGENT`, with the home where it is not the default one; none where that cannot be one line.
    pub fn new(agent: &Agent, program: &str, home: Option<&str>) -> Option<Self> {
        let mut args = vec!["hook".to_owned(), agent.name().to_owned()];
        args.extend(home.map(|home| format!("--home={home}")));
        let line = match agent.shape {
            Shape::Words => None,
            Shape::Line | Shape::Flat => {
                let words = std::iter::once(program).chain(args.iter().map(String::as_str));
                Some(shlex::try_join(words).ok()?)
            }
        };
        Some(Self { program: program.to_owned(), args, line })
    }

    /// The hook of `agent` that a handler in its settings runs; none where it is somebody else's.
    pub fn of(agent: &Agent, handler: &Value) -> Option<Self> {
        let command = handler.get("command")?.as_str()?;
        let args = handler.get("args").and_then(Value::as_array).into_iter().flatten();
        let mut words: Vec<String> = args.filter_map(|arg| arg.as_str().map(str::to_owned)).collect();
        let (mut program, mut line) = (command.to_owned(), None);
        if words.is_empty() {
            words = shlex::split(command)?;
            if words.is_empty() {
                return None;
            }
            program = words.remove(0);
            line = Some(command.to_owned());
        }
        let named = Path::new(&program).file_name().is_some_and(|name| name == PROGRAM);
        let hook =
            words.first().is_some_and(|word| word == "hook") && words.get(1).is_some_and(|name| name == agent.name());
        (named && hook).then_some(Self { program, args: words, line })
    }

    /// The fields of a handler that say what runs.
    pub fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        match &self.line {
            Some(line) => fields.insert("command".to_owned(), json!(line)),
            None => {
                fields.insert("command".to_owned(), json!(self.program));
                fields.insert("args".to_owned(), json!(self.args))
            }
        };
        fields
    }

    /// A process that runs it as the agent would.
    pub fn process(&self) -> Command {
        match &self.line {
            Some(line) => {
                let mut shell = Command::new(SHELL);
                shell.args(["-c", line]);
                shell
            }
            None => {
                let mut program = Command::new(&self.program);
                program.args(&self.args);
                program
            }
        }
    }

    /// Whether it is what `hooks install` writes: the agent's hook with at most a home and, in a line, nothing else for
    /// the shell to do. What it names is not looked at.
    pub fn is_plain(&self) -> bool {
        let words: Vec<&str> =
            std::iter::once(self.program.as_str()).chain(self.args.iter().map(String::as_str)).collect();
        // A shell has nothing to do in a line that is its words alone, quoted as `install` does or without need of it.
        let idle = |line: &str| line.chars().all(|c| c.is_ascii_alphanumeric() || " /._-=".contains(c));
        // An unquoted `A=/x/tollgate` is a variable, and the word behind it is what runs.
        let assigns = self.program.contains('=');
        let line = self.line.as_ref().is_none_or(|line| {
            !assigns && idle(line) && words.join(" ") == *line
                || shlex::try_join(words.iter().copied()).is_ok_and(|plain| plain == *line)
        });
        line && self
            .args
            .get(2..)
            .is_some_and(|more| more.len() < 2 && more.iter().all(|one| one.starts_with("--home=")))
    }

    /// Whether its program is the one that runs here.
    pub fn is_this_program(&self) -> bool {
        let here = std::env::current_exe().and_then(|path| path.canonicalize());
        here.is_ok_and(|here| Path::new(&self.program).canonicalize().is_ok_and(|there| there == here))
    }

    /// Whether its program is still there. A name without a folder is the shell's to find.
    pub fn is_there(&self) -> bool {
        !self.program.contains('/') || Path::new(&self.program).exists()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::super::known::AGENTS;
    use super::*;

    #[test]
    fn what_is_written_is_found_again_whatever_the_folders_are_called() {
        for agent in &AGENTS {
            for home in [None, Some("/home/dev/a b"), Some("/it's $HOME"), Some("/a\"b\\c;d")] {
                let command = HookCommand::new(agent, "/opt/my tools/tollgate", home).unwrap();
                let found = HookCommand::of(agent, &Value::Object(command.fields())).unwrap();
                assert_eq!(found, command, "{}", agent.name());
                assert_eq!(found.line.is_some(), agent.shape != Shape::Words);
            }
        }
    }

    #[test]
    fn a_line_that_does_anything_else_is_not_plain() {
        for agent in &AGENTS {
            let plain = |words: &str| {
                let command = format!("/x/tollgate hook {}{words}", agent.name());
                HookCommand::of(agent, &json!({ "command": command })).unwrap().is_plain()
            };
            assert!(plain("") && plain(" --home=/h"), "{}", agent.name());
            for words in
                [" ; touch x", " '--home=/h' ; exit 0", " --home=$(touch x)", " -v", " --home=/h --home=/i", " | cat"]
            {
                assert!(!plain(words), "{}{words}", agent.name());
            }
            let line = |program: &str| {
                let command = format!("{program} hook {}", agent.name());
                HookCommand::of(agent, &json!({ "command": command })).unwrap().is_plain()
            };
            assert!(!line("A=/x/tollgate") && !line("PATH=/x/tollgate") && line("'/a=b/tollgate'"), "{}", agent.name());
            assert!(HookCommand::new(agent, "/opt/my tools/tollgate", Some("/a b")).unwrap().is_plain());
            assert!(HookCommand::new(agent, "/opt/a=b/tollgate", None).unwrap().is_plain());
        }
    }

    #[test]
    fn somebody_else_s_hook_is_not_ours() {
        for agent in &AGENTS {
            for command in
                ["lint tollgate hook", "/x/tollgate hook other", "/x/tollgate", "'", "", "/x/tollgat hook codex"]
            {
                assert_eq!(HookCommand::of(agent, &json!({"command": command})), None, "{command}");
            }
            assert_eq!(HookCommand::of(agent, &json!({"type": "http", "url": "http://x/tollgate"})), None);
        }
    }
}
