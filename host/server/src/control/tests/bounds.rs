//! What a client may take and say, and what becomes of one that does not keep up.

use super::joins::{JOINS, WITHIN};
use super::said::MAX_SAID_BYTES;
use super::wire::INBOX;
use super::*;
use crate::router::router;
use crate::router::tests::Fixture;
use axum::http::Request;
use http_body_util::BodyExt as _;

/// One request of a client that polls.
async fn poll(host: &Fixture, method: &str, sid: Option<&str>, body: &str) -> (u16, String) {
    let sid = sid.map(|sid| format!("&sid={sid}")).unwrap_or_default();
    let request = Request::builder().method(method).uri(format!("/socket.io/?EIO=4&transport=polling{sid}"));
    let request = request.header("host", "localhost").extension(Access::NETWORK);
    let response =
        router(host.state.clone()).oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

/// What a client that polls is told next; it is asked whether it is there, too.
async fn polled(host: &Fixture, sid: &str) -> String {
    loop {
        let more = tokio::time::timeout(DEADLINE, poll(host, "GET", Some(sid), "")).await.expect("in time");
        let packets: Vec<&str> = more.1.split('\u{1e}').filter(|packet| *packet != "2").collect();
        if !packets.is_empty() {
            return packets.join("\u{1e}");
        }
    }
}

/// Opens a session of the library's; none where there is no room for it.
async fn knock(host: &Fixture) -> Option<String> {
    let (status, opened) = poll(host, "GET", None, "").await;
    if status == 503 {
        return None;
    }
    let opened: Value = serde_json::from_str(opened.strip_prefix('0').unwrap()).unwrap();
    Some(opened["sid"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_client_that_polls_is_served_like_any_other() {
    let host = fixture().await;
    let sid = knock(&host).await.unwrap();
    let said = format!("40{}", json!({"token": CLIENT, "hooks": false, "rooms": ["agent:a1"]}));
    assert_eq!(poll(&host, "POST", Some(&sid), &said).await, (200, "ok".to_owned()));
    let connected = polled(&host, &sid).await;
    assert!(connected.starts_with("40{"), "{connected}");
    assert_eq!(poll(&host, "POST", Some(&sid), r#"427["join_village","v1"]"#).await.0, 200);
    let answered = polled(&host, &sid).await;
    assert_eq!(answered, r#"437[{"ok":true,"room":"village:v1"}]"#);
    let payload = json!({"agentId": "a1", "sessionId": "s1"}).to_string();
    let draft = Draft::new(EventType::parse("agent.spawn").unwrap(), "core", payload.clone());
    let seq = host.state.bus.emit(draft).await.unwrap().seq;
    let told = polled(&host, &sid).await;
    let cursor = cursor_text(host.state.bus.journal().epoch(), seq);
    assert_eq!(told, format!(r#"42["agent_spawn",{payload},"{cursor}"]"#));
    assert_eq!(poll(&host, "GET", Some("AAAAAAAAAAAAAAAA"), "").await.0, 400, "somebody else's");
    assert_eq!(poll(&host, "POST", Some(&sid), "1").await.0, 200);
    assert_eq!(poll(&host, "GET", Some(&sid), "").await.0, 400, "it took its leave");
}

#[tokio::test(start_paused = true)]
async fn who_does_not_say_who_it_is_takes_a_bounded_number_of_places_for_a_while() {
    let host = fixture().await;
    for _ in 0..MAX_KNOCKING {
        assert!(knock(&host).await.is_some());
    }
    assert!(knock(&host).await.is_none());
    tokio::time::advance(CONNECT_TIMEOUT).await;
    let again = async {
        while knock(&host).await.is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, again).await.expect("the places come back");
}

#[tokio::test]
async fn those_who_are_let_go_and_do_not_leave_are_bounded() {
    let host = fixture().await;
    let (mut opened, hello) = (0, format!("40{}", json!({"token": CLIENT, "hooks": false})));
    while let Some(sid) = knock(&host).await {
        opened += 1;
        assert!(opened <= MAX_SESSIONS, "{opened}");
        poll(&host, "POST", Some(&sid), &hello).await;
        assert!(polled(&host, &sid).await.starts_with("40"));
        // It leaves the rooms and keeps the connection.
        poll(&host, "POST", Some(&sid), "41").await;
        let released = async {
            while host.state.streams.available_permits() < MAX_STREAMS {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, released).await.expect("its place among the live comes back");
    }
    assert_eq!(opened, MAX_SESSIONS);
}

#[tokio::test]
async fn live_clients_are_bounded_with_all_others() {
    let host = fixture().await;
    let hello = format!("40{}", json!({"token": CLIENT, "hooks": false}));
    for count in 0..=MAX_STREAMS {
        let sid = knock(&host).await.unwrap();
        poll(&host, "POST", Some(&sid), &hello).await;
        let answer = polled(&host, &sid).await;
        if count < MAX_STREAMS {
            assert!(answer.starts_with("40"), "{count}: {answer}");
        } else {
            assert!(answer.starts_with(r#"44{"message":"E_RATE_LIMIT: "#), "{answer}");
        }
    }
}

#[tokio::test]
async fn joins_are_bounded_in_time() {
    let served = served().await;
    let mut client = Client::connect(&served, rooms(&[])).await;
    let begun = tokio::time::Instant::now();
    let mut answers = Vec::new();
    for count in 0..=JOINS {
        answers.push(client.ask("join_agent", json!(format!("a{count}"))).await);
    }
    if begun.elapsed() < WITHIN {
        let refused = answers.pop().unwrap();
        assert_eq!(refused["error"]["code"], "E_RATE_LIMIT", "{refused}");
        assert_eq!(client.told_as("ws_error").await, refused);
    }
    assert!(answers.iter().all(|answer| answer["ok"] == true));
}

#[test]
fn rooms_of_one_client_are_bounded() {
    let mut rooms = Rooms::default();
    let room = |count: usize| Room::parse(&format!("agent:a{count}")).unwrap();
    for count in 0..MAX_ROOMS {
        rooms.join(room(count), &crate::reach::Reach::ALL).unwrap();
    }
    assert_eq!(rooms.join(room(MAX_ROOMS), &crate::reach::Reach::ALL), Err(rooms::Refusal::Full));
    rooms.join(room(0), &crate::reach::Reach::ALL).unwrap();
    rooms.leave(&room(1));
    rooms.join(room(MAX_ROOMS), &crate::reach::Reach::ALL).unwrap();
}

#[tokio::test]
async fn what_is_no_request_is_said_and_ends_nothing() {
    let served = served().await;
    let mut client = Client::connect(&served, rooms(&[])).await;
    for (said, says) in [
        (json!(["dance"]), "known are join_"),
        (json!(["join_house", "h1"]), "known are join_"),
        (json!(["join_village"]), "`villageId`: must be a text"),
        (json!(["join_village", {"villageId": 7}]), "`villageId`: must be a text"),
        (json!(["join_village", {"repoId": "r1"}]), "`villageId`: must be a text"),
        (json!(["join_agent", ""]), "`agentId`: 1 to 256 bytes"),
        (json!(["join_agent", "a\nb"]), "`agentId`: 1 to 256 bytes"),
        (json!(["join_agent", "x".repeat(257)]), "`agentId`: 1 to 256 bytes"),
        (json!(["join_agent", "x".repeat(MAX_SAID_BYTES)]), "at most 16384 bytes"),
    ] {
        client.say(format!("42{said}")).await;
        let error = client.told_as("ws_error").await;
        assert_eq!((&error["ok"], &error["error"]["code"]), (&json!(false), &json!("E_BAD_PAYLOAD")));
        assert!(error["error"]["message"].as_str().unwrap().contains(says), "{said} said {error}");
    }
    assert_eq!(client.ask("join_village", json!("v1")).await["ok"], true);
}

#[tokio::test]
async fn what_is_no_packet_ends_the_connection_and_nothing_else() {
    let served = served().await;
    for bad in [
        "42[7]",
        "42{}",
        "42[",
        "4",
        "49",
        "451-[\"join_village\",{\"_placeholder\":true,\"num\":0}]",
        "4\u{0}",
        "x",
        "42/other,[\"join_village\",\"v1\"]",
        "40/other,{}",
        "44{}",
        "43[]",
        "439999999999999999999999[]",
    ] {
        let mut client = Client::connect(&served, rooms(&[])).await;
        client.say(bad).await;
        // Told, ignored or closed: the host goes on.
        client.say("41").await;
    }
    let mut client = Client::connect(&served, rooms(&[])).await;
    client.say(format!("42[\"join_village\",\"{}\"]", "x".repeat(MAX_FRAME_BYTES))).await;
    assert!(client.packet().await.is_none(), "a message over the bound");
    served.empty().await;
}

#[tokio::test]
async fn more_than_is_heard_at_once_is_said_to_be_too_much() {
    let host = fixture().await;
    let sid = knock(&host).await.unwrap();
    poll(&host, "POST", Some(&sid), &format!("40{}", json!({"token": CLIENT, "hooks": false}))).await;
    poll(&host, "GET", Some(&sid), "").await;
    // In one body, so that all of them are read before one is answered.
    let said = vec![r#"42["get_status"]"#; INBOX * 3].join("\u{1e}");
    assert_eq!(poll(&host, "POST", Some(&sid), &said).await.0, 200);
    let mut told = String::new();
    while !told.contains("more was said at once") {
        told.push_str(&polled(&host, &sid).await);
    }
}

#[tokio::test]
async fn a_client_that_falls_behind_is_told_what_it_missed_and_goes_on() {
    let served = served().await;
    let mut client = Client::connect(&served, rooms(&["agent:a1"])).await;
    client.ask("join_agent", json!("a2")).await;
    let payload = json!({"agentId": "a1", "sessionId": "s1", "type": "output", "payload": {"x": "y".repeat(8_000)},
        "timestamp": 1});
    let draft = Draft::new(EventType::parse("work_stream.event").unwrap(), "core", payload.to_string());
    let mut last = 0;
    // More than the kernel holds for it, and both buffers.
    for _ in 0..8 {
        let receipts = served.fixture.state.bus.emit_batch(vec![draft.clone(); 1_000]).await.unwrap();
        last = receipts.last().unwrap().seq;
    }
    let (mut delivered, mut dropped, mut next) = (0, 0, 1);
    while next <= last {
        let (name, arguments) = client.told().await;
        if name == "stream_gap" {
            let number = |key: &str| arguments[0][key].as_u64().unwrap();
            assert_eq!((number("from"), number("count")), (next, number("to") + 1 - next), "{arguments:?}");
            dropped += number("count");
            next = number("to") + 1;
            continue;
        }
        let seq: u64 = arguments[1].as_str().unwrap().rsplit('.').next().unwrap().parse().unwrap();
        assert_eq!(seq, next, "in order, and nothing missing that was not told");
        (delivered, next) = (delivered + 1, next + 1);
    }
    assert!(dropped > 0 && delivered + dropped == last, "{delivered} and {dropped} of {last}");
    assert_eq!(client.ask("join_village", json!("v1")).await["ok"], true, "it is still there");
    let one = &served.clients().await[0];
    let keys = ["emitted", "delivered", "filtered", "dropped", "waiting"];
    assert_eq!(keys.map(|key| one[key].as_u64().unwrap()), [last, delivered, 0, dropped, 0]);
}

/// A buffer that is emptied of so many a second: the part of the time that it is full, and how many came out.
fn paced(rate: u64) -> (f64, u64) {
    use super::pace::Pace;
    let mut pace = Pace::new();
    let (mut held, mut full, mut out, mut owed) = (0_usize, 0, 0, 0_f64);
    let steps = 60_000;
    for _ in 0..steps {
        // A millisecond.
        owed += f64::from(u32::try_from(rate).unwrap()) / 1_000.0;
        while owed >= 1.0 && held > 0 {
            (held, out, owed) = (held - 1, out + 1, owed - 1.0);
        }
        owed = owed.min(1.0);
        while pace.may().is_ok() {
            if held == BUFFER {
                pace.full();
                break;
            }
            held += 1;
            pace.told();
        }
        full += u64::from(held == BUFFER);
        futures_util::FutureExt::now_or_never(tokio::time::advance(Duration::from_millis(1)));
    }
    (full as f64 / f64::from(steps), out)
}

#[tokio::test(start_paused = true)]
async fn a_buffer_is_seldom_full_however_slow_its_client_is() {
    for rate in [1, 10, 100, 1_000, 10_000] {
        let (full, out) = paced(rate);
        assert!(full < 0.2, "{rate} a second: full {full} of the time");
        assert!(out * 2 >= rate.min(100) * 60, "{rate} a second: {out} came out");
    }
}
