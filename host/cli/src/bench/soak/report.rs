//! What the soak came to: counts, what was expected and whether it held; as one object or as lines.

use super::super::each_event;
use super::super::subject::{Sample, Subject};
use super::load::Load;
use super::trend::{Trend, trend};
use super::weather::Changes;
use super::{CATCH_UP, SAMPLE_EVERY};
use crate::client::Client;
use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// Growth of memory over the judged time that is none: what a handful of guests more or less hold.
const MEMORY_TOLERANCE_KIB: f64 = 8_192.0;
/// Growth of descriptors or threads that is none.
const COUNT_TOLERANCE: f64 = 2.0;
/// What the daemon tells of its plugins, by event.
const HAPPENINGS: [&str; 8] =
    ["loaded", "swapped", "unloaded", "rejected", "faulted", "quarantined", "recovered", "needs_grant"];

/// The counts and the expectations.
pub struct Report {
    seed: u64,
    length: Duration,
    acknowledged: u64,
    verdicts: u64,
    denied: u64,
    readers: u64,
    changes: Changes,
    happenings: Vec<(&'static str, u64)>,
    memory: Option<Trend>,
    descriptors: Option<Trend>,
    threads: Option<Trend>,
    expectations: Vec<(String, bool)>,
}

impl Report {
    /// Waits until the plugins have caught up, stops the daemon, and looks at what it left.
    pub async fn gather(
        subject: &mut Subject,
        load: &Load,
        changes: Changes,
        samples: Vec<Sample>,
        seed: u64,
    ) -> anyhow::Result<Self> {
        caught_up(subject).await?;
        let client = Client::of(subject.home());
        let stats: Value = serde_json::from_str(&client.get("/api/stats")?)?;
        let recorded = |event_type: &str| count(&stats, event_type);
        let happenings: Vec<_> =
            HAPPENINGS.into_iter().map(|name| (name, recorded(&format!("plugin.{name}")))).collect();
        let events = recorded("demo.tick") + recorded("demo.loop");
        let twice = counted_twice(&client)?;
        subject.stop().await?;
        let verified = tollgate_core::journal::verify(&subject.home().journal())?;
        let of = |value: fn(&Sample) -> u64| {
            trend(&samples.iter().map(|sample| (sample.at, value(sample) as f64)).collect::<Vec<_>>())
        };
        let mut report = Self {
            seed,
            length: samples.last().map(|sample| sample.at).unwrap_or_default(),
            acknowledged: load.acknowledged(),
            verdicts: load.verdicts(),
            denied: load.denied(),
            readers: load.readers(),
            changes,
            happenings,
            memory: of(|sample| sample.memory_kib),
            descriptors: of(|sample| sample.descriptors),
            threads: of(|sample| sample.threads),
            expectations: Vec::new(),
        };
        report.expect(
            format!("all {} acknowledged events are recorded, and no other", load.acknowledged()),
            events == load.acknowledged(),
        );
        report.expect(format!("{} events in the journal, their chain whole", verified.checked), verified.bad.is_none());
        report.expect("no event was counted twice by a plugin that is exactly once".to_owned(), twice == 0);
        report.expect("nothing dangerous was let through".to_owned(), load.let_through() == 0);
        report.steady("memory", report.memory, MEMORY_TOLERANCE_KIB, "KiB");
        report.steady("descriptors", report.descriptors, COUNT_TOLERANCE, "");
        report.steady("threads", report.threads, COUNT_TOLERANCE, "");
        Ok(report)
    }

    fn expect(&mut self, what: String, held: bool) {
        self.expectations.push((what, held));
    }

    /// A soak that was too short to say is not counted as one that held.
    fn steady(&mut self, what: &str, trend: Option<Trend>, tolerance: f64, unit: &str) {
        let Some(trend) = trend else { return };
        let text = format!("{what} stays: {:+.1} {unit} a minute", trend.per_minute).replace("  ", " ");
        self.expect(text, trend.growth <= tolerance);
    }
}

impl super::super::Report for Report {
    fn ok(&self) -> bool {
        self.expectations.iter().all(|(_, held)| *held)
    }

    fn to_json(&self) -> Value {
        let trend = |trend: Option<Trend>| {
            trend.map(|Trend { first, last, per_minute, growth }| {
                json!({"first": first, "last": last, "per_minute": per_minute, "growth": growth})
            })
        };
        let expectations: Vec<Value> =
            self.expectations.iter().map(|(what, held)| json!({"what": what, "held": held})).collect();
        json!({
            "ok": self.ok(),
            "seed": self.seed,
            "seconds": self.length.as_secs(),
            "acknowledged": self.acknowledged,
            "verdicts": self.verdicts,
            "denied": self.denied,
            "readers": self.readers,
            "changes": self.changes,
            "plugins": self.happenings.iter().map(|(name, count)| ((*name).to_owned(), json!(count))).collect::<serde_json::Map<_, _>>(),
            "memory_kib": trend(self.memory),
            "descriptors": trend(self.descriptors),
            "threads": trend(self.threads),
            "expectations": expectations,
        })
    }

    fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{} s, seed {}: {} events, {} verdicts ({} denied), {} readers of the stream",
            self.length.as_secs(),
            self.seed,
            self.acknowledged,
            self.verdicts,
            self.denied,
            self.readers
        );
        let list = |counts: &mut dyn Iterator<Item = (&str, u64)>| {
            counts.map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
        };
        let _ = writeln!(text, "changes:  {}", list(&mut self.changes.iter().map(|(name, count)| (*name, *count))));
        let _ = writeln!(text, "plugins:  {}", list(&mut self.happenings.iter().copied()));
        for (name, trend, scale, unit) in [
            ("memory", self.memory, 1_024.0, " MiB"),
            ("descriptors", self.descriptors, 1.0, ""),
            ("threads", self.threads, 1.0, ""),
        ] {
            let Some(trend) = trend else {
                let _ = writeln!(text, "{name}: too short to say");
                continue;
            };
            let _ = writeln!(
                text,
                "{name}: {:.1}{unit} after the warm-up, {:.1}{unit} at the end",
                trend.first / scale,
                trend.last / scale
            );
        }
        for (what, held) in &self.expectations {
            let _ = writeln!(text, "  {} {what}", if *held { '✓' } else { '✗' });
        }
        text
    }
}

/// Waits until no plugin that serves has events before it.
async fn caught_up(subject: &Subject) -> anyhow::Result<()> {
    let client = Client::of(subject.home());
    let deadline = Instant::now() + CATCH_UP;
    loop {
        let plugins: Value = serde_json::from_str(&client.get("/api/plugins")?)?;
        let plugins = plugins.get("plugins").and_then(Value::as_array).context("the daemon lists no plugins")?;
        let behind: Vec<&str> = plugins
            .iter()
            .filter(|plugin| plugin.get("state").and_then(Value::as_str) == Some("serving"))
            .filter(|plugin| plugin.get("lag").and_then(Value::as_u64) != Some(0))
            .filter_map(|plugin| plugin.get("name").and_then(Value::as_str))
            .collect();
        if behind.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("{} did not catch up within {CATCH_UP:?}", behind.join(", "));
        }
        tokio::time::sleep(SAMPLE_EVERY).await;
    }
}

fn count(stats: &Value, event_type: &str) -> u64 {
    stats.get("by_type").and_then(|types| types.get(event_type)).and_then(Value::as_u64).unwrap_or_default()
}

/// Events that the counter told of more than once.
fn counted_twice(client: &Client) -> anyhow::Result<usize> {
    let (mut seen, mut twice) = (HashSet::new(), 0);
    each_event(client, "test_guest.counted", |event| {
        let seq = event.get("payload").and_then(|payload| payload.get("seq")).and_then(Value::as_u64);
        twice += usize::from(!seen.insert(seq.context("a count that names no event")?));
        Ok(())
    })?;
    Ok(twice)
}
