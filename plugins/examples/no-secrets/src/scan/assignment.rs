//! `api_key = "…"` and its like: a telling name, and a value that a generator wrote.

use super::{Kind, after_each, is_token_byte, placeholder, run};

/// Endings of names that tell; `AWS_SECRET_ACCESS_KEY`, `client-secret` and `dbPassword` end in one.
const NAMES: [&str; 14] = [
    "api_key",
    "apikey",
    "api-key",
    "secret_key",
    "secret-key",
    "secretkey",
    "secret_access_key",
    "access_key",
    "private_key",
    "secret",
    "token",
    "password",
    "passwd",
    "credential",
];
/// Fewest bytes of a value.
const VALUE_BYTES: usize = 16;
/// Fewest bits of entropy of a byte: words and paths stay below, hexadecimal and base64 keys above.
const ENTROPY_BITS: f64 = 3.2;

/// A telling name with a value that a generator wrote.
pub fn find(text: &str) -> Option<Kind> {
    NAMES.iter().find_map(|name| {
        after_each(text, name).find(|(_, rest)| value(rest).is_some_and(is_generated))?;
        Some(Kind("a credential with a telling name"))
    })
}

/// The value assigned after a name: past a closing quote, blanks, `=`, `:` or `:=`, blanks, an opening quote.
fn value(rest: &str) -> Option<&str> {
    let rest = rest.trim_start_matches(['"', '\'', '\\', ' ', '\t', ']']);
    let rest = rest.strip_prefix(":=").or_else(|| rest.strip_prefix("=>")).or_else(|| rest.strip_prefix(['=', ':']))?;
    let rest = rest.trim_start_matches([' ', '\t', '\\', '"', '\'']);
    let value = run(rest, is_token_byte);
    // A call, an index or a template is code that fetches a value: `token = read_token_from_env(…)`.
    let next = rest.as_bytes().get(value.len());
    (!next.is_some_and(|byte| matches!(byte, b'(' | b'[' | b'$' | b'{' | b'<' | b'!' | b':'))).then_some(value)
}

fn is_generated(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let letters = value.bytes().filter(u8::is_ascii_alphabetic).count();
    value.len() >= VALUE_BYTES
        && digits >= 2
        && letters >= 2
        && !is_uuid(value)
        && !is_path(value)
        && !placeholder::is_placeholder(value)
        && placeholder::entropy(value) >= ENTROPY_BITS
}

/// Whether it is a UUID: names of things far more often than secrets.
fn is_uuid(value: &str) -> bool {
    let lengths = value.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && value.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// Whether it is a file's path, or a member of something: `/run/secrets/x1`, `./key2.pem`, `self.config.v1.token`.
fn is_path(value: &str) -> bool {
    let dotted_words = value.split('.').all(|part| part.len() < 12) && value.contains('.');
    value.starts_with('/') || value.starts_with("./") || value.starts_with('~') || dotted_words
}
