//! Asks the question of a `demo.*` event as many times as it says, emits the answers, and asks for another try
//! the first time that an event says so.

use serde::Deserialize;
use tollgate_sdk::interactions::{AskError, Question};
use tollgate_sdk::{Capability, Description, Event, Failure, Plugin, bus, export_observer, interactions};

#[derive(Default)]
struct AskPeople {
    last: Option<u64>,
}

#[derive(Deserialize)]
struct Order {
    text: String,
    #[serde(default)]
    details: String,
    times: usize,
    #[serde(default)]
    retry: bool,
}

impl Plugin for AskPeople {
    fn describe() -> Description {
        Description::new("ask-people", "0.1.0")
            .subscribe(["demo.*"])
            .need(Capability::emit("test_guest.*"))
            .want(Capability::Interactions)
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        let Order { text, details, times, retry } = event.payload()?;
        let question = Question {
            kind: "question".to_owned(),
            text,
            options: vec!["yes".to_owned(), "no".to_owned()],
            details,
            ttl_ms: Some(5_000),
        };
        let answers: Vec<String> = (0..times)
            .map(|_| match interactions::ask(&question) {
                Ok(id) => id,
                Err(AskError::Denied) => "denied".to_owned(),
                Err(AskError::NoSession) => "no session".to_owned(),
                Err(AskError::Invalid(what)) => format!("invalid: {what}"),
                Err(AskError::OverBudget) => "over budget".to_owned(),
            })
            .collect();
        let tried = self.last.replace(event.seq) == Some(event.seq);
        if retry && !tried {
            return Err(Failure::Retry("once more".to_owned()));
        }
        Ok(bus::emit("test_guest.asked", &serde_json::json!({"answers": answers}))?)
    }
}

export_observer!(AskPeople);
