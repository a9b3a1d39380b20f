//! What kill -9 leaves: every acknowledged event, once, and chains that verify.

use crate::support::{DEADLINE, Home, http, stderr, stdout};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// How often the daemon is killed.
const ROUNDS: usize = 20;
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
    let kept: HashMap<String, u64> = daemon
        .events("message.in")
        .iter()
        .map(|event| (event["id"].as_str().unwrap().to_owned(), event["seq"].as_u64().unwrap()))
        .collect();
    for (id, seq) in &acknowledged {
        assert_eq!(kept.get(id), Some(seq), "event {id} was acknowledged as {seq}");
    }
    crate::support::wait_for("the audit trail to hold every message", || {
        let shown = home.tollgate(["audit", "verify"]);
        assert_eq!(shown.status.code(), Some(0), "{}{}", stdout(&shown), stderr(&shown));
        (daemon.plugin("audit")["lag"] == 0).then_some(())
    });
    drop(daemon);
    for command in [["journal", "verify"], ["audit", "verify"]] {
        let output = home.tollgate(command);
        assert_eq!(output.status.code(), Some(0), "{command:?}: {}{}", stdout(&output), stderr(&output));
    }
}

/// Id and seq of the one receipt of an answer.
fn receipt(answer: &Value) -> (String, u64) {
    let receipt = answer.as_array().map_or(answer, |receipts| &receipts[0]);
    let receipt = receipt.get("events").map_or(receipt, |receipts| &receipts[0]);
    (receipt["id"].as_str().expect("an id").to_owned(), receipt["seq"].as_u64().expect("a seq"))
}
