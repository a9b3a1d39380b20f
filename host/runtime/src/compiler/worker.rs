//! The child's side of compiling: limits on itself first, then a component from standard input, its code to standard
//! output. Knows nothing of homes and plugins.
//!
//! The limits are set by the child itself, as its first act: that needs no unsafe code between fork and exec, works
//! where the parent cannot limit another process, and no byte of the component has been read by then.

use super::{CompileError, CompileLimits, Compiler, InProcess};
use crate::component::MAX_COMPONENT_BYTES;
use crate::engine::Engine;
use rustix::process::{Resource, Rlimit, setrlimit};
use std::ffi::OsString;
use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;

/// Before the component on standard input: its length, little-endian.
pub(super) const LENGTH_BYTES: usize = size_of::<u64>();
/// The child ends so when the component does not compile; standard error says why.
pub(super) const EXIT_INVALID: u8 = 1;
/// Wrong usage.
const EXIT_USAGE: u8 = 64;
/// Anything else that went wrong.
const EXIT_FAILED: u8 = 70;
/// From the soft limit, whose signal says which limit it was, to the hard one, which nothing survives.
const CPU_GRACE_SECONDS: u64 = 1;

/// The arguments with which a child is started, for [`compile_for_parent`].
pub(super) fn arguments(limits: &CompileLimits) -> [String; 2] {
    [limits.memory_bytes.to_string(), limits.cpu_seconds.to_string()]
}

/// What a program that is given to [`Child`](super::Child) does: compiles one component from standard input to standard
/// output, within the limits that `arguments` (those after the given ones) set. Ends the process when its parent ends.
/// Writes nothing else and reads no environment, configuration or file.
pub fn compile_for_parent(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    match work(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err((exit, words)) => {
            // A parent that does not listen knows by the exit code.
            let _ = writeln!(std::io::stderr(), "{words}");
            ExitCode::from(exit)
        }
    }
}

fn work(mut arguments: impl Iterator<Item = OsString>) -> Result<(), (u8, String)> {
    let usage = || (EXIT_USAGE, "only the host itself starts this, to compile a component".to_owned());
    let failed = |words: String| (EXIT_FAILED, words);
    let mut number = || arguments.next()?.to_str()?.parse::<u64>().ok();
    let (Some(memory_bytes), Some(cpu_seconds), None) = (number(), number(), number()) else { return Err(usage()) };
    if std::io::stdin().is_terminal() || std::io::stdout().is_terminal() {
        return Err(usage());
    }
    limit(memory_bytes, cpu_seconds).map_err(|error| failed(format!("the limits could not be set: {error}")))?;
    let component = read().map_err(|error| failed(format!("the component could not be read: {error}")))?;
    std::thread::Builder::new()
        .name("tollgate-leash".into())
        .spawn(end_with_parent)
        .map_err(|error| failed(format!("no thread: {error}")))?;
    let engine = Engine::new().map_err(|error| failed(error.to_string()))?;
    let artifact = InProcess.compile(&engine, &component).map_err(|error| match error {
        CompileError::Invalid(words) => (EXIT_INVALID, words),
        other => failed(other.to_string()),
    })?;
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(artifact.bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| failed(format!("the code could not be handed over: {error}")))
}

/// No memory and no processor time beyond these, no core file, and no file written at all.
fn limit(memory_bytes: u64, cpu_seconds: u64) -> rustix::io::Result<()> {
    let hard = |value: u64| Rlimit { current: Some(value), maximum: Some(value) };
    setrlimit(Resource::As, hard(memory_bytes))?;
    setrlimit(
        Resource::Cpu,
        Rlimit { current: Some(cpu_seconds), maximum: Some(cpu_seconds.saturating_add(CPU_GRACE_SECONDS)) },
    )?;
    setrlimit(Resource::Core, hard(0))?;
    setrlimit(Resource::Fsize, hard(0))
}

fn read() -> std::io::Result<Vec<u8>> {
    let mut stdin = std::io::stdin().lock();
    let mut length = [0; LENGTH_BYTES];
    stdin.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > MAX_COMPONENT_BYTES {
        return Err(std::io::Error::other(format!("{length} bytes, more than {MAX_COMPONENT_BYTES}")));
    }
    let mut bytes = Vec::new();
    stdin.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) }
}

/// The parent keeps its end of standard input open as long as it lives, however it ends: no child outlives it.
fn end_with_parent() {
    // Bytes that nobody announced are as good a reason as the end.
    let _ = std::io::stdin().lock().read(&mut [0]);
    std::process::exit(i32::from(EXIT_FAILED));
}
