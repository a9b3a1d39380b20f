//! Secrets out of JSON text: the one choke point before anything is stored or sent.
//!
//! Knows the shapes of secrets and the names of the keys that hold them; knows nothing of events. Works on the
//! text, so that what is no secret stays byte for byte, and reads JSON inside a JSON string with its escapes.

mod keys;
mod shapes;
#[cfg(test)]
mod tests;

use regex::Regex;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

/// What a secret is replaced with.
pub const REDACTED: &str = "[redacted]";

/// A redacted text is at most this many times as long: `"x",` of a list under a telling key is the worst case.
pub const MAX_GROWTH: usize = 4;

/// The cheap pass in front: a text without any of these holds nothing that we know.
static HINTS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"(?i)passw|passphrase|pwd|secret|token|api.?key|access.?key|private|credential|authorization|cookie|bearer|-key|:(?:\\*/){2}|<S>-u<S>|--user<S>|gh[pousr]_|github_pat|glpat|xox|xapp|npm_|pypi-|hf_|do[opr]_v1|shp|<B>[spr]k[-_]|AKIA|ASIA|ABIA|ACCA|AIza|ya29|GOCSPX|eyJ|SG\.|SK[0-9a-f]|:AA|sig",
    )
});

/// `json` with every secret that we know the shape of replaced by [`REDACTED`]; still valid JSON. Plain text is
/// taken too.
#[must_use]
pub fn redact(json: &str) -> Cow<'_, str> {
    if !HINTS.as_ref().is_none_or(|hints| hints.is_match(json)) {
        return Cow::Borrowed(json);
    }
    let mut found = Vec::new();
    shapes::find(json, &mut found);
    keys::find(json, &mut found);
    found.retain(|secret| json.get(secret.at.clone()).is_some_and(|text| !text.is_empty() && text != REDACTED));
    if found.is_empty() { Cow::Borrowed(json) } else { Cow::Owned(replaced(json, found)) }
}

/// Keys whose value is a secret: in JSON at any depth of escaping, and as `NAME=value`. A prefix is set apart by
/// `_`, `.`, `-` or a capital; before a password anything may stand (`PGPASSWORD`).
const KEY: &str = concat!(
    r"(?:[A-Za-z0-9]+[_.-])*?(?:[A-Za-z0-9]*(?:password|passwd|passphrase)|pwd|secret|client[_-]?secret",
    r"|secret[_-]?key|secret[_-]?access[_-]?key|access[_-]?key|token|(?:access|refresh|auth|id|session|bearer|api)[_-]?token",
    r"|api[_-]?key|private[_-]?key|credentials?|authorization|set-cookie|cookie",
    r"|(?-i:[a-z][A-Za-z0-9]*(?:Pwd|Secret|SecretKey|AccessKey|Token|A(?:pi|PI)Key|PrivateKey|Credentials?|Authorization|Cookie)))",
);

/// Options of commands whose value is a secret, without their dashes.
const OPTION: &str =
    "(?:[a-z0-9]+[_-])*(?:password|passwd|passphrase|token|api[_-]?key|secret|secret[_-]key|access[_-]key)";

/// Compiles a pattern, in which `<B>` is where a word begins, `<S>` a space or line end, `<H>` a space within a
/// line, `<E>` an equals sign. In JSON text each may be an escape, at whatever depth; the letter of a line end's
/// escape stands right before the next line and is no part of its first word.
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(&expanded(text)).ok()
}

fn expanded(text: &str) -> String {
    text.replace("<B>", r"(?:(?-u:\b)|\\[nrtbf]|\\u[0-9a-fA-F]{4})")
        .replace("<S>", r"(?:\s|\\+[nrt])")
        .replace("<H>", r"(?:\s|\\+t)")
        .replace("<E>", r"(?:=|\\+u003[dD])")
        .replace("<KEY>", KEY)
        .replace("<OPTION>", OPTION)
}

/// Where a secret stands, and the quotes that its replacement needs: none within a string.
struct Found<'a> {
    at: Range<usize>,
    quote: &'a str,
}

fn replaced(json: &str, mut found: Vec<Found<'_>>) -> String {
    found.sort_by_key(|secret| (secret.at.start, std::cmp::Reverse(secret.at.end)));
    let mut text = String::with_capacity(json.len());
    let mut from = 0;
    for secret in found {
        if secret.at.start >= from {
            text.push_str(json.get(from..secret.at.start).unwrap_or_default());
            text.extend([secret.quote, REDACTED, secret.quote]);
        }
        // Two that overlap go as one.
        from = from.max(secret.at.end);
    }
    text.push_str(json.get(from..).unwrap_or_default());
    text
}
