//! `tollgate bench soak`: a daemon of its own under a steady load while plugins come, fault, go and come back, and
//! whether its memory and its descriptors stay what they are.
//!
//! The daemon is a process of this binary on a temporary home; everything is asked of it over its socket, and what it
//! holds is read from the system.

mod load;
mod report;
mod trend;
mod weather;

use super::subject::{Sample, Subject};
use super::{bar, say};
use crate::args::SoakArgs;
use crate::signals::Signals;
use anyhow::{Context as _, anyhow};
use load::Load;
use report::Report;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weather::Weather;

/// How often the daemon is looked at.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);
/// How long the plugins may take to catch up once the load is over.
const CATCH_UP: Duration = Duration::from_secs(300);

/// One run, on a home in `folder`.
pub async fn play(folder: &Path, args: &SoakArgs) -> anyhow::Result<Report> {
    let mut signals = Signals::new().context("signals")?;
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    let length = Duration::from_secs_f64(args.minutes * 60.0);
    let bar = bar(length.as_secs(), "{bar:24} {pos}/{len} s  {msg}", args.json);
    say(args.json, &format!("a daemon on a temporary home, seed {seed}"));
    let stopped = || anyhow!("stopped by a signal before its end");
    let mut subject = tokio::select! {
        subject = Subject::start(folder) => subject?,
        () = signals.any() => return Err(stopped()),
    };
    let load = Arc::new(Load::default());
    let begun = Instant::now();
    let workers = load::start(&load, subject.home());
    let weather = Weather::start(&load, subject.home(), seed);
    let mut samples = Vec::new();
    let ended = loop {
        let elapsed = begun.elapsed();
        if elapsed >= length || load.is_over() {
            break Ok(());
        }
        match subject.sample(elapsed) {
            Ok(sample) => samples.push(sample),
            Err(error) => break Err(error),
        }
        bar.set_position(elapsed.as_secs());
        bar.set_message(status(&load, samples.last()));
        tokio::select! {
            () = tokio::time::sleep(SAMPLE_EVERY) => {}
            () = signals.any() => break Err(stopped()),
        }
    };
    load.end();
    bar.finish_and_clear();
    let joined = workers.into_iter().try_for_each(join);
    let weather = weather.join();
    ended?;
    joined?;
    let weather = weather?;
    if let Some(trouble) = load.trouble() {
        return Err(anyhow!("{trouble}; the daemon's last words:\n{}", subject.last_words()));
    }
    say(args.json, "the load is over; waiting for the plugins to catch up");
    let report = tokio::select! {
        report = Report::gather(&mut subject, &load, weather, samples, seed) => report,
        () = signals.any() => Err(anyhow!("stopped by a signal before its end")),
    };
    report.with_context(|| format!("the daemon's last words:\n{}", subject.last_words()))
}

fn join(worker: std::thread::JoinHandle<()>) -> anyhow::Result<()> {
    worker.join().map_err(|_| anyhow!("a thread of the load panicked"))
}

fn status(load: &Load, sample: Option<&Sample>) -> String {
    let sample = sample.map_or_else(String::new, |sample| {
        format!(", {} MiB, {} descriptors", sample.memory_kib / 1_024, sample.descriptors)
    });
    format!("{} events, {} verdicts{sample}", load.acknowledged(), load.verdicts())
}
