//! Events from outside: no text panics, and nothing that is taken breaks its bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_core::json::{DraftContext, EventLines, MAX_DRAFTS, call_from_json, drafts_from_json};

fuzz_target!(|text: &str| {
    // A call is read from the same kind of text.
    let _ = call_from_json(text);
    for event in EventLines::new(text.as_bytes()).flatten() {
        assert!(event.payload.starts_with('{') && !event.source.is_empty());
    }
    let Ok(drafts) = drafts_from_json(text, DraftContext { default_source: "core" }) else { return };
    assert!((1..=MAX_DRAFTS).contains(&drafts.len()));
    for draft in drafts {
        assert!(draft.payload.starts_with('{'));
        assert!(!draft.source.starts_with("plugin:"));
    }
});
