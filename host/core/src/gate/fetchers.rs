//! How `curl` and `wget` read their arguments.

use super::call::Word;
use super::options::{Item, scan_past};

/// The arguments of one of them; none of any other program. `long` are its long options that the caller asks for.
pub(super) fn items<'a>(program: &str, args: &'a [Word], long: &[&str]) -> Option<Vec<Item<'a>>> {
    // The letters of options that take a value.
    let letters = match program {
        "curl" => "AbcCdDeEFhHKmoPQrtTuUwxXyYz",
        "wget" => "oaeiBtOTwQPUlADIRX",
        _ => return None,
    };
    Some(scan_past(args, letters, long))
}
