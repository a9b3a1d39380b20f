//! Who turns a component's bytes into code: the embedder's choice. In this process for now; a child process
//! that can be limited and killed comes later behind the same trait.

use crate::engine::Engine;

/// Machine code of one component, made by a [`Compiler`] from bytes that were checked. Opaque.
pub struct Artifact(pub(crate) wasmtime::component::Component);

/// Why a component was not compiled, for people.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct CompileError(pub String);

/// Turns the bytes of a component into code. Called on a thread that may block.
pub trait Compiler: Send + Sync {
    /// Compiles `bytes`, which are at most `MAX_COMPONENT_BYTES` long and come from nobody trusted.
    ///
    /// # Errors
    /// When the bytes are not a valid component, or compiling them took more than the compiler allows.
    fn compile(&self, engine: &Engine, bytes: &[u8]) -> Result<Artifact, CompileError>;
}

/// Compiles in this process: simple, and as safe as Cranelift is; a compilation cannot be stopped half-way.
#[derive(Debug, Clone, Copy, Default)]
pub struct InProcess;

impl Compiler for InProcess {
    fn compile(&self, engine: &Engine, bytes: &[u8]) -> Result<Artifact, CompileError> {
        wasmtime::component::Component::from_binary(&engine.0, bytes)
            .map(Artifact)
            .map_err(|error| CompileError(format!("{error:#}")))
    }
}
