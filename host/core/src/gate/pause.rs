//! The pause of the protection stage: a person lifts it for some minutes, on the record.
//!
//! Kept in memory alone: a restart ends it, so that no forgotten pause outlives the host. Who may pause is for
//! the caller to check.

use super::Gatekeeper;
use crate::bus::EmitError;
use crate::journal::lock;
use crate::json::typed_draft;
use crate::time::{Clock, Timestamp};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tollgate_events::payload::{PROTECTION_PAUSED, PROTECTION_RESUMED, ProtectionPaused, ProtectionResumed};

/// The longest pause: long enough to change a setting, short enough to be forgotten without harm.
pub const MAX_PAUSE: Duration = Duration::from_secs(600);

/// Why protection was not paused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PauseError {
    /// Nothing, or over [`MAX_PAUSE`].
    #[error("a pause lasts at most {MAX_PAUSE:?}, this one would last {0:?}")]
    Duration(Duration),
    /// It could not be recorded, so protection stays.
    #[error(transparent)]
    Emit(#[from] EmitError),
}

/// Until when protection is lifted.
#[derive(Default)]
pub(super) struct Pause(Mutex<Option<Until>>);

#[derive(Clone, Copy)]
struct Until {
    clock: Timestamp,
    /// A clock that is put back does not lengthen it.
    instant: Instant,
}

impl Pause {
    fn until(&self, clock: &Clock) -> Option<Timestamp> {
        let until = (*lock(&self.0))?;
        (clock.now() < until.clock && Instant::now() < until.instant).then_some(until.clock)
    }
}

impl Gatekeeper {
    /// Lifts the protection stage for `duration`, at most [`MAX_PAUSE`] from now, once `protection.paused` is
    /// recorded; until when. A pause under way is replaced. `by` is who lifts it, by name.
    ///
    /// # Errors
    /// When `duration` is nothing or too long, or the journal does not record it.
    pub async fn pause(&self, duration: Duration, by: &str) -> Result<Timestamp, PauseError> {
        if duration.is_zero() || duration > MAX_PAUSE {
            return Err(PauseError::Duration(duration));
        }
        crate::bus::check_name("by", by)?;
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let payload = ProtectionPaused { by: by.to_owned(), duration_ms };
        let until = Until { clock: self.bus.clock().now().after(duration), instant: Instant::now() + duration };
        let draft = typed_draft(PROTECTION_PAUSED, &payload, "core").map_err(EmitError::from)?;
        self.bus.emit(draft).await?;
        *lock(&self.pause.0) = Some(until);
        Ok(until.clock)
    }

    /// Ends a pause before its time and records `protection.resumed`; false where there is none. Protection is
    /// back even where that is not recorded.
    ///
    /// # Errors
    /// When the journal does not record it.
    pub async fn resume(&self, by: &str) -> Result<bool, PauseError> {
        crate::bus::check_name("by", by)?;
        let paused = self.paused_until().is_some();
        *lock(&self.pause.0) = None;
        if paused {
            let payload = ProtectionResumed { by: by.to_owned() };
            self.bus.emit(typed_draft(PROTECTION_RESUMED, &payload, "core").map_err(EmitError::from)?).await?;
        }
        Ok(paused)
    }

    /// Until when protection is lifted; none where it is in force.
    #[must_use]
    pub fn paused_until(&self) -> Option<Timestamp> {
        self.pause.until(self.bus.clock())
    }
}
