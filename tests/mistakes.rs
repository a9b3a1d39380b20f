//! Mistakes that authors of plugins make, each made on purpose, and what the kit says: docs/authoring.md shows the same.

use crate::support::{Home, stderr, stdout};
use std::fs;
use std::path::PathBuf;
use std::process::Output;
use tollgate_bundled::{guests, renamed};

const DOCUMENT: &str = include_str!("../docs/authoring.md");
/// What a component may hand on to others and no plugin world offers.
const IMPORTS_HTTP: &str = "(component (import \"wasi:http/types@0.2.6\" (instance)))";

/// A component under the name that its author gave it, and what lies beside it.
struct Desk {
    home: Home,
}

impl Desk {
    fn new() -> Self {
        Self { home: Home::without_plugins() }
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let file = self.home.workspace().join(name);
        fs::write(&file, bytes).expect("a file");
        file
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.home.tollgate_in(&self.home.workspace(), [&["plugin"], arguments].concat())
    }

    /// Everything that was said, by a command that did not succeed.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "{arguments:?}: {}", stdout(&output));
        format!("{}{}", stdout(&output), stderr(&output))
    }

    fn check(&self, name: &str, component: impl AsRef<[u8]>, grant: &str) -> String {
        self.write(name, component);
        self.write("grant.toml", grant);
        let grant: &[&str] = if grant.is_empty() { &[] } else { &["--grant", "grant.toml"] };
        self.refused(&[&["check", name], grant].concat())
    }

    fn test(&self, name: &str, component: &[u8], grant: &str, event: &str) -> Output {
        self.write(name, component);
        self.write("grant.toml", grant);
        self.write("events.jsonl", event);
        self.run(&["test", name, "--events", "events.jsonl", "--grant", "grant.toml"])
    }
}

fn event(event_type: &str, payload: &str) -> String {
    format!(
        "{{\"type\":\"{event_type}\",\"ts\":\"2026-01-27T10:21:33.123Z\",\"source\":\"core\",\"payload\":{payload},\
         \"id\":\"01990000-0000-7000-8000-000000000001\"}}\n"
    )
}

/// The words are said, and the document has them.
fn holds(said: &str, words: &str) {
    assert!(said.contains(words), "`{words}` is not said:\n{said}");
    assert!(DOCUMENT.contains(words), "docs/authoring.md does not have `{words}`");
}

#[test]
fn what_no_host_can_run_is_told_before_anything_runs() {
    let desk = Desk::new();
    let half = &guests::COUNTER[..guests::COUNTER.len() / 2];
    let newer = renamed(guests::COUNTER, "plugin/bus@0.1.0", "plugin/bus@0.9.0");
    let core = b"\0asm\x01\0\0\0";
    let nothing = wat::parse_str("(component)").expect("a component");
    let http = wat::parse_str(IMPORTS_HTTP).expect("a component");
    for (name, component, words) in [
        ("plugin.wasm", b"fn main() {}".as_slice(), "not a WebAssembly component"),
        ("plugin.wasm", core, "a core module, not a component; build it with `--target wasm32-wasip2`"),
        ("counter.wasm", half, "refused at format: damaged"),
        ("counter.wasm", &newer, "it was built against tollgate:plugin 0.9.0, this host offers 0.1.0"),
        ("plugin.wasm", &nothing, "it does not export `tollgate:plugin/lifecycle@0.1.0`"),
        ("plugin.wasm", &http, "it imports `wasi:http/types@0.2.6`, which no plugin world offers"),
        ("other.wasm", guests::COUNTER, "the plugin calls itself `counter`; rename the file to match"),
        ("My_Plugin.wasm", guests::COUNTER, "a plugin's name is 1 to 64 of a-z, 0-9 and `-`"),
    ] {
        holds(&desk.check(name, component, ""), words);
    }
    holds(&desk.refused(&["check", "away.wasm"]), "away.wasm cannot be read");
}

#[test]
fn what_a_plugin_says_of_itself_and_what_it_is_granted_are_checked() {
    let desk = Desk::new();
    let pattern = renamed(guests::COUNTER, "demo.*", "Demo.*");
    holds(&desk.check("counter.wasm", pattern, ""), "subscriptions: `Demo.*` has a bad segment at byte 0");
    let looping = guests::HOSTILE_ENDLESS_LOOP_IN_DESCRIBE;
    holds(&desk.check("hostile-endless-loop-in-describe.wasm", looping, ""), "refused at describe: out_of_fuel");
    let strict = |grant: &str| desk.check("bad-config-init-fails.wasm", guests::BAD_CONFIG_INIT_FAILS, grant);
    holds(&strict(""), "refused at config: [config]: \"limit\" is a required property");
    holds(&strict("[config]\nlimit = 3\n"), "refused at init: limit is 3, it must be even");
    let tick = event("demo.tick", "{}");
    let strict = ("bad-config-init-fails.wasm", guests::BAD_CONFIG_INIT_FAILS);
    let said = stderr(&desk.test(strict.0, strict.1, "[config]\nlimits = 3\n", &tick));
    assert!(said.contains("tollgate: grant.toml: refused at config: [config]: \"limit\""), "{said}");
    let call = "{\"tool_name\":\"Bash\",\"tool_input\":{\"command\":\"ls\"}}\n";
    let said = |grant: &str| stderr(&desk.test("deny-guard.wasm", guests::DENY_GUARD, grant, call));
    let shadow = "under this grant a host asks this guard, and no verdict of it counts";
    holds(&said(""), shadow);
    assert!(!said("[grant]\ngate = [\"deny\"]\n").contains(shadow));
    let counter = |grant: &str| desk.check("counter.wasm", guests::COUNTER, grant);
    holds(&counter("[grant]\nemits = []\n"), "line 2: unknown key `emits` in [grant]; did you mean `emit`?");
    holds(&counter("[grant]\ngate = [\"denny\"]\n"), "line 2: grant.gate has no `denny`; did you mean `deny`?");
    holds(
        &counter("[grant]\nemit = [\"other.*\"]\n"),
        "it needs what the grant does not give: emit test_guest.counted",
    );
    // What would mend it keeps what the file says besides.
    let own = "[limits]\nfuel_per_event = 60_000_000\n";
    for said in [counter(own), stderr(&desk.test("counter.wasm", guests::COUNTER, own, &tick))] {
        assert!(said.contains("emit = [\"test_guest.counted\"]") && said.contains(own.trim_end()), "{said}");
    }
}

#[test]
fn faults_say_what_they_are_and_what_mends_them() {
    let desk = Desk::new();
    let events = format!("{}{}", event("demo.loop", "{}"), event("task.progress", "{\"progress\":\"x\"}"));
    let more = "[limits]\nfuel_per_event = 50_000_000_000\ntimeout_ms = 60_000\n";
    let emits = "[grant]\nemit = [\"test_guest.*\"]\n";
    for (name, component, grant, words) in [
        ("panics.wasm", guests::PANICS, "", ["the guest gave up at seq 1 at", "an error that is returned is counted"]),
        ("spin-handle.wasm", guests::SPIN_HANDLE, "", ["cause out_of_fuel", "raise fuel_per_event"]),
        (
            "hostile-deep-recursion.wasm",
            guests::HOSTILE_DEEP_RECURSION,
            "",
            ["cause stack_overflow", "keep what is left to do in a list"],
        ),
        (
            "hostile-memory-growth.wasm",
            guests::HOSTILE_MEMORY_GROWTH,
            more,
            ["cause memory", "raise memory_bytes under [limits]"],
        ),
        ("hostile-emit-flood.wasm", guests::HOSTILE_EMIT_FLOOD, emits, ["over budget 1 refused", "64 emits passed"]),
        ("parse.wasm", guests::PARSE, "", ["payload of task.progress (seq 1): ", "failed"]),
        ("fails.wasm", guests::FAILS, emits, ["message it never will", "failed"]),
    ] {
        let said = stdout(&desk.test(name, component, grant, &events));
        words.iter().for_each(|words| holds(&said, words));
    }
}

#[test]
fn files_and_packages_that_are_none_are_named() {
    let desk = Desk::new();
    let said = |event: &str| stderr(&desk.test("panics.wasm", guests::PANICS, "", event));
    holds(&said("{\"type\":\"demo.tick\"}"), "events.jsonl: line 1: `payload`: missing");
    holds(&said(""), "events.jsonl holds no event and no call");
    let nothing = "no line is an event that it subscribes to, or a call that it gates: nothing was tested";
    holds(&said(&event("other.tick", "{}")), nothing);
    let blessed = ["test", "panics.wasm", "--events", "events.jsonl", "--golden", "golden.jsonl", "--bless"];
    holds(&desk.refused(&blessed), nothing);
    assert!(!desk.home.workspace().join("golden.jsonl").exists());
    desk.write("events.jsonl", event("demo.tick", "{}"));
    desk.write("golden.jsonl", "{\"line\":1}\n");
    let golden = ["test", "panics.wasm", "--events", "events.jsonl", "--golden", "golden.jsonl"];
    holds(&desk.refused(&golden), "not what golden.jsonl says (-) but this (+); --bless takes it");
    holds(&desk.refused(&["build", "."]), "holds no package of a plugin");
    holds(&desk.refused(&["new", "My_Plugin"]), "`My_Plugin` cannot be its name");
    desk.write("taken", "");
    holds(&desk.refused(&["new", "taken"]), "is there already: choose another name, or move it away");
}
