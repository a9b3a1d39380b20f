//! Plugins with several guests: an entity's events stay in order, each is handled once, and a change waits for the
//! calls in flight as long as the grant says.

use super::{SESSION, World, payload};
use crate::{PluginState, RetryOutcome};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tollgate_bundled::guests;
use tollgate_core::event::{Draft, Entity};
use tollgate_core::events::EventType;
use tollgate_core::journal::Durability;

/// Tries of an event under fire.
const TRIES: u32 = 12;
const KEYED: &str = "test_guest.keyed";

fn grant(instances: u64, more: &str) -> String {
    format!("[grant]\nemit = [\"test_guest.*\"]\n[delivery]\nstart = \"beginning\"\ninstances = {instances}\n{more}")
}

impl World {
    /// Emits a `demo.loop` about a task; says its seq.
    async fn order_about(&self, task: &str, payload: &Value) -> u64 {
        let draft = Draft::new(EventType::parse("demo.loop").unwrap(), "webui", payload.to_string());
        let entity = Some(Entity { kind: "task".into(), id: task.into() });
        self.bus.emit(Draft { entity, session: Some(SESSION.into()), ..draft }).await.unwrap().seq
    }

    /// Ends the runtime as a kill would: what is not committed is lost.
    fn crash(&mut self) {
        drop(self.runtime.take());
    }

    async fn regrant(&self, name: &str, grant: &str) {
        std::fs::write(self.home.plugins().join(format!("{name}.toml")), grant).unwrap();
        self.runtime().rescan().await;
    }
}

/// Numbers that look random and come again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        // Xorshift: any seed but 0 will do.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % sides
    }
}

/// What each entity is to have seen, in order, and what was given up.
#[derive(Default)]
struct Expected {
    handled: BTreeMap<String, Vec<u64>>,
    given_up: Vec<u64>,
    failed: usize,
}

impl Expected {
    async fn emit(&mut self, world: &World, dice: &mut Dice) {
        let of = ["", "a", "b", "c", "d", "e", "f"][dice.roll(7) as usize];
        let then = match dice.roll(24) {
            0 => "retry",
            1 => "trap",
            2 => "fail",
            _ => "",
        };
        let order = json!({"of": of, "then": then});
        let seq = match of {
            "" => world.order(None, &order).await,
            // Of a session alone.
            "a" | "b" => world.order(Some(of), &order).await,
            _ => world.order_about(of, &order).await,
        };
        match then {
            "trap" => self.given_up.push(seq),
            "fail" => self.failed += 1,
            _ => self.handled.entry(of.to_owned()).or_default().push(seq),
        }
    }

    fn handled(&self) -> usize {
        self.handled.values().map(Vec::len).sum()
    }

    fn check(&self, world: &World) {
        let mut seen = BTreeMap::<String, (Vec<u64>, Vec<u64>)>::new();
        for event in world.events(KEYED) {
            let said = payload(&event);
            let (seqs, counts) = seen.entry(said["of"].as_str().unwrap().to_owned()).or_default();
            seqs.push(said["seq"].as_u64().unwrap());
            counts.push(said["count"].as_u64().unwrap());
        }
        for (of, (seqs, counts)) in &seen {
            assert_eq!(Some(seqs), self.handled.get(of), "each of {of:?} once and in order\n{}", world.story());
            assert!(counts.iter().copied().eq(1..=seqs.len() as u64), "{of:?} sees what it stored: {counts:?}");
        }
        let letters = world.bus.journal().dead_letters(Some("keyed"), 10_000).unwrap();
        let mut letters: Vec<u64> = letters.iter().map(|letter| letter.seq).collect();
        letters.sort_unstable();
        assert_eq!(letters, self.given_up);
    }
}

/// Random events of random entities, with tries, faults, refused commits, crashes, restarts, and other numbers of
/// instances; `seed` says which.
async fn hold_under_fire(durability: Durability, seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut world = World::on(durability);
    // An event that wants another try wants one of each fresh guest: more tries than there are changes below.
    world.tempo.tries = TRIES;
    world.drop_in("keyed", guests::KEYED, &grant(4, ""));
    world.start().await;
    let mut expected = Expected::default();
    for _ in 0..8 {
        for _ in 0..60 {
            expected.emit(&world, &mut dice).await;
        }
        match dice.roll(5) {
            0 => {
                world.crash();
                world.start().await;
            }
            1 => {
                world.stop().await;
                expected.emit(&world, &mut dice).await;
                world.start().await;
            }
            2 => world.regrant("keyed", &grant(dice.roll(8) + 1, "")).await,
            // The same number with another guest.
            3 => world.runtime().reload("keyed").await.map(|_| ()).unwrap(),
            _ if durability == Durability::Normal => {
                world.bus.limit_pages(1).await.unwrap();
                let refused = |world: &World| {
                    let logs = world.runtime().logs("keyed", 1_000).unwrap();
                    logs.iter().any(|line| line.text.contains("the journal refused"))
                };
                let idle = |world: &World| world.status("keyed").queue == 0;
                world.eventually("refused, or all was done", || refused(&world) || idle(&world)).await;
                world.bus.limit_pages(u32::MAX).await.unwrap();
            }
            _ => {}
        }
        assert_eq!(world.state("keyed"), PluginState::Serving, "{}", world.story());
    }
    world.wait_for(KEYED, expected.handled()).await;
    let letters = |world: &World| world.bus.journal().dead_letters(Some("keyed"), 10_000).unwrap().len();
    world.eventually("the rest is given up", || letters(&world) == expected.given_up.len()).await;
    world.eventually("nothing waits", || world.status("keyed").queue == 0).await;
    expected.check(&world);
    // What was given up can be tried again beside all that.
    let Some(seq) = expected.given_up.first() else { return };
    let outcome = world.runtime().retry("keyed", *seq).await.unwrap();
    assert!(matches!(outcome, RetryOutcome::Left { tries, .. } if tries == TRIES + 1), "{outcome:?}");
    expected.check(&world);
    world.stop().await;
    world.start().await;
    expected.emit(&world, &mut dice).await;
    world.wait_for(KEYED, expected.handled()).await;
    expected.check(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn entities_keep_their_order_and_each_event_is_handled_once() {
    for seed in 1..5 {
        hold_under_fire(Durability::Memory, seed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn so_they_do_on_a_journal_that_is_on_disk() {
    for seed in 10..13 {
        hold_under_fire(Durability::Normal, seed).await;
    }
}

const AMPLE: &str = "[limits]\nfuel_per_event = 1_000_000_000_000\ntimeout_ms = 600_000\n";
const RAN: &str = "test_guest.ran";

/// A world whose plugin may run any script, with this many instances and this `[delivery]`.
async fn scripts(delivery: &str) -> World {
    let grant = format!(
        "[grant]\nemit = [\"test_guest.*\"]\nprocess = [{{ program = \"sh\", args = [\"-c\", \"*\"] }}]\n\
         {AMPLE}[delivery]\n{delivery}"
    );
    World::with("run-programs", guests::RUN_PROGRAMS, &grant).await
}

fn script(text: &str) -> Value {
    json!({"program": "sh", "args": ["-c", text], "then": "read"})
}

impl World {
    fn began(&self, file: &str) -> usize {
        std::fs::read_to_string(self.workspace.join(file)).map_or(0, |text| text.lines().count())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_entity_that_takes_long_keeps_no_other_waiting_and_a_crash_repeats_only_it() {
    let mut world = scripts("instances = 8\ndrain_ms = 0\n").await;
    let slow = world.order_about("slow", &script("echo x >> slow; until [ -e go ]; do :; done")).await;
    world.eventually("it runs", || world.began("slow") == 1).await;
    // One of them at least belongs to another instance; those that do not wait.
    for task in 0..16 {
        world.order_about(&format!("quick {task}"), &script("echo x >> quick")).await;
    }
    world.wait_for(RAN, 8).await;
    assert_eq!((world.began("slow"), world.events(RAN).iter().filter(|event| event.seq < slow).count()), (1, 0));
    let status = world.status("run-programs");
    assert!(status.queue > 0 && status.lag > 0, "{status:?}");
    assert!(world.cursor("run-programs").unwrap() < slow, "the cursor passes only what is finished");
    world.crash();
    world.start().await;
    world.eventually("it runs again", || world.began("slow") == 2).await;
    std::fs::write(world.workspace.join("go"), "").unwrap();
    // By what they emit: right after the start nobody knows yet of what waits.
    world.wait_for(RAN, 17).await;
    world.eventually("nothing waits", || world.status("run-programs").queue == 0).await;
    let told: Vec<Value> = world.events(RAN).iter().map(|event| payload(event)).collect();
    assert_eq!(told.len(), 17, "each is told once");
    // One that the crash ended, or kept from starting, before it wrote may have been told as that.
    let killed = |told: &&Value| told["exit"] == "signal 9" || told["refused"] == "failed: the host is stopping";
    let (killed, began) = (told.iter().filter(killed).count(), world.began("quick"));
    assert_eq!(told.iter().filter(|told| told["exit"] == "code 0").count(), 17 - killed, "{told:?}");
    // What was finished beyond it is not repeated: no script runs twice but those that were under way, one for each
    // instance but that of the slow one.
    assert!(killed <= 7 && (16..=16 + 7).contains(&(began + killed)), "{began} began, {killed} were killed");
    world.stop().await;
}

/// A call under way is stopped after `drain_ms`, by each kind of change, and its event is tried again.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_waits_for_a_call_no_longer_than_the_grant_says() {
    for instances in [1, 2] {
        let mut world = scripts(&format!("instances = {instances}\ndrain_ms = 50\n")).await;
        let begun = Instant::now();
        world.order_about("slow", &script("echo x >> slow; exec sleep 600")).await;
        world.eventually("it runs", || world.began("slow") == 1).await;
        world.runtime().reload("run-programs").await.unwrap();
        world.eventually("it is tried again after a swap", || world.began("slow") == 2).await;
        world.runtime().disable("run-programs").await.unwrap();
        world.eventually("nothing runs while it is disabled", || world.runtime().programs() == 0).await;
        world.runtime().enable("run-programs").await.unwrap();
        world.eventually("it is tried again", || world.began("slow") == 3).await;
        world.remove("run-programs");
        world.runtime().rescan().await;
        world.replace("run-programs", guests::RUN_PROGRAMS);
        world.runtime().rescan().await;
        world.eventually("it is tried again when its file is back", || world.began("slow") == 4).await;
        let status = world.status("run-programs");
        assert_eq!((status.faults, status.dead_letters, status.calls), (0, 0, 0), "it is no fault of the plugin's");
        world.stop().await;
        assert!(begun.elapsed() < Duration::from_secs(300), "the script alone takes twice as long");
        assert!(world.events(RAN).is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_ends_in_time_is_not_stopped() {
    let world = scripts("drain_ms = 600_000\n").await;
    world.order_about("one", &script("echo x >> one; until [ -e go ]; do :; done")).await;
    world.eventually("it runs", || world.began("one") == 1).await;
    let runtime = world.runtime().clone();
    let reload = tokio::spawn(async move { runtime.reload("run-programs").await });
    std::fs::write(world.workspace.join("go"), "").unwrap();
    reload.await.unwrap().unwrap();
    world.order_about("one", &script("echo x >> one")).await;
    world.wait_for(RAN, 2).await;
    assert_eq!((world.began("one"), world.status("run-programs").faults), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_computes_for_ever_keeps_no_swap_waiting_either() {
    let world = World::with("spin-handle", guests::SPIN_HANDLE, &format!("{AMPLE}[delivery]\ndrain_ms = 20\n")).await;
    world.emit("demo.loop").await;
    world.eventually("it computes", || world.status("spin-handle").queue == 1).await;
    let begun = Instant::now();
    world.runtime().reload("spin-handle").await.unwrap();
    world.runtime().disable("spin-handle").await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(300), "a call of its may take twice as long");
    assert_eq!(world.status("spin-handle").faults, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn live_plugins_have_instances_too() {
    let mut world = World::new();
    let mode = grant(4, "mode = \"live\"\n");
    world.drop_in("keyed", guests::KEYED, &mode);
    world.start().await;
    let (mut expected, mut dice) = (Expected::default(), Dice(7));
    for _ in 0..200 {
        expected.emit(&world, &mut dice).await;
    }
    world.wait_for(KEYED, expected.handled()).await;
    // Nor does a swap lose what waits.
    for _ in 0..50 {
        expected.emit(&world, &mut dice).await;
    }
    world.runtime().reload("keyed").await.unwrap();
    world.wait_for(KEYED, expected.handled()).await;
    let letters = |world: &World| world.bus.journal().dead_letters(Some("keyed"), 10_000).unwrap().len();
    world.eventually("the rest is given up", || letters(&world) == expected.given_up.len()).await;
    expected.check(&world);
    world.crash();
    world.start().await;
    expected.emit(&world, &mut dice).await;
    world.wait_for(KEYED, expected.handled()).await;
    expected.check(&world);
}
