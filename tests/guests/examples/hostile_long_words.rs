//! Answers with a megabyte of words wherever it may answer with words: asks for another try when `demo.loop` comes,
//! fails when `demo.fail` does, and has an error for each call that it gates.

use tollgate_sdk::{Description, Event, Failure, Guard, Plugin, ToolCall, Verdict, export_guard};
use tollgate_test_guests::TRIGGER;

#[derive(Default)]
struct LongWords;

impl Plugin for LongWords {
    fn describe() -> Description {
        Description::new("hostile-long-words", "0.1.0").subscribe(["demo.*"]).gate(["*"])
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        match event.type_.as_str() {
            TRIGGER => Err(Failure::Retry(words())),
            "demo.fail" => Err(Failure::Failed(words())),
            _ => Ok(()),
        }
    }
}

impl Guard for LongWords {
    fn check(&mut self, _call: &ToolCall) -> Result<Verdict, String> {
        Err(words())
    }
}

fn words() -> String {
    "no ".repeat(350_000)
}

export_guard!(LongWords);
