//! What was measured, as tables for people and for a document. Owns no figure.

use super::deliveries::Load;
use super::report::{Beside, Deliveries, REACH_DELIVERIES, REACH_P99, Report, Stalled, Turn};
use super::stalled::{FAST, PER_SECOND, SECONDS};
use serde_json::Value;
use std::fmt;
use std::time::Duration;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.deliveries, self.stalled)?;
        let problems = self.problems();
        if !problems.is_empty() {
            writeln!(f, "\nnot as it is to be:")?;
        }
        problems.iter().try_for_each(|problem| writeln!(f, "  {problem}"))
    }
}

impl fmt::Display for Deliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Load { clients, events, per_second } = self.load;
        let rate = per_second.map_or_else(|| "as fast as they take them".to_owned(), |rate| format!("{rate} a second"));
        let version = |name| self.versions.get(name).and_then(Value::as_str).unwrap_or("?");
        writeln!(f, "{events} events to {clients} WebSocket clients, {rate}; journal `normal`")?;
        writeln!(f, "beside Socket.IO {} on Node.js {}, which keeps nothing\n", version("socket.io"), version("node"))?;
        writeln!(f, "| round | server | deliveries | seconds | server CPU, s | deliveries / CPU second |")?;
        writeln!(f, "|---|---|---|---|---|---|")?;
        for (round, both) in self.named() {
            for (name, turn) in both {
                let Turn { counts, seconds, cpu } = turn;
                let (deliveries, cpu, rate) = (counts.deliveries, cpu.as_secs_f64(), number(turn.rate(), 0));
                writeln!(f, "| {round} | {name} | {deliveries} | {seconds:.2} | {cpu:.2} | {rate} |")?;
            }
        }
        let [ours, theirs] = self.medians().map(|median| number(median, 0));
        let ratio = number(self.ratio(), 2);
        writeln!(f, "\nmedians: {ours} and {theirs}, {ratio} times as many (reach: {REACH_DELIVERIES})")
    }
}

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FAST} clients that read, {PER_SECOND} events a second for {SECONDS} s\n")?;
        writeln!(f, "| round | beside | p50 ms | p99 ms | lost | daemon CPU | clients' CPU | the stalled one |")?;
        writeln!(f, "|---|---|---|---|---|---|---|---|")?;
        for (pair, round) in self.rounds.iter().zip(1..) {
            let Beside { told, dropped: [before, after] } = &pair.beside;
            let fate = format!("{before}, then {after} dropped; told: {told}");
            for (beside, latency, fate) in [("nobody", &pair.alone, ""), ("a stalled one", &pair.stalled, &fate)] {
                let [p50, p99] = [latency.p50_us, latency.p99_us].map(milliseconds);
                let [daemon, own] = latency.shares.map(|share| format!("{:.0} %", share * 100.0));
                let lost = latency.counts.lost;
                writeln!(f, "| {round} | {beside} | {p50} | {p99} | {lost} | {daemon} | {own} | {fate} |")?;
            }
        }
        let p50 = number(self.ratio(|it| it.p50_us), 2);
        let p99 = number(self.ratio(|it| it.p99_us), 2);
        writeln!(f, "\nmedians beside it, to alone: p50 {p50}, p99 {p99} (reach: {REACH_P99})")
    }
}

/// A figure, or that there is none.
fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "too short to say".to_owned(), |value| format!("{value:.digits$}"))
}

fn milliseconds(microseconds: Option<u64>) -> String {
    number(microseconds.map(|us| Duration::from_micros(us).as_secs_f64() * 1_000.0), 2)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]
    use super::super::report::tests::report;
    use super::*;

    #[test]
    fn every_round_is_a_row_of_each() {
        let text = report().to_string();
        for line in [
            "4000 events to 50 WebSocket clients, as fast as they take them; journal `normal`",
            "beside Socket.IO 4.8.4 on Node.js 20.0.0, which keeps nothing",
            "| 1 | tollgate | 200000 | 1.23 | 0.40 | 500000 |",
            "| 2 | tollgate | 200000 | 1.23 | 0.20 | 1000000 |",
            "| 2 | socket.io | 200000 | 1.23 | 1.00 | 200000 |",
            "medians: 750000 and 200000, 3.75 times as many (reach: 4)",
            "| 2 | nobody | 1.00 | 2.00 | 0 | 25 % | 50 % |  |",
            "| 2 | a stalled one | 1.00 | 3.00 | 0 | 25 % | 50 % | 7, then 9 dropped; told: gap |",
            "medians beside it, to alone: p50 1.00, p99 1.25 (reach: 1.1)",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
        assert!(!text.contains("not as it is to be"), "{text}");
    }

    #[test]
    fn what_is_not_as_it_is_to_be_is_listed_and_no_figure_is_made_up() {
        let mut report = report();
        report.deliveries.load.per_second = Some(1_000);
        report.deliveries.rounds[0].ours.counts.lost = 2;
        report.deliveries.rounds[0].ours.cpu = Duration::ZERO;
        let text = report.to_string();
        assert!(text.contains("clients, 1000 a second; journal"), "{text}");
        assert!(text.contains("| 0.00 | too short to say |"), "{text}");
        assert!(text.contains("medians: too short to say and 200000, too short to say times as many"), "{text}");
        assert!(text.ends_with("not as it is to be:\n  deliveries, round 1, tollgate: 2 lost\n"), "{text}");
    }
}
