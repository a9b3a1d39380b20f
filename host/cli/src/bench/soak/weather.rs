//! What happens to the plugins meanwhile, by chance from a seed: they are dropped in, replaced, broken, half
//! written, regranted, disabled, reloaded and removed.

use super::load::Load;
use crate::client::{Client, ClientError};
use anyhow::{Context as _, anyhow};
use fastrand::Rng;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tollgate_bundled::guests;
use tollgate_core::home::Home;

/// The longest time between two changes.
const LONGEST_CALM_MS: u64 = 1_500;
/// How long a slow copy stays half done.
const SLOW_COPY: Duration = Duration::from_millis(300);
/// Longest wait for an answer: a reload compiles.
const ANSWER: Duration = Duration::from_secs(120);

/// A plugin that comes and goes.
struct Visitor {
    name: &'static str,
    versions: &'static [&'static [u8]],
    grants: &'static [&'static str],
}

const VISITORS: [Visitor; 3] = [
    Visitor {
        name: "counter",
        versions: &[guests::COUNTER, guests::COUNTER_V2],
        grants: &[
            "[grant]\nemit = [\"test_guest.counted\"]\n",
            "[grant]\nemit = [\"test_guest.counted\"]\n[limits]\nfuel_per_event = 20_000_000\n",
        ],
    },
    Visitor {
        name: "spin-handle",
        versions: &[guests::SPIN_HANDLE],
        grants: &["[limits]\ntimeout_ms = 50\n", "[limits]\nfuel_per_event = 2_000_000\n"],
    },
    Visitor { name: "panics", versions: &[guests::PANICS], grants: &["[grant]\n", "[limits]\ntimeout_ms = 200\n"] },
];

/// What is done to a plugin.
#[derive(Debug, Clone, Copy)]
enum Change {
    Drop,
    SlowCopy,
    Break,
    Regrant,
    Remove,
    Disable,
    Enable,
    Reload,
}

const CHANGES: [(Change, &str); 8] = [
    (Change::Drop, "dropped in"),
    (Change::SlowCopy, "copied in slowly"),
    (Change::Break, "broken"),
    (Change::Regrant, "regranted"),
    (Change::Remove, "removed"),
    (Change::Disable, "disabled"),
    (Change::Enable, "enabled"),
    (Change::Reload, "reloaded"),
];

/// How often each change was made.
pub type Changes = BTreeMap<&'static str, u64>;

/// The thread that makes the weather.
pub struct Weather(JoinHandle<anyhow::Result<Changes>>);

impl Weather {
    /// Starts it; it ends with the load, with every visitor in place and whole.
    pub fn start(load: &Arc<Load>, home: &Home, seed: u64) -> Self {
        let (load, home) = (Arc::clone(load), home.clone());
        Self(std::thread::spawn(move || {
            let made = blow(&load, &home, seed);
            if let Err(error) = &made {
                load.fail(format!("changing the plugins: {error:#}"));
            }
            made
        }))
    }

    /// Waits for its end.
    pub fn join(self) -> anyhow::Result<Changes> {
        self.0.join().map_err(|_| anyhow!("the thread that changes the plugins panicked"))?
    }
}

fn blow(load: &Load, home: &Home, seed: u64) -> anyhow::Result<Changes> {
    let mut rng = Rng::with_seed(seed);
    let mut made = Changes::new();
    while !load.is_over() {
        let (Some(visitor), Some((change, name))) = (rng.choice(&VISITORS), rng.choice(&CHANGES)) else { break };
        make(home, visitor, *change, &mut rng).with_context(|| format!("{} {name}", visitor.name))?;
        *made.entry(name).or_default() += 1;
        std::thread::sleep(Duration::from_millis(rng.u64(..LONGEST_CALM_MS)));
    }
    // So that what is left over of the load can be handled.
    for visitor in &VISITORS {
        make(home, visitor, Change::Drop, &mut rng)?;
        make(home, visitor, Change::Enable, &mut rng)?;
        make(home, visitor, Change::Reload, &mut rng)?;
    }
    Ok(made)
}

fn make(home: &Home, visitor: &Visitor, change: Change, rng: &mut Rng) -> anyhow::Result<()> {
    let component = file(home, visitor.name, "wasm");
    let bytes = rng.choice(visitor.versions).copied().unwrap_or_default();
    match change {
        Change::Drop => {
            regrant(home, visitor, rng)?;
            replace(&component, bytes)
        }
        Change::SlowCopy => {
            let (first, second) = bytes.split_at(rng.usize(..bytes.len()));
            let mut copy = fs::File::create(&component)?;
            copy.write_all(first)?;
            copy.flush()?;
            std::thread::sleep(SLOW_COPY);
            Ok(copy.write_all(second)?)
        }
        Change::Break => {
            let mut broken = bytes.to_vec();
            let from = rng.usize(8..broken.len());
            broken.iter_mut().skip(from).take(64).for_each(|byte| *byte = rng.u8(..));
            replace(&component, &broken)
        }
        Change::Regrant => regrant(home, visitor, rng),
        Change::Remove => match fs::remove_file(&component) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            removed => Ok(removed?),
        },
        Change::Disable => told(home, visitor, "disable"),
        Change::Enable => told(home, visitor, "enable"),
        Change::Reload => told(home, visitor, "reload"),
    }
}

fn regrant(home: &Home, visitor: &Visitor, rng: &mut Rng) -> anyhow::Result<()> {
    let grant = rng.choice(visitor.grants).copied().unwrap_or_default();
    replace(&file(home, visitor.name, "toml"), grant.as_bytes())
}

/// Steers the plugin over the socket. A refusal is an answer: it may be away, broken or disabled just now.
fn told(home: &Home, visitor: &Visitor, word: &str) -> anyhow::Result<()> {
    let client = Client::approver_of(home).until(Instant::now() + ANSWER);
    match client.post(&format!("/api/plugins/{}/{word}", visitor.name), b"") {
        Ok(_) | Err(ClientError::Refused { status: 400..500, .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn file(home: &Home, name: &str, extension: &str) -> PathBuf {
    home.plugins().join(name).with_extension(extension)
}

/// Writes aside and renames into place.
fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let aside = path.with_extension("new");
    fs::write(&aside, bytes)?;
    Ok(fs::rename(&aside, path)?)
}
