//! Bytes as lower-case hexadecimal digits: hashes and random bytes, as files and people read them.

use std::fmt::Write as _;

/// Two digits a byte.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::hex;

    #[test]
    fn each_byte_has_two_lower_case_digits() {
        assert_eq!((hex(&[]).as_str(), hex(&[0, 10, 255]).as_str()), ("", "000aff"));
    }
}
