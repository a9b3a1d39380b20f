//! Emits into the mock.

use crate::{Draft, EmitError};

pub(crate) fn emit(draft: &Draft) -> Result<(), EmitError> {
    super::with(|host| host.emits.push(draft.clone()));
    Ok(())
}

pub(crate) fn emit_now(draft: &Draft) -> Result<u64, EmitError> {
    super::with(|host| {
        host.emits.push(draft.clone());
        u64::try_from(host.emits.len()).map_err(|_| EmitError::OverBudget)
    })
}
