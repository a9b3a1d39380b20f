//! Who turns a component's bytes into code: the embedder's choice between a child process, which can be limited and
//! killed, and this process. Knows nothing of plugins and their folder.

mod artifact;
mod cache;
mod child;
mod seal;
mod source;
mod worker;

#[cfg(test)]
mod tests;

use crate::engine::Engine;
pub use artifact::Artifact;
pub use child::Child;
#[cfg(test)]
pub(crate) use source::COMPILES_AT_ONCE;
pub(crate) use source::Source;
use std::fmt;
use std::time::Duration;
pub use worker::compile_for_parent;

/// What compiling one component may take, in a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileLimits {
    /// Address space, in bytes.
    pub memory_bytes: u64,
    /// Processor time of all threads together, in seconds.
    pub cpu_seconds: u64,
    /// Wall clock.
    pub time: Duration,
    /// The code that comes of it, in bytes.
    pub output_bytes: u64,
}

impl Default for CompileLimits {
    /// Room for the largest component that may be (an interpreter with its library takes a tenth of it), and too
    /// little to be felt by the machine for long.
    fn default() -> Self {
        Self { memory_bytes: 4 << 30, cpu_seconds: 120, time: Duration::from_secs(180), output_bytes: 512 << 20 }
    }
}

/// Which of [`CompileLimits`] was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompileLimit {
    /// `memory_bytes`.
    Memory(u64),
    /// `cpu_seconds`.
    Cpu(u64),
    /// `time`.
    Time(Duration),
    /// `output_bytes`.
    Output(u64),
}

impl fmt::Display for CompileLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(bytes) => write!(f, "{bytes} bytes of memory"),
            Self::Cpu(seconds) => write!(f, "{seconds} s of CPU time"),
            Self::Time(time) => write!(f, "{} ms of time", time.as_millis()),
            Self::Output(bytes) => write!(f, "{bytes} bytes of code"),
        }
    }
}

/// Why a component was not compiled, for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// It is no valid component, or nothing that the engine can compile.
    #[error("{0}")]
    Invalid(String),
    /// It took more than it may.
    #[error("compiling it takes more than {0}: build it smaller, in release mode and without debugging data")]
    Limit(CompileLimit),
    /// The compiler failed, not the component.
    #[error("the compiler failed: {0}")]
    Failed(String),
    /// [`Compiler::stop`] came first.
    #[error("the host is shutting down")]
    Stopped,
}

/// Turns the bytes of a component into code. Called on a thread that may block.
pub trait Compiler: Send + Sync {
    /// Compiles `bytes`, which are at most `MAX_COMPONENT_BYTES` long and come from nobody trusted.
    ///
    /// # Errors
    /// When the bytes are not a valid component, or compiling them took more than the compiler allows.
    fn compile(&self, engine: &Engine, bytes: &[u8]) -> Result<Artifact, CompileError>;

    /// The host ends: what is being compiled need not be finished, and nothing more is asked for.
    fn stop(&self) {}
}

/// Compiles in this process: simple, and as safe as Cranelift is; a compilation cannot be stopped half-way.
#[derive(Debug, Clone, Copy, Default)]
pub struct InProcess;

impl Compiler for InProcess {
    fn compile(&self, engine: &Engine, bytes: &[u8]) -> Result<Artifact, CompileError> {
        Artifact::compiled(engine, bytes).map_err(|error| CompileError::Invalid(format!("{error:#}")))
    }
}
