//! `cargo xtask`: what a developer of Tollgate runs now and then. Knows Tollgate as its users do: by its binary.

mod agents;
mod clients;
mod e2e;
mod fanout;
mod host;
mod measure;
mod merges;
mod model;
mod node;
mod npm;
mod options;
mod packages;
mod process;
mod progress;
mod rooms;
mod tollgate;

use clap::Parser as _;
use options::Common;
use std::io::Write as _;
use std::process::ExitCode;

/// What a developer of Tollgate runs now and then.
#[derive(Debug, clap::Parser)]
#[command(name = "cargo xtask", arg_required_else_help = true)]
enum Task {
    /// Run the real agents behind a real daemon, with a model made here, and say what held
    ///
    /// Fetches the agents' own programs with npm, in the versions that are named here. Each runs in folders of its
    /// own that go again; the model is on 127.0.0.1. Nothing of yours is read or written but the cache.
    AgentsE2e(e2e::Options),
    /// Run WebSocket clients that others wrote, npm's ws and PyPI's websockets, against a real daemon
    ///
    /// Fetches both with npm and pip into the cache. The daemon is on a temporary home that goes again.
    WsClients(Common),
    /// Measure the fan-out to WebSocket clients: beside a Socket.IO server on Node.js, and beside a client that stalls
    ///
    /// First the same events to the same number of clients from either, as deliveries for each second of the server's
    /// processor time, counted and checked at the clients. Then how long an event takes to 200 clients that read,
    /// alone and beside one that has stopped reading. Needs Node.js; fetches its packages with npm into the cache. The
    /// servers are on 127.0.0.1, the daemon on a temporary home that goes again (its journal takes some 200 MiB).
    Fanout(fanout::Options),
    /// Run the official Socket.IO client, npm's socket.io-client, against a real daemon, over each of its transports
    ///
    /// A whole session of a runner, in overlapping rooms, resumed by a cursor; and a dashboard of hooks. Fetches the
    /// client with npm into the cache. The daemon is on a temporary home that goes again.
    SocketioClient(Common),
    /// Drive a whole session by clients that others wrote: npm's socket.io-client in its rooms, and npm's ws on /ws
    ///
    /// A small shell script is run in a terminal, asks for an approval and is approved from a room; then another, which is
    /// denied. Needs Node.js; fetches both with npm into the cache. The daemon is on a temporary home that goes again.
    ControlPlane(Common),
    /// Hold 200 official Socket.IO clients in rooms under 1,000 events a second, some of which stop reading
    ///
    /// Says how long an event takes to those that read (p50, p99), and counts: everything of their rooms is to come to them
    /// once, and the others are to be told of all that they missed. Needs Node.js; fetches the client with npm into the
    /// cache. The daemon is on a temporary home that goes again.
    SocketioRooms(rooms::Options),
    /// Replay the merges of real histories, and hold what the merge resolver makes of their conflicts against what
    /// people committed
    ///
    /// Beside it: git with `-X ignore-space-change`, and mergiraf where it is named. The repositories are only read;
    /// all of it is done in a temporary folder that goes again. Needs git 2.45 or newer.
    #[command(after_long_help = EXAMPLES)]
    MergeHistory(merges::Options),
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask merge-history ../flask ../gson --with-mergiraf ~/.cargo/bin/mergiraf
  cargo xtask merge-history ../flask --limit 500 --keep /tmp/looked-at  see what differs, file by file";

fn main() -> ExitCode {
    let task = Task::parse();
    process::stop_on_signals();
    let held = match task {
        Task::AgentsE2e(options) => e2e::run(&options),
        Task::WsClients(options) => clients::run(&options),
        Task::Fanout(options) => fanout::run(&options),
        Task::SocketioClient(options) => clients::socketio::run(&options),
        Task::ControlPlane(options) => clients::control_plane::run(&options),
        Task::SocketioRooms(options) => rooms::run(&options),
        Task::MergeHistory(options) => merges::run(&options),
    };
    match held {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
