//! What the tests' guests share. Each guest is one file under `examples/`, built to one component; its plugin
//! name is the file's stem with `-` for `_`. The guests know nothing of the tests that load them.

use tollgate_sdk::{Event, Failure, bus, store};

/// The event that sets off what a hostile guest does.
pub const TRIGGER: &str = "demo.loop";
/// What `counter` and `counter-v2` emit for each event that they count.
pub const COUNTED: &str = "test_guest.counted";
/// Where both counters keep their count, as decimal text.
pub const COUNT_KEY: &str = "count";

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
