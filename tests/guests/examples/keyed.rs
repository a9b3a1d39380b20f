//! Counts the `demo.*` events of each `of` in the store and emits what it counted. Asks for another try, traps or
//! fails over an event that says so: what it did of that must not be seen.

use serde::Deserialize;
use tollgate_sdk::{Capability, Description, Event, Failure, Plugin, bus, export_observer, store};

#[derive(Default)]
struct Keyed {
    last: Option<u64>,
}

#[derive(Deserialize)]
struct Order {
    of: String,
    /// `retry` the first time, `trap` or `fail` each time, else nothing.
    then: String,
}

impl Plugin for Keyed {
    fn describe() -> Description {
        Description::new("keyed", "0.1.0").subscribe(["demo.*"]).need(Capability::emit("test_guest.*"))
    }

    #[expect(clippy::panic, reason = "one of the ways to misbehave")]
    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        let Order { of, then } = event.payload()?;
        let key = format!("count/{of}");
        let before = store::get(&key)?.and_then(|bytes| String::from_utf8(bytes).ok()?.parse::<u64>().ok());
        let count = before.unwrap_or_default() + 1;
        store::set(&key, count.to_string().as_bytes())?;
        bus::emit("test_guest.keyed", &serde_json::json!({"of": of, "seq": event.seq, "count": count}))?;
        let tried = self.last.replace(event.seq) == Some(event.seq);
        match then.as_str() {
            "retry" if !tried => Err(Failure::Retry("once more".to_owned())),
            "fail" => Err(Failure::Failed("as it was told".to_owned())),
            "trap" => panic!("as it was told"),
            _ => Ok(()),
        }
    }
}

export_observer!(Keyed);
