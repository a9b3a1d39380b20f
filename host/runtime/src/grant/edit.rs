//! Writing missing grants into a grant file, leaving the rest of it as the operator wrote it.

use super::{Ask, GrantError};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, Value};

/// `text` with every one of `missing` granted; comments, order and other tables stay.
///
/// # Errors
/// When `text` is not TOML, or `[grant]` or a key of it has another shape than a grant file's.
pub(crate) fn with_missing(text: &str, missing: &[&Ask]) -> Result<String, GrantError> {
    let mut document: DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| GrantError(error.to_string()))?;
    if missing.is_empty() {
        return Ok(text.to_owned());
    }
    // A new table goes behind everything, comments without a table included.
    let mut before = String::new();
    if !document.contains_key("grant") {
        before = text.to_owned();
        if !before.is_empty() && !before.ends_with('\n') {
            before.push('\n');
        }
        document = DocumentMut::new();
    }
    let grant = document
        .entry("grant")
        .or_insert_with(|| Item::Table(Table::new()))
        .as_table_like_mut()
        .ok_or_else(|| shape("grant", "a table"))?;
    for ask in missing {
        match ask {
            Ask::Emit(pattern) => push(grant.entry("emit"), "emit", pattern.as_str())?,
            Ask::Process { program, args } => {
                let mut entry = InlineTable::new();
                entry.insert("program", program.as_str().into());
                entry.insert("args", Value::Array(args.iter().map(String::as_str).collect()));
                // Written as `[[grant.process]]`, it goes on so.
                match grant.get_mut("process").and_then(Item::as_array_of_tables_mut) {
                    Some(tables) => tables.push(entry.into_table()),
                    None => push(grant.entry("process"), "process", entry)?,
                }
            }
            Ask::WorkspaceRead(glob) => workspace(grant.entry("workspace"), "read", glob)?,
            Ask::WorkspaceWrite(glob) => workspace(grant.entry("workspace"), "write", glob)?,
            Ask::Data(bytes) => {
                let bytes = i64::try_from(*bytes).map_err(|_| shape("data.max_bytes", "less than 2^63"))?;
                let mut data = InlineTable::new();
                data.insert("max_bytes", bytes.into());
                grant.insert("data", toml_edit::value(data));
            }
            Ask::Interactions => set_true(grant, "interactions"),
            Ask::SessionEffects => set_true(grant, "session_effects"),
            Ask::GateStricter => {
                push(grant.entry("gate"), "gate", "deny")?;
                push(grant.entry("gate"), "gate", "ask")?;
            }
            Ask::GateAllow => push(grant.entry("gate"), "gate", "allow")?,
            Ask::GateRewrite => push(grant.entry("gate"), "gate", "rewrite")?,
        }
    }
    Ok(before + &document.to_string())
}

fn set_true(grant: &mut dyn toml_edit::TableLike, key: &str) {
    grant.insert(key, toml_edit::value(true));
}

fn push(entry: toml_edit::Entry<'_>, key: &str, value: impl Into<Value>) -> Result<(), GrantError> {
    let array =
        entry.or_insert_with(|| toml_edit::value(Array::new())).as_array_mut().ok_or_else(|| shape(key, "an array"))?;
    array.push(value);
    Ok(())
}

fn workspace(entry: toml_edit::Entry<'_>, key: &str, glob: &str) -> Result<(), GrantError> {
    let table = entry
        .or_insert_with(|| toml_edit::value(InlineTable::new()))
        .as_table_like_mut()
        .ok_or_else(|| shape("workspace", "a table"))?;
    push(table.entry(key), key, glob)
}

fn shape(key: &str, wanted: &str) -> GrantError {
    GrantError(format!("grant.{key} is not {wanted}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;
    use crate::grant::{Grant, difference};

    fn asks() -> Vec<Ask> {
        vec![
            Ask::Emit("a.*".into()),
            Ask::Process { program: "cargo".into(), args: vec!["test".into(), "**".into()] },
            Ask::WorkspaceRead("**".into()),
            Ask::WorkspaceWrite("src/**".into()),
            Ask::Data(7),
            Ask::Interactions,
            Ask::SessionEffects,
            Ask::GateStricter,
            Ask::GateAllow,
            Ask::GateRewrite,
        ]
    }

    fn check(text: &str) -> String {
        let asks = asks();
        let (_, missing) = difference(&asks, &Grant::parse(text).unwrap());
        let written = with_missing(text, &missing).unwrap();
        let (_, missing) = difference(&asks, &Grant::parse(&written).unwrap());
        assert_eq!(missing, Vec::<&Ask>::new(), "{written}");
        written
    }

    #[test]
    fn everything_missing_is_granted_and_the_rest_stays() {
        check("");
        check("[grant]\nworkspace = { read = [\"a\"] }\n");
        let written = check("[[grant.process]]\nprogram = \"git\"\n");
        assert_eq!(written.matches("[[grant.process]]").count(), 2, "{written}");
        let written =
            check("# mine\n[limits]\ntimeout_ms = 5 # short\n[grant]\nemit = [\"b.*\"] # why\n[config]\nx = 1\n");
        assert!(written.starts_with("# mine\n[limits]\ntimeout_ms = 5 # short\n"), "{written}");
        assert!(written.contains("[\"b.*\", \"a.*\"] # why"), "{written}");
        assert!(written.contains("[config]\nx = 1"), "{written}");
    }
}
