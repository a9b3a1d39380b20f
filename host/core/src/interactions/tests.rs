//! Interactions on a real bus: every state, expiry by a clock that the test moves, restarts, bounds.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed unwrap is the test's failure"
)]

mod bounds;
pub(crate) mod host;
mod refused;

use super::*;
use crate::journal::{Durability, Query};
use crate::time::Timestamp;
use host::{Host, START};
use serde_json::{Value, json};
use std::slice;
use std::time::Duration;
use tollgate_events::PatternSet;

const MINUTE: Duration = Duration::from_secs(60);

fn question(session: &str) -> Ask {
    Ask { session: Some(session.into()), ..Ask::new(Kind::Question, "which way?", "plugin:guide") }
}

/// What was recorded of interactions and grants: type and payload.
fn recorded(host: &Host) -> Vec<(String, Value)> {
    let patterns = Some(PatternSet::parse(["interaction.*", "session.*"]).unwrap());
    let events = host.bus.journal().read(&Query { patterns, limit: 10_000, ..Query::default() }).unwrap();
    let shown = |event: &std::sync::Arc<crate::event::Event>| {
        (event.event_type.as_str().to_owned(), serde_json::from_str(&event.payload).unwrap())
    };
    events.iter().map(shown).collect()
}

/// Waits until an interaction has left `pending`, by its own event.
async fn settled(host: &Host, id: &str) -> Interaction {
    let never = Timestamp(i64::MAX);
    tokio::time::timeout(Duration::from_secs(20), host.interactions.wait(id, never)).await.unwrap().unwrap()
}

#[test]
fn every_kind_waits_as_long_as_the_table_says() {
    let minutes: Vec<_> = Kind::ALL.map(|kind| (kind.as_str(), kind.ttl().map(|ttl| ttl.as_secs() / 60))).into();
    assert_eq!(
        minutes,
        [
            ("clarification", Some(1_440)),
            ("question", Some(1_440)),
            ("plan_review", Some(1_440)),
            ("confirmation", Some(60)),
            ("system_error", Some(60)),
            ("agent_review", Some(30)),
            ("approval", Some(15)),
            ("resource_exhausted", Some(5)),
            ("timeout", Some(5)),
            ("checkpoint", None),
        ]
    );
    for kind in Kind::ALL {
        assert_eq!(Kind::parse(kind.as_str()), Some(kind));
    }
    for state in State::ALL {
        assert_eq!(State::parse(state.as_str()), Some(state));
    }
    assert_eq!((Kind::parse("Question"), State::parse("")), (None, None));
}

#[tokio::test]
async fn a_question_is_told_of_and_found_again() {
    for durability in [Durability::Normal, Durability::Memory] {
        let host = Host::new(durability);
        host.sessions.bind_chat("s1", "chat-7", Some("ada"));
        let ask = Ask {
            options: vec!["left".to_owned(), "right".to_owned()],
            details: Some(json!({"map": 1})),
            ..question("s1")
        };
        let asked = host.interactions.ask(ask).await.unwrap();
        assert_eq!((asked.state, &*asked.chat_id, asked.kind), (State::Pending, "chat-7", Kind::Question));
        assert_eq!(asked.expires_at, Some(Timestamp(START.0 + 24 * 3_600_000)));
        let events = recorded(&host);
        let expected = json!({
            "chat_id": "chat-7", "kind": "question", "interaction_id": &*asked.id, "text": "which way?",
            "options": ["left", "right"], "expires_at": "2026-01-28T10:00:00.000Z", "details": {"map": 1},
        });
        assert_eq!(events, [("interaction.requested".to_owned(), expected)]);
        let event = host.bus.journal().event(1).unwrap().unwrap();
        assert_eq!((&*event.source, event.session.as_deref()), ("plugin:guide", Some("s1")));
        assert_eq!(host.interactions.get(&asked.id).await.unwrap(), Some(asked.clone()));
        let other = Ask { chat_id: Some("c2".into()), ..Ask::new(Kind::Timeout, "still there?", "core") };
        let other = host.interactions.ask(other).await.unwrap();
        host.interactions.cancel(&other.id, "bob").await.unwrap();
        let all = Filter { limit: 10, ..Filter::default() };
        let list = async |filter: Filter| {
            let found = host.interactions.list(&filter).await.unwrap();
            found.into_iter().map(|found| found.id).collect::<Vec<_>>()
        };
        assert_eq!(list(all.clone()).await, [other.id.clone(), asked.id.clone()], "the newest first");
        assert_eq!(list(Filter { limit: 1, ..all.clone() }).await, slice::from_ref(&other.id));
        for (filter, found) in [
            (Filter { state: Some(State::Pending), ..all.clone() }, &asked.id),
            (Filter { state: Some(State::Cancelled), ..all.clone() }, &other.id),
            (Filter { kind: Some(Kind::Timeout), ..all.clone() }, &other.id),
            (Filter { chat_id: Some("chat-7".into()), ..all.clone() }, &asked.id),
            (Filter { session: Some("s1".into()), ..all.clone() }, &asked.id),
        ] {
            assert_eq!(list(filter).await, slice::from_ref(found));
        }
        assert!(list(Filter { state: Some(State::Expired), ..all }).await.is_empty());
    }
}

#[tokio::test]
async fn the_first_end_stays_whatever_comes_after() {
    for durability in [Durability::Normal, Durability::Memory] {
        let host = Host::new(durability);
        let asked = host.interactions.ask(question("s1")).await.unwrap();
        let answer = |text: &str| Answer { decision: None, answer: Some(json!(text)) };
        let first = host.interactions.resolve(&asked.id, answer("left"), "ada").await.unwrap();
        let (found, by) = (&first.interaction, first.interaction.resolved_by.as_deref());
        assert_eq!(
            (first.first, found.state, found.answer.as_deref(), by),
            (true, State::Resolved, Some("\"left\""), Some("ada"))
        );
        let second = host.interactions.resolve(&asked.id, answer("right"), "bob").await.unwrap();
        assert_eq!((second.first, &second.interaction), (false, found));
        let cancelled = host.interactions.cancel(&asked.id, "bob").await.unwrap();
        assert_eq!((cancelled.first, &cancelled.interaction), (false, found));
        host.move_on(MINUTE * 60 * 48);
        assert_eq!(host.interactions.get(&asked.id).await.unwrap().as_ref(), Some(found));
        let events = recorded(&host);
        assert_eq!(events.len(), 2);
        let told = json!({"chat_id": "s1", "kind": "question", "interaction_id": &*asked.id, "answer": "left", "resolved_by": "ada"});
        assert_eq!(events[1], ("interaction.resolved".to_owned(), told));
        for id in ["", "no such", "019a0000-0000-7000-8000-000000000000"] {
            let unknown = host.interactions.resolve(id, Answer::approve(), "ada").await;
            assert!(matches!(unknown, Err(ResolveError::NotFound(_))), "{unknown:?}");
            assert!(matches!(host.interactions.cancel(id, "ada").await, Err(ResolveError::NotFound(_))));
            assert!(matches!(host.interactions.wait(id, START).await, Err(WaitError::NotFound(_))));
        }
    }
}

#[tokio::test]
async fn of_many_answers_at_once_one_counts() {
    let host = Host::new(Durability::Normal);
    let asked = host.interactions.ask(question("s1")).await.unwrap();
    let answers = (0..20).map(|number| {
        let (interactions, id) = (host.interactions.clone(), asked.id.clone());
        tokio::spawn(async move {
            let answer = Answer { decision: None, answer: Some(json!(number)) };
            interactions.resolve(&id, answer, "ada").await.unwrap()
        })
    });
    let mut ends: Vec<Resolution> = Vec::new();
    for answer in answers.collect::<Vec<_>>() {
        ends.push(answer.await.unwrap());
    }
    assert_eq!(ends.iter().filter(|end| end.first).count(), 1);
    assert!(ends.iter().all(|end| end.interaction == ends[0].interaction), "all hear of the same answer");
    assert_eq!(recorded(&host).len(), 2);
}

#[tokio::test]
async fn what_runs_out_is_ended_when_its_time_comes() {
    for durability in [Durability::Normal, Durability::Memory] {
        let host = Host::new(durability);
        let long = host.interactions.ask(question("s1")).await.unwrap();
        // Asked after the task went to sleep until tomorrow.
        let short = Ask { ttl: Some(MINUTE), ..question("s1") };
        let short = host.interactions.ask(short).await.unwrap();
        let checkpoint = Ask { kind: Kind::Checkpoint, ..question("s1") };
        let checkpoint = host.interactions.ask(checkpoint).await.unwrap();
        assert_eq!(checkpoint.expires_at, None);
        host.move_on(MINUTE - Duration::from_millis(1));
        let early = host.interactions.resolve(&long.id, Answer::approve(), "ada").await.unwrap();
        assert!(early.first, "and the task has had a chance to come by");
        assert_eq!(host.interactions.get(&short.id).await.unwrap().unwrap().state, State::Pending);
        host.move_on(Duration::from_millis(1));
        let ended = settled(&host, &short.id).await;
        assert_eq!(
            (ended.state, ended.decision.as_deref(), ended.resolved_by),
            (State::Expired, Some("expired"), None)
        );
        let told = json!({"chat_id": "s1", "kind": "question", "interaction_id": &*short.id, "decision": "expired"});
        assert_eq!(recorded(&host).last().unwrap(), &("interaction.resolved".to_owned(), told));
        let late = host.interactions.resolve(&short.id, Answer::approve(), "ada").await.unwrap();
        assert_eq!((late.first, late.interaction.state), (false, State::Expired));
        host.move_on(MINUTE * 60 * 24 * 365 * 10);
        assert_eq!(host.interactions.get(&checkpoint.id).await.unwrap().unwrap().state, State::Pending);
    }
}

#[tokio::test]
async fn many_run_out_at_once() {
    for durability in [Durability::Normal, Durability::Memory] {
        let host = Host::new(durability);
        for number in 0..600 {
            let ask = Ask { ttl: Some(MINUTE), ..question(&format!("s{}", number / 60)) };
            host.interactions.ask(ask).await.unwrap();
        }
        host.move_on(MINUTE);
        host.until(|| host.bus.journal().head() == 1_200).await;
        let told = recorded(&host);
        let mut expired: Vec<_> = told.iter().filter(|(_, payload)| payload["decision"] == "expired").collect();
        expired.dedup_by_key(|(_, payload)| payload["interaction_id"].clone());
        assert_eq!((told.len(), expired.len()), (1_200, 600), "each once");
    }
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_none_though_no_one_swept() {
    for durability in [Durability::Normal, Durability::Memory] {
        let host = Host::without_expiry(durability);
        let asked = host.interactions.ask(Ask { ttl: Some(MINUTE), ..question("s1") }).await.unwrap();
        host.move_on(MINUTE);
        let late = host.interactions.resolve(&asked.id, Answer::approve(), "ada").await.unwrap();
        assert_eq!((late.first, late.interaction.state), (false, State::Expired));
        assert_eq!(recorded(&host).len(), 2);
    }
}

#[tokio::test]
async fn all_outlives_a_restart_and_what_ran_out_meanwhile_is_told_of() {
    let host = Host::new(Durability::Full);
    let answered = host.interactions.ask(question("s1")).await.unwrap();
    let answered = host.interactions.resolve(&answered.id, Answer::approve(), "ada").await.unwrap().interaction;
    let open = host.interactions.ask(question("s1")).await.unwrap();
    let mut due = Vec::new();
    for number in 0..20 {
        due.push(host.interactions.ask(Ask { ttl: Some(MINUTE), ..question(&format!("s{number}")) }).await.unwrap());
    }
    let host = host.restart_after(MINUTE * 2).await;
    for due in due {
        assert_eq!(settled(&host, &due.id).await.state, State::Expired);
    }
    let expired = |(_, payload): &&(String, Value)| payload["decision"] == "expired";
    assert_eq!(recorded(&host).iter().filter(expired).count(), 20);
    assert_eq!(host.interactions.get(&answered.id).await.unwrap(), Some(answered.clone()));
    assert_eq!(host.interactions.get(&open.id).await.unwrap(), Some(open.clone()));
    let again = host.interactions.resolve(&answered.id, Answer::reject("x"), "bob").await.unwrap();
    assert_eq!((again.first, again.interaction), (false, answered));
    assert!(host.interactions.resolve(&open.id, Answer::approve(), "ada").await.unwrap().first);
    assert_eq!(crate::journal::verify(&host.journal_path()).unwrap().bad, None);
}

#[tokio::test]
async fn waiting_ends_with_the_answer_or_at_the_deadline() {
    for durability in [Durability::Normal, Durability::Memory] {
        let host = Host::new(durability);
        let asked = host.interactions.ask(question("s1")).await.unwrap();
        assert_eq!(host.interactions.wait(&asked.id, START).await.unwrap().state, State::Pending, "no time, no wait");
        let waits = |deadline: Timestamp| {
            let (interactions, id) = (host.interactions.clone(), asked.id.clone());
            tokio::spawn(async move { interactions.wait(&id, deadline).await.unwrap().state })
        };
        let short = waits(START.after(MINUTE));
        let bounded = waits(Timestamp(i64::MAX));
        let long = waits(START.after(MINUTE * 60));
        host.until(|| host.interactions.callers() == 3).await;
        host.move_on(MINUTE);
        assert_eq!(short.await.unwrap(), State::Pending);
        host.interactions.resolve(&asked.id, Answer::approve(), "ada").await.unwrap();
        assert_eq!((bounded.await.unwrap(), long.await.unwrap()), (State::Resolved, State::Resolved));
        assert_eq!(host.interactions.callers(), 0, "who waited has left");
        assert_eq!(waits(Timestamp(i64::MAX)).await.unwrap(), State::Resolved, "one that has ended is not waited for");
    }
}

#[tokio::test]
async fn a_question_that_cannot_be_recorded_is_not_asked_nor_answered() {
    let host = Host::new(Durability::Normal);
    let asked = host.interactions.ask(question("s1")).await.unwrap();
    host.bus.limit_pages(1).await.unwrap();
    let long = Ask { text: "x".repeat(16_000), ..question("s1") };
    assert!(host.interactions.ask(long).await.is_err());
    let answer = Answer { decision: None, answer: Some(json!("y".repeat(16_000))) };
    assert!(host.interactions.resolve(&asked.id, answer.clone(), "ada").await.is_err());
    host.bus.limit_pages(u32::MAX).await.unwrap();
    let all = host.interactions.list(&Filter { limit: 10, ..Filter::default() }).await.unwrap();
    assert_eq!(all, slice::from_ref(&asked), "neither the row nor the event");
    assert_eq!(recorded(&host).len(), 1);
    assert!(host.interactions.resolve(&asked.id, answer, "ada").await.unwrap().first);
}

#[tokio::test]
async fn the_same_id_is_the_same_question() {
    for durability in [Durability::Normal, Durability::Memory] {
        let host = Host::new(durability);
        let ask = Ask { id: Some(Uuid::from_u128(7)), ..question("s1") };
        let first = host.interactions.ask(ask.clone()).await.unwrap();
        host.interactions.resolve(&first.id, Answer::approve(), "ada").await.unwrap();
        let again = host.interactions.ask(ask).await.unwrap();
        assert_eq!((again.id, again.state), (first.id, State::Resolved));
        assert_eq!(recorded(&host).len(), 2);
    }
}

#[tokio::test]
async fn secrets_are_neither_kept_nor_told() {
    let host = Host::new(Durability::Normal);
    let secret = "https://me:hunter22@example.org";
    let ask = Ask {
        text: format!("use {secret}?"),
        options: vec![secret.to_owned()],
        details: Some(json!({ "url": secret })),
        ..question("s1")
    };
    let asked = host.interactions.ask(ask).await.unwrap();
    let answer = Answer { decision: Some(secret.to_owned()), answer: Some(json!(secret)) };
    let ended = host.interactions.resolve(&asked.id, answer, "ada").await.unwrap();
    let shown = format!("{asked:?}{ended:?}{:?}", recorded(&host));
    assert!(!shown.contains("hunter22") && shown.contains("[redacted]"), "{shown}");
    let kept = std::fs::read(host.journal_path().with_extension("db-wal")).unwrap();
    assert!(!String::from_utf8_lossy(&kept).contains("hunter22"));
}

#[tokio::test]
async fn a_filter_that_keeps_interactions_out_keeps_them_out_of_the_record_alone() {
    let host = Host::filtered(&["task.*"]);
    let asked = host.interactions.ask(question("s1")).await.unwrap();
    assert!(host.interactions.resolve(&asked.id, Answer::approve(), "ada").await.unwrap().first);
    assert!(recorded(&host).is_empty());
    assert_eq!(host.bus.statistics().filtered, 2);
}
