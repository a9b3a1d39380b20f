//! The engine on a real bus: order, restarts, commands, bounds, callers that give up.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed unwrap is the test's failure"
)]

use super::*;
use crate::interactions::tests::host::Host;
use crate::journal::{Durability, Query};
use serde_json::{Value, json};
use std::time::Duration;
use tollgate_events::PatternSet;

fn engine(host: &Host) -> Engine {
    Engine::open(&host.bus, Arc::clone(&host.sessions)).unwrap()
}

fn recorded(host: &Host) -> Vec<(String, Value)> {
    let patterns = Some(PatternSet::parse(["*"]).unwrap());
    let events = host.bus.journal().read(&Query { patterns, limit: 10_000, ..Query::default() }).unwrap();
    let shown = |event: &Arc<crate::event::Event>| {
        assert_eq!(&*event.source, "core");
        (event.event_type.as_str().to_owned(), serde_json::from_str(&event.payload).unwrap())
    };
    events.iter().map(shown).collect()
}

/// Types and texts of what was recorded of messages.
fn messages(host: &Host) -> Vec<String> {
    let messages = recorded(host).into_iter().filter(|(event_type, _)| event_type.starts_with("message."));
    messages.map(|(event_type, payload)| format!("{event_type} {}", payload["text"].as_str().unwrap())).collect()
}

fn runs(incoming: Result<Incoming, EngineError>) -> String {
    match incoming.unwrap() {
        Incoming::Run(message) => message.text,
        other => panic!("{other:?}"),
    }
}

fn waits(incoming: Result<Incoming, EngineError>) -> usize {
    match incoming.unwrap() {
        Incoming::Queued(before) => before,
        other => panic!("{other:?}"),
    }
}

async fn next(engine: &Engine, chat_id: &str) -> Option<String> {
    engine.finished(chat_id).await.unwrap().map(|message| message.text)
}

#[tokio::test]
async fn messages_of_a_chat_are_run_one_after_the_other() {
    for durability in [Durability::Normal, Durability::Memory] {
        let host = Host::new(durability);
        let engine = engine(&host);
        assert_eq!(runs(engine.message_in("ada", "c1", "one").await), "one");
        assert_eq!(waits(engine.message_in("ada", "c1", "two").await), 0);
        assert_eq!(waits(engine.message_in("bob", "c1", "three").await), 1);
        assert_eq!(
            runs(engine.message_in("ada", "c2", "elsewhere").await),
            "elsewhere",
            "another chat waits for no one"
        );
        let second = engine.finished("c1").await.unwrap().unwrap();
        assert_eq!((second.user_id.as_str(), second.chat_id.as_str(), second.text.as_str()), ("ada", "c1", "two"));
        assert_eq!(waits(engine.message_in("ada", "c1", "four").await), 1);
        assert_eq!(next(&engine, "c1").await.as_deref(), Some("three"));
        assert_eq!(next(&engine, "c1").await.as_deref(), Some("four"));
        assert_eq!((next(&engine, "c1").await, next(&engine, "c1").await), (None, None));
        assert_eq!(runs(engine.message_in("ada", "c1", "five").await), "five");
        assert!(engine.waiting().await.unwrap().is_empty());
        assert_eq!(
            messages(&host),
            [
                "message.in one",
                "message.queued two",
                "message.queued three",
                "message.in elsewhere",
                "message.in two",
                "message.queued four",
                "message.in three",
                "message.in four",
                "message.in five"
            ]
        );
        let first = host.bus.journal().event(1).unwrap().unwrap();
        let session = host.sessions.by_chat("c1").unwrap();
        assert_eq!((first.session.as_ref(), &*session.user_id), (Some(&session.id), "ada"));
        let payload: Value = serde_json::from_str(&first.payload).unwrap();
        assert_eq!(payload, json!({"user_id": "ada", "chat_id": "c1", "text": "one"}));
    }
}

#[tokio::test]
async fn messages_at_once_all_run_once() {
    let host = Host::new(Durability::Normal);
    let engine = engine(&host);
    let sent: Vec<_> = (0..50)
        .map(|number| {
            let engine = engine.clone();
            tokio::spawn(async move { engine.message_in("ada", "c1", &number.to_string()).await.unwrap() })
        })
        .collect();
    let mut first = Vec::new();
    for sent in sent {
        if let Incoming::Run(message) = sent.await.unwrap() {
            first.push(message.text);
        }
    }
    assert_eq!(first.len(), 1, "one execution at a time");
    let mut all = first;
    while let Some(text) = next(&engine, "c1").await {
        all.push(text);
    }
    let mut numbers: Vec<usize> = all.iter().map(|text| text.parse().unwrap()).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..50));
}

#[tokio::test]
async fn what_waits_outlives_a_restart_and_goes_first() {
    let host = Host::new(Durability::Full);
    host.sessions.bind_chat("s1", "c1", Some("ada"));
    let before = engine(&host);
    runs(before.message_in("ada", "c1", "one").await);
    for text in ["two", "three https://me:hunter22@example.org", "four"] {
        waits(before.message_in("ada", "c1", text).await);
    }
    runs(before.message_in("ada", "c2", "lone").await);
    drop(before);
    let host = host.restart_after(Duration::from_secs(1)).await;
    let engine = engine(&host);
    assert_eq!(engine.waiting().await.unwrap(), ["c1".into()]);
    assert_eq!(runs(engine.message_in("ada", "c1", "five").await), "two", "in their order");
    assert!(engine.waiting().await.unwrap().is_empty(), "it runs now");
    let redacted = next(&engine, "c1").await.unwrap();
    assert_eq!(redacted, "three https://me:[redacted]@example.org", "as it is on disk");
    drop(engine);
    let host = host.restart_after(Duration::from_secs(1)).await;
    let engine = self::engine(&host);
    assert_eq!(next(&engine, "c1").await.as_deref(), Some("four"), "what was handed out is not handed out again");
    assert_eq!(next(&engine, "c1").await.as_deref(), Some("five"));
    assert_eq!(next(&engine, "c1").await, None);
    assert_eq!(host.sessions.by_chat("c1").unwrap().id, "s1".into());
    let recorded = messages(&host);
    assert_eq!(recorded.iter().filter(|text| text.starts_with("message.in")).count(), 6, "{recorded:?}");
    assert_eq!(crate::journal::verify(&host.journal_path()).unwrap().bad, None);
}

#[tokio::test]
async fn a_text_in_memory_is_handed_out_as_it_came() {
    let host = Host::new(Durability::Normal);
    let engine = engine(&host);
    runs(engine.message_in("ada", "c1", "one").await);
    let secret = "use https://me:hunter22@example.org";
    waits(engine.message_in("ada", "c1", secret).await);
    assert_eq!(next(&engine, "c1").await.as_deref(), Some(secret));
    assert!(!format!("{:?}", recorded(&host)).contains("hunter22"));
}

#[tokio::test]
async fn commands_are_told_to_plugins() {
    let host = Host::new(Durability::Memory);
    let engine = engine(&host);
    runs(engine.message_in("ada", "c1", "one").await);
    let command = async |text: &str| match engine.message_in("ada", "c1", text).await.unwrap() {
        Incoming::Command(event_type) => (event_type, recorded(&host).pop().unwrap()),
        other => panic!("{text}: {other:?}"),
    };
    for (text, args) in [("/test", ""), ("/test  unit --fast ", "unit --fast"), (" /test\nall", "all")] {
        let told = ("command.test".to_owned(), json!({"chat_id": "c1", "args": args, "user_id": "ada"}));
        assert_eq!(command(text).await, ("command.test", told), "{text}");
    }
    for branch in ["main", "feature/a_b-1.2", "a".repeat(MAX_BRANCH_BYTES).as_str()] {
        let told = ("command.merge".to_owned(), json!({"chat_id": "c1", "branch": branch, "user_id": "ada"}));
        assert_eq!(command(&format!("/git merge {branch}")).await, ("command.merge", told));
    }
    let session = host.bus.journal().event(2).unwrap().unwrap().session.clone();
    assert_eq!(session, Some(host.sessions.by_chat("c1").unwrap().id.clone()));
    let head = host.bus.journal().head();
    for text in [
        "/git merge",
        "/git merge a b",
        "/git merge a;b",
        "/git merge $(x)",
        "/git merge é",
        "/git merge --exec=x",
        "/git merge -x",
        &format!("/git merge {}", "a".repeat(MAX_BRANCH_BYTES + 1)),
    ] {
        let refused = engine.message_in("ada", "c1", text).await;
        assert!(matches!(refused, Err(EngineError::Command("/git merge", _))), "{text}: {refused:?}");
    }
    assert_eq!(host.bus.journal().head(), head);
    for text in ["/tests", "/test2 x", "/git status", "/gitmerge x", "say /test", "/git mergex"] {
        waits(engine.message_in("ada", "c1", text).await);
    }
}

#[tokio::test]
async fn the_rest_is_recorded_as_the_catalogue_has_it() {
    let host = Host::new(Durability::Memory);
    let engine = engine(&host);
    engine.start().await.unwrap();
    engine.message_out("ada", "c1", "done").await.unwrap();
    engine.interrupt("ada", "c1").await.unwrap();
    engine.stop().await.unwrap();
    assert_eq!(
        recorded(&host),
        [
            ("engine.started".to_owned(), json!({})),
            ("message.out".to_owned(), json!({"user_id": "ada", "chat_id": "c1", "text": "done"})),
            ("execution.interrupted".to_owned(), json!({"user_id": "ada", "chat_id": "c1"})),
            ("engine.stopped".to_owned(), json!({})),
        ]
    );
}

#[tokio::test]
async fn queues_and_messages_are_bounded() {
    let host = Host::new(Durability::Memory);
    let engine = engine(&host);
    for text in [String::new(), " \n".to_owned(), "x".repeat(MAX_MESSAGE_BYTES + 1)] {
        assert!(matches!(engine.message_in("ada", "c1", &text).await, Err(EngineError::Size(_))));
        assert!(matches!(engine.message_out("ada", "c1", &text).await, Err(EngineError::Size(_))));
    }
    for (user_id, chat_id) in [("", "c1"), ("ada", ""), ("a\n", "c1"), ("ada", &*"c".repeat(300))] {
        assert!(matches!(engine.message_in(user_id, chat_id, "x").await, Err(EngineError::Emit(_))));
        assert!(matches!(engine.interrupt(user_id, chat_id).await, Err(EngineError::Emit(_))));
    }
    let mut all = 0;
    for chat in 0.. {
        let chat = format!("c{chat}");
        runs(engine.message_in("ada", &chat, &"x".repeat(MAX_MESSAGE_BYTES)).await);
        let mut own = 0;
        let full = loop {
            match engine.message_in("ada", &chat, "more").await {
                Ok(_) => own += 1,
                Err(EngineError::Full(count, _)) => break count,
                Err(error) => panic!("{error}"),
            }
        };
        all += own;
        if full == MAX_QUEUED {
            break;
        }
        assert_eq!((own, full), (MAX_QUEUED_PER_CHAT, MAX_QUEUED_PER_CHAT));
    }
    assert_eq!(all, MAX_QUEUED);
    assert!(next(&engine, "c0").await.is_some());
    assert_eq!(waits(engine.message_in("ada", "c0", "room again").await), MAX_QUEUED_PER_CHAT - 1);
}

#[tokio::test]
async fn so_many_chats_have_something_under_way() {
    let host = Host::new(Durability::Memory);
    let engine = engine(&host);
    for chat in 0..MAX_CHATS {
        runs(engine.message_in("ada", &chat.to_string(), "x").await);
    }
    let refused = engine.message_in("ada", "one more", "x").await;
    assert!(matches!(refused, Err(EngineError::Full(MAX_CHATS, _))), "{refused:?}");
    assert_eq!(next(&engine, "7").await, None);
    runs(engine.message_in("ada", "one more", "x").await);
}

#[tokio::test]
async fn a_message_that_nobody_took_waits_first() {
    for durability in [Durability::Full, Durability::Memory] {
        let host = Host::new(durability);
        let engine = engine(&host);
        // The caller is gone before the task answers.
        let given_up = {
            let (reply, answer) = oneshot::channel();
            drop(answer);
            Request::MessageIn { message: message("ada", "c1", "one").unwrap(), reply }
        };
        engine.requests.send(given_up).await.unwrap();
        assert_eq!(engine.waiting().await.unwrap(), ["c1".into()]);
        assert_eq!(runs(engine.message_in("ada", "c1", "two").await), "one");
        let (reply, answer) = oneshot::channel();
        drop(answer);
        waits(engine.message_in("ada", "c1", "three").await);
        engine.requests.send(Request::Finished { chat_id: "c1".into(), reply }).await.unwrap();
        assert_eq!(engine.waiting().await.unwrap(), ["c1".into()]);
        drop(engine);
        let host =
            if durability == Durability::Full { host.restart_after(Duration::from_secs(1)).await } else { continue };
        let engine = self::engine(&host);
        assert_eq!(next(&engine, "c1").await.as_deref(), Some("two"));
        assert_eq!(next(&engine, "c1").await.as_deref(), Some("three"));
        assert_eq!(next(&engine, "c1").await, None);
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_changes_nothing() {
    let host = Host::new(Durability::Normal);
    let engine = engine(&host);
    runs(engine.message_in("ada", "c1", "one").await);
    waits(engine.message_in("ada", "c1", "two").await);
    host.bus.limit_pages(1).await.unwrap();
    let long = "x".repeat(60_000);
    assert!(engine.message_in("ada", "c1", &long).await.is_err());
    assert!(engine.message_in("ada", "c2", &long).await.is_err());
    host.bus.limit_pages(u32::MAX).await.unwrap();
    assert_eq!(next(&engine, "c1").await.as_deref(), Some("two"));
    assert_eq!(next(&engine, "c1").await, None);
    assert_eq!(runs(engine.message_in("ada", "c2", "three").await), "three");
    host.bus.close().await;
    assert!(engine.message_in("ada", "c2", "four").await.is_err());
    assert!(engine.start().await.is_err());
}

#[tokio::test]
async fn a_chat_gets_a_session_of_its_own() {
    let host = Host::new(Durability::Memory);
    let engine = engine(&host);
    host.sessions.bind_chat("c1", "elsewhere", Some("bob"));
    runs(engine.message_in("ada", "c1", "one").await);
    let session = host.sessions.by_chat("c1").unwrap();
    assert_ne!(session.id, "c1".into(), "that one is another chat's");
    assert_eq!(host.sessions.by_chat("elsewhere").unwrap().id, "c1".into());
}

#[tokio::test]
async fn a_filter_that_keeps_messages_out_does_not_stop_the_engine() {
    let host = Host::filtered(&["task.*"]);
    let engine = engine(&host);
    engine.start().await.unwrap();
    runs(engine.message_in("ada", "c1", "one").await);
    waits(engine.message_in("ada", "c1", "two").await);
    engine.message_out("ada", "c1", "x").await.unwrap();
    assert_eq!(next(&engine, "c1").await.as_deref(), Some("two"));
    assert!(recorded(&host).is_empty());
}
