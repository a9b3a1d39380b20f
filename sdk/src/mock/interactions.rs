//! Questions into the mock.

use crate::interactions::{AskError, Question};

pub(crate) fn ask(question: &Question) -> Result<String, AskError> {
    if !question.details.is_empty() && serde_json::from_str::<serde_json::Map<_, _>>(&question.details).is_err() {
        return Err(AskError::Invalid("details: not a JSON object".to_owned()));
    }
    Ok(super::with(|host| {
        host.questions.push(question.clone());
        format!("interaction-{}", host.questions.len())
    }))
}
