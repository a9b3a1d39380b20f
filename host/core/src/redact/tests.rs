//! Secrets go at every depth and wherever their line begins; what is none stays; JSON stays JSON.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

const KEY_TEXT: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCD";

/// `secret` is gone from `value`, however deep it is escaped; the rest parses, and a second pass changes nothing.
fn check(value: &Value, secret: &str) {
    let mut text = value.to_string();
    for depth in 0..4 {
        let redacted = redact(&text);
        assert!(!redacted.contains(secret), "depth {depth}: {redacted}");
        assert!(redacted.contains(REDACTED), "depth {depth}: {redacted}");
        let parsed: Result<Value, _> = serde_json::from_str(&redacted);
        assert!(parsed.is_ok(), "depth {depth}: {redacted}");
        assert_eq!(redact(&redacted), redacted, "depth {depth}: not idempotent");
        text = json!({ "inner": text }).to_string();
    }
}

/// As [`check`], for a text that may stand anywhere in a string, and in a text that is no JSON.
fn check_text(text: &str, secret: &str) {
    for before in ["", "x ", "one\n", "one\ttwo\n\n", "one\r\n", "\t", "a\u{8}", "\u{c}", "é"] {
        check(&json!({ "content": format!("{before}{text}") }), secret);
        check(&json!({ "content": format!("{before}{text}\nlast\n") }), secret);
        let plain = format!("{before}{text}\nlast\n");
        assert!(!redact(&plain).contains(secret), "{plain}");
    }
}

fn check_kept(value: &Value) {
    let text = value.to_string();
    assert_eq!(redact(&text), text);
}

#[test]
fn every_pattern_compiles() {
    for text in shapes::SHAPES.into_iter().chain([shapes::ASSIGNED, keys::NAME]) {
        assert!(pattern(text).is_some(), "{text}");
    }
    assert!(regex::RegexSet::new(shapes::SHAPES.map(expanded)).is_ok());
    assert!(HINTS.is_some());
}

#[test]
fn secrets_go() {
    let key = KEY_TEXT;
    for shape in [
        format!("ghp_{key}"),
        format!("github_pat_{key}"),
        format!("glpat-{key}"),
        format!("xoxb-{key}"),
        format!("sk-ant-api03-{key}"),
        format!("sk-proj-{key}"),
        format!("sk_live_{key}"),
        format!("rk_live_{key}"),
        "AKIAIOSFODNN7EXAMPLE".to_owned(),
        format!("AIza{}", key.get(..35).unwrap()),
        format!("npm_{key}"),
        format!("eyJ{key}.eyJ{key}.{key}"),
        format!("SG.{key}.{key}"),
        format!("123456789:AA{}", key.get(..33).unwrap()),
    ] {
        check_text(&format!("export X={shape}; echo hi"), &shape);
        check_text(&shape, &shape);
    }
    for text in ["Authorization: Bearer", "authorization: Basic", "Proxy-Authorization:\tBasic", "Bearer"] {
        check_text(&format!("{text} {key}"), key);
        check_text(&format!("curl -H '{text} {key}' https://x"), key);
    }
    check_text("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz");
    check_text(&format!("curl -H \"authorization: Basic {key}\" https://x"), key);
    check(&json!({"headers": {"Authorization": format!("Bearer {key}")}}), key);
    check_text("git clone https://me:hunter22@example.org/x", "hunter22");
    check_text("postgres://u:p4ss@db/x", "p4ss");
    check_text(&format!("curl 'https://x/y?access_token={key}&z=1'"), key);
    check_text(&format!("curl -H 'X-Api-Key: {key}' x"), key);
    check_text("Cookie: sid=hunter2222; theme=dark", "hunter2222");
    let block = format!("-----BEGIN RSA PRIVATE KEY-----\n{key}\n{key}\n-----END RSA PRIVATE KEY-----\n");
    check_text(&block, key);
    check_text(&format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{key}"), key);
}

#[test]
fn options_and_assignments_go() {
    let secret = "hunter2222";
    for text in [
        "docker login -u me --password hunter2222",
        "docker login -u me \\\n--password hunter2222",
        "deploy --token 'hunter2222'",
        "deploy --db-password hunter2222",
        "mysql --password=hunter2222",
        "deploy --api-key=hunter2222",
        "curl -u admin:hunter2222 https://x",
        "curl\t-u admin:hunter2222 https://x",
        "DB_PASSWORD=hunter2222 make",
        "PGPASSWORD=hunter2222 psql",
        "password=hunter2222",
        "TOKEN=hunter2222",
        "API_KEY=hunter2222",
        "API_KEY='hunter2222' x",
        "API_KEY=\"hunter2222\" x",
        "password = \"hunter2222\"",
        "password = hunter2222",
        "{ password: 'hunter2222' }",
        "token: hunter2222",
        "token:\thunter2222",
        "secret:=hunter2222",
        "api-key: hunter2222",
        "private-key=hunter2222",
        "X-Api-Key: hunter2222",
        "dbPassword=hunter2222",
        "githubToken: hunter2222",
        "//registry.npmjs.org/:_authToken=hunter2222",
    ] {
        check_text(text, secret);
    }
    check(&json!({"command": ["docker", "login", "--password", "hunter2222", "-u", "me"]}), secret);
}

#[test]
fn characters_that_a_writer_escapes_hide_nothing() {
    for text in [
        r#"{"url":"https:\/\/u:hunter2222@h"}"#,
        r#"{"url":"https://x/y?a=1\u0026token=hunter2222"}"#,
        r#"{"inner":"{\"url\":\"https://x/y?a=1\\u0026token=hunter2222\"}"}"#,
        r#"{"form":"password\u003dhunter2222"}"#,
        r#"{"text":"a\u000apassword=hunter2222"}"#,
        r#"{"text":"a\u000Aghp_abcdefghijklmnopqrstuvwxyhunter2222"}"#,
        "{\n  \"password\": {\n    \"inner\" :\t\"hunter2222\"\n  }\n}",
    ] {
        let redacted = redact(text);
        assert!(!redacted.contains("hunter2222"), "{redacted}");
        assert!(serde_json::from_str::<Value>(&redacted).is_ok(), "{redacted}");
    }
}

#[test]
fn values_of_telling_keys_go_whole() {
    for name in [
        "password",
        "secret",
        "token",
        "api_key",
        "api-key",
        "apiKey",
        "authorization",
        "client_secret",
        "DB_PASSWORD",
        "PGPASSWORD",
        "access_token",
        "Cookie",
        "private_key",
        "private-key",
        "X-Api-Key",
        "--api-key",
        "dbPassword",
        "githubToken",
        "stripeSecretKey",
        "credentials",
    ] {
        let name = name.trim_start_matches('-');
        check(&json!({name: "a b \"c\" \\ d é \n"}), "a b");
        check(&json!({"x": {name: ["one1", "two2"]}}), "two2");
        check(&json!({name: [null, 7, true, ["one1", ["two2"]]]}), "two2");
        check(&json!({name: {"aws": "hunter2222", "n": null}, "x": 1}), "hunter2222");
        check(&json!({name: {"a": [{"b\"": ["x", {"c": "hunter\n2222\\"}]}]}, "x": 1}), "hunter");
        check(&json!({name: serde_json::to_string_pretty(&json!({"a": ["hunter2222"]})).unwrap()}), "hunter2222");
    }
}

#[test]
fn names_within_a_redacted_object_stay_and_what_follows_it_too() {
    let redacted = redact(r#"{"cookie":{"sid":"x1","n":[1,"y2"],"z":true},"kept":"as it is"}"#).into_owned();
    let expected = r#"{"cookie":{"sid":"[redacted]","n":[1,"[redacted]"],"z":true},"kept":"as it is"}"#;
    assert_eq!(redacted, expected);
}

#[test]
fn numbers_are_passwords_but_not_under_a_token() {
    check(&json!({"password": 12345678}), "12345678");
    check(&json!({"a": [{"db_password": -1234.5e6}]}), "1234");
    check(&json!({"credentials": {"pin": [9871, 1]}}), "9871");
    check(&json!({"token": {"password": 12345678}}), "12345678");
    check_kept(&json!({"password": 1, "token": 123_456, "usage": {"total_token": 98765, "token": {"start": 12345}}}));
}

#[test]
fn what_is_cut_off_is_read_as_far_as_it_goes() {
    let pretty =
        serde_json::to_string_pretty(&json!({"credentials": {"a": ["hunter2222", 12345], "b": 1}, "n": 98765}));
    let inner = pretty.unwrap();
    for end in 0..=inner.len() {
        let cut = inner.get(..end).unwrap();
        check_cut(json!({"text": cut, "after": [54321, "kept"]}));
        check_cut(json!({"text": json!({"deeper": cut}).to_string(), "after": [54321, "kept"]}));
    }
}

fn check_cut(value: Value) {
    let redacted = redact(&value.to_string()).into_owned();
    assert!(!redacted.contains("hunter2222") && !redacted.contains("12345"), "{redacted}");
    let parsed: Value = serde_json::from_str(&redacted).unwrap();
    assert_eq!(parsed.get("after"), value.get("after"), "{redacted}");
}

#[test]
fn telling_keys_in_each_other_are_not_read_over_and_over() {
    for key in ["password", "token"] {
        let text = format!("{}\"x\"{}", format!("{{\"{key}\":").repeat(20_000), "}".repeat(20_000));
        let redacted = redact(&text);
        assert!(redacted.contains("[redacted]") && !redacted.contains("\"x\""));
    }
}

#[test]
fn what_is_no_secret_stays() {
    check_kept(
        &json!({"session_token_count": 5, "max_tokens": 100, "token": null, "password": false, "tokens": ["a"]}),
    );
    check_kept(&json!({"tokens": 12345, "maxTokens": 12345, "token_count": 12345, "tokensUsed": {"input": 12345}}));
    check_kept(
        &json!({"sha": "da39a3ee5e6b4b0d3255bfef95601890afd80709", "id": "0199a1b2-0000-7000-8000-000000000000", "digest": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}),
    );
    check_kept(
        &json!({"command": "cargo test --workspace && git push origin main", "url": "https://example.org:8080/a@b"}),
    );
    check_kept(&json!({"text": "the token is refreshed; a secret: no; password reset page", "password_hint": "x"}));
    check_kept(&json!({"command": "echo $TOKEN; x --token \"$TOKEN\"; PASSWORD=$(pass x)"}));
    check_kept(&json!({"command": "docker run -u 1000:1000 x; git push -u origin a:b"}));
    check_kept(&json!({"command": ["x", "--token", "--password-stdin", "--tokens", "5"]}));
    check_kept(&json!({"text": "task-list_of_things_that_are_long_enough\ndisk-usage_of_everything_here_and_there"}));
    check_kept(&json!({"code": "let token = lexer.next_token();\nlet next = tokens.len();\nwhile token != end {}\n"}));
    check_kept(&json!({"passwordless": "enabled", "tokenizer": "bpe-large", "secretary": "Ada L", "isToken": true}));
    assert!(matches!(redact("{\"a\":1}"), Cow::Borrowed(_)));
    assert!(matches!(redact("{\"password\":\"\"}"), Cow::Borrowed(_)));
}

#[test]
fn a_text_grows_within_its_bound() {
    for value in [
        json!({ "pwd": vec!["x"; 10_000] }),
        json!({ "pwd": vec![1234; 10_000] }),
        json!(vec![json!({"pwd": "x"}); 10_000]),
        json!({ "urls": vec!["ab://:p@"; 10_000] }),
    ] {
        let text = value.to_string();
        let grown = redact(&text).len();
        assert!(grown > text.len() * 3 / 2 && grown <= text.len() * MAX_GROWTH, "{} -> {grown}", text.len());
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[ -~é\n\t\\\\\"']{0,24}",
        "(password|token|secret|api_key)(=|: |\": \")[ -~\\\\\"]{0,12}",
        "\"(password|x-token)\": ?[\\[{][ -~\n\\\\\"]{0,20}",
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

/// A text that holds a secret which starts a word.
fn secret_text() -> impl Strategy<Value = (String, String)> {
    let secret = "[a-z]{4}[0-9]{4}[A-Z]{32}";
    let before = prop_oneof!["", "[ -~é]{0,12}[\n\t\r ]", "([a-z ]{0,8}\r?\n){1,3}"];
    let carrier = prop::sample::select(vec![
        ("password=", ""),
        ("DB_TOKEN=", " make"),
        ("api-key: ", ""),
        ("secret: '", "'"),
        ("apiKey = \"", "\""),
        ("ghp_", ""),
        ("Authorization: Bearer ", ""),
        ("postgres://u:", "@db/x"),
        ("\t--token ", " run"),
        ("Cookie: a=", "; b=c"),
    ]);
    (before, carrier, secret, "(\r?\n[a-z]{0,8})?")
        .prop_map(|(before, (open, close), secret, after)| (format!("{before}{open}{secret}{close}{after}"), secret))
}

/// A value under a telling key, and the secret that it holds.
fn secret_value() -> impl Strategy<Value = (Value, String)> {
    let noise =
        prop_oneof![Just(Value::Null), any::<i16>().prop_map(Value::from), "[ -~\n]{0,8}".prop_map(Value::from)];
    ("[a-z]{4}[0-9]{4}[A-Z]{8}", prop::collection::vec((0..3_usize, noise, "[a-z\"\\\\]{0,4}"), 0..5)).prop_map(
        |(secret, layers)| {
            let value =
                layers.into_iter().fold(Value::from(secret.as_str()), |inner, (kind, noise, name)| match kind {
                    0 => json!([noise, inner]),
                    1 => json!([inner, noise]),
                    _ => json!({"first": noise, name: inner}),
                });
            (value, secret)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn json_stays_json_and_once_is_enough(value in any_json(), nested in 0..3_usize) {
        let mut text = value.to_string();
        for _ in 0..nested {
            text = json!({ "inner": text }).to_string();
        }
        let once = redact(&text).into_owned();
        prop_assert!(serde_json::from_str::<Value>(&once).is_ok(), "{} -> {}", text, once);
        prop_assert!(once.len() <= text.len() * MAX_GROWTH);
        prop_assert_eq!(redact(&once).into_owned(), once);
    }

    #[test]
    fn a_secret_goes_wherever_it_stands((content, secret) in secret_text(), nested in 0..4_usize) {
        let mut text = json!({"file": "a.txt", "content": content}).to_string();
        for _ in 0..nested {
            text = json!({ "inner": text, "then": 1 }).to_string();
        }
        let redacted = redact(&text).into_owned();
        prop_assert!(!redacted.contains(&secret), "{} -> {}", text, redacted);
        prop_assert!(serde_json::from_str::<Value>(&redacted).is_ok(), "{} -> {}", text, redacted);
    }

    #[test]
    fn a_secret_goes_however_its_value_is_built((value, secret) in secret_value(), nested in 0..4_usize) {
        let mut text = json!({"user": "me", "dbPassword": value, "after": 12345}).to_string();
        for _ in 0..nested {
            text = json!([text, "then"]).to_string();
        }
        let redacted = redact(&text).into_owned();
        prop_assert!(!redacted.contains(&secret), "{} -> {}", text, redacted);
        prop_assert!(redacted.contains("12345"), "{} -> {}", text, redacted);
        prop_assert!(serde_json::from_str::<Value>(&redacted).is_ok(), "{} -> {}", text, redacted);
    }
}
