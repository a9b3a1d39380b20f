//! Parses each payload with serde and adds it up: what a plugin that does its work costs.

use serde::Deserialize;
use tollgate_sdk::{Description, Event, Failure, Plugin, export_observer};

#[derive(Deserialize)]
struct Progress<'a> {
    progress: f64,
    #[serde(borrow)]
    message: std::borrow::Cow<'a, str>,
}

#[derive(Default)]
struct Parse {
    sum: f64,
}

impl Plugin for Parse {
    fn describe() -> Description {
        Description::new("parse", "0.1.0").subscribe(["task.progress"])
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        let payload: Progress<'_> = event.payload()?;
        self.sum += payload.progress;
        if payload.message.is_empty() { Err(Failure::Failed("no message".to_owned())) } else { Ok(()) }
    }
}

export_observer!(Parse);
