//! Every route of the table, for everyone who is to be refused there.

use super::*;
use crate::routes::{Route, routes};
use crate::scope::{Needs, Scopes};
use crate::tokens::Wish;
use axum::response::Response;
use tollgate_core::time::Timestamp;

/// Someone at the port.
#[derive(Clone, Copy, Default)]
struct Stranger<'a> {
    host: Option<&'a str>,
    origin: Option<&'a str>,
    bearer: Option<&'a str>,
    /// As a browser's WebSocket sends it.
    protocol: Option<&'a str>,
}

const HERE: Stranger<'static> = Stranger { host: Some("localhost"), origin: None, bearer: None, protocol: None };

impl Stranger<'_> {
    async fn knocks(self, fixture: &Fixture, route: &Route) -> Response {
        // A path as it could be: what it is about need not be there to be refused.
        let path = route.path.replace("{seq}", "1").replace(['{', '}'], "");
        let mut request = Request::builder().method(route.method).uri(path).extension(Access::NETWORK);
        let bearer = self.bearer.map(|token| format!("Bearer {token}"));
        let protocol = self.protocol.map(|token| format!("tollgate.v1, tollgate.token.{token}"));
        let headers = [
            ("host", self.host),
            ("origin", self.origin),
            ("authorization", bearer.as_deref()),
            ("sec-websocket-protocol", protocol.as_deref()),
        ];
        for (name, value) in headers {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        if route.path.starts_with("/ws") {
            let handshake = [
                ("connection", "upgrade"),
                ("upgrade", "websocket"),
                ("sec-websocket-version", "13"),
                ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ];
            for (name, value) in handshake {
                request = request.header(name, value);
            }
        }
        let request = request.body(Body::from("{}")).unwrap();
        router(fixture.state.clone()).oneshot(request).await.unwrap()
    }

    async fn is_told(self, fixture: &Fixture, route: &Route) -> (u16, String) {
        let response = self.knocks(fixture, route).await;
        let status = response.status().as_u16();
        if status < 400 {
            return (status, String::new());
        }
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        (status, answer["error"]["code"].as_str().unwrap_or_default().to_owned())
    }
}

/// What a path answers that lets anyone begin, without a connection behind the request.
fn no_handshake(route: &Route) -> u16 {
    if route.path == "/ws" { 426 } else { 400 }
}

fn token(fixture: &Fixture, name: &str, scopes: &[&str]) -> String {
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let wish = Wish { name: name.to_owned(), scopes, sources: Vec::new(), per_second: None, connections: None };
    fixture.state.tokens.add(wish, Timestamp(0)).unwrap().1
}

#[tokio::test]
async fn every_route_refuses_who_has_no_token_that_counts() {
    let host = fixture().await;
    let gone = token(&host, "gone", &["read", "emit", "gate", "approve", "admin"]);
    host.state.tokens.revoke("gone").unwrap();
    for route in routes() {
        let at = format!("{} {}", route.method, route.path);
        for bearer in [None, Some(""), Some("guessed"), Some(&CLIENT[1..]), Some(gone.as_str())] {
            for stranger in [Stranger { bearer, ..HERE }, Stranger { protocol: bearer, ..HERE }] {
                let (status, code) = stranger.is_told(&host, &route).await;
                if route.needs == Needs::Nothing {
                    assert_eq!(status, 200, "{at}");
                } else if route.needs == Needs::Later && bearer.is_none() {
                    // It says who it is later, or is let go: `doors` of `control` and of `ws`.
                    assert_eq!(status, no_handshake(&route), "{at}: no handshake");
                } else {
                    assert_eq!((status, code.as_str()), (401, "unauthorised"), "{at} {bearer:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn every_route_refuses_foreign_names_and_pages() {
    let host = fixture().await;
    for route in routes() {
        let at = format!("{} {}", route.method, route.path);
        let ours = Stranger { bearer: Some(APPROVER), protocol: Some(APPROVER), ..HERE };
        for (foreign, expected) in [
            (Stranger { host: None, ..ours }, "host_missing"),
            (Stranger { host: Some("evil.example.org"), ..ours }, "host_refused"),
            (Stranger { host: Some("localhost.evil.example.org"), ..ours }, "host_refused"),
            (Stranger { origin: Some("https://evil.example.org"), ..ours }, "origin_refused"),
            (Stranger { origin: Some("null"), ..ours }, "origin_refused"),
            (Stranger { origin: Some("https://localhost"), ..ours }, "origin_refused"),
        ] {
            let (status, code) = foreign.is_told(&host, &route).await;
            assert_eq!((status, code.as_str()), (403, expected), "{at}");
        }
        let own = Stranger { origin: Some("http://localhost"), ..ours };
        let (status, code) = own.is_told(&host, &route).await;
        assert!(status != 401 && code != "origin_refused" && code != "forbidden", "{at}: {status} {code}");
    }
}

#[tokio::test]
async fn every_route_wants_its_own_scope_and_no_other_opens_it() {
    let host = fixture().await;
    let given =
        [vec!["emit"], vec!["emit:a.*"], vec!["read"], vec!["read:a.*"], vec!["gate"], vec!["approve"], vec!["admin"]];
    for (count, scopes) in given.iter().enumerate() {
        let token = token(&host, &format!("t{count}"), scopes);
        let scopes = Scopes::parse(scopes).unwrap();
        for route in routes() {
            for stranger in [Stranger { bearer: Some(&token), ..HERE }, Stranger { protocol: Some(&token), ..HERE }] {
                let (status, code) = stranger.is_told(&host, &route).await;
                let refused = (status, code.as_str()) == (403, "forbidden");
                assert_eq!(refused, !scopes.allow(route.needs), "{} {} {scopes}: {status}", route.method, route.path);
            }
        }
    }
}

#[tokio::test]
async fn who_has_no_token_watches_what_is_open_and_does_nothing_else() {
    let host = fixture_where(Some("orchestrator.*")).await;
    for route in routes() {
        let (status, code) = HERE.is_told(&host, &route).await;
        match route.needs {
            Needs::Watch => assert!(status != 401 && status != 403, "{}: {status}", route.path),
            Needs::Nothing => assert_eq!(status, 200),
            Needs::Later => assert_eq!(status, no_handshake(&route), "no handshake"),
            _ => assert_eq!((status, code.as_str()), (401, "unauthorised"), "{} {}", route.method, route.path),
        }
        let wrong = Stranger { bearer: Some("guessed"), ..HERE };
        let open = route.needs == Needs::Nothing;
        assert_eq!(wrong.knocks(&host, &route).await.status().as_u16(), if open { 200 } else { 401 }, "{}", route.path);
        let foreign = Stranger { origin: Some("https://evil.example.org"), ..HERE };
        assert_eq!(foreign.is_told(&host, &route).await.1, "origin_refused", "{}", route.path);
    }
}
