//! What was measured, what of it is not as it is to be, and all of it for programs, as JSON. Measures nothing, and knows
//! nothing of tables.

use super::deliveries::Load;
use super::stalled::{FAST, PER_SECOND, SECONDS};
use crate::measure::{median, percentile};
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::time::Duration;

/// What is to be reached: deliveries for each second of processor time, to the peer's; and the time that one event in
/// a hundred takes at least, beside a stalled client to without.
pub const REACH_DELIVERIES: f64 = 4.0;
pub const REACH_P99: f64 = 1.1;

fn count(said: &Value, what: &str) -> Result<u64> {
    said.get(what).and_then(Value::as_u64).with_context(|| format!("the clients name no `{what}`"))
}

/// What arrived at the clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Events that came for the first time, of all clients.
    pub deliveries: u64,
    /// Those that never came.
    pub lost: u64,
    twice: u64,
    out_of_order: u64,
    unexpected: u64,
}

impl Counts {
    /// As the clients say it.
    ///
    /// # Errors
    /// When they do not.
    pub fn read(said: &Value) -> Result<Self> {
        let count = |what| count(said, what);
        Ok(Self {
            deliveries: count("deliveries")?,
            lost: count("lost")?,
            twice: count("twice")?,
            out_of_order: count("out_of_order")?,
            unexpected: count("unexpected")?,
        })
    }

    fn problems(self) -> Vec<String> {
        let counts = [
            (self.lost, "lost"),
            (self.twice, "delivered twice"),
            (self.out_of_order, "out of order"),
            (self.unexpected, "gaps, closed connections or unknown messages"),
        ];
        counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect()
    }

    fn to_json(self) -> Value {
        let Self { deliveries, lost, twice, out_of_order, unexpected } = self;
        json!({"deliveries": deliveries, "lost": lost, "twice": twice, "out_of_order": out_of_order,
               "unexpected": unexpected})
    }
}

/// What one server did in one round.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    /// What arrived.
    pub counts: Counts,
    /// From the first event until the last was with every client.
    pub seconds: f64,
    /// The server's processor time.
    pub cpu: Duration,
}

impl Turn {
    /// Deliveries for each second of the server's processor time; none where that was too short to be measured.
    pub fn rate(&self) -> Option<f64> {
        let deliveries = u32::try_from(self.counts.deliveries).map_or(f64::INFINITY, f64::from);
        (!self.cpu.is_zero()).then(|| deliveries / self.cpu.as_secs_f64())
    }

    fn to_json(self) -> Value {
        json!({"counts": self.counts.to_json(), "seconds": self.seconds, "server_cpu_seconds": self.cpu.as_secs_f64(),
               "deliveries_per_cpu_second": self.rate()})
    }
}

/// Both, one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    /// The Tollgate.
    pub ours: Turn,
    /// The peer.
    pub theirs: Turn,
}

/// All rounds.
#[derive(Debug)]
pub struct Deliveries {
    /// What was sent.
    pub load: Load,
    /// What the peer is made of.
    pub versions: Value,
    /// In order.
    pub rounds: Vec<Round>,
}

impl Deliveries {
    /// The medians, ours and theirs; none where a round was too short.
    pub fn medians(&self) -> [Option<f64>; 2] {
        let of = |turn: fn(&Round) -> &Turn| {
            let rates: Option<Vec<f64>> = self.rounds.iter().map(|round| turn(round).rate()).collect();
            median(rates?)
        };
        [of(|round| &round.ours), of(|round| &round.theirs)]
    }

    /// How many times as many ours are.
    pub fn ratio(&self) -> Option<f64> {
        let [ours, theirs] = self.medians();
        Some(ours? / theirs?)
    }

    /// Each round's number, and both of it under their names.
    pub fn named(&self) -> impl Iterator<Item = (usize, [(&'static str, &Turn); 2])> {
        let both = self.rounds.iter().map(|round| [("tollgate", &round.ours), ("socket.io", &round.theirs)]);
        (1..).zip(both)
    }
}

/// How long events took to the clients that read.
#[derive(Debug, Clone, Copy)]
pub struct Latency {
    /// What arrived, with what came before measuring began.
    pub counts: Counts,
    /// Half of the deliveries took no longer, in microseconds; none where there are none.
    pub p50_us: Option<u64>,
    /// All but one in a hundred took no longer.
    pub p99_us: Option<u64>,
    /// Of one processor, while it was measured: the daemon, and the process that has the clients.
    pub shares: [f64; 2],
}

impl Latency {
    /// Of each delivery's time, in microseconds.
    pub fn new(counts: Counts, mut times: Vec<u64>, shares: [f64; 2]) -> Self {
        times.sort_unstable();
        Self { counts, p50_us: percentile(&times, 500), p99_us: percentile(&times, 990), shares }
    }

    fn to_json(self) -> Value {
        let [daemon, clients] = self.shares;
        json!({"counts": self.counts.to_json(), "p50_us": self.p50_us, "p99_us": self.p99_us, "daemon_cpu": daemon,
               "clients_cpu": clients})
    }
}

/// What became of the stalled client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    /// How it heard of it once it read again: `gap` or `closed`; `nothing` where it did not.
    pub told: String,
    /// What it had lost when measuring began, and when it ended.
    pub dropped: [u64; 2],
}

impl Beside {
    /// As the clients say it.
    ///
    /// # Errors
    /// When they do not.
    pub fn read(said: &Value) -> Result<Self> {
        let count = |what| count(said, what);
        let told = said.get("told").and_then(Value::as_str).context("nothing is said of the stalled client")?;
        Ok(Self { told: told.to_owned(), dropped: [count("dropped_before")?, count("dropped_after")?] })
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.dropped.first() == Some(&0) {
            problems.push("the stalled client's queue was not full when measuring began".to_owned());
        }
        if self.told != "gap" && self.told != "closed" {
            problems.push(format!("the stalled client was told of {}, not of a gap", self.told));
        }
        problems
    }
}

/// Alone, and then beside a stalled one.
#[derive(Debug, Clone)]
pub struct Pair {
    /// Without it.
    pub alone: Latency,
    /// With it.
    pub stalled: Latency,
    /// What became of it.
    pub beside: Beside,
}

/// All rounds.
#[derive(Debug)]
pub struct Stalled {
    /// In order.
    pub rounds: Vec<Pair>,
}

impl Stalled {
    /// The medians of `which`, in microseconds: alone, and beside the stalled one.
    fn medians(&self, which: fn(&Latency) -> Option<u64>) -> [Option<f64>; 2] {
        let of = |latency: fn(&Pair) -> &Latency| {
            let times = self.rounds.iter().map(|pair| which(latency(pair)).and_then(|us| u32::try_from(us).ok()));
            median(times.collect::<Option<Vec<u32>>>()?.into_iter().map(f64::from))
        };
        [of(|pair| &pair.alone), of(|pair| &pair.stalled)]
    }

    /// How many times as long it takes beside the stalled one.
    pub fn ratio(&self, which: fn(&Latency) -> Option<u64>) -> Option<f64> {
        let [alone, stalled] = self.medians(which);
        Some(stalled? / alone?).filter(|ratio| ratio.is_finite())
    }
}

/// All that was measured.
#[derive(Debug)]
pub struct Report {
    /// Beside the peer.
    pub deliveries: Deliveries,
    /// Beside a stalled client.
    pub stalled: Stalled,
}

impl Report {
    /// What is not as it is to be, with where; nothing of it is about time.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut add = |place: String, found: Vec<String>| {
            problems.extend(found.into_iter().map(|problem| format!("{place}: {problem}")));
        };
        for (round, both) in self.deliveries.named() {
            for (name, turn) in both {
                add(format!("deliveries, round {round}, {name}"), turn.counts.problems());
            }
        }
        for (pair, round) in self.stalled.rounds.iter().zip(1..) {
            add(format!("alone, round {round}"), pair.alone.counts.problems());
            add(format!("beside a stalled client, round {round}"), pair.stalled.counts.problems());
            add(format!("beside a stalled client, round {round}"), pair.beside.problems());
        }
        problems
    }

    /// One line.
    pub fn to_json(&self) -> String {
        let (deliveries, stalled) = (&self.deliveries, &self.stalled);
        let rounds = deliveries.rounds.iter();
        let rounds = rounds.map(|it| json!({"tollgate": it.ours.to_json(), "socket.io": it.theirs.to_json()}));
        let [ours, theirs] = deliveries.medians();
        let load = deliveries.load;
        let pairs = stalled.rounds.iter().map(|pair| {
            let Beside { told, dropped } = &pair.beside;
            json!({"alone": pair.alone.to_json(), "stalled": pair.stalled.to_json(), "told": told, "dropped": dropped})
        });
        let said = json!({
            "measured": true,
            "deliveries": {
                "clients": load.clients, "events": load.events, "per_second": load.per_second, "durability": "normal",
                "peer": deliveries.versions, "rounds": rounds.collect::<Vec<_>>(),
                "medians": {"tollgate": ours, "socket.io": theirs}, "ratio": deliveries.ratio(),
                "reach": REACH_DELIVERIES,
            },
            "stalled": {
                "clients": FAST, "per_second": PER_SECOND, "seconds": SECONDS, "rounds": pairs.collect::<Vec<_>>(),
                "p50_ratio": stalled.ratio(|it| it.p50_us), "p99_ratio": stalled.ratio(|it| it.p99_us),
                "p99_reach": REACH_P99,
            },
            "problems": self.problems(),
        });
        format!("{said}\n")
    }
}

#[cfg(test)]
pub mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
    use super::*;

    fn counts(deliveries: u64) -> Counts {
        let said = json!({"deliveries": deliveries, "lost": 0, "twice": 0, "out_of_order": 0, "unexpected": 0});
        Counts::read(&said).unwrap()
    }

    fn turn(deliveries: u64, cpu_ms: u64) -> Turn {
        Turn { counts: counts(deliveries), seconds: 1.234, cpu: Duration::from_millis(cpu_ms) }
    }

    fn latency(times: &[u64]) -> Latency {
        Latency::new(counts(200), times.to_vec(), [0.25, 0.5])
    }

    /// Two rounds in which all is as it is to be.
    pub fn report() -> Report {
        let load = Load { clients: 50, events: 4_000, per_second: None };
        let versions = json!({"socket.io": "4.8.4", "node": "20.0.0"});
        let rounds = [(400, 1_000), (200, 1_000)];
        let round = |(ours, theirs)| Round { ours: turn(200_000, ours), theirs: turn(200_000, theirs) };
        let beside = Beside::read(&json!({"told": "gap", "dropped_before": 7, "dropped_after": 9})).unwrap();
        let pair =
            |times: &[u64]| Pair { alone: latency(&[2_000, 1_000]), stalled: latency(times), beside: beside.clone() };
        Report {
            deliveries: Deliveries { load, versions, rounds: rounds.map(round).to_vec() },
            stalled: Stalled { rounds: vec![pair(&[1_000, 2_000]), pair(&[1_000, 3_000])] },
        }
    }

    #[test]
    fn the_medians_of_all_rounds_are_compared() {
        let report = report();
        assert_eq!(report.deliveries.medians(), [Some(750_000.0), Some(200_000.0)]);
        assert_eq!(report.deliveries.ratio(), Some(3.75));
        assert_eq!(report.stalled.ratio(|it| it.p50_us), Some(1.0));
        assert_eq!(report.stalled.ratio(|it| it.p99_us), Some(1.25));
        let json: Value = serde_json::from_str(&report.to_json()).unwrap();
        assert_eq!(json["deliveries"]["rounds"][1]["tollgate"]["deliveries_per_cpu_second"], 1_000_000.0);
        assert_eq!((&json["deliveries"]["ratio"], &json["stalled"]["p99_ratio"]), (&json!(3.75), &json!(1.25)));
        assert_eq!(json["stalled"]["rounds"][0]["dropped"], json!([7, 9]));
        assert_eq!(json["problems"], json!([]));
    }

    #[test]
    fn what_is_too_short_to_be_measured_has_no_figure() {
        let mut report = report();
        report.deliveries.rounds[0].ours.cpu = Duration::ZERO;
        report.stalled.rounds[0].alone = latency(&[]);
        assert_eq!(report.deliveries.medians(), [None, Some(200_000.0)]);
        assert_eq!((report.deliveries.ratio(), report.stalled.ratio(|it| it.p99_us)), (None, None));
        for pair in &mut report.stalled.rounds {
            pair.alone = latency(&[0]);
        }
        assert_eq!(report.stalled.ratio(|it| it.p99_us), None, "nothing is a time as often");
        assert!(report.to_json().contains("\"ratio\":null"));
    }

    #[test]
    fn whatever_did_not_arrive_as_it_was_to_is_named_with_its_place() {
        assert_eq!(report().problems(), Vec::<String>::new());
        let mut report = report();
        report.deliveries.rounds[1].ours.counts.lost = 3;
        report.deliveries.rounds[0].theirs.counts.twice = 1;
        report.stalled.rounds[0].alone.counts.out_of_order = 2;
        report.stalled.rounds[1].stalled.counts.unexpected = 4;
        report.stalled.rounds[1].beside = Beside { told: "nothing".to_owned(), dropped: [0, 5] };
        assert_eq!(
            report.problems(),
            [
                "deliveries, round 1, socket.io: 1 delivered twice",
                "deliveries, round 2, tollgate: 3 lost",
                "alone, round 1: 2 out of order",
                "beside a stalled client, round 2: 4 gaps, closed connections or unknown messages",
                "beside a stalled client, round 2: the stalled client's queue was not full when measuring began",
                "beside a stalled client, round 2: the stalled client was told of nothing, not of a gap",
            ]
        );
        report.stalled.rounds[1].beside = Beside { told: "closed".to_owned(), dropped: [5, 0] };
        assert_eq!(report.problems().len(), 4, "being closed is being told");
    }

    #[test]
    fn clients_that_leave_a_count_out_are_not_believed() {
        for said in [json!({}), json!({"deliveries": 1, "lost": -1, "twice": 0, "out_of_order": 0, "unexpected": 0})] {
            assert!(Counts::read(&said).is_err());
        }
        let error = Beside::read(&json!({"told": "gap", "dropped_before": 1})).unwrap_err().to_string();
        assert!(error.contains("`dropped_after`"), "{error}");
    }
}
