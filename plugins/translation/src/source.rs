//! Where a field's value comes from: a path into the event, a constant, a mapped value, the first that is there.

use crate::memory;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use tollgate_sdk::{Event, StoreError};

/// What a path looks into.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    pub event: &'a Event,
    pub payload: &'a Value,
}

/// One source, as a row writes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Source {
    /// `"payload.question"`.
    Path(String),
    /// `{"const": 1}`.
    Const(ConstSource),
    /// `{"path": "payload.status", "map": {"ok": "completed"}, "else": "failed"}`: `else` is for what is there and
    /// not in the map; `optional` leaves the field out where the path leads nowhere.
    Mapped(MappedSource),
    /// `{"first_of": [ … ]}`: the first that is not null.
    FirstOf(FirstOfSource),
    /// `{"object": { … }}`.
    Object(ObjectSource),
    /// `{"noted": "payload.pid"}`: what a row noted under this key.
    Noted(NotedSource),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConstSource {
    r#const: Value,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappedSource {
    path: String,
    map: Option<BTreeMap<String, Value>>,
    r#else: Option<Value>,
    #[serde(default)]
    optional: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirstOfSource {
    first_of: Vec<Source>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectSource {
    object: BTreeMap<String, Source>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotedSource {
    noted: String,
}

impl Source {
    /// Whether every path in it begins with `payload` or `event`.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::Path(path) | Self::Mapped(MappedSource { path, .. }) | Self::Noted(NotedSource { noted: path }) => {
                check_path(path)
            }
            Self::Const(_) => Ok(()),
            Self::FirstOf(source) => source.first_of.iter().try_for_each(Self::check),
            Self::Object(source) => source.object.values().try_for_each(Self::check),
        }
    }

    /// Adds the path of each field that it makes under `name`: those that can be missing. Alternatives of one field
    /// have its path, and their own inner ones.
    pub fn add_fields(&self, name: &str, paths: &mut BTreeSet<String>) {
        match self {
            Self::Object(source) => {
                source.object.iter().for_each(|(inner, source)| source.add_fields(&format!("{name}.{inner}"), paths));
            }
            Self::FirstOf(source) => source.first_of.iter().for_each(|source| source.add_fields(name, paths)),
            Self::Path(_) | Self::Const(_) | Self::Mapped(_) | Self::Noted(_) => {}
        }
        paths.insert(name.to_owned());
    }

    fn optional(&self) -> bool {
        matches!(self, Self::Mapped(source) if source.optional)
    }

    /// The value; null where there is none.
    fn value(&self, scope: &Scope<'_>, name: &str, missing: &mut Vec<String>) -> Result<Value, StoreError> {
        Ok(match self {
            Self::Path(path) => look_up(scope, path),
            Self::Const(source) => source.r#const.clone(),
            Self::Mapped(source) => source.value(scope),
            Self::FirstOf(source) => {
                for one in &source.first_of {
                    let value = one.value(scope, name, missing)?;
                    if !value.is_null() {
                        return Ok(value);
                    }
                }
                Value::Null
            }
            Self::Object(source) => Value::Object(object(&source.object, scope, name, missing)?),
            Self::Noted(source) => match text(&look_up(scope, &source.noted)) {
                Some(key) => memory::recall(&memory::noted(&key))?
                    .and_then(|bytes| String::from_utf8(bytes).ok())
                    .map_or(Value::Null, Value::from),
                None => Value::Null,
            },
        })
    }
}

impl MappedSource {
    fn value(&self, scope: &Scope<'_>) -> Value {
        let found = look_up(scope, &self.path);
        let Some(map) = self.map.as_ref().filter(|_| !found.is_null()) else { return found };
        // What is there and cannot be a key is as unknown as a key that the map has not.
        let of = |key: String| map.iter().find(|(own, _)| own.eq_ignore_ascii_case(&key)).map(|(_, value)| value);
        let mapped = text(&found).and_then(of);
        mapped.or(self.r#else.as_ref()).cloned().unwrap_or(Value::Null)
    }
}

/// The object that `sources` make. Names of fields that came out null are added to `missing`, after `prefix`.
pub fn object(
    sources: &BTreeMap<String, Source>,
    scope: &Scope<'_>,
    prefix: &str,
    missing: &mut Vec<String>,
) -> Result<Map<String, Value>, StoreError> {
    let mut made = Map::new();
    for (name, source) in sources {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        let value = source.value(scope, &path, missing)?;
        if value.is_null() {
            if source.optional() {
                continue;
            }
            missing.push(path);
        }
        made.insert(name.clone(), value);
    }
    Ok(made)
}

/// Refuses a path that begins otherwise than a scope does.
pub fn check_path(path: &str) -> Result<(), String> {
    match path.split('.').next() {
        Some("payload" | "event") => Ok(()),
        _ => Err(format!("path `{path}` must begin with `payload` or `event`")),
    }
}

/// What `path` leads to; null where it leads nowhere.
pub fn look_up(scope: &Scope<'_>, path: &str) -> Value {
    let event = scope.event;
    let optional = |text: Option<&str>| text.map_or(Value::Null, Value::from);
    match path {
        "payload" => scope.payload.clone(),
        "event.type" => event.type_.as_str().into(),
        "event.id" => event.id.as_str().into(),
        "event.seq" => event.seq.into(),
        "event.source" => event.source.as_str().into(),
        "event.time" => event.time.into(),
        "event.session" => optional(event.session.as_deref()),
        "event.entity.kind" => optional(event.entity.as_ref().map(|entity| entity.kind.as_str())),
        "event.entity.id" => optional(event.entity.as_ref().map(|entity| entity.id.as_str())),
        _ => {
            let Some(path) = path.strip_prefix("payload.") else { return Value::Null };
            let found = path.split('.').try_fold(scope.payload, |value, segment| value.get(segment));
            found.cloned().unwrap_or(Value::Null)
        }
    }
}

/// A string or number as text, to compare or to remember by.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
