//! What the clients in rooms said, what of it is not as it is to be, and all of it as text and as JSON. Measures nothing.

use super::Options;
use crate::measure::percentile;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::fmt;
use std::time::Duration;

/// What some of the clients were told, all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counts {
    deliveries: u64,
    /// Neither told nor told of.
    untold: u64,
    twice: u64,
    out_of_order: u64,
    /// Of rooms that they were not in.
    foreign: u64,
    /// How often they were told that they missed something, and how much in all.
    gaps: u64,
    missed: u64,
    /// Connections that ended.
    closed: u64,
}

fn count(said: &Value, what: &str) -> Result<u64> {
    said.get(what).and_then(Value::as_u64).with_context(|| format!("the clients name no `{what}`"))
}

impl Counts {
    fn read(said: Option<&Value>) -> Result<Self> {
        let said = said.context("the clients leave some of them out")?;
        let count = |what| count(said, what);
        Ok(Self {
            deliveries: count("deliveries")?,
            untold: count("untold")?,
            twice: count("twice")?,
            out_of_order: count("out_of_order")?,
            foreign: count("foreign")?,
            gaps: count("gaps")?,
            missed: count("missed")?,
            closed: count("closed")?,
        })
    }

    fn problems(self, who: &str) -> Vec<String> {
        let counts = [
            (self.untold, "lost without a word"),
            (self.twice, "told twice"),
            (self.out_of_order, "out of order"),
            (self.foreign, "of rooms that they were not in"),
            (self.closed, "connections ended"),
        ];
        let some = counts.into_iter().filter(|(count, _)| *count > 0);
        some.map(|(count, what)| format!("{who}: {count} {what}")).collect()
    }

    fn to_json(self) -> Value {
        let Self { deliveries, untold, twice, out_of_order, foreign, gaps, missed, closed } = self;
        json!({"deliveries": deliveries, "untold": untold, "twice": twice, "out_of_order": out_of_order,
               "foreign": foreign, "gaps": gaps, "missed": missed, "closed": closed})
    }
}

/// All that was measured.
pub struct Report<'a> {
    options: &'a Options,
    fast: Counts,
    slow: Counts,
    /// Stalled clients that were told of a gap.
    told: u64,
    seconds: f64,
    /// Of each delivery to those that read, in microseconds; none where there are none.
    p50_us: Option<u64>,
    p99_us: Option<u64>,
    /// Of one processor: the daemon, and the process that has the clients.
    shares: [f64; 2],
}

impl<'a> Report<'a> {
    /// As the clients say it.
    ///
    /// # Errors
    /// When they do not.
    pub fn read(options: &'a Options, said: &Value, shares: [f64; 2]) -> Result<Self> {
        let times = said.get("latencies_us").and_then(Value::as_array).context("the clients name no times")?;
        let times = times.iter().map(|time| time.as_u64().context("a time is no number"));
        let mut times = times.collect::<Result<Vec<_>>>()?;
        times.sort_unstable();
        Ok(Self {
            options,
            fast: Counts::read(said.get("fast"))?,
            slow: Counts::read(said.get("slow"))?,
            told: count(said, "each_was_told")?,
            seconds: said.get("seconds").and_then(Value::as_f64).context("the clients name no time")?,
            p50_us: percentile(&times, 500),
            p99_us: percentile(&times, 990),
            shares,
        })
    }

    /// What is not as it is to be; nothing of it is about time.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = self.fast.problems("those that read");
        if self.fast.gaps > 0 {
            let Counts { gaps, missed, .. } = self.fast;
            problems.push(format!("those that read: {missed} missed, in {gaps} gaps"));
        }
        problems.extend(self.slow.problems("those that stalled"));
        let stalled = u64::from(self.options.stalled);
        if self.told != stalled {
            problems.push(format!("those that stalled: {} of {stalled} were told of a gap", self.told));
        }
        problems
    }

    /// One line.
    pub fn to_json(&self) -> String {
        let Options { clients, stalled, villages, per_second, seconds, .. } = self.options;
        let [daemon, own] = self.shares;
        let said = json!({
            "clients": clients, "stalled": stalled, "villages": villages, "per_second": per_second, "seconds": seconds,
            "took_seconds": self.seconds, "fast": self.fast.to_json(), "slow": self.slow.to_json(),
            "p50_us": self.p50_us, "p99_us": self.p99_us, "daemon_cpu": daemon, "clients_cpu": own,
            "problems": self.problems(),
        });
        format!("{said}\n")
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { clients, stalled, villages, per_second, seconds, .. } = self.options;
        let reading = clients.saturating_sub(*stalled);
        let milliseconds = |us: Option<u64>| {
            us.map_or_else(
                || "none".to_owned(),
                |us| format!("{:.2}", Duration::from_micros(us).as_secs_f64() * 1_000.0),
            )
        };
        let [daemon, own] = self.shares.map(|share| format!("{:.0} %", share * 100.0));
        writeln!(f, "{clients} Socket.IO clients in the rooms of {villages} villages, {per_second} events a second")?;
        // With the second before the measure.
        let emitted = f64::from(per_second.saturating_mul(seconds.saturating_add(1))) / self.seconds;
        writeln!(
            f,
            "emitted in {:.1} s, {emitted:.0} a second; daemon {daemon} of a core, all clients {own}\n",
            self.seconds
        )?;
        writeln!(f, "| clients | told | lost | twice | gaps | missed and told so | p50 ms | p99 ms |")?;
        writeln!(f, "|---|---|---|---|---|---|---|---|")?;
        for (who, counts, times) in [
            (format!("{reading} that read"), self.fast, [milliseconds(self.p50_us), milliseconds(self.p99_us)]),
            (format!("{stalled} that stalled"), self.slow, [String::new(), String::new()]),
        ] {
            let Counts { deliveries, untold, twice, gaps, missed, .. } = counts;
            let [p50, p99] = times;
            writeln!(f, "| {who} | {deliveries} | {untold} | {twice} | {gaps} | {missed} | {p50} | {p99} |")?;
        }
        let problems = self.problems();
        if !problems.is_empty() {
            writeln!(f, "\nnot as it is to be:")?;
        }
        problems.iter().try_for_each(|problem| writeln!(f, "  {problem}"))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::super::tests::parse;
    use super::*;

    fn counts(changes: &[(&str, u64)]) -> Value {
        let mut counts = json!({"deliveries": 100, "untold": 0, "twice": 0, "out_of_order": 0, "foreign": 0, "gaps": 0,
            "missed": 0, "closed": 0});
        for (name, count) in changes {
            counts.as_object_mut().unwrap().insert((*name).to_owned(), json!(count));
        }
        counts
    }

    fn said(fast: &[(&str, u64)], slow: &[(&str, u64)], told: u64) -> Value {
        json!({"fast": counts(fast), "slow": counts(slow), "seconds": 11.04, "each_was_told": told,
            "latencies_us": [3_000, 1_000, 2_000]})
    }

    #[test]
    fn what_was_seen_is_two_rows() {
        let options = parse("").unwrap();
        let report = Report::read(&options, &said(&[], &[("gaps", 10), ("missed", 70)], 10), [0.5, 0.9]).unwrap();
        let text = report.to_string();
        for line in [
            "200 Socket.IO clients in the rooms of 20 villages, 1000 events a second",
            "emitted in 11.0 s, 996 a second; daemon 50 % of a core, all clients 90 %",
            "| 190 that read | 100 | 0 | 0 | 0 | 0 | 2.00 | 3.00 |",
            "| 10 that stalled | 100 | 0 | 0 | 10 | 70 |  |  |",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
        assert!(!text.contains("not as it is to be"), "{text}");
        let json: Value = serde_json::from_str(&report.to_json()).unwrap();
        assert_eq!((json.get("p99_us"), json.get("problems")), (Some(&json!(3_000)), Some(&json!([]))));
    }

    #[test]
    fn whatever_was_lost_or_not_told_of_is_a_problem() {
        let options = parse("--stalled 2").unwrap();
        let fast = [("untold", 1), ("twice", 2), ("gaps", 3), ("missed", 4), ("foreign", 9)];
        let slow = [("untold", 5), ("closed", 1), ("out_of_order", 6)];
        let report = Report::read(&options, &said(&fast, &slow, 1), [0.0, 0.0]).unwrap();
        assert_eq!(
            report.problems(),
            [
                "those that read: 1 lost without a word",
                "those that read: 2 told twice",
                "those that read: 9 of rooms that they were not in",
                "those that read: 4 missed, in 3 gaps",
                "those that stalled: 5 lost without a word",
                "those that stalled: 6 out of order",
                "those that stalled: 1 connections ended",
                "those that stalled: 1 of 2 were told of a gap",
            ]
        );
        assert!(report.to_string().ends_with("  those that stalled: 1 of 2 were told of a gap\n"));
        assert!(Report::read(&options, &json!({"latencies_us": []}), [0.0, 0.0]).is_err());
    }
}
