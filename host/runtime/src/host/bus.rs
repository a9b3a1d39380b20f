//! `bus`: staged emits and emits at once, within the grant, the event's shape and the budget.

use super::GuestState;
use crate::bindings::tollgate::plugin::bus::{EmitError, Host};
use crate::bindings::tollgate::plugin::types::Draft as WitDraft;
use crate::capability::{Emit, EmitDenied, Permit};
use crate::logs::LogLevel;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Instant;
use tollgate_core::bus::EmitError as BusError;
use tollgate_core::event::{Draft, Entity};
use tollgate_core::events::EventType;
use tollgate_core::id::derived;
use uuid::Uuid;

/// Characters of a refused type that the log shows.
const MAX_SHOWN_TYPE: usize = 128;

impl crate::bindings::tollgate::plugin::types::Host for GuestState {}

impl Host for GuestState {
    fn emit(&mut self, draft: WitDraft) -> wasmtime::Result<Result<(), EmitError>> {
        self.charge(size(&draft))?;
        Ok(self.admit_or_say(&draft).map(|(permit, draft)| self.stage(permit, draft)))
    }

    async fn emit_now(&mut self, draft: WitDraft) -> wasmtime::Result<Result<u64, EmitError>> {
        self.charge(size(&draft))?;
        Ok(match self.admit_or_say(&draft) {
            Ok((permit, draft)) => self.emit_at_once(permit, draft).await,
            Err(error) => Err(error),
        })
    }
}

impl GuestState {
    /// The same as [`GuestState::admit`]; a call's first refusal of each kind is in the log too, since few languages show
    /// all of it. The line is the host's: it takes nothing of what the guest may write.
    fn admit_or_say(&mut self, draft: &WitDraft) -> Result<(Permit<Emit>, Draft), EmitError> {
        self.admit(draft).map_err(|refusal| {
            let kind = std::mem::discriminant(&refusal);
            if !self.call.refusals.contains(&kind) {
                self.call.refusals.push(kind);
                let shown: String = draft.type_.chars().take(MAX_SHOWN_TYPE).collect();
                self.log.note(LogLevel::Warn, &format!("emit {shown}: {refusal}"));
            }
            refusal.into()
        })
    }

    /// Turns a guest's draft into one that the bus takes, or says at once why not.
    fn admit(&mut self, draft: &WitDraft) -> Result<(Permit<Emit>, Draft), Refusal> {
        let event_type = EventType::parse(&draft.type_).map_err(|error| Refusal::Invalid(error.to_string()))?;
        let permit = self.capabilities.emit(self.call.phase, &event_type)?;
        let entity = draft.entity.as_ref();
        let entity = entity.map(|entity| Entity { kind: entity.kind.as_str().into(), id: entity.id.as_str().into() });
        match self.draft(event_type, draft.payload.as_str().into(), entity) {
            Ok(draft) => Ok((permit, draft)),
            Err(Refused::Bus(error)) => Err(error.into()),
            Err(Refused::OverBudget) => {
                self.over_budget += 1;
                Err(Refusal::OverBudget)
            }
        }
    }

    /// A draft with the call's session, cause and next id, counted for event and minute.
    pub(super) fn draft(
        &mut self,
        event_type: EventType,
        payload: Arc<str>,
        entity: Option<Entity>,
    ) -> Result<Draft, Refused> {
        if self.call.ordinal >= self.limits.emits_per_event {
            return Err(Refused::OverBudget);
        }
        let draft = Draft {
            event_type,
            payload,
            source: self.source.clone(),
            entity,
            session: self.call.session.clone(),
            id: Some(emit_id(&self.plugin, &self.call.cause_id, self.call.ordinal)),
            ts: None,
            cause: self.call.cause,
        };
        self.bus.check(&draft).map_err(Refused::Bus)?;
        if !self.usage.take_emit(self.limits.emits_per_minute, Instant::now()) {
            return Err(Refused::OverBudget);
        }
        self.call.ordinal += 1;
        Ok(draft)
    }

    fn stage(&mut self, _permit: Permit<Emit>, draft: Draft) {
        self.call.emits.push(draft);
    }

    async fn emit_at_once(&mut self, _permit: Permit<Emit>, draft: Draft) -> Result<u64, EmitError> {
        self.bus.emit(draft).await.map(|receipt| receipt.seq).map_err(|error| Refusal::from(error).into())
    }
}

/// Bytes that a draft brings to the host.
fn size(draft: &WitDraft) -> usize {
    let WitDraft { type_, entity, payload } = draft;
    type_.len() + entity.as_ref().map_or(0, |entity| entity.kind.len() + entity.id.len()) + payload.len()
}

/// Why there is no draft.
pub(super) enum Refused {
    /// The bus would not take it.
    Bus(BusError),
    /// The emits of this event, or of this minute, are spent.
    OverBudget,
}

/// Why a guest's emit is refused, in the words that its log has for it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("invalid: {0}")]
    Invalid(String),
    #[error("denied: {0}")]
    Denied(#[from] EmitDenied),
    #[error("too deep")]
    TooDeep,
    #[error("over budget")]
    OverBudget,
}

impl From<BusError> for Refusal {
    fn from(error: BusError) -> Self {
        match error {
            BusError::TooDeep(_) => Self::TooDeep,
            other => Self::Invalid(other.to_string()),
        }
    }
}

impl From<Refusal> for EmitError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(why) => Self::Invalid(why),
            Refusal::Denied(_) => Self::Denied,
            Refusal::TooDeep => Self::TooDeep,
            Refusal::OverBudget => Self::OverBudget,
        }
    }
}

/// The id of a plugin's emit: the same for the same plugin, cause and ordinal, so that a retry repeats nothing.
pub(crate) fn emit_id(plugin: &str, cause: &[u8], ordinal: u32) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(plugin.as_bytes());
    hash.update([0]);
    hash.update(cause);
    hash.update(ordinal.to_be_bytes());
    derived(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_from_plugin_cause_and_ordinal() {
        let id = emit_id("a", b"cause", 0);
        assert_eq!(id, emit_id("a", b"cause", 0));
        assert_eq!(id.get_version_num(), 8);
        assert!(
            [emit_id("b", b"cause", 0), emit_id("a", b"other", 0), emit_id("a", b"cause", 1)]
                .iter()
                .all(|other| *other != id)
        );
    }
}
