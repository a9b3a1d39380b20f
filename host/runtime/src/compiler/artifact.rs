//! Machine code as bytes, and the one place that runs such bytes: to take them up is to trust whoever made them, so
//! the type can be made of what this process, its own child or, told by its seal, this home's host compiled before alone.

use super::child::Made;
use super::seal::Authentic;
use crate::engine::Engine;
use wasmtime::component::Component;

/// Machine code of one component. Opaque: whoever holds one may have it run.
pub struct Artifact(Vec<u8>);

impl Artifact {
    /// Compiles here and now.
    pub(super) fn compiled(engine: &Engine, component: &[u8]) -> wasmtime::Result<Self> {
        engine.0.precompile_component(component).map(Self)
    }

    /// What a child of ours wrote into the pipe that only it had.
    pub(super) fn made(made: Made) -> Self {
        Self(made.into_bytes())
    }

    /// What this home kept, tag and all.
    pub(super) fn kept(kept: Authentic) -> Self {
        Self(kept.into_bytes())
    }

    /// The bytes, to be written to the parent or kept.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The component, ready to be linked.
    ///
    /// # Errors
    /// When another engine than `engine`, or another configuration of it, made the code.
    #[expect(unsafe_code, reason = "wasmtime trusts the bytes: every way to make this type vouches for them")]
    pub(crate) fn component(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: `precompile_component` made these bytes: in this process, or in a child that runs this program and
        // handed them over through a pipe of its own; or in an earlier one of either, whose seal over every byte was
        // checked after they were read. Nobody else had them in between.
        unsafe { Component::deserialize(&engine.0, &self.0) }
    }
}
