//! The capability check: an effect on the world goes through a [`Permit`], which only this file can make.

use crate::grant::{Ask, GateGrant, Grant};
use std::marker::PhantomData;
use tollgate_core::events::{EventType, PatternSet};

/// What a guest is doing, which decides what it may do at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// `describe`: nothing but logging.
    Describe,
    /// `init` and `stop`: store and data are read-only, nothing is emitted, so that a candidate that is
    /// refused in the end has changed nothing.
    ReadOnly,
    /// `handle`: what was asked for and granted.
    Handle,
    /// `check`: emits as granted; the store is read-only, since no cursor commits its writes.
    Check,
}

/// Emitting one draft.
pub(crate) struct Emit;
/// Reading the plugin's store.
pub(crate) struct StoreRead;
/// Writing the plugin's store.
pub(crate) struct StoreChange;
/// Reading the plugin's own files.
pub(crate) struct DataRead;
/// Changing the plugin's own files.
pub(crate) struct DataChange;

/// Proof that an effect was asked for, granted, and fits the phase.
pub(crate) struct Permit<Effect>(PhantomData<Effect>);

/// Not asked for, not granted, or not now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Denied;

/// What a plugin asked for *and* was granted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Capabilities {
    asked_emits: PatternSet,
    granted_emits: PatternSet,
    data_bytes: u64,
    gate: GateGrant,
}

impl Capabilities {
    /// The intersection of `asks` and `grant`.
    pub(crate) fn new(asks: &[Ask], grant: &Grant) -> Self {
        let emits = asks.iter().filter_map(|ask| match ask {
            Ask::Emit(pattern) => Some(pattern.as_str()),
            _ => None,
        });
        let asked_bytes = asks.iter().map(|ask| if let Ask::Data(bytes) = ask { *bytes } else { 0 }).max();
        let gate = GateGrant {
            allow: grant.gate.allow && asks.contains(&Ask::GateAllow),
            rewrite: grant.gate.rewrite && asks.contains(&Ask::GateRewrite),
            ..grant.gate
        };
        Self {
            // Patterns that do not parse were refused with the description.
            asked_emits: PatternSet::parse(emits).unwrap_or_default(),
            granted_emits: grant.emit.clone(),
            data_bytes: asked_bytes.unwrap_or_default().min(grant.data_bytes),
            gate,
        }
    }

    pub(crate) fn gate(&self) -> GateGrant {
        self.gate
    }

    /// Bytes of its own files.
    pub(crate) fn data_bytes(&self) -> u64 {
        self.data_bytes
    }

    pub(crate) fn emit(&self, phase: Phase, event_type: &EventType) -> Result<Permit<Emit>, Denied> {
        let now = matches!(phase, Phase::Handle | Phase::Check);
        permit(now && self.asked_emits.matches(event_type) && self.granted_emits.matches(event_type))
    }

    pub(crate) fn store_read(&self, phase: Phase) -> Result<Permit<StoreRead>, Denied> {
        permit(phase != Phase::Describe)
    }

    pub(crate) fn store_change(&self, phase: Phase) -> Result<Permit<StoreChange>, Denied> {
        permit(phase == Phase::Handle)
    }

    pub(crate) fn data_read(&self, phase: Phase) -> Result<Permit<DataRead>, Denied> {
        permit(phase != Phase::Describe && self.data_bytes > 0)
    }

    pub(crate) fn data_change(&self, phase: Phase) -> Result<Permit<DataChange>, Denied> {
        permit(matches!(phase, Phase::Handle | Phase::Check) && self.data_bytes > 0)
    }
}

fn permit<Effect>(allowed: bool) -> Result<Permit<Effect>, Denied> {
    if allowed { Ok(Permit(PhantomData)) } else { Err(Denied) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;

    fn capabilities(asks: &[Ask], grant: &str) -> Capabilities {
        Capabilities::new(asks, &Grant::parse(grant).unwrap())
    }

    #[test]
    fn what_runs_is_asked_for_and_granted() {
        let ping = EventType::parse("demo.ping").unwrap();
        for (asked, granted, expected) in [
            (Some("demo.*"), "[\"demo.*\"]", true),
            (Some("demo.*"), "[]", false),
            (None, "[\"*\"]", false),
            (Some("demo.pong"), "[\"*\"]", false),
            (Some("*"), "[\"demo.ping\"]", true),
        ] {
            let asks: Vec<Ask> = asked.map(|pattern| Ask::Emit(pattern.into())).into_iter().collect();
            let capabilities = capabilities(&asks, &format!("[grant]\nemit = {granted}\n"));
            assert_eq!(capabilities.emit(Phase::Handle, &ping).is_ok(), expected, "{asked:?} {granted}");
            assert!(capabilities.emit(Phase::ReadOnly, &ping).is_err());
            assert!(capabilities.emit(Phase::Describe, &ping).is_err());
        }
    }

    #[test]
    fn a_phase_takes_away() {
        let capabilities = capabilities(&[Ask::Data(10)], "[grant]\ndata = { max_bytes = 5 }\n");
        assert_eq!(capabilities.data_bytes(), 5);
        assert!(capabilities.data_read(Phase::ReadOnly).is_ok() && capabilities.data_change(Phase::ReadOnly).is_err());
        assert!(capabilities.data_read(Phase::Describe).is_err() && capabilities.store_read(Phase::Describe).is_err());
        assert!(capabilities.store_change(Phase::Handle).is_ok() && capabilities.store_change(Phase::Check).is_err());
    }

    #[test]
    fn allowing_must_be_asked_for_too() {
        let grant = "[grant]\ngate = [\"deny\", \"allow\"]\n";
        assert!(!capabilities(&[], grant).gate().allow);
        assert!(capabilities(&[Ask::GateAllow], grant).gate().allow);
        assert!(capabilities(&[], grant).gate().deny);
    }
}
