//! What the demonstration counted: by event type, by verdict, by plugin; as one object or as a table.

use super::checklist::Checklist;
use super::stage::Stage;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use tollgate_core::events::PatternSet;
use tollgate_core::journal::Query;
use tollgate_runtime::PluginStatus;

/// The counts.
pub struct Report {
    events: u64,
    by_type: BTreeMap<String, u64>,
    by_decision: BTreeMap<String, u64>,
    by_cause: BTreeMap<String, u64>,
    plugins: Vec<PluginStatus>,
}

impl Report {
    /// Counts what the journal holds, which is what a restart would find.
    pub async fn gather(stage: &Stage) -> anyhow::Result<Self> {
        let mut report = Self {
            events: 0,
            by_type: BTreeMap::new(),
            by_decision: BTreeMap::new(),
            by_cause: BTreeMap::new(),
            plugins: stage.runtime().list(),
        };
        for event in stage.read(Query { patterns: Some(PatternSet::all()), ..Query::default() }).await? {
            report.events += 1;
            *report.by_type.entry(event.event_type.as_str().to_owned()).or_default() += 1;
            let payload: Value = serde_json::from_str(&event.payload)?;
            let decision = match event.event_type.as_str() {
                "tool.allowed" => "allow",
                "tool.denied" => "deny",
                "tool.deferred" if payload.get("reason").is_some_and(Value::is_string) => "ask",
                "tool.deferred" => "abstain",
                _ => continue,
            };
            *report.by_decision.entry(decision.to_owned()).or_default() += 1;
            if let Some(cause) = payload.get("cause").and_then(Value::as_str) {
                *report.by_cause.entry(cause.to_owned()).or_default() += 1;
            }
        }
        Ok(report)
    }

    /// One object, field names as over HTTP.
    pub fn to_json(&self, checklist: &Checklist) -> Value {
        let plugins: Vec<Value> = self
            .plugins
            .iter()
            .map(|plugin| {
                json!({"name": plugin.name, "calls": plugin.calls, "faults": plugin.faults, "fuel": plugin.fuel,
                    "fuel_per_call": per_call(plugin), "fuel_max": plugin.fuel_max, "p50_us": plugin.p50_us, "p99_us": plugin.p99_us})
            })
            .collect();
        let skipped: Vec<Value> = checklist
            .skipped()
            .iter()
            .map(|skipped| json!({"scene": skipped.scene, "reason": skipped.reason}))
            .collect();
        json!({"events": self.events, "by_type": self.by_type,
            "verdicts": {"by_decision": self.by_decision, "by_cause": self.by_cause}, "plugins": plugins, "skipped": skipped,
            "ok": checklist.held()})
    }

    /// Tables for people, and the score.
    pub fn to_text(&self, checklist: &Checklist) -> String {
        let mut text = String::new();
        let (held, stated) = checklist.score();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "\n{:<14} {:>8} {:>7} {:>12} {:>14} {:>8} {:>8}",
            "plugin", "calls", "faults", "fuel/call", "most of one", "p50 µs", "p99 µs"
        );
        for plugin in &self.plugins {
            let _ = writeln!(
                text,
                "{:<14} {:>8} {:>7} {:>12} {:>14} {:>8} {:>8}",
                plugin.name,
                plugin.calls,
                plugin.faults,
                per_call(plugin),
                plugin.fuel_max,
                plugin.p50_us,
                plugin.p99_us
            );
        }
        let counts = |counts: &BTreeMap<String, u64>| {
            counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
        };
        let _ = writeln!(text, "\nverdicts:  {}", counts(&self.by_decision));
        let _ = writeln!(text, "denied by: {}", counts(&self.by_cause));
        let _ = writeln!(
            text,
            "{} events of {} types; {held} of {stated} expectations held",
            self.events,
            self.by_type.len()
        );
        for skipped in checklist.skipped() {
            let _ = writeln!(text, "skipped: {} ({})", skipped.scene, skipped.reason);
        }
        for broken in checklist.broken() {
            let _ = writeln!(text, "did not hold: {broken}");
        }
        text
    }
}

/// What a call of the plugin cost on average, in fuel.
fn per_call(plugin: &PluginStatus) -> u64 {
    plugin.fuel.checked_div(plugin.calls).unwrap_or_default()
}
