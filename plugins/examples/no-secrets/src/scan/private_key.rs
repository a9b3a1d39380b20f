//! Private key blocks: the header followed by key material. The header alone is only talk of a key.

use super::{Kind, after_each};

/// How much base64 must follow: a line of a PEM file has 64.
const MATERIAL_BYTES: usize = 40;
/// How far after the header it is looked for: past `Proc-Type` and `DEK-Info` lines.
const SEARCH_BYTES: usize = 400;

/// A block that begins with `-----BEGIN … PRIVATE KEY-----`.
pub fn find(text: &str) -> Option<Kind> {
    after_each(text, "-----BEGIN ").find_map(|(_, rest)| {
        let (label, rest) = rest.split_once("-----")?;
        (label.len() <= 40 && label.to_ascii_uppercase().contains("PRIVATE KEY") && has_material(rest))
            .then_some(Kind("a private key"))
    })
}

/// Whether a run of base64 follows soon; line ends may be written as `\n`.
fn has_material(rest: &str) -> bool {
    let mut run = 0;
    let mut escaped = false;
    for byte in rest.bytes().take(SEARCH_BYTES) {
        if escaped && byte == b'n' {
            escaped = false;
            continue;
        }
        escaped = byte == b'\\';
        if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=') {
            run += 1;
            if run >= MATERIAL_BYTES {
                return true;
            }
        } else if !escaped && !byte.is_ascii_whitespace() {
            run = 0;
        }
    }
    false
}
