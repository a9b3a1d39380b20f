//! Grant files: no text panics, a refusal names a line, and what is read has a configuration that is JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| match tollgate_runtime::fuzzing::grant(text) {
    Ok(config) => assert!(serde_json::from_str::<serde_json::Value>(&config).is_ok(), "{config}"),
    Err(error) => assert!(error.to_string().contains("line "), "{error}"),
});
