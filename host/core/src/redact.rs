//! Secrets out of JSON text: the one choke point before anything is stored or sent.
//!
//! Knows the shapes of secrets and the names of the keys that hold them; knows nothing of events. Works on the
//! text, so that what is no secret stays byte for byte, and reads JSON inside a JSON string with its escapes.

use regex::{Regex, RegexSet};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

/// What a secret is replaced with.
pub const REDACTED: &str = "[redacted]";

/// Shapes that are secrets wherever they stand. The group `secret` is what goes; without it, all of it.
const SHAPES: [&str; 14] = [
    // A private key block, also with its line breaks escaped, also cut off.
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?P<secret>[A-Za-z0-9+/=\s\\:,.\-]*?)(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|$|[^A-Za-z0-9+/=\s\\:,.\-])",
    // GitHub, GitLab, Slack, npm, PyPI, Hugging Face, DigitalOcean, Shopify.
    r"\b(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255}|glpat-[A-Za-z0-9_-]{16,}|xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}|npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{30,}|hf_[A-Za-z0-9]{30,}|do[opr]_v1_[a-f0-9]{40,}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32,})",
    // OpenAI, Anthropic, Stripe, and those that write keys as they do.
    r"\b(?:sk|pk|rk)[-_](?:ant-|proj-|svcacct-|live_|test_|or-v1-)?[A-Za-z0-9_-]{20,}",
    // Amazon, Google.
    r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",
    r"\b(?:AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{20,})",
    // JSON Web Tokens.
    r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
    // SendGrid, Twilio, Telegram.
    r"\b(?:SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|SK[0-9a-f]{32}|[0-9]{8,10}:AA[A-Za-z0-9_-]{33})\b",
    // Authorisation headers.
    r#"(?i)\b(?:proxy-)?authorization\s*[:=]\s*(?:\\*["'])?\s*(?:(?:bearer|basic|token|digest|negotiate|apikey)\s+)?(?P<secret>[^\s"'\\,;\[]{4,})"#,
    r#"(?i)\bbearer\s+(?P<secret>[A-Za-z0-9._~+/=-]{16,})"#,
    // A password in a URL.
    r#"\b[a-zA-Z][a-zA-Z0-9+.-]{1,20}:(?:\\*/){2}[^\s/"'\\:@?#]{0,128}:(?P<secret>[^\s/"'\\@?#\[]{1,256})@"#,
    // Options of commands: `--password X`, curl's `-u name:password` (a numeric `-u 1000:1000` is docker's user).
    r#"(?i)\s--?(?:password|passwd|passphrase|token|api-?key|secret|auth-token|access-token)\s+(?:\\*["'])?(?P<secret>[^\s"'\\\[$-][^\s"'\\\[]{5,})"#,
    r#"\s(?:-u|--user)\s+(?:\\*["'])?[^\s:"'\\]{1,64}:(?P<secret>[^\s"'\\\[]*[^\s"'\\\[0-9][^\s"'\\\[]*)"#,
    // Headers and parameters that carry a key.
    r#"(?i)\b(?:x-api-key|api-key|x-auth-token|private-token|x-goog-api-key|x-amz-security-token)\s*:\s*(?P<secret>[^\s"'\\,;\[]{4,})"#,
    r#"(?i)[?&](?:access_token|refresh_token|id_token|api_?key|apikey|auth_token|token|secret|client_secret|password|sig|signature|x-amz-signature|x-amz-credential)=(?P<secret>[^\s"'\\&#\[]{4,})"#,
];

/// Keys whose value is a secret: in JSON at any depth of escaping, and as `NAME=value`.
const KEY: &str = r"(?:[A-Za-z0-9]+[_.-])*?(?:password|passwd|passphrase|pwd|secret|secret_?key|client_?secret|secret_?access_?key|access_?key|token|(?:access|refresh|auth|id|session|bearer|api)_?token|api_?key|apikey|private_?key|credential|credentials|authorization|set-cookie|cookie)";

/// A key in JSON: its opening quote, with the backslashes of its depth.
static JSON_KEY: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(&format!(r#"(?i)(?P<quote>\\*)"{KEY}\\*"\s*:\s*"#)).ok());
/// `NAME=value` in a command, a file of settings, or a URL's form.
static ASSIGNED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(&format!(
        r#"(?i)(?:\b|_|--){KEY}(?:=|\s*:=\s*|:\s+)(?P<secret>\\+"[^"\\\[,:\]}}\s][^"\\\[]{{3,}}|'[^'"\\\[]{{4,}}'|[^\s"'\\;,&|()$<>\[\]{{}}]{{6,}})"#
    ))
    .ok()
});
/// One pass that says whether there is anything to look for.
static SHAPE_SET: LazyLock<Option<RegexSet>> = LazyLock::new(|| RegexSet::new(SHAPES).ok());
static SHAPE_LIST: LazyLock<Vec<Regex>> =
    LazyLock::new(|| SHAPES.iter().filter_map(|shape| Regex::new(shape).ok()).collect());
/// The cheap pass in front: a text without any of these holds nothing that we know.
static HINTS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)passw|passphrase|pwd|secret|token|api.?key|access.?key|private|credential|authorization|cookie|bearer|-key|:(?:\\*/){2}|\s-u\s|--user\s|gh[pousr]_|github_pat|glpat|xox|xapp|npm_|pypi-|hf_|do[opr]_v1|shp|\b[spr]k[-_]|AKIA|ASIA|ABIA|ACCA|AIza|ya29|GOCSPX|eyJ|SG\.|SK[0-9a-f]|:AA|sig").ok()
});

/// `json` with every secret that we know the shape of replaced by [`REDACTED`]; still valid JSON.
#[must_use]
pub fn redact(json: &str) -> Cow<'_, str> {
    if !HINTS.as_ref().is_none_or(|hints| hints.is_match(json)) {
        return Cow::Borrowed(json);
    }
    let mut found = Vec::new();
    shapes(json, &mut found);
    keys(json, &mut found);
    assigned(json, &mut found);
    if found.is_empty() { Cow::Borrowed(json) } else { Cow::Owned(replaced(json, found)) }
}

/// As [`redact`], of plain text: what is kept in a column of its own.
#[must_use]
pub fn redact_text(text: &str) -> Cow<'_, str> {
    let json = serde_json::Value::from(text).to_string();
    match redact(&json) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        // Redacted JSON is JSON; were it not, nothing of the text is shown.
        Cow::Owned(json) => Cow::Owned(serde_json::from_str(&json).unwrap_or_else(|_| REDACTED.to_owned())),
    }
}

fn shapes(json: &str, found: &mut Vec<Range<usize>>) {
    let Some(set) = SHAPE_SET.as_ref() else { return };
    for index in set.matches(json) {
        let Some(shape) = SHAPE_LIST.get(index) else { continue };
        for captures in shape.captures_iter(json) {
            let secret = captures.name("secret").or_else(|| captures.get(0));
            if let Some(secret) = secret.filter(|secret| !is_scheme(secret.as_str())) {
                add(json, secret.range(), found);
            }
        }
    }
}

/// The word in front of a header's secret, once the secret itself is gone.
fn is_scheme(text: &str) -> bool {
    ["bearer", "basic", "token", "digest", "negotiate", "apikey"].iter().any(|scheme| text.eq_ignore_ascii_case(scheme))
}

fn assigned(json: &str, found: &mut Vec<Range<usize>>) {
    for captures in ASSIGNED.iter().flat_map(|regex| regex.captures_iter(json)) {
        if let Some(secret) = captures.name("secret") {
            let text = secret.as_str();
            let quotes = text.len() - text.trim_start_matches(['\\', '"', '\'']).len();
            let end = secret.end() - usize::from(text.len() > quotes && text.ends_with('\''));
            add(json, secret.start() + quotes..end, found);
        }
    }
}

/// Values of keys that name a secret: strings go whole, arrays and objects of strings string by string.
fn keys(json: &str, found: &mut Vec<Range<usize>>) {
    for captures in JSON_KEY.iter().flat_map(|regex| regex.captures_iter(json)) {
        let (Some(whole), Some(quote)) = (captures.get(0), captures.name("quote")) else { continue };
        let start = whole.end();
        let depth = quote.as_str();
        let rest = json.get(start..).unwrap_or_default();
        let opening = format!("{depth}\"");
        if rest.starts_with(&opening) {
            found.extend(string(json, start, depth));
        } else if rest.starts_with('[') {
            // A list of secrets: its strings, up to its end or to anything that is no string.
            let mut at = start + 1;
            loop {
                let gap = json.get(at..).unwrap_or_default();
                at += gap.len() - gap.trim_start_matches([' ', '\n', '\t', '\r', ',']).len();
                match string(json, at, depth) {
                    Some(text) => {
                        at = text.end + opening.len();
                        found.push(text);
                    }
                    None => break,
                }
            }
        }
    }
}

/// The inside of the string that opens at `start` with `depth` backslashes; none where there is none.
fn string(json: &str, start: usize, depth: &str) -> Option<Range<usize>> {
    let opening = format!("{depth}\"");
    let begin = start + opening.len();
    if !json.get(start..)?.starts_with(&opening) {
        return None;
    }
    // JSON in a string in a string: a quote of level k has a run of backslashes that ends in k binary ones.
    let level = depth.len().trailing_ones();
    let mut run = 0_usize;
    for (at, byte) in json.bytes().enumerate().skip(begin) {
        match byte {
            b'\\' => run += 1,
            b'"' if run.trailing_ones() == level => return Some(begin..(at - ((1 << level) - 1)).max(begin)),
            // The end of a string around this one, which was cut off.
            b'"' if run.trailing_ones() < level => return Some(begin..(at - run).max(begin)),
            _ => run = 0,
        }
    }
    None
}

/// Notes a range, moved off escapes so that the text around it stays valid JSON.
fn add(json: &str, range: Range<usize>, found: &mut Vec<Range<usize>>) {
    if range.is_empty() {
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
        found.push(start..end);
    }
}

fn replaced(json: &str, mut found: Vec<Range<usize>>) -> String {
    found.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
    let mut text = String::with_capacity(json.len());
    let mut from = 0;
    for range in found {
        let piece = json.get(range.clone()).unwrap_or_default();
        if range.start < from || piece.is_empty() || piece == REDACTED {
            continue;
        }
        text.push_str(json.get(from..range.start).unwrap_or_default());
        text.push_str(REDACTED);
        from = range.end;
    }
    text.push_str(json.get(from..).unwrap_or_default());
    text
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::*;
    use serde_json::{Value, json};

    /// `secret` is gone from `value`, however deep it is escaped; the rest parses, and a second pass changes nothing.
    fn check(value: &Value, secret: &str) {
        let mut text = value.to_string();
        for depth in 0..3 {
            let redacted = redact(&text);
            assert!(!redacted.contains(secret), "depth {depth}: {redacted}");
            assert!(redacted.contains(REDACTED), "depth {depth}: {redacted}");
            let parsed: Result<Value, _> = serde_json::from_str(&redacted);
            assert!(parsed.is_ok(), "depth {depth}: {redacted}");
            assert_eq!(redact(&redacted), redacted, "depth {depth}: not idempotent");
            text = json!({ "inner": text }).to_string();
        }
    }

    fn check_kept(value: &Value) {
        let text = value.to_string();
        assert_eq!(redact(&text), text);
    }

    #[test]
    fn secrets_go() {
        let key = "abcdefghijklmnopqrstuvwxyz0123456789ABCD";
        for shape in [
            format!("ghp_{key}"),
            format!("github_pat_{key}"),
            format!("glpat-{key}"),
            format!("xoxb-{key}"),
            format!("sk-ant-api03-{key}"),
            format!("sk-proj-{key}"),
            format!("sk_live_{key}"),
            "AKIAIOSFODNN7EXAMPLE".to_owned(),
            format!("AIza{}", key.get(..35).unwrap()),
            format!("npm_{key}"),
            format!("eyJ{key}.eyJ{key}.{key}"),
        ] {
            check(&json!({"command": format!("export X={shape}; echo hi")}), &shape);
            check(&json!({"content": shape}), &shape);
        }
        check(&json!({"command": format!("curl -H 'Authorization: Bearer {key}' https://x")}), key);
        check(&json!({"command": format!("curl -H \"authorization: Basic {key}\" https://x")}), key);
        check(&json!({"headers": {"Authorization": format!("Bearer {key}")}}), key);
        check(&json!({"command": "git clone https://me:hunter22@example.org/x"}), "hunter22");
        check(&json!({"url": "postgres://u:p4ss@db/x"}), "p4ss");
        assert!(!redact(r#"{"url":"https:\/\/u:hunter22@h"}"#).contains("hunter22"));
        check(&json!({"command": "docker login -u me --password hunter2222"}), "hunter2222");
        check(&json!({"command": "deploy --token 'abcdef123456'"}), "abcdef123456");
        check(&json!({"command": "curl -u admin:hunter2222 https://x"}), "hunter2222");
        check(&json!({"command": format!("curl 'https://x/y?access_token={key}&z=1'")}), key);
        check(&json!({"command": format!("curl -H 'X-Api-Key: {key}' x")}), key);
        check(&json!({"command": "DB_PASSWORD=hunter2222 make"}), "hunter2222");
        check(&json!({"command": "mysql --password=hunter2222"}), "hunter2222");
        check(&json!({"command": "API_KEY='hunter2222' x"}), "hunter2222");
        let block = format!("-----BEGIN RSA PRIVATE KEY-----\n{key}\n{key}\n-----END RSA PRIVATE KEY-----\n");
        check(&json!({"content": block}), key);
        check(&json!({"content": format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{key}")}), key);
    }

    #[test]
    fn values_of_telling_keys_go_whole() {
        for name in [
            "password",
            "secret",
            "token",
            "api_key",
            "apiKey",
            "authorization",
            "client_secret",
            "DB_PASSWORD",
            "access_token",
            "Cookie",
            "private_key",
        ] {
            check(&json!({name: "a b \"c\" \\ d é \n"}), "a b");
            check(&json!({"x": {name: ["one1", "two2"]}}), "two2");
        }
    }

    #[test]
    fn plain_text_is_redacted_as_json_is() {
        let text = "say \"hi\" to https://me:hunter22@example.org/x\nnow";
        assert_eq!(redact_text(text), format!("say \"hi\" to https://me:{REDACTED}@example.org/x\nnow"));
        assert!(matches!(redact_text("a \"plain\" one"), Cow::Borrowed("a \"plain\" one")));
    }

    #[test]
    fn what_is_no_secret_stays() {
        check_kept(
            &json!({"session_token_count": 5, "max_tokens": 100, "token": null, "password": false, "tokens": ["a"]}),
        );
        check_kept(
            &json!({"sha": "da39a3ee5e6b4b0d3255bfef95601890afd80709", "id": "0199a1b2-0000-7000-8000-000000000000", "digest": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}),
        );
        check_kept(
            &json!({"command": "cargo test --workspace && git push origin main", "url": "https://example.org:8080/a@b"}),
        );
        check_kept(&json!({"text": "the token is refreshed; a secret: no; password reset page", "password_hint": "x"}));
        check_kept(&json!({"command": "echo $TOKEN; x --token \"$TOKEN\"; PASSWORD=$(pass x)"}));
        check_kept(&json!({"command": "docker run -u 1000:1000 x; git push -u origin a:b"}));
        assert!(matches!(redact("{\"a\":1}"), Cow::Borrowed(_)));
        assert!(matches!(redact("{\"password\":\"\"}").as_ref(), "{\"password\":\"\"}"));
    }

    fn any_json() -> impl proptest::strategy::Strategy<Value = Value> {
        use proptest::prelude::*;
        let text = prop_oneof![
            "[ -~é\n\\\\\"']{0,24}",
            "(password|token|secret|api_key)(=|: |\": \")[ -~\\\\\"]{0,12}",
            "(Authorization: Bearer |https://u:)[ -~\\\\\"]{0,20}@?",
            "-----BEGIN PRIVATE KEY-----[ -~\n\\\\\"]{0,20}",
        ];
        let leaf = prop_oneof![Just(Value::Null), any::<i64>().prop_map(Value::from), text.prop_map(Value::from)];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(
                    (prop_oneof![Just("password".to_owned()), Just("x_token".to_owned()), "[a-z\\\\\"]{0,6}"], inner),
                    0..4
                )
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2_000))]
        #[test]
        fn json_stays_json_and_once_is_enough(value in any_json(), nested in 0..3_usize) {
            let mut text = value.to_string();
            for _ in 0..nested {
                text = json!({ "inner": text }).to_string();
            }
            let once = redact(&text).into_owned();
            proptest::prop_assert!(serde_json::from_str::<Value>(&once).is_ok(), "{} -> {}", text, once);
            proptest::prop_assert_eq!(redact(&once).into_owned(), once);
        }
    }
}
