//! Where events go, found out once for all clients.

use super::rooms::Address;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tollgate_core::event::Event;
use tollgate_core::session::Sessions;
use uuid::Uuid;

/// Events whose address is kept: as many as wait for one client that falls behind, and some more for one that replays.
const MAX_KEPT: usize = 4_096;

/// Addresses of the newest events.
#[derive(Debug, Default)]
pub(crate) struct AddressBook(Mutex<BTreeMap<u64, Kept>>);

/// An address, and of which event: another journal has others under the same seqs.
#[derive(Debug)]
struct Kept {
    id: Uuid,
    address: Option<Arc<Address>>,
}

impl AddressBook {
    /// Where an event goes; none where no room is told of its type.
    pub(crate) fn of(&self, event: &Event, sessions: &Sessions) -> Option<Arc<Address>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = kept.get(&event.seq).filter(|found| found.id == event.id) {
            return found.address.clone();
        }
        let address = Address::of(event, sessions).map(Arc::new);
        kept.insert(event.seq, Kept { id: event.id, address: address.clone() });
        while kept.len() > MAX_KEPT {
            kept.pop_first();
        }
        address
    }

    /// Forgets everything, once nobody follows any more.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
