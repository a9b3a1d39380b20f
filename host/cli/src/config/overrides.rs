//! `TOLLGATE_<TABLE>_<KEY>` overrides a key; of `[hooks.<agent>]` it is `TOLLGATE_HOOKS_<AGENT>_<KEY>`, of
//! `[streams.jwt]` it is `TOLLGATE_STREAMS_JWT_<KEY>`.

use super::{Config, ConfigError, load::with_nearest};
use tollgate_core::hooks::AgentHook;
use toml::{Table, Value};

const PREFIX: &str = "TOLLGATE_";
/// Ours too, and no part of the configuration.
const HOME: &str = "TOLLGATE_HOME";
const TABLES: [&str; 10] =
    ["server", "journal", "bus", "gate", "hooks", "plugins", "workspace", "streams", "providers", "cluster"];

/// Whether a variable is an override, well or badly spelled.
pub(super) fn is_ours(name: &str) -> bool {
    name.starts_with(PREFIX) && name != HOME
}

/// The configuration of `file` with every override applied, one after another, so that a refusal names its variable.
pub(super) fn apply(
    mut file: Table,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let mut variables: Vec<_> = variables.into_iter().filter(|(name, _)| is_ours(name)).collect();
    variables.sort();
    for (name, text) in variables {
        let refused = |reason: String| ConfigError::Variable { name: name.clone(), reason };
        let path = path_of(&name).ok_or_else(|| {
            refused(format!("names no table; tables are {} (TOLLGATE_JOURNAL_DURABILITY=full)", TABLES.join(", ")))
        })?;
        set(&mut file, &path, value_of(&text)).map_err(refused)?;
        let config = read(&file).map_err(refused)?;
        if let Some((_, _, reason)) = config.violation() {
            return Err(refused(reason));
        }
    }
    read(&file).map_err(|reason| ConfigError::Variable { name: PREFIX.to_owned(), reason })
}

fn read(table: &Table) -> Result<Config, String> {
    Value::Table(table.clone()).try_into().map_err(|error: toml::de::Error| with_nearest(error.message(), ""))
}

/// `TOLLGATE_HOOKS_CLAUDE_CODE_TIMEOUT_MS` → `hooks`, `claude-code`, `timeout_ms`.
fn path_of(name: &str) -> Option<Vec<String>> {
    let rest = name.strip_prefix(PREFIX)?.to_ascii_lowercase();
    let (table, key) = rest.split_once('_')?;
    if !TABLES.contains(&table) || key.is_empty() {
        return None;
    }
    if let Some(key) = key.strip_prefix("jwt_").filter(|_| table == "streams") {
        return Some(vec![table.to_owned(), "jwt".to_owned(), key.to_owned()]);
    }
    if table != "hooks" {
        return Some(vec![table.to_owned(), key.to_owned()]);
    }
    AgentHook::ALL.into_iter().find_map(|agent| {
        let key = key.strip_prefix(&agent.as_str().replace('-', "_"))?.strip_prefix('_')?;
        Some(vec![table.to_owned(), agent.as_str().to_owned(), key.to_owned()])
    })
}

/// A TOML value where the text is one, else the text itself: `full` needs no quotes.
fn value_of(text: &str) -> Value {
    let parsed: Option<Table> = toml::from_str(&format!("value = {text}")).ok();
    parsed.and_then(|mut table| table.remove("value")).unwrap_or_else(|| Value::String(text.to_owned()))
}

fn set(table: &mut Table, path: &[String], value: Value) -> Result<(), String> {
    let Some((key, tables)) = path.split_last() else { return Ok(()) };
    let mut inner = table;
    for name in tables {
        let entry = inner.entry(name.clone()).or_insert_with(|| Value::Table(Table::new()));
        inner = entry.as_table_mut().ok_or_else(|| format!("`{name}` is no table"))?;
    }
    inner.insert(key.clone(), value);
    Ok(())
}
