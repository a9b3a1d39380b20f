//! What a verdict costs: parse, protection, sandbox, the `guardrails` rules and one guard plugin, as an engine
//! that embeds the host asks for it: of six everyday lines again and again, and of the corpus' harmless lines, each
//! once. Against the bare guard call, and, with journal `full`, against one append and fdatasync of a file; both
//! alternate with what they are measured against in the same run.
//!
//! `cargo bench -p tollgate-runtime --bench gate`. Prints figures; asserts nothing.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot set up has nothing to measure"
)]

mod support;

use futures_util::future::{BoxFuture, join_all};
use serde_json::json;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tollgate_core::bus::Bus;
use tollgate_core::event::Draft;
use tollgate_core::events::EventType;
use tollgate_core::gate::policy::Policy;
use tollgate_core::gate::{Call, Gatekeeper, GatekeeperOptions, GuardAnswer, Guards, NormalisedCall, StageTimes};
use tollgate_core::journal::{Durability, WAL_BYTES};
use tollgate_runtime::Runtime;
use tollgate_runtime::floor::Floor;

/// What agents ask all day; every one of them is let through, so that no stage is skipped.
const COMMANDS: [&str; 6] = [
    "ls -la",
    "cargo test --workspace",
    "cd src && grep -rn \"fn main\" . | head -20",
    "git add -A && git commit -m \"Fix the parser\" && git push origin main",
    "for f in *.rs; do wc -l \"$f\"; done > out.txt 2>&1",
    "python3 - <<'E'\nimport json\nprint(json.dumps({}))\nE",
];
/// Lines that are let through, each of them another.
const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/corpus");
const ROUNDS: usize = 10;
/// Verdicts of one round, of each kind.
const IN_MEMORY: usize = 3_000;
const DURABLE: usize = 150;
/// Events of a batch that wears a journal in, and bytes of each.
const BATCH: usize = 40;
const LARGE: usize = 200_000;
/// Agents that ask at the same time.
const PARALLEL: usize = 16;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        in_memory().await;
        never_seen().await;
        durable().await;
    });
}

/// A host with the example guard, which may deny, and a gatekeeper in front of it.
struct World {
    folder: tempfile::TempDir,
    bus: Bus,
    plugins: Arc<Runtime>,
    gate: Arc<Gatekeeper>,
    heard: Arc<Mutex<Vec<Arc<NormalisedCall>>>>,
}

/// The runtime, remembering what it was asked while the world warms up: the floor is asked the same.
struct Listening(Arc<Runtime>, Arc<Mutex<Vec<Arc<NormalisedCall>>>>);

impl Guards for Listening {
    fn check<'a>(&'a self, call: &'a Arc<NormalisedCall>) -> BoxFuture<'a, Vec<GuardAnswer>> {
        let mut heard = self.1.lock().unwrap();
        if heard.len() < COMMANDS.len() {
            heard.push(Arc::clone(call));
        }
        drop(heard);
        self.0.check(call)
    }
}

impl World {
    async fn new(durability: Durability) -> Self {
        let folder = tempfile::tempdir_in(".").unwrap();
        std::fs::create_dir_all(folder.path().join("project/src")).unwrap();
        let guard = tollgate_bundled::NO_SECRETS_PLUGIN;
        let guard = (guard.name, guard.component, guard.grant);
        let home = folder.path().canonicalize().unwrap().join("home");
        let options = support::options(&home, durability, &[guard]);
        let (home, bus, sessions) = (options.home.clone(), options.bus.clone(), Arc::clone(&options.sessions));
        let plugins = Arc::new(Runtime::start(options).await.unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let gate = Arc::new(Gatekeeper::new(GatekeeperOptions {
            bus: bus.clone(),
            sessions,
            guards: Arc::new(Listening(Arc::clone(&plugins), Arc::clone(&heard))),
            home: Some(home),
            policy: Arc::new(Policy::preset("guardrails").unwrap()),
            allowed_extras: Vec::new(),
        }));
        let world = Self { folder, bus, plugins, gate, heard };
        for call in world.calls(COMMANDS.len()) {
            let verdict = world.gate.check(call, Vec::new()).await;
            assert_eq!(verdict.decision.as_str(), "abstain", "{verdict:?}");
        }
        assert_eq!(world.heard.lock().unwrap().len(), COMMANDS.len());
        world
    }

    fn project(&self) -> std::path::PathBuf {
        self.folder.path().canonicalize().unwrap().join("project")
    }

    fn calls(&self, count: usize) -> Vec<Call> {
        self.calls_of(COMMANDS.iter().cycle().take(count))
    }

    fn calls_of(&self, lines: impl Iterator<Item = impl AsRef<str>>) -> Vec<Call> {
        let cwd = self.project();
        let call = |line: &str| Call {
            session_id: Some("bench".to_owned()),
            tool_name: "Bash".to_owned(),
            tool_input: json!({ "command": line, "description": "x" }).as_object().cloned().unwrap(),
            cwd: Some(cwd.clone()),
            agent: Some("claude-code".to_owned()),
            roots: vec![cwd.clone()],
            ..Call::default()
        };
        lines.map(|line| call(line.as_ref())).collect()
    }

    /// One verdict after the other.
    async fn verdicts(&self, calls: Vec<Call>, times: &mut Vec<Duration>, stages: &mut StageTimes) {
        for call in calls {
            let begun = Instant::now();
            let took = self.gate.check(call, Vec::new()).await.stages_us;
            times.push(begun.elapsed());
            stages.parse += took.parse;
            stages.sandbox += took.sandbox;
            stages.rules += took.rules;
            stages.guards += took.guards;
            stages.commit += took.commit;
        }
    }

    /// `PARALLEL` askers at once.
    async fn at_once(&self, count: usize, times: &mut Vec<Duration>) {
        let askers = (0..PARALLEL).map(|_| {
            let (gate, calls) = (Arc::clone(&self.gate), self.calls(count / PARALLEL));
            tokio::spawn(async move {
                let mut times = Vec::with_capacity(calls.len());
                for call in calls {
                    let begun = Instant::now();
                    gate.check(call, Vec::new()).await;
                    times.push(begun.elapsed());
                }
                times
            })
        });
        for asker in join_all(askers).await {
            times.extend(asker.unwrap());
        }
    }

    /// Has the journal's write-ahead log begin anew, as that of a daemon that runs for a while has: its file does not
    /// grow any more.
    async fn wear_in(&self) {
        let large = json!({ "text": "x".repeat(LARGE) }).to_string();
        for _ in 0..WAL_BYTES / (BATCH * LARGE) as u64 + 2 {
            let draft = Draft::new(EventType::parse("bench.large").unwrap(), "core", large.as_str());
            self.bus.emit_batch(vec![draft; BATCH]).await.unwrap();
        }
    }

    async fn end(self) {
        self.plugins.shutdown().await;
        self.bus.close().await;
    }
}

async fn in_memory() {
    let world = World::new(Durability::Memory).await;
    let mut floor = Floor::new(tollgate_bundled::NO_SECRETS_PLUGIN.component, &world.bus).await.unwrap();
    let heard = world.heard.lock().unwrap().clone();
    let (mut gate, mut bare, mut parallel) = (Vec::new(), Vec::new(), Vec::new());
    let mut stages = StageTimes::default();
    for _ in 0..ROUNDS {
        world.verdicts(world.calls(IN_MEMORY), &mut gate, &mut stages).await;
        for call in heard.iter().cycle().take(IN_MEMORY) {
            let begun = Instant::now();
            floor.check(call).await.unwrap();
            bare.push(begun.elapsed());
        }
        world.at_once(IN_MEMORY, &mut parallel).await;
    }
    let gate = say("gate, memory", &mut gate);
    say_stages(&stages, IN_MEMORY * ROUNDS);
    let bare = say("bare guard call", &mut bare);
    println!("ratio of the medians {:.2}", gate / bare);
    say("gate, memory, 16 at once", &mut parallel);
    world.end().await;
}

/// What an agent's day is like: hardly a line comes twice.
async fn never_seen() {
    let world = World::new(Durability::Memory).await;
    let calls = world.calls_of(harmless().iter());
    let (mut times, mut stages, count) = (Vec::new(), StageTimes::default(), calls.len());
    world.verdicts(calls, &mut times, &mut stages).await;
    say("gate, memory, never seen", &mut times);
    say_stages(&stages, count);
    world.end().await;
}

/// The corpus' harmless lines, those of all files by turns.
fn harmless() -> Vec<String> {
    let mut files: Vec<_> = std::fs::read_dir(CORPUS).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort_unstable();
    let mut lines = Vec::new();
    for (turn, file) in files.iter().enumerate() {
        let text = std::fs::read_to_string(file).unwrap();
        let read = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let passing = read.filter(|line| line["expect"] == "pass");
        let commands = passing.filter_map(|line| line["command"].as_str().map(str::to_owned));
        lines.extend(commands.enumerate().map(|(at, command)| ((at, turn), command)));
    }
    lines.sort_unstable();
    lines.into_iter().map(|(_, line)| line).collect()
}

async fn durable() {
    let world = World::new(Durability::Full).await;
    world.wear_in().await;
    let mut log = Append::new(world.folder.path());
    let (mut gate, mut bare, mut parallel) = (Vec::new(), Vec::new(), Vec::new());
    let mut stages = StageTimes::default();
    for _ in 0..ROUNDS {
        world.verdicts(world.calls(DURABLE), &mut gate, &mut stages).await;
        for _ in 0..DURABLE {
            bare.push(log.append());
        }
        world.at_once(DURABLE * 4, &mut parallel).await;
    }
    let gate = say("gate, full", &mut gate);
    say_stages(&stages, DURABLE * ROUNDS);
    let bare = say("append + fdatasync", &mut bare);
    println!("ratio of the medians {:.2}", gate / bare);
    say("gate, full, 16 at once", &mut parallel);
    world.end().await;
}

/// A file that grows by what a verdict's two events take.
struct Append(std::fs::File);

impl Append {
    /// About what a commit of `tool.gated` and its outcome appends to SQLite's log: pages of the table and of its
    /// indexes. Fewer bytes would flatter the floor by nothing: the wait for the disk is the cost.
    const BYTES: usize = 16 * 1_024;

    fn new(folder: &Path) -> Self {
        Self(std::fs::File::create(folder.join("floor.log")).unwrap())
    }

    fn append(&mut self) -> Duration {
        let begun = Instant::now();
        self.0.write_all(&[7; Self::BYTES]).unwrap();
        self.0.sync_data().unwrap();
        begun.elapsed()
    }
}

/// Prints the mean time of each stage, in microseconds.
fn say_stages(stages: &StageTimes, verdicts: usize) {
    let mean = |sum: u64| sum as f64 / verdicts as f64;
    let StageTimes { parse, sandbox, rules, guards, commit } = *stages;
    println!(
        "  mean: parse {:.1}, protection and sandbox {:.1}, rules {:.1}, guards {:.1}, commit {:.1} µs",
        mean(parse),
        mean(sandbox),
        mean(rules),
        mean(guards),
        mean(commit)
    );
}

/// Prints the percentiles; the median in microseconds.
fn say(name: &str, times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    let at = |per_mille: usize| times[(times.len() - 1) * per_mille / 1_000].as_secs_f64() * 1e6;
    println!("{name:<26} p50 {:>8.1} µs  p99 {:>8.1} µs  ({} times)", at(500), at(990), times.len());
    at(500)
}
