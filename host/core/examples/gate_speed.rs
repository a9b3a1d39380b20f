//! How long the gate's own stages take for everyday calls: parse, protection and sandbox, rules; and redaction.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a measuring program")]

use serde_json::json;
use std::path::PathBuf;
use std::time::Instant;
use tollgate_core::gate::policy::Policy;
use tollgate_core::gate::{Call, explain};

const ROUNDS: usize = 5_000;

fn main() {
    let policy = Policy::preset("guardrails").expect("the preset loads");
    let cwd = std::env::current_dir().expect("a working folder");
    for line in [
        "ls -la",
        "cargo test --workspace",
        "cd src && grep -rn \"fn main\" . | head -20",
        "git add -A && git commit -m \"Fix the parser\" && git push origin main",
        "for f in *.rs; do wc -l \"$f\"; done > out.txt 2>&1",
        "python3 - <<'E'\nimport json\nprint(json.dumps({}))\nE",
    ] {
        let input = json!({ "command": line, "description": "x" });
        let tool_input = input.as_object().cloned().unwrap_or_default();
        let call = Call {
            tool_name: "Bash".to_owned(),
            tool_input,
            cwd: Some(cwd.clone()),
            roots: vec![cwd.clone()],
            ..Call::default()
        };
        let extras: Vec<PathBuf> = Vec::new();
        let mut whole = Vec::with_capacity(ROUNDS);
        let (mut parse, mut sandbox, mut rules) = (0, 0, 0);
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            let explained = explain(&call, &policy, None, &extras);
            whole.push(begun.elapsed().as_nanos());
            let stages = explained.verdict.stages_us;
            parse += stages.parse;
            sandbox += stages.sandbox;
            rules += stages.rules;
        }
        whole.sort_unstable();
        let at = |share: usize| whole.get(ROUNDS * share / 100).copied().unwrap_or_default() as f64 / 1e3;
        let mean = |sum: u64| sum as f64 / ROUNDS as f64;
        let shown: String = line.chars().take(40).collect();
        println!(
            "p50 {:6.1} p99 {:6.1} µs (mean parse {:.1}, sandbox {:.1}, rules {:.1})  {shown:?}",
            at(50),
            at(99),
            mean(parse),
            mean(sandbox),
            mean(rules)
        );
    }
    let plain = json!({"session_id": "s1", "tool_name": "Bash", "tool_input": {"command": "cargo test --workspace"}})
        .to_string();
    let telling =
        json!({"tool_input": {"command": "curl -H 'Authorization: Bearer abcdefghijklmnopqrstuvwx' https://x"}})
            .to_string();
    for text in [plain, telling] {
        let begun = Instant::now();
        for _ in 0..ROUNDS {
            std::hint::black_box(tollgate_core::redact::redact(std::hint::black_box(&text)));
        }
        println!("redact {:6.2} µs for {} bytes", begun.elapsed().as_nanos() as f64 / 1e3 / ROUNDS as f64, text.len());
    }
}
