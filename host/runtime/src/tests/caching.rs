//! What is kept of compiling: the same bytes are compiled once, and what is not ours is compiled again.

use super::{EMITS, World};
use crate::compiler::COMPILES_AT_ONCE;
use crate::{Artifact, Child, CompileError, Compiler, Engine, InProcess, PluginState};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tollgate_bundled::{PLUGINS, guests};

#[derive(Default)]
struct Counting(AtomicUsize);

impl Counting {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Compiler for Counting {
    fn compile(&self, engine: &Engine, bytes: &[u8]) -> Result<Artifact, CompileError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        InProcess.compile(engine, bytes)
    }
}

fn counted() -> (World, Arc<Counting>) {
    let mut world = World::new();
    let counting = Arc::new(Counting::default());
    world.compiler = Arc::clone(&counting) as Arc<dyn Compiler>;
    (world, counting)
}

/// A compiler that cannot be started.
fn absent() -> Arc<dyn Compiler> {
    Arc::new(Child::new("/nowhere/at/all", [""; 0]))
}

async fn restart(world: &mut World) {
    world.stop().await;
    world.start().await;
}

fn kept(world: &World) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(world.home.cache().join("components")).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_with_the_bundled_plugins_compiles_nothing() {
    let (mut world, counting) = counted();
    for plugin in PLUGINS {
        world.drop_in(plugin.name, plugin.component, plugin.grant);
    }
    let all_serve = |world: &World| {
        let states: Vec<_> = world.runtime().list().iter().map(|status| status.state).collect();
        assert_eq!(states, [PluginState::Serving; 4], "{}", world.story());
    };
    world.start().await;
    all_serve(&world);
    assert_eq!(counting.count(), PLUGINS.len());
    restart(&mut world).await;
    all_serve(&world);
    assert_eq!(counting.count(), PLUGINS.len());
    // Nor is a compiler needed at all.
    world.compiler = absent();
    restart(&mut world).await;
    all_serve(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_come_from_the_cache_when_they_come_back() {
    let (mut world, counting) = counted();
    world.drop_in("counter", guests::COUNTER, EMITS);
    world.start().await;
    for (component, compiled) in [(guests::COUNTER_V2, 2), (guests::COUNTER, 2), (guests::COUNTER_V2, 2)] {
        world.replace("counter", component);
        world.runtime().rescan().await;
        assert_eq!((world.state("counter"), counting.count()), (PluginState::Serving, compiled));
    }
    assert_eq!(world.events("plugin.swapped").len(), 3);
    world.emit("demo.tick").await;
    world.wait_for("test_guest.counted", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_ours_in_every_bit_is_removed_and_compiled_anew() {
    let (mut world, counting) = counted();
    world.drop_in("counter", guests::COUNTER, EMITS);
    world.drop_in("trap", guests::TRAP, "");
    world.start().await;
    let files = kept(&world);
    let [one, other] = files.as_slice() else { panic!("{files:?}") };
    let aside = world.home.root().join("aside");
    let flip = |path: &Path, at: fn(usize) -> usize| {
        let mut bytes = std::fs::read(path).unwrap();
        let at = at(bytes.len());
        bytes[at] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    // What is done to the files, and how many of the two that spoils.
    type Spoil<'a> = (&'a str, usize, Box<dyn Fn() + 'a>);
    let spoils: [Spoil<'_>; 8] = [
        ("a byte of the code", 1, Box::new(|| flip(one, |length| length - 100))),
        ("a byte of the header", 1, Box::new(|| flip(one, |_| 20))),
        ("cut", 1, Box::new(|| std::fs::File::options().write(true).open(one).unwrap().set_len(1_000).unwrap())),
        ("empty", 1, Box::new(|| std::fs::write(one, "").unwrap())),
        ("another component's", 1, Box::new(|| assert!(std::fs::copy(other, one).unwrap() > 0))),
        (
            "a link to a good one",
            1,
            Box::new(|| {
                std::fs::rename(one, &aside).unwrap();
                std::os::unix::fs::symlink(&aside, one).unwrap();
            }),
        ),
        ("another home's key", 2, Box::new(|| std::fs::write(world_key(one), [7; 64]).unwrap())),
        ("no key", 2, Box::new(|| std::fs::remove_file(world_key(one)).unwrap())),
    ];
    let mut compiled = counting.count();
    assert_eq!(compiled, 2);
    for (what, spoiled, spoil) in spoils {
        world.stop().await;
        spoil();
        world.start().await;
        compiled += spoiled;
        assert_eq!(counting.count(), compiled, "{what}");
        assert_eq!(
            (world.state("counter"), world.state("trap")),
            (PluginState::Serving, PluginState::Serving),
            "{what}"
        );
        assert!(kept(&world) == files && std::fs::symlink_metadata(one).unwrap().is_file(), "{what}: {files:?}");
        restart(&mut world).await;
        assert_eq!(counting.count(), compiled, "{what}: it was not kept again");
    }
}

/// The key beside the folder that holds `kept`.
fn world_key(kept: &Path) -> PathBuf {
    kept.parent().unwrap().with_file_name("key")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_can_keep_nothing_compiles_all_the_same() {
    let (mut world, counting) = counted();
    world.drop_in("counter", guests::COUNTER, EMITS);
    std::fs::create_dir_all(world.home.cache()).unwrap();
    std::fs::write(world.home.cache().join("components"), "no folder").unwrap();
    world.start().await;
    restart(&mut world).await;
    assert_eq!((world.state("counter"), counting.count()), (PluginState::Serving, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compiler_that_fails_is_a_refusal_that_says_so() {
    let mut world = World::new();
    world.compiler = absent();
    world.drop_in("counter", guests::COUNTER, EMITS);
    world.start().await;
    let rejected = world.status("counter").rejected.unwrap();
    assert_eq!(rejected.stage.as_str(), "compile");
    assert!(rejected.cause.contains("`/nowhere/at/all` could not be started"), "{}", rejected.cause);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_ends_waits_for_no_compilation_and_leaves_none() {
    let mut world = World::new();
    let file = world.home.root().join("pid");
    let script = format!("echo $$ > {0}.new; mv {0}.new {0}; exec sleep 1000", file.display());
    let mut child = Child::new("/bin/sh", ["-c", &script]);
    child.limits.time = Duration::from_secs(3_600);
    world.compiler = Arc::new(child);
    world.watch = true;
    world.start().await;
    world.drop_in("counter", guests::COUNTER, EMITS);
    world.eventually("it is being compiled", || file.exists()).await;
    let pid: i32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    assert!(rustix::process::test_kill_process(pid).is_ok());
    world.stop().await;
    assert!(rustix::process::test_kill_process(pid).is_err(), "it is left");
}

/// Holds each compilation for a while, to see how many there are at once.
#[derive(Default)]
struct Crowded {
    running: Mutex<usize>,
    changed: Condvar,
    most: AtomicUsize,
    calls: AtomicUsize,
}

impl Compiler for Crowded {
    fn compile(&self, _engine: &Engine, _bytes: &[u8]) -> Result<Artifact, CompileError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let mut running = self.running.lock().unwrap();
        *running += 1;
        self.most.fetch_max(*running, Ordering::SeqCst);
        self.changed.notify_all();
        // As long as it takes one more to come in, if one more may.
        let patience = Duration::from_millis(300);
        let (mut running, _) =
            self.changed.wait_timeout_while(running, patience, |running| *running <= COMPILES_AT_ONCE).unwrap();
        *running -= 1;
        Err(CompileError::Invalid("not today".to_owned()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn few_components_are_compiled_at_once() {
    let mut world = World::new();
    let crowded = Arc::new(Crowded::default());
    world.compiler = Arc::clone(&crowded) as Arc<dyn Compiler>;
    let plugins = 3 * COMPILES_AT_ONCE;
    for index in 0..plugins {
        world.drop_in(&format!("plugin-{index}"), guests::COUNTER, "");
    }
    world.start().await;
    assert_eq!(crowded.calls.load(Ordering::SeqCst), plugins);
    assert_eq!(crowded.most.load(Ordering::SeqCst), COMPILES_AT_ONCE);
}
