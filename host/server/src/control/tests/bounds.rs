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
pub(super) async fn poll(host: &Fixture, method: &str, sid: Option<&str>, body: &str) -> (u16, String) {
    poll_from(Access::NETWORK, host, method, sid, body).await
}

async fn poll_from(access: Access, host: &Fixture, method: &str, sid: Option<&str>, body: &str) -> (u16, String) {
    let sid = sid.map(|sid| format!("&sid={sid}")).unwrap_or_default();
    let request = Request::builder().method(method).uri(format!("/socket.io/?EIO=4&transport=polling{sid}"));
    let request = request.header("host", "localhost").extension(access);
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
pub(super) async fn knock(host: &Fixture) -> Option<String> {
    knock_from(Access::NETWORK, host).await
}

async fn knock_from(access: Access, host: &Fixture) -> Option<String> {
    let (status, opened) = poll_from(access, host, "GET", None, "").await;
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
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, again).await.expect("the places come back");
}

#[tokio::test]
async fn those_who_are_let_go_and_do_not_leave_are_bounded() {
    let host = fixture().await;
    let (mut opened, hello) = (0, format!("40{}", json!({"hooks": false})));
    // The daemon's own user, who has as many as there are.
    while let Some(sid) = knock_from(Access::LOCAL_USER, &host).await {
        opened += 1;
        assert!(opened <= MAX_SESSIONS, "{opened}");
        poll(&host, "POST", Some(&sid), &hello).await;
        assert!(polled(&host, &sid).await.starts_with("40"));
        leaves(&host, &sid).await;
    }
    assert_eq!(opened, MAX_SESSIONS);
}

/// It leaves the rooms and keeps the connection.
async fn leaves(host: &Fixture, sid: &str) {
    poll(host, "POST", Some(sid), "41").await;
    let released = async {
        while host.state.streams.available_permits() < MAX_STREAMS {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, released).await.expect("its place among the live comes back");
}

#[tokio::test]
async fn who_leaves_and_stays_connected_keeps_its_place_among_those_of_its_token() {
    let host = fixture().await;
    let add = |name: &str| {
        let wish = json!({"name": name, "scopes": ["read"], "connections": 2});
        host.state.tokens.add(serde_json::from_value(wish).unwrap(), tollgate_core::time::Timestamp(0)).unwrap().1
    };
    let hello = |token: &str| format!("40{}", json!({"token": token, "hooks": false}));
    let (ours, theirs) = (add("ours"), add("theirs"));
    let mut left = Vec::new();
    for _ in 0..2 {
        let sid = knock(&host).await.unwrap();
        poll(&host, "POST", Some(&sid), &hello(&ours)).await;
        assert!(polled(&host, &sid).await.starts_with("40"));
        leaves(&host, &sid).await;
        left.push(sid);
    }
    let third = knock(&host).await.unwrap();
    let enters = async |sid: &str, token: &str| {
        poll(&host, "POST", Some(sid), &hello(token)).await;
        polled(&host, sid).await
    };
    let refused = enters(&third, &ours).await;
    assert!(refused.starts_with(r#"44{"message":"E_RATE_LIMIT: "#), "{refused}");
    // It may come back by the place that it has, and as somebody else, which gives that back.
    assert!(enters(&left[0], &ours).await.starts_with("40"));
    leaves(&host, &left[0]).await;
    assert!(enters(&left[0], &theirs).await.starts_with("40"));
    assert!(enters(&third, &ours).await.starts_with("40"));
    // And who closes the connection gives it back, too.
    let fourth = knock(&host).await.unwrap();
    assert!(enters(&fourth, &ours).await.starts_with("44"));
    assert_eq!(poll(&host, "POST", Some(&left[1]), "1").await.0, 200);
    let comes_back = async {
        while !enters(&fourth, &ours).await.starts_with("40") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, comes_back).await.expect("its place comes back");
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

/// What the library holds for the one client that is connected.
pub(super) fn held(host: &Fixture) -> Held {
    let sockets = host.state.control.io.of("/").unwrap().sockets();
    assert_eq!(sockets.len(), 1);
    sockets[0].req_parts().extensions.get::<Seat>().unwrap().held.clone()
}

pub(super) fn large(bytes: usize) -> Draft {
    let payload = json!({"agentId": "a1", "sessionId": "s1", "type": "output", "payload": {"x": "y".repeat(bytes)},
        "timestamp": 1});
    Draft::new(EventType::parse("work_stream.event").unwrap(), "core", payload.to_string())
}

#[tokio::test]
async fn the_library_holds_a_bounded_number_of_bytes_for_who_does_not_poll() {
    let host = fixture().await;
    let sid = knock(&host).await.unwrap();
    let hello = json!({"token": CLIENT, "hooks": false, "rooms": ["agent:a1"]});
    poll(&host, "POST", Some(&sid), &format!("40{hello}")).await;
    assert!(polled(&host, &sid).await.starts_with("40"));
    let events = 20;
    host.state.bus.emit_batch(vec![large(100_000); events]).await.unwrap();
    // Two fit, and a third would not, however long it is not asked for.
    let full = async {
        while held(&host).bytes() < 200_000 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, full).await.expect("it is told what fits");
    let mut told = 0;
    while told < events {
        let more = polled(&host, &sid).await;
        assert!(more.len() as u64 <= held::MAX_HELD_BYTES, "{} bytes at once", more.len());
        told += more.matches("work_stream_event").count();
    }
    assert_eq!((told, held(&host).bytes()), (events, 0));
}

#[tokio::test]
async fn what_is_held_for_a_client_is_counted_to_the_byte() {
    let host = fixture().await;
    let sid = knock(&host).await.unwrap();
    let hello = json!({"token": CLIENT, "hooks": false, "rooms": ["agent:a1"]});
    poll(&host, "POST", Some(&sid), &format!("40{hello}")).await;
    polled(&host, &sid).await;
    let told = async |bytes: u64| {
        let given = async {
            while held(&host).bytes() == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, given).await.expect("it is told");
        assert_eq!(held(&host).bytes(), bytes);
        assert_eq!(polled(&host, &sid).await.len() as u64, bytes);
        assert_eq!(held(&host).bytes(), 0);
    };
    let seq = host.state.bus.emit(large(7)).await.unwrap().seq;
    let cursor = cursor_text(host.state.bus.journal().epoch(), seq);
    let text = said::Text::Payload(large(7).payload);
    told(said::Outgoing::Event { name: "work_stream_event", text, cursor: Some(cursor) }.bytes()).await;
    poll(&host, "POST", Some(&sid), r#"421234["join_village","v1"]"#).await;
    let text = r#"{"ok":true,"room":"village:v1"}"#.to_owned();
    told(said::Outgoing::Answer { number: 1_234, text }.bytes()).await;
}

#[tokio::test]
async fn the_library_holds_a_bounded_number_of_bytes_for_who_does_not_read() {
    let served = served().await;
    let mut client = Client::connect(&served, rooms(&["agent:a1"])).await;
    client.ask("join_agent", json!("a2")).await;
    // More than the kernel holds for it.
    let events = 200;
    let receipts = served.fixture.state.bus.emit_batch(vec![large(100_000); events]).await.unwrap();
    let last = receipts.last().unwrap().seq;
    let held = held(&served.fixture);
    let full = async {
        while held.has_room_for(100_000, false) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, full).await.expect("it is told what fits");
    assert!(held.bytes() <= held::MAX_HELD_BYTES);
    for seq in 1..=last {
        let (_, arguments) = client.told().await;
        assert!(arguments[1].as_str().unwrap().ends_with(&format!(".{seq}")), "{}", arguments[1]);
        assert!(held.bytes() <= held::MAX_HELD_BYTES);
    }
    client.ask("join_village", json!("v1")).await;
    assert_eq!(held.bytes(), 0, "all of it left");
}

#[tokio::test]
async fn who_is_let_go_with_a_full_buffer_hears_why_once_it_reads_on() {
    let served = served().await;
    let wish = serde_json::from_value(json!({"name": "board", "scopes": ["read"]})).unwrap();
    let token = served.fixture.state.tokens.add(wish, tollgate_core::time::Timestamp(0)).unwrap().1;
    let mut client = Client::connect(&served, json!({"token": token, "hooks": false, "rooms": ["agent:a1"]})).await;
    client.ask("join_agent", json!("a2")).await;
    // More than the kernel holds for it: then the buffer, which what takes out of it waits for.
    let socket = served.fixture.state.control.io.of("/").unwrap().sockets().swap_remove(0);
    let (filler, mut refused) = ("x".repeat(100_000), 0);
    while refused < 1_000 {
        refused = if socket.emit("filler", &filler).is_ok() { 0 } else { refused + 1 };
        tokio::task::yield_now().await;
    }
    served.fixture.state.tokens.revoke("board").unwrap();
    // It is no longer there for anybody else, though it has not heard of that yet.
    served.empty().await;
    let (mut last, mut before) = (String::new(), String::new());
    let reads_on = async {
        while last != "41" {
            (before, last) = (last.clone(), client.packet().await.expect("a word before the end"));
        }
    };
    tokio::time::timeout(DEADLINE, reads_on).await.expect("it hears of it");
    assert!(before.contains("ws_error") && before.contains("E_UNAUTH"), "{before}");
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
