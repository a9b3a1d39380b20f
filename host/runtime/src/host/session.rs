//! `session`: effects on the agent of the handled event's session, staged as the events that the engine acts on.

use super::GuestState;
use super::bus::Refused;
use crate::bindings::tollgate::plugin::session::{EffectError, Host};
use crate::capability::{ActOnSession, Denied, Permit};
use crate::limits::MAX_EFFECTS_PER_EVENT;
use serde::Serialize;
use tollgate_core::bus::EmitError as BusError;
use tollgate_core::event::Draft;
use tollgate_core::events::EventType;
use tollgate_core::events::payload::{
    SESSION_GRANTED, SESSION_MODE_SET, SESSION_PROMPTED, SessionGranted, SessionModeSet, SessionPrompted,
};

type Answer = wasmtime::Result<Result<(), EffectError>>;

impl Host for GuestState {
    fn prompt(&mut self, text: String) -> Answer {
        self.charge(text.len())?;
        Ok(self.act(SESSION_PROMPTED, |chat_id| SessionPrompted { chat_id, text }))
    }

    fn set_mode(&mut self, mode: String) -> Answer {
        self.charge(mode.len())?;
        Ok(self.act(SESSION_MODE_SET, |chat_id| SessionModeSet { chat_id, mode }))
    }

    fn grant(&mut self, key: String) -> Answer {
        self.charge(key.len())?;
        Ok(self.act(SESSION_GRANTED, |chat_id| SessionGranted { chat_id, key }))
    }
}

impl GuestState {
    fn act<P: Serialize>(&mut self, effect: &str, payload: impl FnOnce(String) -> P) -> Result<(), EffectError> {
        let acted = self.admit_effect(effect, payload).map(|(permit, draft)| self.stage_effect(permit, draft));
        if matches!(acted, Err(EffectError::OverBudget)) {
            self.over_budget += 1;
        }
        acted
    }

    fn admit_effect<P: Serialize>(
        &mut self,
        effect: &str,
        payload: impl FnOnce(String) -> P,
    ) -> Result<(Permit<ActOnSession>, Draft), EffectError> {
        let session = self.session().ok_or(EffectError::NoSession)?;
        let permit = self.capabilities.act_on_session(self.call.phase).map_err(|Denied| EffectError::Denied)?;
        if self.call.effects >= MAX_EFFECTS_PER_EVENT {
            return Err(EffectError::OverBudget);
        }
        let event_type = EventType::parse(effect).map_err(|_| EffectError::Denied)?;
        let payload = serde_json::to_string(&payload(session.chat_id.to_string())).map_err(|_| EffectError::Denied)?;
        let draft = self.draft(event_type, payload.into(), None).map_err(|refused| match refused {
            // What the operator keeps off the bus is not to happen.
            Refused::Bus(BusError::Filtered(_)) => EffectError::Denied,
            Refused::Bus(_) | Refused::OverBudget => EffectError::OverBudget,
        })?;
        self.call.effects += 1;
        Ok((permit, draft))
    }

    fn stage_effect(&mut self, _permit: Permit<ActOnSession>, draft: Draft) {
        self.call.emits.push(draft);
    }
}
