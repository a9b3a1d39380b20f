//! `interactions`: questions to a person. Not offered yet: `no-session` where the event has none, else
//! `denied`, no trap.

use super::GuestState;
use crate::bindings::tollgate::plugin::interactions::{AskError, Host, Question};

impl Host for GuestState {
    fn ask(&mut self, question: Question) -> wasmtime::Result<Result<String, AskError>> {
        self.charge(question.text.len())?;
        let in_session = self.call.session.is_some();
        Ok(Err(if in_session { AskError::Denied } else { AskError::NoSession }))
    }
}
