//! Clients that begin by polling and go over to a WebSocket, as official ones do by themselves.

use super::bounds::{held, knock, large, poll};
use super::*;

/// The client of a session that polled so far, on the WebSocket that takes over.
async fn goes_over(served: &Served, sid: &str) -> Client {
    let stream = TcpStream::connect(served.address).await.unwrap();
    let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket&sid={sid}", served.address);
    let (socket, _) = tokio_tungstenite::client_async(url.into_client_request().unwrap(), stream).await.unwrap();
    let mut client = Client { socket, came: VecDeque::new(), asked: 0 };
    client.say("2probe").await;
    assert_eq!(client.packet().await.unwrap(), "3probe");
    client.say("5").await;
    client
}

#[tokio::test]
async fn who_goes_over_to_a_websocket_is_told_everything_whether_it_said_who_it_is_before_or_after() {
    let hello = json!({"token": CLIENT, "hooks": false, "rooms": ["agent:a1"]});
    for before in [true, false] {
        let served = served().await;
        let sid = knock(&served.fixture).await.unwrap();
        let mut client = if before {
            poll(&served.fixture, "POST", Some(&sid), &format!("40{hello}")).await;
            poll(&served.fixture, "GET", Some(&sid), "").await;
            goes_over(&served, &sid).await
        } else {
            let mut client = goes_over(&served, &sid).await;
            client.enter(hello.clone()).await.unwrap();
            client
        };
        let events = 20;
        served.fixture.state.bus.emit_batch(vec![large(100_000); events]).await.unwrap();
        for _ in 0..events {
            client.told_as("work_stream_event").await;
        }
        assert_eq!(client.ask("join_village", json!("v1")).await["ok"], true);
        assert_eq!(held(&served.fixture).bytes(), 0, "all of it left");
        assert!(served.fixture.state.control.early.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn who_goes_over_while_much_waits_for_it_is_let_over_and_told_all_of_it() {
    let served = served().await;
    let events = 5 * BUFFER;
    served.fixture.state.bus.emit_batch(vec![large(10); events]).await.unwrap();
    let sid = knock(&served.fixture).await.unwrap();
    let cursor = cursor_text(served.fixture.state.bus.journal().epoch(), 0);
    let hello = json!({"token": CLIENT, "hooks": false, "rooms": ["agent:a1"], "cursor": cursor});
    poll(&served.fixture, "POST", Some(&sid), &format!("40{hello}")).await;
    // It does not poll, and is given what it may be.
    let full = async {
        let control = &served.fixture.state.control;
        while control.seat_of(&sid).is_none_or(|seat| seat.held.has_room_for(1, true)) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, full).await.expect("it is given what fits");
    let mut client = goes_over(&served, &sid).await;
    let mut told = 0;
    while told < events {
        let packet = client.packet().await.expect("an event, and not the end");
        told += usize::from(packet.starts_with("42"));
    }
    assert_eq!(client.ask("join_village", json!("v1")).await["ok"], true);
}

#[tokio::test]
async fn what_did_not_take_over_is_not_remembered() {
    let served = served().await;
    let stream = TcpStream::connect(served.address).await.unwrap();
    let url = format!("ws://{}/socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA", served.address);
    assert!(tokio_tungstenite::client_async(url.into_client_request().unwrap(), stream).await.is_err());
    assert!(served.fixture.state.control.early.lock().unwrap().is_empty());
    // Who went over and never said who it is leaves nothing once there is no room for more.
    let control = &served.fixture.state.control;
    for number in 0..MAX_SESSIONS {
        control.takes_over(&number.to_string(), Written::default());
    }
    assert_eq!(control.early.lock().unwrap().len(), MAX_SESSIONS);
    let written = Written::default();
    control.takes_over("one", written.clone());
    assert_eq!(control.early.lock().unwrap().len(), 1);
    // And none that lives is put out.
    for number in 0..MAX_SESSIONS {
        control.takes_over(&format!("more {number}"), written.clone());
    }
    assert_eq!(control.early.lock().unwrap().len(), MAX_SESSIONS);
}

#[tokio::test]
async fn what_one_has_taken_over_no_other_takes_from_it() {
    let served = served().await;
    let control = &served.fixture.state.control;
    let is_kept = |written: &Written| control.early.lock().unwrap().get("s").is_some_and(|kept| kept.is(written));
    let (gone, first, second) = (Written::default(), Written::default(), Written::default());
    control.takes_over("s", gone);
    control.takes_over("s", first.clone());
    assert!(is_kept(&first), "what is gone makes room");
    control.takes_over("s", second.clone());
    assert!(is_kept(&first));
    control.forget("s", &second);
    assert!(is_kept(&first));
    control.forget("s", &first);
    assert!(control.early.lock().unwrap().is_empty());
    // And over real connections.
    let sid = knock(&served.fixture).await.unwrap();
    let mut client = goes_over(&served, &sid).await;
    let stream = TcpStream::connect(served.address).await.unwrap();
    let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket&sid={sid}", served.address);
    let _another = tokio_tungstenite::client_async(url.into_client_request().unwrap(), stream).await.unwrap();
    client.enter(json!({"token": CLIENT, "hooks": false, "rooms": ["agent:a1"]})).await.unwrap();
    let events = 20;
    served.fixture.state.bus.emit_batch(vec![large(100_000); events]).await.unwrap();
    for _ in 0..events {
        client.told_as("work_stream_event").await;
    }
    assert_eq!(held(&served.fixture).bytes(), 0, "all of it left over the first");
}
