//! What a guest owes for the host's work: fuel that its own instructions did not use. Shared with the parts of WASI
//! that are handed bytes and nothing else.
//!
//! The engine keeps a running guest's fuel where the host cannot take from it, so the debt is kept beside it and
//! grows until the call ends; [`super::on_epoch`] compares the two.

use crate::limits::FUEL_PER_HOST_BYTE;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The debt of the call under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Debt(Arc<AtomicU64>);

impl Debt {
    /// Adds `fuel`; says what is owed now.
    pub(crate) fn add(&self, fuel: u64) -> u64 {
        // A guest's calls come one at a time, so nobody else adds meanwhile.
        let owed = self.owed().saturating_add(fuel);
        self.0.store(owed, Ordering::Relaxed);
        owed
    }

    /// Adds what moving `bytes` costs.
    pub(crate) fn add_bytes(&self, bytes: usize) -> u64 {
        self.add(FUEL_PER_HOST_BYTE.saturating_mul(u64::try_from(bytes).unwrap_or(u64::MAX)))
    }

    /// What is owed.
    pub(crate) fn owed(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Begins the next call's.
    pub(crate) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debt_grows_until_it_is_reset_and_never_wraps() {
        let debt = Debt::default();
        assert_eq!((debt.add(3), debt.clone().add_bytes(4), debt.owed()), (3, 7, 7));
        assert_eq!(debt.add(u64::MAX), u64::MAX);
        debt.reset();
        assert_eq!(debt.owed(), 0);
    }
}
