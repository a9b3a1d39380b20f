//! What a token with scopes may do, how often, and when it ends.

use super::*;
use crate::caller::ANONYMOUS_CONNECTIONS;
use axum::response::Response;

/// Makes a token as an administrator does.
async fn made(host: &Fixture, wish: Value) -> String {
    let (status, answer) = host.ask("POST", "/api/tokens", wish.to_string(), Some(APPROVER)).await;
    assert_eq!(status, 200, "{answer}");
    answer["token"].as_str().unwrap().to_owned()
}

async fn sent(host: &Fixture, method: &str, uri: &str, body: &str, bearer: Option<&str>) -> Response {
    let mut request = Request::builder().method(method).uri(uri).header("host", "localhost").extension(Access::NETWORK);
    if let Some(token) = bearer {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    router(host.state.clone()).oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap()
}

async fn asked(host: &Fixture, method: &str, uri: &str, body: &str, bearer: &str) -> (u16, Value) {
    let response = sent(host, method, uri, body, Some(bearer)).await;
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn a_token_is_made_listed_and_revoked_by_whoever_may() {
    let host = fixture().await;
    let wish = json!({"name": "board", "scopes": ["read:task.*", "emit:task.*"], "sources": ["webui"]});
    for bearer in [None, Some("guessed"), Some(CLIENT)] {
        assert_eq!(host.ask("POST", "/api/tokens", wish.to_string(), bearer).await.0, 403, "{bearer:?}");
    }
    let token = made(&host, wish.clone()).await;
    let (_, listed) = host.ask("GET", "/api/tokens", Body::empty(), Some(APPROVER)).await;
    assert_eq!(listed["tokens"][0]["scopes"], json!(["emit:task.*", "read:task.*"]));
    assert!(!listed.to_string().contains(&token), "{listed}");
    let (status, answer) = host.ask("POST", "/api/tokens", wish.to_string(), Some(APPROVER)).await;
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("taken")));
    let bad = json!({"name": "b", "scopes": ["all"]}).to_string();
    let (status, answer) = host.ask("POST", "/api/tokens", bad, Some(APPROVER)).await;
    assert_eq!((status, &answer["error"]["code"]), (400, &json!("bad_token")));
    assert_eq!(asked(&host, "GET", "/api/events", "", &token).await.0, 200);
    for (name, status) in [("board", 200), ("board", 404)] {
        let uri = format!("/api/tokens/{name}/revoke");
        assert_eq!(host.ask("POST", &uri, Body::empty(), Some(APPROVER)).await.0, status);
    }
    assert_eq!(asked(&host, "GET", "/api/events", "", &token).await.0, 401);
}

#[tokio::test]
async fn a_token_records_its_own_types_as_its_own_sources() {
    let host = fixture().await;
    let token = made(&host, json!({"name": "board", "scopes": ["emit:a.*"], "sources": ["webui", "board"]})).await;
    let check = async |body: Value, expected: Option<&str>| {
        let (status, answer) = asked(&host, "POST", "/api/events", &body.to_string(), &token).await;
        match expected {
            None => assert_eq!(status, 200, "{answer}"),
            Some(says) => {
                assert_eq!((status, &answer["error"]["code"]), (403, &json!("forbidden")), "{answer}");
                let message = answer["error"]["message"].as_str().unwrap();
                assert!(message.starts_with(says), "said: {message}\nnot:  {says}");
            }
        }
    };
    check(json!({"type": "b.c"}), Some("`type`: this token may not record b.c")).await;
    check(json!([{"type": "a.b"}, {"type": "b.c"}]), Some("event 1: `type`: ")).await;
    check(json!([{"type": "a.b"}, {"type": "a.c", "source": "core"}]), Some("event 1: `source`: ")).await;
    check(
        json!({"type": "a.b", "source": "hook:codex"}),
        Some("`source`: this token may not speak as `hook:codex`; it may as webui, board"),
    )
    .await;
    assert_eq!(host.types().await.len(), 0, "all or nothing");
    check(json!([{"type": "a.b"}, {"type": "a.c", "source": "board"}]), None).await;
    let (_, page) = host.get("/api/events").await;
    let sources: Vec<&Value> = page["events"].as_array().unwrap().iter().map(|event| &event["source"]).collect();
    assert_eq!(sources, ["webui", "board"]);
    let nameless = made(&host, json!({"name": "nameless", "scopes": ["emit"]})).await;
    asked(&host, "POST", "/api/events", r#"{"type":"a.b"}"#, &nameless).await;
    let (_, page) = host.get("/api/events?since=2").await;
    assert_eq!(page["events"][0]["source"], "token:nameless");
}

#[tokio::test]
async fn a_token_reads_its_own_types() {
    let host = fixture().await;
    let token = made(&host, json!({"name": "board", "scopes": ["read:a.*"]})).await;
    host.post("/api/events", "{\"type\":\"a.b\"}\n{\"type\":\"b.c\"}\n{\"type\":\"a.d\"}").await;
    for (query, expected) in
        [("", vec![1, 3]), ("?type=b.c", vec![]), ("?type=*", vec![1, 3]), ("?newest=true&limit=1", vec![3])]
    {
        let (_, page) = asked(&host, "GET", &format!("/api/events{query}"), "", &token).await;
        let seqs: Vec<u64> =
            page["events"].as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()).collect();
        assert_eq!(seqs, expected, "{query}");
    }
    let (status, refused) = asked(&host, "GET", "/api/events?newest=true&type=*", "", &token).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "an event that it may not read would take the place: {refused}");
    for filter in ["", "&filter=*"] {
        let uri = format!("/api/events/stream?since=0{filter}");
        let mut body = sent(&host, "GET", &uri, "", Some(&token)).await.into_body();
        let mut text = String::new();
        while !text.contains("a.d") {
            let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
            text.push_str(std::str::from_utf8(&frame).unwrap());
        }
        assert!(text.contains("a.b") && !text.contains("b.c"), "{filter}: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_asks_so_often_and_is_told_when_to_ask_again() {
    let host = fixture().await;
    let token = made(&host, json!({"name": "slow", "scopes": ["read"], "per_second": 2})).await;
    for expected in [200, 200, 429] {
        let response = sent(&host, "GET", "/api/stats", "", Some(&token)).await;
        assert_eq!(response.status().as_u16(), expected);
        assert_eq!(response.headers().get("retry-after").map(|wait| wait == "1"), (expected == 429).then_some(true));
    }
    assert_eq!(sent(&host, "GET", "/api/stats", "", Some(CLIENT)).await.status().as_u16(), 200, "others are not asked");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(sent(&host, "GET", "/api/stats", "", Some(&token)).await.status().as_u16(), 200);
}

#[tokio::test]
async fn live_connections_of_a_token_are_bounded_and_end_with_it() {
    let host = fixture().await;
    let token = made(&host, json!({"name": "board", "scopes": ["read"], "connections": 2})).await;
    let open = async || sent(&host, "GET", "/api/events/stream", "", Some(&token)).await;
    let (first, second) = (open().await, open().await);
    assert_eq!((first.status().as_u16(), second.status().as_u16()), (200, 200));
    let third = open().await;
    assert_eq!((third.status().as_u16(), third.headers().contains_key("retry-after")), (429, true));
    drop(first);
    let again = open().await;
    assert_eq!(again.status().as_u16(), 200);
    host.ask("POST", "/api/tokens/board/revoke", Body::empty(), Some(APPROVER)).await;
    for response in [second, again] {
        let rest = tokio::time::timeout(Duration::from_secs(30), response.into_body().collect()).await;
        assert_eq!(rest.unwrap().unwrap().to_bytes(), ": connected\n\n", "it ends");
    }
}

#[tokio::test]
async fn those_without_a_token_share_few_places_and_see_what_is_open() {
    let host = fixture_where(Some("a.*")).await;
    let open = async || sent(&host, "GET", "/api/events/stream?filter=*&since=0", "", None).await;
    host.post("/api/events", "{\"type\":\"b.c\"}\n{\"type\":\"a.b\"}").await;
    let mut streams = Vec::new();
    for _ in 0..ANONYMOUS_CONNECTIONS {
        streams.push(open().await);
    }
    assert!(streams.iter().all(|stream| stream.status().as_u16() == 200));
    assert_eq!(open().await.status().as_u16(), 429);
    let mut body = streams.remove(0).into_body();
    body.frame().await.unwrap().unwrap();
    let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
    let text = std::str::from_utf8(&frame).unwrap();
    assert!(text.contains("a.b") && !text.contains("b.c"), "{text}");
}

#[tokio::test]
async fn what_became_of_an_event_is_told_to_who_may_read_everything() {
    let host = fixture().await;
    let emits = made(&host, json!({"name": "emits", "scopes": ["emit", "read:task.*"]})).await;
    let reads = made(&host, json!({"name": "reads", "scopes": ["emit", "read"]})).await;
    let (status, answer) = asked(&host, "POST", "/api/events?wait_ms=10", r#"{"type":"a.b"}"#, &emits).await;
    assert_eq!((status, host.state.bus.journal().head()), (403, 0), "{answer}");
    let (status, answer) = asked(&host, "POST", "/api/events?wait_ms=10", r#"{"type":"a.b"}"#, &reads).await;
    assert_eq!((status, &answer["outcomes"], &answer["events"][0]["seq"]), (200, &json!([]), &json!(1)), "{answer}");
}
