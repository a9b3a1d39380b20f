//! Clients that others wrote, as they are, against a real daemon: what each of them sees over its WebSocket, and one
//! over Socket.IO.
//!
//! Knows Tollgate by its binary, and the clients by a few lines of their own language each.

pub mod control_plane;
pub mod socketio;

use crate::host::Host;
use crate::options::Common;
use crate::packages::WS;
use crate::process::{Running, wait_for};
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The client of the Python Package Index.
const WEBSOCKETS: &str = "websockets==17.4";
/// What the clients run.
const WS_SCRIPT: &str = include_str!("client.cjs");
const WEBSOCKETS_SCRIPT: &str = include_str!("client.py");
/// How long a package may take to come, and a client to see what it is to see.
const FETCH: Duration = Duration::from_secs(300);
const SEEN: Duration = Duration::from_secs(60);
/// Events that a client is to see; as many of another type pass it by.
const EVENTS: u64 = 200;

/// Runs both; whether each saw what it was to see.
///
/// # Errors
/// When there is no Tollgate to look at, or a client cannot be fetched or run.
pub fn run(options: &Common) -> Result<bool> {
    let (binary, cache) = (options.binary.resolve()?, options.cache.resolve()?);
    let folder = tempfile::tempdir()?;
    let host = Host::start(&binary, folder.path(), "")?;
    let mut held = true;
    for (name, command) in [("ws (npm)", node(&cache)?), ("websockets (PyPI)", python(&cache)?)] {
        let seen = host.client(name, command)?;
        let problems = Host::problems(&seen);
        held &= problems.is_empty();
        let mut out = std::io::stdout().lock();
        if options.json {
            writeln!(out, "{}", json!({"client": name, "seen": seen, "problems": problems}))?;
        } else {
            let verdict = if problems.is_empty() { "holds".to_owned() } else { problems.join("; ") };
            let said = |key| seen.get(key).unwrap_or(&Value::Null);
            writeln!(out, "{name}: {} events, {}: {verdict}", said("events"), said("version"))?;
        }
    }
    Ok(held)
}

/// A client in Node.js.
fn node(cache: &Path) -> Result<Command> {
    let mut command = Command::new("node");
    command.args(["-e", WS_SCRIPT]).env("NODE_PATH", WS.modules(cache)?);
    Ok(command)
}

/// A client in Python.
fn python(cache: &Path) -> Result<Command> {
    let folder = cache.join(WEBSOCKETS);
    if !folder.exists() {
        fs::create_dir_all(cache)?;
        // Fetched aside and renamed, so that half of a package is never taken for all of it.
        let aside = tempfile::Builder::new().prefix(".fetch-").tempdir_in(cache)?;
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--target"]);
        pip.arg(aside.path()).arg(WEBSOCKETS);
        let log = tempfile::NamedTempFile::new()?;
        Running::start("pip", &mut pip, log.path())?.succeed(FETCH)?;
        fs::rename(aside.path(), &folder)?;
    }
    let mut command = Command::new("python3");
    command.args(["-c", WEBSOCKETS_SCRIPT]).env("PYTHONPATH", folder);
    Ok(command)
}

impl Host<'_> {
    /// Runs a client while events happen: what it says that it saw.
    fn client(&self, name: &str, mut client: Command) -> Result<Value> {
        let log = self.folder.join("client.log");
        let out = self.folder.join("client.out");
        client.env("URL", format!("ws://{}/ws/events?filter=task.*", self.address)).env("TOKEN", &self.token);
        client.env("EVENTS", EVENTS.to_string()).stdin(Stdio::null());
        client.stdout(fs::File::create(&out)?).stderr(fs::File::create(&log)?);
        let mut running = Running::start_as_is(name, &mut client, &log)?;
        let lines = || Ok::<_, anyhow::Error>(fs::read_to_string(&out)?.lines().map(str::to_owned).collect::<Vec<_>>());
        wait_for("the client to be connected", SEEN, || {
            if let Some(status) = running.ended()? {
                bail!("{name} ended with {status}: {}", running.last_words());
            }
            Ok((!lines()?.is_empty()).then_some(()))
        })?;
        let event = |count| json!({"type": "task.progress", "payload": {"progress": 1, "message": format!("{count}")}});
        let mixed = (0..EVENTS).map(|count| format!("{}\n{}\n", event(count), json!({"type": "a.b"})));
        self.emit(&mixed.collect::<String>())?;
        let status = running.wait(SEEN)?;
        ensure!(status.success(), "{name} ended with {status}: {}", running.last_words());
        let last = lines()?.pop().context("it said nothing")?;
        serde_json::from_str(&last).with_context(|| format!("{name} said: {last}"))
    }

    fn emit(&self, events: &str) -> Result<()> {
        let path = self.folder.join("events");
        fs::write(&path, events)?;
        let mut emit = self.tollgate.command(&["emit"]);
        let log = self.folder.join("emit.log");
        emit.stdin(fs::File::open(&path)?).stdout(Stdio::null()).stderr(fs::File::create(&log)?);
        Running::start_as_is("tollgate emit", &mut emit, &log)?.succeed(SEEN)
    }

    /// What of it is not as it is to be.
    fn problems(seen: &Value) -> Vec<String> {
        let wanted = [
            ("events", json!(EVENTS)),
            ("in_order", json!(true)),
            ("types", json!(["task.progress"])),
            ("pong", json!(true)),
            ("protocol_pong", json!(true)),
            ("resumed", json!(1)),
            ("refused", json!(401)),
        ];
        differences(seen, &wanted)
    }
}

/// What was seen otherwise than it was to be.
fn differences(seen: &Value, wanted: &[(&str, Value)]) -> Vec<String> {
    let mut problems = Vec::new();
    for (what, wanted) in wanted {
        let found = seen.get(what).unwrap_or(&Value::Null);
        if found != wanted {
            problems.push(format!("{what}: {found}, not {wanted}"));
        }
    }
    problems
}
