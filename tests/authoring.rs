//! A plugin's author, from nothing to a component that a host takes: `tollgate plugin new`, `build`, `check`.

use crate::support::{Home, stderr, stdout};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tollgate_bundled::guests;

const DOCUMENT: &str = include_str!("../docs/authoring.md");

/// A folder in which packages are made, with one folder for what all of them build, so that it is built once.
struct Desk {
    home: Home,
}

impl Desk {
    fn new() -> Self {
        Self { home: Home::without_plugins() }
    }

    fn folder(&self) -> PathBuf {
        self.home.workspace()
    }

    /// The binary with what the language's tools need of the outer environment, and no network.
    fn tollgate(&self, folder: &Path, arguments: &[&str]) -> Output {
        tools(&mut self.home.command(), folder).args(arguments).output().expect("the binary ends")
    }

    /// Makes a package beside the shared build folder and gives it that. Where the last run's was: what cargo builds of
    /// a new place it adds to what it built of all others.
    fn package(&self, name: &str, options: &[&str]) -> PathBuf {
        let shared = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (built, folder) = (shared.join("packages"), shared.join("made"));
        let package = folder.join(name);
        for folder in [&built, &folder] {
            std::fs::create_dir_all(folder).expect("a folder");
        }
        if package.exists() {
            std::fs::remove_dir_all(&package).expect("the last run's package goes");
        }
        let made = self.tollgate(&folder, &[&["plugin", "new", name], options].concat());
        assert!(made.status.success(), "{}", stderr(&made));
        std::os::unix::fs::symlink(built, package.join("target")).expect("a link");
        package
    }
}

fn tools<'a>(command: &'a mut Command, folder: &Path) -> &'a mut Command {
    for name in ["CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    let home = PathBuf::from(std::env::var_os("HOME").expect("a home"));
    let beside = |name: &str, default: &str| std::env::var_os(name).map_or_else(|| home.join(default), PathBuf::from);
    command.env("CARGO_HOME", beside("CARGO_HOME", ".cargo")).env("RUSTUP_HOME", beside("RUSTUP_HOME", ".rustup"));
    command.env("XDG_CACHE_HOME", beside("XDG_CACHE_HOME", ".cache")).env("CARGO_NET_OFFLINE", "true");
    command.current_dir(folder)
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&stdout(output)).unwrap_or_else(|_| panic!("{}{}", stdout(output), stderr(output)))
}

#[test]
fn a_new_package_passes_its_test_builds_and_is_taken() {
    let desk = Desk::new();
    for (name, options, world) in [("hello", &[][..], "observer"), ("no-force", &["--guard"][..], "guard")] {
        let package = desk.package(name, options);
        let tested = tools(Command::new("cargo").args(["test", "--quiet"]), &package).output().expect("cargo");
        assert!(tested.status.success(), "{}{}", stdout(&tested), stderr(&tested));
        let built = desk.tollgate(&package, &["plugin", "build", "--json"]);
        let said = json(&built);
        assert_eq!((&said["name"], &said["world"], &said["takes"]), (&name.into(), &world.into(), &true.into()));
        assert!(said["memory_bytes"].as_u64() > Some(0) && said["bytes"].as_u64() < Some(500_000), "{said}");
        let test = ["plugin", "test", &format!("target/{name}.wasm"), "--events", "tests/events.jsonl"];
        let golden = [&test[..], &["--grant", "grant.toml", "--golden", "tests/golden.jsonl"]].concat();
        let tried = desk.tollgate(&package, &golden);
        assert!(tried.status.success(), "{}{}", stdout(&tried), stderr(&tried));
        let checked =
            desk.tollgate(&package, &["plugin", "check", &format!("target/{name}.wasm"), "--grant", "grant.toml"]);
        assert!(stdout(&checked).contains("a host takes it"), "{}{}", stdout(&checked), stderr(&checked));
        if name == "hello" {
            a_wrong_grant_leaves_the_last_build(&desk, &package);
            compile_errors(&package);
        }
    }
}

/// Nothing is put in place of it where the package's `grant.toml` is none.
fn a_wrong_grant_leaves_the_last_build(desk: &Desk, package: &Path) {
    let (built, grant) = (package.join("target/hello.wasm"), package.join("grant.toml"));
    let right = std::fs::read(&grant).expect("a grant");
    std::fs::write(&built, "the last build").expect("a file");
    std::fs::write(&grant, "[grants]\n").expect("a grant");
    let refused = desk.tollgate(package, &["plugin", "build"]);
    assert_eq!(refused.status.code(), Some(1), "{}", stdout(&refused));
    assert!(stderr(&refused).contains("grant.toml: line 1: "), "{}", stderr(&refused));
    assert_eq!(std::fs::read(&built).expect("a file"), b"the last build");
    std::fs::write(&grant, right).expect("a grant");
}

/// What the compiler says of `source` in place of the package's own; it must refuse it.
fn refusal(package: &Path, source: &str) -> String {
    std::fs::write(package.join("src/lib.rs"), source).expect("a source");
    let built = tools(Command::new("cargo").args(["test", "--quiet", "--no-run"]), package).output().expect("cargo");
    assert!(!built.status.success(), "it compiles:\n{source}");
    stderr(&built)
}

/// Mistakes that the compiler sees, in `package`: it says what is wrong in the SDK's words, or names what is missing.
fn compile_errors(package: &Path) {
    const USES: &str = "use tollgate_sdk::{Config, Description, Event, Failure, Guard, Plugin, ToolCall, Verdict};\n\
                        use tollgate_sdk::{bus, export_guard, export_observer, payload};\n";
    let describe = "fn describe() -> Description { Description::new(\"x\", \"1\") }";
    let plugin = |inside: &str| format!("#[derive(Default)] pub struct X;\nimpl Plugin for X {{ {inside} }}\n");
    let handle = |inside: &str| {
        plugin(&format!("{describe} fn handle(&mut self, event: &Event) -> Result<(), Failure> {{ {inside} }}"))
    };
    for (source, words) in [
        ("pub struct X;\nexport_observer!(X);".to_owned(), "`X` is no plugin"),
        (format!("{}export_guard!(X);", plugin(describe)), "`X` is no guard"),
        (format!("{}export_observer!(X);", plugin("")), "missing: `describe`"),
        (format!("{}impl Guard for X {{}}\nexport_guard!(X);", plugin(describe)), "missing: `check`"),
        (
            format!("pub struct X;\nimpl Plugin for X {{ {describe} }}\nexport_observer!(X);"),
            "consider annotating `X` with `#[derive(Default)]`",
        ),
        (
            format!("{}export_observer!(X);\nexport_observer!(X);", plugin(describe)),
            "the name `A_COMPONENT_EXPORTS_ONE_PLUGIN` is defined multiple times",
        ),
        (
            plugin(&format!("{describe} fn handle(&mut self, event: Event) -> Result<(), Failure> {{ Ok(()) }}")),
            "expected `&Event`, found `Event`",
        ),
        (
            plugin(&format!("{describe} fn handle(&mut self, event: &Event) -> Result<(), String> {{ Ok(()) }}")),
            "found signature `fn(&mut X, &Event) -> Result<_, String>`",
        ),
        (plugin("fn describe() -> &'static str { \"x\" }"), "expected `Description`, found `&'static str`"),
        (handle("let message = event.payload()?; Ok(())"), "no payload reads as `!`"),
        (handle("let message: Config = event.payload()?; Ok(())"), "no payload reads as `Config`"),
        (handle("bus::emit(\"x.done\", &X)?; Ok(())"), "`#[derive(serde::Serialize)]` to your `X` type"),
    ] {
        let said = refusal(package, &format!("#![allow(unused)]\n{USES}{source}\n"));
        assert!(said.contains(words), "`{words}` is not said:\n{said}");
        assert!(DOCUMENT.contains(words), "docs/authoring.md does not have `{words}`");
    }
}

#[test]
fn what_is_there_is_never_written_over_and_bad_names_are_refused() {
    let desk = Desk::new();
    std::fs::write(desk.folder().join("hello"), "mine").expect("a file");
    let refused = desk.tollgate(&desk.folder(), &["plugin", "new", "hello"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("is there already"), "{}", stderr(&refused));
    assert_eq!(std::fs::read_to_string(desk.folder().join("hello")).expect("a file"), "mine");
    for name in ["Hello", "a b", "../x", "9lives", "-x", ""] {
        let refused = desk.tollgate(&desk.folder(), &["plugin", "new", "--", name]);
        assert_eq!(refused.status.code(), Some(64), "{name}: {}", stderr(&refused));
    }
    let left = std::fs::read_dir(desk.folder()).expect("a folder").count();
    assert_eq!(left, 2, "the workspace's .git and the file that was there");
}

/// Puts a component, a grant and recorded lines into the folder.
fn bench(desk: &Desk, name: &str, component: &[u8], grant: &str, lines: &str) {
    let folder = desk.folder();
    std::fs::write(folder.join(format!("{name}.wasm")), component).expect("a component");
    std::fs::write(folder.join("grant.toml"), grant).expect("a grant");
    std::fs::write(folder.join("events.jsonl"), lines).expect("events");
}

fn event(number: usize, event_type: &str) -> String {
    format!(
        "{{\"type\":\"{event_type}\",\"ts\":\"2026-01-27T10:21:33.123Z\",\"source\":\"core\",\"payload\":{{}},\
         \"id\":\"01990000-0000-7000-8000-{number:012}\"}}\n"
    )
}

#[test]
fn recorded_events_go_through_the_sandbox_and_a_golden_file_holds_what_came() {
    let desk = Desk::new();
    let lines = format!("{}\n{}{}", event(1, "demo.tick"), event(2, "task.done"), event(3, "demo.tick"));
    bench(&desk, "counter", guests::COUNTER, "[grant]\nemit = [\"test_guest.counted\"]\n", &lines);
    let run = |more: &[&str]| {
        desk.tollgate(&desk.folder(), &[&["plugin", "test", "counter.wasm", "--events", "events.jsonl"], more].concat())
    };
    let ungranted = run(&[]);
    assert_eq!(ungranted.status.code(), Some(1));
    let mend = stderr(&ungranted);
    assert!(mend.contains("--grant FILE") && mend.contains("emit = [\"test_guest.counted\"]"), "{mend}");

    let came = run(&["--grant", "grant.toml", "--json"]);
    let steps: Vec<Value> = stdout(&came).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let outcomes: Vec<_> = steps.iter().map(|step| step["outcome"].as_str().expect("an outcome")).collect();
    assert_eq!(outcomes, ["handled", "not_subscribed", "handled"]);
    assert_eq!((&steps[0]["line"], &steps[2]["line"]), (&1.into(), &4.into()));
    assert_eq!(steps[2]["emits"][0]["payload"]["count"], 2, "what the first stored is there");
    assert!(steps[0]["fuel"].as_u64() > Some(0) && steps[0]["took_us"].is_u64());

    let golden = ["--grant", "grant.toml", "--golden", "golden.jsonl"];
    assert_eq!(run(&golden).status.code(), Some(1), "there is none yet");
    assert!(run(&[&golden[..], &["--bless"]].concat()).status.success());
    let blessed = std::fs::read_to_string(desk.folder().join("golden.jsonl")).expect("a golden file");
    assert!(!blessed.contains("took_us") && !blessed.contains("fuel"), "{blessed}");
    assert!(run(&golden).status.success());
    let other = blessed.replacen("\"count\":1", "\"count\":7", 1);
    std::fs::write(desk.folder().join("golden.jsonl"), other).expect("a file");
    let differs = run(&golden);
    assert_eq!(differs.status.code(), Some(1));
    let shown = stdout(&differs);
    assert!(shown.lines().any(|line| line.starts_with("- {\"line\":1") && line.contains("\"count\":7")), "{shown}");
    assert!(shown.lines().any(|line| line.starts_with("+ {\"line\":1") && line.contains("\"count\":1")), "{shown}");
}

#[test]
fn a_fault_fails_the_test_and_says_where_it_was() {
    let desk = Desk::new();
    let lines = format!("{}{}", event(1, "demo.loop"), event(2, "demo.tick"));
    bench(&desk, "panics", guests::PANICS, "", &lines);
    let tried = desk.tollgate(&desk.folder(), &["plugin", "test", "panics.wasm", "--events", "events.jsonl"]);
    let shown = stdout(&tried);
    assert_eq!(tried.status.code(), Some(1), "{shown}");
    assert!(shown.contains("the guest gave up at seq 1 at ") && shown.contains("panics.rs:"), "{shown}");
    assert!(shown.contains("2 lines: 1 fault, 1 handled"), "{shown}");
    std::fs::write(desk.folder().join("events.jsonl"), "{\"type\":\"demo.tick\"}\n").expect("events");
    let refused = desk.tollgate(&desk.folder(), &["plugin", "test", "panics.wasm", "--events", "events.jsonl"]);
    assert!(stderr(&refused).contains("events.jsonl: line 1: `payload`: missing"), "{}", stderr(&refused));
}

#[test]
fn the_last_runs_figures_are_kept_for_the_next() {
    let desk = Desk::new();
    bench(&desk, "counter", guests::COUNTER, "[grant]\nemit = [\"test_guest.counted\"]\n", &event(1, "demo.tick"));
    let command = ["plugin", "bench", "counter.wasm", "--events", "events.jsonl", "--grant", "grant.toml"];
    let first = json(&desk.tollgate(&desk.folder(), &[&command[..], &["--json"]].concat()));
    assert_eq!((&first["last"], &first["now"]["memory_growth"]), (&Value::Null, &0.into()));
    assert!(first["now"]["calls"].as_u64() >= Some(2_000) && first["now"]["p99_ns"].as_u64() > Some(0), "{first}");
    let second = json(&desk.tollgate(&desk.folder(), &[&command[..], &["--json"]].concat()));
    assert_eq!(second["last"], first["now"]);
    assert!(stdout(&desk.tollgate(&desk.folder(), &command)).contains("(was "));
    bench(&desk, "panics", guests::PANICS, "", &event(1, "demo.loop"));
    let faults = desk.tollgate(&desk.folder(), &["plugin", "bench", "panics.wasm", "--events", "events.jsonl"]);
    assert!(stderr(&faults).contains("line 1 faults"), "{}", stderr(&faults));
    bench(&desk, "panics", guests::PANICS, "", &event(1, "task.done"));
    let nothing = desk.tollgate(&desk.folder(), &["plugin", "bench", "panics.wasm", "--events", "events.jsonl"]);
    assert!(stderr(&nothing).contains("handles none"), "{}", stderr(&nothing));
}

#[test]
fn a_plugin_is_replayed_over_the_journal_without_effect() {
    let desk = Desk::new();
    let (home, grant) = (&desk.home, "[grant]\nemit = [\"test_guest.counted\"]\n");
    home.install("counter", guests::COUNTER, grant);
    let daemon = home.start();
    daemon.serving("counter");
    for _ in 0..3 {
        let emitted = home.tollgate(["emit", "demo.tick", "--wait", "45s"]);
        assert!(emitted.status.success(), "{}", stderr(&emitted));
    }
    let (let_through, denied) = (["git status", "cargo test"], "rm -rf /");
    for command in let_through.iter().chain([&denied]) {
        daemon.gate("s1", &home.workspace(), command, 0);
    }
    let head = daemon.events("*").len();
    let replay = |plugin: &str, more: &[&str]| {
        let command = [&["plugin", "replay", plugin, "--since", "0", "--json"], more].concat();
        let told = desk.tollgate(&desk.folder(), &command);
        assert!(told.status.success(), "{}", stderr(&told));
        json(&told)
    };
    let same = replay("counter", &[]);
    assert_eq!((&same["events"], &same["emits_differ"], &same["calls"]), (&3.into(), &0.into(), &0.into()));
    bench(&desk, "counter", guests::COUNTER_V2, grant, "");
    for against in ["recorded", "current"] {
        let other = replay("./counter.wasm", &["--against", against]);
        assert_eq!((&other["events"], &other["emits_differ"]), (&3.into(), &3.into()), "{against}: {other}");
        let first = &other["differences"][0];
        assert_eq!(first["before"][0]["payload"]["version"], "0.1.0", "{against}: {first}");
        assert_eq!(first["emits"][0]["payload"]["version"], "0.2.0", "{against}: {first}");
    }
    bench(&desk, "deny-guard", guests::DENY_GUARD, "", "");
    let guard = replay("./deny-guard.wasm", &[]);
    assert_eq!((&guard["calls"], &guard["verdicts"]["deny"]), (&3.into(), &3.into()), "{guard}");
    assert_eq!(guard["denied_though_let_through"], 2, "{guard}");
    assert_eq!(daemon.events("*").len(), head, "nothing of it is recorded");
    let nobody = desk.tollgate(&desk.folder(), &["plugin", "replay", "nobody", "--since", "0"]);
    assert!(stderr(&nobody).contains("name a plugin of this home"), "{}", stderr(&nobody));
}
