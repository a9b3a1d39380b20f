//! `session`: effects on the agent. Not offered yet: `no-session` where the event has none, else `denied`,
//! no trap.

use super::GuestState;
use crate::bindings::tollgate::plugin::session::{EffectError, Host};

type Answer = wasmtime::Result<Result<(), EffectError>>;

impl Host for GuestState {
    fn prompt(&mut self, text: String) -> Answer {
        refuse(self, text.len())
    }

    fn set_mode(&mut self, mode: String) -> Answer {
        refuse(self, mode.len())
    }

    fn grant(&mut self, key: String) -> Answer {
        refuse(self, key.len())
    }
}

fn refuse(state: &mut GuestState, bytes: usize) -> Answer {
    state.charge(bytes)?;
    let in_session = state.call.session.is_some();
    Ok(Err(if in_session { EffectError::Denied } else { EffectError::NoSession }))
}
