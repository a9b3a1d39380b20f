//! Emits into the mock: refused where the host would refuse their type or the shape of their payload, or where the
//! test says so.

use crate::events::EventType;
use crate::{Draft, EmitError, payload};

pub(crate) fn emit(draft: &Draft) -> Result<(), EmitError> {
    take(draft).map(|_| ())
}

pub(crate) fn emit_now(draft: &Draft) -> Result<u64, EmitError> {
    u64::try_from(take(draft)?).map_err(|_| EmitError::OverBudget)
}

/// Remembers it; says how many there are.
fn take(draft: &Draft) -> Result<usize, EmitError> {
    let invalid = |error: &dyn std::fmt::Display| EmitError::Invalid(error.to_string());
    let event_type = EventType::parse(&draft.type_).map_err(|error| invalid(&error))?;
    super::with(|host| {
        if let Some(error) = &host.emit_error {
            return Err(error.clone());
        }
        payload::check(event_type.as_str(), &draft.payload).map_err(|error| invalid(&error))?;
        host.emits.push(draft.clone());
        Ok(host.emits.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{bus, mock};
    use serde_json::json;

    #[test]
    fn what_the_host_would_refuse_is_refused() {
        assert_eq!(bus::emit("x.done", &json!({"any": 1})), Ok(()));
        assert!(matches!(bus::emit("X.done", &json!({})), Err(EmitError::Invalid(why)) if why.contains("segment")));
        let shape = bus::emit("task.progress", &json!({"progress": 101, "message": ""}));
        assert!(matches!(shape, Err(EmitError::Invalid(why)) if why.contains("task.progress")));
        assert!(matches!(bus::emit("x.done", &[1]), Err(EmitError::Invalid(_))), "no object");
        mock::with(|host| host.emit_error = Some(EmitError::Denied));
        assert_eq!(bus::emit_now("x.done", &json!({})), Err(EmitError::Denied));
        assert_eq!(mock::emits().len(), 1);
    }
}
