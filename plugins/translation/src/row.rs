//! One row of a table, and the rule that it becomes once it is checked.

use crate::source::{self, Scope, Source, check_path, look_up, text};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use tollgate_sdk::StoreError;
use tollgate_sdk::events::{EventType, Pattern};

/// A row as tables and configuration write it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Pattern of the event types that it starts from.
    from: String,
    /// All must hold.
    #[serde(default)]
    when: Vec<Condition>,
    /// Type to emit; a row without only notes.
    to: Option<String>,
    /// The payload's fields.
    #[serde(default)]
    fields: BTreeMap<String, Source>,
    /// Path of a key that begins anew: its end and notes are forgotten.
    begins: Option<String>,
    /// Path of a key that this row ends: of all rows, at most one ends a key.
    ends: Option<String>,
    /// What to note of a key.
    note: Option<Note>,
}

/// A path's value, as text without regard to case, is one of these.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Condition {
    path: String,
    r#in: Vec<String>,
}

/// `value` is noted under the key at path `key`; null forgets.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    key: String,
    value: Option<String>,
}

/// A checked row.
#[derive(Debug, Clone)]
pub struct Rule {
    from: Pattern,
    row: Row,
}

impl Row {
    /// Checks pattern, type and paths.
    ///
    /// # Errors
    /// What is wrong, in words for the operator.
    pub fn compile(self) -> Result<Rule, String> {
        let from = Pattern::parse(&self.from).map_err(|error| format!("from: {error}"))?;
        if let Some(to) = &self.to {
            EventType::parse(to).map_err(|error| format!("to: {error}"))?;
        }
        let keys = [self.begins.as_ref(), self.ends.as_ref(), self.note.as_ref().map(|note| &note.key)];
        let conditions = self.when.iter().map(|condition| &condition.path);
        keys.into_iter().flatten().chain(conditions).try_for_each(|path| check_path(path))?;
        self.fields.values().try_for_each(Source::check)?;
        Ok(Rule { from, row: self })
    }
}

impl Rule {
    /// The paths of the fields that it makes, inner ones as `outer.inner`.
    pub fn field_paths(&self) -> BTreeSet<String> {
        let mut paths = BTreeSet::new();
        self.row.fields.iter().for_each(|(name, source)| source.add_fields(name, &mut paths));
        paths
    }

    /// Whether it starts from events of this type.
    pub fn starts_from(&self, event_type: &EventType) -> bool {
        self.from.matches(event_type)
    }

    /// Whether all its conditions hold.
    pub fn holds(&self, scope: &Scope<'_>) -> bool {
        self.row.when.iter().all(|condition| {
            let found = text(&look_up(scope, &condition.path));
            found.is_some_and(|found| condition.r#in.iter().any(|wanted| wanted.eq_ignore_ascii_case(&found)))
        })
    }

    /// The type that it emits.
    pub fn to(&self) -> Option<&str> {
        self.row.to.as_deref()
    }

    /// The key that begins anew.
    pub fn begins(&self, scope: &Scope<'_>) -> Option<String> {
        text(&look_up(scope, self.row.begins.as_deref()?))
    }

    /// The key that it ends.
    pub fn ends(&self, scope: &Scope<'_>) -> Option<String> {
        text(&look_up(scope, self.row.ends.as_deref()?))
    }

    /// The key to note, and what; none forgets.
    pub fn notes(&self, scope: &Scope<'_>) -> Option<(String, Option<&str>)> {
        let note = self.row.note.as_ref()?;
        Some((text(&look_up(scope, &note.key))?, note.value.as_deref()))
    }

    /// The payload, and the names of the fields that the source lacked.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn fields(&self, scope: &Scope<'_>) -> Result<(Map<String, Value>, Vec<String>), StoreError> {
        let mut missing = Vec::new();
        let made = source::object(&self.row.fields, scope, "", &mut missing)?;
        Ok((made, missing))
    }
}
