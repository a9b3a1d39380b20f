//! Everyday commands of an operator: dead letters tried again, plugins loaded anew, and what the help says.

use crate::support::{Daemon, Home, stderr, stdout, wait_for};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::process::{Output, Stdio};
use tollgate_bundled::guests;

/// It gives up what is older than an hour, so that a test makes dead letters by emitting old events.
const COUNTER_GRANT: &str = "[grant]\nemit = [\"test_guest.counted\"]\n[delivery]\nmax_age_ms = 3_600_000\n";
/// How often the daemon is killed while dead letters are tried.
const ROUNDS: usize = 4;
/// Letters that wait in each round.
const LETTERS: usize = 12;

/// Emits `count` events of `event_type` of long ago; says their seqs.
fn emit_old(daemon: &Daemon, event_type: &str, count: usize) -> Vec<u64> {
    let draft = json!({"type": event_type, "source": "core", "ts": "2020-01-01T00:00:00.000Z", "payload": {}});
    let (status, answer) =
        daemon.post("/api/events", &json!(vec![draft; count]).to_string()).expect("the daemon answers");
    assert!(status < 300, "{answer}");
    answer["events"].as_array().unwrap().iter().map(|receipt| receipt["seq"].as_u64().unwrap()).collect()
}

/// The seqs of a plugin's dead letters, in order.
fn letters(daemon: &Daemon, plugin: &str) -> Vec<u64> {
    let answer = daemon.get(&format!("/api/deadletters?plugin={plugin}&limit=10000")).expect("the daemon answers");
    let mut seqs: Vec<_> =
        answer["dead_letters"].as_array().unwrap().iter().map(|letter| letter["seq"].as_u64().unwrap()).collect();
    seqs.sort_unstable();
    seqs
}

/// The `dead_letters` that a command printed as JSON.
fn results(output: &Output) -> Vec<Value> {
    let answer: Value = serde_json::from_str(&stdout(output)).unwrap_or_else(|_| panic!("{output:?}"));
    answer["dead_letters"].as_array().unwrap().clone()
}

#[test]
fn dead_letters_are_tried_again_by_hand() {
    let home = Home::new();
    home.install("counter", guests::COUNTER, COUNTER_GRANT);
    home.install("trap", guests::TRAP, "");
    let daemon = home.start();
    daemon.serving("counter");
    daemon.serving("trap");
    let old = emit_old(&daemon, "demo.tick", 3);
    let bad = emit_old(&daemon, "demo.loop", 1)[0];
    wait_for("the letters", || (letters(&daemon, "counter").len() == 4).then_some(()));
    wait_for("the other plugin's letter", || (letters(&daemon, "trap") == [bad]).then_some(()));

    let dry = home.tollgate(["deadletter", "retry", "--all", "--dry-run", "--json"]);
    assert_eq!(dry.status.code(), Some(0), "{}", stderr(&dry));
    assert!(
        results(&dry).len() == 5 && results(&dry).iter().all(|result| result["outcome"] == "would_retry"),
        "{dry:?}"
    );
    let unasked = home.tollgate(["deadletter", "retry", "--all"]);
    assert_eq!(unasked.status.code(), Some(64), "{}", stdout(&unasked));
    assert!(stdout(&unasked).contains("would be tried again") && stderr(&unasked).contains("--yes"), "{unasked:?}");
    assert_eq!(
        (letters(&daemon, "counter").len(), daemon.events("test_guest.counted").len()),
        (4, 0),
        "nothing was tried"
    );

    let one = home.tollgate(["deadletter", "retry", "counter", &old[1].to_string()]);
    assert_eq!((one.status.code(), stdout(&one).contains("handled")), (Some(0), true), "{one:?}");
    let counted = daemon.events("test_guest.counted");
    assert_eq!((counted.len(), &counted[0]["payload"]["seq"]), (1, &json!(old[1])));
    let again = home.tollgate(["deadletter", "retry", "counter", &old[1].to_string()]);
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    assert!(stdout(&again).contains("has no dead letter"), "{again:?}");

    let left = home.tollgate(["deadletter", "retry", "trap", &bad.to_string(), "--json"]);
    assert_eq!(left.status.code(), Some(1), "{left:?}");
    assert_eq!((&results(&left)[0]["outcome"], &results(&left)[0]["tries"]), (&json!("left"), &json!(4)), "{left:?}");

    let all = home.tollgate(["deadletter", "retry", "--plugin", "counter", "--yes"]);
    assert_eq!(all.status.code(), Some(0), "{all:?}");
    assert_eq!((letters(&daemon, "counter").len(), letters(&daemon, "trap").len()), (0, 1));
    let counts: Vec<_> =
        daemon.events("test_guest.counted").iter().map(|event| event["payload"]["count"].as_u64().unwrap()).collect();
    assert_eq!(counts, [1, 2, 3, 4]);

    // Five faults within a minute are a quarantine; then, and while it is off, the answer says what mends it.
    let refused = wait_for("the quarantine", || {
        let output = home.tollgate(["deadletter", "retry", "trap", &bad.to_string()]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        (!stdout(&output).contains("stays after")).then_some(output)
    });
    assert!(stdout(&refused).contains("tollgate plugin reload trap"), "{refused:?}");
    let reloaded = home.tollgate(["plugin", "reload", "trap"]);
    assert_eq!(reloaded.status.code(), Some(0), "{}", stderr(&reloaded));
    assert!(stdout(&reloaded).contains("trap: loaded anew, version 0.1.0"), "{reloaded:?}");
    assert_eq!(daemon.plugin("trap")["state"], "serving");
    assert_eq!(home.tollgate(["plugin", "disable", "trap"]).status.code(), Some(0));
    let refused = home.tollgate(["deadletter", "retry", "--all", "--dry-run"]);
    assert!(stdout(&refused).contains("tollgate plugin enable trap"), "{refused:?}");
}

#[test]
fn a_plugin_is_given_events_once_more_by_hand() {
    const EVENTS: usize = 230;
    let home = Home::new();
    home.install("counter", guests::COUNTER, COUNTER_GRANT);
    let daemon = home.start();
    daemon.serving("counter");
    let body: Vec<Value> = (0..EVENTS)
        .map(|number| json!({"type": if number % 2 == 0 { "demo.tick" } else { "demo.tock" }, "payload": {}}))
        .collect();
    assert_eq!(daemon.post("/api/events", &json!(body).to_string()).expect("an answer").0, 200);
    wait_for("all are handled", || (daemon.plugin("counter")["calls"] == json!(EVENTS)).then_some(()));
    wait_for("the cursor", || (daemon.plugin("counter")["queue"] == 0).then_some(()));
    let replay = |rest: &[&str]| {
        let output = home.tollgate([&["replay", "--to-plugin", "counter", "--since", "0"], rest].concat());
        (output.status.code(), stdout(&output), stderr(&output))
    };
    let dry = replay(&["--dry-run", "--json"]);
    assert_eq!(dry.0, Some(0), "{dry:?}");
    assert_eq!(serde_json::from_str::<Value>(&dry.1).unwrap()["events"], json!(EVENTS), "{dry:?}");
    let unasked = replay(&[]);
    assert_eq!((unasked.0, unasked.2.contains("--yes")), (Some(64), true), "{unasked:?}");
    assert_eq!(daemon.plugin("counter")["calls"], json!(EVENTS), "nothing was given");
    let ticks = replay(&["--type", "demo.tick", "--yes"]);
    let half = EVENTS / 2;
    assert!(ticks.0 == Some(0) && ticks.1.contains(&format!("{half} of {half} events handled once more")), "{ticks:?}");
    let all = replay(&["--yes", "--json"]);
    let told: Value = serde_json::from_str(&all.1).unwrap();
    assert_eq!((&told["events"], &told["handled"], &told["left"]), (&json!(EVENTS), &json!(EVENTS), &json!([])));
    assert_eq!(daemon.plugin("counter")["calls"], json!(EVENTS * 2 + half));
    assert_eq!(daemon.events("test_guest.counted").len(), EVENTS, "what it emits is on record once");
    let absent = home.tollgate(["replay", "--to-plugin", "nobody", "--since", "0", "--yes"]);
    assert!(absent.status.code() == Some(1) && stderr(&absent).contains("nobody"), "{absent:?}");
    let (status, refused) = daemon.post("/api/plugins/counter/replay?since=0", "").expect("an answer");
    assert_eq!(status, 403, "{refused}");
}

#[test]
fn who_emits_can_wait_for_what_becomes_of_it() {
    let home = Home::new();
    home.install("counter", guests::COUNTER, COUNTER_GRANT);
    home.install("fails", guests::FAILS, "[grant]\nemit = [\"test_guest.*\"]\n");
    let daemon = home.start();
    daemon.serving("counter");
    daemon.serving("fails");
    let handled = home.tollgate(["emit", "demo.tick", "--wait", "30s"]);
    assert_eq!(handled.status.code(), Some(0), "{handled:?}");
    assert!(stdout(&handled).contains("counter: handled\n") && stdout(&handled).contains("fails: handled\n"));
    let failed = home.tollgate(["emit", "demo.loop", "--wait", "30s", "--json"]);
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    let told: Value = serde_json::from_str(&stdout(&failed)).unwrap();
    let of = |name: &str| told["outcomes"].as_array().unwrap().iter().find(|one| one["plugin"] == name).cloned();
    assert_eq!(of("fails").unwrap(), json!({"plugin": "fails", "outcome": "failed", "message": "it never will"}));
    assert_eq!(of("counter").unwrap()["outcome"], "handled");
    let nobody = home.tollgate(["emit", "nobody.wants", "--wait", "1s"]);
    assert!(nobody.status.success() && stdout(&nobody).contains("no plugin wants it"), "{nobody:?}");
    for (uri, body) in [
        ("/api/events?wait_ms=5", r#"[{"type":"a.b"},{"type":"a.b"}]"#),
        ("/api/events?wait_ms=45001", r#"{"type":"a.b"}"#),
        ("/api/events?wait=5", r#"{"type":"a.b"}"#),
    ] {
        let (status, answer) = daemon.post(uri, body).expect("an answer");
        assert_eq!((status, &answer["error"]["code"]), (400, &json!("bad_query")), "{uri}: {answer}");
    }
    assert_eq!(daemon.events("a.b").len(), 0, "nothing of a refused request is recorded");
}

#[test]
fn who_is_no_approver_tries_nothing_and_wrong_words_are_usage() {
    let home = Home::new();
    home.install("counter", guests::COUNTER, COUNTER_GRANT);
    let daemon = home.start();
    daemon.serving("counter");
    let seq = emit_old(&daemon, "demo.tick", 1)[0];
    wait_for("the letter", || (letters(&daemon, "counter") == [seq]).then_some(()));
    let (status, answer) = daemon.post(&format!("/api/deadletters/counter/{seq}/retry"), "").expect("an answer");
    assert_eq!((status, &answer["error"]["code"]), (403, &json!("forbidden")));
    let (status, _) = daemon.post("/api/plugins/counter/reload", "").expect("an answer");
    assert_eq!(status, 403);
    for words in [
        vec!["deadletter", "retry"],
        vec!["deadletter", "retry", "counter"],
        vec!["deadletter", "retry", "counter", "first"],
        vec!["deadletter", "retry", "counter", "1", "--all"],
        vec!["deadletter", "retry", "--all", "--json"],
    ] {
        let output = home.tollgate(&words);
        assert_eq!(output.status.code(), Some(64), "{words:?}: {output:?}");
    }
    assert_eq!(letters(&daemon, "counter"), [seq]);
    drop(daemon);
    assert_eq!(home.tollgate(["deadletter", "retry", "--all", "--yes"]).status.code(), Some(69));
}

#[test]
fn a_retried_letter_is_neither_lost_nor_doubled_by_kill_9() {
    let home = Home::new();
    home.install("counter", guests::COUNTER, COUNTER_GRANT);
    let mut emitted = BTreeSet::new();
    for round in 0..ROUNDS {
        let daemon = home.start();
        daemon.serving("counter");
        let left = letters(&daemon, "counter").len();
        emitted.extend(emit_old(&daemon, "demo.tick", LETTERS));
        wait_for("the letters", || (letters(&daemon, "counter").len() == left + LETTERS).then_some(()));
        let before = daemon.events("test_guest.counted").len();
        let mut command = home.command();
        command.args(["deadletter", "retry", "--all", "--yes"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut retrying = command.spawn().expect("the binary starts");
        let enough = before + 1 + round % 4;
        wait_for("some to be handled", || (daemon.events("test_guest.counted").len() >= enough).then_some(()));
        // It is in the middle of the next.
        daemon.kill();
        retrying.wait().expect("a child");
    }
    let daemon = home.start();
    daemon.serving("counter");
    let handled = |daemon: &Daemon| -> Vec<u64> {
        daemon.events("test_guest.counted").iter().map(|event| event["payload"]["seq"].as_u64().unwrap()).collect()
    };
    let (done, waiting) = (handled(&daemon), letters(&daemon, "counter"));
    let either: BTreeSet<u64> = done.iter().chain(&waiting).copied().collect();
    assert_eq!((done.len() + waiting.len(), either), (emitted.len(), emitted.clone()), "handled or kept, never both");
    let rest = home.tollgate(["deadletter", "retry", "--all", "--yes", "--json"]);
    assert_eq!(rest.status.code(), Some(0), "{rest:?}");
    assert_eq!(letters(&daemon, "counter"), [0; 0]);
    let done = handled(&daemon);
    assert_eq!((done.len(), done.into_iter().collect::<BTreeSet<_>>()), (emitted.len(), emitted));
    let counts: Vec<_> =
        daemon.events("test_guest.counted").iter().map(|event| event["payload"]["count"].as_u64().unwrap()).collect();
    assert_eq!(counts, (1..=counts.len() as u64).collect::<Vec<_>>(), "the store moved with each letter");
}

#[test]
fn a_reload_reads_the_files_again_and_says_what_serves() {
    let home = Home::new();
    home.configure("[plugins]\nwatch = false\n");
    home.install("counter", guests::COUNTER, COUNTER_GRANT);
    let daemon = home.start();
    assert_eq!(daemon.plugin("counter")["version"], "0.1.0");
    home.install("counter", guests::COUNTER_V2, COUNTER_GRANT);
    let output = home.tollgate(["plugin", "reload", "counter", "--json"]);
    let status: Value = serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!((output.status.code(), &status["version"]), (Some(0), &json!("0.2.0")));
    home.install("counter", b"no component", COUNTER_GRANT);
    let output = home.tollgate(["plugin", "reload", "counter"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stderr(&output).contains("refused at format") && stderr(&output).contains("(0.2.0) serves"), "{output:?}");
    assert_eq!(daemon.plugin("counter")["version"], "0.2.0");
    let output = home.tollgate(["plugin", "reload", "nothing"]);
    assert_eq!((output.status.code(), stderr(&output).contains("no plugin `nothing`")), (Some(1), true), "{output:?}");
}

#[test]
fn a_failure_of_the_hosts_is_in_its_log_under_the_request_id_that_is_answered() {
    let home = Home::new();
    home.configure("[plugins]\nwatch = false\n");
    home.install("counter", guests::COUNTER, COUNTER_GRANT);
    let daemon = home.start();
    daemon.serving("counter");
    // Nothing can be written where the folder was.
    std::fs::rename(home.path().join("plugins"), home.path().join("aside")).expect("renamed");
    std::fs::write(home.path().join("plugins"), "").expect("a file in its place");
    let output = home.tollgate(["plugin", "disable", "counter"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = stderr(&output);
    assert!(!said.contains("counter.disabled"), "the cause is not for the client: {said}");
    let id = said.split("(request ").nth(1).and_then(|rest| rest.split(')').next()).expect("a request id").to_owned();
    let line = wait_for("the line", || daemon.log().lines().find(|line| line.contains(&id)).map(str::to_owned));
    for part in ["ERROR", "POST /api/plugins/counter/disable", "status=500", "counter.disabled"] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let home = Home::new();
    let page = home.tollgate(["man"]);
    assert_eq!(page.status.code(), Some(0), "{page:?}");
    for part in [".TH tollgate 1", "Exit codes:", "TOLLGATE_HOME", "approver\\-token"] {
        assert!(stdout(&page).contains(part), "{part}: {}", stdout(&page));
    }
    let folder = home.path().join("man1");
    let written = home.tollgate([OsStr::new("man"), OsStr::new("--out"), folder.as_os_str()]);
    assert_eq!(written.status.code(), Some(0), "{written:?}");
    let pages: BTreeSet<String> = std::fs::read_dir(&folder)
        .expect("a folder")
        .map(|file| file.expect("a file").file_name().to_string_lossy().into_owned())
        .collect();
    for name in ["tollgate.1", "tollgate-hook.1", "tollgate-deadletter.1", "tollgate-deadletter-retry.1"] {
        assert!(pages.contains(name), "{name}: {pages:?}");
    }
    assert!(!pages.iter().any(|name| name.contains("help")), "{pages:?}");
    let retry = std::fs::read_to_string(folder.join("tollgate-deadletter-retry.1")).expect("a page");
    assert!(retry.contains("Exit codes:") && retry.contains("dry"), "{retry}");
    // Where nothing can be written it says so.
    std::fs::write(home.path().join("file"), "").expect("a file");
    let refused = home.tollgate([OsStr::new("man"), OsStr::new("--out"), home.path().join("file").as_os_str()]);
    assert_eq!((refused.status.code(), stderr(&refused).contains("file")), (Some(1), true), "{refused:?}");
}

#[test]
fn the_audit_trail_is_shown_and_counted_by_what_is_asked() {
    let home = Home::new();
    let daemon = home.start();
    daemon.serving("audit");
    for (session, command) in [("s1", "rm -rf /"), ("s1", "echo hi"), ("s2", "rm -rf /")] {
        daemon.gate(session, &home.workspace(), command, 0);
    }
    wait_for("the trail", || (daemon.plugin("audit")["lag"] == 0).then_some(()));
    let run = |arguments: &[&str]| {
        let output = home.tollgate([&["audit"], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        stdout(&output)
    };
    let stats = |rest: &[&str]| -> Value {
        serde_json::from_str(&run(&[&["stats", "--json"], rest].concat())).expect("an object")
    };
    let all = stats(&[]);
    assert_eq!((&all["decisions"]["deny"], &all["events"]["tool_attempt"]), (&json!(2), &json!(3)), "{all}");
    assert_eq!((all["tools"]["Bash"].as_u64() >= Some(5), &all["events"]["security_violation"]), (true, &json!(2)));
    let one = stats(&["--session", "s1", "--decision", "deny"]);
    assert_eq!((&one["lines"], &one["sessions"]), (&json!(1), &json!({"s1": 1})), "{one}");
    assert_eq!(stats(&["--until", "1h"])["lines"], 0);
    assert_eq!(stats(&["--since", "1h"])["lines"], all["lines"]);
    let denied = run(&["show", "--event", "security_violation", "--json"]);
    let denied: Vec<Value> = denied.lines().map(|line| serde_json::from_str(line).expect("a line")).collect();
    assert_eq!(denied.iter().map(|line| &line["session_id"]).collect::<Vec<_>>(), ["s1", "s2"]);
    let last = run(&["show", "-n", "1", "--decision", "deny"]);
    assert!(last.lines().count() == 1 && last.contains("s2") && last.contains("security_violation"), "{last}");
    assert!(run(&["stats"]).contains("decisions\n"));
    drop(daemon);
    assert_eq!(stats(&[])["decisions"]["deny"], 2, "the daemon need not run");
    let wrong = home.tollgate(["audit", "show", "--since", "yesterday"]);
    assert_eq!((wrong.status.code(), stderr(&wrong).contains("how long ago")), (Some(64), true), "{wrong:?}");
}
