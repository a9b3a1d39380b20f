//! Many clients in rooms at once, some of which do not read: those who keep up are told everything once, the others of
//! what they missed. `cargo xtask socketio-rooms` has more of them, and others' clients.

use super::*;
use std::collections::BTreeSet;
use tokio::net::TcpSocket;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Clients that read, and clients that do not until everything is over.
const READERS: usize = 45;
const OTHERS: usize = 5;
/// Events come in rounds: in each so many that are read, and so many large ones for those that do not read, which are
/// more than sockets and queues hold. The next begins once the readers have the last.
const ROUNDS: usize = 20;
const SMALL: usize = 50;
const LARGE: usize = 100;
const LARGE_BYTES: usize = 8_000;
/// Agents, each with a session; of their villages there are two.
const AGENTS: usize = 5;
/// What the kernel may keep for one that does not read.
const RECEIVE_BYTES: u32 = 64 * 1_024;

fn village_of(agent: usize) -> usize {
    agent % 2
}

fn step(agent: &str, number: usize, bytes: usize) -> Draft {
    let payload = json!({"agentId": agent, "sessionId": agent, "type": "output",
        "payload": {"n": number, "x": "y".repeat(bytes)}, "timestamp": 1});
    let mut draft = Draft::new(EventType::parse("work_stream.event").unwrap(), "core", payload.to_string());
    draft.session = Some(agent.into());
    draft
}

fn seq(cursor: &Value) -> u64 {
    cursor.as_str().unwrap().rsplit('.').next().unwrap().parse().unwrap()
}

/// Reads so many events, as they come: where each is, in order.
async fn reads(mut client: Client, count: usize, so_far: watch::Sender<usize>) -> Vec<u64> {
    let mut seqs = Vec::new();
    while seqs.len() < count {
        let (name, arguments) = client.told().await;
        assert_eq!(name, "work_stream_event", "who keeps up misses nothing: {arguments:?}");
        seqs.push(seq(&arguments[1]));
        so_far.send_replace(seqs.len());
    }
    // And nothing twice, nor anything else before this.
    assert_eq!(client.ask("get_status", Value::Null).await["ok"], true);
    assert_eq!(client.told().await.0, "status");
    seqs
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_that_keeps_up_is_told_everything_once_and_who_does_not_of_what_it_missed() {
    let served = served().await;
    let state = &served.fixture.state;
    for agent in 0..AGENTS {
        state.sessions.place(&format!("a{agent}"), Some(&format!("v{}", village_of(agent))), None);
    }
    state.sessions.place("large", Some("large"), None);
    let (mut progress, mut readers) = (Vec::new(), JoinSet::new());
    for reader in 0..READERS {
        // An agent's room, and its village's: twice in one for what that agent does.
        let village = reader % 2;
        let mut client =
            Client::connect(&served, rooms(&[&format!("village:v{village}"), &format!("agent:a{village}")])).await;
        client.ask("join_agent", json!("nobody")).await;
        let (so_far, seen) = watch::channel(0);
        let wanted = (0..ROUNDS * SMALL).filter(|number| village_of(number % AGENTS) == village).count();
        progress.push((village, seen));
        readers.spawn(async move { (village, reads(client, wanted, so_far).await) });
    }
    let mut others = Vec::new();
    for _ in 0..OTHERS {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(RECEIVE_BYTES).unwrap();
        let mut client = Client::open_over(&served, socket.connect(served.address).await.unwrap()).await;
        client.enter(rooms(&["village:v0", "village:large"])).await.unwrap();
        client.ask("join_agent", json!("nobody")).await;
        others.push(client);
    }
    // Where each event is, by whom it is for.
    let mut places: [BTreeSet<u64>; 3] = Default::default();
    for round in 0..ROUNDS {
        let small = (round * SMALL..(round + 1) * SMALL).map(|number| (number % AGENTS, number));
        let drafts: Vec<Draft> = small.clone().map(|(agent, number)| step(&format!("a{agent}"), number, 10)).collect();
        let receipts = state.bus.emit_batch(drafts).await.unwrap();
        for ((agent, _), receipt) in small.zip(receipts) {
            places[village_of(agent)].insert(receipt.seq);
        }
        let receipts = state.bus.emit_batch(vec![step("large", round, LARGE_BYTES); LARGE]).await.unwrap();
        places[2].extend(receipts.iter().map(|receipt| receipt.seq));
        for (village, seen) in &mut progress {
            let there = places[*village].len();
            let caught_up = seen.wait_for(|seen| *seen >= there);
            tokio::time::timeout(DEADLINE, caught_up).await.expect("a reader keeps up").unwrap();
        }
    }
    while let Some(reader) = readers.join_next().await {
        let (village, seqs) = reader.unwrap();
        assert!(seqs.iter().eq(&places[village]), "all, in order, and once");
    }
    let theirs: BTreeSet<u64> = &places[0] | &places[2];
    let last = *theirs.last().unwrap();
    for client in &mut others {
        missed_is_told(client, &theirs, last).await;
    }
    for client in served.clients().await {
        let count = |key: &str| client[key].as_u64().unwrap();
        assert_eq!(count("emitted"), count("delivered") + count("filtered") + count("dropped") + count("waiting"));
    }
}

/// Reads to the end: everything that is the client's it was told, in order, or it was told that it missed it.
async fn missed_is_told(client: &mut Client, theirs: &BTreeSet<u64>, last: u64) {
    let (mut next, mut missed) = (1, 0);
    while next <= last {
        let (name, arguments) = client.told().await;
        let (from, to) = match &*name {
            "stream_gap" => {
                let number = |key: &str| arguments[0][key].as_u64().unwrap();
                missed += number("count");
                (number("from"), number("to"))
            }
            _ => (seq(&arguments[1]), seq(&arguments[1])),
        };
        assert!(from >= next, "{name} {from} after {next}: in order, and nothing twice");
        assert_eq!(theirs.range(next..from).next(), None, "nothing is missing that was not told");
        next = to + 1;
    }
    assert!(missed > 0, "it fell behind");
    assert_eq!(client.ask("join_agent", json!("a9")).await["ok"], true, "it is still there");
}
