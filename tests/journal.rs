//! What an operator does to the journal: keep it small, look at it, move it, blank what should not be in it.

use crate::support::{Daemon, Home, stderr, stdout, wait_for};
use serde_json::{Value, json};
use std::fs;
use std::process::Output;

fn emit(daemon: &Daemon, count: usize) {
    for _ in 0..count.div_ceil(1_000) {
        let draft =
            json!({"type": "demo.note", "source": "core", "session": "s1", "payload": {"text": "a plain word"}});
        let (status, answer) =
            daemon.post("/api/events", &json!(vec![draft; count.min(1_000)]).to_string()).expect("the daemon answers");
        assert!(status < 300, "{answer}");
    }
}

fn done(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(output), stderr(output));
    stdout(output)
}

fn as_json(output: &Output) -> Value {
    serde_json::from_str(&done(output)).unwrap_or_else(|_| panic!("{output:?}"))
}

/// Runs a command that must fail; standard error must hold each of `says`.
fn refused(output: &Output, code: i32, says: &[&str]) {
    assert_eq!(output.status.code(), Some(code), "{}{}", stdout(output), stderr(output));
    for part in says {
        assert!(stderr(output).contains(part), "{part}: {}", stderr(output));
    }
}

#[test]
fn a_running_daemon_keeps_to_its_retention_and_readers_are_told() {
    let home = Home::without_plugins();
    home.configure("[journal]\nretain_events = 1_000\n");
    let daemon = home.start();
    emit(&daemon, 4_000);
    wait_for("the oldest to go", || {
        let stats = as_json(&home.tollgate(["journal", "stats", "--json"]));
        (stats["events"].as_u64()? <= 1_256 && stats["pruned"].as_u64()? > 2_700).then_some(())
    });
    let stats = as_json(&home.tollgate(["journal", "stats", "--json"]));
    assert_eq!(stats["retention"], json!({"age_ms": null, "events": 1_000, "bytes": null}));
    assert_eq!(stats["types"]["demo.note"], stats["events"], "{stats}");
    let shown = done(&home.tollgate(["journal", "stats"]));
    for said in ["at most 1000 events", "pruned        up to seq", "demo.note", "free"] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    let verified = as_json(&home.tollgate(["journal", "verify", "--json"]));
    assert_eq!((&verified["ok"], &verified["pruned"]), (&json!(true), &stats["pruned"]));
    let answer = daemon.get("/api/events?since=5&limit=1").expect("the daemon answers");
    let pruned = stats["pruned"].as_u64().unwrap();
    assert_eq!(answer["gap"], json!({"from": 6, "to": pruned, "count": pruned - 5}), "{answer}");
    assert_eq!(answer["events"][0]["seq"], pruned + 1);
    let whole = daemon.get(&format!("/api/events?since={pruned}&limit=1")).expect("the daemon answers");
    assert_eq!(whole.get("gap"), None, "{whole}");
}

#[test]
fn what_changes_the_journal_wants_the_daemon_stopped_and_what_looks_does_not() {
    let home = Home::without_plugins();
    let daemon = home.start();
    emit(&daemon, 10);
    fs::write(home.path().join("in.ndjson"), "").unwrap();
    let file = home.path().join("in.ndjson").display().to_string();
    for words in [
        vec!["journal", "prune", "--keep-events", "1", "--yes"],
        vec!["journal", "redact", "3", "--yes"],
        vec!["journal", "vacuum"],
        vec!["journal", "import", &file],
    ] {
        refused(&home.tollgate(&words), 1, &["a daemon already runs", "stop it with"]);
    }
    for words in [
        vec!["journal", "stats"],
        vec!["journal", "verify"],
        vec!["journal", "head"],
        vec!["journal", "export"],
        vec!["journal", "prune", "--keep-events", "1", "--dry-run"],
        vec!["journal", "redact", "3", "--dry-run"],
        vec!["journal", "import", &file, "--dry-run"],
    ] {
        done(&home.tollgate(&words));
    }
    assert_eq!(daemon.events("demo.note").len(), 10);
    for words in [
        vec!["journal", "prune"],
        vec!["journal", "prune", "--before", "12"],
        vec!["journal", "redact", "first"],
        vec!["journal", "export", "--salvage", "--since", "1"],
        vec!["journal", "export", "--since", "yesterday"],
    ] {
        refused(&home.tollgate(&words), 64, &[]);
    }
}

#[test]
fn events_go_from_one_home_to_another_once() {
    let (from, to) = (Home::without_plugins(), Home::without_plugins());
    let daemon = from.start();
    emit(&daemon, 30);
    drop(daemon);
    let file = from.path().join("out.ndjson");
    let name = file.display().to_string();
    done(&from.tollgate(["journal", "export", "--type", "demo.*", "--since", "10", "--out", &name]));
    let text = fs::read_to_string(&file).unwrap();
    let seqs = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap());
    assert!(seqs.eq(11..=30));
    assert!(!from.path().join("out.ndjson.part").exists());
    assert_eq!(done(&from.tollgate(["journal", "export", "--type", "demo.*", "--since", "10"])), text);

    let bad = from.path().join("bad.ndjson");
    fs::write(&bad, format!("{text}{{\"type\":\"demo.note\"}}\n")).unwrap();
    let output = to.tollgate(["journal", "import", &bad.display().to_string()]);
    refused(&output, 1, &["bad.ndjson: line 21: ", "missing"]);
    assert!(!to.path().join("journal.db").exists(), "nothing is half done");

    let counts = |output: &Output| {
        let answer = as_json(output);
        (answer["events"].as_u64().unwrap(), answer["duplicates"].as_u64().unwrap())
    };
    assert_eq!(counts(&to.tollgate(["journal", "import", &name, "--dry-run", "--json"])), (20, 0));
    assert_eq!(counts(&to.tollgate(["journal", "import", &name, "--json"])), (20, 0));
    assert_eq!(counts(&to.tollgate(["journal", "import", &name, "--json"])), (0, 20));
    assert!(done(&to.tollgate(["journal", "verify"])).contains("20 events up to seq 20"));
    let daemon = to.start();
    assert_eq!(daemon.events("demo.note").len(), 20);
}

#[test]
fn what_should_not_be_there_is_blanked_and_what_is_old_is_pruned_by_hand() {
    let home = Home::without_plugins();
    let daemon = home.start();
    emit(&daemon, 20);
    drop(daemon);
    refused(&home.tollgate(["journal", "redact", "3"]), 64, &["--yes"]);
    refused(&home.tollgate(["journal", "redact", "99", "--yes"]), 1, &["there is no event 99"]);
    let said = done(&home.tollgate(["journal", "redact", "3", "--yes"]));
    assert!(said.contains("event 3, demo.note of") && said.contains("its payload is blanked"), "{said}");
    assert!(done(&home.tollgate(["journal", "redact", "3", "--yes"])).contains("before"));
    let kept = home.path().join("head.json");
    fs::write(&kept, done(&home.tollgate(["journal", "head"]))).unwrap();
    let kept = kept.display().to_string();
    let said = done(&home.tollgate(["journal", "verify", "--head", &kept]));
    assert!(said.contains("1: payloads were redacted") && said.contains("it holds the head that was kept"), "{said}");

    let dry = as_json(&home.tollgate(["journal", "prune", "--keep-events", "5", "--dry-run", "--json"]));
    assert_eq!((&dry["events"], &dry["upto"]), (&json!(16), &json!(16)));
    refused(&home.tollgate(["journal", "prune", "--keep-events", "5"]), 64, &["--yes"]);
    let said = done(&home.tollgate(["journal", "prune", "--keep-events", "5", "--yes"]));
    assert!(said.contains("16 events went, up to seq 16"), "{said}");
    assert!(done(&home.tollgate(["journal", "vacuum"])).contains("bytes"));
    done(&home.tollgate(["journal", "verify", "--head", &kept]));
    let export = done(&home.tollgate(["journal", "export"]));
    assert!(export.contains("journal.redacted") && export.lines().last().unwrap().contains("journal.pruned"));

    let other = Home::without_plugins();
    drop(other.start());
    refused(&other.tollgate(["journal", "verify", "--head", &kept]), 1, &["of another journal"]);
    fs::write(home.path().join("not.json"), "{}").unwrap();
    let not = home.path().join("not.json").display().to_string();
    refused(&home.tollgate(["journal", "verify", "--head", &not]), 1, &["not.json", "is no head"]);
}

/// A home whose journal of 1,000 events was changed behind its back: at the payload of one in the middle.
fn changed(change: impl FnOnce(&mut [u8], usize)) -> Home {
    let home = Home::without_plugins();
    let daemon = home.start();
    emit(&daemon, 1_000);
    drop(daemon);
    // A daemon that is killed leaves its log.
    done(&home.tollgate(["journal", "vacuum"]));
    let path = home.path().join("journal.db");
    let mut bytes = fs::read(&path).unwrap();
    let text = b"a plain word";
    let places: Vec<_> = bytes.windows(text.len()).enumerate().filter(|(_, window)| window == text).collect();
    let place = places[places.len() / 2].0;
    change(&mut bytes, place);
    fs::write(&path, bytes).unwrap();
    home
}

#[test]
fn what_can_be_read_of_a_damaged_journal_is_saved() {
    let home = changed(|bytes, at| {
        let page = at / 4_096 * 4_096;
        bytes[page..page + 4_096].fill(0xff);
    });
    refused(&home.tollgate(["journal", "verify"]), 1, &["seq ", "cannot be read"]);
    let out = home.path().join("saved.ndjson");
    let name = out.display().to_string();
    refused(&home.tollgate(["journal", "export", "--out", &name]), 1, &["journal export --salvage"]);
    assert!(!out.exists());
    refused(&home.tollgate(["journal", "export", "--salvage", "--out", &name]), 1, &["events are saved", "lost: seq"]);
    let saved = fs::read_to_string(&out).unwrap().lines().count();
    assert!((950..1_000).contains(&saved), "{saved}");
    for suffix in ["", "-wal", "-shm", "-mark"] {
        let _gone_or_never_there = fs::remove_file(home.path().join(format!("journal.db{suffix}")));
    }
    done(&home.tollgate(["journal", "import", &name]));
    done(&home.tollgate(["journal", "verify"]));
    assert_eq!(as_json(&home.tollgate(["journal", "stats", "--json"]))["events"], saved);
}

#[test]
fn what_was_changed_is_not_pruned_away_unseen() {
    let home = changed(|bytes, at| bytes[at] = b'A');
    refused(&home.tollgate(["journal", "verify"]), 1, &["another payload"]);
    let prune = ["journal", "prune", "--keep-events", "10", "--past-cursors", "--yes"];
    refused(&home.tollgate(prune), 1, &["seq ", "pruning would hide it"]);
    assert_eq!(as_json(&home.tollgate(["journal", "stats", "--json"]))["events"], 1_000);
}
