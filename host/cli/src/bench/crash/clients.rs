//! The clients: each sends events one after the other and keeps a ledger of what it was told. A thread of its own
//! lives as long as the daemon does.

use crate::client::Client;
use anyhow::{anyhow, bail};
use fastrand::Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tollgate_core::home::Home;

/// The type of what they send.
pub const EVENT_TYPE: &str = "bench.crash";
/// Most events of one request: all of them, or none, are acknowledged.
const MOST: usize = 8;
/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(30);

/// What one client knows.
struct Ledger {
    chance: Rng,
    /// What it was told: each event's seq by its id.
    acknowledged: BTreeMap<String, u64>,
    /// Sent, and not acknowledged.
    open: Vec<String>,
    /// Events of `open` that were sent again.
    again: u64,
    /// What went wrong that no kill explains.
    trouble: Option<String>,
}

/// All clients.
pub struct Clients {
    /// Those that rest.
    ledgers: Vec<Ledger>,
    working: Vec<JoinHandle<Ledger>>,
    acknowledged: Arc<AtomicU64>,
}

impl Clients {
    /// This many, none of which has sent anything.
    pub fn new(count: u16, chance: &mut Rng) -> Self {
        let ledger = |_| Ledger {
            chance: chance.fork(),
            acknowledged: BTreeMap::new(),
            open: Vec::new(),
            again: 0,
            trouble: None,
        };
        let ledgers = (0..count).map(ledger).collect();
        Self { ledgers, working: Vec::new(), acknowledged: Arc::default() }
    }

    /// Events acknowledged so far.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Relaxed)
    }

    /// Has each send until the daemon of `home` goes away.
    pub fn start(&mut self, home: &Home) {
        for mut ledger in std::mem::take(&mut self.ledgers) {
            let (home, acknowledged) = (home.clone(), Arc::clone(&self.acknowledged));
            self.working.push(std::thread::spawn(move || {
                while ledger.send(&home, &acknowledged) {}
                ledger
            }));
        }
    }

    /// Waits until each has seen that the daemon is gone.
    ///
    /// # Errors
    /// When one saw something else.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        for working in std::mem::take(&mut self.working) {
            self.ledgers.push(working.join().map_err(|_| anyhow!("a client panicked"))?);
        }
        match self.ledgers.iter().find_map(|ledger| ledger.trouble.clone()) {
            Some(trouble) => bail!("{trouble}"),
            None => Ok(()),
        }
    }

    /// Sends what nobody acknowledged once more: whether it had arrived is not known.
    ///
    /// # Errors
    /// When the daemon does not take it now either.
    pub fn settle(&mut self, home: &Home) -> anyhow::Result<()> {
        for ledger in &mut self.ledgers {
            if !ledger.open.is_empty() && !ledger.send(home, &self.acknowledged) {
                bail!(ledger.trouble.take().unwrap_or_else(|| "the daemon went away by itself".to_owned()));
            }
        }
        Ok(())
    }

    /// Every event that was acknowledged, with its seq; how many were sent again.
    pub fn told(&self) -> (BTreeMap<&str, u64>, u64) {
        let all = self.ledgers.iter().flat_map(|ledger| &ledger.acknowledged);
        (all.map(|(id, seq)| (id.as_str(), *seq)).collect(), self.ledgers.iter().map(|ledger| ledger.again).sum())
    }
}

impl Ledger {
    /// Sends what is open, else something new; whether the daemon is still there.
    fn send(&mut self, home: &Home, acknowledged: &AtomicU64) -> bool {
        if self.open.is_empty() {
            self.open = (0..self.chance.usize(1..=MOST)).map(|_| id(&mut self.chance)).collect();
        } else {
            self.again += self.open.len() as u64;
        }
        let events: Vec<Value> =
            self.open.iter().map(|id| json!({"type": EVENT_TYPE, "id": id, "payload": {"id": id}})).collect();
        let client = Client::of(home).until(Instant::now() + ANSWER);
        let answer = match client.post("/api/events", Value::from(events).to_string().as_bytes()) {
            Ok(answer) => answer,
            Err(crate::client::ClientError::Refused { status, message }) => {
                self.trouble = Some(format!("an event was refused with status {status}: {message}"));
                return false;
            }
            Err(_) => return false,
        };
        let Some(receipts) = receipts(&answer).filter(|receipts| receipts.len() == self.open.len()) else {
            self.trouble = Some(format!("an answer that is no receipt: {answer}"));
            return false;
        };
        acknowledged.fetch_add(receipts.len() as u64, Relaxed);
        self.acknowledged.extend(self.open.drain(..).zip(receipts));
        true
    }
}

/// The seqs of an answer; none where it was cut.
fn receipts(answer: &str) -> Option<Vec<u64>> {
    let answer: Value = serde_json::from_str(answer).ok()?;
    answer.get("events")?.as_array()?.iter().map(|receipt| receipt.get("seq")?.as_u64()).collect()
}

/// A UUID of version 4.
fn id(chance: &mut Rng) -> String {
    let (a, b, c, d, e) =
        (chance.u32(..), chance.u16(..), chance.u16(..0x1000), chance.u16(..0x1000), chance.u64(..1 << 48));
    format!("{a:08x}-{b:04x}-4{c:03x}-8{d:03x}-{e:012x}")
}
