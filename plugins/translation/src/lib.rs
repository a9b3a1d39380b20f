//! Translates foreign event dialects: kernel to frontend, runner to user interface, and what the operator adds.
//!
//! The tables are data (`tables.json`, then the configuration's `rows`). `row` owns their shape, `source` where a
//! field's value comes from, `memory` what outlives an event. Hook inputs have no rows of their own: the host
//! makes `tool.finished` and `message.*` of them as they arrive.

mod memory;
mod row;
mod source;

use row::{Row, Rule};
use serde::Deserialize;
use serde_json::{Map, Value};
use tollgate_sdk::events::EventType;
use tollgate_sdk::{Capability, Config, Description, Draft, Event, Failure, Plugin, bus, export_observer, log, store};

/// This plugin's name.
pub const NAME: &str = "translation";
/// The dialects' own tables.
const TABLES: &str = include_str!("tables.json");
/// How many rows the operator may add: each is looked at for every event.
const MAX_ADDED_ROWS: usize = 256;
/// How many fields the added rows may make, all together, and how long the path of one may be, in bytes: each has a
/// count in the store, whose 1 MiB they share with what is remembered of processes.
const MAX_ADDED_FIELDS: usize = 1_024;
const MAX_FIELD_BYTES: usize = 128;
const SCHEMA: &str = r#"{
  "type": "object",
  "additionalProperties": false,
  "properties": {"rows": {"type": "array", "maxItems": 256, "items": {"type": "object", "required": ["from"]}}}
}"#;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    rows: Vec<Row>,
}

/// The plugin: the rules in force.
#[derive(Debug, Default)]
pub struct Translation {
    rules: Vec<Rule>,
}

impl Plugin for Translation {
    fn describe() -> Description {
        Description::new(NAME, env!("CARGO_PKG_VERSION"))
            .summary("Translates foreign event dialects")
            // Named one by one: describing is pure, so what the operator's rows may start from is known before them.
            .subscribe(["process.*", "interrupt.*", "resource.*", "session.*", "approval.*", "terminal.*"])
            .subscribe(["file.*", "diff.*", "test_run.*", "alert.*", "usage.*", "hook.*"])
            .need(Capability::emit("orchestrator.*"))
            .need(Capability::emit("work_stream.event"))
            .need(Capability::emit("agent.spawn"))
            .need(Capability::emit("agent.disconnect"))
            // For the operator's rows, as far as granted.
            .want(Capability::emit("*"))
            .config_schema(SCHEMA)
    }

    fn init(&mut self, config: &Config) -> Result<(), String> {
        let tables: Vec<Row> = serde_json::from_str(TABLES).map_err(|error| format!("tables.json: {error}"))?;
        let added = config.read::<Settings>()?.rows;
        if added.len() > MAX_ADDED_ROWS {
            return Err(format!("rows: {} rows, at most {MAX_ADDED_ROWS}", added.len()));
        }
        self.rules = tables.into_iter().map(Row::compile).collect::<Result<_, _>>()?;
        let mut fields = 0;
        for (at, row) in added.into_iter().enumerate() {
            let rule = row.compile().map_err(|error| format!("rows[{at}]: {error}"))?;
            let paths = rule.field_paths();
            fields += paths.len();
            if let Some(bytes) = paths.iter().map(String::len).find(|bytes| *bytes > MAX_FIELD_BYTES) {
                return Err(format!("rows[{at}]: a field's path of {bytes} bytes, at most {MAX_FIELD_BYTES}"));
            }
            self.rules.push(rule);
        }
        if fields > MAX_ADDED_FIELDS {
            return Err(format!("rows: {fields} fields in all, at most {MAX_ADDED_FIELDS}"));
        }
        Ok(())
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        // What this plugin made is not translated again, whatever the operator's rows say.
        if event.source.strip_prefix("plugin:") == Some(NAME) {
            return Ok(());
        }
        // Of a type that is none, no row starts.
        let Ok(event_type) = EventType::parse(&event.type_) else { return Ok(()) };
        let mut payload = None;
        for rule in self.rules.iter().filter(|rule| rule.starts_from(&event_type)) {
            let payload = match &mut payload {
                Some(read) => read,
                none => none.insert(Value::Object(event.payload::<Map<String, Value>>()?)),
            };
            apply(rule, event, payload)?;
        }
        Ok(())
    }
}

/// Carries out one rule whose pattern matches.
fn apply(rule: &Rule, event: &Event, payload: &Value) -> Result<(), Failure> {
    let scope = source::Scope { event, payload };
    if !rule.holds(&scope) {
        return Ok(());
    }
    if let Some(key) = rule.begins(&scope) {
        memory::forget(&memory::ended(&key))?;
        memory::forget(&memory::noted(&key))?;
    }
    if let Some((key, value)) = rule.notes(&scope) {
        match value {
            Some(value) => memory::remember(&memory::noted(&key), value.as_bytes())?,
            None => memory::forget(&memory::noted(&key))?,
        }
    }
    let Some(to) = rule.to() else { return Ok(()) };
    if let Some(key) = rule.ends(&scope) {
        if memory::recall(&memory::ended(&key))?.is_some() {
            return Ok(());
        }
        memory::remember(&memory::ended(&key), event.seq.to_string().as_bytes())?;
    }
    let (fields, missing) = rule.fields(&scope)?;
    for field in missing {
        count_missing(event, to, &field)?;
    }
    bus::emit_draft(&Draft { entity: event.entity.clone(), ..Draft::new(to, &fields)? })?;
    Ok(())
}

/// One more field that the source lacked: `missing/<type>.<field>` in the store, a decimal number. The first is said.
fn count_missing(event: &Event, to: &str, field: &str) -> Result<(), Failure> {
    let key = format!("missing/{to}.{field}");
    let before = store::get(&key)?.and_then(|bytes| std::str::from_utf8(&bytes).ok()?.parse::<u64>().ok());
    if before.is_none() {
        log::warn(&format!("{to}: `{field}` is null, since event {} ({}) has no such value", event.seq, event.type_));
    }
    store::set(&key, before.unwrap_or(0).saturating_add(1).to_string().as_bytes())?;
    Ok(())
}

export_observer!(Translation);

#[cfg(test)]
mod tests;
