//! What the clients were told against what the journal holds.

use super::super::each_event;
use super::super::subject::Subject;
use super::clients::{Clients, EVENT_TYPE};
use crate::client::Client;
use anyhow::Context as _;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The outcome.
pub struct Report {
    seed: u64,
    kills: u16,
    acknowledged: usize,
    again: u64,
    /// Acknowledged, and not in the journal under that seq.
    lost: usize,
    /// In the journal more than once.
    duplicated: usize,
    /// In the journal, and acknowledged to no one.
    strange: usize,
    /// Rows of the journal whose chain was followed.
    checked: u64,
    /// The first row that does not fit.
    broken: Option<String>,
}

impl Report {
    /// Asks a daemon that has come up again what it holds, stops it, and follows the journal's chain.
    pub async fn gather(subject: &mut Subject, clients: &Clients, kills: u16, seed: u64) -> anyhow::Result<Self> {
        let mut recorded = BTreeMap::<String, Vec<u64>>::new();
        each_event(&Client::of(subject.home()), EVENT_TYPE, |event| {
            let id = event.get("payload").and_then(|payload| payload.get("id")).and_then(Value::as_str);
            let seq = event.get("seq").and_then(Value::as_u64);
            recorded.entry(id.context("an event without its id")?.to_owned()).or_default().push(seq.context("no seq")?);
            Ok(())
        })?;
        subject.stop().await?;
        let verified = tollgate_core::journal::verify(&subject.home().journal())?;
        let (told, again) = clients.told();
        let kept = |id: &str, seq: u64| recorded.get(id).is_some_and(|seqs| seqs.contains(&seq));
        Ok(Self {
            seed,
            kills,
            acknowledged: told.len(),
            again,
            lost: told.iter().filter(|(id, seq)| !kept(id, **seq)).count(),
            duplicated: recorded.values().filter(|seqs| seqs.len() > 1).count(),
            strange: recorded.keys().filter(|id| !told.contains_key(id.as_str())).count(),
            checked: verified.checked,
            broken: verified.bad.map(|bad| format!("{bad:?}")),
        })
    }
}

impl super::super::Report for Report {
    fn ok(&self) -> bool {
        self.acknowledged > 0 && self.lost + self.duplicated + self.strange == 0 && self.broken.is_none()
    }

    fn to_json(&self) -> Value {
        json!({
            "ok": self.ok(),
            "seed": self.seed,
            "kills": self.kills,
            "acknowledged": self.acknowledged,
            "sent_again": self.again,
            "lost": self.lost,
            "duplicated": self.duplicated,
            "strange": self.strange,
            "verified": self.checked,
            "broken": self.broken,
        })
    }

    fn to_text(&self) -> String {
        let mut text = String::new();
        let Self { seed, kills, acknowledged, again, lost, duplicated, strange, checked, .. } = self;
        // Writing to a string does not fail.
        let _ = writeln!(text, "{kills} kills, seed {seed}: {acknowledged} events acknowledged, {again} sent again");
        for (what, held) in [
            (format!("{lost} acknowledged events lost"), *lost == 0),
            (format!("{duplicated} events recorded twice"), *duplicated == 0),
            (format!("{strange} events recorded that nobody was told of"), *strange == 0),
            match &self.broken {
                None => (format!("{checked} events in the journal, their chain whole"), true),
                Some(broken) => (format!("the journal's chain is broken: {broken}"), false),
            },
        ] {
            let _ = writeln!(text, "  {} {what}", if held { '✓' } else { '✗' });
        }
        text
    }
}
