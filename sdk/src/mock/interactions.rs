//! Questions into the mock.

use crate::interactions::{AskError, Question};

pub(crate) fn ask(question: &Question) -> Result<String, AskError> {
    if !question.details.is_empty() && serde_json::from_str::<serde_json::Map<_, _>>(&question.details).is_err() {
        return Err(AskError::Invalid("details: not a JSON object".to_owned()));
    }
    super::with(|host| {
        if let Some(error) = &host.ask_error {
            return Err(error.clone());
        }
        host.questions.push(question.clone());
        Ok(format!("interaction-{}", host.questions.len()))
    })
}
