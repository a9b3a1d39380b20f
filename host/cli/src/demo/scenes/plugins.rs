//! What may go wrong with plugins, and what stays whole meanwhile: the other plugins, the trail, the journal.

use super::{payload, text};
use crate::demo::stage::Stage;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use tollgate_bundled::{BundledPlugin, guests};
use tollgate_runtime::PluginState;

/// Events that flow while a plugin is replaced: some before, some while, some after.
const TICKS: usize = 3_000;
const COUNTER_GRANT: &str = "[grant]\nemit = [\"test_guest.counted\"]\n";

/// A plugin that never returns is stopped, and holds nobody up.
pub(super) async fn endless(stage: &mut Stage) -> anyhow::Result<()> {
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

/// A file that is no component is refused, and says where.
pub(super) async fn broken(stage: &mut Stage) -> anyhow::Result<()> {
    stage.install(&BundledPlugin { name: "broken", component: b"\0asm then noise", grant: "[grant]\n" })?;
    let refused = stage.wait_for_events("plugin.rejected", 1).await?;
    let refused = refused.first().map(payload).transpose()?.unwrap_or_default();
    stage.checklist.expect(
        format!("refused at {}: {}", text(&refused, "stage"), text(&refused, "cause")),
        text(&refused, "plugin") == "broken" && text(&refused, "stage") == "format",
    );
    Ok(())
}

/// A new version takes over between two events: none is lost, none is handled twice.
pub(super) async fn replaced(stage: &mut Stage) -> anyhow::Result<()> {
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

/// The audit trail and the journal, each with its chain.
pub(super) async fn on_disk(stage: &mut Stage) -> anyhow::Result<()> {
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

fn serves(stage: &Stage, plugin: &str) -> bool {
    stage.plugin(plugin).is_some_and(|plugin| plugin.state == PluginState::Serving)
}
