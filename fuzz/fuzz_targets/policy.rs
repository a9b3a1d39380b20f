//! Policy files: no text panics, and a refusal names a place in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_core::gate::policy::{Policy, PolicySource};

fuzz_target!(|text: &str| {
    if let Err(error) = Policy::load([PolicySource { name: "fuzzed", text }]) {
        assert!(error.line >= 1 && error.column >= 1, "{error}");
    }
});
