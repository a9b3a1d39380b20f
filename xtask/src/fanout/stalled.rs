//! Clients that read, alone and beside one that has stopped: by turns, with the same events. Owns the load; the times are
//! the clients'.

use super::Modules;
use super::report::{Beside, Counts, Latency, Pair, Stalled};
use crate::host::Host;
use crate::measure;
use crate::node::{Node, Script};
use crate::progress::tell;
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::time::{Duration, Instant};

const CLIENTS: Script = Script("stalled.cjs", include_str!("stalled.cjs"));
/// Clients that read.
pub const FAST: u32 = 200;
/// Events a second, and for how many seconds they are measured: what leaves two cores room.
pub const PER_SECOND: u32 = 100;
pub const SECONDS: u32 = 10;
/// Events before them that count for nothing.
const WARM_UP: u32 = 200;
/// What is emitted before: more than a stalled client's sockets (4 MiB where Linux is as it comes) and its queue of
/// 1,000 hold. The others do not follow it. It is emitted in either case.
const FILLERS: u32 = 4_000;
const FILLER_BYTES: u32 = 8 * 1024;
const FILLER_BATCH: u32 = 100;
/// How long the clients may take to connect, a phase until it is measured, and its measured part.
const CONNECT: Duration = Duration::from_secs(60);
const BEGIN: Duration = Duration::from_secs(120);
const PHASE: Duration = Duration::from_secs(120);

/// Measures both, in turn.
///
/// # Errors
/// When a program cannot be run, or does not do what it is to.
pub fn measure(host: &Host<'_>, modules: &Modules, rounds: u32) -> Result<Stalled> {
    let given = [
        ("ADDRESS", host.address.clone()),
        ("TOKEN", host.token.clone()),
        ("CLIENTS", FAST.to_string()),
        ("EVENTS", (PER_SECOND * SECONDS).to_string()),
        ("PER_SECOND", PER_SECOND.to_string()),
        ("ROUNDS", rounds.to_string()),
        ("WARM_UP", WARM_UP.to_string()),
        ("FILLERS", FILLERS.to_string()),
        ("FILLER_BYTES", FILLER_BYTES.to_string()),
        ("FILLER_BATCH", FILLER_BATCH.to_string()),
    ];
    let mut clients = Node::start(host.folder, CLIENTS, std::slice::from_ref(&modules.ws), &given)?;
    clients.hear("the clients to connect", CONNECT)?;
    clients.go()?;
    let mut measured = Vec::new();
    for round in 1..=rounds {
        let (alone, _) = phase(host, &mut clients)?;
        let (stalled, said) = phase(host, &mut clients)?;
        measured.push(Pair { alone, stalled, beside: Beside::read(&said)? });
        tell("beside a stalled client", "round", usize::try_from(round)?, usize::try_from(rounds)?);
    }
    clients.end()?;
    Ok(Stalled { rounds: measured })
}

/// One phase: what was measured, and what the clients said of it.
fn phase(host: &Host<'_>, clients: &mut Node) -> Result<(Latency, Value)> {
    clients.hear("a phase to begin", BEGIN)?;
    let used = |clients: &Node| Ok::<_, anyhow::Error>([measure::cpu(host.daemon.id())?, measure::cpu(clients.id())?]);
    let (begun, [daemon_before, own_before]) = (Instant::now(), used(clients)?);
    let said = clients.hear("a phase to end", PHASE)?;
    let (took, [daemon, own]) = (begun.elapsed(), used(clients)?);
    let share = |after: Duration, before| after.saturating_sub(before).div_duration_f64(took);
    let times = said.get("latencies_us").and_then(Value::as_array).context("the clients name no times")?;
    let times = times.iter().map(|time| time.as_u64().context("a time is no number")).collect::<Result<Vec<_>>>()?;
    let shares = [share(daemon, daemon_before), share(own, own_before)];
    Ok((Latency::new(Counts::read(&said)?, times, shares), said))
}
