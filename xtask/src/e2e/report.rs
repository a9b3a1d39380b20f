//! What was found: one row for each thing that has to hold, for people or for programs.

use crate::agents::Agent;
use serde_json::{Value, json};
use std::fmt;

/// The longest detail that a table shows, in characters; JSON has all of it.
const MAX_DETAIL: usize = 400;

/// One thing that has to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    check: &'static str,
    outcome: Outcome,
    detail: String,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Held,
    Failed,
    /// It is a limit, it is known, and it is what the documentation says.
    Limit,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Limit => "limit",
        }
    }
}

impl Row {
    /// `check` held or did not; `detail` is what was seen.
    pub fn new(check: &'static str, held: bool, detail: impl Into<String>) -> Self {
        let outcome = if held { Outcome::Held } else { Outcome::Failed };
        Self { check, outcome, detail: detail.into() }
    }

    /// `check` is a limit that is known. Where it is none any more, the documentation has to be mended: that counts
    /// as a failure.
    pub fn limit(check: &'static str, still: bool, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        if still {
            return Self { check, outcome: Outcome::Limit, detail };
        }
        Self::failed(check, format!("a limit that is none any more, or was not seen: {detail}"))
    }

    /// `check` could not even be looked at.
    pub fn failed(check: &'static str, detail: impl Into<String>) -> Self {
        Self::new(check, false, detail)
    }
}

/// The rows of each agent that was run.
#[derive(Debug, Default)]
pub struct Report {
    agents: Vec<(&'static str, &'static str, Vec<Row>)>,
}

impl Report {
    /// Adds what was found of an agent.
    pub fn add(&mut self, agent: &Agent, rows: Vec<Row>) {
        self.agents.push((agent.name, agent.version, rows));
    }

    /// Whether no agent was looked at.
    pub fn is_empty(&self) -> bool {
        self.agents.is_empty()
    }

    /// Whether all of it held; an agent of which nothing is known did not.
    pub fn held(&self) -> bool {
        self.agents.iter().all(|(_, _, rows)| !rows.is_empty() && rows.iter().all(|row| row.outcome != Outcome::Failed))
    }

    /// `{"held":…,"agents":[{"agent","version","checks":[{"check","outcome","detail"}]}]}`, one line.
    pub fn to_json(&self) -> String {
        let check = |row: &Row| json!({"check": row.check, "outcome": row.outcome.as_str(), "detail": row.detail});
        let agents = self.agents.iter().map(|(agent, version, rows)| {
            json!({"agent": agent, "version": version, "checks": rows.iter().map(check).collect::<Vec<Value>>()})
        });
        format!("{}\n", json!({"held": self.held(), "agents": agents.collect::<Vec<Value>>()}))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (agent, version, rows) in &self.agents {
            writeln!(f, "{agent} {version}")?;
            for row in rows {
                writeln!(f, "  {:6}  {}", row.outcome.as_str(), row.check)?;
                if row.outcome == Outcome::Failed {
                    let mut detail: String = row.detail.chars().take(MAX_DETAIL).collect();
                    if detail.len() < row.detail.len() {
                        detail.push_str(" … (--json has all of it)");
                    }
                    writeln!(f, "          {}", detail.replace('\n', "\n          "))?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
    use super::*;
    use crate::agents::AGENTS;

    #[test]
    fn one_row_that_did_not_hold_is_shown_and_counts() {
        let [agent, ..] = AGENTS;
        let mut report = Report::default();
        report.add(agent, vec![Row::new("it is so", true, "seen")]);
        assert!(report.held());
        assert_eq!(report.to_string(), format!("{} {}\n  held    it is so\n", agent.name, agent.version));
        report.add(agent, vec![Row::failed("it is not", "one\ntwo".to_owned() + &"é".repeat(MAX_DETAIL))]);
        assert!(!report.held());
        let table = report.to_string();
        assert!(table.contains("  failed  it is not\n          one\n          two"), "{table}");
        assert!(table.contains("é … (--json has all of it)"), "{table}");
        let json: Value = serde_json::from_str(&report.to_json()).unwrap();
        assert_eq!(json["held"], false);
        assert_eq!(json["agents"][1]["checks"][0]["detail"].as_str().unwrap().chars().count(), MAX_DETAIL + 7);
    }

    #[test]
    fn a_limit_counts_only_when_it_is_none_any_more() {
        let [agent, ..] = AGENTS;
        for (still, shown) in [(true, "  limit   it is\n"), (false, "  failed  it is\n          a limit that is none")]
        {
            let mut report = Report::default();
            report.add(agent, vec![Row::limit("it is", still, "seen")]);
            assert_eq!(report.held(), still);
            assert!(report.to_string().contains(shown), "{report}");
        }
    }

    #[test]
    fn an_agent_without_a_row_did_not_hold() {
        let [agent, ..] = AGENTS;
        let mut report = Report::default();
        report.add(agent, Vec::new());
        assert!(!report.held());
    }
}
