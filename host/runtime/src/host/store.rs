//! `store`: the plugin's durable key-value pairs. Writes are staged like emits; a guest reads its own.
//!
//! A write is committed with the cursor after the handler returned, and the next event is handled meanwhile: so
//! the view keeps written values until it is told that they are in the journal.

use super::GuestState;
use crate::bindings::tollgate::plugin::store::{Host, StoreError};
use crate::capability::{Denied, Permit, StoreChange, StoreRead};
use crate::limits::{MAX_STORE_BYTES, MAX_STORE_KEY_BYTES};
use std::collections::BTreeMap;
use std::sync::Arc;
use tollgate_core::journal::{Journal, JournalError, StoreWrite};

impl Host for GuestState {
    fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, StoreError>> {
        self.charge(key.len())?;
        let value = match self.capabilities.store_read(self.call.phase) {
            Ok(permit) => self.store.get(permit, &key).map_err(unavailable),
            Err(Denied) => Err(StoreError::Unavailable),
        };
        if let Ok(Some(value)) = &value {
            self.charge(value.len())?;
        }
        Ok(value)
    }

    fn set(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<Result<(), StoreError>> {
        self.charge(key.len() + value.len())?;
        Ok(change(self, key, Some(value)))
    }

    fn delete(&mut self, key: String) -> wasmtime::Result<Result<(), StoreError>> {
        self.charge(key.len())?;
        Ok(change(self, key, None))
    }

    fn keys(&mut self, prefix: String) -> wasmtime::Result<Result<Vec<String>, StoreError>> {
        self.charge(prefix.len())?;
        let keys = match self.capabilities.store_read(self.call.phase) {
            Ok(permit) => self.store.keys(permit, &prefix).map_err(unavailable),
            Err(Denied) => Err(StoreError::Unavailable),
        };
        if let Ok(keys) = &keys {
            self.charge(keys.iter().map(String::len).sum())?;
        }
        Ok(keys)
    }
}

fn change(state: &mut GuestState, key: String, value: Option<Vec<u8>>) -> Result<(), StoreError> {
    let permit = state.capabilities.store_change(state.call.phase).map_err(|Denied| StoreError::Unavailable)?;
    if key.len() > MAX_STORE_KEY_BYTES {
        return Err(StoreError::KeyTooLong);
    }
    let changed = state.store.change(permit, key, value);
    if matches!(changed, Err(StoreError::OverQuota)) {
        state.over_budget += 1;
    }
    changed
}

fn unavailable(_: JournalError) -> StoreError {
    StoreError::Unavailable
}

/// One guest's view of its plugin's store.
pub(crate) struct StoreView {
    journal: Journal,
    plugin: Arc<str>,
    /// Written and handed to the journal, but not known to be in it; with the commit that carries it.
    pending: BTreeMap<String, (Option<Vec<u8>>, u64)>,
    /// Written by the call under way.
    staged: BTreeMap<String, Option<Vec<u8>>>,
    /// Bytes of keys and values, staged ones included; none until first needed.
    used: Option<u64>,
    used_before: Option<u64>,
}

impl StoreView {
    pub(super) fn new(journal: Journal, plugin: Arc<str>) -> Self {
        Self { journal, plugin, pending: BTreeMap::new(), staged: BTreeMap::new(), used: None, used_before: None }
    }

    pub(super) fn begin(&mut self) {
        if !self.staged.is_empty() {
            self.staged.clear();
        }
        self.used_before = self.used;
    }

    /// Forgets what the call wrote.
    pub(super) fn discard(&mut self) {
        self.staged.clear();
        self.used = self.used_before;
    }

    /// Takes what the call wrote, to be committed by the commit numbered `commit`.
    pub(crate) fn take(&mut self, commit: u64, into: &mut Vec<StoreWrite>) {
        for (key, value) in std::mem::take(&mut self.staged) {
            into.push(StoreWrite { key: key.clone(), value: value.clone() });
            self.pending.insert(key, (value, commit));
        }
    }

    /// Every commit up to `commit` is in the journal.
    pub(crate) fn committed(&mut self, commit: u64) {
        if !self.pending.is_empty() {
            self.pending.retain(|_, (_, carried_by)| *carried_by > commit);
        }
    }

    fn get(&self, _permit: Permit<StoreRead>, key: &str) -> Result<Option<Vec<u8>>, JournalError> {
        self.read(key)
    }

    fn read(&self, key: &str) -> Result<Option<Vec<u8>>, JournalError> {
        if let Some(value) = self.staged.get(key) {
            return Ok(value.clone());
        }
        if let Some((value, _)) = self.pending.get(key) {
            return Ok(value.clone());
        }
        self.journal.store_get(&self.plugin, key)
    }

    fn keys(&self, _permit: Permit<StoreRead>, prefix: &str) -> Result<Vec<String>, JournalError> {
        let mut keys: std::collections::BTreeSet<String> =
            self.journal.store_keys(&self.plugin, prefix)?.into_iter().collect();
        let pending = self.pending.iter().map(|(key, (value, _))| (key, value));
        for (key, value) in pending.chain(&self.staged).filter(|(key, _)| key.starts_with(prefix)) {
            if value.is_some() {
                keys.insert(key.clone());
            } else {
                keys.remove(key);
            }
        }
        Ok(keys.into_iter().collect())
    }

    fn change(&mut self, _permit: Permit<StoreChange>, key: String, value: Option<Vec<u8>>) -> Result<(), StoreError> {
        let size = |value: &Option<Vec<u8>>| value.as_ref().map_or(0, |value| (key.len() + value.len()) as u64);
        let before = size(&self.read(&key).map_err(unavailable)?);
        let used = match self.used {
            Some(used) => used,
            None => self.journal.store_bytes(&self.plugin).map_err(unavailable)?,
        };
        let after = used.saturating_sub(before).saturating_add(size(&value));
        if after > MAX_STORE_BYTES && after > used {
            return Err(StoreError::OverQuota);
        }
        self.used_before = self.used_before.or(Some(used));
        self.used = Some(after);
        self.staged.insert(key, value);
        Ok(())
    }
}
