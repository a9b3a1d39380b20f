//! Where a component's code comes from: what is kept, else the compiler, a few components at a time.

use super::cache::{Bounds, Cache};
use super::{CompileError, Compiler};
use crate::engine::Engine;
use crate::signature::Verified;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Semaphore;
use tollgate_core::home::Home;
use wasmtime::component::Component;

/// Components that are compiled at once: a slow one keeps no other waiting, and two of two threads each are what a
/// small machine has. The others wait their turn; each ends in bounded time.
pub(crate) const COMPILES_AT_ONCE: usize = 2;

/// The code of one home's components.
pub(crate) struct Source {
    engine: Engine,
    compiler: Arc<dyn Compiler>,
    /// None where the home cannot hold one: everything is compiled, as if it were new.
    cache: Option<Cache>,
    at_once: Semaphore,
}

impl Source {
    pub(crate) fn new(home: &Home, engine: &Engine, compiler: Arc<dyn Compiler>) -> Self {
        let cache = Cache::open(home, engine, Bounds::default());
        let cache = cache.inspect_err(|error| tracing::warn!(error, "plugin.cache: nothing is kept")).ok();
        Self { engine: engine.clone(), compiler, cache, at_once: Semaphore::new(COMPILES_AT_ONCE) }
    }

    /// The code of `component`.
    ///
    /// # Errors
    /// Why it was not compiled.
    pub(crate) async fn of(self: &Arc<Self>, component: &Verified) -> Result<Component, CompileError> {
        let (source, of) = (Arc::clone(self), Arc::clone(component.digest()));
        // Not behind those that compile.
        if let Some(kept) = blocking(move || Ok(source.kept(&of))).await? {
            return Ok(kept);
        }
        let _turn = self.at_once.acquire().await.map_err(|_| CompileError::Stopped)?;
        let (source, component) = (Arc::clone(self), component.clone());
        blocking(move || source.compile(component.digest(), component.bytes())).await
    }

    /// The host ends.
    pub(crate) fn stop(&self) {
        self.compiler.stop();
    }

    fn kept(&self, digest: &str) -> Option<Component> {
        let cache = self.cache.as_ref()?;
        let artifact = cache.get(digest)?;
        let component = artifact.component(&self.engine);
        component.inspect_err(|error| cache.discard(digest, &format!("{error:#}"))).ok()
    }

    fn compile(&self, digest: &str, bytes: &[u8]) -> Result<Component, CompileError> {
        let began = Instant::now();
        let artifact = self.compiler.compile(&self.engine, bytes)?;
        // Before it is kept: what cannot be taken up is not worth keeping.
        let component = artifact.component(&self.engine).map_err(|error| CompileError::Failed(format!("{error:#}")))?;
        tracing::info!(digest, bytes = bytes.len(), ms = began.elapsed().as_millis(), "plugin.compile");
        if let Some(cache) = &self.cache {
            cache.put(digest, &artifact);
        }
        Ok(component)
    }
}

async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, CompileError> + Send + 'static,
) -> Result<T, CompileError> {
    match tokio::task::spawn_blocking(act).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => Err(CompileError::Failed("it gave up on the component".to_owned())),
        Err(_) => Err(CompileError::Stopped),
    }
}
