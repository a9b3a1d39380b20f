//! How the host's refusals end a handler: which are final and which are worth another try.

use crate::{DataError, EmitError, Failure, StoreError};

impl From<EmitError> for Failure {
    /// Final: the same draft is refused again.
    fn from(error: EmitError) -> Self {
        Self::Failed(match error {
            EmitError::Invalid(reason) => format!("emit refused: {reason}"),
            EmitError::Denied => "emit refused: not granted".to_owned(),
            EmitError::TooDeep => "emit refused: too many events set off by one".to_owned(),
            EmitError::OverBudget => "emit refused: over budget".to_owned(),
        })
    }
}

impl From<StoreError> for Failure {
    /// Final, but where the store may come back.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::OverQuota => Self::Failed("store: over quota".to_owned()),
            StoreError::KeyTooLong => Self::Failed("store: key too long".to_owned()),
            StoreError::Unavailable => Self::Retry("store: unavailable".to_owned()),
        }
    }
}

impl From<DataError> for Failure {
    /// Final, but where the file system may come back.
    fn from(error: DataError) -> Self {
        match error {
            DataError::Denied => Self::Failed("data: denied".to_owned()),
            DataError::BadName => Self::Failed("data: bad name".to_owned()),
            DataError::NotFound => Self::Failed("data: not found".to_owned()),
            DataError::OverQuota => Self::Failed("data: over quota".to_owned()),
            DataError::Unavailable(reason) => Self::Retry(format!("data: {reason}")),
        }
    }
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self::Failed(reason)
    }
}

impl From<&str> for Failure {
    fn from(reason: &str) -> Self {
        Self::Failed(reason.to_owned())
    }
}
