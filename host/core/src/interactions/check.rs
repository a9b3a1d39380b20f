//! What a question and an answer must keep to, and the redaction of both.

use super::kind::Kind;
use super::types::{
    APPROVE, APPROVE_ALL, Answer, Ask, AskError, Interaction, MAX_ANSWER_BYTES, MAX_DETAILS_BYTES, MAX_OPTION_BYTES,
    MAX_OPTIONS, MAX_TEXT_BYTES, MAX_TTL, REJECT, ResolveError,
};
use crate::bus::check_name;
use crate::redact::redact;
use serde_json::Value;

/// An answer as it is kept.
pub(super) struct Kept {
    pub(super) decision: Option<String>,
    /// JSON text.
    pub(super) answer: Option<String>,
}

/// Checks a question and redacts it.
pub(super) fn question(ask: Ask) -> Result<Ask, AskError> {
    let invalid = |field, reason: String| Err(AskError::Invalid { field, reason });
    for (field, name) in
        [("session", &ask.session), ("chat_id", &ask.chat_id), ("asked_by", &Some(ask.asked_by.clone()))]
    {
        if let Some(name) = name {
            check_name(field, name)?;
        }
    }
    if ask.text.trim().is_empty() {
        return invalid("text", "is empty".to_owned());
    }
    if let Err(reason) = within(ask.text.len(), MAX_TEXT_BYTES) {
        return invalid("text", reason);
    }
    if ask.options.len() > MAX_OPTIONS {
        return invalid("options", format!("are {}, at most {MAX_OPTIONS} are taken", ask.options.len()));
    }
    for option in &ask.options {
        if let Err(reason) = within(option.len(), MAX_OPTION_BYTES) {
            return invalid("options", format!("hold one that {reason}"));
        }
    }
    let details = match ask.details {
        None => None,
        Some(details @ Value::Object(_)) => {
            let text = details.to_string();
            let redacted = redact(&text);
            if let Err(reason) = within(text.len().max(redacted.len()), MAX_DETAILS_BYTES) {
                return invalid("details", reason);
            }
            let redacted = serde_json::from_str(&redacted);
            Some(redacted.map_err(|error| AskError::Invalid { field: "details", reason: error.to_string() })?)
        }
        Some(_) => return invalid("details", "are no JSON object".to_owned()),
    };
    if ask.ttl.is_some_and(|ttl| ttl.is_zero() || ttl > MAX_TTL) {
        return invalid("ttl", format!("is nothing or more than {} hours", MAX_TTL.as_secs() / 3_600));
    }
    Ok(Ask {
        text: redact(&ask.text).into_owned(),
        options: ask.options.iter().map(|option| redact(option).into_owned()).collect(),
        details,
        ..ask
    })
}

/// Checks an answer to `asked` and redacts it.
pub(super) fn answer(asked: &Interaction, answer: Answer) -> Result<Kept, ResolveError> {
    let invalid = |field, reason: String| Err(ResolveError::Invalid { field, reason });
    let decision = answer.decision.as_deref();
    if asked.kind == Kind::Approval {
        let grants = asked.bound.as_ref().is_some_and(|bound| bound.grant.is_some());
        match decision {
            Some(APPROVE | REJECT) => {}
            Some(APPROVE_ALL) if grants => {}
            Some(APPROVE_ALL) => {
                return invalid(
                    "decision",
                    format!("`{APPROVE_ALL}` is not for this call; answer `{APPROVE}` or `{REJECT}`"),
                );
            }
            _ => {
                return invalid(
                    "decision",
                    format!("must be `{APPROVE}` or `{REJECT}`, or `{APPROVE_ALL}` where offered"),
                );
            }
        }
    }
    if decision.is_none_or(str::is_empty) && answer.answer.is_none() {
        return invalid("decision", "is missing, and `answer` too; give one of them".to_owned());
    }
    if let Err(reason) = within(decision.map_or(0, str::len), MAX_OPTION_BYTES) {
        return invalid("decision", reason);
    }
    let text = answer.answer.map(|answer| answer.to_string());
    let text = text.map(|text| redact(&text).into_owned());
    if let Err(reason) = within(text.as_ref().map_or(0, String::len), MAX_ANSWER_BYTES) {
        return invalid("answer", reason);
    }
    Ok(Kept { decision: decision.map(|decision| redact(decision).into_owned()), answer: text })
}

/// Checks the name of who answers.
pub(super) fn who(by: &str) -> Result<(), ResolveError> {
    Ok(check_name("resolved_by", by)?)
}

fn within(bytes: usize, most: usize) -> Result<(), String> {
    if bytes > most { Err(format!("has {bytes} bytes, at most {most} are taken")) } else { Ok(()) }
}
