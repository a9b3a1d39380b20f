//! `store`: the plugin's durable key-value pairs. Writes are staged like emits; a guest reads its own.
//!
//! A write is committed with the cursor after the handler returned, and the next event is handled meanwhile: so
//! the view keeps written values until it is told that they are in the journal.
//!
//! Instances of one plugin share its store: each sees what it wrote itself at once, and what another wrote once
//! that is committed; of two writes to a key the one that is committed last stays.

use super::GuestState;
use crate::bindings::tollgate::plugin::store::{Host, StoreError};
use crate::capability::{Denied, Permit, StoreChange, StoreRead};
use crate::limits::{FUEL_PER_STORE_CALL, MAX_STORE_BYTES, MAX_STORE_KEY_BYTES};
use crate::usage::Usage;
use std::collections::BTreeMap;
use std::sync::Arc;
use tollgate_core::journal::{Journal, JournalError, StoreWrite};

impl Host for GuestState {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, StoreError>> {
        self.pay(FUEL_PER_STORE_CALL)?;
        self.charge(key.len())?;
        let value = match self.capabilities.store_read(self.call.phase) {
            Ok(permit) => self.store.get(permit, &key).await.map_err(unavailable),
            Err(Denied) => Err(StoreError::Unavailable),
        };
        if let Ok(Some(value)) = &value {
            self.charge(value.len())?;
        }
        Ok(value)
    }

    async fn set(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<Result<(), StoreError>> {
        self.pay(FUEL_PER_STORE_CALL)?;
        self.charge(key.len() + value.len())?;
        Ok(change(self, key, Some(value)).await)
    }

    async fn delete(&mut self, key: String) -> wasmtime::Result<Result<(), StoreError>> {
        self.pay(FUEL_PER_STORE_CALL)?;
        self.charge(key.len())?;
        Ok(change(self, key, None).await)
    }

    async fn keys(&mut self, prefix: String) -> wasmtime::Result<Result<Vec<String>, StoreError>> {
        self.pay(FUEL_PER_STORE_CALL)?;
        self.charge(prefix.len())?;
        let keys = match self.capabilities.store_read(self.call.phase) {
            Ok(permit) => self.store.keys(permit, &prefix).await.map_err(unavailable),
            Err(Denied) => Err(StoreError::Unavailable),
        };
        if let Ok(keys) = &keys {
            self.charge_texts(keys)?;
        }
        Ok(keys)
    }
}

async fn change(state: &mut GuestState, key: String, value: Option<Vec<u8>>) -> Result<(), StoreError> {
    let permit = state.capabilities.store_change(state.call.phase).map_err(|Denied| StoreError::Unavailable)?;
    if key.len() > MAX_STORE_KEY_BYTES {
        return Err(StoreError::KeyTooLong);
    }
    let changed = state.store.change(permit, key, value).await;
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
    usage: Arc<Usage>,
    /// Which commits of the plugin `used` knows of, where other guests write as well.
    measured_at: Option<u64>,
}

impl StoreView {
    pub(super) fn new(journal: Journal, plugin: Arc<str>, usage: Arc<Usage>) -> Self {
        Self {
            journal,
            plugin,
            pending: BTreeMap::new(),
            staged: BTreeMap::new(),
            used: None,
            used_before: None,
            usage,
            measured_at: None,
        }
    }

    pub(super) fn begin(&mut self) {
        if !self.staged.is_empty() {
            self.staged.clear();
        }
        let commits = self.usage.store_commits();
        if commits != self.measured_at {
            self.used = None;
            self.measured_at = commits;
        }
        self.used_before = self.used;
    }

    /// Forgets what the call wrote.
    pub(super) fn discard(&mut self) {
        self.staged.clear();
        self.used = self.used_before;
    }

    /// Bytes of what the call wrote.
    pub(crate) fn staged_bytes(&self) -> usize {
        self.staged.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len)).sum()
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

    async fn get(&self, _permit: Permit<StoreRead>, key: &str) -> Result<Option<Vec<u8>>, JournalError> {
        self.read(key).await
    }

    async fn read(&self, key: &str) -> Result<Option<Vec<u8>>, JournalError> {
        if let Some(value) = self.staged.get(key) {
            return Ok(value.clone());
        }
        if let Some((value, _)) = self.pending.get(key) {
            return Ok(value.clone());
        }
        let key = key.to_owned();
        self.ask(move |journal, plugin| journal.store_get(plugin, &key)).await
    }

    async fn keys(&self, _permit: Permit<StoreRead>, prefix: &str) -> Result<Vec<String>, JournalError> {
        let wanted = prefix.to_owned();
        let kept = self.ask(move |journal, plugin| journal.store_keys(plugin, &wanted)).await?;
        let mut keys: std::collections::BTreeSet<String> = kept.into_iter().collect();
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

    async fn change(
        &mut self,
        _permit: Permit<StoreChange>,
        key: String,
        value: Option<Vec<u8>>,
    ) -> Result<(), StoreError> {
        let size = |value: &Option<Vec<u8>>| value.as_ref().map_or(0, |value| (key.len() + value.len()) as u64);
        let before = size(&self.read(&key).await.map_err(unavailable)?);
        let used = match self.used {
            Some(used) => used,
            None => self.measure().await.map_err(unavailable)?,
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

    /// What the store takes once all that this guest wrote before the call is in the journal. What other guests
    /// wrote and is not there yet is not counted: so much, at most what their calls wrote since their last commits,
    /// may come on top of the bound.
    async fn measure(&self) -> Result<u64, JournalError> {
        let kept = self.ask(|journal, plugin| journal.store_bytes(plugin)).await?;
        let (mut added, mut replaced) = (0, 0);
        for (key, (value, _)) in &self.pending {
            let asked = key.clone();
            let old = self.ask(move |journal, plugin| journal.store_get(plugin, &asked)).await?;
            let size = |value: &Option<Vec<u8>>| value.as_ref().map_or(0, |value| (key.len() + value.len()) as u64);
            added += size(value);
            replaced += size(&old);
        }
        Ok((kept + added).saturating_sub(replaced))
    }

    /// Asks the journal, on a thread of its own where that takes a disk: other guests share this one, and the
    /// call's wall clock goes on.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Journal, &str) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        if !self.journal.blocks() {
            return question(&self.journal, &self.plugin);
        }
        let (journal, plugin) = (self.journal.clone(), Arc::clone(&self.plugin));
        let asked = tokio::task::spawn_blocking(move || question(&journal, &plugin)).await;
        asked.unwrap_or_else(|error| Err(JournalError::Read(error.to_string())))
    }
}
