//! Events given to a plugin once more, dead letters and others: what may be, what comes of it, and why not. The try
//! itself is the lane's.

use crate::Runtime;
use crate::fault::Fault;
use crate::plugin::PluginState;
use crate::version::Version;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tollgate_core::bus::Bus;
use tollgate_core::event::Event;
use tollgate_core::events::PatternSet;
use tollgate_core::journal::{DeadLetter, Journal, JournalError};

/// What a plugin is given once more.
pub(crate) enum Again {
    /// The event of this dead letter.
    Letter(u64),
    /// An event that it was given before.
    Event(Arc<Event>),
}

/// What became of another try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetryOutcome {
    /// It was handled; a letter went in the commit of what the plugin did.
    Handled,
    /// It was not; a letter stays.
    Left {
        /// The fault's name, `failed` or `retry`.
        cause: Arc<str>,
        /// For people.
        message: Arc<str>,
        /// How often it was tried, this one included; 1 for what is no letter.
        tries: u32,
    },
}

/// Why a dead letter is not tried again. Nothing was called, but for [`RetryRefusal::Journal`].
#[derive(Debug, Clone, thiserror::Error)]
pub enum RetryRefusal {
    /// No plugin of this name is in the folder.
    #[error("there is no plugin `{0}` any more: put its file back, or drop the letter")]
    Absent(String),
    /// It is switched off.
    #[error("`{0}` is disabled: `tollgate plugin enable {0}` first")]
    Disabled(String),
    /// It is kept out after faults.
    #[error("`{0}` is in quarantine: mend it, then `tollgate plugin reload {0}`")]
    Quarantined(String),
    /// Nothing of it serves.
    #[error("`{plugin}` does not serve ({state}): `tollgate plugin list` says why")]
    NotServing {
        /// Which.
        plugin: String,
        /// What it is instead.
        state: &'static str,
    },
    /// There is no such letter.
    #[error("`{plugin}` has no dead letter {seq}: `tollgate deadletter list {plugin}` shows them")]
    NoLetter {
        /// Whose.
        plugin: String,
        /// Of which event.
        seq: u64,
    },
    /// The journal has the event no more.
    #[error("the journal has event {seq} no more, so `{plugin}` cannot be given it: drop the letter")]
    EventGone {
        /// Whose letter.
        plugin: String,
        /// Of which event.
        seq: u64,
    },
    /// What serves now does not want events of this type.
    #[error(
        "`{plugin}` does not subscribe to {event_type}: put back a version that did, or drop the letter where there is one"
    )]
    NotSubscribed {
        /// Which.
        plugin: String,
        /// The event's type.
        event_type: String,
    },
    /// Another event is being given to the plugin once more.
    #[error("`{0}` is being given an event once more already: wait for it")]
    Busy(String),
    /// Its fuel of this minute is spent.
    #[error("`{0}` has used up its fuel of this minute (`fuel_per_minute`): try again in a minute")]
    OutOfFuel(String),
    /// No fresh guest could be made.
    #[error("`{plugin}` could not be started for it: {fault}")]
    NoGuest {
        /// Which.
        plugin: String,
        /// Why.
        fault: Fault,
    },
    /// The plugin ended meanwhile.
    #[error("`{0}` was stopped meanwhile: look at it, then try again")]
    Ended(String),
    /// The journal could not be read, or did not record what came of the try: the letter stays.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// A letter that can be tried, with its event.
pub(crate) struct Letter {
    pub(crate) letter: DeadLetter,
    pub(crate) event: Arc<Event>,
}

/// The letter of event `seq`, if what serves may be given it now.
pub(crate) async fn letter_of(bus: &Bus, version: &Version, seq: u64) -> Result<Letter, RetryRefusal> {
    let plugin = version.plugin.to_string();
    let (letter, event) =
        read(bus, &version.plugin, move |journal, plugin| Ok((journal.dead_letter(plugin, seq)?, journal.event(seq)?)))
            .await?;
    let Some(letter) = letter else { return Err(RetryRefusal::NoLetter { plugin, seq }) };
    let Some(event) = event else { return Err(RetryRefusal::EventGone { plugin, seq }) };
    may_be_given(version, &event)?;
    Ok(Letter { letter, event })
}

/// The letter of event `seq`, where there is one.
pub(crate) async fn known_letter(bus: &Bus, version: &Version, seq: u64) -> Result<Option<DeadLetter>, RetryRefusal> {
    Ok(read(bus, &version.plugin, move |journal, plugin| journal.dead_letter(plugin, seq)).await?)
}

/// Refuses what the version does not want, and anything where it is kept out.
pub(crate) fn may_be_given(version: &Version, event: &Event) -> Result<(), RetryRefusal> {
    if version.record.quarantined() {
        return Err(RetryRefusal::Quarantined(version.plugin.to_string()));
    }
    if version.description.subscriptions.matches(&event.event_type) {
        return Ok(());
    }
    let (plugin, event_type) = (version.plugin.to_string(), event.event_type.to_string());
    Err(RetryRefusal::NotSubscribed { plugin, event_type })
}

/// Off the threads that serve: it takes a disk.
async fn read<T: Send + 'static>(
    bus: &Bus,
    plugin: &Arc<str>,
    what: impl FnOnce(&Journal, &str) -> Result<T, JournalError> + Send + 'static,
) -> Result<T, JournalError> {
    let (journal, plugin) = (bus.journal().clone(), Arc::clone(plugin));
    let reading = tokio::task::spawn_blocking(move || what(&journal, &plugin));
    reading.await.unwrap_or_else(|error| Err(JournalError::Read(error.to_string())))
}

impl Runtime {
    /// Whether [`Runtime::retry`] would give the plugin the event now; calls nothing.
    ///
    /// # Errors
    /// Why it would not.
    pub async fn may_retry(&self, plugin: &str, seq: u64) -> Result<(), RetryRefusal> {
        let version = self.serving(plugin)?;
        letter_of(self.bus(), &version, seq).await.map(|_| ())
    }

    /// Hands a dead letter's event to its plugin again, once, whatever the event's age: between two other events,
    /// so that it waits for the call in flight, and takes at most as long as a call of the plugin may. What the
    /// plugin did and the letter's end are one commit: a crash before it leaves the letter and nothing else, a
    /// crash after it neither. One letter of a plugin is tried at a time.
    ///
    /// # Errors
    /// When the plugin may not be given it, or the journal did not record what came of it: the letter stays.
    pub async fn retry(&self, plugin: &str, seq: u64) -> Result<RetryOutcome, RetryRefusal> {
        self.serving(plugin)?;
        let Some(managed) = self.find(plugin) else { return Err(RetryRefusal::Absent(plugin.to_owned())) };
        managed.retry(Again::Letter(seq)).await
    }

    /// Which types a plugin that serves wants, and the seq up to which it is done: what comes after that it is given
    /// anyway.
    ///
    /// # Errors
    /// When nothing of it serves.
    pub fn given(&self, plugin: &str) -> Result<(PatternSet, u64), RetryRefusal> {
        let version = self.serving(plugin)?;
        let Some(managed) = self.find(plugin) else { return Err(RetryRefusal::Absent(plugin.to_owned())) };
        Ok((version.description.subscriptions.clone(), managed.plugin.finished.load(Ordering::Relaxed)))
    }

    /// Hands a plugin an event, as [`Runtime::retry`] does a dead letter's: once, whatever its age, between two others.
    /// Where it is a dead letter, that goes once it is handled, and counts the try where it is not. What it emits for it again is the same event as before (its id is made of the plugin,
    /// the event and the ordinal), so it is recorded once; what it stores is stored again. Its cursor stays.
    ///
    /// # Errors
    /// When the plugin may not be given it, or the journal did not record what came of it.
    pub async fn replay(&self, plugin: &str, event: Arc<Event>) -> Result<RetryOutcome, RetryRefusal> {
        self.serving(plugin)?;
        let Some(managed) = self.find(plugin) else { return Err(RetryRefusal::Absent(plugin.to_owned())) };
        managed.retry(Again::Event(event)).await
    }

    /// The version that could be given an event.
    fn serving(&self, plugin: &str) -> Result<Arc<Version>, RetryRefusal> {
        let name = || plugin.to_owned();
        let Some(managed) = self.find(plugin) else { return Err(RetryRefusal::Absent(name())) };
        let face = managed.plugin.face();
        match (face.state, &face.serving) {
            (Some(PluginState::Disabled), _) => Err(RetryRefusal::Disabled(name())),
            (Some(PluginState::Quarantined), _) => Err(RetryRefusal::Quarantined(name())),
            (_, Some(version)) => Ok(Arc::clone(version)),
            (state, None) => {
                let state = state.unwrap_or(PluginState::Loading).as_str();
                Err(RetryRefusal::NotServing { plugin: name(), state })
            }
        }
    }
}
