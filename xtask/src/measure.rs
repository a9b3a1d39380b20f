//! Figures: the processor time of a process, percentiles and medians. Knows nothing of what is measured.

use crate::process::wait_for;
use anyhow::{Context as _, Result};
use std::fs;
use std::time::{Duration, Instant};

/// What Linux counts processor time in for programs, a second: the same on all that is built for, whatever the
/// kernel's own rate is.
const TICKS_A_SECOND: u64 = 100;
/// A process whose time has not grown for so long has done what there was to do: ten ticks.
const QUIET: Duration = Duration::from_millis(100);
/// How long it may take until then: a daemon that has just started compiles its plugins.
const SETTLE: Duration = Duration::from_secs(120);
/// Where in /proc/PID/stat, counted from what follows the name, user and system time are.
const USER: usize = 11;
const SYSTEM: usize = 12;

/// The processor time of a process so far: of all its threads, with those that are over.
///
/// # Errors
/// When there is no such process.
pub fn cpu(process: u32) -> Result<Duration> {
    let path = format!("/proc/{process}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    ticks(&stat).map(time).with_context(|| format!("{path} is not as it is on Linux: {stat}"))
}

/// The same, once it has grown no more for a while: with what was still to do.
///
/// # Errors
/// When there is no such process, or it does not come to rest.
pub fn settled(process: u32) -> Result<Duration> {
    let mut last = (cpu(process)?, Instant::now());
    wait_for("the server to have nothing to do", SETTLE, || {
        let now = cpu(process)?;
        if now != last.0 {
            last = (now, Instant::now());
        }
        Ok((last.1.elapsed() >= QUIET).then_some(now))
    })
}

/// User and system time. The name before them may have spaces and parentheses of its own.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let field = |at| fields.split_ascii_whitespace().nth(at)?.parse::<u64>().ok();
    field(USER)?.checked_add(field(SYSTEM)?)
}

fn time(ticks: u64) -> Duration {
    Duration::from_millis(ticks.saturating_mul(1_000 / TICKS_A_SECOND))
}

/// Of times that are sorted: the smallest that so many in a thousand are not above. None where there are none.
pub fn percentile(sorted: &[u64], per_mille: usize) -> Option<u64> {
    let rank = sorted.len().saturating_mul(per_mille).div_ceil(1_000);
    sorted.get(rank.saturating_sub(1)).copied()
}

/// The one in the middle, or between the two; none where there are none, or one is no number.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    if values.iter().any(|value| value.is_nan()) {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2)?;
    let lower = values.get(values.len().checked_sub(1)? / 2)?;
    Some(f64::midpoint(*lower, *upper))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn times_are_read_behind_any_name() {
        let after = "S 1 2 3 4 5 6 7 8 9 10 1234 66 70 71 20 0 14 0 5";
        for name in ["tollgate", "a b", "a) S 1 2", "((", ") "] {
            assert_eq!(ticks(&format!("42 ({name}) {after}")), Some(1_300), "{name}");
        }
        assert_eq!(time(1_300), Duration::from_secs(13));
        for broken in ["", "42 (it) ", "42 (it) S 1 2 3", "42 it S 1 2 3 4 5 6 7 8 9 10 11 12"] {
            assert_eq!(ticks(broken), None, "{broken}");
        }
        let most = format!("1 (it) S 1 2 3 4 5 6 7 8 9 10 {} 1", u64::MAX);
        assert_eq!(ticks(&most), None);
    }

    #[test]
    fn a_process_has_used_time_and_comes_to_rest() {
        let folder = tempfile::tempdir().unwrap();
        let busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; exec sleep 600";
        let mut shell = std::process::Command::new("/bin/sh");
        shell.args(["-c", busy]);
        let shell = crate::process::Running::start("a shell", &mut shell, &folder.path().join("log")).unwrap();
        let rest = settled(shell.id()).unwrap();
        assert!(rest > Duration::ZERO);
        assert_eq!(cpu(shell.id()).unwrap(), rest);
        assert!(cpu(u32::MAX).unwrap_err().to_string().contains("/proc/4294967295/stat"));
    }

    #[test]
    fn a_percentile_is_one_of_the_times() {
        let hundred: Vec<u64> = (1..=100).collect();
        for (per_mille, expected) in [(0, 1), (500, 50), (990, 99), (991, 100), (1_000, 100)] {
            assert_eq!(percentile(&hundred, per_mille), Some(expected), "{per_mille}");
        }
        assert_eq!((percentile(&[7], 500), percentile(&[7], 990), percentile(&[], 500)), (Some(7), Some(7), None));
    }

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median([1.0, f64::NAN]), None);
        assert_eq!(median([]), None);
    }
}
