//! The scenes of the demonstration, in order: what is done, what is expected.

use super::stage::Stage;
use anyhow::Context;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use tollgate_bundled::{BundledPlugin, guests};
use tollgate_core::event::Event;
use tollgate_core::hooks::{AgentHook, HookContext};
use tollgate_runtime::PluginState;

/// One title a scene, as told.
pub const TITLES: [&str; 7] = [
    "Real agents' recorded sessions, through the hook that they run",
    "A kernel's events and a runner's session, translated by a plugin",
    "Three calls that must not run",
    "A plugin that loops for ever",
    "A broken file in the plugin folder",
    "A plugin replaced while events flow",
    "What is on disk",
];

/// Where the recordings were made; the demonstration plays them in its own project.
const RECORDED_PROJECT: &str = "/home/dev/project";
const CLAUDE_CODE: [&str; 2] = [
    include_str!("../../../../tests/fixtures/hooks/claude-code-2.1.329-ok.jsonl"),
    include_str!("../../../../tests/fixtures/hooks/claude-code-2.1.329-fail.jsonl"),
];
const OTHERS: [(&str, &str); 2] = [
    ("codex", include_str!("../../../../tests/fixtures/hooks/codex-0.169.0.jsonl")),
    ("gemini", include_str!("../../../../tests/fixtures/hooks/gemini-cli-0.61.0.jsonl")),
];
/// Events that flow while a plugin is replaced: some before, some while, some after.
const TICKS: usize = 3_000;
const COUNTER_GRANT: &str = "[grant]\nemit = [\"test_guest.counted\"]\n";
/// A credential of the right shape, assembled so that no scanner takes this file for a leak.
const FAKE_KEY: [&str; 2] = ["AKIA", "Z7Q4X2M5N8P3R6T9"];

/// Plays every scene.
pub async fn play(stage: &mut Stage) -> anyhow::Result<()> {
    for (number, title) in TITLES.into_iter().enumerate() {
        stage.checklist.scene(title);
        match number {
            0 => recorded_agents(stage).await,
            1 => translated(stage).await,
            2 => denied(stage).await,
            3 => endless(stage).await,
            4 => broken(stage).await,
            5 => replaced(stage).await,
            _ => on_disk(stage).await,
        }
        .with_context(|| title.to_owned())?;
        stage.checklist.scene_over();
    }
    Ok(())
}

async fn recorded_agents(stage: &mut Stage) -> anyhow::Result<()> {
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

async fn translated(stage: &mut Stage) -> anyhow::Result<()> {
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

async fn denied(stage: &mut Stage) -> anyhow::Result<()> {
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

async fn endless(stage: &mut Stage) -> anyhow::Result<()> {
    let grant = "[grant]\n[limits]\ntimeout_ms = 100\n";
    stage.install(&BundledPlugin { name: "spin-handle", component: guests::SPIN_HANDLE, grant })?;
    stage.wait_for("the plugin to serve", |stage| serves(stage, "spin-handle")).await?;
    stage.emit("demo.loop", "core", &json!({}), None).await?;
    let fault = stage.wait_for_events("plugin.faulted", 1).await?;
    let fault = fault.first().map(payload).transpose()?.unwrap_or_default();
    let cause = text(&fault, "cause");
    stage.checklist.expect(format!("stopped: {cause}"), cause == "timeout" || cause == "out_of_fuel");
    let before = stage.plugin("audit").map_or(0, |plugin| plugin.calls);
    stage.emit("message.in", "core", &json!({"user_id": "u", "chat_id": "demo", "text": "still there?"}), None).await?;
    stage
        .wait_for("the audit plugin", |stage| stage.plugin("audit").is_some_and(|plugin| plugin.calls > before))
        .await?;
    stage.checklist.expect("the other plugins go on while it is tried again", true);
    Ok(())
}

async fn broken(stage: &mut Stage) -> anyhow::Result<()> {
    stage.install(&BundledPlugin { name: "broken", component: b"\0asm then noise", grant: "[grant]\n" })?;
    let refused = stage.wait_for_events("plugin.rejected", 1).await?;
    let refused = refused.first().map(payload).transpose()?.unwrap_or_default();
    stage.checklist.expect(
        format!("refused at {}: {}", text(&refused, "stage"), text(&refused, "cause")),
        text(&refused, "plugin") == "broken" && text(&refused, "stage") == "format",
    );
    Ok(())
}

async fn replaced(stage: &mut Stage) -> anyhow::Result<()> {
    stage.install(&BundledPlugin { name: "counter", component: guests::COUNTER, grant: COUNTER_GRANT })?;
    stage.wait_for("the plugin to serve", |stage| serves(stage, "counter")).await?;
    let mut ticks = Vec::with_capacity(TICKS);
    let mut number = 0;
    let mut swapped_at = None;
    // Goes on until the new version has served for a while, however long it takes to compile.
    while swapped_at.is_none_or(|at| number < at + TICKS / 3) {
        ticks.push(stage.emit("demo.tick", "core", &json!({"number": number}), None).await?.seq);
        number += 1;
        if number == TICKS / 3 {
            stage.install(&BundledPlugin { name: "counter", component: guests::COUNTER_V2, grant: COUNTER_GRANT })?;
        }
        if swapped_at.is_none() && stage.plugin("counter").is_some_and(|plugin| plugin.version == "0.2.0") {
            swapped_at = Some(number);
        }
    }
    let counted = stage.wait_for_events("test_guest.counted", ticks.len()).await?;
    let mut versions: BTreeMap<String, usize> = BTreeMap::new();
    let mut seqs = Vec::new();
    for event in &counted {
        let payload = payload(event)?;
        *versions.entry(text(&payload, "version").to_owned()).or_default() += 1;
        seqs.extend(payload.get("seq").and_then(Value::as_u64));
    }
    let told =
        versions.iter().map(|(version, count)| format!("{version} handled {count}")).collect::<Vec<_>>().join(", ");
    stage.checklist.expect(format!("{} events, each handled exactly once, in order", ticks.len()), seqs == ticks);
    stage.checklist.expect(told, versions.len() == 2);
    Ok(())
}

async fn on_disk(stage: &mut Stage) -> anyhow::Result<()> {
    stage
        .wait_for("the audit plugin to catch up", |stage| stage.plugin("audit").is_some_and(|plugin| plugin.lag == 0))
        .await?;
    let trail = stage.home().data("audit");
    let lines: usize = fs::read_dir(&trail)?
        .map(|file| Ok(fs::read_to_string(file?.path())?.lines().count()))
        .sum::<anyhow::Result<usize>>()?;
    let summary = tollgate_plugin_audit::trail::verify_folder(&trail);
    stage.checklist.expect(format!("{lines} lines of audit trail, their chain whole"), lines > 0 && summary.is_ok());
    let verified = tollgate_core::journal::verify(&stage.home().journal())?;
    stage
        .checklist
        .expect(format!("{} events in the journal, their chain whole", verified.checked), verified.bad.is_none());
    Ok(())
}

fn payload(event: &Arc<Event>) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(&event.payload)?)
}

/// The text at `key`; empty where there is none.
fn text<'a>(payload: &'a Value, key: &str) -> &'a str {
    payload.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn serves(stage: &Stage, plugin: &str) -> bool {
    stage.plugin(plugin).is_some_and(|plugin| plugin.state == PluginState::Serving)
}
