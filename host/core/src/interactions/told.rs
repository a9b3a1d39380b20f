//! The events that tell of interactions and grants. The payloads' shapes are the catalogue's.

use super::types::{Grant, Interaction};
use crate::event::{Cause, Draft, Entity};
use crate::journal::End;
use crate::json::typed_draft;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::sync::Arc;
use tollgate_events::payload::{
    INTERACTION_REQUESTED, INTERACTION_RESOLVED, InteractionRequested, InteractionResolved, Json, SESSION_GRANTED,
    SESSION_REVOKED, SessionGranted, Violation,
};

/// Who says what the host itself does.
const HOST: &str = "core";

/// The catalogue's payload and a further key.
#[derive(Serialize)]
struct Detailed {
    #[serde(flatten)]
    payload: InteractionRequested,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Json>,
}

/// The catalogue's payload and who did it.
#[derive(Serialize)]
struct By<'a> {
    #[serde(flatten)]
    payload: SessionGranted,
    by: &'a str,
}

/// `interaction.requested`, by its asker.
pub(super) fn requested(asked: &Interaction, cause: Option<Cause>) -> Result<Draft, Violation> {
    let payload = InteractionRequested {
        chat_id: asked.chat_id.to_string(),
        kind: asked.kind.as_str().to_owned(),
        interaction_id: asked.id.to_string(),
        text: Some(asked.text.clone()),
        options: (!asked.options.is_empty()).then(|| to_raw_value(&asked.options)).transpose().map_err(unwritten)?,
        expires_at: asked.expires_at.map(|at| to_raw_value(&at.to_string())).transpose().map_err(unwritten)?,
    };
    let details = asked.details.clone().map(RawValue::from_string).transpose().map_err(unwritten)?;
    let draft = typed_draft(INTERACTION_REQUESTED, &Detailed { payload, details }, Arc::clone(&asked.asked_by))?;
    Ok(Draft { cause, ..about(draft, asked) })
}

/// `interaction.resolved`, and `session.granted` where the answer gave a grant.
pub(super) fn ended(found: &Interaction, end: &End, grant: Option<&Grant>) -> Result<Vec<Draft>, Violation> {
    let mut drafts = vec![resolved(found, end)?];
    if let Some(grant) = grant {
        drafts.push(granted(found, grant)?);
    }
    Ok(drafts)
}

fn resolved(found: &Interaction, end: &End) -> Result<Draft, Violation> {
    let payload = InteractionResolved {
        chat_id: found.chat_id.to_string(),
        kind: found.kind.as_str().to_owned(),
        interaction_id: found.id.to_string(),
        decision: end.decision.clone(),
        answer: end.answer.clone().map(RawValue::from_string).transpose().map_err(unwritten)?,
        resolved_by: end.by.clone(),
    };
    Ok(about(typed_draft(INTERACTION_RESOLVED, &payload, HOST)?, found))
}

fn granted(found: &Interaction, grant: &Grant) -> Result<Draft, Violation> {
    let payload = SessionGranted { chat_id: found.chat_id.to_string(), key: grant.key.to_string() };
    let draft = typed_draft(SESSION_GRANTED, &By { payload, by: &grant.given_by }, HOST)?;
    Ok(draft.in_session(Arc::clone(&grant.session)))
}

/// `session.revoked`.
pub(super) fn revoked(session: &str, chat_id: &str, key: &str, by: &str) -> Result<Draft, Violation> {
    let payload = SessionGranted { chat_id: chat_id.to_owned(), key: key.to_owned() };
    Ok(typed_draft(SESSION_REVOKED, &By { payload, by }, HOST)?.in_session(session))
}

fn about(draft: Draft, interaction: &Interaction) -> Draft {
    let entity = Entity { kind: "interaction".into(), id: Arc::clone(&interaction.id) };
    Draft { entity: Some(entity), session: interaction.session.clone(), ..draft }
}

fn unwritten(error: serde_json::Error) -> Violation {
    let reason = error.to_string();
    Violation { event_type: "interaction".to_owned(), path: "payload".to_owned(), reason }
}
