//! People whom an issuer names: what each has left of requests and live connections, whichever token they come with.

use crate::allowance::{Allowance, DEFAULT_PER_SECOND};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Live connections of one person: some windows on some screens.
const CONNECTIONS: usize = 16;
/// Most people who are remembered: more than can be connected at a time. Of those who are not, all are forgotten at once
/// when there would be more.
const MAX_USERS: usize = 4_096;

/// Who was here.
#[derive(Debug, Default)]
pub(crate) struct Users(Mutex<HashMap<Arc<str>, Arc<Allowance>>>);

impl Users {
    /// What this one has left.
    pub(crate) fn allowance(&self, user: &Arc<str>) -> Arc<Allowance> {
        let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(allowance) = users.get(user) {
            return Arc::clone(allowance);
        }
        if users.len() >= MAX_USERS {
            users.retain(|_, allowance| Arc::strong_count(allowance) > 1);
        }
        let allowance = Arc::new(Allowance::new(DEFAULT_PER_SECOND, CONNECTIONS));
        users.insert(Arc::clone(user), Arc::clone(&allowance));
        allowance
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn those_who_are_here_are_kept_and_the_others_forgotten() {
        let users = Users::default();
        let here: Arc<str> = "here".into();
        let held = users.allowance(&here);
        let place = held.live().unwrap();
        for count in 0..MAX_USERS * 2 {
            users.allowance(&format!("u{count}").into());
            assert!(users.0.lock().unwrap().len() <= MAX_USERS);
        }
        assert!(Arc::ptr_eq(&held, &users.allowance(&here)));
        drop(place);
    }
}
