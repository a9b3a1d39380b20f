//! The fan-out to WebSocket clients, measured: beside a Socket.IO server on Node.js, and beside a client that stalls.
//!
//! Knows Tollgate by its binary. Owns what is asked for and which programs others wrote; says what was measured, and
//! fails only where something was lost, never because it took long.

mod deliveries;
mod report;
mod stalled;
mod tables;

use crate::host::{DURABLE, Host};
use crate::options::{Common, MAX_CLIENTS};
use crate::packages::{SOCKET_IO, SOCKET_IO_CLIENT, WS};
use anyhow::Result;
use clap::value_parser;
use deliveries::Load;
use report::Report;
use serde_json::json;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Most events of a round: what arrived is remembered for each client and event, 25 MiB of it.
const MAX_EVENTS: i64 = 100_000;
/// Slower than this a round would take hours, and more a second than this nothing here emits.
const PER_SECOND: std::ops::RangeInclusive<i64> = 10..=100_000;
/// Most rounds: an hour of them.
const MAX_ROUNDS: i64 = 100;

/// How much of it.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Clients that each event goes to; beside the stalled one there are always 200
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = value_parser!(u32).range(1..=MAX_CLIENTS))]
    clients: u32,
    /// Events in a round to these clients
    #[arg(long, value_name = "NUMBER", default_value_t = 4_000, value_parser = value_parser!(u32).range(1..=MAX_EVENTS))]
    events: u32,
    /// Emit so many of them a second [default: as many as all clients take, 500 being under way at most]
    #[arg(long, value_name = "NUMBER", value_parser = value_parser!(u32).range(PER_SECOND))]
    per_second: Option<u32>,
    /// How often both are measured, in turn; medians count
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = value_parser!(u32).range(1..=MAX_ROUNDS))]
    rounds: u32,
    #[command(flatten)]
    common: Common,
}

/// Measures both; whether everything arrived that was to.
///
/// # Errors
/// When there is no Tollgate to look at, or a package cannot be fetched or a program not be run. That there is no
/// Node.js is none: it is said.
pub fn run(options: &Options) -> Result<bool> {
    let cache = options.common.cache.resolve()?;
    let mut out = std::io::stdout();
    if let Some(program) = missing(&cache, std::env::var_os("PATH").as_deref()) {
        let why = format!("nothing was measured: the clients are Node.js programs, and `{program}` is not on the PATH");
        let said = if options.common.json { json!({"measured": false, "why": why}).to_string() } else { why };
        writeln!(out, "{said}")?;
        return Ok(true);
    }
    let binary = options.common.binary.resolve()?;
    let modules = Modules {
        ws: WS.modules(&cache)?,
        server: SOCKET_IO.modules(&cache)?,
        client: SOCKET_IO_CLIENT.modules(&cache)?,
    };
    let root = tempfile::Builder::new().prefix("tollgate-fanout-").tempdir()?;
    let folder = root.path().canonicalize()?;
    let mut host = Host::start(&binary, &folder, DURABLE)?;
    let load = Load { clients: options.clients, events: options.events, per_second: options.per_second };
    let deliveries = deliveries::measure(&host, &modules, load, options.rounds)?;
    let stalled = stalled::measure(&host, &modules, options.rounds)?;
    host.lives()?;
    let report = Report { deliveries, stalled };
    let text = if options.common.json { report.to_json() } else { report.to_string() };
    out.write_all(text.as_bytes())?;
    Ok(report.problems().is_empty())
}

/// Where the packages are.
struct Modules {
    ws: PathBuf,
    server: PathBuf,
    client: PathBuf,
}

/// The program that is needed and is in none of the folders of `path`: `npm` only where it has something to fetch.
fn missing(cache: &Path, path: Option<&OsStr>) -> Option<&'static str> {
    let there = |name: &str| std::env::split_paths(path.unwrap_or_default()).any(|folder| folder.join(name).is_file());
    let fetched = [WS, SOCKET_IO, SOCKET_IO_CLIENT].iter().all(|package| package.folder(cache).exists());
    let needed = if fetched { ["node"].as_slice() } else { &["node", "npm"] };
    needed.iter().find(|name| !there(name)).copied()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use clap::Parser as _;
    use std::fs;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn parse(line: &str) -> Result<Options, String> {
        let parsed = Line::try_parse_from(std::iter::once("fanout").chain(line.split_whitespace()));
        parsed.map(|line| line.options).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_said_is_as_the_measure_is_written_down() {
        let options = parse("").unwrap();
        assert_eq!((options.clients, options.events, options.per_second, options.rounds), (50, 4_000, None, 3));
        let options = parse("--clients 7 --events 9 --per-second 100 --rounds 1 --json").unwrap();
        assert_eq!((options.clients, options.events, options.per_second, options.rounds), (7, 9, Some(100), 1));
        assert!(options.common.json);
    }

    #[test]
    fn every_number_has_its_bounds() {
        let bounds = [("clients", 1, 256), ("events", 1, 100_000), ("per-second", 10, 100_000), ("rounds", 1, 100)];
        for (name, least, most) in bounds {
            for (number, taken) in [(least - 1, false), (least, true), (most, true), (most + 1, false)] {
                assert_eq!(parse(&format!("--{name} {number}")).is_ok(), taken, "{name} {number}");
            }
        }
        for wrong in ["--clients many", "--clients", "--events -1", "--events 1.5", "more"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_needed_and_missing_is_named() {
        let (folder, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = std::env::join_paths([Path::new("/nowhere"), folder.path()]).unwrap();
        assert_eq!(missing(cache.path(), None), Some("node"));
        assert_eq!(missing(cache.path(), Some(&path)), Some("node"));
        fs::write(folder.path().join("node"), "").unwrap();
        assert_eq!(missing(cache.path(), Some(&path)), Some("npm"));
        for package in [WS, SOCKET_IO, SOCKET_IO_CLIENT] {
            fs::create_dir(package.folder(cache.path())).unwrap();
        }
        assert_eq!(missing(cache.path(), Some(&path)), None, "nothing is left to fetch");
        fs::remove_file(folder.path().join("node")).unwrap();
        assert_eq!(missing(cache.path(), Some(&path)), Some("node"));
        fs::create_dir(folder.path().join("node")).unwrap();
        assert_eq!(missing(cache.path(), Some(&path)), Some("node"), "a folder is no program");
    }
}
