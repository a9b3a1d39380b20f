//! `workspace` through a real component: what is read and written, and every way out that must be closed.

use super::{SESSION, World};
use crate::limits::{MAX_WORKSPACE_CALL_BYTES, MAX_WORKSPACE_NAMES};
use serde_json::{Value, json};
use std::os::unix::fs::symlink;
use tollgate_bundled::guests;

const USED: &str = "test_guest.used";

async fn world(read: &str, write: &str) -> World {
    let grant = format!(
        "[grant]\nemit = [\"test_guest.*\"]\nworkspace = {{ read = {read}, write = {write} }}\n\
         [limits]\nfuel_per_event = 1_000_000_000\ntimeout_ms = 60_000\n"
    );
    World::with("use-workspace", guests::USE_WORKSPACE, &grant).await
}

impl World {
    async fn used(&self, steps: Value) -> Vec<String> {
        let answers = self.ask(&json!({"steps": steps}), USED).await["answers"].clone();
        serde_json::from_value(answers).unwrap()
    }

    fn file(&self, path: &str, text: &str) {
        let path = self.workspace.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.workspace.join(path)).unwrap()
    }
}

fn read(path: &str) -> Value {
    json!({"do": "read", "path": path, "offset": 0, "length": 100})
}

fn write(path: &str, text: &str) -> Value {
    json!({"do": "write", "path": path, "offset": 0, "text": text, "truncate": true})
}

fn at(what: &str, path: &str) -> Value {
    json!({"do": what, "path": path})
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_read_written_listed_and_removed() {
    let world = world("[\"**\"]", "[\"**\"]").await;
    world.file("src/a", "abcdef");
    let answers = world
        .used(json!([
            read("src/a"),
            {"do": "read", "path": "src/a", "offset": 4, "length": 100},
            {"do": "read", "path": "src/a", "offset": 6, "length": 100},
            {"do": "read", "path": "src/a", "offset": u64::MAX, "length": 100},
            {"do": "write", "path": "src/a", "offset": 2, "text": "XY", "truncate": false},
            write("src/new", "new"),
            {"do": "write", "path": "src/new", "offset": 1, "text": "o", "truncate": true},
            write("no/folder", "x"),
            {"do": "write", "path": "src/a", "offset": u64::MAX, "text": "x", "truncate": false},
            at("names", "src"),
            at("names", ""),
            at("names", "src/a"),
            at("stat", "src/a"),
            at("stat", "."),
            at("remove", "src/new"),
            at("remove", "src/new"),
            at("remove", "src"),
            read("src"),
            at("stat", "gone"),
        ]))
        .await;
    assert_eq!(
        answers[..15],
        [
            "abcdef",
            "ef",
            "",
            "",
            "done",
            "done",
            "done",
            "not found",
            "too large",
            "a new",
            "src",
            "failed: not a folder",
            "6 false true",
            &answers[13],
            "done"
        ]
    );
    assert!(answers[13].ends_with(" true true"), "{}", answers[13]);
    assert_eq!(answers[15], "not found");
    assert!(answers[16].starts_with("failed: ") && answers[17].starts_with("failed: "), "{answers:?}");
    assert_eq!(answers[18], "not found");
    assert_eq!(world.text("src/a"), "abXYef");
    assert!(!world.workspace.join("src/new").exists() && !world.workspace.join("no").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_grant_is_asked_about_where_a_path_leads() {
    let world = world("[\"src/**\", \"link\"]", "[\"src/*.txt\"]").await;
    world.file("src/a.txt", "a");
    world.file("secret/key", "k");
    symlink("../secret", world.workspace.join("src/way")).unwrap();
    symlink("src/a.txt", world.workspace.join("other")).unwrap();
    symlink("secret/key", world.workspace.join("link")).unwrap();
    let answers = world
        .used(json!([
            read("src/a.txt"),
            read("secret/key"),
            read("src/way/key"),
            read("src/../secret/key"),
            read("link"),
            read("other"),
            at("names", "src"),
            at("names", "."),
            at("names", "src/way"),
            at("stat", "secret"),
            write("src/b.txt", "b"),
            write("src/b.rs", "b"),
            write("src/deep/b.txt", "b"),
            write("secret/key", "x"),
            write("src/way/key.txt", "x"),
            at("remove", "src/way"),
            at("remove", "secret/key"),
        ]))
        .await;
    assert_eq!(
        answers,
        [
            "a",
            "denied",
            "denied",
            "denied",
            "denied",
            "a",
            "a.txt way",
            "denied",
            "denied",
            "denied",
            "done",
            "denied",
            "not found",
            "denied",
            "denied",
            "denied",
            "denied"
        ]
    );
    assert_eq!((world.text("secret/key"), world.text("src/b.txt")), ("k".into(), "b".into()));
    assert!(world.workspace.join("src/way").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_leaves_the_root() {
    let world = world("[\"**\"]", "[\"**\"]").await;
    let beside = world.workspace.parent().unwrap().join("beside");
    std::fs::create_dir(&beside).unwrap();
    std::fs::write(beside.join("secret"), "s").unwrap();
    symlink("../beside", world.workspace.join("out")).unwrap();
    symlink(beside.join("secret"), world.workspace.join("file")).unwrap();
    symlink("/proc/self/root/etc", world.workspace.join("magic")).unwrap();
    symlink(beside.join("made"), world.workspace.join("dangling")).unwrap();
    let answers = world
        .used(json!([
            read("../beside/secret"),
            read("../beside/nothing"),
            read(beside.join("secret").to_str().unwrap()),
            read("out/secret"),
            read("file"),
            read("magic/passwd"),
            at("names", "out"),
            at("names", ".."),
            at("stat", "file"),
            write("file", "x"),
            write("out/made", "x"),
            write("../made", "x"),
            at("remove", "out/secret"),
            at("remove", ".."),
            read("a\0b"),
            at("remove", "file"),
        ]))
        .await;
    let (removed, denied) = answers.split_last().unwrap();
    assert!(denied.iter().all(|answer| answer == "denied"), "{answers:?}");
    assert_eq!(removed, "done", "the link itself is in the root");
    // The link leads to nothing yet: writing through it would make something outside.
    let answers = world.used(json!([write("dangling", "x")])).await;
    assert!(answers[0].starts_with("failed: "), "{answers:?}");
    assert_eq!(std::fs::read_dir(&beside).unwrap().count(), 1);
    assert_eq!(std::fs::read_to_string(beside.join("secret")).unwrap(), "s");
}

#[tokio::test(flavor = "multi_thread")]
async fn tollgates_own_home_is_in_no_workspace() {
    let mut world = World::new();
    // The session works in the folder that holds the home.
    world.workspace = world.workspace.parent().unwrap().to_owned();
    let sessions = tollgate_core::session::Sessions::open(&world.bus, vec![world.workspace.clone()]).unwrap();
    let hint =
        tollgate_core::session::SessionHint { id: Some("above"), cwd: Some(&world.workspace), ..Default::default() };
    sessions.resolve(&hint);
    world.sessions = std::sync::Arc::new(sessions);
    std::fs::write(world.home.approver_token(), "t").unwrap();
    symlink("home", world.workspace.join("way")).unwrap();
    let grant = "[grant]\nemit = [\"test_guest.*\"]\nworkspace = { read = [\"**\"], write = [\"**\"] }\n\
                 [limits]\ntimeout_ms = 60_000\n";
    world.drop_in("use-workspace", guests::USE_WORKSPACE, grant);
    world.start().await;
    let steps = json!([
        read("home/approver-token"),
        read("way/approver-token"),
        write("home/approver-token", "mine"),
        write("way/plugins/evil.toml", "x"),
        at("remove", "home/approver-token"),
        at("names", "home"),
        at("stat", "home/plugins"),
        at("stat", "home/nothing"),
        at("names", "work"),
    ]);
    world.order(Some("above"), &json!({"steps": steps})).await;
    let used = world.wait_for(USED, 1).await;
    let answers: Vec<String> = serde_json::from_value(super::payload(&used[0])["answers"].clone()).unwrap();
    let (last, denied) = answers.split_last().unwrap();
    assert!(denied.iter().all(|answer| answer == "denied") && last.is_empty(), "{answers:?}");
    assert_eq!(std::fs::read_to_string(world.home.approver_token()).unwrap(), "t");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_moves_a_bounded_number_of_bytes_and_names() {
    let world = world("[\"**\"]", "[\"**\"]").await;
    let most = MAX_WORKSPACE_CALL_BYTES;
    world.file("large", &"x".repeat(most + 1));
    for number in 0..MAX_WORKSPACE_NAMES {
        world.file(&format!("many/{number}"), "");
    }
    let length = |length: usize| json!({"do": "read", "path": "large", "offset": 0, "length": length});
    let fill = |length: usize| json!({"do": "fill", "path": "filled", "length": length});
    let steps = json!([length(most), length(most + 1), fill(most), fill(most + 1), at("names", "many")]);
    let answers = world.used(steps).await;
    let (bytes, names) = (format!("{most} bytes"), format!("{MAX_WORKSPACE_NAMES} names"));
    assert_eq!(answers, [&*bytes, "too large", "done", "too large", &*names]);
    world.file("many/one-more", "");
    assert_eq!(world.used(json!([at("names", "many")])).await, ["too large"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_is_not_waited_for() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let world = world("[\"**\"]", "[\"**\"]").await;
    mknodat(CWD, world.workspace.join("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let answers = world.used(json!([read("pipe"), write("pipe", "x")])).await;
    assert!(answers.iter().all(|answer| answer.starts_with("failed: ")), "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_session_or_a_grant_there_is_nothing() {
    let granted = world("[\"**\"]", "[\"**\"]").await;
    granted.file("a", "a");
    let steps = json!({"steps": [read("a"), write("a", "x"), at("names", ""), at("stat", "a"), at("remove", "a")]});
    granted.order(None, &steps).await;
    granted.order(Some("never seen"), &steps).await;
    for event in granted.wait_for(USED, 2).await {
        assert_eq!(super::payload(&event)["answers"], json!(vec!["no session"; 5]));
    }
    let bare = World::with("use-workspace", guests::USE_WORKSPACE, super::EMITS).await;
    bare.file("a", "a");
    bare.order(Some(SESSION), &steps).await;
    assert_eq!(super::payload(&bare.wait_for(USED, 1).await[0])["answers"], json!(vec!["denied"; 5]));
    assert_eq!(bare.text("a"), "a");
}
