//! The scenes of the demonstration, in order: what is done, what is expected.

mod agents;
mod people;
mod plugins;
mod work;

use super::stage::Stage;
use anyhow::Context;
use serde_json::Value;
use std::sync::Arc;
use tollgate_core::event::Event;

/// One title a scene, as told.
pub const TITLES: [&str; 11] = [
    "Real agents' recorded sessions, through the hook that they run",
    "A kernel's events and a runner's session, translated by a plugin",
    "Three calls that must not run",
    "A call that a person has to allow",
    "A chat whose messages come faster than its agent works",
    "`/test` in a chat: a cargo workspace with a bug in it",
    "`/git merge` in a chat: a repository with conflicts",
    "A plugin that loops for ever",
    "A broken file in the plugin folder",
    "A plugin replaced while events flow",
    "What is on disk",
];

/// Plays every scene.
pub async fn play(stage: &mut Stage) -> anyhow::Result<()> {
    for (number, title) in TITLES.into_iter().enumerate() {
        stage.checklist.scene(title);
        match number {
            0 => agents::recorded_agents(stage).await,
            1 => agents::translated(stage).await,
            2 => agents::denied(stage).await,
            3 => people::approved(stage).await,
            4 => people::queued(stage).await,
            5 => work::tested(stage).await,
            6 => work::merged(stage).await,
            7 => plugins::endless(stage).await,
            8 => plugins::broken(stage).await,
            9 => plugins::replaced(stage).await,
            _ => plugins::on_disk(stage).await,
        }
        .with_context(|| title.to_owned())?;
        stage.checklist.scene_over();
    }
    Ok(())
}

fn payload(event: &Arc<Event>) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(&event.payload)?)
}

/// The text at `key`; empty where there is none.
fn text<'a>(payload: &'a Value, key: &str) -> &'a str {
    payload.get(key).and_then(Value::as_str).unwrap_or_default()
}
