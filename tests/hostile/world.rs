//! A daemon with a plugin that behaves and one that does not, and what must hold of it whatever the latter does: the
//! other one's events are handled meanwhile, memory stays within the plugin's own and a margin, the cause is named in
//! the events and in the list, and what follows is as written.

use crate::support::{Daemon, Home, stdout, wait_for};
use serde_json::{Value, json};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use tollgate_bundled::guests::{self, Hostile};

/// What a guest's memory may reach where its grant says nothing.
const DEFAULT_MEMORY: u64 = 64 << 20;
/// What the host may need besides, at most: it compiles, keeps copies on their way, and its allocator holds pages.
const MARGIN: u64 = 32 << 20;
const COUNTER_GRANT: &str = "[grant]\nemit = [\"test_guest.counted\"]\n";

/// A guest and what it is granted.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    pub name: &'a str,
    pub component: &'a [u8],
    pub grant: &'a str,
    pub memory: u64,
}

impl<'a> Case<'a> {
    /// A guest that was built.
    pub fn of(hostile: Hostile) -> Case<'static> {
        Case::new(hostile.name(), hostile.component())
    }

    /// Any file.
    pub fn new(name: &'a str, component: &'a [u8]) -> Self {
        Self { name, component, grant: "", memory: DEFAULT_MEMORY }
    }

    /// The same with this grant file.
    pub fn grant(self, grant: &'a str) -> Self {
        Self { grant, ..self }
    }

    /// The same where the grant file gives it so much memory.
    pub fn with_memory(self, memory: u64) -> Self {
        Self { memory, ..self }
    }

    /// It never serves: refused at `stage`, and the cause holds `part`.
    pub fn is_refused(&self, stage: &str, part: &str) {
        let world = World::new();
        world.beside(self, || {
            world.install(self);
            world.refused(self.name, stage, part);
        });
        world.listed(self.name, &["rejected", "stage"], stage);
    }

    /// As [`Case::given_up`].
    pub fn is_given_up(&self, cause: &str) {
        self.given_up(cause);
    }

    /// Each `demo.loop` is tried three times, ends in `cause` each time and goes to the dead letters; then it goes on
    /// with the next event.
    pub fn given_up(&self, cause: &str) -> World {
        let world = World::new();
        world.serves(self);
        let seq = world.beside(self, || {
            let seq = world.emit("demo.loop");
            world.until(self.name, "given up", |plugin| plugin["dead_letters"] == 1);
            seq
        });
        let faulted = world.faulted(self.name, 3);
        let field = |field: &str| faulted.iter().map(|fault| fault["payload"][field].clone()).collect::<Vec<_>>();
        assert_eq!((field("cause"), field("tries")), (vec![json!(cause); 3], vec![json!(1), json!(2), json!(3)]));
        world.listed(self.name, &["last_fault", "cause"], cause);
        world.says_what_was_spent(self.name, &faulted[2]["payload"]);
        let path = format!("/api/deadletters?plugin={}", self.name);
        let letters = world.daemon.get(&path).unwrap()["dead_letters"].clone();
        let found = (letters[0]["seq"].as_u64(), letters[0]["cause"].as_str(), letters[0]["tries"].as_u64());
        assert_eq!(found, (Some(seq), Some(cause), Some(3)), "{letters}");
        let calls = world.daemon.plugin(self.name)["calls"].as_u64();
        world.emit("demo.tick");
        world.until(self.name, "back at work", |plugin| {
            plugin["calls"].as_u64() > calls && plugin["queue"] == 0 && plugin["state"] == "serving"
        });
        assert_eq!(world.daemon.plugin(self.name)["faults"], 3);
        world
    }

    /// Five faults within a minute put it into quarantine, and it is let out by hand.
    pub fn is_put_into_quarantine(&self, cause: &str) {
        let world = World::new();
        world.serves(self);
        world.beside(self, || {
            world.emit("demo.loop");
            world.emit("demo.loop");
            world.until(self.name, "in quarantine", |plugin| plugin["state"] == "quarantined");
        });
        let told = world.daemon.events("plugin.quarantined");
        let told = (&told[0]["payload"]["plugin"], &told[0]["payload"]["cause"], told.len());
        assert_eq!(told, (&json!(self.name), &json!(cause), 1));
        assert_eq!(world.faulted(self.name, 5).len(), 5);
        world.listed(self.name, &["state"], "quarantined");
        let output = world.home.tollgate(["plugin", "reload", self.name]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        wait_for("the recovery", || world.daemon.events("plugin.recovered").into_iter().next());
    }
}

/// A daemon without the bundled plugins, in which `counter` serves.
pub struct World {
    pub home: Home,
    pub daemon: Daemon,
}

impl World {
    pub fn new() -> Self {
        let home = Home::without_plugins();
        home.install("counter", guests::COUNTER, COUNTER_GRANT);
        let daemon = home.start();
        let world = Self { home, daemon };
        world.until("counter", "serving", |plugin| plugin["state"] == "serving");
        world
    }

    pub fn install(&self, case: &Case<'_>) {
        self.home.install(case.name, case.component, case.grant);
    }

    /// Installs it and waits until it serves: so far it has not misbehaved.
    pub fn serves(&self, case: &Case<'_>) {
        self.install(case);
        self.until(case.name, "serving", |plugin| plugin["state"] == "serving");
    }

    /// Emits one event; says its seq.
    pub fn emit(&self, event_type: &str) -> u64 {
        let draft = json!({"type": event_type, "source": "core", "payload": {}});
        let (status, answer) = self.daemon.post("/api/events", &draft.to_string()).expect("the daemon answers");
        assert!(status < 300, "{answer}");
        answer["events"][0]["seq"].as_u64().expect("a seq")
    }

    /// Does `trouble` while the well-behaved plugin is given one event after the other, each of which it handles; and
    /// the daemon's memory stays within bounds from before to after.
    pub fn beside<T>(&self, case: &Case<'_>, trouble: impl FnOnce() -> T) -> T {
        let before = memory(&self.daemon, "VmRSS");
        // From here on the peak is counted anew.
        reset_peak(&self.daemon);
        let over = AtomicBool::new(false);
        let done = std::thread::scope(|scope| {
            let neighbour = scope.spawn(|| {
                loop {
                    let last = over.load(Ordering::SeqCst);
                    self.neighbour_handles_one();
                    if last {
                        break;
                    }
                }
            });
            let _set = SetWhenDropped(&over);
            let done = trouble();
            drop(_set);
            neighbour.join().expect("the neighbour was kept from its work");
            done
        });
        if let (Some(before), Some(peak)) = (before, memory(&self.daemon, "VmHWM")) {
            let grown = peak.saturating_sub(before);
            assert!(grown <= case.memory + MARGIN, "{} took {} MiB of the host", case.name, grown >> 20);
        }
        done
    }

    fn neighbour_handles_one(&self) {
        let seq = self.emit("demo.tick");
        let counted = format!("test_guest.counted&since={seq}");
        wait_for("the other plugin to handle its event", || {
            self.daemon.events(&counted).iter().any(|event| event["payload"]["seq"] == seq).then_some(())
        });
    }

    pub fn until(&self, name: &str, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
        wait_for(format!("{name} {what}"), || {
            let plugin = self.daemon.plugin(name);
            condition(&plugin).then_some(plugin)
        })
    }

    /// Waits until it is refused: so say the list and the event.
    pub fn refused(&self, name: &str, stage: &str, part: &str) {
        let plugin = self.until(name, "refused", |plugin| {
            // Its grant file comes first, and is a plugin without a component for that moment.
            plugin["state"] == "rejected" && plugin["rejected"]["stage"] != "read"
        });
        let cause = plugin["rejected"]["cause"].as_str().unwrap_or_default().to_owned();
        assert!(plugin["rejected"]["stage"] == stage && cause.contains(part), "{plugin}");
        let told = wait_for("the event", || {
            let told = self.daemon.events("plugin.rejected");
            told.into_iter().find(|event| event["payload"]["plugin"] == name && event["payload"]["stage"] == stage)
        });
        assert_eq!(told["payload"]["cause"], cause);
    }

    /// The first `count` faults of a plugin, as events.
    pub fn faulted(&self, name: &str, count: usize) -> Vec<Value> {
        wait_for(format!("{count} faults"), || {
            let mut faulted = self.daemon.events("plugin.faulted");
            faulted.retain(|event| event["payload"]["plugin"] == name);
            (faulted.len() >= count).then_some(faulted)
        })
    }

    /// What `plugin list --json` says of it, at `path`.
    pub fn listed(&self, name: &str, path: &[&str], expected: &str) {
        let output = self.home.tollgate(["plugin", "list", "--json"]);
        let list: Value = serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{output:?}"));
        let plugins = list.as_array().or_else(|| list["plugins"].as_array()).expect("a list");
        let plugin = plugins.iter().find(|plugin| plugin["name"] == name).expect("it is listed");
        assert_eq!(path.iter().fold(plugin, |value, key| &value[*key]), expected, "{plugin}");
    }

    /// The author is told what the faulted call used, in the event, over HTTP and in the log.
    fn says_what_was_spent(&self, name: &str, fault: &Value) {
        let spent = |value: &Value| (value["fuel"].as_u64().expect("fuel"), value["took_us"].as_u64().expect("time"));
        let (fuel, took_us) = spent(fault);
        assert!(fuel > 0 && took_us > 0, "{fault}");
        assert_eq!(spent(&self.daemon.plugin(name)["last_fault"]), (fuel, took_us));
        let logs = self.logs(name);
        let told =
            |line: &Value| line["message"].as_str().is_some_and(|text| text.contains(&format!("({fuel} fuel, ")));
        assert!(logs.iter().any(told), "{logs:?}");
    }

    /// Its log lines, oldest first.
    pub fn logs(&self, name: &str) -> Vec<Value> {
        let answer = self.daemon.get(&format!("/api/plugins/{name}/logs?last=1000")).expect("the daemon answers");
        answer.as_array().or_else(|| answer["lines"].as_array()).expect("lines").clone()
    }
}

/// However the trouble ends, the neighbour's thread does.
struct SetWhenDropped<'a>(&'a AtomicBool);

impl Drop for SetWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Bytes that the daemon's `/proc/<pid>/status` says; none where there is no such file.
fn memory(daemon: &Daemon, field: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.id()));
    if !cfg!(target_os = "linux") {
        return None;
    }
    let status = status.expect("a running daemon");
    let line = status.lines().find(|line| line.starts_with(field)).expect("the field is there");
    let kib: u64 = line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number");
    Some(kib << 10)
}

fn reset_peak(daemon: &Daemon) {
    if cfg!(target_os = "linux") {
        fs::write(format!("/proc/{}/clear_refs", daemon.id()), "5").expect("a daemon of one's own");
    }
}
