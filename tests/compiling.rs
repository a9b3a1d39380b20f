//! Compiling in a child process, with the real binary: what a component may take, and that no child outlives its host.

use crate::support::wait_for;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tollgate_core::bus::{Bus, BusOptions};
use tollgate_core::home::Home;
use tollgate_core::journal::{Durability, JournalOptions};
use tollgate_core::session::Sessions;
use tollgate_core::time::Clock;
use tollgate_runtime::{Child, Limits, Runtime, RuntimeOptions, SignatureRules};

const WORD: &str = "compile-component";

/// A component that is well-formed and takes seconds to compile, on any machine and all its processors.
fn heavy() -> Vec<u8> {
    let line = "local.get 0 i32.const 7 i32.mul local.get 1 i32.add local.tee 0 local.get 0 i32.load drop drop\n";
    // Large functions are what takes memory.
    let function = format!("(func (param i32 i32)\n{})\n", line.repeat(75_000));
    let text = format!(
        r#"(component (core module (memory 1) {}) (instance $i)
             (export "tollgate:plugin/lifecycle@0.1.0" (instance $i))
             (export "tollgate:plugin/handler@0.1.0" (instance $i)))"#,
        function.repeat(4)
    );
    wat::parse_str(text).expect("a component")
}

/// Why a runtime whose compiler is `child` refuses the component.
async fn refused(component: &[u8], change: impl FnOnce(&mut Child)) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let home = Home::at(folder.path());
    std::fs::create_dir(home.plugins()).expect("a plugin folder");
    std::fs::write(home.plugins().join("heavy.wasm"), component).expect("a component");
    let journal = JournalOptions { path: home.journal(), durability: Durability::Memory };
    let bus = Bus::open(BusOptions { journal, filter: None, clock: Clock::system() }).expect("a bus");
    let sessions = Arc::new(Sessions::open(&bus, Vec::new()).expect("sessions"));
    let mut child = Child::new(env!("CARGO_BIN_EXE_tollgate"), [WORD]);
    // The limit that a test is about is the one that is reached, on a loaded machine too.
    child.limits.cpu_seconds = 3_600;
    child.limits.time = Duration::from_secs(3_600);
    change(&mut child);
    let options = RuntimeOptions {
        home,
        bus,
        sessions,
        asker: None,
        defaults: Limits::default(),
        compiler: Arc::new(child),
        signatures: SignatureRules::default(),
        watch: false,
        rescan: Duration::from_secs(3_600),
    };
    let runtime = Runtime::start(options).await.expect("a runtime");
    let rejected = runtime.list().into_iter().find_map(|plugin| plugin.rejected).expect("it is refused");
    runtime.shutdown().await;
    rejected.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_takes_too_much_to_compile_is_refused_with_the_limit() {
    let heavy = heavy();
    let memory = refused(&heavy, |child| child.limits.memory_bytes = 400 << 20).await;
    assert!(
        memory.starts_with("refused at compile: compiling it takes more than 419430400 bytes of memory"),
        "{memory}"
    );
    let cpu = refused(&heavy, |child| child.limits.cpu_seconds = 1).await;
    assert!(cpu.starts_with("refused at compile: compiling it takes more than 1 s of CPU time"), "{cpu}");
    let time = refused(&heavy, |child| child.limits.time = Duration::from_millis(200)).await;
    assert!(time.starts_with("refused at compile: compiling it takes more than 200 ms of time"), "{time}");
    let output = refused(&heavy, |child| child.limits.output_bytes = 1 << 20).await;
    assert!(output.starts_with("refused at compile: compiling it takes more than 1048576 bytes of code"), "{output}");
    // Within them it is as good as any other: what it lacks is found by linking it.
    let linked = refused(&heavy, |_| {}).await;
    assert!(linked.starts_with("refused at world: "), "{linked}");
}

/// Starts the compiler by hand with room for anything, and hands it `input`.
fn compiler(input: &[u8]) -> std::process::Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.args([WORD, "8589934592", "3600"]).env_clear();
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    child.stdin.as_mut().expect("piped").write_all(input).expect("it reads");
    child
}

#[test]
fn a_compiler_whose_host_is_gone_ends_at_once() {
    let heavy = heavy();
    let mut child = compiler(&[&(heavy.len() as u64).to_le_bytes(), heavy.as_slice()].concat());
    // It took the whole component, and compiles: its host ends.
    drop(child.stdin.take());
    let ended = wait_for("its end", || child.try_wait().expect("a child"));
    assert_eq!(ended.code(), Some(70), "it compiled to its end");
    // Before that, too: half a component is none.
    let child = compiler(&[&(heavy.len() as u64).to_le_bytes(), &heavy[..1_000]].concat());
    let ended = child.wait_with_output().expect("a child");
    assert_eq!((ended.status.code(), ended.stdout.len()), (Some(70), 0));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("could not be read"), "{ended:?}");
    let ended = compiler(&u64::MAX.to_le_bytes()).wait_with_output().expect("a child");
    assert!(String::from_utf8_lossy(&ended.stderr).contains("more than 67108864"), "{ended:?}");
}

#[test]
fn a_daemon_that_is_killed_leaves_no_compiler_behind() {
    let home = crate::support::Home::without_plugins().cold();
    let daemon = home.start();
    home.install("heavy", &heavy(), "");
    let compiler = wait_for("a compiler", || children(daemon.id()).into_iter().find(|pid| is_compiler(*pid)));
    daemon.kill();
    wait_for("its end", || (!is_compiler(compiler)).then_some(()));
}

/// The processes that `parent` started, by all of its threads.
fn children(parent: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(Path::new("/proc").join(parent.to_string()).join("task")).expect("it runs");
    let of = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
    let listed: String = tasks.flatten().map(of).collect();
    listed.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn is_compiler(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains(WORD))
}

#[test]
fn the_compiler_is_no_command_of_a_persons() {
    let home = crate::support::Home::without_plugins().cold();
    let help = crate::support::stdout(&home.tollgate(["--help"]));
    assert!(help.contains("doctor") && !help.contains(WORD), "{help}");
    for arguments in [&[WORD][..], &[WORD, "1"], &[WORD, "1", "2", "3"], &[WORD, "all", "2"], &[WORD, "--help"]] {
        let refused = home.tollgate(arguments);
        assert_eq!(refused.status.code(), Some(64), "{arguments:?}");
        assert!(crate::support::stderr(&refused).contains("only the host itself"), "{refused:?}");
    }
}
