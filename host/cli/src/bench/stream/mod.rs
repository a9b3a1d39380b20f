//! `tollgate bench stream`: readers that come and go, each from where it was or from any event before, while events
//! come in at an even rate; and whether each saw every event once, in order.

mod readers;

use super::subject::Subject;
use super::{bar, say};
use crate::args::StreamArgs;
use crate::client::Client;
use crate::signals::Signals;
use anyhow::{Context as _, anyhow};
use readers::{Readers, Seen};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The type of what comes in.
const EVENT_TYPE: &str = "bench.stream";
/// Time between two requests of the emitter.
const BATCH_EVERY: Duration = Duration::from_millis(10);
/// Most events of one request.
const MAX_BATCH: u64 = 1_000;
/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(30);
/// How often it is looked how far the readers are.
const LOOK: Duration = Duration::from_millis(100);

/// One run, on a home in `folder`.
pub async fn play(folder: &Path, args: &StreamArgs) -> anyhow::Result<Report> {
    let mut signals = Signals::new().context("signals")?;
    let stopped = || anyhow!("stopped by a signal before its end");
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    say(args.json, &format!("a daemon on a temporary home, {} readers, seed {seed}", args.readers));
    let mut subject = tokio::select! {
        subject = Subject::start(folder) => subject?,
        () = signals.any() => return Err(stopped()),
    };
    let bar = bar(args.connections, "{bar:24} {pos}/{len} connections  {msg}", args.json);
    let readers = Arc::new(Readers::new(subject.home(), args.connections)?);
    let begun = Instant::now();
    let working: Vec<_> = (0..args.readers)
        .map(|number| {
            let (readers, home) = (Arc::clone(&readers), subject.home().clone());
            let chance = fastrand::Rng::with_seed(seed.wrapping_add(u64::from(number)));
            std::thread::spawn(move || readers.read(&home, chance))
        })
        .collect();
    let (emitting, home, rate) = (Arc::clone(&readers), subject.home().clone(), args.per_second);
    let emitter = std::thread::spawn(move || {
        // Its trouble ends it for all.
        emit(&emitting, &home, rate).inspect_err(|_| emitting.end())
    });
    let mut interrupted = false;
    while !readers.is_over() && !interrupted {
        bar.set_position(readers.connections());
        bar.set_message(format!("{} events recorded", readers.recorded()));
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = signals.any() => interrupted = true,
        }
    }
    readers.end();
    bar.finish_and_clear();
    // Events come in for as long as anyone may wait for one.
    let read: Vec<_> = working.into_iter().map(std::thread::JoinHandle::join).collect();
    readers.end_events();
    emitter.join().map_err(|_| anyhow!("the emitter panicked"))??;
    let took = begun.elapsed();
    let mut seen = Seen::default();
    for reader in read {
        seen.add(reader.map_err(|_| anyhow!("a reader panicked"))??);
    }
    if interrupted {
        return Err(stopped());
    }
    let report = Report { seed, connections: readers.connections(), recorded: readers.recorded(), took, seen };
    subject.stop().await?;
    Ok(report)
}

/// Records events until nobody reads any more.
fn emit(readers: &Readers, home: &tollgate_core::home::Home, per_second: u32) -> anyhow::Result<()> {
    let (begun, mut next) = (Instant::now(), Instant::now());
    while !readers.no_more_events() {
        let first = readers.recorded();
        // What is late is made up for, a batch at a time.
        let due = (begun.elapsed().as_secs_f64() * f64::from(per_second)) as u64;
        let events: Vec<Value> = (first..due.min(first + MAX_BATCH))
            .map(|number| json!({"type": EVENT_TYPE, "payload": {"number": number, "at_us": readers.now_us()}}))
            .collect();
        next = (next + BATCH_EVERY).max(Instant::now());
        if events.is_empty() {
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            continue;
        }
        let client = Client::of(home).until(Instant::now() + ANSWER);
        let answer = client.post("/api/events", Value::from(events).to_string().as_bytes())?;
        let answer: Value = serde_json::from_str(&answer)?;
        let receipts = answer.get("events").and_then(Value::as_array).context("an answer without receipts")?;
        let seqs = receipts.iter().map(|receipt| receipt.get("seq").and_then(Value::as_u64).context("no seq"));
        readers.record(seqs.collect::<anyhow::Result<Vec<_>>>()?);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    Ok(())
}

/// The outcome.
pub struct Report {
    seed: u64,
    connections: u64,
    recorded: u64,
    took: Duration,
    seen: Seen,
}

impl Report {
    fn per_second(&self) -> f64 {
        self.recorded as f64 / self.took.as_secs_f64()
    }
}

impl super::Report for Report {
    fn ok(&self) -> bool {
        self.seen.events > 0 && self.seen.gaps + self.seen.repeated == 0
    }

    fn to_json(&self) -> Value {
        json!({
            "ok": self.ok(),
            "seed": self.seed,
            "connections": self.connections,
            "recorded": self.recorded,
            "per_second": self.per_second().round(),
            "read": self.seen.events,
            "gaps": self.seen.gaps,
            "repeated": self.seen.repeated,
            "live": self.seen.live_us.len(),
            "live_p50_us": self.seen.percentile(500),
            "live_p99_us": self.seen.percentile(990),
        })
    }

    fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{} connections, seed {}: {} events recorded ({:.0} a second), {} read",
            self.connections,
            self.seed,
            self.recorded,
            self.per_second(),
            self.seen.events
        );
        if let (Some(p50), Some(p99)) = (self.seen.percentile(500), self.seen.percentile(990)) {
            let _ = writeln!(text, "live, from before it was sent: p50 {p50} µs, p99 {p99} µs");
        }
        for (count, what) in [(self.seen.gaps, "events missed"), (self.seen.repeated, "events seen again")] {
            let _ = writeln!(text, "  {} {count} {what}", if count == 0 { '✓' } else { '✗' });
        }
        text
    }
}
