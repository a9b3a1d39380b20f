//! Shell lines: no line panics or overflows the stack, and what is over a bound is not understood.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_core::gate::shell::{MAX_COMMANDS, MAX_LINE_BYTES, parse_blocking};

// The parser's own panics are caught where it is called; what gets past that ends the process all the same.
fuzz_target!(init: std::panic::set_hook(Box::new(|_| {})), |line: &str| {
    let parsed = parse_blocking(line);
    assert!(parsed.commands.len() <= MAX_COMMANDS);
    assert!(line.len() <= MAX_LINE_BYTES || !parsed.understood());
});
