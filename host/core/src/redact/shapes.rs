//! What is a secret by its shape, and what a text itself assigns to a telling name.
//!
//! Knows patterns; knows nothing of JSON but that a string in it may be escaped.

use super::{Found, expanded, pattern};
use regex::{Regex, RegexSet};
use std::ops::Range;
use std::sync::LazyLock;

/// Shapes that are secrets wherever they stand. The group `secret` is what goes.
pub(super) const SHAPES: [&str; 15] = [
    // A private key block, also with its line breaks escaped, also cut off.
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?P<secret>[A-Za-z0-9+/=\s\\:,.\-]*?)(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|$|[^A-Za-z0-9+/=\s\\:,.\-])",
    // GitHub, GitLab, Slack, npm, PyPI, Hugging Face, DigitalOcean, Shopify.
    r"<B>(?P<secret>gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255}|glpat-[A-Za-z0-9_-]{16,}|xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}|npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{30,}|hf_[A-Za-z0-9]{30,}|do[opr]_v1_[a-f0-9]{40,}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32,})",
    // OpenAI, Anthropic, Stripe, and those that write keys as they do.
    r"<B>(?P<secret>(?:sk|pk|rk)[-_](?:ant-|proj-|svcacct-|live_|test_|or-v1-)?[A-Za-z0-9_-]{20,})",
    // Amazon, Google.
    r"<B>(?P<secret>(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16})(?-u:\b)",
    r"<B>(?P<secret>AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{20,})",
    // JSON Web Tokens.
    r"<B>(?P<secret>eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,})",
    // SendGrid, Twilio, Telegram.
    r"<B>(?P<secret>SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|SK[0-9a-f]{32}|[0-9]{8,10}:AA[A-Za-z0-9_-]{33})(?-u:\b)",
    // Authorisation headers.
    r#"(?i)<B>(?:proxy-)?authorization<H>*[:=]<H>*(?:\\*["'])?<H>*(?:(?:bearer|basic|token|digest|negotiate|apikey)<H>+)?(?P<secret>[^\s"'\\,;\[]{4,})"#,
    r#"(?i)<B>bearer<H>+(?P<secret>[A-Za-z0-9._~+/=-]{16,})"#,
    // A password in a URL.
    r#"<B>[a-zA-Z][a-zA-Z0-9+.-]{1,20}:(?:\\*/){2}[^\s/"'\\:@?#]{0,128}:(?P<secret>[^\s/"'\\@?#\[]{1,256})@"#,
    // Options of commands: `--password X`, curl's `-u name:password` (a numeric `-u 1000:1000` is docker's user).
    r#"(?i)<S>--?<OPTION><H>+(?:\\*["'])?(?P<secret>[^\s"'\\\[$-][^\s"'\\\[]{5,})"#,
    r#"<S>(?:-u|--user)<H>+(?:\\*["'])?[^\s:"'\\]{1,64}:(?P<secret>[^\s"'\\\[]*[^\s"'\\\[0-9][^\s"'\\\[]*)"#,
    // Headers and parameters that carry a key.
    r#"(?i)<B>(?:x-api-key|api-key|x-auth-token|private-token|x-goog-api-key|x-amz-security-token)<H>*:<H>*(?P<secret>[^\s"'\\,;\[]{4,})"#,
    r#"(?i)<B>(?:set-)?cookie<H>*:<H>*(?P<secret>[a-z0-9!#$%&*+.^_|~-]+=[^"'\\\r\n\[]+)"#,
    r#"(?i)(?:[?&]|\\+u0026)(?:access_token|refresh_token|id_token|api_?key|apikey|auth_token|token|secret|client_secret|password|sig|signature|x-amz-signature|x-amz-credential)<E>(?P<secret>[^\s"'\\&#\[]{4,})"#,
];

/// `NAME=value` in a command, a file of settings, or a URL's form: a quoted value; one up to the next space or
/// sign; or, with spaces around the sign, one that ends its line.
pub(super) const ASSIGNED: &str = concat!(
    r"(?i)(?:<B>|_|--)<KEY>(?:",
    r#"<H>*(?:<E>|:)=?<H>*(?P<quoted>\\*"[^"\\\[,:\]}\s][^"\\\[]{3,}|'[^'"\\\[]{4,}')"#,
    r#"|(?:<E>|<H>*:=<H>*|:<H>+)(?P<bare>[^\s"'\\;,&|()$<>\[\]{}][^\s"'\\;,&|()<>\[\]{}]{5,})"#,
    r#"|<H>+=<H>+(?P<line>[^\s"'\\;,&|()$<>\[\]{}.][^\s"'\\;,&|()<>\[\]{}.]{5,})(?:$|["\s\\]))"#,
);

static ASSIGNMENT: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(ASSIGNED));
/// One pass that says whether there is anything to look for.
static SHAPE_SET: LazyLock<Option<RegexSet>> = LazyLock::new(|| RegexSet::new(SHAPES.map(expanded)).ok());
static SHAPE_LIST: LazyLock<Vec<Option<Regex>>> = LazyLock::new(|| SHAPES.into_iter().map(pattern).collect());

/// Notes every secret that its shape or its assignment gives away.
pub(super) fn find<'a>(json: &'a str, found: &mut Vec<Found<'a>>) {
    if let Some(set) = SHAPE_SET.as_ref() {
        for index in set.matches(json) {
            let Some(Some(shape)) = SHAPE_LIST.get(index) else { continue };
            for secret in shape.captures_iter(json).filter_map(|captures| captures.name("secret")) {
                add(json, secret.range(), found);
            }
        }
    }
    for captures in ASSIGNMENT.iter().flat_map(|regex| regex.captures_iter(json)) {
        if let Some(secret) = captures.name("bare").or_else(|| captures.name("line")) {
            add(json, secret.range(), found);
        } else if let Some(secret) = captures.name("quoted") {
            let text = secret.as_str();
            let quotes = text.len() - text.trim_start_matches(['\\', '"', '\'']).len();
            let end = secret.end() - usize::from(text.ends_with('\''));
            add(json, secret.start() + quotes..end, found);
        }
    }
}

/// The word in front of a header's secret, once the secret itself is gone.
fn is_scheme(text: &str) -> bool {
    ["bearer", "basic", "token", "digest", "negotiate", "apikey"].iter().any(|scheme| text.eq_ignore_ascii_case(scheme))
}

/// Notes a range, moved off escapes so that the text around it stays valid JSON.
fn add<'a>(json: &'a str, range: Range<usize>, found: &mut Vec<Found<'a>>) {
    if range.is_empty() || json.get(range.clone()).is_some_and(is_scheme) {
        return;
    }
    let bytes = json.as_bytes();
    // Not in the middle of an escape: an odd run of backslashes in front belongs to the first character.
    let run = bytes.get(..range.start).unwrap_or_default().iter().rev().take_while(|byte| **byte == b'\\').count();
    let start = if run % 2 == 1 { range.start + 1 } else { range.start };
    // Backslashes at the end may be those of the quote that follows, at whatever depth.
    let tail = bytes.get(start..range.end).unwrap_or_default().iter().rev().take_while(|byte| **byte == b'\\').count();
    let end = range.end - tail;
    if start < end {
        found.push(Found { at: start..end, quote: "" });
    }
}
