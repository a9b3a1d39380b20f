//! Reading an event's payload and making drafts, on top of the records of `wit/types.wit`.

use crate::{Draft, EmitError, Entity, Event, Failure};
use serde::{Deserialize, Serialize};

/// What a payload can be read as: whatever serde reads. Its own name, so that the compiler says what to write.
#[diagnostic::on_unimplemented(
    message = "no payload reads as `{Self}`",
    label = "say as what: `let message: tollgate_sdk::payload::Message = event.payload()?;`",
    note = "it is one of `tollgate_sdk::payload`, or a type of your own with `#[derive(serde::Deserialize)]`"
)]
pub trait Payload<'a>: Deserialize<'a> {}

#[diagnostic::do_not_recommend]
impl<'a, T: Deserialize<'a>> Payload<'a> for T {}

impl Event {
    /// The payload as `T`: one of [`crate::payload`]'s types, or the plugin's own.
    ///
    /// # Errors
    /// [`Failure::Failed`] with what does not fit and where: the same event never fits later.
    pub fn payload<'a, T: Payload<'a>>(&'a self) -> Result<T, Failure> {
        serde_json::from_str(&self.payload)
            .map_err(|error| Failure::Failed(format!("payload of {} (seq {}): {error}", self.type_, self.seq)))
    }
}

impl Draft {
    /// A draft of `event_type` that carries `payload`, which must serialise to an object.
    ///
    /// # Errors
    /// [`EmitError::Invalid`] when the payload cannot be written as JSON.
    pub fn new(event_type: impl Into<String>, payload: &impl Serialize) -> Result<Self, EmitError> {
        let payload = serde_json::to_string(payload).map_err(|error| EmitError::Invalid(error.to_string()))?;
        Ok(Self { type_: event_type.into(), entity: None, payload })
    }

    /// The same draft, about this entity.
    #[must_use]
    pub fn about(mut self, kind: impl Into<String>, id: impl Into<String>) -> Self {
        self.entity = Some(Entity { kind: kind.into(), id: id.into() });
        self
    }
}
