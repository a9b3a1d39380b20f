//! `interactions`: questions to a person, within the grant and a budget, handed to the host's
//! [`Asker`](crate::Asker). Where it has none every question is denied.

use super::GuestState;
use super::bus::emit_id;
use crate::asker::{AskRefusal, PluginQuestion};
use crate::bindings::tollgate::plugin::interactions::{AskError, Host, Question};
use crate::capability::{AskPeople, Denied, Permit};
use crate::limits::{MAX_QUESTION_BYTES, MAX_QUESTIONS_PER_EVENT};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;

impl Host for GuestState {
    async fn ask(&mut self, question: Question) -> wasmtime::Result<Result<String, AskError>> {
        let bytes = size(&question);
        self.charge(bytes)?;
        let asked = match self.admit_question(question, bytes) {
            Ok((permit, question)) => self.ask_people(permit, question).await,
            Err(error) => Err(error),
        };
        if matches!(asked, Err(AskError::OverBudget)) {
            self.over_budget += 1;
        }
        Ok(asked)
    }
}

impl GuestState {
    fn admit_question(
        &mut self,
        question: Question,
        bytes: usize,
    ) -> Result<(Permit<AskPeople>, PluginQuestion), AskError> {
        let session = self.session().ok_or(AskError::NoSession)?;
        let permit = self.capabilities.ask_people(self.call.phase).map_err(|Denied| AskError::Denied)?;
        if bytes > MAX_QUESTION_BYTES {
            return Err(AskError::Invalid(format!("it has {bytes} bytes, at most {MAX_QUESTION_BYTES} are taken")));
        }
        if self.call.questions >= MAX_QUESTIONS_PER_EVENT {
            return Err(AskError::OverBudget);
        }
        let Question { kind, text, options, details, ttl_ms } = question;
        let details = if details.is_empty() { "{}".to_owned() } else { details };
        serde_json::from_str::<Map<String, Value>>(&details)
            .map_err(|error| AskError::Invalid(format!("details: not a JSON object: {error}")))?;
        // No plugin's name has a `/`: its questions never share an id with its emits.
        let id = emit_id(&format!("{}/ask", self.plugin), &self.call.cause_id, self.call.questions);
        self.call.questions += 1;
        let question = PluginQuestion {
            id,
            plugin: Arc::clone(&self.plugin),
            session: Arc::clone(&session.id),
            chat_id: Arc::clone(&session.chat_id),
            cause: self.call.cause,
            kind,
            text,
            options,
            details,
            ttl: ttl_ms.map(Duration::from_millis),
        };
        Ok((permit, question))
    }

    async fn ask_people(&mut self, _permit: Permit<AskPeople>, question: PluginQuestion) -> Result<String, AskError> {
        let asker = self.services.asker.clone().ok_or(AskError::Denied)?;
        asker.ask(question).await.map_err(|refusal| match refusal {
            AskRefusal::Denied => AskError::Denied,
            AskRefusal::Invalid(what) => AskError::Invalid(what),
            AskRefusal::OverBudget => AskError::OverBudget,
        })
    }
}

/// Bytes that a question brings to the host.
fn size(question: &Question) -> usize {
    let Question { kind, text, options, details, ttl_ms: _ } = question;
    kind.len() + text.len() + options.iter().map(|option| option.len() + 1).sum::<usize>() + details.len()
}
