//! The engine's configuration and the epoch ticker. Knows nothing of plugins.
//!
//! Guests are instantiated on demand, not from a pool: a plugin has one long-lived guest, so the 20 µs that a
//! pool saves are paid once a load, while a pool's slots would be reserved for ever.

use crate::RuntimeError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// How long a guest runs before it yields to the other guests on its thread, and how exactly its wall-clock
/// timeout is kept while it computes. Short, since all that compute go before one that has an event to handle.
pub(crate) const EPOCH_TICK: Duration = Duration::from_millis(1);
/// How many ticks the ticker goes on after the last guest went idle, so that a trickle of events does not
/// wake it each time.
const IDLE_TICKS: u32 = 100;
/// Stack of WebAssembly frames; deeper recursion is a `stack_overflow`.
const WASM_STACK_BYTES: usize = 512 * 1024;
/// Whole stack of one call; what is above [`WASM_STACK_BYTES`] is for host functions.
const CALL_STACK_BYTES: usize = 1024 * 1024 + WASM_STACK_BYTES;
/// Most frames in a fault's backtrace.
pub(crate) const MAX_BACKTRACE_FRAMES: usize = 32;

/// The configured WebAssembly engine. Opaque; cheap to clone.
#[derive(Clone)]
pub struct Engine(pub(crate) wasmtime::Engine);

impl Engine {
    /// An engine with fuel, epochs and the component model, and nothing that plugins do not need.
    pub(crate) fn new() -> Result<Self, RuntimeError> {
        let mut config = wasmtime::Config::new();
        config
            .wasm_component_model(true)
            .concurrency_support(false)
            .consume_fuel(true)
            .epoch_interruption(true)
            .max_wasm_stack(WASM_STACK_BYTES)
            .async_stack_size(CALL_STACK_BYTES)
            .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(MAX_BACKTRACE_FRAMES))
            .wasm_memory64(false)
            .wasm_relaxed_simd(false);
        wasmtime::Engine::new(&config).map(Self).map_err(|error| RuntimeError::Engine(format!("{error:#}")))
    }
}

/// Advances the engine's epoch while at least one guest runs; its thread is parked otherwise.
pub(crate) struct Ticker {
    shared: Arc<TickerShared>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[derive(Default)]
struct TickerShared {
    running: AtomicUsize,
    stop: AtomicBool,
    /// The thread is parked or about to: only then does a guest that starts pay for waking it.
    parked: AtomicBool,
}

/// While it lives, the epoch advances.
pub(crate) struct Running(Arc<TickerShared>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Ticker {
    pub(crate) fn start(engine: &Engine) -> Result<Self, RuntimeError> {
        let shared = Arc::new(TickerShared::default());
        let theirs = Arc::clone(&shared);
        let engine = engine.0.clone();
        let thread = std::thread::Builder::new()
            .name("tollgate-epoch".into())
            .spawn(move || tick(&engine, &theirs))
            .map_err(|error| RuntimeError::Engine(format!("the epoch thread: {error}")))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Keeps the epoch advancing until the result is dropped.
    pub(crate) fn running(&self) -> Running {
        self.shared.running.fetch_add(1, Ordering::SeqCst);
        if self.shared.parked.load(Ordering::SeqCst) {
            self.unpark();
        }
        Running(Arc::clone(&self.shared))
    }

    fn unpark(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }

    #[cfg(test)]
    pub(crate) fn is_parked(&self) -> bool {
        self.shared.parked.load(Ordering::SeqCst)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.unpark();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing left to clean up.
            let _ = thread.join();
        }
    }
}

fn tick(engine: &wasmtime::Engine, shared: &TickerShared) {
    let mut idle = 0;
    while !shared.stop.load(Ordering::SeqCst) {
        if shared.running.load(Ordering::SeqCst) > 0 {
            idle = 0;
        } else {
            idle += 1;
        }
        if idle > IDLE_TICKS {
            shared.parked.store(true, Ordering::SeqCst);
            // A guest that started before it saw `parked` is seen here; one that starts later unparks.
            if shared.running.load(Ordering::SeqCst) == 0 && !shared.stop.load(Ordering::SeqCst) {
                std::thread::park();
            }
            shared.parked.store(false, Ordering::SeqCst);
            idle = 0;
            continue;
        }
        std::thread::sleep(EPOCH_TICK);
        engine.increment_epoch();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;
    use std::time::Instant;

    fn eventually(what: &str, condition: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !condition() {
            assert!(Instant::now() < deadline, "never: {what}");
            std::thread::yield_now();
        }
    }

    #[test]
    fn the_ticker_is_parked_while_nothing_runs() {
        let engine = Engine::new().unwrap();
        let ticker = Ticker::start(&engine).unwrap();
        eventually("parked at first", || ticker.is_parked());
        let running = ticker.running();
        eventually("awake while a guest runs", || !ticker.is_parked());
        drop(running);
        eventually("parked again", || ticker.is_parked());
    }
}
