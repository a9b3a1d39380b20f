//! What is denied, and the look-alikes that are not. Credentials are put together here from pieces, so that no
//! scanner of this repository takes them for real ones.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use serde_json::json;
use tollgate_sdk::{Word, mock};

fn verdict(tool: &str, input: &Value) -> Verdict {
    NoSecrets.check(&mock::call(tool, &input.to_string())).unwrap()
}

/// `text` is denied in a command and in each kind of write, by `kind`, without saying the value.
fn denied(text: &str, kind: &str) {
    for (tool, input) in [
        ("Bash", json!({"command": format!("echo '{text}' > x")})),
        ("Write", json!({"file_path": "/p/x", "content": format!("a\n{text}\n")})),
        ("Edit", json!({"file_path": "/p/x", "old_string": "", "new_string": text})),
        ("MultiEdit", json!({"file_path": "/p/x", "edits": [{"old_string": "", "new_string": text}]})),
        ("NotebookEdit", json!({"notebook_path": "/p/x", "new_source": text})),
    ] {
        match verdict(tool, &input) {
            Verdict::Deny(reason) => {
                assert!(reason.contains(kind), "{text}: {reason}");
                assert!(!reason.contains(text), "the value is never said");
            }
            other => assert_eq!(other, Verdict::Deny(kind.to_owned()), "{tool}: {text}"),
        }
    }
}

fn passes(text: &str) {
    assert_eq!(verdict("Bash", &json!({"command": text})), Verdict::Abstain, "{text}");
}

/// Looks random, is not.
fn tail(length: usize) -> String {
    "q7Zk2Xw9Lm4Tb8Rv3Np6Hs1Dy5Gf0Jc".chars().cycle().take(length).collect()
}

#[test]
fn credentials_are_denied_by_kind() {
    let dashes = "-----";
    let material = tail(64);
    for (text, kind) in [
        (format!("AKIA{}", "IOSFODNN7EXAMPLE"), "AWS"),
        (format!("ASIA{}", "Q7ZK2XW9LM4TB8RV"), "AWS"),
        (format!("ghp_{}", tail(36)), "GitHub"),
        (format!("github_pat_{}", tail(60)), "GitHub"),
        (format!("glpat-{}", tail(20)), "GitLab"),
        (format!("xoxb-{}", tail(40)), "Slack"),
        (format!("https://hooks.slack.com/services/T{}/B{}/{}", tail(9), tail(9), tail(24)), "Slack webhook"),
        (format!("sk_live_{}", tail(24)), "Stripe"),
        (format!("sk-ant-api03-{}", tail(90)), "Anthropic"),
        (format!("sk-proj-{}", tail(60)), "OpenAI"),
        (format!("sk-{}", tail(48)), "OpenAI"),
        (format!("AIza{}", tail(35)), "Google"),
        (format!("{dashes}BEGIN RSA PRIVATE KEY{dashes}\n{material}\n"), "private key"),
        (format!("{dashes}BEGIN OPENSSH PRIVATE KEY{dashes}\\n{material}\\n"), "private key"),
        (format!("Authorization: Bearer {}", tail(40)), "bearer token"),
        (format!("eyJ{}.eyJ{}.{}", tail(20), tail(30), tail(43)), "JSON web token"),
        (format!("postgres://app:{}@db.internal/x", tail(12)), "password in a URL"),
        (format!("api_key = \"{}\"", tail(32)), "telling name"),
        (format!("export AWS_SECRET_ACCESS_KEY={}", tail(40)), "telling name"),
        (format!("{{\"clientSecret\": \"{}\"}}", tail(24)), "telling name"),
        (format!("password: {}", tail(20)), "telling name"),
    ] {
        denied(&text, kind);
    }
}

#[test]
fn look_alikes_pass() {
    for text in [
        "curl -H \"Authorization: Bearer $TOKEN\" https://api.example.com",
        "curl -H 'Authorization: Bearer ${GITHUB_TOKEN}' https://x",
        "curl -H 'Authorization: Bearer <your-token-goes-here>'",
        "export API_KEY=$(pass show api)",
        "API_KEY=your_api_key_goes_here_123",
        "api_key = os.environ['SERVICE_API_KEY_V2']",
        "let token = read_token_from_file2(path)",
        "token: ${{ secrets.DEPLOY_TOKEN_2024 }}",
        "git checkout 3f786850e387550fdab836ed7e6dc881de23001b",
        "git show 3f786850e387550fdab836ed7e6dc881de23001b:src/token.rs",
        "request_id=123e4567-e89b-12d3-a456-426614174000",
        "token=123e4567-e89b-12d3-a456-426614174000",
        "sha256sum: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "AKIAXXXXXXXXXXXXXXXX",
        "AKIA",
        "grep -r 'sk_live_' src",
        "sk-learn and risk-assessment-of-things-that-are-long-enough-to-match",
        "grep -l -e '-----BEGIN RSA PRIVATE KEY-----' .",
        "psql postgres://postgres:postgres@localhost/db",
        "git clone https://x-access-token:$GITHUB_TOKEN@github.com/a/b",
        "git clone git@github.com:a/b.git && ssh://git@host:22/x",
        "echo 'token: the parser yields one token at a time'",
        "password_file=/run/secrets/db_password_2024_rotated",
        "PASSWORD=hunter",
        "npm install && cargo test --workspace",
    ] {
        passes(text);
    }
}

#[test]
fn taking_a_credential_out_passes() {
    let input = json!({"file_path": "/p", "old_string": format!("ghp_{}", tail(36)), "new_string": "os.environ"});
    assert_eq!(verdict("Edit", &input), Verdict::Abstain);
}

#[test]
fn words_are_looked_at_without_their_quotes() {
    let mut call = mock::call("Bash", r#"{"command":"echo gh''p_…"}"#);
    let word = |text: String| Word { text, literal: true };
    call.commands.push(tollgate_sdk::ShellCommand {
        program: word("echo".into()),
        args: vec![word(format!("ghp_{}", tail(36)))],
        assignments: Vec::new(),
        redirects: Vec::new(),
        wrappers: Vec::new(),
        piped_from: None,
    });
    assert!(matches!(NoSecrets.check(&call), Ok(Verdict::Deny(_))));
    call.commands.iter_mut().for_each(|command| {
        command.args.clear();
        command.assignments.push(("API_KEY".into(), word(tail(32))));
    });
    assert!(matches!(NoSecrets.check(&call), Ok(Verdict::Deny(_))));
}

#[test]
fn an_unreadable_input_is_an_error_not_a_pass() {
    assert!(NoSecrets.check(&mock::call("Bash", "{")).is_err());
}

proptest::proptest! {
    #[test]
    fn scanning_never_panics(text in "\\PC{0,200}") {
        let _ = scan::find(&text);
    }

    #[test]
    fn scanning_odd_mixtures_never_panics(text in "(AKIA|ghp_|eyJ|://|:|@|bearer |token=|-----BEGIN |ü|[a-z0-9]{0,20}){0,20}") {
        let _ = scan::find(&text);
    }
}
