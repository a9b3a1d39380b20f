//! JSON web tokens, and tokens in an authorisation header.

use super::{Kind, after_each, is_token_byte, placeholder, run, starts_word};

/// Fewest bytes of each of a JWT's three parts.
const JWT_PART_BYTES: usize = 10;
/// Fewest bytes of a token in a header.
const BEARER_BYTES: usize = 20;

/// A JWT anywhere, or `Bearer <token>` with a token that a generator wrote.
pub fn find(text: &str) -> Option<Kind> {
    after_each(text, "eyJ")
        .find(|(at, rest)| starts_word(text, *at) && is_jwt(rest))
        .map(|_| Kind("a JSON web token"))
        .or_else(|| {
            let bearer = after_each(text, "bearer ").find(|(at, rest)| starts_word(text, *at) && is_bearer(rest));
            bearer.map(|_| Kind("a bearer token"))
        })
}

/// Whether `rest`, after its `eyJ`, goes on as a JWT: header, a payload that is an object too, signature.
fn is_jwt(rest: &str) -> bool {
    let base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let token = run(rest, base64url);
    let mut parts = token.split('.');
    let (header, payload, signature) = (parts.next(), parts.next(), parts.next());
    let long = |part: Option<&str>| part.is_some_and(|part| part.len() >= JWT_PART_BYTES);
    long(header) && long(payload) && long(signature) && payload.is_some_and(|payload| payload.starts_with("eyJ"))
}

fn is_bearer(rest: &str) -> bool {
    let rest = rest.trim_start();
    let token = run(rest, is_token_byte);
    // What follows may show that it is a template: `abc${X}`.
    let end = rest.as_bytes().get(token.len());
    token.len() >= BEARER_BYTES
        && !end.is_some_and(|byte| matches!(byte, b'$' | b'{' | b'<'))
        && token.bytes().any(|byte| byte.is_ascii_digit())
        && token.bytes().any(|byte| byte.is_ascii_alphabetic())
        && !placeholder::is_placeholder(token)
}
