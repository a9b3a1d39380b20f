//! What a replay came to: counted as it goes, the first differences kept, told at the end.

use crate::exit::Failure;
use crate::kit::rehearse::Step;
use crate::output::{self, tame};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use tollgate_core::event::Event;

/// Differences that are told by themselves; the others are counted.
const MAX_TOLD: usize = 20;
/// Calls whose outcome is looked for: it is recorded with the call, or once a person has answered.
const MAX_OPEN: usize = 10_000;
/// Columns of a difference shown to a person.
const WIDTH: usize = 300;

/// Counts, and what differs.
#[derive(Debug, Default)]
pub struct Report {
    events: u64,
    calls: u64,
    /// How many calls each word was for.
    verdicts: BTreeMap<String, u64>,
    /// Calls that it would deny and the gate let through.
    denied_though_let_through: u64,
    /// Calls that it denied when it served, and would not.
    let_through_though_denied: u64,
    emits_differ: u64,
    verdicts_differ: u64,
    /// Calls whose input was not recorded as it was.
    pub not_comparable: u64,
    /// Faults of the plugin.
    pub faults: u64,
    told: Vec<Value>,
    /// By call id: what it would say of calls whose outcome is not seen yet.
    open: HashMap<String, String>,
    /// Calls that found no room there.
    not_held: u64,
    /// Events that were pruned before this came to them.
    pub pruned: u64,
    /// What a verdict of the plugin is decided by.
    decided_by: String,
}

impl Report {
    /// Of this plugin.
    pub fn of(plugin: &str) -> Self {
        Self { decided_by: format!("plugin:{plugin}"), ..Self::default() }
    }

    /// What it did for an event, and what the other side emitted.
    pub fn event(&mut self, event: &Event, step: &Step, other: &[Value]) {
        self.events += 1;
        self.faults += u64::from(step.faulted);
        let emits = step.did.get("emits").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        if emits != other {
            self.emits_differ += 1;
            self.tell(json!({"seq": event.seq, "event": event.event_type.as_str(), "emits": emits, "before": other}));
        }
    }

    /// What it says of a call; `other` is what another version says, none where the record says it.
    pub fn call(&mut self, event: &Event, step: &Step, other: Option<Value>) {
        self.calls += 1;
        self.faults += u64::from(step.faulted);
        let word = word_of(&step.did);
        *self.verdicts.entry(word.clone()).or_default() += 1;
        match other {
            Some(other) if word_of(&other) != word || other.get("reason") != step.did.get("reason") => {
                self.verdicts_differ += 1;
                self.tell(json!({"seq": event.seq, "verdict": step.did, "before": other}));
            }
            Some(_) => {}
            None => {
                let Some(id) = text(event, "call_id") else { return };
                if self.open.len() < MAX_OPEN {
                    self.open.insert(id, word);
                } else {
                    self.not_held += 1;
                }
            }
        }
    }

    /// What the gate made of a call that this has seen.
    pub fn outcome(&mut self, event: &Event) {
        let let_through = match event.event_type.as_str() {
            "tool.allowed" | "tool.deferred" => true,
            "tool.denied" => false,
            _ => return,
        };
        let Some(word) = text(event, "call_id").and_then(|id| self.open.remove(&id)) else { return };
        let by_it = !let_through && text(event, "decided_by").is_some_and(|by| by == self.decided_by);
        if word == "deny" && let_through {
            self.denied_though_let_through += 1;
        } else if by_it && !matches!(word.as_str(), "deny" | "ask") {
            self.let_through_though_denied += 1;
        } else {
            return;
        }
        self.verdicts_differ += 1;
        self.tell(json!({"seq": event.seq, "verdict": {"outcome": word}, "before": event.event_type.as_str()}));
    }

    fn tell(&mut self, difference: Value) {
        if self.told.len() < MAX_TOLD {
            self.told.push(difference);
        }
    }

    /// Says it.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn say(&self, as_json: bool) -> Result<(), Failure> {
        if as_json {
            return output::line(json!({
                "events": self.events,
                "emits_differ": self.emits_differ,
                "calls": self.calls,
                "verdicts": self.verdicts,
                "verdicts_differ": self.verdicts_differ,
                "denied_though_let_through": self.denied_though_let_through,
                "let_through_though_denied": self.let_through_though_denied,
                "not_comparable": self.not_comparable + self.not_held,
                "pruned": self.pruned,
                "faults": self.faults,
                "differences": self.told,
            }));
        }
        output::write(&self.words())
    }

    fn words(&self) -> String {
        let mut text = format!("{} events handled: what it emits differs for {}\n", self.events, self.emits_differ);
        let count = |word: &str| self.verdicts.get(word).copied().unwrap_or_default();
        if self.calls + self.not_comparable > 0 {
            text.push_str(&format!(
                "{} calls: would have denied {}, asked about {}, allowed {}, rewritten {}\n",
                self.calls,
                count("deny"),
                count("ask"),
                count("allow"),
                count("rewrite")
            ));
            text.push_str(&format!("{} verdicts differ\n", self.verdicts_differ));
        }
        for (count, what) in [
            (self.denied_though_let_through, "of the calls that it would deny were let through"),
            (self.let_through_though_denied, "of the calls that it denied then would not be denied by it"),
            (self.not_held, "calls were too many at a time for their outcomes to be looked for"),
            (self.pruned, "events were pruned meanwhile, and are left out"),
            (self.not_comparable, "calls were recorded without their whole input, and are left out"),
            (self.faults, "times it faulted"),
        ] {
            if count > 0 {
                text.push_str(&format!("{count} {what}\n"));
            }
        }
        let rows = self.told.iter().map(|difference| tame(&difference.to_string(), WIDTH));
        rows.for_each(|row| text.push_str(&format!("  {row}\n")));
        let all = self.emits_differ + self.verdicts_differ;
        let untold = all.saturating_sub(u64::try_from(self.told.len()).unwrap_or(u64::MAX));
        if untold > 0 {
            text.push_str(&format!("  and {untold} more\n"));
        }
        text
    }
}

fn word_of(did: &Value) -> String {
    did.get("outcome").and_then(Value::as_str).unwrap_or("not_gated").to_owned()
}

fn text(event: &Event, field: &str) -> Option<String> {
    let payload: Value = serde_json::from_str(&event.payload).ok()?;
    payload.get(field)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;
    use tollgate_core::json::event_from_json;

    fn event(event_type: &str, call_id: usize) -> Event {
        let line = json!({"type": event_type, "ts": "2026-01-27T10:21:33Z", "source": "core", "payload":
            {"session_id": "s", "tool_name": "Bash", "call_id": call_id.to_string(), "tool_input": {}, "via": "rule",
             "to": "agent", "reason": "r", "violation_type": "policy", "cause": "plugin", "decided_by": "plugin:p"},
            "id": "01990000-0000-7000-8000-000000000001"});
        event_from_json(&line.to_string()).unwrap()
    }

    fn step(did: Value) -> Step {
        Step { did, took: None, faulted: false, backtrace: None }
    }

    #[test]
    fn what_would_be_denied_is_held_against_what_was_let_through() {
        let cases = [
            (1, "deny", "tool.allowed"),
            (2, "deny", "tool.denied"),
            (3, "abstain", "tool.allowed"),
            (4, "deny", "tool.deferred"),
            (5, "abstain", "tool.denied"),
            (6, "ask", "tool.denied"),
        ];
        for (plugin, fell_open) in [("p", 1), ("another", 0)] {
            let mut report = Report::of(plugin);
            for (call, word, came) in cases {
                report.call(&event("tool.gated", call), &step(json!({"outcome": word})), None);
                report.outcome(&event(came, call));
            }
            assert_eq!((report.calls, report.denied_though_let_through), (6, 2));
            assert_eq!((report.let_through_though_denied, report.verdicts_differ), (fell_open, 2 + fell_open));
            assert!(report.words().contains("6 calls: would have denied 3, asked about 1,"), "{}", report.words());
            assert!(report.open.is_empty());
        }
    }

    #[test]
    fn no_more_calls_are_kept_open_than_may_be_and_no_more_told() {
        let mut report = Report::default();
        for call in 0..=MAX_OPEN {
            report.call(&event("tool.gated", call), &step(json!({"outcome": "deny"})), None);
        }
        assert_eq!((report.open.len(), report.not_held), (MAX_OPEN, 1));
        assert!(report.words().contains("1 calls were too many"), "{}", report.words());
        for _ in 0..=MAX_TOLD {
            report.event(&event("task.done", 1), &step(json!({"emits": [1]})), &[]);
        }
        assert_eq!((report.told.len(), report.emits_differ), (MAX_TOLD, MAX_TOLD as u64 + 1));
        assert!(report.words().ends_with("  and 1 more\n"), "{}", report.words());
    }

    #[test]
    fn two_versions_differ_by_word_or_reason() {
        let mut report = Report::default();
        let said = |reason: &str| json!({"outcome": "deny", "reason": reason});
        report.call(&event("tool.gated", 1), &step(said("a")), Some(said("a")));
        report.call(&event("tool.gated", 2), &step(said("a")), Some(said("b")));
        report.call(&event("tool.gated", 3), &step(said("a")), Some(Value::Null));
        assert_eq!(report.verdicts_differ, 2);
    }
}
