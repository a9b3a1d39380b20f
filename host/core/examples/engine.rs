//! An agent engine in fifty lines: it takes messages, asks before each tool call, has a person approve one, and
//! puts all of it on record.
#![expect(clippy::print_stdout, reason = "an example prints")]

use serde_json::json;
use std::error::Error;
use std::sync::Arc;
use tollgate_core::bus::{Bus, BusOptions};
use tollgate_core::engine::{Engine, Incoming};
use tollgate_core::gate::policy::Policy;
use tollgate_core::gate::{Approvals, Call, Decision, Gatekeeper, GatekeeperOptions, NoGuards};
use tollgate_core::interactions::{Answer, Interactions};
use tollgate_core::journal::{Durability, JournalOptions, Query};
use tollgate_core::session::Sessions;
use tollgate_core::time::Clock;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    run().await
}

async fn run() -> Result<(), Box<dyn Error>> {
    let folder = std::env::current_dir()?;
    let journal = JournalOptions { path: folder.join("journal.db"), durability: Durability::Memory };
    let bus = Bus::open(BusOptions { journal, filter: None, clock: Clock::system() })?;
    let sessions = Arc::new(Sessions::open(&bus, vec![folder.clone()])?);
    let interactions = Interactions::open(&bus, Arc::clone(&sessions));
    let gate = Gatekeeper::new(GatekeeperOptions {
        bus: bus.clone(),
        sessions: Arc::clone(&sessions),
        guards: Arc::new(NoGuards),
        home: None,
        policy: Arc::new(Policy::preset("guardrails")?),
        allowed_extras: Vec::new(),
    })
    .with_approvals(Approvals { interactions: interactions.clone(), approvers: true, ttl: None });
    let engine = Engine::open(&bus, Arc::clone(&sessions))?;
    engine.start().await?;
    let mut message = match engine.message_in("ada", "chat-1", "clean up, please").await? {
        Incoming::Run(message) => Some(message),
        Incoming::Queued(_) | Incoming::Command(_) => None,
    };
    engine.message_in("ada", "chat-1", "and then rest").await?;
    while let Some(running) = message {
        // Where a real engine would ask its model what to do.
        let session = sessions.by_chat(&running.chat_id).map(|session| session.id.to_string());
        for line in ["rm -rf /", "git reset --hard", "cargo test"] {
            let input = json!({ "command": line }).as_object().cloned().unwrap_or_default();
            let (tool_name, cwd) = ("Bash".to_owned(), Some(folder.clone()));
            let call = Call { session_id: session.clone(), tool_name, tool_input: input, cwd, ..Call::default() };
            let mut verdict = gate.check(call.clone(), Vec::new()).await;
            if let Some(approval) = &verdict.approval_id {
                interactions.resolve(approval, Answer::approve(), "ada").await?;
                verdict = gate.check(call, Vec::new()).await;
            }
            let runs = matches!(verdict.decision, Decision::Allow | Decision::Abstain);
            println!("{line}: {} ({})", if runs { "runs" } else { "does not run" }, verdict.reason);
        }
        engine.message_out(&running.user_id, &running.chat_id, "done").await?;
        message = engine.finished(&running.chat_id).await?;
    }
    engine.stop().await?;
    for event in bus.journal().read(&Query { limit: 1_000, ..Query::default() })? {
        println!("{:3} {}", event.seq, event.event_type.as_str());
    }
    Ok(())
}

#[cfg(test)]
#[tokio::test]
async fn it_runs() {
    assert!(run().await.is_ok());
}
