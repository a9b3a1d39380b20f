//! What one guest may use, and the limiter that sums its memories and tables.

use serde::Deserialize;

/// Most core modules, memories and tables that one component may instantiate.
pub(crate) const MAX_CORE_INSTANCES: usize = 64;
/// Entries of all tables of a guest together.
pub(crate) const MAX_TABLE_ENTRIES: usize = 1 << 20;
/// Handles (resources) that a guest may hold at a time.
pub(crate) const MAX_HANDLES: usize = 1_000;
/// Bytes that a guest may pass to the host in one call.
pub(crate) const MAX_HOST_CALL_BYTES: usize = 4 << 20;
/// Bytes of log lines (standard output and error included) that one event may write.
pub(crate) const MAX_LOG_BYTES_PER_EVENT: usize = 64 * 1024;
/// Bytes of keys and values in a plugin's store.
pub(crate) const MAX_STORE_BYTES: u64 = 1 << 20;
/// Bytes of one key of the store.
pub(crate) const MAX_STORE_KEY_BYTES: usize = 256;
/// Programs that one plugin may have at a time, ended ones whose handle it still holds included: each has two
/// pipes and a thread that waits for its end.
pub(crate) const MAX_PROGRAMS_PER_PLUGIN: usize = 8;
/// Programs of all plugins at a time.
pub(crate) const MAX_PROGRAMS: usize = 64;
/// Bytes that one program may write to standard output and error together; it is killed at the next one.
pub(crate) const MAX_PROGRAM_OUTPUT_BYTES: u64 = 16 << 20;
/// Fuel that starting a program costs: the host forks, which takes about as long.
pub(crate) const FUEL_PER_START: u64 = 500_000;
/// Fuel that a call of the store costs besides: the journal answers it on a thread of its own.
pub(crate) const FUEL_PER_STORE_CALL: u64 = 10_000;
/// Fuel that having a file on disk costs: the host waits for the disk.
pub(crate) const FUEL_PER_SYNC: u64 = 500_000;
/// Bytes of a file of the workspace that one call moves.
pub(crate) const MAX_WORKSPACE_CALL_BYTES: usize = 1 << 20;
/// Names of one folder of the workspace.
pub(crate) const MAX_WORKSPACE_NAMES: usize = 10_000;
/// Questions to people that the handling of one event may ask: each waits for a person's time.
pub(crate) const MAX_QUESTIONS_PER_EVENT: u32 = 8;
/// Bytes of one question, all its texts together: a person reads it.
pub(crate) const MAX_QUESTION_BYTES: usize = 64 * 1_024;
/// Effects on the agent's session that the handling of one event may have; they count as emits too.
pub(crate) const MAX_EFFECTS_PER_EVENT: u32 = 16;
/// Fuel that one host call costs, so that a loop of them ends no later than a loop without.
pub(crate) const FUEL_PER_HOST_CALL: u64 = 1_000;
/// Fuel that a byte handed through a host call costs.
pub(crate) const FUEL_PER_HOST_BYTE: u64 = 1;

/// What one plugin may use; a grant file's `[limits]` replaces single values of the host's defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Fuel of one event; about one unit an instruction.
    pub fuel_per_event: u64,
    /// Fuel of one gate call.
    pub fuel_per_gate: u64,
    /// Fuel of `describe`, `init` and `stop`, each.
    pub fuel_init: u64,
    /// Fuel of all events of a minute; the next event waits for the next minute. 0: no bound.
    pub fuel_per_minute: u64,
    /// Bytes of all linear memories together.
    pub memory_bytes: usize,
    /// Wall clock of one call, host calls included, in milliseconds.
    pub timeout_ms: u64,
    /// Wall clock of one gate call, waiting for earlier ones included, in milliseconds.
    pub gate_timeout_ms: u64,
    /// Drafts that the handling of one event may emit.
    pub emits_per_event: u32,
    /// Drafts that a plugin may emit within a minute. 0: no bound.
    pub emits_per_minute: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel_per_event: 50_000_000,
            fuel_per_gate: 50_000_000,
            fuel_init: 100_000_000,
            fuel_per_minute: 0,
            memory_bytes: 64 << 20,
            timeout_ms: 1_000,
            gate_timeout_ms: 250,
            emits_per_event: 64,
            emits_per_minute: 0,
        }
    }
}

/// `[limits]` as written: what is absent keeps the host's default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsTable {
    fuel_per_event: Option<u64>,
    fuel_per_gate: Option<u64>,
    fuel_init: Option<u64>,
    fuel_per_minute: Option<u64>,
    memory_bytes: Option<usize>,
    timeout_ms: Option<u64>,
    gate_timeout_ms: Option<u64>,
    emits_per_event: Option<u32>,
    emits_per_minute: Option<u32>,
}

impl LimitsTable {
    pub(crate) const KEYS: &'static [&'static str] = &[
        "fuel_per_event",
        "fuel_per_gate",
        "fuel_init",
        "fuel_per_minute",
        "memory_bytes",
        "timeout_ms",
        "gate_timeout_ms",
        "emits_per_event",
        "emits_per_minute",
    ];

    /// `defaults` with what the operator wrote.
    pub(crate) fn over(&self, defaults: Limits) -> Limits {
        Limits {
            fuel_per_event: self.fuel_per_event.unwrap_or(defaults.fuel_per_event),
            fuel_per_gate: self.fuel_per_gate.unwrap_or(defaults.fuel_per_gate),
            fuel_init: self.fuel_init.unwrap_or(defaults.fuel_init),
            fuel_per_minute: self.fuel_per_minute.unwrap_or(defaults.fuel_per_minute),
            memory_bytes: self.memory_bytes.unwrap_or(defaults.memory_bytes),
            timeout_ms: self.timeout_ms.unwrap_or(defaults.timeout_ms),
            gate_timeout_ms: self.gate_timeout_ms.unwrap_or(defaults.gate_timeout_ms),
            emits_per_event: self.emits_per_event.unwrap_or(defaults.emits_per_event),
            emits_per_minute: self.emits_per_minute.unwrap_or(defaults.emits_per_minute),
        }
    }
}

/// Which bound a guest ran into during the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LimitHit {
    Memory,
    Tables,
}

/// Sums what all memories and tables of one store hold; the engine's own limiter bounds each alone.
#[derive(Debug)]
pub(crate) struct Limiter {
    max_memory: usize,
    memory: usize,
    tables: usize,
    hit: Option<LimitHit>,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { max_memory: limits.memory_bytes, memory: 0, tables: 0, hit: None }
    }

    /// Bytes that all memories hold now.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory
    }

    /// The bound that growth ran into since the last [`Limiter::forget`].
    pub(crate) fn hit(&self) -> Option<LimitHit> {
        self.hit
    }

    pub(crate) fn forget(&mut self) {
        self.hit = None;
    }
}

impl wasmtime::ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory.saturating_sub(current).saturating_add(desired);
        if total > self.max_memory {
            self.hit = Some(LimitHit::Memory);
            return Ok(false);
        }
        if maximum.is_none_or(|maximum| desired <= maximum) {
            self.memory = total;
        }
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.tables.saturating_sub(current).saturating_add(desired);
        if total > MAX_TABLE_ENTRIES {
            self.hit = Some(LimitHit::Tables);
            return Ok(false);
        }
        if maximum.is_none_or(|maximum| desired <= maximum) {
            self.tables = total;
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        MAX_CORE_INSTANCES
    }

    fn memories(&self) -> usize {
        MAX_CORE_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_CORE_INSTANCES
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;
    use wasmtime::ResourceLimiter;

    /// The interface says `says`, in the file `wit/<file>`.
    fn published(file: &str, says: &str) {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit").join(file);
        let text = std::fs::read_to_string(path).unwrap();
        let text: Vec<&str> = text.split_whitespace().filter(|word| *word != "///").collect();
        assert!(text.join(" ").contains(says), "{file} does not say: {says}");
    }

    #[test]
    fn the_bounds_are_those_of_the_interface() {
        let kib = |bytes: usize| bytes / 1_024;
        let mib = |bytes: u64| bytes >> 20;
        published("data.wit", &format!("At most {} MiB a call", mib(u64::from(crate::host::data::MAX_READ_BYTES))));
        published("data.wit", &format!("flat: 1 to {} bytes", crate::host::data::MAX_NAME_BYTES));
        published("data.wit", "a shorter file stays as it is");
        published("store.wit", &format!("A key has at most {MAX_STORE_KEY_BYTES} bytes"));
        published("store.wit", &format!("All keys and values together: {} MiB", mib(MAX_STORE_BYTES)));
        published(
            "log.wit",
            &format!("Past {} KiB an event, lines are dropped and counted", kib(MAX_LOG_BYTES_PER_EVENT)),
        );
        published("types.wit", &format!("At most {} KiB, the rest is cut", kib(crate::convert::MAX_VERDICT_BYTES)));
    }

    #[test]
    fn memories_are_summed() {
        let mut limiter = Limiter::new(&Limits { memory_bytes: 100, ..Limits::default() });
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.memory_growing(0, 40, None).unwrap());
        assert_eq!(limiter.hit(), None);
        assert!(!limiter.memory_growing(40, 41, None).unwrap(), "each is under the bound, both are over it");
        assert_eq!(limiter.hit(), Some(LimitHit::Memory));
        assert_eq!(limiter.memory_bytes(), 100);
    }

    #[test]
    fn tables_are_summed() {
        let mut limiter = Limiter::new(&Limits::default());
        assert!(limiter.table_growing(0, MAX_TABLE_ENTRIES, None).unwrap());
        assert!(!limiter.table_growing(0, 1, None).unwrap());
        assert_eq!(limiter.hit(), Some(LimitHit::Tables));
    }

    #[test]
    fn growth_that_the_memory_itself_refuses_is_not_counted() {
        let mut limiter = Limiter::new(&Limits { memory_bytes: 100, ..Limits::default() });
        assert!(limiter.memory_growing(0, 80, Some(40)).unwrap());
        assert_eq!(limiter.memory_bytes(), 0);
    }
}
