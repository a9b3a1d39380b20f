//! Real agents' recorded sessions, another system's events, and calls that must not run.

use super::{payload, text};
use crate::demo::stage::Stage;
use serde_json::json;
use tollgate_core::hooks::{AgentHook, HookContext};

/// Where the recordings were made; the demonstration plays them in its own project.
const RECORDED_PROJECT: &str = "/home/dev/project";
const CLAUDE_CODE: [&str; 2] = [
    include_str!("../../../../../tests/fixtures/hooks/claude-code-2.1.329-ok.jsonl"),
    include_str!("../../../../../tests/fixtures/hooks/claude-code-2.1.329-fail.jsonl"),
];
const OTHERS: [(&str, &str); 2] = [
    ("codex", include_str!("../../../../../tests/fixtures/hooks/codex-0.169.0.jsonl")),
    ("gemini", include_str!("../../../../../tests/fixtures/hooks/gemini-cli-0.61.0.jsonl")),
];
/// A credential of the right shape, assembled so that no scanner takes this file for a leak.
const FAKE_KEY: [&str; 2] = ["AKIA", "Z7Q4X2M5N8P3R6T9"];

/// Every recorded input, through the hook's own process where the agent is Claude Code.
pub(super) async fn recorded_agents(stage: &mut Stage) -> anyhow::Result<()> {
    let project = stage.project().display().to_string();
    let mut passed = 0;
    let mut lines = 0;
    for line in CLAUDE_CODE.iter().flat_map(|recording| recording.lines()) {
        let end = stage.hook(&line.replace(RECORDED_PROJECT, &project)).await?;
        lines += 1;
        passed += usize::from(end.exit == Some(0));
    }
    stage
        .checklist
        .expect(format!("Claude Code: {passed} of {lines} recorded inputs pass in silence"), passed == lines);
    let mut read = 0;
    let mut lines = 0;
    for (agent, recording) in OTHERS {
        let agent = AgentHook::parse(agent)?;
        for line in recording.lines() {
            lines += 1;
            read += usize::from(agent.read(line.as_bytes(), HookContext { user: "demo", wait_ms: None }).is_ok());
        }
    }
    stage
        .checklist
        .expect(format!("Codex and Gemini CLI: {read} of {lines} recorded inputs are understood"), read == lines);
    let (gated, finished) = (stage.events(&["tool.gated"]).await?, stage.events(&["tool.finished"]).await?);
    stage.checklist.expect(
        format!("{} tool calls gated and {} finished, both on record", gated.len(), finished.len()),
        gated.len() == CLAUDE_CODE.len() && finished.len() == CLAUDE_CODE.len(),
    );
    Ok(())
}

/// A kernel's and a runner's records, as the translation plugin tells them on.
pub(super) async fn translated(stage: &mut Stage) -> anyhow::Result<()> {
    for (event_type, payload) in [
        ("process.created", json!({"pid": "p1", "request_id": "r1"})),
        ("interrupt.raised", json!({"pid": "p1", "interrupt_type": "clarification", "question": "Which branch?"})),
        ("resource.exhausted", json!({"pid": "p1", "resource": "tokens", "usage": 120, "quota": 100})),
        ("process.state_changed", json!({"pid": "p1", "state": "terminated"})),
    ] {
        stage.emit(event_type, "core", &payload, None).await?;
    }
    let session = Some("runner-1");
    for (event_type, payload) in [
        (
            "session.started",
            json!({"providerId": "claude", "providerVersion": "2", "workspacePath": "/w", "roomPath": "v/a"}),
        ),
        ("terminal.chunk", json!({"data": "cargo test\n", "stream": "stdout"})),
        ("file.touched", json!({"path": "src/lib.rs", "roomPath": "v/a", "reason": "write"})),
        ("test_run.started", json!({"command": "cargo test", "testFiles": ["a.rs"]})),
        ("test_run.finished", json!({"exitCode": 0, "passed": 3, "failed": 0, "skipped": 0, "duration": 12})),
        ("session.ended", json!({"finalState": "completed", "exitCode": 0, "totalDurationMs": 900, "totalUsage": {}})),
    ] {
        stage.emit(event_type, "runner", &payload, session).await?;
    }
    let last = stage.wait_for_events("agent.disconnect", 1).await?;
    stage.checklist.expect("the runner's session ends as agent.disconnect", last.len() == 1);
    let frontend: Vec<String> =
        stage.events(&["orchestrator.*"]).await?.iter().map(|event| event.event_type.as_str().to_owned()).collect();
    stage.checklist.expect(
        format!("the kernel's process becomes {}", frontend.join(", ")),
        [
            "orchestrator.started",
            "orchestrator.clarification",
            "orchestrator.resource_exhausted",
            "orchestrator.completed",
        ]
        .iter()
        .eq(&frontend),
    );
    let stream = stage.events(&["work_stream.event"]).await?.len();
    stage.checklist.expect(format!("the runner's session becomes {stream} work_stream events"), stream == 6);
    Ok(())
}

/// One denial each by a rule, by the sandbox and by a guard plugin.
pub(super) async fn denied(stage: &mut Stage) -> anyhow::Result<()> {
    let project = stage.project();
    let secret = FAKE_KEY.concat();
    let calls = [
        (
            "Bash",
            json!({"command": "cd src && sudo git push --force origin main"}),
            "policy",
            "a destructive command, by a rule",
        ),
        (
            "Write",
            json!({"file_path": "/etc/cron.d/job", "content": "x"}),
            "sandbox",
            "a path outside the project, by the sandbox",
        ),
        (
            "Write",
            json!({"file_path": project.join("config.py"), "content": format!("aws_access_key_id = \"{secret}\"\n")}),
            "plugin",
            "a write that carries a credential, by the guard plugin",
        ),
    ];
    for (tool, input, violation, what) in calls {
        let hook = json!({"session_id": "demo", "cwd": project, "hook_event_name": "PreToolUse", "tool_name": tool,
            "tool_input": input, "tool_use_id": format!("toolu_{violation}")});
        let end = stage.hook(&hook.to_string()).await?;
        let denials = stage.events(&["tool.denied"]).await?;
        let recorded = denials.last().map(payload).transpose()?.unwrap_or_default();
        stage
            .checklist
            .expect(format!("denied: {what}"), end.exit == Some(2) && text(&recorded, "violation_type") == violation);
        stage.checklist.tell(&end.words);
    }
    let leaked =
        stage.read(tollgate_core::journal::Query::default()).await?.iter().any(|event| event.payload.contains(&secret));
    stage.checklist.expect("the credential is nowhere in the journal", !leaked);
    Ok(())
}
