//! Event types and patterns: what parses keeps its text, and a type matches itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_core::events::{EventType, Pattern};

fuzz_target!(|input: (&str, &str)| {
    let (pattern, event_type) = input;
    let pattern = Pattern::parse(pattern);
    let Ok(event_type) = EventType::parse(event_type) else { return };
    let itself = Pattern::parse(event_type.as_str()).expect("a type is a pattern");
    assert!(itself.matches(&event_type));
    if let Ok(pattern) = pattern {
        // Any answer, no panic.
        let _ = pattern.matches(&event_type);
    }
});
