//! Faults: what went wrong with a guest, from a closed list, and how the engine's errors map to it.

use crate::engine::MAX_BACKTRACE_FRAMES;
use crate::limits::LimitHit;
use std::fmt;
use std::time::Duration;

/// Most bytes of a fault's message; a guest chooses some of them.
pub(crate) const MAX_MESSAGE_BYTES: usize = 1_024;
/// Most bytes of a fault's backtrace.
const MAX_BACKTRACE_BYTES: usize = 8 * 1_024;

/// What went wrong with a guest. The names are a contract of events, the API and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultCause {
    /// It broke a rule of WebAssembly.
    Trap,
    /// It panicked.
    Panic,
    /// It recursed too deep.
    StackOverflow,
    /// It used up its fuel.
    OutOfFuel,
    /// It ran into the wall clock.
    Timeout,
    /// It was refused more memory and gave up.
    Memory,
    /// It was refused more table entries and gave up.
    Tables,
    /// It held too many handles.
    Handles,
    /// It is made of too many core instances, memories or tables.
    Instances,
    /// It passed too many bytes in one host call.
    HostBytes,
    /// A fresh guest's `init` failed.
    InitFailed,
}

impl FaultCause {
    /// The wire name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Panic => "panic",
            Self::StackOverflow => "stack_overflow",
            Self::OutOfFuel => "out_of_fuel",
            Self::Timeout => "timeout",
            Self::Memory => "memory",
            Self::Tables => "tables",
            Self::Handles => "handles",
            Self::Instances => "instances",
            Self::HostBytes => "host_bytes",
            Self::InitFailed => "init_failed",
        }
    }
}

/// One fault: the guest is gone, the host is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// What went wrong.
    pub cause: FaultCause,
    /// For people; at most 1 KiB.
    pub message: String,
    /// Where it went wrong, symbolised, where the component has names; at most 8 KiB.
    pub backtrace: Option<String>,
    /// Fuel that the call used, the host's work for it included; 0 where it was no call.
    pub fuel: u64,
    /// How long the call took; zero where it was none.
    pub took: Duration,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.cause.as_str(), self.message)
    }
}

/// What the host noticed during the call, which tells causes apart that look alike to the engine.
#[derive(Debug, Default)]
pub(crate) struct CallNotes {
    pub(crate) limit: Option<LimitHit>,
    /// The panic's message, where the guest wrote one before it trapped.
    pub(crate) panic: Option<String>,
}

/// The wall clock ran out; raised inside the engine so that it ends a computing guest.
#[derive(Debug, thiserror::Error)]
#[error("the call took longer than its wall-clock limit")]
pub(crate) struct WallClock;

impl Fault {
    pub(crate) fn new(cause: FaultCause, message: impl Into<String>) -> Self {
        Self { cause, message: cut(message.into(), MAX_MESSAGE_BYTES), backtrace: None, fuel: 0, took: Duration::ZERO }
    }

    /// [`Fault::took`] in microseconds.
    #[must_use]
    pub fn took_us(&self) -> u64 {
        u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX)
    }

    pub(crate) fn timeout(limit_ms: u64) -> Self {
        Self::new(FaultCause::Timeout, format!("took longer than {limit_ms} ms"))
    }

    /// The fault that an engine error means.
    pub(crate) fn of(error: &wasmtime::Error, notes: CallNotes) -> Self {
        let cause = cause_of(error, &notes);
        let message = match (cause, notes.panic) {
            (FaultCause::Panic, Some(panic)) => panic,
            (_, Some(panic)) => format!("{}; {panic}", error.root_cause()),
            (_, None) => error.root_cause().to_string(),
        };
        let backtrace = error
            .downcast_ref::<wasmtime::WasmBacktrace>()
            .map(|backtrace| cut(backtrace.to_string(), MAX_BACKTRACE_BYTES))
            .filter(|text| !text.is_empty());
        Self { backtrace, ..Self::new(cause, message) }
    }
}

fn cause_of(error: &wasmtime::Error, notes: &CallNotes) -> FaultCause {
    if error.downcast_ref::<WallClock>().is_some() {
        return FaultCause::Timeout;
    }
    if matches!(
        error.downcast_ref::<wasmtime::component::ResourceTableError>(),
        Some(wasmtime::component::ResourceTableError::Full)
    ) {
        return FaultCause::Handles;
    }
    match error.downcast_ref::<wasmtime::Trap>() {
        Some(wasmtime::Trap::StackOverflow) => return FaultCause::StackOverflow,
        Some(wasmtime::Trap::OutOfFuel) => return FaultCause::OutOfFuel,
        Some(wasmtime::Trap::Interrupt) => return FaultCause::Timeout,
        Some(wasmtime::Trap::MemoryOutOfBounds) if is_deep_recursion(error) => return FaultCause::StackOverflow,
        _ => {}
    }
    // The engine keeps the types of these three errors to itself.
    let text = error.root_cause().to_string();
    if text.contains("fuel allocated for hostcalls") {
        return FaultCause::HostBytes;
    }
    if text.contains("handle limit exceeded") {
        return FaultCause::Handles;
    }
    if text.contains("resource limit exceeded") {
        return FaultCause::Instances;
    }
    // A guest that was refused memory usually panics or traps next; the refusal is the cause.
    match (notes.limit, &notes.panic) {
        (Some(LimitHit::Memory), _) => FaultCause::Memory,
        (Some(LimitHit::Tables), _) => FaultCause::Tables,
        (None, Some(_)) => FaultCause::Panic,
        (None, None) => FaultCause::Trap,
    }
}

/// Compiled code keeps large frames on a stack inside its memory, whose end is an ordinary access out of bounds:
/// told by a backtrace that is full of few functions.
fn is_deep_recursion(error: &wasmtime::Error) -> bool {
    let Some(backtrace) = error.downcast_ref::<wasmtime::WasmBacktrace>() else { return false };
    let functions: std::collections::HashSet<u32> =
        backtrace.frames().iter().map(wasmtime::FrameInfo::func_index).collect();
    backtrace.frames().len() >= MAX_BACKTRACE_FRAMES && functions.len() <= MAX_BACKTRACE_FRAMES / 4
}

/// `text`, at most `max` bytes of it and a mark, cut between characters; keeps no room for what is gone.
pub(crate) fn cut(mut text: String, max: usize) -> String {
    if text.len() > max {
        text.truncate(text.floor_char_boundary(max));
        text.push('…');
        text.shrink_to_fit();
    }
    text
}

/// The first `max` bytes of `text` at most, cut between characters.
pub(crate) fn start_of(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: wasmtime::Error, notes: CallNotes, cause: FaultCause) {
        assert_eq!(Fault::of(&error, notes).cause, cause);
    }

    #[test]
    fn causes_are_told_apart() {
        check(wasmtime::Trap::OutOfFuel.into(), CallNotes::default(), FaultCause::OutOfFuel);
        check(wasmtime::Trap::StackOverflow.into(), CallNotes::default(), FaultCause::StackOverflow);
        check(wasmtime::Trap::UnreachableCodeReached.into(), CallNotes::default(), FaultCause::Trap);
        check(WallClock.into(), CallNotes::default(), FaultCause::Timeout);
        check(wasmtime::component::ResourceTableError::Full.into(), CallNotes::default(), FaultCause::Handles);
        let panicked = || CallNotes { limit: None, panic: Some("panicked at x: no".into()) };
        check(wasmtime::Trap::UnreachableCodeReached.into(), panicked(), FaultCause::Panic);
        check(wasmtime::Trap::OutOfFuel.into(), panicked(), FaultCause::OutOfFuel);
        let full = CallNotes { limit: Some(LimitHit::Memory), panic: Some("memory allocation failed".into()) };
        check(wasmtime::Trap::UnreachableCodeReached.into(), full, FaultCause::Memory);
    }

    #[test]
    fn a_message_is_bounded_and_cut_between_characters() {
        let fault = Fault::new(FaultCause::Panic, "é".repeat(MAX_MESSAGE_BYTES));
        assert!(fault.message.len() <= MAX_MESSAGE_BYTES + '…'.len_utf8());
        assert!(cut("x".repeat(1 << 20), 10).capacity() < 100);
        assert_eq!((start_of("éé", 3), start_of("é", 9)), ("é", "é"));
    }
}
