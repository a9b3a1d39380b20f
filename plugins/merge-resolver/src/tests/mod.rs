//! The plugin as a whole: real repositories in folders of their own, the SDK's mock for a host.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod faults;
mod left;
mod locks;
mod safe;
mod states;

use super::*;
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tollgate_sdk::mock::{self, Effect, Finished, Programs};
use tollgate_sdk::process::{Command as Asked, ProcessError};
use tollgate_sdk::{Draft, payload};

/// A repository with `main` checked out and a branch `x` beside it.
struct Repo {
    folder: tempfile::TempDir,
}

/// The environment of every program: nobody's configuration but ours.
fn isolated(program: &str, home: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env("HOME", home).env("GIT_CONFIG_NOSYSTEM", "1");
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "XDG_CONFIG_HOME", "LANG", "LC_ALL", "GIT_CONFIG_GLOBAL"]
    {
        command.env_remove(name);
    }
    command
}

impl Repo {
    fn empty() -> Self {
        mock::reset();
        let repo = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(repo.root()).unwrap();
        let config = "[user]\n\tname = Ann\n\temail = ann@example.com\n[init]\n\tdefaultBranch = main\n";
        fs::write(repo.home().join(".gitconfig"), config).unwrap();
        let (home, root) = (repo.home(), repo.root());
        mock::with(|host| {
            host.workspace = Some(root.clone());
            host.programs = Programs::played_by(move |asked| play(&home, &root, asked));
        });
        repo
    }

    /// `files` are path, base, ours and theirs; an empty text is no file.
    fn new(files: &[(&str, &str, &str, &str)]) -> Self {
        let repo = Self::empty();
        repo.git(&["init", "-q"]);
        repo.write("other", "left alone\n");
        repo.commit(files.iter().map(|(path, base, ..)| (*path, *base)), "base");
        repo.git(&["checkout", "-q", "-b", "x"]);
        repo.commit(files.iter().map(|(path, _, _, theirs)| (*path, *theirs)), "theirs");
        repo.git(&["checkout", "-q", "main"]);
        repo.commit(files.iter().map(|(path, _, ours, _)| (*path, *ours)), "ours");
        repo
    }

    fn home(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("repo")
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let place = self.root().join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        String::from_utf8(fs::read(self.root().join(path)).unwrap()).unwrap()
    }

    fn commit<'t>(&self, files: impl Iterator<Item = (&'t str, &'t str)>, message: &str) {
        for (path, text) in files {
            if text.is_empty() { drop(fs::remove_file(self.root().join(path))) } else { self.write(path, text) }
        }
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
    }

    /// From now on the host does not grant what `refused` says.
    fn refuse(&self, refused: impl Fn(&Asked) -> bool + 'static) {
        let (home, root) = (self.home(), self.root());
        let run =
            move |asked: &Asked| if refused(asked) { Err(ProcessError::Denied) } else { play(&home, &root, asked) };
        mock::with(|host| host.programs = Programs::played_by(run));
    }

    /// Runs git, which must end well; its output.
    fn git(&self, args: &[&str]) -> String {
        let (code, text) = self.try_git(args);
        assert_eq!(code, Some(0), "git {args:?}: {text}");
        text
    }

    fn try_git(&self, args: &[&str]) -> (Option<i32>, String) {
        let output = isolated("git", &self.home(), &self.root()).args(args).output().unwrap();
        let bytes = if output.status.success() { output.stdout } else { [output.stdout, output.stderr].concat() };
        (output.status.code(), String::from_utf8(bytes).unwrap())
    }

    /// Everything that a merge may change: commit, index and files.
    fn state(&self) -> (String, String, Vec<(PathBuf, Vec<u8>)>) {
        let mut files = files_below(&self.root());
        files.sort();
        (self.git(&["rev-parse", "HEAD"]), self.git(&["ls-files", "-s"]), files)
    }

    fn merge(&self) -> Told {
        self.merge_with("{}", r#"{"chat_id":"c","user_id":"ann","branch":"x"}"#)
    }

    /// Handles one command, and checks what must hold of any.
    fn merge_with(&self, config: &str, payload: &str) -> Told {
        mock::with(|host| {
            (host.emits, host.commands, host.effects) = (Vec::new(), Vec::new(), Vec::new());
        });
        let mut plugin = MergeResolver::default();
        plugin.init(&Config::new(config)).unwrap();
        let event = Event { session: Some("s".to_owned()), ..mock::event("command.merge", payload) };
        plugin.handle(&event).unwrap();
        for asked in mock::with(|host| host.commands.clone()) {
            assert!(is_described(&asked), "not asked for: {asked:?}");
            assert!(asked.timeout_ms <= 300_000, "no bound: {asked:?}");
        }
        Told::new()
    }
}

fn files_below(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(if path.ends_with(".git") { Vec::new() } else { files_below(&path) });
        } else {
            found.push((path.clone(), fs::read(&path).unwrap_or_default()));
        }
    }
    found
}

/// Runs a program as the host would.
fn play(home: &Path, root: &Path, asked: &Asked) -> Result<Finished, ProcessError> {
    let folder = asked.cwd.as_ref().map_or_else(|| root.to_owned(), |cwd| root.join(cwd));
    let mut command = isolated(&asked.program, home, &folder);
    command.args(&asked.args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|_| ProcessError::NotFound)?;
    let mut stdin = child.stdin.take().unwrap();
    let input = asked.stdin.clone().unwrap_or_default();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Ok(Finished::new(output.status.code().unwrap(), &output.stdout, &output.stderr))
}

/// Whether the description asks for what was started.
fn is_described(asked: &Asked) -> bool {
    let description = MergeResolver::describe();
    description.needs.iter().chain(&description.wants).any(|capability| match capability {
        Capability::Process(pattern) if pattern.program == asked.program => match pattern.args.split_last() {
            Some((last, fixed)) if last == "**" => asked.args.starts_with(fixed),
            _ => pattern.args == asked.args,
        },
        _ => false,
    })
}

/// What was told of one command.
struct Told {
    completed: Value,
    message: String,
    prompt: Option<String>,
    types: Vec<String>,
}

impl Told {
    fn new() -> Self {
        let emits: Vec<Draft> = mock::emits();
        for draft in &emits {
            payload::check(&draft.type_, &draft.payload).unwrap();
        }
        let types: Vec<String> = emits.iter().map(|draft| draft.type_.clone()).collect();
        assert_eq!(types.first().map(String::as_str), Some("merge.started"));
        assert_eq!(types.last().map(String::as_str), Some("merge.completed"));
        let json = |event_type: &str| -> Value {
            let draft = emits.iter().find(|draft| draft.type_ == event_type).unwrap();
            serde_json::from_str(&draft.payload).unwrap()
        };
        let prompts = mock::with(|host| host.effects.clone());
        assert!(prompts.len() <= 1, "{prompts:?}");
        let prompt = prompts.into_iter().find_map(|effect| match effect {
            Effect::Prompt(text) => Some(text),
            Effect::SetMode(_) | Effect::Grant(_) => None,
        });
        let message = json("message.out").get("text").unwrap().as_str().unwrap().to_owned();
        Self { completed: json("merge.completed"), message, prompt, types }
    }

    fn status(&self) -> &str {
        self.completed.get("status").unwrap().as_str().unwrap()
    }

    /// Resolved and remaining.
    fn counts(&self) -> (u64, u64) {
        let count = |name: &str| self.completed.get(name).unwrap().as_u64().unwrap();
        (count("resolved"), count("remaining"))
    }

    fn file(&self, path: &str) -> &Value {
        let files = self.completed.get("files").unwrap().as_array().unwrap();
        files.iter().find(|file| file.get("path").unwrap() == path).unwrap_or_else(|| panic!("{path}: {files:?}"))
    }

    /// The reason given for a file or for its first conflict that is left.
    fn reason(&self, path: &str) -> String {
        let file = self.file(path);
        let hunks = file.get("hunks").unwrap().as_array().unwrap();
        let of_hunk = hunks.iter().find_map(|hunk| hunk.get("reason"));
        file.get("reason").or(of_hunk).unwrap_or_else(|| panic!("{file}")).as_str().unwrap().to_owned()
    }
}

#[test]
fn the_grant_covers_what_is_needed_and_no_more() {
    let grant: toml::Table = include_str!("../../grant.toml").parse().unwrap();
    let grant = grant.get("grant").unwrap();
    let texts = |value: &toml::Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect()
    };
    let mut granted: Vec<Capability> = texts(grant.get("emit").unwrap()).into_iter().map(Capability::Emit).collect();
    let workspace = grant.get("workspace").unwrap();
    granted.extend(texts(workspace.get("read").unwrap()).into_iter().map(Capability::WorkspaceRead));
    granted.extend(texts(workspace.get("write").unwrap()).into_iter().map(Capability::WorkspaceWrite));
    for process in grant.get("process").unwrap().as_array().unwrap() {
        let program = process.get("program").unwrap().as_str().unwrap();
        granted.push(Capability::process(program, texts(process.get("args").unwrap())));
    }
    assert_eq!(grant.get("session_effects"), Some(&toml::Value::Boolean(true)));
    let needs = MergeResolver::describe().needs;
    let shown = |list: &[Capability]| {
        let mut shown: Vec<String> = list.iter().map(|it| format!("{it:?}")).collect();
        shown.sort();
        shown
    };
    assert_eq!(shown(&granted), shown(&needs));
}

#[test]
fn a_bad_configuration_is_refused() {
    let long = format!(r#"{{"test":"{}"}}"#, "x".repeat(1_001));
    for config in [r#"{"commit":1}"#, r#"{"unknown":true}"#, long.as_str()] {
        assert!(MergeResolver::default().init(&Config::new(config)).is_err(), "{config}");
    }
    let longest = format!(r#"{{"test":"{}"}}"#, "x".repeat(1_000));
    assert!(MergeResolver::default().init(&Config::new(longest)).is_ok());
    serde_json::from_str::<Value>(settings::SCHEMA).unwrap();
}
