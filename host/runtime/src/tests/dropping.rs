//! The folder as the world treats it: slow copies, renames, links, doubles, races. What runs is whole, verified and
//! the last that was put there.

use super::{DEADLINE, EMITS, World, fields, payload};
use crate::component::digest;
use crate::{Artifact, CompileError, Compiler, Engine, InProcess, PluginState, SignatureRules, WaitingVersion};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tollgate_bundled::{guests, renamed};

/// The next of `COUNTER`, which needs what `grant` does not give.
pub(super) fn greedy() -> Vec<u8> {
    renamed(guests::COUNTER_V2, "test_guest.counted", "test_guest.greedie")
}

fn at(world: &World, file: &str) -> PathBuf {
    world.home.plugins().join(file)
}

/// Remembers what was compiled.
#[derive(Default)]
struct Recording(Mutex<BTreeSet<String>>);

impl Compiler for Recording {
    fn compile(&self, engine: &Engine, bytes: &[u8]) -> Result<Artifact, CompileError> {
        self.0.lock().unwrap().insert(digest(bytes));
        InProcess.compile(engine, bytes)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_copy_is_never_a_fault_and_loaded_once_it_is_whole() {
    let mut world = World::new();
    let recording = Arc::new(Recording::default());
    world.compiler = Arc::clone(&recording) as Arc<dyn Compiler>;
    world.drop_in("counter", guests::COUNTER, EMITS);
    world.start().await;
    let old = world.status("counter").digest;
    // Over a file that serves, in place: looked at after every piece, as if nothing were to come.
    let mut file = fs::File::create(at(&world, "counter.wasm")).unwrap();
    let pieces: Vec<&[u8]> = guests::COUNTER_V2.chunks(guests::COUNTER_V2.len() / 24).collect();
    for piece in &pieces[..pieces.len() - 1] {
        file.write_all(piece).unwrap();
        world.runtime().rescan().await;
        let status = world.status("counter");
        assert_eq!((status.state, status.digest), (PluginState::Serving, old.clone()));
        let stage = status.rejected.unwrap().stage.as_str();
        assert!(["format", "world"].contains(&stage), "{stage}");
        world.emit("demo.tick").await;
    }
    file.write_all(pieces[pieces.len() - 1]).unwrap();
    drop(file);
    world.runtime().rescan().await;
    let status = world.status("counter");
    assert_eq!((status.version.as_str(), status.rejected), ("0.2.0", None));
    world.wait_for("test_guest.counted", pieces.len() - 1).await;
    assert_eq!((status.faults, world.events("plugin.faulted").len()), (0, 0));
    let whole = [guests::COUNTER, guests::COUNTER_V2].map(digest);
    assert_eq!(*recording.0.lock().unwrap(), BTreeSet::from(whole), "nothing else was even compiled");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_regular_file_takes_the_place_of_one_that_serves() {
    let world = World::with("counter", guests::COUNTER, EMITS).await;
    let old = world.status("counter").digest;
    let elsewhere = world.home.root().join("elsewhere.wasm");
    fs::write(&elsewhere, guests::COUNTER_V2).unwrap();
    let file = at(&world, "counter.wasm");
    let link = |to: &Path| symlink(to, world.home.root().join("link")).unwrap();
    for (what, put) in [
        ("a link to a good one", &(|| link(&elsewhere)) as &dyn Fn()),
        ("a link to nothing", &|| link(Path::new("nowhere"))),
        ("a link to itself", &|| link(Path::new("counter.wasm"))),
        ("a folder", &|| fs::create_dir(world.home.root().join("link")).unwrap()),
    ] {
        let refused = world.events("plugin.rejected").len();
        let _ = fs::remove_file(world.home.root().join("link"));
        put();
        // A folder takes no file's place in one step.
        if fs::rename(world.home.root().join("link"), &file).is_err() {
            fs::remove_file(&file).unwrap();
            fs::rename(world.home.root().join("link"), &file).unwrap();
        }
        world.runtime().rescan().await;
        let rejected = world.events("plugin.rejected");
        assert_eq!(fields(&rejected[refused..], "stage"), [json!("read")], "{what}");
        assert_eq!(
            (world.state("counter"), world.status("counter").digest),
            (PluginState::Serving, old.clone()),
            "{what}"
        );
    }
    world.emit("demo.tick").await;
    world.wait_for("test_guest.counted", 1).await;
    fs::remove_dir(&file).unwrap();
    world.replace("counter", guests::COUNTER_V2);
    world.runtime().rescan().await;
    assert_eq!(world.status("counter").version, "0.2.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_files_of_one_name_the_one_that_bears_it_serves() {
    let mut world = World::new();
    world.drop_in("copy-of-counter", guests::COUNTER, EMITS);
    world.drop_in("counter", guests::COUNTER_V2, EMITS);
    world.start().await;
    let rejected = world.status("copy-of-counter").rejected.unwrap();
    assert_eq!(rejected.stage.as_str(), "name");
    assert!(rejected.cause.contains("`counter`"), "{}", rejected.cause);
    assert_eq!((world.state("counter"), world.status("counter").version), (PluginState::Serving, "0.2.0".to_owned()));
    world.emit("demo.tick").await;
    world.wait_for("test_guest.counted", 1).await;
    world.remove("counter");
    world.runtime().rescan().await;
    assert_eq!(world.state("copy-of-counter"), PluginState::Rejected, "it inherits no name");
    assert_eq!(world.events("test_guest.counted").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_version_that_needs_more_waits_and_shows_what_it_needs() {
    let world = World::with("counter", guests::COUNTER, "[grant]\nemit = [\"test_guest.counted\"]\n").await;
    let (old, greedy) = (world.status("counter").digest, greedy());
    world.replace("counter", &greedy);
    world.runtime().rescan().await;
    let waits = payload(&world.wait_for("plugin.needs_grant", 1).await[0]);
    assert_eq!(
        (&waits["version"], &waits["digest"], &waits["missing"]),
        (&json!("0.2.0"), &json!(digest(&greedy)), &json!(["emit test_guest.greedie"]))
    );
    let status = world.status("counter");
    assert_eq!((status.state, status.digest, status.version.as_str()), (PluginState::Serving, old, "0.1.0"));
    let missing = vec!["emit test_guest.greedie".to_owned()];
    assert_eq!(
        status.waiting,
        Some(WaitingVersion { version: "0.2.0".to_owned(), digest: digest(&greedy), missing: missing.clone() })
    );
    world.emit("demo.tick").await;
    world.wait_for("test_guest.counted", 1).await;
    let shown = world.runtime().proposed_grant("counter").unwrap();
    assert_eq!((shown.granted.len(), shown.missing), (0, vec![format!("{} (needed)", missing[0])]));
    // What it does not need any more stays until the operator takes it away.
    assert!(shown.proposed.contains("test_guest.counted") && shown.proposed.contains("test_guest.greedie"));
    world.runtime().grant("counter", &shown.digest).await.unwrap();
    let status = world.status("counter");
    assert_eq!((status.state, status.digest, status.waiting), (PluginState::Serving, digest(&greedy), None));
    world.emit("demo.tick").await;
    let counted = world.wait_for("test_guest.greedie", 1).await;
    assert_eq!(fields(&counted, "count"), [json!(2)], "its store goes on");
}

/// One of the things that happen to a file; which, says `turn`.
fn disturb(folder: &Path, turn: usize, writer: &str, contents: &[&[u8]]) {
    let (file, aside) = (folder.join("counter.wasm"), folder.join(format!(".{writer}.new")));
    let content = contents[turn % contents.len()];
    // Each may fail because of what the other writers do; that is the point.
    let _ = match turn % 7 {
        0..=2 => fs::write(&aside, content).and_then(|()| fs::rename(&aside, &file)),
        3 => fs::write(&file, content),
        4 => fs::write(&file, &content[..content.len() / 2]),
        5 => fs::remove_file(&aside)
            .or(Ok(()))
            .and_then(|()| symlink("/dev/zero", &aside))
            .and_then(|()| fs::rename(&aside, &file)),
        _ => fs::OpenOptions::new().write(true).open(&file).and_then(|mut file| file.write_all(&content[..9])),
    };
}

/// Writers that change the one file at once, and how often each does.
const WRITERS: usize = 4;
const TURNS: usize = 250;
const TURNS_BETWEEN_LOOKS: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_races_in_the_folder_nothing_unverified_runs_and_the_last_bytes_serve() {
    let mut world = World::new();
    let good = [guests::COUNTER, guests::COUNTER_V2];
    let recording = Arc::new(Recording::default());
    world.compiler = Arc::clone(&recording) as Arc<dyn Compiler>;
    // These alone may run: the others would work as well.
    let key = crate::SignatureKey::parse(&super::signing::Signer::new(1).key()).unwrap();
    world.signatures = SignatureRules::new(vec![key], true).unwrap().trusting(good);
    world.watch = true;
    world.drop_in("counter", guests::COUNTER, EMITS);
    world.start().await;
    let greedy = greedy();
    let contents: [&[u8]; 5] = [good[0], &greedy, good[1], guests::TRAP, b"no component at all"];
    let (done, looks) = (AtomicBool::new(false), AtomicUsize::new(0));
    let runtime = world.runtime().clone();
    let folder = world.home.plugins();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (folder, contents, looks) = (&folder, &contents, &looks);
                scope.spawn(move || {
                    for turn in 0..TURNS {
                        disturb(folder, turn * (writer + 1) + writer, &format!("writer-{writer}"), contents);
                        if turn % TURNS_BETWEEN_LOOKS == 0 {
                            // The writers are faster than anybody who looks, else.
                            let seen = looks.load(Ordering::SeqCst);
                            let deadline = Instant::now() + DEADLINE;
                            while looks.load(Ordering::SeqCst) == seen && Instant::now() < deadline {
                                std::thread::yield_now();
                            }
                        }
                    }
                })
            })
            .collect();
        // Somebody who asks for it all the time, besides the watcher.
        let handle = tokio::runtime::Handle::current();
        let (runtime, done, looks) = (&runtime, &done, &looks);
        scope.spawn(move || {
            while !done.load(Ordering::SeqCst) {
                handle.block_on(runtime.rescan());
                looks.fetch_add(1, Ordering::SeqCst);
            }
        });
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::SeqCst);
    });
    world.replace("counter", guests::COUNTER_V2);
    let last = digest(guests::COUNTER_V2);
    world
        .eventually("the last bytes serve", || {
            let status = world.status("counter");
            status.state == PluginState::Serving && status.digest == last && status.rejected.is_none()
        })
        .await;
    let good: BTreeSet<String> = good.into_iter().map(digest).collect();
    let compiled = recording.0.lock().unwrap().clone();
    assert!(compiled.is_subset(&good), "{compiled:?}");
    for event in ["plugin.loaded", "plugin.swapped"] {
        for served in fields(&world.events(event), "digest") {
            assert!(good.contains(served.as_str().unwrap()), "{event} {served}");
        }
    }
    assert!(world.events("plugin.needs_grant").is_empty() && world.events("plugin.faulted").is_empty());
    // Both kinds of things were seen in between, not only before and after.
    assert!(
        world.events("plugin.rejected").len() > WRITERS && world.events("plugin.swapped").len() > WRITERS,
        "no race"
    );
    let tick = world.emit("demo.tick").await;
    world.eventually("it serves", || fields(&world.events("test_guest.counted"), "seq").contains(&json!(tick))).await;
}
