//! Plugins in other languages than Rust: what `plugin new` writes, the examples, and what a first mistake is told.
//!
//! Each is built with its language's own tools, and where those are not it is passed over, which is said on standard
//! error. Nothing is fetched: that takes `TOLLGATE_TEST_TOOLS=install`, and puts them into the example's folder.

use crate::support::{Home, stderr, stdout};
use serde_json::{Value, json};
use std::fmt::Display;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;

const DOCUMENT: &str = include_str!("../docs/authoring.md");
/// Says that missing tools are fetched, over the network.
const FETCH: &str = "TOLLGATE_TEST_TOOLS";

/// A language, and where its tools are found: as the kit finds them.
struct Language {
    name: &'static str,
    source: &'static str,
    example: &'static str,
    /// Any of these will do.
    programs: &'static [&'static str],
    /// Where they are in a package's folder, and which part of that all packages can have in common.
    own: (&'static str, &'static str),
}

const JAVASCRIPT: Language = Language {
    name: "js",
    source: "plugin.js",
    example: "repeats",
    programs: &["componentize-qjs"],
    own: ("node_modules/.bin", "node_modules"),
};
const PYTHON: Language = Language {
    name: "python",
    source: "plugin.py",
    example: "digest",
    programs: &["componentize-py"],
    own: (".venv/bin", ".venv"),
};
const C: Language = Language {
    name: "c",
    source: "plugin.c",
    example: "slow-tools",
    programs: &["python-zig", "zig"],
    own: (".venv/bin", ".venv"),
};

/// One test at a time fetches.
static FETCHING: Mutex<()> = Mutex::new(());

impl Language {
    fn example(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/examples").join(self.example)
    }

    fn are_in(&self, folder: &Path) -> bool {
        self.programs.iter().any(|program| folder.join(program).is_file())
    }

    /// A desk with its tools; none where there are none, which is said.
    fn desk(&self, test: &str) -> Option<Desk> {
        let own = self.example().join(self.own.0);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let has = || self.are_in(&own) || std::env::split_paths(&path).any(|folder| self.are_in(&folder));
        if !has() && std::env::var_os(FETCH).is_some_and(|word| word == "install") {
            let _one = FETCHING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if !has() {
                let mut build = Command::new(env!("CARGO_BIN_EXE_tollgate"));
                let built = build.args(["plugin", "build"]).arg(self.example()).output().expect("the binary ends");
                assert!(built.status.success(), "{}", stderr(&built));
            }
        }
        if !has() {
            let (program, example) = (self.programs[0], self.example);
            // Past the harness, which shows what is printed only where a test fails.
            let said = format!(
                "skipped: {test}: `{program}` is neither on the path nor in plugins/examples/{example}; \
                 {FETCH}=install fetches it\n"
            );
            std::io::stderr().write_all(said.as_bytes()).expect("standard error");
            return None;
        }
        let tools = self.are_in(&own).then(|| self.example().join(self.own.1));
        Some(Desk { home: Home::without_plugins(), tools: tools.map(|from| (from, self.own.1)) })
    }
}

/// A folder in which packages are made.
struct Desk {
    home: Home,
    /// What a package's folder has to lead to, and under which name.
    tools: Option<(PathBuf, &'static str)>,
}

impl Desk {
    fn run(&self, folder: &Path, arguments: &[&str]) -> Output {
        let mut command = self.home.command();
        let home = PathBuf::from(std::env::var_os("HOME").expect("a home"));
        // A C library is made once for a machine, and compiled code is kept.
        let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from);
        command.env("XDG_CACHE_HOME", cache).current_dir(folder).arg("plugin").args(arguments);
        command.output().expect("the binary ends")
    }

    fn lead_to_tools(&self, package: PathBuf) -> PathBuf {
        if let Some((from, name)) = &self.tools {
            symlink(from, package.join(name)).expect("a link");
        }
        package
    }

    fn package(&self, name: &str, language: &Language, options: &[&str]) -> PathBuf {
        let workspace = self.home.workspace();
        succeeded(&self.run(&workspace, &[&["new", name, "--lang", language.name], options].concat()));
        self.lead_to_tools(workspace.join(name))
    }

    fn example(&self, language: &Language) -> PathBuf {
        let package = self.home.workspace().join(language.example);
        copy(&language.example(), &package);
        self.lead_to_tools(package)
    }

    /// Builds the package and says what a host makes of it.
    fn build(&self, package: &Path) -> Value {
        let built = self.run(package, &["build", "--json"]);
        succeeded(&built);
        serde_json::from_str(&stdout(&built)).expect("JSON")
    }

    /// What is said where it does not build.
    fn refused(&self, package: &Path) -> String {
        let built = self.run(package, &["build"]);
        assert!(!built.status.success(), "it builds: {}", stdout(&built));
        stderr(&built)
    }

    fn try_out(&self, package: &Path, name: &str, more: &[&str]) -> Output {
        let file = format!("target/{name}.wasm");
        let test = ["test", &file, "--events", "tests/events.jsonl", "--grant", "grant.toml"];
        self.run(package, &[&test[..], more].concat())
    }
}

/// Copies what git keeps of a package: not its tools, nor what was built.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (name, path) = (entry.file_name(), entry.path());
        if ["target", ".venv", "node_modules", "package-lock.json"].iter().any(|other| name == **other) {
            continue;
        }
        // Of a link, what it leads to.
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).expect("a file");
        }
    }
}

fn succeeded(output: &Output) {
    assert!(output.status.success(), "{}{}", stdout(output), stderr(output));
}

fn event(number: usize, event_type: &str, payload: impl Display) -> String {
    format!(
        "{{\"type\":\"{event_type}\",\"ts\":\"2026-01-27T10:21:33.123Z\",\"source\":\"core\",\"payload\":{payload},\
         \"id\":\"01990000-0000-7000-8000-{number:012}\",\"session\":\"s1\"}}\n"
    )
}

fn new_packages_pass_their_tests(language: &Language, most_bytes: u64) {
    let Some(desk) = language.desk("new_packages") else { return };
    for (name, options, world) in [("words", &[][..], "observer"), ("no-force", &["--guard"][..], "guard")] {
        let package = desk.package(name, language, options);
        let said = desk.build(&package);
        assert_eq!((&said["name"], &said["world"], &said["takes"]), (&name.into(), &world.into(), &true.into()));
        assert!(said["bytes"].as_u64() < Some(most_bytes), "{said}");
        succeeded(&desk.try_out(&package, name, &["--golden", "tests/golden.jsonl"]));
    }
}

#[test]
fn new_packages_in_javascript_pass_their_tests_at_once() {
    new_packages_pass_their_tests(&JAVASCRIPT, 2_000_000);
}

#[test]
fn new_packages_in_python_pass_their_tests_at_once() {
    new_packages_pass_their_tests(&PYTHON, 30_000_000);
}

#[test]
fn new_packages_in_c_pass_their_tests_at_once() {
    new_packages_pass_their_tests(&C, 60_000);
}

/// The language's example, built and held against its golden file; none where its tools are not.
fn example(language: &Language) -> Option<(Desk, PathBuf)> {
    let desk = language.desk(language.example)?;
    let package = desk.example(language);
    assert_eq!(desk.build(&package)["takes"], true);
    succeeded(&desk.try_out(&package, language.example, &["--golden", "tests/golden.jsonl"]));
    Some((desk, package))
}

/// The payloads that the example emits for these events.
fn emitted(desk: &Desk, package: &Path, language: &Language, events: &[(String, &str, Value)]) -> Vec<Value> {
    let line = |(n, (session, event_type, payload)): (usize, &(String, &str, Value))| {
        event(n + 1, event_type, payload).replace("\"s1\"", &format!("\"{session}\""))
    };
    let lines: String = events.iter().enumerate().map(line).collect();
    fs::write(package.join("tests/events.jsonl"), lines).expect("events");
    let tried = desk.try_out(package, language.example, &["--json"]);
    succeeded(&tried);
    let steps = stdout(&tried);
    let steps = steps.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    steps
        .flat_map(|step| step["emits"].as_array().cloned().unwrap_or_default())
        .map(|one| one["payload"].clone())
        .collect()
}

#[test]
fn the_example_in_c_does_what_its_golden_file_says() {
    example(&C);
}

#[test]
fn the_example_in_javascript_keeps_its_bounds() {
    let Some((desk, package)) = example(&JAVASCRIPT) else { return };
    let told = |events: &[(String, &str, Value)]| emitted(&desk, &package, &JAVASCRIPT, events);
    let call = |session: usize, content: String| {
        let (session, input) = (format!("s{session:03}"), json!({"content": content}));
        let call = json!({"session_id": session, "tool_name": "Write", "tool_input": input, "call_id": "c"});
        (session, "tool.gated", call)
    };
    // The largest event there can be does not run out of fuel.
    assert_eq!(told(&[call(0, "x".repeat(250_000))]), Vec::<Value>::new());
    // The first session calls twice. Two hundred later it is forgotten, and its third call is a first one.
    let sessions = [0, 0].into_iter().chain(1..=200).chain([0, 200, 200]);
    let calls: Vec<_> = sessions.map(|session| call(session, "make".to_owned())).collect();
    assert_eq!(told(&calls), [json!({"session_id": "s200", "tool_name": "Write", "times": 3})]);
    // What differs behind the part that is compared is the same; what differs within is not.
    let long = |mark: usize| call(1, format!("{}{mark}", "x".repeat(2_500)));
    assert_eq!(told(&[long(1), long(2), long(3)]).len(), 1);
    let within = |mark: usize| call(1, format!("{mark}{}", "x".repeat(2_500)));
    assert_eq!(told(&[within(1), within(2), within(3)]).len(), 0);
}

#[test]
fn the_example_in_python_keeps_its_bounds() {
    let Some((desk, package)) = example(&PYTHON) else { return };
    let finished = |session: usize, tool: usize| {
        let session = format!("s{session:03}");
        // Of letters that take most room in the store, and more of them than count.
        let name = format!("T{tool:02}{}", "\u{1}".repeat(100));
        let payload =
            json!({"session_id": session, "tool_name": name, "call_id": "c", "ok": true, "duration_ms": 4_200});
        (session, "tool.finished", payload)
    };
    let ended = |session: usize| (format!("s{session:03}"), "hook.session_end", json!({}));
    let told = |events: &[(String, &str, Value)]| emitted(&desk, &package, &PYTHON, events);
    // All of it at once: as many sessions as are counted, each with two tools more than are told apart. Then one session
    // more: the one that did nothing for longest is forgotten, which is not the first.
    let mut events: Vec<_> = (0..100).flat_map(|session| (0..22).map(move |tool| (session, tool))).collect();
    events.extend([(0, 0), (100, 0)]);
    let mut events: Vec<_> = events.into_iter().map(|(session, tool)| finished(session, tool)).collect();
    events.extend([0, 1, 2, 100].map(ended));
    let digests = told(&events);
    let told_of: Vec<_> = digests.iter().map(|digest| digest["session_id"].clone()).collect();
    assert_eq!(told_of, ["s000", "s002", "s100"]);
    let digest = &digests[1];
    assert_eq!((&digest["calls"], &digest["tools"]["others"][0]), (&22.into(), &2.into()), "{digest}");
    let tools = digest["tools"].as_object().expect("an object");
    assert_eq!((tools.len(), tools.keys().map(|name| name.chars().count()).max()), (21, Some(64)));
}

/// A plugin that says what it reads, for each way in which the helpers read, and hands it back quoted.
const READER: &str = r#"
#include "tollgate.h"
const tg_description tg_plugin = {
  .name = "reader", .version = "1", .summary = "reads", .subscriptions = TG_LIST("demo.*"),
  .needs = TG_CAPABILITIES(TG_EMIT("reader.*"), TG_WORKSPACE_READ("src/**"), TG_DATA(7)),
  .wants = TG_CAPABILITIES(TG_PROCESS("cargo", "test", "**"), TG_PROCESS("make"), TG_INTERACTIONS),
};
tg_outcome tg_handle(const tg_event *event) {
  tg_text text = tg_of("none"), json = tg_of("null");
  double number = -1;
  bool is = false;
  bool has = tg_json_get(event->payload, "v", &json);
  int what = tg_json_text(event->payload, "v", &text) ? 1 : tg_json_number(event->payload, "v", &number) ? 2
    : tg_json_bool(event->payload, "v", &is) ? 3 : has ? 4 : 0;
  bool told = tg_emit("reader.read", "{\"what\":%d,\"text\":%.*s,\"json\":%.*s,\"number\":%g,\"is\":%d}", what,
    TG_ARG(tg_json_quote(text)), TG_ARG(json), number, is);
  return told ? tg_ok() : tg_failed("not told");
}
"#;

#[test]
fn what_a_plugin_in_c_reads_is_what_the_json_says() {
    let Some(desk) = C.desk("what_a_plugin_in_c_reads") else { return };
    let package = desk.package("reader", &C, &[]);
    fs::write(package.join(C.source), READER).expect("a source");
    let said = desk.build(&package);
    assert_eq!(said["needs"], json!(["emit reader.*", "workspace-read src/**", "data 7"]), "{said}");
    assert_eq!(said["wants"], json!(["process cargo test **", "process make", "interactions"]), "{said}");
    let text = |raw: &str, text: &str| (format!("{{\"v\":{raw}}}"), 1, json!(text), json!(-1));
    let cases = [
        text("\"plain\"", "plain"),
        text("\"\"", ""),
        text(r#""a\"b\\c\/d\n\t\r\b\f""#, "a\"b\\c/d\n\t\r\u{8}\u{c}"),
        text(r#""\u0041\u00df\u20ac\ud83d\ude00\u0001""#, "Aß€😀\u{1}"),
        text("\"größe 😀 }]{[,:\"", "größe 😀 }]{[,:"),
        (r#"{"a":{"v":1,"b":["v",{"v":2}]},"v":"after","z":[]}"#.to_owned(), 1, json!("after"), json!(-1)),
        (" { \"x\" : [ 1 , 2 ] , \"v\" : 12.5e1 } ".to_owned(), 2, json!("none"), json!(125)),
        (r#"{"v":-0.25}"#.to_owned(), 2, json!("none"), json!(-0.25)),
        (r#"{"v":false}"#.to_owned(), 3, json!("none"), json!(-1)),
        (r#"{"v":null}"#.to_owned(), 4, json!("none"), json!(-1)),
        (r#"{"v":[1,{"v":"x"}]}"#.to_owned(), 4, json!("none"), json!(-1)),
        (r#"{"vv":1,"":2,"w":"\\"}"#.to_owned(), 0, json!("none"), json!(-1)),
        ("{}".to_owned(), 0, json!("none"), json!(-1)),
    ];
    let lines: String = cases.iter().enumerate().map(|(n, (payload, ..))| event(n + 1, "demo.tick", payload)).collect();
    fs::write(package.join("tests/events.jsonl"), lines).expect("events");
    let grant = "[grant]\nemit = [\"reader.*\"]\nworkspace = { read = [\"src/**\"] }\ndata = { max_bytes = 7 }\n";
    fs::write(package.join("grant.toml"), grant).expect("a grant");
    let tried = desk.try_out(&package, "reader", &["--json"]);
    succeeded(&tried);
    let shown = stdout(&tried);
    assert_eq!(shown.lines().count(), cases.len(), "{shown}");
    for (line, (payload, what, text, number)) in shown.lines().zip(&cases) {
        let step: Value = serde_json::from_str(line).expect("JSON");
        let read = &step["emits"][0]["payload"];
        assert_eq!((&read["what"], &read["text"]), (&json!(what), text), "{payload}: {step}");
        assert_eq!(read["number"].as_f64(), number.as_f64(), "{payload}: {step}");
        let given: Value = serde_json::from_str(payload).expect("JSON");
        assert_eq!(read["json"], given.get("v").cloned().unwrap_or(Value::Null), "{payload}");
    }
    // Two thousand calls later it has no more memory than after the first.
    let bench = ["bench", "target/reader.wasm", "--events", "tests/events.jsonl", "--grant", "grant.toml", "--json"];
    let benched = desk.run(&package, &bench);
    succeeded(&benched);
    let benched: Value = serde_json::from_str(&stdout(&benched)).expect("JSON");
    assert_eq!(benched["now"]["memory_growth"], 0, "{benched}");
}

/// `words` are said, and the document has them.
fn holds(said: &str, words: &str) {
    assert!(said.contains(words), "`{words}` is not said:\n{said}");
    assert!(DOCUMENT.contains(words), "docs/authoring.md does not have `{words}`");
}

/// A new package, what is said where `wrong` stands in place of `right`, and the package.
fn mistaken(desk: &Desk, language: &Language, package: &Path, right: &str, wrong: &str) {
    let file = package.join(language.source);
    let fresh = desk.home.workspace().join(".fresh");
    if !fresh.exists() {
        fs::copy(&file, &fresh).expect("a copy");
    }
    let source = fs::read_to_string(&fresh).expect("a source");
    assert!(source.contains(right), "{} has no `{right}`", language.source);
    fs::write(file, source.replacen(right, wrong, 1)).expect("a source");
}

#[test]
fn first_mistakes_in_javascript_are_told_with_their_place() {
    let Some(desk) = JAVASCRIPT.desk("first_mistakes_in_javascript") else { return };
    let package = desk.package("words", &JAVASCRIPT, &[]);
    let mistake = |right, wrong| mistaken(&desk, &JAVASCRIPT, &package, right, wrong);
    mistake("handle(event)", "hande(event)");
    holds(&desk.refused(&package), "plugin.js has to export `handler`, with a function `handle`");
    let asynchronous = "`handle` in plugin.js is asynchronous, and the host waits for no promise";
    mistake("handle(event)", "async handle(event)");
    holds(&desk.refused(&package), asynchronous);
    mistake("handle(event) {", "handle(event) { return Promise.reject(new Error(\"unheard\"));");
    desk.build(&package);
    let said = stdout(&desk.try_out(&package, "words", &[]));
    holds(&said, asynchronous);
    assert!(said.contains("2 lines: 2 fault"), "{said}");
    mistake("handler = {", "handler = ");
    let said = desk.refused(&package);
    holds(&said, "unexpected token in expression: ','");
    holds(&said, "at /plugin.js:");
    mistake("log@0.1.0", "lgo@0.1.0");
    holds(&desk.refused(&package), "Error resolving module 'tollgate:plugin/lgo@0.1.0'");
    mistake(".text.split", ".txet.split");
    desk.build(&package);
    let said = stdout(&desk.try_out(&package, "words", &[]));
    holds(&said, "cannot read property 'split' of undefined");
    holds(&said, "at handle (/plugin.js:");
}

#[test]
fn first_mistakes_in_python_are_told_with_their_place() {
    let Some(desk) = PYTHON.desk("first_mistakes_in_python") else { return };
    let package = desk.package("words", &PYTHON, &[]);
    let mistake = |right, wrong| mistaken(&desk, &PYTHON, &package, right, wrong);
    mistake("def handle(", "def hande(");
    let said = desk.refused(&package);
    holds(&said, "Can't instantiate abstract class Handler without an implementation for abstract method 'handle'");
    assert!(!said.contains("PyEval"), "the tool shows its insides:\n{said}");
    mistake("words = len(", "words = = len(");
    holds(&desk.refused(&package), "SyntaxError: invalid syntax (plugin.py, line ");
    mistake("[\"text\"]", "[\"txet\"]");
    desk.build(&package);
    let said = stdout(&desk.try_out(&package, "words", &[]));
    holds(&said, "KeyError: 'txet'");
    holds(&said, "line 34, in handle");
}

#[test]
fn first_mistakes_in_c_are_told_with_their_place() {
    let Some(desk) = C.desk("first_mistakes_in_c") else { return };
    let package = desk.package("words", &C, &[]);
    let mistake = |right, wrong| mistaken(&desk, &C, &package, right, wrong);
    let declares = "a plugin in C has `tg_plugin` and `tg_handle`, a guard `tg_check` too";
    mistake("tg_handle(", "tg_hande(");
    let said = desk.refused(&package);
    holds(&said, "no previous prototype for function 'tg_hande'");
    holds(&said, declares);
    mistake("tg_description tg_plugin", "tg_description plugin");
    let said = desk.refused(&package);
    holds(&said, "undefined symbol: tg_plugin");
    holds(&said, declares);
    mistake("return tg_ok();", "return tg_ok()");
    holds(&desk.refused(&package), "error: expected ';' after return statement");
    mistake("words += ", "int unused; words += ");
    let built = desk.run(&package, &["build"]);
    succeeded(&built);
    holds(&stderr(&built), "warning: unused variable 'unused'");
    mistake("tg_emit(\"words.counted\"", "tg_emit(\"other.counted\"");
    desk.build(&package);
    holds(
        &stdout(&desk.try_out(&package, "words", &[])),
        "emit other.counted: denied: neither its needs nor its wants have a pattern for it",
    );
    mistake("for (size_t i = 0; i < text.len; i++)", "int at[4]; for (int i = 0; i < (int)text.len; at[i] = i, i++)");
    desk.build(&package);
    let said = stdout(&desk.try_out(&package, "words", &[]));
    holds(&said, "cause trap");
    holds(&said, "in tg_handle");
    holds(&said, "(in C: past an array's end, through a null pointer, a sum too large)");
    mistake("int words = 0;", "int words = 0; printf(\"%zu bytes\\n\", text.len);");
    mistaken_header(&package);
    desk.build(&package);
    holds(&stdout(&desk.try_out(&package, "words", &[])), "log info 18 bytes");
    mistake("int words = 0;", "int words = 0; assert(text.len == 0);");
    mistaken_header(&package);
    desk.build(&package);
    let said = stdout(&desk.try_out(&package, "words", &[]));
    holds(&said, "Assertion failed: text.len == 0 (plugin.c: tg_handle: ");
}

/// Has the package's source include what it uses.
fn mistaken_header(package: &Path) {
    let file = package.join(C.source);
    let source = fs::read_to_string(&file).expect("a source");
    fs::write(file, format!("#include <assert.h>\n#include <stdio.h>\n{source}")).expect("a source");
}
