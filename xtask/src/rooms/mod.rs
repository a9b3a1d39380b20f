//! Many official Socket.IO clients in overlapping rooms under a steady load, some of which stop reading for a while.
//!
//! Knows Tollgate by its binary. Owns the load; what is counted is the clients'. Fails where something was lost, came twice
//! or was not told of, never because it took long.

mod report;

use crate::host::{DURABLE, Host};
use crate::measure;
use crate::node::{Node, Script};
use crate::options::{Common, MAX_CLIENTS};
use crate::packages::SOCKET_IO_CLIENT;
use anyhow::{Result, ensure};
use clap::value_parser;
use report::Report;
use std::io::Write as _;
use std::time::{Duration, Instant};

const CLIENTS: Script = Script("rooms.cjs", include_str!("rooms.cjs"));
/// Slower than this nothing is measured, and more a second than this nothing here emits.
const PER_SECOND: std::ops::RangeInclusive<i64> = 10..=20_000;
/// Longest measure: who does not answer a ping within 20 s is let go, and the stalled ones do not while it lasts.
const MAX_SECONDS: i64 = 12;
/// Requests a second, each with an equal part of the events.
const REQUESTS_A_SECOND: u32 = 100;
/// The text in each event's payload: what a tool says of itself.
const TEXT_BYTES: u32 = 200;
/// Before the measure: hooks that the stalled clients alone are told of, more than a connection (4 MiB where Linux is as it
/// comes) and its queue of 1,000 hold.
const FILLERS: u32 = 2_500;
const FILLER_BYTES: u32 = 8 * 1_024;
const FILLER_BATCH: u32 = 100;
/// How long the clients may take to connect, until they are measured, and until they have said what they saw.
const CONNECT: Duration = Duration::from_secs(60);
const BEGIN: Duration = Duration::from_secs(60);
const SEEN: Duration = Duration::from_secs(120);

/// How much of it.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Clients, all told
    #[arg(long, value_name = "NUMBER", default_value_t = 200, value_parser = value_parser!(u32).range(1..=MAX_CLIENTS))]
    clients: u32,
    /// How many of them stop reading until everything is emitted
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = value_parser!(u32).range(0..=MAX_CLIENTS))]
    stalled: u32,
    /// Villages, each with an agent; each client is in one village, in its agent's room, and in a repository that all share
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = value_parser!(u32).range(1..=MAX_CLIENTS))]
    villages: u32,
    /// Events a second, to the villages in turn
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = value_parser!(u32).range(PER_SECOND))]
    per_second: u32,
    /// For how many seconds
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = value_parser!(u32).range(1..=MAX_SECONDS))]
    seconds: u32,
    #[command(flatten)]
    common: Common,
}

/// Measures them; whether those that read were told everything once, and the others of what they missed.
///
/// # Errors
/// When there is no Tollgate to look at, or the client cannot be fetched or run.
pub fn run(options: &Options) -> Result<bool> {
    let Options { clients, stalled, villages, per_second, seconds, common } = options;
    ensure!(stalled < clients, "--stalled {stalled}: some of the {clients} clients have to read");
    let (binary, cache) = (common.binary.resolve()?, common.cache.resolve()?);
    let modules = SOCKET_IO_CLIENT.modules(&cache)?;
    let root = tempfile::Builder::new().prefix("tollgate-rooms-").tempdir()?;
    let folder = root.path().canonicalize()?;
    let mut host = Host::start(&binary, &folder, DURABLE)?;
    let given = [
        ("ADDRESS", host.address.clone()),
        ("TOKEN", host.token.clone()),
        ("CLIENTS", clients.to_string()),
        ("STALLED", stalled.to_string()),
        ("VILLAGES", villages.to_string()),
        ("EVENTS", per_second.saturating_mul(*seconds).to_string()),
        ("PER_SECOND", per_second.to_string()),
        // The first second counts for nothing but loss.
        ("WARM_UP", per_second.to_string()),
        ("BATCH", per_second.div_ceil(REQUESTS_A_SECOND).to_string()),
        ("TEXT_BYTES", TEXT_BYTES.to_string()),
        ("FILLERS", FILLERS.to_string()),
        ("FILLER_BYTES", FILLER_BYTES.to_string()),
        ("FILLER_BATCH", FILLER_BATCH.to_string()),
    ];
    let mut node = Node::start(&folder, CLIENTS, std::slice::from_ref(&modules), &given)?;
    node.hear("the clients to connect", CONNECT)?;
    node.go()?;
    node.hear("the measure to begin", BEGIN)?;
    let used = |node: &Node| Ok::<_, anyhow::Error>([measure::cpu(host.daemon.id())?, measure::cpu(node.id())?]);
    let (begun, [daemon_before, own_before]) = (Instant::now(), used(&node)?);
    let said = node.hear("the clients to say what they saw", SEEN)?;
    let (took, [daemon, own]) = (begun.elapsed(), used(&node)?);
    let share = |after: Duration, before| after.saturating_sub(before).div_duration_f64(took);
    node.end()?;
    host.lives()?;
    let report = Report::read(options, &said, [share(daemon, daemon_before), share(own, own_before)])?;
    let text = if common.json { report.to_json() } else { report.to_string() };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(report.problems().is_empty())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use clap::Parser as _;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    pub fn parse(line: &str) -> Result<Options, String> {
        let parsed = Line::try_parse_from(std::iter::once("rooms").chain(line.split_whitespace()));
        parsed.map(|line| line.options).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_said_is_as_it_is_written_down_and_every_number_has_its_bounds() {
        let options = parse("").unwrap();
        assert_eq!((options.clients, options.stalled, options.villages), (200, 10, 20));
        assert_eq!((options.per_second, options.seconds), (1_000, 10));
        let bounds = [
            ("clients", 1, 256),
            ("stalled", 0, 256),
            ("villages", 1, 256),
            ("per-second", 10, 20_000),
            ("seconds", 1, 12),
        ];
        for (name, least, most) in bounds {
            for (number, taken) in [(least - 1, false), (least, true), (most, true), (most + 1, false)] {
                assert_eq!(parse(&format!("--{name}={number}")).is_ok(), taken, "{name} {number}");
            }
        }
        let refused = run(&parse("--clients 5 --stalled 5").unwrap()).unwrap_err().to_string();
        assert!(refused.contains("--stalled 5: some of the 5 clients have to read"), "{refused}");
    }
}
