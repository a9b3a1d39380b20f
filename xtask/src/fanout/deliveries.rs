//! The same events to the same number of clients, by a Tollgate and by the peer in turn. Owns the load; what is counted
//! is the clients'.

use super::Modules;
use super::report::{Counts, Deliveries, Round, Turn};
use crate::host::Host;
use crate::measure;
use crate::node::{Node, Script};
use crate::progress::tell;
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PEER: Script = Script("peer.cjs", include_str!("peer.cjs"));
const CLIENTS: Script = Script("deliveries.cjs", include_str!("deliveries.cjs"));
/// Most events in one request; where so many a second are emitted, what a hundredth of a second brings.
const BATCH: u32 = 100;
const REQUESTS_A_SECOND: u32 = 100;
/// Most events that are not yet with every client: half of what a Tollgate keeps for a client before it drops any.
const WINDOW: u32 = 500;
/// The text in each event's payload: what a tool says of itself.
const TEXT_BYTES: u32 = 200;
/// Of a round's events, as many are sent before the first one and count for nothing: one in so many.
const WARM_UP: u32 = 4;
/// How long a server may take to start, or the clients to connect.
const START: Duration = Duration::from_secs(60);
/// How long a round may take: what it takes to begin and to miss something, and this many deliveries a second.
const ROUND: Duration = Duration::from_secs(120);
const SLOWEST: u64 = 2_000;

/// What is sent in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// To how many clients.
    pub clients: u32,
    /// How many events.
    pub events: u32,
    /// So many a second; as many as the clients take where none is said.
    pub per_second: Option<u32>,
}

impl Load {
    fn batch(self) -> u32 {
        self.per_second.map_or(BATCH, |rate| (rate / REQUESTS_A_SECOND).clamp(1, BATCH))
    }

    fn within(self) -> Duration {
        let deliveries = u64::from(self.clients).saturating_mul(u64::from(self.events));
        let emitting = self.per_second.map_or(0, |rate| u64::from(self.events.div_ceil(rate.max(1))));
        ROUND.saturating_add(Duration::from_secs((deliveries / SLOWEST).saturating_add(emitting)))
    }
}

/// A server that runs, and the clients for it.
struct Server<'a> {
    kind: &'static str,
    address: &'a str,
    token: &'a str,
    process: u32,
    modules: &'a Path,
    folder: &'a Path,
}

/// Measures both, in turn.
///
/// # Errors
/// When a program cannot be run, or does not do what it is to.
pub fn measure(host: &Host<'_>, modules: &Modules, load: Load, rounds: u32) -> Result<Deliveries> {
    let mut peer = Node::start(host.folder, PEER, std::slice::from_ref(&modules.server), &[])?;
    let said = peer.hear("the Socket.IO server to listen", START)?;
    let address = said.get("address").and_then(Value::as_str).context("the peer names no address")?;
    let versions = said.get("versions").context("the peer names no version")?.clone();
    let (token, folder) = (host.token.as_str(), host.folder);
    let ours = Server {
        kind: "tollgate",
        address: &host.address,
        token,
        process: host.daemon.id(),
        modules: &modules.ws,
        folder,
    };
    let theirs = Server { kind: "socket.io", address, token: "", process: peer.id(), modules: &modules.client, folder };
    let warm_up = Load { events: load.events.div_ceil(WARM_UP), ..load };
    for server in [&ours, &theirs] {
        server.round(warm_up)?;
    }
    let mut measured = Vec::new();
    for round in 1..=rounds {
        measured.push(Round { ours: ours.round(load)?, theirs: theirs.round(load)? });
        tell("deliveries", "round", usize::try_from(round)?, usize::try_from(rounds)?);
    }
    peer.end()?;
    Ok(Deliveries { load, versions, rounds: measured })
}

impl Server<'_> {
    /// One round, with clients of its own.
    fn round(&self, load: Load) -> Result<Turn> {
        let given = [
            ("KIND", self.kind.to_owned()),
            ("ADDRESS", self.address.to_owned()),
            ("TOKEN", self.token.to_owned()),
            ("CLIENTS", load.clients.to_string()),
            ("EVENTS", load.events.to_string()),
            ("PER_SECOND", load.per_second.unwrap_or(0).to_string()),
            ("BATCH", load.batch().to_string()),
            ("WINDOW", WINDOW.to_string()),
            ("TEXT_BYTES", TEXT_BYTES.to_string()),
        ];
        let modules: [PathBuf; 1] = [self.modules.to_owned()];
        let mut clients = Node::start(self.folder, CLIENTS, &modules, &given)?;
        clients.hear("the clients to connect", START)?;
        let before = measure::settled(self.process)?;
        clients.go()?;
        let said = clients.hear("the events to arrive", load.within())?;
        let cpu = measure::settled(self.process)?.saturating_sub(before);
        clients.end()?;
        let seconds = said.get("seconds").and_then(Value::as_f64).context("the clients name no time")?;
        Ok(Turn { counts: Counts::read(&said)?, seconds, cpu })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_small_requests_and_time_for_it() {
        let load = |per_second| Load { clients: 50, events: 4_000, per_second };
        for (per_second, batch, seconds) in [
            (None, 100, 220),
            (Some(10), 1, 620),
            (Some(100), 1, 260),
            (Some(2_000), 20, 222),
            (Some(10_000), 100, 221),
            (Some(100_000), 100, 221),
        ] {
            let load = load(per_second);
            assert_eq!((load.batch(), load.within().as_secs()), (batch, seconds), "{per_second:?}");
        }
    }
}
