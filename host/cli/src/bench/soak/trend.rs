//! Whether a quantity that was looked at again and again stays what it is. Pure.

use std::time::Duration;

/// The part of the time that is not judged: caches fill, plugins come for the first time.
const WARM_UP: f64 = 0.3;
/// Most points that are compared with each other; more are thinned out.
const POINTS: usize = 600;
/// Fewest points that say anything.
const FEWEST: usize = 40;

/// How a quantity went.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// The median of the first tenth that is judged.
    pub first: f64,
    /// The median of the last tenth.
    pub last: f64,
    /// The median of the slopes between any two points (Theil–Sen), by minute: single spikes do not move it.
    pub per_minute: f64,
    /// What that comes to over the time that is judged.
    pub growth: f64,
}

/// The trend of `points` (when, how much), which are in order of time; none where there are too few to say.
pub fn trend(points: &[(Duration, f64)]) -> Option<Trend> {
    let start = points.last()?.0.mul_f64(WARM_UP);
    let judged: Vec<(f64, f64)> =
        points.iter().filter(|(at, _)| *at >= start).map(|(at, value)| (at.as_secs_f64() / 60.0, *value)).collect();
    if judged.len() < FEWEST {
        return None;
    }
    let step = judged.len().div_ceil(POINTS);
    let judged: Vec<(f64, f64)> = judged.into_iter().step_by(step).collect();
    let mut slopes = Vec::new();
    for (at, (from, before)) in judged.iter().enumerate() {
        let later = judged.iter().skip(at + 1);
        slopes.extend(later.filter(|(to, _)| to > from).map(|(to, after)| (after - before) / (to - from)));
    }
    let per_minute = median(slopes)?;
    let tenth = (judged.len() / 10).max(1);
    let values = |part: &[(f64, f64)]| median(part.iter().map(|(_, value)| *value).collect());
    let length = judged.last()?.0 - judged.first()?.0;
    Some(Trend {
        first: values(judged.get(..tenth)?)?,
        last: values(judged.get(judged.len() - tenth..)?)?,
        per_minute,
        growth: per_minute * length,
    })
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::*;
    use proptest::prelude::*;

    fn points(value: impl Fn(f64) -> f64) -> Vec<(Duration, f64)> {
        (0..600).map(|second| (Duration::from_secs(second), value(second as f64))).collect()
    }

    #[test]
    fn what_grows_steadily_is_seen_and_by_how_much() {
        let trend = trend(&points(|second| 1_000.0 + second)).unwrap();
        assert!((trend.per_minute - 60.0).abs() < 0.001, "{trend:?}");
        assert!((trend.growth - 419.0).abs() < 1.0, "{trend:?}");
        assert!(trend.last > trend.first);
    }

    #[test]
    fn spikes_and_the_warm_up_are_no_growth() {
        let value = |second: f64| {
            let spike = if (second as u64).is_multiple_of(7) { 500.0 } else { 0.0 };
            (second * 50.0).min(5_000.0) + spike
        };
        assert!(trend(&points(value)).unwrap().growth.abs() < 0.001);
    }

    #[test]
    fn too_few_points_say_nothing() {
        assert_eq!(trend(&[]), None);
        assert_eq!(trend(&points(|_| 1.0).into_iter().take(FEWEST).collect::<Vec<_>>()), None);
    }

    proptest! {
        #[test]
        fn a_line_is_its_own_trend(slope in -1_000.0..1_000.0_f64, noise in prop::collection::vec(0.0..1.0_f64, 100..900)) {
            let line: Vec<_> = (0_u64..).zip(&noise)
                .map(|(second, noise)| (Duration::from_secs(second), slope * second as f64 / 60.0 + noise))
                .collect();
            let found = trend(&line).unwrap();
            prop_assert!((found.per_minute - slope).abs() < 5.0, "{found:?}");
        }
    }
}
