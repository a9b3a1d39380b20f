//! Sessions whose program the host runs.

use super::*;
use crate::limits::{MAX_CHUNK_BYTES, MAX_OUTPUT_PER_SECOND, STOP_GRACE, TICK_EVERY};

const UP: [&str; 3] = ["PREPARING_WORKSPACE", "STARTING_PROVIDER", "RUNNING"];

fn after_up(states: &[String]) -> Vec<&str> {
    assert_eq!(states[..3], UP, "{states:?}");
    states.iter().skip(3).map(String::as_str).collect()
}

#[tokio::test]
async fn a_session_is_told_from_its_start_to_its_end() {
    let script = "echo hello; echo $TOLLGATE_SESSION; echo x > new; echo y >> old; read go; exit 0";
    let world = world(script).await;
    let work = world.work();
    std::fs::write(work.join("old"), "1\n").unwrap();
    for args in [
        vec!["init", "-q"],
        vec!["config", "user.name", "a"],
        vec!["config", "user.email", "a@b.c"],
        vec!["add", "."],
        vec!["commit", "-qm", "1"],
    ] {
        git(&work, &args);
    }
    let wish = Wish {
        agent_id: Some("a1".to_owned()),
        village_id: Some("v1".to_owned()),
        repo_id: Some("r1".to_owned()),
        room_path: Some("v1/house".to_owned()),
        ..world.wish()
    };
    let made = world.runner.start(wish).await.unwrap();
    let id = &*made.identity.id;
    assert_eq!((made.state, made.ended_at), (State::Created, None));
    let started = world.told(id);
    let expected = json!({
        "providerId": "script", "providerVersion": "1.2", "workspacePath": work.to_str().unwrap(),
        "roomPath": "v1/house", "agentId": "a1", "villageId": "v1", "repoId": "r1", "runsHere": true,
    });
    assert_eq!(started[0], ("session.started".to_owned(), expected), "recorded when the start returns");
    world.until_written(id, "hello").await;
    world.until_written(id, id).await;
    // The clock stands still, so nothing has looked at the workspace yet.
    world.move_on(SCAN_EVERY);
    world.until("it is looked at", || world.of_type(id, "file.touched").len() == 2).await;
    world.runner.input(id, b"\n".to_vec()).await.unwrap();
    let ended = world.ended(id).await;
    assert_eq!(after_up(&world.states(id)), ["COMPLETED"]);
    assert_eq!((&ended["exitCode"], &ended["totalDurationMs"]), (&json!(0), &json!(5_000)));
    let usage = &ended["totalUsage"];
    assert!(usage["outputBytes"].as_u64().unwrap() > 40 && usage["droppedBytes"] == 0, "{usage}");
    assert!(usage["cpuMs"].is_u64() && usage["maxResidentBytes"].is_u64(), "{usage}");
    let touched: Vec<_> = world
        .of_type(id, "file.touched")
        .into_iter()
        .map(|told| (told["path"].clone(), told["reason"].clone()))
        .collect();
    assert_eq!(touched, [(json!("new"), json!("write")), (json!("old"), json!("write"))]);
    let diff = &world.of_type(id, "diff.summary")[0];
    assert_eq!((&diff["filesChanged"], &diff["linesAdded"], &diff["linesRemoved"]), (&json!(2), &json!(2), &json!(0)));
    assert_eq!(diff["files"][0], json!({"path": "old", "linesAdded": 1, "linesRemoved": 0}));
    assert!(world.told(id).iter().all(|(_, payload)| payload["agentId"] == "a1"));
    let status = world.status(id);
    assert_eq!((status.state, status.exit_code), (State::Completed, Some(0)));
}

#[tokio::test]
async fn an_end_is_told_as_what_it_was() {
    for (script, last, code, says) in [
        ("exit 3", State::Failed, json!(3), "ended with code 3"),
        ("kill -9 $$", State::Failed, Value::Null, "by signal 9"),
        ("exit 0", State::Completed, json!(0), "ended with code 0"),
    ] {
        let world = world(script).await;
        let id = world.start().await;
        let ended = world.ended(&id).await;
        assert_eq!((&ended["finalState"], &ended["exitCode"]), (&json!(last.as_str()), &code), "{script}");
        assert!(ended["reason"].as_str().unwrap().contains(says), "{ended}");
        assert!(world.status(&id).reason.as_deref().unwrap().contains(says));
    }
}

#[tokio::test]
async fn what_is_not_listed_does_not_run_and_what_is_not_there_fails() {
    let world = world("true").await;
    let refused = async |wish: Wish| world.runner.start(wish).await.unwrap_err().to_string();
    let other = Wish { provider: Some("rm".to_owned()), ..world.wish() };
    assert_eq!(refused(other).await, "there is no provider `rm`; [providers] lists script");
    let outside = Wish { workspace: Some("/".into()), ..world.wish() };
    assert_eq!(refused(outside).await, "the workspace / is no folder that [workspace] allow covers");
    std::os::unix::fs::symlink("/etc", world.work().join("link")).unwrap();
    let link = Wish { workspace: Some(world.work().join("link")), ..world.wish() };
    assert!(refused(link).await.contains("no folder that [workspace] allow covers"));
    assert!(refused(Wish { workspace: Some("work".into()), ..world.wish() }).await.contains("absolute"));
    assert!(refused(Wish { workspace: None, ..world.wish() }).await.contains("workspace"));
    assert!(refused(Wish { id: Some("mine".to_owned()), ..world.wish() }).await.contains("leave it out"));
    assert!(refused(Wish { agent_id: Some("a\n".to_owned()), ..world.wish() }).await.starts_with("agent_id"));
    assert!(refused(Wish { size: Size { cols: 0, rows: 1 }, ..world.wish() }).await.starts_with("size"));
    assert!(world.runner.list().is_empty() && world.bus.journal().head() == 0, "nothing of it was told");
    let mut options = providers(&[("gone", "")]);
    options.providers.get_mut("gone").unwrap().program = "/no/such/agent".to_owned();
    let world = world.down().await.start(options, None).await;
    let id = Arc::clone(
        &world.runner.start(Wish { provider: Some("gone".to_owned()), ..world.wish() }).await.unwrap().identity.id,
    );
    let ended = world.ended(&id).await;
    assert!(ended["reason"].as_str().unwrap().contains("there is no program `/no/such/agent`"), "{ended}");
    assert_eq!(world.states(&id), ["PREPARING_WORKSPACE", "STARTING_PROVIDER", "FAILED"]);
}

#[tokio::test]
async fn a_stop_is_heard_and_nothing_is_left() {
    let world = world("sleep 600 & echo $! > child; trap 'echo bye; exit 0' TERM; echo ready; wait").await;
    let id = world.start().await;
    world.until_written(&id, "ready").await;
    world.runner.stop(&id, "ada").await.unwrap();
    let ended = world.ended(&id).await;
    assert_eq!(after_up(&world.states(&id)), ["STOPPING", "COMPLETED"]);
    assert_eq!((&ended["reason"], &ended["exitCode"]), (&json!("stopped by ada"), &json!(0)));
    assert!(world.output(&id).contains("bye"));
    assert!(!is_alive(pid_in(&world.work(), "child")));
    let over = world.runner.stop(&id, "ada").await.unwrap_err().to_string();
    assert!(over.starts_with("the session has ended as COMPLETED"), "{over}");
    let over = world.runner.input(&id, b"x".to_vec()).await.unwrap_err().to_string();
    assert!(over.starts_with("the session has ended as COMPLETED"), "{over}");
}

#[tokio::test]
async fn who_hears_no_stop_is_killed_when_its_grace_is_over() {
    let world = world("trap '' TERM; (trap '' TERM HUP; echo $$; exec sleep 600) & echo $! > child; echo ready; while :; do read x; done").await;
    let id = world.start().await;
    world.until_written(&id, "ready").await;
    world.runner.stop(&id, "ada").await.unwrap();
    world.runner.stop(&id, "bob").await.unwrap();
    world.move_on(STOP_GRACE - Duration::from_millis(1));
    world.runner.resize(&id, Size { cols: 100, rows: 30 }).await.unwrap();
    assert_eq!(world.status(&id).state, State::Stopping, "not yet");
    world.move_on(Duration::from_millis(1));
    let ended = world.ended(&id).await;
    assert_eq!(after_up(&world.states(&id)), ["STOPPING", "FAILED"]);
    assert_eq!(ended["reason"], "it was told to stop, and killed after 5 s");
    assert!(!is_alive(pid_in(&world.work(), "child")));
}

#[tokio::test]
async fn a_pause_holds_up_all_of_it_until_it_goes_on() {
    let world = world("echo $$ > pid; echo ready; while read x; do echo got=$x; done").await;
    let id = world.start().await;
    world.until_written(&id, "ready").await;
    let early = world.runner.resume(&id, "ada").await.unwrap_err().to_string();
    assert_eq!(early, "to resume is not possible in RUNNING");
    world.runner.pause(&id, "ada").await.unwrap();
    let pid = pid_in(&world.work(), "pid");
    let state =
        || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().rsplit_once(") ").unwrap().1.as_bytes()[0];
    world.until("stopped", || state() == b'T').await;
    world.runner.input(&id, b"typed\n".to_vec()).await.unwrap();
    world.runner.resume(&id, "bob").await.unwrap();
    world.until_written(&id, "got=typed").await;
    // One that is stopped while it is paused hears of it.
    world.runner.pause(&id, "ada").await.unwrap();
    world.runner.stop(&id, "ada").await.unwrap();
    world.ended(&id).await;
    let states = ["PAUSED_BY_HUMAN", "RUNNING", "PAUSED_BY_HUMAN", "STOPPING", "COMPLETED"];
    assert_eq!(after_up(&world.states(&id)), states);
    let reasons: Vec<_> =
        world.of_type(&id, "session.state_changed").iter().map(|told| told["reason"].clone()).collect();
    assert_eq!(reasons[3..5], [json!("paused by ada"), json!("resumed by bob")]);
}

#[tokio::test]
async fn usage_is_told_every_half_minute_in_real_numbers() {
    let world = world("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo busy; read x").await;
    let id = world.start().await;
    world.until_written(&id, "busy").await;
    world.move_on(TICK_EVERY - Duration::from_millis(1));
    world.until("looked at", || world.runner.get(&id).is_some()).await;
    assert!(world.of_type(&id, "usage.tick").is_empty());
    world.move_on(Duration::from_millis(1));
    world.until("one tick", || world.of_type(&id, "usage.tick").len() == 1).await;
    world.move_on(TICK_EVERY);
    world.until("two ticks", || world.of_type(&id, "usage.tick").len() == 2).await;
    let ticks = world.of_type(&id, "usage.tick");
    assert_eq!((&ticks[0]["providerId"], &ticks[0]["intervalMs"]), (&json!("script"), &json!(30_000)));
    let units = |tick: usize, unit: &str| ticks[tick]["units"][unit].as_u64().unwrap();
    assert!(units(0, "cpuMs") >= 10 && units(1, "cpuMs") <= units(0, "cpuMs"), "what was used since: {ticks:?}");
    assert!(units(0, "residentBytes") > 100_000 && units(0, "processes") == 1, "{ticks:?}");
    world.runner.input(&id, b"\n".to_vec()).await.unwrap();
    let total = world.ended(&id).await["totalUsage"].clone();
    assert!(total["cpuMs"].as_u64().unwrap() >= units(0, "cpuMs") + units(1, "cpuMs"), "{total}");
    assert!(total["maxResidentBytes"].as_u64().unwrap() >= units(0, "residentBytes"), "{total}");
}

#[tokio::test]
async fn a_flood_is_cut_and_what_is_missing_is_told() {
    let world =
        world("i=0; while [ $i -lt 8 ]; do head -c 400000 /dev/zero | tr '\\0' x; i=$((i+1)); done; echo the end")
            .await;
    let begun = Instant::now();
    let id = world.start().await;
    let ended = world.ended(&id).await;
    let seconds = usize::try_from(begun.elapsed().as_secs()).unwrap() + 2;
    let chunks = world.of_type(&id, "terminal.chunk");
    let told: usize = chunks.iter().map(|chunk| chunk["data"].as_str().unwrap().len()).sum();
    let dropped: u64 = chunks.iter().filter_map(|chunk| chunk["droppedBytes"].as_u64()).sum();
    assert!(chunks.iter().all(|chunk| chunk["data"].as_str().unwrap().len() <= MAX_CHUNK_BYTES));
    assert!(told <= seconds * MAX_OUTPUT_PER_SECOND + MAX_HELD_BYTES, "{told} bytes in {seconds} s");
    let usage = &ended["totalUsage"];
    assert_eq!(usage["outputBytes"], u64::try_from(told).unwrap() + dropped, "nothing is missing untold");
    assert!(dropped > 1_000_000 && usage["droppedBytes"] == dropped, "{usage}");
    assert!(world.output(&id).trim_end().ends_with("the end"), "the last lines are kept");
}

#[tokio::test]
async fn a_program_tells_of_its_work_and_not_of_its_session() {
    let world = world("echo ready; read x").await;
    let id = world.start().await;
    world.until_written(&id, "ready").await;
    let send = async |text: &str| world.runner.take(&id, vec![outside::draft(text)], false).await;
    send(r#"{"type":"TEST_RUN_STARTED","sessionId":"ID","command":"cargo test","testFiles":[]}"#.replace("ID", &id).as_str())
        .await
        .unwrap();
    assert_eq!(world.of_type(&id, "test_run.started")[0]["command"], "cargo test");
    for (event_type, payload) in [
        ("session.ended", json!({"finalState": "COMPLETED", "totalDurationMs": 1})),
        ("terminal.chunk", json!({"data": "x", "stream": "stdout"})),
        ("session.state_changed", json!({"previousState": "RUNNING", "newState": "COMPLETED"})),
    ] {
        let text = json!({"type": event_type, "payload": payload}).to_string();
        let refused = send(&text).await.unwrap_err().to_string();
        assert_eq!(refused, format!("event 0: the host runs this session's program and tells of {event_type} itself"));
    }
    world.runner.input(&id, b"\n".to_vec()).await.unwrap();
    world.ended(&id).await;
}

#[tokio::test]
async fn what_leaves_its_session_is_out_of_reach_and_keeps_nobody_waiting() {
    // It keeps the terminal open, and writes to it for ever.
    let script = "setsid sh -c 'echo $$ > pid; trap \"\" HUP TERM; while :; do echo more; done' & while [ ! -s pid ]; do :; done; exit 0";
    let world = world(script).await;
    let id = world.start().await;
    assert_eq!(world.ended(&id).await["finalState"], "COMPLETED");
    let escaped = pid_in(&world.work(), "pid");
    let killed = rustix::process::Pid::from_raw(escaped).unwrap();
    assert!(is_alive(escaped), "as far as a process goes that wants to");
    rustix::process::kill_process(killed, rustix::process::Signal::KILL).unwrap();
}

#[tokio::test]
async fn a_start_that_the_journal_refuses_leaves_the_chat_to_whom_it_is() {
    let world = world("read x").await;
    let wish = || Wish { chat_id: Some("c1".to_owned()), ..world.wish() };
    let first = world.runner.start(wish()).await.unwrap();
    let whose = || world.sessions.by_chat("c1").unwrap().id.clone();
    assert_eq!(whose(), first.identity.id);
    world.fill_disk().await;
    let refused = world.runner.start(wish()).await.unwrap_err();
    assert!(matches!(refused, RunnerError::Emit(_)), "{refused}");
    assert_eq!(whose(), first.identity.id);
    world.bus.limit_pages(u32::MAX).await.unwrap();
    let second = world.runner.start(wish()).await.unwrap();
    assert_eq!(whose(), second.identity.id);
}
