//! `tollgate plugin bench`: what each recorded event and call takes, held against the last run of the same file.

use super::ground::{Code, on_ground, started};
use super::recorded::{self, Recorded, What};
use super::rehearse::{Measures, step};
use super::{create, read_text};
use crate::args::TryArgs;
use crate::exit::{Exit, Failure};
use crate::output;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::{Path, PathBuf};
use tollgate_core::id::derived;
use tollgate_runtime::Trial;

/// Calls that are measured at least, by going through the lines again: fewer say nothing of one in a hundred.
const MIN_CALLS: usize = 2_000;
/// Rounds that nobody measures, in which caches fill.
const WARM_UP: usize = 1;

/// What a run came to; kept beside the component for the next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Figures {
    calls: usize,
    p50_ns: u64,
    p99_ns: u64,
    fuel_mean: u64,
    fuel_max: u64,
    /// Of all memories, after the first measured round.
    memory_bytes: usize,
    /// What came on top of that until the last.
    memory_growth: usize,
}

/// Measures the component with every line, and tells of it.
///
/// # Errors
/// When a file cannot be read or written, a host would refuse the component, or a line faults.
pub fn bench(args: &TryArgs, as_json: bool) -> Result<Exit, Failure> {
    let lines = recorded::read(&args.events)?;
    let figures = on_ground(Code::Kept, async |ground| {
        let mut trial = started(ground, &args.file, args.grant.as_deref()).await?;
        measure(&mut trial, &lines).await
    })?;
    let kept = kept_in(&args.file);
    let last = last(&kept)?;
    let text = serde_json::to_string_pretty(&figures).map_err(|error| Failure::at(kept.display(), error))?;
    create::write(&kept, &format!("{text}\n"))?;
    if as_json {
        output::line(json!({"now": figures, "last": last}))?;
    } else {
        output::write(&told(&figures, last.as_ref()))?;
    }
    Ok(Exit::Done)
}

async fn measure(trial: &mut Trial, lines: &[Recorded]) -> Result<Figures, Failure> {
    let mut measured = Vec::new();
    let (mut round, mut number, mut first_memory) = (0, 0_u64, 0);
    while round <= WARM_UP || measured.len() < MIN_CALLS {
        let before = measured.len();
        for line in lines {
            number += 1;
            let step = step(trial, &anew(line, number)).await?;
            if step.faulted {
                return Err(Failure::Failed(format!("line {} faults: `tollgate plugin test` shows it", line.line)));
            }
            measured.extend(step.took.filter(|_| round >= WARM_UP));
        }
        if round >= WARM_UP && measured.len() == before {
            return Err(Failure::Failed("it handles none of the events and gates none of the calls".to_owned()));
        }
        if round == WARM_UP {
            first_memory = measured.iter().map(|one| one.memory_bytes).max().unwrap_or_default();
        }
        round += 1;
    }
    Ok(figures(&measured, first_memory))
}

/// The same line under an id of its own: what follows from an event's id is recorded once.
fn anew(line: &Recorded, number: u64) -> Recorded {
    let mut line = line.clone();
    if let What::Event(event) = &mut line.what {
        let mut bytes = [0; 32];
        for (byte, own) in bytes.iter_mut().zip(number.to_be_bytes()) {
            *byte = own;
        }
        event.id = derived(bytes);
        event.root = event.id;
    }
    line
}

fn figures(measured: &[Measures], first_memory: usize) -> Figures {
    let mut times: Vec<u64> =
        measured.iter().map(|one| u64::try_from(one.took.as_nanos()).unwrap_or(u64::MAX)).collect();
    times.sort_unstable();
    let percentile = |percent: usize| {
        let at = (times.len() * percent).div_ceil(100).saturating_sub(1);
        times.get(at).copied().unwrap_or_default()
    };
    let fuel = measured.iter().map(|one| one.fuel);
    let calls = measured.len();
    let memory = measured.iter().map(|one| one.memory_bytes).max().unwrap_or_default();
    Figures {
        calls,
        p50_ns: percentile(50),
        p99_ns: percentile(99),
        fuel_mean: fuel.clone().sum::<u64>() / u64::try_from(calls.max(1)).unwrap_or(1),
        fuel_max: fuel.max().unwrap_or_default(),
        memory_bytes: first_memory,
        memory_growth: memory.saturating_sub(first_memory),
    }
}

/// `target/hello.wasm` has `target/hello.bench.json`.
fn kept_in(file: &Path) -> PathBuf {
    file.with_extension("bench.json")
}

/// The last run's figures; none where there was none, or another version wrote them.
fn last(kept: &Path) -> Result<Option<Figures>, Failure> {
    if !kept.exists() {
        return Ok(None);
    }
    Ok(serde_json::from_str(&read_text(kept)?).ok())
}

fn told(now: &Figures, last: Option<&Figures>) -> String {
    let row = |name: &str, unit: &str, of: fn(&Figures) -> u64| {
        let value = of(now);
        let against = last.map(of).map_or_else(String::new, |last| {
            let change = if last == 0 { 0.0 } else { (value as f64 / last as f64 - 1.0) * 100.0 };
            format!("  (was {last}, {change:+.1} %)")
        });
        format!("{name:<16} {value:>12} {unit}{against}\n")
    };
    [
        format!("{} calls\n", now.calls),
        row("half within", "ns", |of| of.p50_ns),
        row("99 % within", "ns", |of| of.p99_ns),
        row("fuel, mean", "", |of| of.fuel_mean),
        row("fuel, most", "", |of| of.fuel_max),
        row("memory", "bytes", |of| u64::try_from(of.memory_bytes).unwrap_or(u64::MAX)),
        row("grown by", "bytes", |of| u64::try_from(of.memory_growth).unwrap_or(u64::MAX)),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn percentiles_fuel_and_growth_are_what_was_measured() {
        let one = |number: u64| Measures {
            fuel: number,
            took: Duration::from_nanos(number),
            memory_bytes: if number > 90 { 300 } else { 100 },
        };
        let measured: Vec<Measures> = (1..=100).rev().map(one).collect();
        let made = figures(&measured, 100);
        assert_eq!((made.calls, made.p50_ns, made.p99_ns), (100, 50, 99));
        assert_eq!((made.fuel_mean, made.fuel_max), (50, 100));
        assert_eq!((made.memory_bytes, made.memory_growth), (100, 200));
        let slower = Figures { p50_ns: 75, ..made.clone() };
        let text = told(&slower, Some(&made));
        assert!(text.contains("(was 50, +50.0 %)") && text.contains("(was 99, +0.0 %)"), "{text}");
        assert!(!told(&made, None).contains("was"));
    }
}
