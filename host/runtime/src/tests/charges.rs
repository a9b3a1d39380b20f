//! What the host's work costs a guest: each import, its bytes in both directions, and the call that cannot pay.

use super::{SESSION, World};
use crate::bindings::tollgate::plugin::process::{Command, Host as Process, HostChild};
use crate::bindings::tollgate::plugin::types::Draft;
use crate::bindings::tollgate::plugin::{bus, data, interactions, log, session, store, workspace};
use crate::capability::{Capabilities, Phase};
use crate::fault::FaultCause;
use crate::grant::{Ask, Grant};
use crate::host::{CallSubject, GuestState, StateParts};
use crate::limits::{FUEL_PER_HOST_CALL, FUEL_PER_START, FUEL_PER_STORE_CALL, FUEL_PER_SYNC, Limits};
use crate::logs::LogRing;
use crate::services::Services;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tollgate_core::time::Clock;
use wasmtime_wasi::WasiView;

const EVERYTHING: &str = "[grant]\nemit = [\"demo.*\"]\ndata = { max_bytes = 10_000_000 }\nsession_effects = true\n\
    workspace = { read = [\"**\"], write = [\"**\"] }\nprocess = [{ program = \"sh\", args = [\"**\"] }]\n";
/// Bytes of whatever is moved: enough to stand out from the price of the call.
const BYTES: usize = 10_000;

/// Emits of a minute: fewer than those of an event.
pub(super) const EMITS_PER_MINUTE: u32 = 50;
/// Bytes that the plugin may keep in its folder.
const DATA_BYTES: u64 = 3 << 20;

/// A guest's state in a call of `fuel`.
pub(super) fn state(world: &World, fuel: u64) -> GuestState {
    let asks = [
        Ask::Emit("demo.*".into()),
        Ask::Data(DATA_BYTES),
        Ask::SessionEffects,
        Ask::WorkspaceRead("**".into()),
        Ask::WorkspaceWrite("**".into()),
        Ask::Process { program: "sh".into(), args: vec!["**".into()] },
    ];
    let mut state = GuestState::new(StateParts {
        plugin: "p".into(),
        bus: world.bus.clone(),
        limits: Limits { emits_per_minute: EMITS_PER_MINUTE, ..Limits::default() },
        capabilities: Arc::new(Capabilities::new(&asks, &Grant::parse(EVERYTHING).unwrap())),
        ring: Arc::new(LogRing::new(Clock::system())),
        usage: Arc::default(),
        services: Arc::new(Services::new(&world.home, Arc::clone(&world.sessions), None)),
        data: world.home.data("p"),
    });
    begin(&mut state, fuel);
    state
}

fn begin(state: &mut GuestState, fuel: u64) {
    let session = SESSION.into();
    let subject = CallSubject { cause: None, cause_id: b"x", session: Some(&session) };
    state.begin(Phase::Handle, fuel, Instant::now() + Duration::from_secs(60), Some(subject));
}

fn text() -> String {
    "x".repeat(BYTES)
}

fn draft() -> Draft {
    Draft { type_: "demo.x".into(), entity: None, payload: format!("{{\"x\":\"{}\"}}", text()) }
}

fn command() -> Command {
    let args = vec!["-c".into(), format!("printf %10000s; : {}", text())];
    Command { program: "sh".into(), args, cwd: None, env: Vec::new(), stdin: None, timeout_ms: u32::MAX }
}

/// The answer, after it was checked that the call cost `$least` at least besides what every call costs.
macro_rules! costs {
    ($state:ident, $least:expr, $call:expr) => {{
        let before = $state.owed();
        let answer = $call.unwrap();
        let (cost, least) = ($state.owed() - before, FUEL_PER_HOST_CALL + u64::try_from($least).unwrap());
        assert!(cost >= least, "{} costs {cost}, not {least}", stringify!($call));
        answer
    }};
}

#[tokio::test(flavor = "multi_thread")]
async fn every_import_costs_its_call_and_its_bytes() {
    let world = World::new();
    let mut state = state(&world, u64::MAX);
    let state = &mut state;
    costs!(state, BYTES, log::Host::write(state, log::Level::Info, text()));
    costs!(state, BYTES, bus::Host::emit(state, draft())).unwrap();
    costs!(state, BYTES, bus::Host::emit_now(state, draft()).await).unwrap();
    let stored = usize::try_from(FUEL_PER_STORE_CALL).unwrap();
    costs!(state, stored + BYTES, store::Host::set(state, "k".repeat(100), text().into()).await).unwrap();
    costs!(state, stored + BYTES, store::Host::get(state, "k".repeat(100)).await).unwrap();
    costs!(state, stored + 100, store::Host::keys(state, String::new()).await).unwrap();
    costs!(state, stored + 100, store::Host::delete(state, "k".repeat(100)).await).unwrap();
    costs!(state, BYTES, data::Host::append(state, "a".into(), text().into())).unwrap();
    costs!(state, BYTES, data::Host::read(state, "a".into(), 0, BYTES as u32)).unwrap();
    costs!(state, 1, data::Host::size(state, "a".into())).unwrap();
    costs!(state, FUEL_PER_SYNC, data::Host::sync(state, "a".into()).await).unwrap();
    costs!(state, 1, data::Host::truncate(state, "a".into(), 5)).unwrap();
    costs!(state, 101, data::Host::rename(state, "a".into(), "b".repeat(100))).unwrap();
    costs!(state, 100, data::Host::names(state)).unwrap();
    costs!(state, 100, data::Host::remove(state, "b".repeat(100))).unwrap();
    costs!(state, BYTES, workspace::Host::write(state, "a".into(), 0, text().into(), true).await).unwrap();
    costs!(state, BYTES, workspace::Host::read(state, "a".into(), 0, BYTES as u32).await).unwrap();
    costs!(state, 1, workspace::Host::stat(state, "a".into()).await).unwrap();
    costs!(state, 1, workspace::Host::names(state, String::new()).await).unwrap();
    costs!(state, 1, workspace::Host::remove(state, "a".into()).await).unwrap();
    costs!(state, BYTES, session::Host::prompt(state, text())).unwrap();
    costs!(state, 4, session::Host::set_mode(state, "plan".into())).unwrap();
    costs!(state, 4, session::Host::grant(state, "Read".into())).unwrap();
    let question = interactions::Question {
        kind: "question".into(),
        text: text(),
        options: Vec::new(),
        details: String::new(),
        ttl_ms: None,
    };
    assert!(costs!(state, BYTES, interactions::Host::ask(state, question).await).is_err(), "nobody is there to ask");
    let start = usize::try_from(FUEL_PER_START).unwrap();
    let child = costs!(state, start + BYTES, Process::start(state, command()).await).unwrap();
    let handle = || wasmtime::component::Resource::new_borrow(child.rep());
    costs!(state, BYTES, HostChild::next_output(state, handle()).await).unwrap();
    costs!(state, 0, HostChild::wait(state, handle()).await);
    costs!(state, 0, HostChild::kill(state, handle()));
    HostChild::drop(state, child).unwrap();
    // Every import of WASI begins here.
    let before = state.owed();
    state.ctx();
    assert_eq!(state.owed() - before, FUEL_PER_HOST_CALL);
}

#[tokio::test(flavor = "multi_thread")]
async fn measuring_the_own_folder_costs_by_the_file() {
    let world = World::new();
    let mut state = state(&world, u64::MAX);
    let state = &mut state;
    for file in 0..50 {
        data::Host::append(state, format!("f{file}"), vec![1]).unwrap().unwrap();
    }
    // What is there is not known any more.
    data::Host::truncate(state, "f0".into(), 0).unwrap().unwrap();
    costs!(state, 50 * FUEL_PER_HOST_CALL, data::Host::append(state, "f0".into(), vec![1])).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_cannot_pay_ends_there() {
    let world = World::new();
    let mut state = state(&world, 3 * FUEL_PER_HOST_CALL);
    let mut line = |text: &str| log::Host::write(&mut state, log::Level::Info, text.to_owned());
    line("one").unwrap();
    line("two").unwrap();
    let error = line(&"x".repeat(1_000)).unwrap_err();
    assert_eq!(crate::fault::Fault::of(&error, state.notes()).cause, FaultCause::OutOfFuel);
    begin(&mut state, 3 * FUEL_PER_HOST_CALL);
    assert_eq!(state.owed(), 0, "the next call begins without debt");
}
