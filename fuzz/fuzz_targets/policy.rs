//! Policy files: no text panics, and a refusal names a place in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_core::gate::policy::{Policy, PolicyError, PolicySource};

fuzz_target!(|text: &str| {
    match Policy::load([PolicySource { name: "fuzzed", text }]) {
        Ok(_) => {}
        Err(PolicyError::File { line, column, .. }) => assert!(line >= 1 && column >= 1),
        Err(other) => panic!("a refusal without a place: {other}"),
    }
});
