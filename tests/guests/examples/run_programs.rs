//! Runs the program that a `demo.*` event names, reads it, leaves it or misbehaves with it as the event says, and
//! emits what came of it. Asks for `sh`, `env` and `tool` with any arguments.

use serde::Deserialize;
use tollgate_sdk::process::{Child, Command, Exit, OutputStream, ProcessError};
use tollgate_sdk::{Capability, Description, Event, Failure, Plugin, bus, export_observer, process};

/// Output up to this is emitted as text, more of it as its size alone.
const TOLD_BYTES: usize = 4_096;

#[derive(Default)]
struct RunPrograms {
    held: Vec<Child>,
}

#[derive(Deserialize)]
struct Order {
    program: String,
    #[serde(default)]
    args: Vec<String>,
    cwd: Option<String>,
    #[serde(default)]
    env: Vec<(String, String)>,
    stdin: Option<String>,
    /// This many bytes of input instead.
    input_bytes: Option<usize>,
    timeout_ms: Option<u32>,
    /// `read` it to its end, `wait` for it first, `hold` or `hoard` it, `look` at those held; or, once it has said
    /// something, `kill` or `drop` it, or `trap` or `spin`.
    then: String,
    /// The script to read to its end after `drop`, in the same call.
    #[serde(default)]
    after: String,
}

impl Plugin for RunPrograms {
    fn describe() -> Description {
        let any = |program: &str| Capability::process(program, ["**"]);
        Description::new("run-programs", "0.1.0")
            .subscribe(["demo.*"])
            .need(Capability::emit("test_guest.*"))
            .want(any("sh"))
            .want(any("env"))
            .want(any("tool"))
    }

    #[expect(clippy::panic, reason = "one of the ways to misbehave")]
    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        let Order { program, args, cwd, env, stdin, input_bytes, timeout_ms, then, after } = event.payload()?;
        let stdin = input_bytes.map(|count| vec![b'x'; count]).or(stdin.map(String::into_bytes));
        let command = Command { program, args, cwd, env, stdin, timeout_ms: timeout_ms.unwrap_or(u32::MAX) };
        if then == "hoard" {
            let refused = loop {
                match process::start(&command) {
                    Ok(child) => self.held.push(child),
                    Err(error) => break error,
                }
            };
            return say(&serde_json::json!({"held": self.held.len(), "refused": refusal(&refused)}));
        }
        if then == "look" {
            let exits: Vec<String> = self.held.drain(..).map(|child| exit(child.wait())).collect();
            return say(&serde_json::json!({"exits": exits}));
        }
        let child = match process::start(&command) {
            Ok(child) => child,
            Err(error) => return say(&serde_json::json!({"refused": refusal(&error)})),
        };
        if matches!(then.as_str(), "kill" | "drop" | "trap" | "spin") {
            assert!(child.next_output().is_some());
        }
        match then.as_str() {
            "hold" => self.held.push(child),
            "drop" => {
                drop(child);
                let child = process::start(&process::command("sh", ["-c", &after])).map_err(|error| error.to_string());
                return tell(&child.map_err(Failure::Failed)?, None);
            }
            "trap" => panic!("with a program running"),
            "spin" => loop {
                std::hint::spin_loop();
            },
            "kill" => {
                child.kill();
                return tell(&child, None);
            }
            "wait" => {
                let first = child.wait();
                return tell(&child, Some(first));
            }
            _ => return tell(&child, None),
        }
        say(&serde_json::json!({"held": self.held.len()}))
    }
}

/// Reads `child` to its end and emits what it wrote and how it ended; asked twice, since the answers must agree.
fn tell(child: &Child, before: Option<Exit>) -> Result<(), Failure> {
    let (mut stdout, mut stderr, mut sizes, mut longest) = (Vec::new(), Vec::new(), [0, 0], 0);
    while let Some(chunk) = child.next_output() {
        longest = longest.max(chunk.bytes.len());
        let (text, size) = match chunk.source {
            OutputStream::Stdout => (&mut stdout, &mut sizes[0]),
            OutputStream::Stderr => (&mut stderr, &mut sizes[1]),
        };
        *size += chunk.bytes.len();
        text.extend(chunk.bytes.iter().take(TOLD_BYTES.saturating_sub(text.len())));
    }
    let after = child.wait();
    assert!(child.next_output().is_none() && child.wait() == after && before.is_none_or(|before| before == after));
    say(&serde_json::json!({
        "exit": exit(after),
        "stdout": String::from_utf8_lossy(&stdout),
        "stderr": String::from_utf8_lossy(&stderr),
        "sizes": sizes,
        "longest": longest,
    }))
}

fn say(what: &serde_json::Value) -> Result<(), Failure> {
    Ok(bus::emit("test_guest.ran", what)?)
}

fn exit(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("code {code}"),
        Exit::Signal(signal) => format!("signal {signal}"),
        Exit::TimedOut => "timed out".to_owned(),
        Exit::OutputLimit => "output limit".to_owned(),
    }
}

fn refusal(error: &ProcessError) -> String {
    match error {
        ProcessError::Denied => "denied".to_owned(),
        ProcessError::NoSession => "no session".to_owned(),
        ProcessError::NotFound => "not found".to_owned(),
        ProcessError::Failed(why) => format!("failed: {why}"),
    }
}

export_observer!(RunPrograms);
