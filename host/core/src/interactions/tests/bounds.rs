//! Every bound of interactions, reached.

use super::host::{Host, START};
use super::question;
use crate::interactions::*;
use crate::journal::{Durability, RING_SETTLED};
use serde_json::json;

fn field(result: Result<Interaction, AskError>) -> String {
    match result {
        Err(AskError::Invalid { field, .. }) => field.to_owned(),
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn questions_and_answers_are_bounded() {
    let host = Host::new(Durability::Memory);
    let ask = async |ask: Ask| host.interactions.ask(ask).await;
    let text = |bytes: usize| Ask { text: "x".repeat(bytes), ..question("s1") };
    assert!(ask(text(MAX_TEXT_BYTES)).await.is_ok());
    assert_eq!(field(ask(text(MAX_TEXT_BYTES + 1)).await), "text");
    assert_eq!(field(ask(Ask { text: " ".to_owned(), ..question("s1") }).await), "text");
    let options = |count: usize, bytes: usize| Ask { options: vec!["y".repeat(bytes); count], ..question("s1") };
    assert!(ask(options(MAX_OPTIONS, MAX_OPTION_BYTES)).await.is_ok());
    assert_eq!(field(ask(options(MAX_OPTIONS + 1, 1)).await), "options");
    assert_eq!(field(ask(options(1, MAX_OPTION_BYTES + 1)).await), "options");
    let details = |bytes: usize| Ask { details: Some(json!({"a": "z".repeat(bytes - 8)})), ..question("s1") };
    assert!(ask(details(MAX_DETAILS_BYTES)).await.is_ok());
    assert_eq!(field(ask(details(MAX_DETAILS_BYTES + 1)).await), "details");
    assert_eq!(field(ask(Ask { details: Some(json!([1])), ..question("s1") }).await), "details");
    let ttl = |ttl: Duration| Ask { ttl: Some(ttl), ..question("s1") };
    assert_eq!(ask(ttl(MAX_TTL)).await.unwrap().expires_at, Some(START.after(MAX_TTL)));
    assert_eq!(field(ask(ttl(MAX_TTL + Duration::from_millis(1))).await), "ttl");
    assert_eq!(field(ask(ttl(Duration::ZERO)).await), "ttl");
    let names: [fn(Ask) -> Ask; 3] = [
        |ask| Ask { session: Some("s\n".into()), ..ask },
        |ask| Ask { chat_id: Some("".into()), ..ask },
        |ask| Ask { asked_by: "x".repeat(300).into(), ..ask },
    ];
    for change in names {
        assert!(matches!(ask(change(question("s1"))).await, Err(AskError::Emit(_))));
    }
    assert!(matches!(ask(Ask::new(Kind::Question, "who?", "core")).await, Err(AskError::NoChat)));

    let asked = ask(question("s1")).await.unwrap();
    let answer = |decision: usize, answer: usize| Answer {
        decision: Some("d".repeat(decision)),
        answer: Some(json!("a".repeat(answer - 2))),
    };
    for (over, wanted) in [(answer(MAX_OPTION_BYTES + 1, 9), "decision"), (answer(1, MAX_ANSWER_BYTES + 1), "answer")] {
        let refused = host.interactions.resolve(&asked.id, over, "ada").await;
        assert!(matches!(refused, Err(ResolveError::Invalid { field, .. }) if field == wanted), "{refused:?}");
    }
    let empty = Answer { decision: Some(String::new()), answer: None };
    for nothing in [Answer::default(), empty] {
        let refused = host.interactions.resolve(&asked.id, nothing, "ada").await;
        assert!(matches!(refused, Err(ResolveError::Invalid { field: "decision", .. })), "{refused:?}");
    }
    assert!(host.interactions.resolve(&asked.id, answer(1, 9), "").await.is_err());
    assert!(host.interactions.resolve(&asked.id, answer(MAX_OPTION_BYTES, MAX_ANSWER_BYTES), "ada").await.is_ok());
}

#[tokio::test]
async fn a_session_a_chat_and_all_together_have_so_many_waiting() {
    for durability in [Durability::Normal, Durability::Memory] {
        let host = Host::new(durability);
        let fill = async |ask: Ask| {
            let mut count = 0;
            loop {
                match host.interactions.ask(ask.clone()).await {
                    Ok(_) => count += 1,
                    Err(AskError::TooMany(said)) => return (count, said),
                    Err(error) => panic!("{error}"),
                }
            }
        };
        assert_eq!(fill(question("s1")).await, (MAX_PENDING_PER_SESSION, MAX_PENDING_PER_SESSION));
        let in_chat = Ask { session: None, chat_id: Some("c".into()), ..question("s") };
        assert_eq!(fill(in_chat).await, (MAX_PENDING_PER_SESSION, MAX_PENDING_PER_SESSION));
        let mut all = 2 * MAX_PENDING_PER_SESSION;
        for number in 0.. {
            let (count, said) = fill(question(&format!("other {number}"))).await;
            all += count;
            if said == all {
                break;
            }
        }
        assert_eq!(all, MAX_PENDING);
        let pending = Filter { state: Some(State::Pending), session: Some("s1".into()), limit: 1, ..Filter::default() };
        let one = host.interactions.list(&pending).await.unwrap();
        host.interactions.cancel(&one[0].id, "ada").await.unwrap();
        assert_eq!(fill(question("s1")).await.0, 1, "there is room again");
    }
}

#[tokio::test]
async fn so_many_wait_at_a_time() {
    let host = Host::new(Durability::Memory);
    let asked = host.interactions.ask(question("s1")).await.unwrap();
    let places: Vec<_> = (0..MAX_WAITING).map(|_| host.interactions.0.waiting.join("other").unwrap()).collect();
    let never = Timestamp(i64::MAX);
    let one_more = host.interactions.wait(&asked.id, never);
    let refused = tokio::time::timeout(Duration::from_secs(20), one_more).await.unwrap();
    assert!(matches!(refused, Err(WaitError::TooMany)));
    drop(places);
    host.interactions.cancel(&asked.id, "ada").await.unwrap();
    assert!(host.interactions.wait(&asked.id, never).await.is_ok());
}

#[tokio::test]
async fn a_wait_is_over_after_an_hour_whatever_was_asked_for() {
    let host = Host::new(Durability::Memory);
    let asked = host.interactions.ask(question("s1")).await.unwrap();
    let waits = {
        let (interactions, id) = (host.interactions.clone(), asked.id.clone());
        tokio::spawn(async move { interactions.wait(&id, Timestamp(i64::MAX)).await.unwrap().state })
    };
    host.until(|| host.interactions.callers() == 1).await;
    // However late it looked at the clock, an hour from then is over two hours from now.
    host.move_on(Duration::from_millis(2 * MAX_WAIT_MS));
    let ended = tokio::time::timeout(Duration::from_secs(20), waits).await.unwrap();
    assert_eq!(ended.unwrap(), State::Pending);
}

#[tokio::test]
async fn so_many_settled_ones_and_grants_are_kept_on_disk() {
    let host = Host::new(Durability::Normal);
    let first = host.interactions.ask(question("s1")).await.unwrap();
    let last = host.interactions.ask(question("s1")).await.unwrap();
    host.interactions.cancel(&first.id, "ada").await.unwrap();
    let path = host.journal_path();
    host.bus.close().await;
    let rows = format!(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {KEPT_SETTLED}) \
         INSERT INTO interactions SELECT 'old ' || n, 'question', 'c', NULL, 't', '[]', NULL, 'core', 0, NULL, \
         'resolved', NULL, NULL, NULL, {}, 0, NULL, NULL FROM n; \
         WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {MAX_GRANTS}) \
         INSERT INTO grants SELECT 's', 'key ' || n, 'ada', n FROM n;",
        START.0 + 1
    );
    rusqlite::Connection::open(&path).unwrap().execute_batch(&rows).unwrap();
    let host = host.restart_after(Duration::from_secs(1)).await;
    assert!(host.interactions.get(&first.id).await.unwrap().is_some());
    let bound = crate::interactions::Bound { call: [1; 32], grant: Some("new".into()) };
    let approval = Ask { kind: Kind::Approval, bound: Some(bound), ..question("s1") };
    let approval = host.interactions.ask(approval).await.unwrap();
    host.interactions.resolve(&approval.id, Answer::approve_all(), "ada").await.unwrap();
    let all = Filter { limit: usize::MAX, ..Filter::default() };
    assert_eq!(host.interactions.list(&all).await.unwrap().len(), KEPT_SETTLED + 1, "and the one that waits");
    assert_eq!(host.interactions.get(&first.id).await.unwrap(), None, "the oldest went");
    assert!(host.interactions.get(&last.id).await.unwrap().is_some(), "what waits is not among them");
    let grants = host.interactions.grants(None).await.unwrap();
    assert_eq!((grants.len(), &*grants[0].key), (MAX_GRANTS, "key 2"));
    assert_eq!(&*grants.last().unwrap().key, "new");
}

#[tokio::test]
async fn so_many_settled_ones_and_grants_are_kept_in_memory() {
    let host = Host::new(Durability::Memory);
    let waits = host.interactions.ask(question("s1")).await.unwrap();
    for number in 0..=MAX_GRANTS {
        let mut call = [0; 32];
        call[..8].copy_from_slice(&number.to_le_bytes());
        let bound = Bound { call, grant: Some(number.to_string().into()) };
        let asked = host.interactions.ask(Ask { kind: Kind::Approval, bound: Some(bound), ..question("s1") });
        host.interactions.resolve(&asked.await.unwrap().id, Answer::approve_all(), "ada").await.unwrap();
    }
    let all = Filter { limit: usize::MAX, ..Filter::default() };
    assert_eq!(host.interactions.list(&all).await.unwrap().len(), RING_SETTLED + 1, "and the one that waits");
    assert!(host.interactions.get(&waits.id).await.unwrap().is_some());
    let grants = host.interactions.grants(Some("s1")).await.unwrap();
    assert_eq!((grants.len(), &*grants[0].key), (MAX_GRANTS, "1"));
}
