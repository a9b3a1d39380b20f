//! Who waits for which interaction. Knows ids alone.

use super::types::MAX_WAITING;
use crate::journal::lock;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// The waiting callers, by interaction.
#[derive(Default)]
pub(super) struct Waiting(Mutex<State>);

#[derive(Default)]
struct State {
    by_id: HashMap<Arc<str>, Entry>,
    callers: usize,
}

struct Entry {
    ended: Arc<Notify>,
    callers: usize,
}

/// One caller's place; it leaves when dropped.
pub(super) struct Waiter<'a> {
    waiting: &'a Waiting,
    id: Arc<str>,
    ended: Arc<Notify>,
}

impl Waiting {
    /// A place among those that wait for `id`; none where [`MAX_WAITING`] wait already.
    pub(super) fn join(&self, id: &str) -> Option<Waiter<'_>> {
        let mut state = lock(&self.0);
        if state.callers >= MAX_WAITING {
            return None;
        }
        state.callers += 1;
        let id: Arc<str> = id.into();
        let new = || Entry { ended: Arc::new(Notify::new()), callers: 0 };
        let entry = state.by_id.entry(Arc::clone(&id)).or_insert_with(new);
        entry.callers += 1;
        Some(Waiter { waiting: self, id, ended: Arc::clone(&entry.ended) })
    }

    /// Wakes all that wait for `id`.
    pub(super) fn wake(&self, id: &str) {
        if let Some(entry) = lock(&self.0).by_id.get(id) {
            entry.ended.notify_waiters();
        }
    }

    #[cfg(test)]
    pub(super) fn callers(&self) -> usize {
        lock(&self.0).callers
    }
}

impl Waiter<'_> {
    /// Completes once the interaction has ended.
    pub(super) fn ended(&self) -> Notified<'_> {
        self.ended.notified()
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.waiting.0);
        state.callers -= 1;
        if let Some(entry) = state.by_id.get_mut(&self.id) {
            entry.callers -= 1;
            if entry.callers == 0 {
                state.by_id.remove(&self.id);
            }
        }
    }
}
