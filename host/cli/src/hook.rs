//! `tollgate hook AGENT`: what an agent's hook setting runs. Exits with 0 or 2 alone, whatever happens to it.
//!
//! Goes past the argument parser and the async runtime, and starts no thread: an agent waits for every hook. Standard
//! input that never ends and a panic come out as denials, a daemon that keeps still as one that is not there.

use crate::client::{Client, ClientError};
use crate::config::{Config, HookSettings, OnUnavailable};
use crate::exit::Failure;
use crate::home;
use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::ffi::OsString;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tollgate_core::home::Home;
use tollgate_core::hooks::{AgentHook, EXIT_BLOCK, EXIT_PASS, HookAnswer, HookContext, MAX_INPUT_BYTES};

/// What the daemon keeps of the hook's time, for the way there and back.
const ROUND_TRIP_MS: u64 = 500;

/// What one read takes: most inputs fit.
const CHUNK_BYTES: usize = 8 * 1_024;

/// What the hook keeps of it after a daemon that does not answer, to say what follows from that. Less than
/// [`ROUND_TRIP_MS`], so that a daemon which uses all of its time is still heard.
const LAST_WORDS_MS: u64 = 200;

const USAGE: &str = "usage: tollgate hook AGENT [--home=FOLDER], with the hook's JSON on standard input; agents: claude-code, codex, gemini, cursor, generic";

/// Answers one hook. `arguments` are those after `hook`.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    // A panic anywhere ends the process with a code that blocks, not with Rust's own.
    std::panic::set_hook(Box::new(|panic| {
        let _ = writeln!(std::io::stderr(), "tollgate: unavailable: the hook failed: {panic}");
        std::process::exit(i32::from(EXIT_BLOCK));
    }));
    let arguments: Vec<OsString> = arguments.collect();
    if let [only] = arguments.as_slice()
        && (only == "--help" || only == "-h")
    {
        // Nothing was asked, so nothing is denied.
        let words = format!(
            "{USAGE}\n\n`tollgate hooks install AGENT` puts it into an agent's settings. Claude Code's:\n{EXAMPLE}\n"
        );
        return write(&HookAnswer { stdout: words, ..HookAnswer::pass() });
    }
    let (agent, settings, home) = match parse(&arguments) {
        Ok(parsed) => parsed,
        Err(words) => return write(&HookAnswer::block(&format!("tollgate: {words}"))),
    };
    write(&answer(agent, settings, home, Instant::now()))
}

const EXAMPLE: &str = r#"{"hooks":{"PreToolUse":[{"matcher":"*","hooks":[
  {"type":"command","command":"tollgate","args":["hook","claude-code"],"timeout":10,"onFailure":"block"}]}]}}"#;

/// The agent, its settings, and the home, where there is one.
type Asked = (AgentHook, HookSettings, Result<Home, Failure>);

fn parse(arguments: &[OsString]) -> Result<Asked, String> {
    let (agent, home) = match arguments {
        [agent] => (agent, None),
        [agent, home] => {
            let home = home.to_str().and_then(|word| word.strip_prefix("--home=")).ok_or_else(|| USAGE.to_owned())?;
            (agent, Some(Path::new(home)))
        }
        _ => return Err(USAGE.to_owned()),
    };
    let agent = agent.to_str().ok_or_else(|| USAGE.to_owned())?;
    let agent = AgentHook::parse(agent).map_err(|error| format!("{error}\n{USAGE}"))?;
    // A configuration that cannot be read is the daemon's to complain of; here the defaults are the safe choice.
    let home = home::resolve(home);
    let config = home.as_ref().ok().and_then(|home| Config::load(home).ok()).unwrap_or_default();
    Ok((agent, config.hook(agent), home))
}

fn answer(agent: AgentHook, settings: HookSettings, home: Result<Home, Failure>, begun: Instant) -> HookAnswer {
    let input = match read_input(begun + Duration::from_millis(settings.timeout_ms)) {
        Ok(Some(input)) => input,
        Ok(None) => {
            let words = format!("standard input did not end within {} ms", settings.timeout_ms);
            return HookAnswer::block(&format!("tollgate: unavailable: {words}"));
        }
        Err(error) => return HookAnswer::block(&format!("tollgate: reading standard input: {error}")),
    };
    match home {
        Ok(home) => asked(&home, agent, settings, &input, begun),
        Err(error) => unavailable(agent, settings, &input, &error.to_string()),
    }
}

/// Standard input to its end, and no more of it than tells that it is too long; none where it does not end by then.
fn read_input(until: Instant) -> std::io::Result<Option<Vec<u8>>> {
    let stdin = std::io::stdin();
    let mut input = Vec::new();
    while input.len() <= MAX_INPUT_BYTES {
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&left)) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        input.reserve(CHUNK_BYTES);
        match rustix::io::read(&stdin, spare_capacity(&mut input)) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some(input))
}

/// What the daemon of `home` answers, or what follows from that it does not, within the hook's time from `begun`.
fn asked(home: &Home, agent: AgentHook, settings: HookSettings, input: &[u8], begun: Instant) -> HookAnswer {
    let wait_ms = settings.timeout_ms.saturating_sub(ROUND_TRIP_MS);
    let until = begun + Duration::from_millis(settings.timeout_ms.saturating_sub(LAST_WORDS_MS));
    match Client::of(home).until(until).post(&format!("/api/hooks/{agent}?wait_ms={wait_ms}"), input) {
        Ok(text) => read_answer(&text).unwrap_or_else(|words| unavailable(agent, settings, input, &words)),
        // It is there and says no: what is wrong with a question is never a reason to let it through.
        Err(ClientError::Refused { message, .. }) => {
            unavailable(agent, HookSettings { on_unavailable: OnUnavailable::Deny, ..settings }, input, &message)
        }
        Err(error) => unavailable(agent, settings, input, &error.to_string()),
    }
}

/// Without a daemon a call is denied, unless the operator chose otherwise. An event that asks nothing is let
/// pass: blocking it would keep the agent from ending its turn, and protect nothing.
fn unavailable(agent: AgentHook, settings: HookSettings, input: &[u8], why: &str) -> HookAnswer {
    let input = match agent.read(input, HookContext { user: "", wait_ms: None }) {
        Ok(input) => input,
        Err(error) => return HookAnswer::block(&format!("tollgate: {error}")),
    };
    let words = format!("tollgate: unavailable: {why}\n");
    match (input.gates(), settings.on_unavailable) {
        (true, OnUnavailable::Deny) => HookAnswer::block(&words),
        (true, OnUnavailable::Abstain) => HookAnswer {
            stderr: format!("{words}let through, as [hooks.{agent}] on_unavailable says\n"),
            ..agent.no_opinion(&input)
        },
        (false, _) => HookAnswer { stderr: words, ..HookAnswer::pass() },
    }
}

/// The daemon's answer, checked: a cut or foreign one must not reach the agent.
fn read_answer(text: &str) -> Result<HookAnswer, String> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|_| "the daemon's answer was cut".to_owned())?;
    let field = |name: &str| value.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
    let exit = value.get("exit").and_then(serde_json::Value::as_u64);
    match (exit, field("stdout"), field("stderr")) {
        (Some(0), Some(stdout), Some(stderr)) => Ok(HookAnswer { exit: EXIT_PASS, stdout, stderr }),
        (Some(2), Some(stdout), Some(stderr)) => Ok(HookAnswer { exit: EXIT_BLOCK, stdout, stderr }),
        _ => Err("the daemon's answer has another shape; is it another version?".to_owned()),
    }
}

/// Standard output in one write: an agent that sees half of it lets the tool run.
fn write(answer: &HookAnswer) -> ExitCode {
    let _ = std::io::stderr().write_all(answer.stderr.as_bytes());
    let mut exit = answer.exit;
    if !answer.stdout.is_empty() {
        // Past the buffer of `io::stdout`, which writes line by line.
        let stdout = std::io::stdout().as_fd().try_clone_to_owned().map(std::fs::File::from);
        if stdout.and_then(|mut stdout| stdout.write_all(answer.stdout.as_bytes())).is_err() {
            exit = EXIT_BLOCK;
        }
    }
    ExitCode::from(exit)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixListener;

    /// What the hook answers where the daemon accepts and never says a word.
    fn before_silence(event: &str, on_unavailable: OnUnavailable) -> HookAnswer {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        std::fs::create_dir(home.run()).unwrap();
        let listener = UnixListener::bind(home.socket()).unwrap();
        let silent = std::thread::spawn(move || {
            // Held open until the hook hangs up.
            let (mut stream, _) = listener.accept().unwrap();
            drop(stream.read_to_end(&mut Vec::new()));
        });
        let input = serde_json::json!({
            "session_id": "s", "cwd": "/", "hook_event_name": event, "prompt": "p",
            "tool_name": "Bash", "tool_input": {"command": "ls"}, "tool_use_id": "t",
        });
        let settings = HookSettings { timeout_ms: LAST_WORDS_MS + 50, on_unavailable };
        let (begun, input) = (Instant::now(), input.to_string());
        let answer = asked(&home, AgentHook::ClaudeCode, settings, input.as_bytes(), begun);
        // Within the agent's patience.
        assert!(begun.elapsed() < Duration::from_secs(30));
        silent.join().unwrap();
        answer
    }

    #[test]
    fn a_silent_daemon_is_one_that_is_not_there() {
        for (event, on_unavailable, exit) in [
            ("PreToolUse", OnUnavailable::Deny, EXIT_BLOCK),
            ("PreToolUse", OnUnavailable::Abstain, EXIT_PASS),
            ("Stop", OnUnavailable::Deny, EXIT_PASS),
            ("UserPromptSubmit", OnUnavailable::Deny, EXIT_PASS),
            ("PostToolUse", OnUnavailable::Deny, EXIT_PASS),
        ] {
            let answer = before_silence(event, on_unavailable);
            assert_eq!(answer.exit, exit, "{event}: {answer:?}");
            assert!(answer.stderr.contains("unavailable"), "{event}: {answer:?}");
        }
    }
}
