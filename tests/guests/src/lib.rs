//! What the tests' guests share. Each guest is one file under `examples/`, built to one component; its plugin
//! name is the file's stem with `-` for `_`. The guests know nothing of the tests that load them.

use tollgate_sdk::{Event, Failure, bus, log, store};

/// The event that sets off what a hostile guest does.
pub const TRIGGER: &str = "demo.loop";
/// What `counter` and `counter-v2` emit for each event that they count.
pub const COUNTED: &str = "test_guest.counted";
/// Where both counters keep their count, as decimal text.
pub const COUNT_KEY: &str = "count";

/// What the two halves of a storm answer each other with.
pub const PING: &str = "test_guest.ping";
/// The other half's answer.
pub const PONG: &str = "test_guest.pong";

/// Emits `event_type` four times, whether or not the host takes it; what it says to a refusal is logged.
pub fn answer_fourfold(event: &Event, event_type: &str) {
    for copy in 0..4 {
        if let Err(refusal) = bus::emit(event_type, &serde_json::json!({"seq": event.seq, "copy": copy})) {
            log::warn(&format!("{refusal:?}"));
        }
    }
}

/// Counts `event` in the store and emits [`COUNTED`] `{seq, count, version}`.
///
/// # Errors
/// What store or bus refuse; a store that holds no number.
pub fn count(event: &Event, version: &str) -> Result<(), Failure> {
    let before = match store::get(COUNT_KEY)? {
        None => 0,
        Some(bytes) => std::str::from_utf8(&bytes)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
            .ok_or_else(|| Failure::Failed("the stored count is no number".to_owned()))?,
    };
    let count = before + 1;
    store::set(COUNT_KEY, count.to_string().as_bytes())?;
    bus::emit(COUNTED, &serde_json::json!({"seq": event.seq, "count": count, "version": version}))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use tollgate_sdk::mock;

    #[test]
    fn an_answer_is_fourfold() {
        answer_fourfold(&mock::event(TRIGGER, "{}"), PING);
        assert_eq!(mock::emits().iter().filter(|draft| draft.type_ == PING).count(), 4);
    }

    #[test]
    fn counting_stores_and_emits() {
        let event = mock::event("demo.tick", "{}");
        count(&event, "1").unwrap();
        count(&event, "1").unwrap();
        assert_eq!(store::get(COUNT_KEY), Ok(Some(b"2".to_vec())));
        assert_eq!(mock::emits().last().unwrap().payload, r#"{"seq":1,"count":2,"version":"1"}"#);
        store::set(COUNT_KEY, b"x").unwrap();
        assert!(matches!(count(&event, "1"), Err(Failure::Failed(_))));
    }
}
