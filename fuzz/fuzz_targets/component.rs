//! Components: no bytes panic, and a refusal says why in a bounded number of them.
#![no_main]

use libfuzzer_sys::fuzz_target;

/// Bytes of the longest cause.
const CAUSE: usize = 4 * 1_024;

fuzz_target!(|bytes: &[u8]| {
    if let Err(refusal) = tollgate_runtime::fuzzing::component(bytes) {
        assert!(!refusal.cause.is_empty() && refusal.cause.len() <= CAUSE, "{refusal}");
    }
});
