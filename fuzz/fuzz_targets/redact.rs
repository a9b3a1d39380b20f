//! Redaction: what is redacted is as much JSON as before, and redacting it again changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_core::redact::redact;

fuzz_target!(|text: &str| {
    let once = redact(text);
    assert_eq!(redact(&once), once);
});
