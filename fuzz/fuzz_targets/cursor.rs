//! Cursors: what is read is written the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_core::journal::Cursor;

fuzz_target!(|text: &str| {
    let Ok(cursor) = text.parse::<Cursor>() else { return };
    assert_eq!(cursor.to_string().parse::<Cursor>(), Ok(cursor));
});
