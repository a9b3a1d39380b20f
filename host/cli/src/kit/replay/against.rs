//! What a replayed plugin is held against: what the journal holds of it, or another version beside it.

use crate::exit::Failure;
use crate::kit::ground::Ground;
use crate::kit::recorded::What;
use crate::kit::rehearse::{account, did, emit_of};
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use tollgate_core::event::Event;
use tollgate_core::journal::{Export, Query};
use tollgate_runtime::Trial;
use uuid::Uuid;

/// Most bytes of recorded emits that are held in memory.
const MAX_HELD_BYTES: usize = 512 * 1024 * 1024;
/// What one takes beside its text, roughly: its id and its place in the map.
const ENTRY_BYTES: usize = 128;

/// The other side.
pub enum Other {
    /// What the plugin emitted when it served, by id, as JSON.
    Recorded(HashMap<Uuid, Box<str>>),
    /// Another version.
    Plugin(Box<Beside>),
}

/// Another version, on a ground of its own.
pub struct Beside {
    /// It.
    pub trial: Trial,
    /// What it stands on.
    pub _ground: Ground,
}

impl Other {
    /// What the journal holds of `plugin`'s emits, of events from `since` on: they stand behind what set them off.
    ///
    /// # Errors
    /// When the journal cannot be read, or holds too many.
    pub fn recorded(journal: &Path, plugin: &str, since: &Query) -> Result<Self, Failure> {
        Self::recorded_at_most(journal, plugin, since, MAX_HELD_BYTES)
    }

    fn recorded_at_most(journal: &Path, plugin: &str, since: &Query, most: usize) -> Result<Self, Failure> {
        let failed = |error: tollgate_core::journal::JournalError| Failure::Failed(error.to_string());
        let source = format!("plugin:{plugin}");
        let query = Query { after: since.after, since: since.since, ..Query::default() };
        let mut export = Export::open(journal, query).map_err(failed)?;
        let (mut emits, mut held) = (HashMap::new(), 0);
        while let Some(events) = export.next_page().map_err(failed)? {
            for event in events.iter().filter(|event| *event.source == *source) {
                let emit = emit_of(&event.event_type, event.entity.as_ref(), &event.payload).to_string();
                held += emit.len() + ENTRY_BYTES;
                if held > most {
                    return Err(Failure::Failed(format!(
                        "{plugin} emitted more than {most} bytes of events since then: begin later, with --since"
                    )));
                }
                emits.insert(event.id, emit.into_boxed_str());
            }
        }
        Ok(Self::Recorded(emits))
    }

    /// What the other side emitted for `event`; `trial` says under which ids.
    ///
    /// # Errors
    /// When the other version's own journal fails.
    pub async fn of_event(&mut self, trial: &Trial, event: &Event, what: &What) -> Result<Vec<Value>, Failure> {
        match self {
            // What a handler staged and then failed leaves a gap in their numbers.
            Self::Recorded(emits) => {
                let ids = trial.emit_ids(event).filter_map(|id| emits.get(&id));
                Ok(ids.filter_map(|emit| serde_json::from_str(emit).ok()).collect())
            }
            Self::Plugin(other) if other.trial.handles(&event.event_type) => {
                let step = did(event.seq, what, &account(&mut other.trial, what).await?);
                Ok(step.did.get("emits").and_then(Value::as_array).cloned().unwrap_or_default())
            }
            Self::Plugin(..) => Ok(Vec::new()),
        }
    }

    /// What the other version says of a call; none where the record says it.
    ///
    /// # Errors
    /// When the other version's own journal fails.
    pub async fn of_call(&mut self, event: &Event, what: &What) -> Result<Option<Value>, Failure> {
        match self {
            Self::Plugin(other) if other.trial.gates(what.name()) => {
                Ok(Some(did(event.seq, what, &account(&mut other.trial, what).await?).did))
            }
            Self::Plugin(..) => Ok(Some(Value::Null)),
            Self::Recorded(_) => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set up has failed")]
    use super::*;
    use tollgate_core::bus::{Bus, BusOptions};
    use tollgate_core::event::Draft;
    use tollgate_core::events::EventType;
    use tollgate_core::journal::{Durability, JournalOptions};
    use tollgate_core::time::Clock;

    #[tokio::test]
    async fn what_a_plugin_emitted_is_found_and_there_may_be_too_much_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let journal = JournalOptions { path: path.clone(), durability: Durability::Normal };
        let bus = Bus::open(BusOptions { journal, filter: None, clock: Clock::system() }).unwrap();
        for source in ["plugin:p", "plugin:other", "plugin:p", "core"] {
            bus.emit(Draft::new(EventType::parse("x.done").unwrap(), source, "{}")).await.unwrap();
        }
        bus.close().await;
        let Other::Recorded(found) = Other::recorded(&path, "p", &Query::default()).unwrap() else { panic!("it is") };
        assert_eq!(found.len(), 2);
        let one = ENTRY_BYTES + 100;
        let later = Query { after: 1, ..Query::default() };
        assert!(Other::recorded_at_most(&path, "p", &later, one).is_ok());
        let tomorrow = Clock::system().now().after(std::time::Duration::from_secs(86_400));
        let none = Query { since: Some(tomorrow), ..Query::default() };
        assert!(Other::recorded_at_most(&path, "p", &none, 0).is_ok(), "a time bounds it, too");
        let error = Other::recorded_at_most(&path, "p", &Query::default(), one).err().unwrap().to_string();
        assert!(
            error.contains(&format!("p emitted more than {one} bytes of events since then: begin later")),
            "{error}"
        );
    }
}
