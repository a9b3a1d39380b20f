//! What people have to do with it: a call that waits for one, and messages that wait for an agent.

use super::{payload, text};
use crate::demo::stage::{Ended, Stage};
use anyhow::Context;
use serde_json::Value;
use tollgate_core::engine::Incoming;

/// What `guardrails` asks about before it is run.
const ASKED_ABOUT: &str = "cargo publish";
/// The chat of the queue.
const CHAT: &str = "desk";
/// Who writes there.
const USER: &str = "demo";
const MESSAGES: [&str; 3] = ["Tidy up the changelog", "Then write the release notes", "And mend the typo in them"];

/// An approval is asked for, seen by a person and given; it allows that call once.
pub(super) async fn approved(stage: &mut Stage) -> anyhow::Result<()> {
    let (end, asked) = ask(stage).await?;
    let id = text(&asked, "approval_id").to_owned();
    stage.checklist.expect(
        format!("`{ASKED_ABOUT}` does not run: a person is asked first"),
        end.exit == Some(2) && text(&asked, "cause") == "pending" && !id.is_empty(),
    );
    let pending = pending(stage).await?;
    let waits = pending.iter().find(|waiting| text(waiting, "id") == id);
    stage.checklist.expect("`tollgate approvals` shows it pending", waits.is_some() && pending.len() == 1);
    if let Some(waits) = waits {
        stage.checklist.tell(text(waits, "text"));
    }
    let given = stage.tollgate(&["approvals", "approve", &id], "").await?;
    let (end, verdict) = ask(stage).await?;
    stage.checklist.expect(
        "`tollgate approvals approve ID`, and the same call is let through",
        given.exit == Some(0) && end.exit == Some(0) && text(&verdict, "decision") == "allow",
    );
    let (end, again) = ask(stage).await?;
    let anew = text(&again, "approval_id");
    stage.checklist.expect(
        "but only once: the next time it is asked about anew",
        end.exit == Some(2) && text(&again, "cause") == "pending" && !anew.is_empty() && anew != id,
    );
    Ok(())
}

/// Messages that come while the agent works wait, in order, each until the one before it is done.
pub(super) async fn queued(stage: &mut Stage) -> anyhow::Result<()> {
    let mut taken = Vec::new();
    for message in MESSAGES {
        taken.push(stage.engine().message_in(USER, CHAT, message).await?);
    }
    let waits = matches!(taken.as_slice(), [Incoming::Run(_), Incoming::Queued(0), Incoming::Queued(1)]);
    stage.checklist.expect("the first is run, and the other two wait for it", waits);
    let mut next = Vec::new();
    while let Some(message) = stage.engine().finished(CHAT).await? {
        next.push(message.text);
    }
    stage.checklist.expect("each is taken up when the one before is done", MESSAGES.iter().skip(1).eq(&next));
    let mut story = Vec::new();
    for event in stage.events(&["message.in", "message.queued"]).await? {
        let payload = payload(&event)?;
        if text(&payload, "chat_id") == CHAT {
            story.push((event.event_type.as_str().to_owned(), text(&payload, "text").to_owned()));
        }
    }
    for (event_type, words) in &story {
        stage.checklist.tell(&format!("{event_type:<15} {words}"));
    }
    let [first, second, third] = MESSAGES;
    let told = [
        ("message.in", first),
        ("message.queued", second),
        ("message.queued", third),
        ("message.in", second),
        ("message.in", third),
    ];
    let kept = story.iter().map(|(event_type, words)| (event_type.as_str(), words.as_str())).eq(told);
    stage.checklist.expect("and the journal tells it in that order", kept);
    Ok(())
}

/// Asks the gate about the call, as an agent without a user of its own.
async fn ask(stage: &Stage) -> anyhow::Result<(Ended, Value)> {
    let project = stage.project().display().to_string();
    let words = ["gate", "Bash", "--command", ASKED_ABOUT, "--session", "release", "--cwd", &project, "--json"];
    let end = stage.tollgate(&words, "").await?;
    let verdict = serde_json::from_str(&end.out).with_context(|| format!("the verdict: {}", end.words))?;
    Ok((end, verdict))
}

/// What `tollgate approvals` shows.
async fn pending(stage: &Stage) -> anyhow::Result<Vec<Value>> {
    let end = stage.tollgate(&["approvals", "--json"], "").await?;
    let shown: Value = serde_json::from_str(&end.out).with_context(|| format!("the approvals: {}", end.words))?;
    Ok(shown.get("interactions").and_then(Value::as_array).cloned().unwrap_or_default())
}
