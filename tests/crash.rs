//! What kill -9 leaves: every acknowledged event, once, and chains that verify.

use crate::support::{DEADLINE, Home, http, stderr, stdout, wait_for};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tollgate_bundled::guests;

/// How often the daemon is killed.
const ROUNDS: usize = 20;
/// How often it is killed while a plugin counts.
const COUNTED_ROUNDS: usize = 8;
/// Clients that emit at the same time.
const EMITTERS: usize = 4;
/// Acknowledged events before the daemon is killed; the remainder in each round differs, so that kills fall anywhere.
const ACKNOWLEDGED: usize = 40;

#[test]
fn nothing_acknowledged_is_lost_to_kill_9() {
    let home = Home::new();
    let socket = home.path().join("run/tollgate.sock");
    let mut acknowledged: HashMap<String, u64> = HashMap::new();
    for round in 0..ROUNDS {
        let daemon = home.start();
        let count = AtomicUsize::new(0);
        let enough = ACKNOWLEDGED + round * 7 % 31;
        let rounds = std::thread::scope(|scope| {
            let emitters: Vec<_> = (0..EMITTERS)
                .map(|emitter| {
                    let (socket, count) = (&socket, &count);
                    scope.spawn(move || {
                        let mut mine = Vec::new();
                        for number in 0.. {
                            let text = format!("round {round}, emitter {emitter}, number {number}");
                            let draft = json!({"type": "message.in", "source": "core", "session": "crash",
                                "payload": {"user_id": "u", "chat_id": "c", "text": text}});
                            let Ok((200 | 201, answer)) = http(socket, "POST", "/api/events", &draft.to_string())
                            else {
                                break;
                            };
                            mine.push(receipt(&answer));
                            count.fetch_add(1, Ordering::SeqCst);
                        }
                        mine
                    })
                })
                .collect();
            let deadline = Instant::now() + DEADLINE;
            while count.load(Ordering::SeqCst) < enough {
                assert!(
                    Instant::now() < deadline,
                    "round {round}: {} acknowledged\n{}",
                    count.load(Ordering::SeqCst),
                    daemon.log()
                );
                std::thread::yield_now();
            }
            daemon.kill();
            emitters.into_iter().flat_map(|emitter| emitter.join().expect("an emitter")).collect::<Vec<_>>()
        });
        assert!(rounds.len() >= enough);
        acknowledged.extend(rounds);
    }

    let daemon = home.start();
    let events = daemon.events("message.in");
    let kept: HashMap<String, u64> =
        events.iter().map(|event| (event["id"].as_str().unwrap().to_owned(), event["seq"].as_u64().unwrap())).collect();
    assert_eq!(kept.len(), events.len(), "an event is kept twice");
    for (id, seq) in &acknowledged {
        assert_eq!(kept.get(id), Some(seq), "event {id} was acknowledged as {seq}");
    }
    wait_for("the audit plugin to have handled everything", || (daemon.plugin("audit")["lag"] == 0).then_some(()));
    drop(daemon);
    let mut kept: Vec<u64> = kept.into_values().collect();
    kept.sort_unstable();
    assert_eq!(messages_of_the_trail(&home), kept, "one line for each message, in order");
    for command in [["journal", "verify"], ["audit", "verify"]] {
        let output = home.tollgate(command);
        assert_eq!(output.status.code(), Some(0), "{command:?}: {}{}", stdout(&output), stderr(&output));
    }
}

/// The seqs of the messages in the audit trail, as they stand there.
fn messages_of_the_trail(home: &Home) -> Vec<u64> {
    let folder = home.path().join("data/audit");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let text: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["type"] == "message.in").map(|line| line["seq"].as_u64().unwrap()).collect()
}

#[test]
fn a_plugin_handles_each_event_exactly_once_over_kill_9() {
    let home = Home::new();
    home.install(
        "counter",
        guests::COUNTER,
        "[grant]\nemit = [\"test_guest.counted\"]\n[delivery]\nstart = \"beginning\"\n",
    );
    let mut ticks = Vec::new();
    for round in 0..COUNTED_ROUNDS {
        let daemon = home.start();
        // What is acknowledged before the plugin serves waits for it.
        let counted = || daemon.events("test_guest.counted").len();
        let before = counted();
        let enough = before + 20 + round * 7 % 31;
        let deadline = Instant::now() + DEADLINE;
        while counted() < enough {
            assert!(Instant::now() < deadline, "round {round}: {} counted\n{}", counted(), daemon.log());
            let batch: Vec<_> =
                (0..16).map(|_| json!({"type": "demo.tick", "source": "core", "payload": {}})).collect();
            let (status, answer) = daemon.post("/api/events", &json!(batch).to_string()).expect("the daemon answers");
            assert!(status < 300, "{answer}");
            ticks.extend(answer["events"].as_array().unwrap().iter().map(|receipt| receipt["seq"].as_u64().unwrap()));
        }
        // It is in the middle of what was emitted last.
        daemon.kill();
    }
    let daemon = home.start();
    wait_for("every tick to be counted", || (daemon.events("test_guest.counted").len() >= ticks.len()).then_some(()));
    wait_for("nothing to be left", || (daemon.plugin("counter")["lag"] == 0).then_some(()));
    let counted = daemon.events("test_guest.counted");
    let seqs: Vec<u64> = counted.iter().map(|event| event["payload"]["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, ticks, "each tick once, in order");
    let counts: Vec<u64> = counted.iter().map(|event| event["payload"]["count"].as_u64().unwrap()).collect();
    assert_eq!(counts, (1..=ticks.len() as u64).collect::<Vec<_>>(), "the store moved with the cursor");
}

#[test]
fn instances_handle_each_event_exactly_once_and_in_order_over_kill_9() {
    let home = Home::new();
    let mut handled: HashMap<String, Vec<u64>> = HashMap::new();
    let mut count = 0;
    for round in 0..COUNTED_ROUNDS {
        // Another number of instances each time: the cursor is the plugin's, not theirs.
        let instances = [4, 1, 8, 2][round % 4];
        home.install(
            "keyed",
            guests::KEYED,
            &format!(
                "[grant]\nemit = [\"test_guest.*\"]\n[delivery]\nstart = \"beginning\"\ninstances = {instances}\n"
            ),
        );
        let daemon = home.start();
        let keyed = || daemon.events("test_guest.keyed").len();
        let enough = keyed() + 20 + round * 7 % 31;
        let deadline = Instant::now() + DEADLINE;
        while keyed() < enough {
            assert!(Instant::now() < deadline, "round {round}: {} handled\n{}", keyed(), daemon.log());
            let batch: Vec<_> = (0..16)
                .map(|_| {
                    count += 1;
                    let (of, then) = (format!("{}", count % 7), if count % 19 == 0 { "retry" } else { "" });
                    json!({"type": "demo.tick", "source": "core", "entity": {"kind": "task", "id": of},
                        "payload": {"of": of, "then": then}})
                })
                .collect();
            let (status, answer) = daemon.post("/api/events", &json!(batch).to_string()).expect("the daemon answers");
            assert!(status < 300, "{answer}");
            for (event, receipt) in batch.iter().zip(answer["events"].as_array().unwrap()) {
                let of = event["payload"]["of"].as_str().unwrap().to_owned();
                handled.entry(of).or_default().push(receipt["seq"].as_u64().unwrap());
            }
        }
        daemon.kill();
    }
    let daemon = home.start();
    let all: usize = handled.values().map(Vec::len).sum();
    wait_for("every event to be handled", || (daemon.events("test_guest.keyed").len() >= all).then_some(()));
    wait_for("nothing to be left", || (daemon.plugin("keyed")["lag"] == 0).then_some(()));
    let mut seen: HashMap<String, (Vec<u64>, Vec<u64>)> = HashMap::new();
    for event in daemon.events("test_guest.keyed") {
        let (seqs, counts) = seen.entry(event["payload"]["of"].as_str().unwrap().to_owned()).or_default();
        seqs.push(event["payload"]["seq"].as_u64().unwrap());
        counts.push(event["payload"]["count"].as_u64().unwrap());
    }
    for (of, (seqs, counts)) in seen {
        assert_eq!(Some(&seqs), handled.get(&of), "each event of {of} once, in order");
        assert_eq!(counts, (1..=seqs.len() as u64).collect::<Vec<_>>(), "the store moved with the cursor");
    }
}

/// Id and seq of the one receipt of an answer.
fn receipt(answer: &Value) -> (String, u64) {
    let receipt = answer.as_array().map_or(answer, |receipts| &receipts[0]);
    let receipt = receipt.get("events").map_or(receipt, |receipts| &receipts[0]);
    (receipt["id"].as_str().expect("an id").to_owned(), receipt["seq"].as_u64().expect("a seq"))
}
