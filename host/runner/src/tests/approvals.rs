//! Approvals of sessions: answered, denied, timed out, withdrawn, several at a time.

use super::*;
use crate::limits::TICK_EVERY;
use std::task::Poll;
use tollgate_core::interactions::{Answer, Ask, Kind, MAX_WAITING, State as Answered, WaitError};

fn approval(id: &str) -> NewApproval {
    NewApproval { id: Some(id.to_owned()), text: format!("do {id}?"), ..NewApproval::default() }
}

/// A session that works, and whose program ends with a line.
async fn working() -> (World, Arc<str>) {
    let world = world("trap 'exit 9' TERM; echo ready; read x; exit 0").await;
    let id = world.start().await;
    world.until_written(&id, "ready").await;
    (world, id)
}

fn after_up(world: &World, id: &str) -> Vec<String> {
    world.states(id).split_off(3)
}

#[tokio::test]
async fn a_session_waits_until_the_last_of_its_approvals_is_given() {
    let (world, id) = working().await;
    let details = json!({"command": "cargo publish"}).as_object().unwrap().clone();
    let first = world.runner.ask_approval(&id, NewApproval { details, ..approval("a") }).await.unwrap();
    let second = world.runner.ask_approval(&id, NewApproval { id: None, ..approval("b") }).await.unwrap();
    assert_eq!(second.id, second.interaction, "the host's own id for it");
    assert_eq!(world.status(&id).state, State::WaitingForApproval);
    let asked = world.of_type(&id, "approval.requested");
    assert_eq!((&asked[0]["approval"]["id"], &asked[0]["approval"]["text"]), (&json!("a"), &json!("do a?")));
    assert_eq!(asked[0]["approval"]["command"], "cargo publish");
    assert_eq!(asked[0]["approval"]["expiresAt"], START.after(Kind::Approval.ttl().unwrap()).to_string());
    let interaction = world.interactions.get(&first.interaction).await.unwrap().unwrap();
    assert_eq!((interaction.kind, interaction.session.as_deref()), (Kind::Approval, Some(&*id)));
    let unknown = world.runner.resolve_approval(&id, "nobody's", Answer::approve(), "ada").await.unwrap_err();
    assert!(matches!(unknown, RunnerError::NoApproval { .. }), "{unknown}");
    let unknown = world.runner.resolve_approval("nobody", "a", Answer::approve(), "ada").await.unwrap_err();
    assert!(matches!(unknown, RunnerError::NoSession(_)), "{unknown}");
    let again = world.runner.ask_approval(&id, approval("a")).await.unwrap_err().to_string();
    assert!(again.starts_with("the approval `a` was asked for before"), "{again}");
    // Through the door of all interactions, and through the session's.
    world.interactions.resolve(&second.interaction, Answer::approve(), "bob").await.unwrap();
    world.until("the second is told", || world.of_type(&id, "approval.resolved").len() == 1).await;
    assert_eq!(world.status(&id).state, State::WaitingForApproval, "one is still open");
    assert!(world.runner.resolve_approval(&id, "a", Answer::approve(), "ada").await.unwrap().first);
    world.until_state(&id, State::Running).await;
    let late = world.runner.resolve_approval(&id, "a", Answer::reject("late"), "bob").await.unwrap();
    assert_eq!((late.first, late.interaction.decision.as_deref()), (false, Some("approve")), "as it ended");
    world.runner.input(&id, b"\n".to_vec()).await.unwrap();
    world.ended(&id).await;
    assert_eq!(after_up(&world, &id), ["WAITING_FOR_APPROVAL", "RUNNING", "COMPLETED"]);
    let answers: Vec<_> = world
        .of_type(&id, "approval.resolved")
        .iter()
        .map(|told| (told["approvalId"].clone(), told["decision"].clone(), told["resolvedBy"].clone()))
        .collect();
    assert_eq!(
        answers,
        [(json!(&*second.id), json!("approve"), json!("bob")), (json!("a"), json!("approve"), json!("ada"))]
    );
}

#[tokio::test]
async fn a_denied_approval_ends_as_itself_and_takes_the_others_along() {
    let (world, id) = working().await;
    let first = world.runner.ask_approval(&id, approval("a")).await.unwrap();
    let second = world.runner.ask_approval(&id, approval("b")).await.unwrap();
    world.runner.resolve_approval(&id, &first.id, Answer::reject("not today"), "ada").await.unwrap();
    let ended = world.ended(&id).await;
    assert_eq!(after_up(&world, &id), ["WAITING_FOR_APPROVAL", "STOPPING", "FAILED"]);
    assert_eq!((&ended["finalState"], &ended["exitCode"]), (&json!("FAILED"), &json!(9)));
    assert_eq!(ended["reason"], "approval a was denied by ada: not today");
    let answers = world.of_type(&id, "approval.resolved");
    assert_eq!((&answers[0]["decision"], &answers[0]["note"]), (&json!("reject"), &json!("not today")));
    assert_eq!((&answers[1]["approvalId"], &answers[1]["decision"]), (&json!("b"), &json!("cancelled")));
    assert_eq!(answers.len(), 2);
    let other = world.interactions.get(&second.interaction).await.unwrap().unwrap();
    assert_eq!(other.state, Answered::Cancelled, "nobody is asked for a session that is over");
}

#[tokio::test]
async fn an_approval_that_nobody_answers_times_out_and_counts_as_denied() {
    let (world, id) = working().await;
    let patient = NewApproval { ttl: Some(Duration::from_secs(7_200)), ..approval("patient") };
    world.runner.ask_approval(&id, patient).await.unwrap();
    world.runner.ask_approval(&id, approval("a")).await.unwrap();
    world.move_on(Kind::Approval.ttl().unwrap() - Duration::from_millis(1));
    assert_eq!(world.status(&id).state, State::WaitingForApproval);
    world.move_on(Duration::from_millis(1));
    let ended = world.ended(&id).await;
    assert_eq!(ended["reason"], "approval a was not answered in time");
    assert_eq!(after_up(&world, &id), ["WAITING_FOR_APPROVAL", "STOPPING", "FAILED"]);
    let answers: Vec<_> = world.of_type(&id, "approval.resolved").iter().map(|told| told["decision"].clone()).collect();
    assert_eq!(answers, ["expired", "cancelled"]);
}

#[tokio::test]
async fn what_is_asked_outlasts_a_pause_and_ends_with_the_program() {
    let (world, id) = working().await;
    world.runner.ask_approval(&id, approval("a")).await.unwrap();
    world.runner.pause(&id, "ada").await.unwrap();
    world.runner.ask_approval(&id, approval("b")).await.unwrap();
    world.runner.resolve_approval(&id, "a", Answer::approve(), "ada").await.unwrap();
    world.until("told", || world.of_type(&id, "approval.resolved").len() == 1).await;
    assert_eq!(world.status(&id).state, State::PausedByHuman);
    world.runner.resume(&id, "ada").await.unwrap();
    assert_eq!(world.status(&id).state, State::WaitingForApproval);
    world.runner.input(&id, b"\n".to_vec()).await.unwrap();
    let ended = world.ended(&id).await;
    assert_eq!(ended["finalState"], "COMPLETED", "it ended well, and nobody had said no");
    let states = ["WAITING_FOR_APPROVAL", "PAUSED_BY_HUMAN", "WAITING_FOR_APPROVAL", "RUNNING", "COMPLETED"];
    assert_eq!(after_up(&world, &id), states);
    assert_eq!(world.of_type(&id, "approval.resolved")[1]["decision"], "cancelled");
}

#[tokio::test]
async fn a_stop_withdraws_what_was_asked() {
    let (world, id) = working().await;
    let asked = world.runner.ask_approval(&id, approval("a")).await.unwrap();
    world.runner.stop(&id, "ada").await.unwrap();
    assert_eq!(world.interactions.get(&asked.interaction).await.unwrap().unwrap().state, Answered::Cancelled);
    let late = world.runner.ask_approval(&id, approval("b")).await.unwrap_err().to_string();
    assert!(late.contains("not possible in STOPPING") || late.contains("has ended"), "{late}");
    world.ended(&id).await;
    assert_eq!(after_up(&world, &id), ["WAITING_FOR_APPROVAL", "STOPPING", "COMPLETED"]);
    let unasked = NewApproval { text: " ".to_owned(), ..approval("c") };
    assert!(world.runner.ask_approval(&id, unasked).await.is_err());
}

#[tokio::test]
async fn a_session_waits_while_the_gate_asks_about_its_calls_and_goes_on_whatever_the_answer() {
    let (world, id) = working().await;
    let asks = async |session: &str, kind: Kind| {
        let mut ask = Ask::new(kind, "Bash: may it?", "core");
        ask.session = Some(session.into());
        world.interactions.ask(ask).await.unwrap().id
    };
    // Another session's, and what is no approval, hold up nobody.
    asks("another", Kind::Approval).await;
    asks(&id, Kind::Question).await;
    let (first, second) = (asks(&id, Kind::Approval).await, asks(&id, Kind::Approval).await);
    world.until_state(&id, State::WaitingForApproval).await;
    assert!(world.status(&id).approvals.is_empty(), "they are not its own");
    let own = world.runner.ask_approval(&id, approval("a")).await.unwrap();
    world.interactions.resolve(&first, Answer::reject("no"), "ada").await.unwrap();
    world.runner.resolve_approval(&id, &own.id, Answer::approve(), "ada").await.unwrap();
    world.until("its own is told", || world.of_type(&id, "approval.resolved").len() == 1).await;
    assert_eq!(world.status(&id).state, State::WaitingForApproval, "the gate still waits");
    world.interactions.cancel(&second, "ada").await.unwrap();
    world.until_state(&id, State::Running).await;
    // An agent that was told to come back later may end before anybody answers.
    let open = asks(&id, Kind::Approval).await;
    world.until_state(&id, State::WaitingForApproval).await;
    world.runner.input(&id, b"\n".to_vec()).await.unwrap();
    assert_eq!(world.ended(&id).await["finalState"], "COMPLETED");
    let states = ["WAITING_FOR_APPROVAL", "RUNNING", "WAITING_FOR_APPROVAL", "RUNNING", "COMPLETED"];
    assert_eq!(after_up(&world, &id), states);
    let question = world.interactions.get(&open).await.unwrap().unwrap();
    assert_eq!(question.state, Answered::Pending, "it is the gate's to withdraw");
    world.until("nothing is followed for it", || world.bus.statistics().subscribers.is_empty()).await;
}

#[tokio::test]
async fn a_wait_for_an_answer_that_is_refused_is_tried_again() {
    let (world, id) = working().await;
    let mut ask = Ask::new(Kind::Question, "which?", "core");
    ask.session = Some("another".into());
    let other = world.interactions.ask(ask).await.unwrap().id;
    let deadline = START.after(Duration::from_secs(3_000));
    // They wait from when they are first looked at, and are looked at no more.
    let wait = || Box::pin(world.interactions.wait(&other, deadline));
    let mut waits: Vec<_> = (0..MAX_WAITING).map(|_| wait()).collect();
    for wait in &mut waits {
        assert!(std::future::poll_fn(|context| Poll::Ready(wait.as_mut().poll(context).is_pending())).await);
    }
    let is_full = async || matches!(wait().await, Err(WaitError::TooMany));
    assert!(is_full().await);
    let asked = world.runner.ask_approval(&id, approval("a")).await.unwrap();
    world.interactions.resolve(&asked.interaction, Answer::approve(), "ada").await.unwrap();
    assert!(is_full().await, "nobody who waits has gone");
    drop(waits);
    world.until_state(&id, State::Running).await;
}

#[tokio::test]
async fn a_session_goes_on_after_the_gates_answer_once_the_journal_records_it() {
    let (world, id) = working().await;
    let mut ask = Ask::new(Kind::Approval, "Bash: may it?", "core");
    ask.session = Some(Arc::clone(&id));
    let asked = world.interactions.ask(ask).await.unwrap().id;
    world.until_state(&id, State::WaitingForApproval).await;
    let seen = || world.bus.statistics().subscribers[0].delivered;
    let before = seen();
    // On another thread, so that the session comes to the answer when the disk is full already.
    let answered = async {
        world.interactions.resolve(&asked, Answer::approve(), "ada").await.unwrap();
        world.fill_disk().await;
    };
    let elsewhere = || tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(answered);
    std::thread::scope(|scope| scope.spawn(elsewhere).join()).unwrap();
    world.until("the answer is seen", || seen() > before).await;
    // It has come to what is asked of it after that.
    let heard = async || world.runner.resize(&id, Size { cols: 80, rows: 24 }).await.unwrap();
    heard().await;
    world.move_on(TICK_EVERY);
    heard().await;
    assert_eq!(world.status(&id).state, State::WaitingForApproval, "what is not told does not count");
    world.bus.limit_pages(u32::MAX).await.unwrap();
    world.move_on(TICK_EVERY);
    world.until_state(&id, State::Running).await;
    world.runner.input(&id, b"\n".to_vec()).await.unwrap();
    world.ended(&id).await;
    assert_eq!(after_up(&world, &id), ["WAITING_FOR_APPROVAL", "RUNNING", "COMPLETED"]);
}
