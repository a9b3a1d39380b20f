//! Who follows live, and what became of the events that each of them came past.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tollgate_core::bus::SubscriberStatistics;

/// The clients that are there; as many as there are places for streams.
#[derive(Debug, Default)]
pub(crate) struct Clients(Mutex<BTreeMap<Arc<str>, Arc<Client>>>);

/// One of them, beside what the bus counts.
#[derive(Debug)]
pub(crate) struct Client {
    kind: &'static str,
    token: Arc<str>,
    /// Delivered by the bus, and not what the client asked for or may read.
    left_out: AtomicU64,
    /// The last seq that it said it was done with.
    acknowledged: AtomicU64,
}

/// A client's place in the list; it goes with it.
#[derive(Debug)]
pub(crate) struct Present {
    clients: Arc<Clients>,
    name: Arc<str>,
    client: Arc<Client>,
}

impl Clients {
    /// One comes, under the bus's name of its subscription.
    pub(crate) fn enter(self: &Arc<Self>, name: Arc<str>, kind: &'static str, token: Arc<str>) -> Present {
        let client = Client { kind, token, left_out: AtomicU64::new(0), acknowledged: AtomicU64::new(0) };
        let client = Arc::new(client);
        self.lock().insert(Arc::clone(&name), Arc::clone(&client));
        Present { clients: Arc::clone(self), name, client }
    }

    /// Each of them, of what the bus counted: emitted = delivered + filtered + dropped + waiting.
    pub(crate) fn counted(&self, subscribers: &[SubscriberStatistics]) -> Vec<Value> {
        let clients = self.lock();
        let mut told = Vec::new();
        for one in subscribers {
            let Some(client) = clients.get(&*one.name) else { continue };
            let left_out = client.left_out.load(Ordering::Relaxed);
            told.push(json!({
                "name": one.name,
                "kind": client.kind,
                "token": client.token,
                "emitted": one.emitted,
                "delivered": one.delivered.saturating_sub(left_out),
                "filtered": one.filtered + left_out,
                "dropped": one.dropped,
                "waiting": one.waiting,
                "acknowledged": client.acknowledged.load(Ordering::Relaxed),
            }));
        }
        told
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Arc<str>, Arc<Client>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Present {
    pub(crate) fn leave_out(&self) {
        self.client.left_out.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn acknowledge(&self, seq: u64) {
        self.client.acknowledged.store(seq, Ordering::Relaxed);
    }
}

impl Present {
    /// Is there no more; whether nobody is.
    pub(crate) fn leave(&self) -> bool {
        let mut clients = self.clients.lock();
        clients.remove(&self.name);
        clients.is_empty()
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.leave();
    }
}
