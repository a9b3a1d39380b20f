//! The official Socket.IO client against a real daemon and its plugins, over each of its transports.

use super::SEEN;
use crate::host::Host;
use crate::options::Common;
use crate::packages::SOCKET_IO_CLIENT;
use crate::process::Running;
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

const NAME: &str = SOCKET_IO_CLIENT.name;
const SCRIPT: &str = include_str!("socketio.cjs");
/// What it is told to speak over, and what it then speaks over: by itself it begins with one and moves to the other.
const TRANSPORTS: [(&str, &str); 3] = [("default", "websocket"), ("websocket", "websocket"), ("polling", "polling")];

/// Runs it over each transport; whether it saw what it was to see.
///
/// # Errors
/// When there is no Tollgate to look at, or the client cannot be fetched or run.
pub fn run(options: &Common) -> Result<bool> {
    let (binary, cache) = (options.binary.resolve()?, options.cache.resolve()?);
    let modules = SOCKET_IO_CLIENT.modules(&cache)?;
    let folder = tempfile::tempdir()?;
    let host = Host::start(&binary, folder.path(), "")?;
    // What clients are told of a runner's session its plugin makes.
    host.tollgate.run(&["plugin", "inspect", "translation"])?;
    let mut held = true;
    for (transport, spoken) in TRANSPORTS {
        let seen = client(&host, &modules, transport)?;
        let problems = problems(&seen, transport, spoken);
        held &= problems.is_empty();
        let mut out = std::io::stdout().lock();
        if options.json {
            let said = json!({"client": NAME, "transports": transport, "seen": seen, "problems": problems});
            writeln!(out, "{said}")?;
        } else {
            let verdict = if problems.is_empty() { "holds".to_owned() } else { problems.join("; ") };
            writeln!(out, "{NAME}, {transport}: {verdict}")?;
        }
    }
    Ok(held)
}

/// Runs it over one: what it says that it saw.
fn client(host: &Host<'_>, modules: &Path, transport: &str) -> Result<Value> {
    let (log, out) = (host.folder.join("socketio.log"), host.folder.join("socketio.out"));
    let mut node = Command::new("node");
    node.args(["-e", SCRIPT]).env("NODE_PATH", modules).env("TRANSPORTS", transport);
    node.env("URL", format!("http://{}", host.address)).env("TOKEN", &host.token).stdin(Stdio::null());
    node.stdout(fs::File::create(&out)?).stderr(fs::File::create(&log)?);
    let mut running = Running::start_as_is(NAME, &mut node, &log)?;
    let status = running.wait(SEEN)?;
    ensure!(status.success(), "{NAME} ended with {status}: {}", running.last_words());
    let said = fs::read_to_string(&out)?;
    let last = said.lines().last().context("it said nothing")?;
    serde_json::from_str(last).with_context(|| format!("it said: {last}"))
}

/// What of it is not as it is to be. Every event of a runner but its ticks came, and came once.
fn problems(seen: &Value, transport: &str, spoken: &str) -> Vec<String> {
    let told = [
        "agent_disconnect",
        "agent_spawn",
        "alert_raised",
        "file_delete",
        "file_edit",
        "file_edit",
        "file_read",
        "output",
        "session_end",
        "session_start",
        "status_change",
        "status_change",
        "status_change",
        "test_finish",
        "test_start",
    ];
    let room =
        |kind: &str| json!({"ok": true, "room": format!("{kind}:{}-{transport}", kind.get(..1).unwrap_or(kind))});
    let wanted = [
        ("refused", json!("E_UNAUTH")),
        ("joined", json!([room("village"), room("agent")])),
        ("not_joined", json!("E_BAD_PAYLOAD")),
        ("told", json!(told)),
        ("cursors_in_order", json!(true)),
        ("transport", json!(spoken)),
        ("resumed", json!(["missed", "live"])),
        ("welcome", json!(true)),
        ("status", json!("running")),
        ("history", json!(1)),
        ("claude_event", json!("claude_event hook pre_tool 2")),
    ];
    super::differences(seen, &wanted)
}
