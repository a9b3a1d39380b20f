//! A whole session of a runner, driven by clients that others wrote: npm's official Socket.IO client in its rooms, and npm's
//! `ws` on `/ws`. It is approved once, and denied once.

use super::{SEEN, differences};
use crate::host::Host;
use crate::options::Common;
use crate::packages::{SOCKET_IO_CLIENT, WS};
use crate::process::Running;
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SCRIPT: &str = include_str!("control_plane.cjs");
/// What the session runs: it asks for an approval, waits for a line, and leaves a file behind.
const SESSION: &str = "echo hello from a session\nnode ask.cjs \"$1\"\necho asked\nread line\necho got $line\necho made > made.txt\necho bye\n";
/// How it asks, over the home's own socket.
const ASK: &str = include_str!("ask.cjs");
const STATES: [&str; 4] = ["PREPARING_WORKSPACE", "STARTING_PROVIDER", "RUNNING", "WAITING_FOR_APPROVAL"];

/// An answer, and what it is to come to.
struct Answer {
    decision: &'static str,
    states: [&'static str; 2],
    /// How often which words are in the output.
    output: [u64; 4],
    steps: &'static [&'static str],
    /// Whether the answer's words are the reason of the end.
    is_reason: bool,
}

const ANSWERS: [Answer; 2] = [
    Answer {
        decision: "approve",
        states: ["RUNNING", "COMPLETED"],
        output: [1, 1, 1, 1],
        steps: &["file_edit", "session_end", "session_start", "status_change"],
        is_reason: false,
    },
    Answer {
        decision: "reject",
        states: ["STOPPING", "FAILED"],
        output: [1, 1, 0, 0],
        steps: &["session_end", "session_start", "status_change"],
        is_reason: true,
    },
];

/// Drives both; whether each client saw what it was to see.
///
/// # Errors
/// When there is no Tollgate to look at, or a client cannot be fetched or run.
pub fn run(options: &Common) -> Result<bool> {
    let (binary, cache) = (options.binary.resolve()?, options.cache.resolve()?);
    let modules = [SOCKET_IO_CLIENT.modules(&cache)?, WS.modules(&cache)?];
    let root = tempfile::tempdir()?;
    let folder = root.path().canonicalize()?;
    let socket = folder.join("tollgate/run/tollgate.sock");
    let provider = format!("[providers.script]\nprogram = \"sh\"\nargs = [\"session.sh\", {socket:?}]\n");
    let host = Host::start(&binary, &folder, &format!("[workspace]\nallow = [{folder:?}]\n\n{provider}"))?;
    // What clients are told of a runner's session its plugin makes.
    host.tollgate.run(&["plugin", "inspect", "translation"])?;
    let mut held = true;
    for answer in &ANSWERS {
        let seen = session(&host, &modules, answer)?;
        let problems = problems(&seen, answer);
        held &= problems.is_empty();
        let mut out = std::io::stdout().lock();
        if options.json {
            let said = json!({"clients": [SOCKET_IO_CLIENT.name, WS.name], "decision": answer.decision, "seen": seen,
                              "problems": problems});
            writeln!(out, "{said}")?;
        } else {
            let verdict = if problems.is_empty() { "holds".to_owned() } else { problems.join("; ") };
            let ended = seen.get("state").unwrap_or(&Value::Null);
            writeln!(out, "{} and {}, {}: ended {ended}: {verdict}", SOCKET_IO_CLIENT.name, WS.name, answer.decision)?;
        }
    }
    Ok(held)
}

/// Runs one in a folder of its own: what the clients say that they saw.
fn session(host: &Host<'_>, modules: &[PathBuf], answer: &Answer) -> Result<Value> {
    let workspace = host.folder.join(answer.decision);
    fs::create_dir(&workspace)?;
    fs::write(workspace.join("session.sh"), SESSION)?;
    fs::write(workspace.join("ask.cjs"), ASK)?;
    let approver = fs::read_to_string(host.tollgate.home().join("approver-token"))?;
    let (log, out) = (host.folder.join("clients.log"), host.folder.join("clients.out"));
    let mut node = Command::new("node");
    let modules: Vec<OsString> = modules.iter().map(|path| path.clone().into_os_string()).collect();
    node.args(["-e", SCRIPT]).env("NODE_PATH", modules.join(":".as_ref())).env("DECISION", answer.decision);
    node.env("ADDRESS", &host.address).env("TOKEN", &host.token).env("APPROVER", approver.trim());
    node.env("WORKSPACE", &workspace).stdin(Stdio::null());
    node.stdout(fs::File::create(&out)?).stderr(fs::File::create(&log)?);
    let mut running = Running::start_as_is("the clients", &mut node, &log)?;
    let status = running.wait(SEEN)?;
    ensure!(status.success(), "the clients ended with {status}: {}", running.last_words());
    last_line(&out)
}

fn last_line(out: &Path) -> Result<Value> {
    let said = fs::read_to_string(out)?;
    let last = said.lines().last().context("the clients said nothing")?;
    serde_json::from_str(last).with_context(|| format!("the clients said: {last}"))
}

/// What of it is not as it is to be.
fn problems(seen: &Value, answer: &Answer) -> Vec<String> {
    let [_, end] = answer.states;
    let states = [STATES.as_slice(), &answer.states].concat();
    let mut problems = differences(
        seen,
        &[
            ("joined", json!([true, true, true, true])),
            ("question", json!("may it be published?")),
            ("while_it_waits", json!("WAITING_FOR_APPROVAL")),
            ("answers", json!([true, false, answer.decision])),
            ("told_how", json!(answer.decision)),
            ("state", json!(end)),
        ],
    );
    // A question is its village's; the agent's room has what the agent does.
    let asked = ["agent_spawn", "interaction_requested", "interaction_resolved", "agent_disconnect"];
    for (room, other) in
        [("village", asked.as_slice()), ("agent", &["agent_spawn", "agent_disconnect"]), ("both", &asked)]
    {
        let here = seen.pointer(&format!("/rooms/{room}")).unwrap_or(&Value::Null);
        let wanted = [
            ("output", json!(answer.output)),
            ("steps", json!(answer.steps)),
            ("states", json!(states)),
            ("other", json!(other)),
            ("end", json!(end)),
            ("twice", json!(0)),
        ];
        problems.extend(differences(here, &wanted).into_iter().map(|problem| format!("{room}: {problem}")));
    }
    let said = ["connected", "authenticated", "subscribed", "approval_request", "approval_resolved", "completed"];
    let plain = seen.get("plain").unwrap_or(&Value::Null);
    let wanted =
        [("said", json!(said)), ("output", json!(answer.output)), ("states", json!(states)), ("end", json!(end))];
    problems.extend(differences(plain, &wanted).into_iter().map(|problem| format!("/ws: {problem}")));
    let reason = seen.get("reason").and_then(Value::as_str).unwrap_or_default();
    if reason.contains("because it was said so") != answer.is_reason {
        problems.push(format!("reason: {reason:?}"));
    }
    problems
}
