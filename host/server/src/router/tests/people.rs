//! People whom an issuer names: what their tokens open, and whose sessions they see, answer for and speak of.

use super::*;
use crate::jwt::tests::{claims, signed};
use crate::routes::routes;
use crate::scope::{Needs, Scopes};

fn now() -> i64 {
    Clock::system().now().0 / 1_000
}

/// A token that counts for a minute, for these sessions alone.
fn token(scope: &str, sessions: &[&str]) -> String {
    let mut claims = claims(now(), 60, scope);
    claims["sessions"] = json!(sessions);
    signed(&claims)
}

async fn asked(host: &Fixture, method: &str, uri: &str, body: &str, bearer: &str) -> (u16, Value) {
    let request = Request::builder().method(method).uri(uri).header("host", "localhost").extension(Access::NETWORK);
    let request = request.header("authorization", format!("Bearer {bearer}")).body(Body::from(body.to_owned()));
    let response = router(host.state.clone()).oneshot(request.unwrap()).await.unwrap();
    let status = response.status().as_u16();
    if status < 400 && response.headers().get("content-type").is_some_and(|is| is == "text/event-stream") {
        return (status, Value::Null);
    }
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

#[tokio::test]
async fn a_token_of_the_issuer_opens_what_its_scopes_and_sessions_say() {
    let host = fixture().await;
    for (scope, sessions) in [
        ("read", "*"),
        ("read:a.*", "*"),
        ("emit gate", "*"),
        ("approve", "*"),
        ("admin", "*"),
        ("read emit gate approve admin", "s1"),
    ] {
        let scopes = Scopes::parse(&scope.split(' ').collect::<Vec<_>>()).unwrap();
        let token = token(scope, &[sessions]);
        for route in routes() {
            let path = route.path.replace("{seq}", "1").replace(['{', '}'], "");
            let (status, answer) = asked(&host, route.method, &path, "{}", &token).await;
            let refused = (status, &answer["error"]["code"]) == (403, &json!("forbidden"));
            let opens = scopes.allow(route.needs) && (sessions == "*" || !route.needs.all_sessions());
            // What is asked about is somebody else's, or nobody's.
            let about = route.path.starts_with("/api/grants/revoke") || route.path.starts_with("/api/events");
            assert!(
                refused != opens || (about && opens),
                "{} {path} {scope} {sessions}: {status} {answer}",
                route.method
            );
        }
    }
}

#[tokio::test]
async fn no_route_opens_to_a_token_that_does_not_count() {
    let host = fixture().await;
    let mut elsewhere = claims(now(), 60, "read emit gate approve admin");
    elsewhere["aud"] = json!("elsewhere");
    for token in [signed(&claims(now(), -1, "read emit gate approve admin")), signed(&elsewhere), "a.b.c".to_owned()] {
        for route in routes().iter().filter(|route| route.needs != Needs::Nothing) {
            let path = route.path.replace("{seq}", "1").replace(['{', '}'], "");
            let (status, answer) = asked(&host, route.method, &path, "{}", &token).await;
            assert_eq!((status, &answer["error"]["code"]), (401, &json!("unauthorised")), "{} {path}", route.method);
        }
    }
}

#[tokio::test]
async fn a_person_reads_and_records_what_is_of_their_sessions() {
    let host = fixture().await;
    let token = token("read emit", &["s1"]);
    host.post(
        "/api/events",
        "{\"type\":\"a.b\",\"session\":\"s1\"}\n{\"type\":\"a.b\",\"session\":\"s2\"}\n{\"type\":\"a.b\"}",
    )
    .await;
    let seqs = async |query: &str| -> Vec<u64> {
        let (status, page) = asked(&host, "GET", &format!("/api/events{query}"), "", &token).await;
        assert_eq!(status, 200, "{query}: {page}");
        page["events"].as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()).collect()
    };
    assert_eq!(seqs("").await, [1]);
    assert_eq!(seqs("?session=s2").await, Vec::<u64>::new());
    assert_eq!(seqs("?newest=true&session=s1").await, [1]);
    assert_eq!(asked(&host, "GET", "/api/events?newest=true", "", &token).await.0, 400, "others' would take the place");
    for (session, expected) in [(json!("s1"), 200), (json!("s2"), 403), (Value::Null, 403)] {
        let body = json!({"type": "a.c", "session": session}).to_string();
        let (status, answer) = asked(&host, "POST", "/api/events", &body, &token).await;
        assert_eq!(status, expected, "{session}: {answer}");
    }
    let (_, page) = host.get("/api/events?type=a.c").await;
    assert_eq!(page["events"][0]["source"], "user:ada");
    let (status, answer) =
        asked(&host, "POST", "/api/events", r#"{"type":"a.c","session":"s1","source":"core"}"#, &token).await;
    assert_eq!(status, 403, "{answer}");
}

#[tokio::test]
async fn a_person_sees_and_answers_what_is_asked_in_their_sessions() {
    let host = fixture().await;
    let mine = token("read approve", &["s1", "s3"]);
    let mut ids = Vec::new();
    for session in ["s1", "s2", "s1"] {
        let question = json!({"kind": "question", "text": "which?", "session": session}).to_string();
        let (_, one) = host.post("/api/interactions", question).await;
        ids.push(one["id"].as_str().unwrap().to_owned());
    }
    let listed = async |query: &str| {
        let (status, answer) = asked(&host, "GET", &format!("/api/interactions{query}"), "", &mine).await;
        assert_eq!(status, 200, "{answer}");
        let listed = answer["interactions"].as_array().unwrap();
        listed.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(listed("").await, [ids[0].clone(), ids[2].clone()].into());
    assert_eq!(listed("?session=s2").await, [].into());
    assert_eq!(listed("?limit=1").await.len(), 1);
    let at = |id: &str| format!("/api/interactions/{id}");
    for (uri, method) in [(at(&ids[1]), "GET"), (at(&ids[1]), "POST"), (format!("{}/cancel", at(&ids[1])), "POST")] {
        let (status, answer) = asked(&host, method, &uri, r#"{"answer":"this"}"#, &mine).await;
        assert_eq!((status, &answer["error"]["code"]), (404, &json!("not_found")), "{method} {uri}");
    }
    let (status, answer) = asked(&host, "POST", &at(&ids[0]), r#"{"answer":"this"}"#, &mine).await;
    assert_eq!((status, &answer["first"]), (200, &json!(true)), "{answer}");
    assert_eq!(answer["interaction"]["resolved_by"], "user:ada");
    let (_, other) = host.get(&at(&ids[1])).await;
    assert_eq!(other["state"], "pending");
    let revoke = json!({"session": "s2", "key": "k"}).to_string();
    assert_eq!(asked(&host, "POST", "/api/grants/revoke", &revoke, &mine).await.0, 403);
}

#[tokio::test]
async fn on_the_socket_a_token_for_some_sessions_adds_nothing() {
    let host = fixture().await;
    let (_, one) = host.post("/api/interactions", r#"{"kind":"question","text":"which?","session":"s2"}"#).await;
    let uri = format!("/api/interactions/{}", one["id"].as_str().unwrap());
    for (sessions, expected) in [("s1", 403), ("*", 200)] {
        let token = token("approve", &[sessions]);
        let (status, answer) = host.ask("POST", &uri, r#"{"answer":"this"}"#, Some(&token)).await;
        assert_eq!(status, expected, "{answer}");
    }
    // It was they who did it, and not whose socket it is.
    let (_, one) = host.get(&uri).await;
    assert_eq!(one["resolved_by"], "user:ada");
    let (status, answer) = host.ask("POST", "/api/events", r#"{"type":"a.b"}"#, Some(&token("approve", &["*"]))).await;
    assert_eq!(status, 200, "what the daemon's own user may do is theirs too: {answer}");
    let (_, page) = host.get("/api/events?type=a.b").await;
    assert_eq!(page["events"][0]["source"], "user:ada");
}

#[tokio::test]
async fn an_answer_says_something() {
    let host = fixture().await;
    let (_, one) = host.post("/api/interactions", r#"{"kind":"question","text":"which?","session":"s2"}"#).await;
    let uri = format!("/api/interactions/{}", one["id"].as_str().unwrap());
    for nothing in ["{}", r#"{"decision":null,"answer":null}"#, r#"{"decision":""}"#] {
        let (status, answer) = host.ask("POST", &uri, nothing, Some(APPROVER)).await;
        assert_eq!((status, &answer["error"]["code"]), (400, &json!("bad_answer")), "{nothing}: {answer}");
    }
    assert_eq!(host.get(&uri).await.1["state"], "pending");
}
