//! `tollgate bench crash`: a daemon of its own that is killed again and again in the middle of what clients tell it,
//! and whether every event that it acknowledged is in the journal, once.
//!
//! The clients keep their own ledger; what was sent and not acknowledged they send again under the same id.

mod clients;
mod report;

use super::subject::Subject;
use super::{bar, say};
use crate::args::CrashArgs;
use crate::signals::Signals;
use anyhow::{Context as _, anyhow};
use clients::Clients;
use fastrand::Rng;
use report::Report;
use std::path::Path;
use std::time::Duration;

/// How long the daemon is let live under load, in milliseconds: kills fall into the first commits, and into a crowd.
const LIVES_MS: std::ops::Range<u64> = 20..400;

/// One run, on a home in `folder`.
pub async fn play(folder: &Path, args: &CrashArgs) -> anyhow::Result<Report> {
    let mut signals = Signals::new().context("signals")?;
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    let mut chance = Rng::with_seed(seed);
    let bar = bar(u64::from(args.times), "{bar:24} {pos}/{len} kills  {msg}", args.json);
    say(args.json, &format!("a daemon on a temporary home, {} clients, seed {seed}", args.clients));
    let mut clients = Clients::new(args.clients, &mut chance);
    let rounds = async {
        for _ in 0..args.times {
            let mut subject = Subject::start(folder).await?;
            clients.start(subject.home());
            tokio::time::sleep(Duration::from_millis(chance.u64(LIVES_MS))).await;
            subject.kill()?;
            clients.stop()?;
            bar.inc(1);
            bar.set_message(format!("{} events acknowledged", clients.acknowledged()));
        }
        let mut subject = Subject::start(folder).await?;
        clients.settle(subject.home())?;
        Report::gather(&mut subject, &clients, args.times, seed)
            .await
            .with_context(|| format!("the daemon's last words:\n{}", subject.last_words()))
    };
    let report = tokio::select! {
        report = rounds => report,
        () = signals.any() => Err(anyhow!("stopped by a signal before its end")),
    };
    bar.finish_and_clear();
    report
}
