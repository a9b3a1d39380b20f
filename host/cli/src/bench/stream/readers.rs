//! The readers: each opens the stream somewhere, reads for a while, goes in the middle of it and comes back.

use crate::client::Client;
use anyhow::{Context as _, bail};
use fastrand::Rng;
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tollgate_core::home::Home;

/// Events that a reader takes before it goes.
const TAKES: std::ops::RangeInclusive<u64> = 1..=400;

/// What all readers and the emitter share.
pub struct Readers {
    epoch: String,
    begun: Instant,
    wanted: u64,
    connections: AtomicU64,
    over: AtomicBool,
    no_more_events: AtomicBool,
    /// The seq of each event by its number.
    seqs: Mutex<Vec<u64>>,
}

/// What the readers saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// Events read.
    pub events: u64,
    /// Events that should have come and did not.
    pub gaps: u64,
    /// Events that had come already.
    pub repeated: u64,
    /// Of each event that was sent while its reader was connected: how long it took.
    pub live_us: Vec<u64>,
}

impl Seen {
    /// Takes over what another saw.
    pub fn add(&mut self, mut other: Self) {
        self.events += other.events;
        self.gaps += other.gaps;
        self.repeated += other.repeated;
        self.live_us.append(&mut other.live_us);
        self.live_us.sort_unstable();
    }

    /// Of the live ones, in microseconds; none where there are none.
    pub fn percentile(&self, per_mille: usize) -> Option<u64> {
        self.live_us.get(self.live_us.len().checked_sub(1)? * per_mille / 1_000).copied()
    }
}

impl Readers {
    /// For `wanted` connections to the daemon of `home`, which runs.
    pub fn new(home: &Home, wanted: u64) -> anyhow::Result<Self> {
        let health: Value = serde_json::from_str(&Client::of(home).get("/healthz")?)?;
        let epoch = health.get("epoch").and_then(Value::as_str).context("the daemon names no epoch")?.to_owned();
        Ok(Self {
            epoch,
            begun: Instant::now(),
            wanted,
            connections: AtomicU64::new(0),
            over: AtomicBool::new(false),
            no_more_events: AtomicBool::new(false),
            seqs: Mutex::default(),
        })
    }

    /// Since it began, in microseconds.
    pub fn now_us(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Connections made so far.
    pub fn connections(&self) -> u64 {
        self.connections.load(Relaxed).min(self.wanted)
    }

    /// Events recorded so far.
    pub fn recorded(&self) -> u64 {
        self.seqs.lock().unwrap_or_else(PoisonError::into_inner).len() as u64
    }

    /// Notes the seqs of the events recorded next.
    pub fn record(&self, mut seqs: Vec<u64>) {
        self.seqs.lock().unwrap_or_else(PoisonError::into_inner).append(&mut seqs);
    }

    /// Whether all connections were made, or something went wrong.
    pub fn is_over(&self) -> bool {
        self.over.load(Relaxed) || self.connections.load(Relaxed) >= self.wanted
    }

    /// Has every reader end.
    pub fn end(&self) {
        self.over.store(true, Relaxed);
    }

    /// Has the emitter end.
    pub fn end_events(&self) {
        self.no_more_events.store(true, Relaxed);
    }

    /// Whether the emitter has to end.
    pub fn no_more_events(&self) -> bool {
        self.no_more_events.load(Relaxed)
    }

    /// The number of any event recorded so far, and the cursor behind it.
    fn any(&self, chance: &mut Rng) -> Option<(u64, String)> {
        let seqs = self.seqs.lock().unwrap_or_else(PoisonError::into_inner);
        let number = chance.usize(..seqs.len().checked_add(1)?).min(seqs.len().checked_sub(1)?);
        Some((number as u64, format!("{}.{}", self.epoch, seqs.get(number)?)))
    }

    /// Comes and goes until all connections were made; what it saw.
    pub fn read(&self, home: &Home, mut chance: Rng) -> anyhow::Result<Seen> {
        let read = self.come_and_go(home, &mut chance);
        // One reader's trouble ends it for all.
        read.inspect_err(|_| self.end())
    }

    fn come_and_go(&self, home: &Home, chance: &mut Rng) -> anyhow::Result<Seen> {
        let mut seen = Seen::default();
        let mut own: Option<(u64, String)> = None;
        while !self.is_over() {
            let from = own.take().filter(|_| chance.bool()).or_else(|| self.any(chance));
            let Some((last, cursor)) = from else {
                std::thread::sleep(Duration::from_millis(1));
                continue;
            };
            self.connections.fetch_add(1, Relaxed);
            own = Some(self.once(home, chance, last, cursor, &mut seen)?);
        }
        Ok(seen)
    }

    /// Reads on from behind event `last`; where it got to.
    fn once(
        &self,
        home: &Home,
        chance: &mut Rng,
        mut last: u64,
        mut cursor: String,
        seen: &mut Seen,
    ) -> anyhow::Result<(u64, String)> {
        let opened = self.now_us();
        let path = format!("/api/events/stream?filter={}", super::EVENT_TYPE);
        let mut lines = BufReader::new(Client::of(home).open(&path, Some(&cursor))?).lines();
        let (mut left, mut id) = (chance.u64(TAKES), None);
        while left > 0 {
            if self.is_over() {
                break;
            }
            let line = lines.next().context("the stream ended")??;
            if let Some(given) = line.strip_prefix("id:") {
                id = Some(given.trim().to_owned());
            }
            let Some(data) = line.strip_prefix("data:") else { continue };
            let event: Value = serde_json::from_str(data)?;
            let field = |name: &str| event.get("payload")?.get(name)?.as_u64();
            let (Some(number), Some(given)) = (field("number"), id.take()) else {
                bail!("the stream said {}", data.trim());
            };
            seen.events += 1;
            left -= 1;
            if number <= last {
                seen.repeated += 1;
                continue;
            }
            seen.gaps += number - last - 1;
            (last, cursor) = (number, given);
            if let Some(sent) = field("at_us").filter(|sent| *sent > opened) {
                seen.live_us.push(self.now_us().saturating_sub(sent));
            }
        }
        Ok((last, cursor))
    }
}
