//! `session` and `interactions` through real components: what reaches the engine and the person, and how often.

use super::{SESSION, World, fields, payload};
use crate::limits::{MAX_EFFECTS_PER_EVENT, MAX_QUESTION_BYTES, MAX_QUESTIONS_PER_EVENT};
use crate::logs::MAX_LOG_LINES;
use crate::{AskRefusal, Asker, PluginQuestion};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tollgate_bundled::guests;

const ACTS: &str = "[grant]\nemit = [\"test_guest.*\"]\nsession_effects = true\n";
const ASKS: &str = "[grant]\nemit = [\"test_guest.*\"]\ninteractions = true\n";

impl World {
    async fn acted(&self, effects: Value) -> Value {
        self.ask(&json!({"effects": effects}), "test_guest.acted").await["answers"].clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn effects_are_events_of_the_session_and_its_chat() {
    let world = World::with("act-on-session", guests::ACT_ON_SESSION, ACTS).await;
    world.sessions.bind_chat(SESSION, "chat-7", None);
    let effects = json!([["prompt", "go on"], ["mode", "plan"], ["grant", "Bash(ls)"]]);
    assert_eq!(world.acted(effects).await, json!(["ok", "ok", "ok"]));
    for (event_type, expected) in [
        ("session.prompted", json!({"chat_id": "chat-7", "text": "go on"})),
        ("session.mode_set", json!({"chat_id": "chat-7", "mode": "plan"})),
        ("session.granted", json!({"chat_id": "chat-7", "key": "Bash(ls)"})),
    ] {
        let events = world.wait_for(event_type, 1).await;
        assert_eq!((payload(&events[0]), events.len()), (expected, 1));
        assert_eq!(events[0].session.as_deref(), Some(SESSION));
        assert_eq!((&*events[0].source, events[0].depth), ("plugin:act-on-session", 1));
    }
    // A session that the host has not seen is its own chat.
    world.order(Some("s9"), &json!({"effects": [["prompt", "x"]]})).await;
    assert_eq!(payload(&world.wait_for("session.prompted", 2).await[1])["chat_id"], "s9");
}

#[tokio::test(flavor = "multi_thread")]
async fn effects_are_granted_staged_and_bounded() {
    let bare = World::with("act-on-session", guests::ACT_ON_SESSION, super::EMITS).await;
    assert_eq!(bare.acted(json!([["prompt", "x"], ["mode", "x"], ["grant", "x"]])).await, json!(vec!["denied"; 3]));
    let world = World::with("act-on-session", guests::ACT_ON_SESSION, ACTS).await;
    world.order(None, &json!({"effects": [["prompt", "x"]]})).await;
    assert_eq!(payload(&world.wait_for("test_guest.acted", 1).await[0])["answers"], json!(["no session"]));
    world.order(Some(SESSION), &json!({"effects": [["prompt", "never"]], "fail": true})).await;
    world.eventually("failed", || world.status("act-on-session").failed == 1).await;
    let most = usize::try_from(MAX_EFFECTS_PER_EVENT).unwrap();
    let answers = world.acted(json!(vec![["prompt", "x"]; most + 1])).await;
    assert_eq!((&answers[most - 1], &answers[most]), (&json!("ok"), &json!("over budget")));
    assert_eq!(fields(&world.events("session.prompted"), "text"), vec![json!("x"); most]);
    world.eventually("counted", || world.status("act-on-session").over_budget == 1).await;
    // More than an event's payload holds.
    assert_eq!(world.acted(json!([["fill", "300000"]])).await, json!(["over budget"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn effects_count_as_emits() {
    let limited = |emits: u32| format!("{ACTS}[limits]\nemits_per_event = {emits}\n");
    let world = World::with("act-on-session", guests::ACT_ON_SESSION, &limited(3)).await;
    let answers = world.acted(json!(vec![["prompt", "x"]; 2])).await;
    assert_eq!(answers, json!(["ok", "ok"]));
    let world = World::with("act-on-session", guests::ACT_ON_SESSION, &limited(1)).await;
    world.order(Some(SESSION), &json!({"effects": [["prompt", "x"], ["prompt", "y"]], "fail": true})).await;
    world.eventually("counted", || world.status("act-on-session").failed == 1).await;
    assert!(world.status("act-on-session").over_budget > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_effect_is_no_ordinary_event() {
    let emits = "[grant]\nemit = [\"test_guest.*\", \"session.*\"]\n";
    let by_emit = json!([["session.prompted", "x"], ["session.mode_set", "x"], ["session.granted", "x"]]);
    let world = World::with("act-on-session", guests::ACT_ON_SESSION, emits).await;
    assert_eq!(world.acted(by_emit.clone()).await, json!(vec!["Err(EmitError::Denied)"; 3]));
    let world =
        World::with("act-on-session", guests::ACT_ON_SESSION, &format!("{emits}session_effects = true\n")).await;
    assert_eq!(world.acted(by_emit).await, json!(vec!["Ok(())"; 3]));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_refused_emits_the_log_has_the_first_of_each_kind_in_each_call() {
    let world = World::with("act-on-session", guests::ACT_ON_SESSION, super::EMITS).await;
    // More of them than the log keeps, and than the guest itself may write.
    let mut emits = vec![["other.x", "x"]; MAX_LOG_LINES];
    emits.extend([["other.y", "x"], ["Other", "x"]]);
    for emits in [json!(emits), json!(emits), json!([["session.ended", "x"]])] {
        world.acted(emits).await;
    }
    let logs = world.runtime().logs("act-on-session", MAX_LOG_LINES).unwrap();
    let said: Vec<&str> = logs.iter().map(|line| line.text.as_str()).filter(|text| text.starts_with("emit ")).collect();
    let denied = "emit other.x: denied: neither its needs nor its wants have a pattern for it";
    let invalid = said.get(1).filter(|text| text.starts_with("emit Other: invalid: ")).copied().unwrap_or_default();
    let ungranted = "emit session.ended: denied: the grant has no pattern for it";
    assert_eq!(said, [denied, invalid, denied, invalid, ungranted]);
    assert_eq!(world.status("act-on-session").over_budget, 0, "the guest wrote nothing");
}

/// Keeps what it was asked.
#[derive(Default)]
struct Fake {
    asked: Mutex<Vec<PluginQuestion>>,
    refusal: Option<AskRefusal>,
}

impl Asker for Fake {
    fn ask(&self, question: PluginQuestion) -> BoxFuture<'_, Result<String, AskRefusal>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            let mut asked = self.asked.lock().unwrap();
            asked.push(question);
            self.refusal.clone().map_or_else(|| Ok(format!("i{}", asked.len())), Err)
        })
    }
}

async fn asking(grant: &str, fake: &Arc<Fake>) -> World {
    let mut world = World::new();
    world.asker = Some(Arc::clone(fake) as Arc<dyn Asker>);
    world.drop_in("ask-people", guests::ASK_PEOPLE, grant);
    world.start().await;
    world
}

async fn answers(world: &World, order: Value) -> Value {
    world.ask(&order, "test_guest.asked").await["answers"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_reaches_who_asks_and_its_id_the_guest() {
    let fake = Arc::new(Fake::default());
    let world = asking(ASKS, &fake).await;
    world.sessions.bind_chat(SESSION, "chat-7", None);
    let order = json!({"text": "which?", "details": "{\"a\":1}", "times": 2});
    assert_eq!(answers(&world, order).await, json!(["i1", "i2"]));
    let asked = fake.asked.lock().unwrap().clone();
    let question = &asked[0];
    assert_eq!((&*question.plugin, &*question.session, &*question.chat_id), ("ask-people", SESSION, "chat-7"));
    assert_eq!((&*question.kind, &*question.text, &*question.details), ("question", "which?", "{\"a\":1}"));
    assert_eq!((&*question.options, question.ttl), (&["yes".into(), "no".into()][..], Some(Duration::from_secs(5))));
    assert!(question.cause.is_some() && question.id != asked[1].id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_is_tried_again_asks_the_same_question() {
    let fake = Arc::new(Fake::default());
    let world = asking(ASKS, &fake).await;
    answers(&world, json!({"text": "x", "times": 1, "retry": true})).await;
    let ids: Vec<_> = fake.asked.lock().unwrap().iter().map(|question| question.id).collect();
    assert_eq!((ids.len(), ids[0]), (2, ids[1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_are_granted_checked_and_bounded() {
    let fake = Arc::new(Fake::default());
    let world = asking(super::EMITS, &fake).await;
    assert_eq!(answers(&world, json!({"text": "x", "times": 1})).await, json!(["denied"]));
    let world = World::with("ask-people", guests::ASK_PEOPLE, ASKS).await;
    assert_eq!(answers(&world, json!({"text": "x", "times": 1})).await, json!(["denied"]), "nobody to ask");
    let world = asking(ASKS, &fake).await;
    world.order(None, &json!({"text": "x", "times": 1})).await;
    assert_eq!(payload(&world.wait_for("test_guest.asked", 1).await[0])["answers"], json!(["no session"]));
    for order in
        [json!({"text": "x", "details": "[]", "times": 1}), json!({"text": "x".repeat(MAX_QUESTION_BYTES), "times": 1})]
    {
        assert!(answers(&world, order).await[0].as_str().unwrap().starts_with("invalid: "));
    }
    assert!(fake.asked.lock().unwrap().is_empty());
    let most = usize::try_from(MAX_QUESTIONS_PER_EVENT).unwrap();
    let answers = answers(&world, json!({"text": "x", "times": most + 1})).await;
    assert_eq!((&answers[most - 1], &answers[most]), (&json!(format!("i{most}")), &json!("over budget")));
    world.eventually("counted", || world.status("ask-people").over_budget == 1).await;
}

/// Somebody who takes a question and never says that it was asked.
struct Silent;

impl Asker for Silent {
    fn ask(&self, _question: PluginQuestion) -> BoxFuture<'_, Result<String, AskRefusal>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_is_within_the_calls_time() {
    let mut world = World::new();
    world.asker = Some(Arc::new(Silent));
    world.drop_in("ask-people", guests::ASK_PEOPLE, &format!("{ASKS}[limits]\ntimeout_ms = 50\n"));
    world.start().await;
    world.order(Some(SESSION), &json!({"text": "x", "times": 1})).await;
    let faulted = world.wait_for("plugin.faulted", 3).await;
    assert_eq!(fields(&faulted, "cause"), [json!("timeout"), json!("timeout"), json!("timeout")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_reaches_the_guest_as_it_is() {
    for (refusal, expected) in [
        (AskRefusal::Denied, "denied"),
        (AskRefusal::Invalid("no such kind".into()), "invalid: no such kind"),
        (AskRefusal::OverBudget, "over budget"),
    ] {
        let fake = Arc::new(Fake { refusal: Some(refusal), ..Fake::default() });
        let world = asking(ASKS, &fake).await;
        assert_eq!(answers(&world, json!({"text": "x", "times": 1})).await, json!([expected]));
    }
}
