//! A plugin's `[config]` against the JSON Schema that its component gives.
//!
//! The schema is a stranger's and the host reads it outside of any sandbox: what could keep the validator busy
//! for ever, or make it look elsewhere, is refused before the validator sees it.

use crate::component::{Rejection, Stage};
use jsonschema::{Draft, PatternOptions};
use serde_json::{Map, Value};

/// Most subschemas once every `$ref` is written out: references that fan out double with each level.
const MAX_SUBSCHEMAS: usize = 10_000;
/// Deepest nesting once every `$ref` is written out: the validator recurses as deep.
const MAX_DEPTH: usize = 64;
/// Most patterns once every `$ref` is written out: each is compiled, and kept while the plugin is loaded.
const MAX_PATTERNS: usize = 64;
/// Largest compiled `pattern`, in bytes.
const MAX_PATTERN_BYTES: usize = 256 * 1_024;
/// The one dialect that is read.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// Keywords that point elsewhere than `$ref` does, or that walk what lies below them once more at every level.
const REFUSED: [&str; 8] = [
    "$id",
    "$anchor",
    "$dynamicRef",
    "$dynamicAnchor",
    "$recursiveRef",
    "$recursiveAnchor",
    "unevaluatedProperties",
    "unevaluatedItems",
];

/// A schema that may be used.
#[derive(Debug, Clone)]
pub(crate) struct ConfigSchema {
    text: String,
    validator: jsonschema::Validator,
}

impl ConfigSchema {
    /// Reads a schema's text.
    pub(crate) fn parse(text: &str) -> Result<Self, Rejection> {
        let refuse = |cause: String| Rejection::new(Stage::Describe, format!("config-schema: {cause}"));
        let schema: Map<String, Value> =
            serde_json::from_str(text).map_err(|error| refuse(format!("it is no JSON object: {error}")))?;
        let schema = Value::Object(schema);
        Budget { root: &schema, parts: MAX_SUBSCHEMAS, patterns: MAX_PATTERNS }.walk(&schema, 0).map_err(refuse)?;
        let patterns = PatternOptions::regex().size_limit(MAX_PATTERN_BYTES);
        let options = jsonschema::options().with_draft(Draft::Draft202012).with_pattern_options(patterns);
        let validator = options.build(&schema).map_err(|error| refuse(error.to_string()))?;
        Ok(Self { text: text.to_owned(), validator })
    }

    /// The schema as the component gave it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Checks a configuration, a JSON object. What it holds may be a secret and is not repeated.
    pub(crate) fn check(&self, config: &str) -> Result<(), Rejection> {
        let refuse = |cause: String| Rejection::new(Stage::Config, cause);
        let config: Value =
            serde_json::from_str(config).map_err(|error| refuse(format!("[config] is no JSON object: {error}")))?;
        self.validator.validate(&config).map_err(|error| {
            let place: Vec<&str> = error.instance_path().as_str().split('/').filter(|key| !key.is_empty()).collect();
            let place = if place.is_empty() { "[config]".to_owned() } else { format!("[config] {}", place.join(".")) };
            refuse(format!("{place}: {}", error.masked()))
        })
    }
}

/// What of a schema may still come, with every `$ref` written out. It ends the walk where it is spent, so that
/// no schema makes the walk itself long.
struct Budget<'a> {
    root: &'a Value,
    parts: usize,
    patterns: usize,
}

impl Budget<'_> {
    fn walk(&mut self, schema: &Value, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!("over {MAX_DEPTH} levels with each `$ref` written out; does one lead back to itself?"));
        }
        self.parts = self
            .parts
            .checked_sub(1)
            .ok_or_else(|| format!("over {MAX_SUBSCHEMAS} parts with each `$ref` written out"))?;
        match schema {
            Value::Object(keywords) => keywords.iter().try_for_each(|(word, value)| self.keyword(word, value, depth)),
            Value::Array(items) => items.iter().try_for_each(|item| self.walk(item, depth + 1)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }

    fn keyword(&mut self, keyword: &str, value: &Value, depth: usize) -> Result<(), String> {
        match (keyword, value) {
            ("$ref", Value::String(pointer)) => {
                let root = self.root;
                let target = pointer.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
                let target = target.ok_or_else(|| {
                    format!("`$ref` to `{pointer}`: it must point into this schema, as `#/$defs/name`")
                })?;
                return self.walk(target, depth + 1);
            }
            ("$schema", Value::String(dialect)) if dialect != DIALECT => {
                return Err(format!("`$schema`: the dialect read here is {DIALECT}"));
            }
            ("pattern", Value::String(_)) => self.patterns(1)?,
            ("patternProperties", Value::Object(patterns)) => self.patterns(patterns.len())?,
            _ if REFUSED.contains(&keyword) => return Err(format!("`{keyword}` is not taken here")),
            _ => {}
        }
        self.walk(value, depth + 1)
    }

    fn patterns(&mut self, count: usize) -> Result<(), String> {
        let left = self.patterns.checked_sub(count);
        self.patterns = left.ok_or_else(|| format!("over {MAX_PATTERNS} patterns with each `$ref` written out"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;
    use serde_json::json;

    fn refused(schema: &Value, part: &str) {
        let rejection = ConfigSchema::parse(&schema.to_string()).unwrap_err();
        assert_eq!(rejection.stage, Stage::Describe);
        assert!(rejection.cause.contains(part), "{rejection}");
    }

    #[test]
    fn a_configuration_that_does_not_fit_is_named_by_place_and_not_repeated() {
        let schema = ConfigSchema::parse(
            r##"{"type":"object","additionalProperties":false,"properties":{
                "limits":{"$ref":"#/$defs/limits"},"key":{"type":"string","pattern":"^[a-z]+$"}},
                "$defs":{"limits":{"properties":{"lines":{"type":"integer","minimum":1}}}}}"##,
        )
        .unwrap();
        schema.check(r#"{"limits":{"lines":3},"key":"abc"}"#).unwrap();
        for (config, place, words) in [
            (r#"{"limits":{"lines":0}}"#, "[config] limits.lines:", "minimum of 1"),
            (r#"{"key":"S3CRET"}"#, "[config] key:", "does not match"),
            (r#"{"kye":"x"}"#, "[config]:", "'kye' was unexpected"),
        ] {
            let rejection = schema.check(config).unwrap_err();
            assert_eq!(rejection.stage, Stage::Config);
            assert!(rejection.cause.starts_with(place) && rejection.cause.contains(words), "{rejection}");
            assert!(!rejection.cause.contains("S3CRET"), "{rejection}");
        }
    }

    #[test]
    fn a_schema_that_would_keep_the_host_busy_is_refused() {
        refused(&json!({"allOf": [{"$ref": "#"}]}), "does one lead back to itself");
        refused(&json!({"$ref": "https://example.org/schema"}), "must point into this schema");
        refused(&json!({"$schema": "http://json-schema.org/draft-04/schema#"}), "the dialect read here");
        refused(&json!({"unevaluatedProperties": false}), "not taken here");
        refused(&json!({"pattern": "(a{1000}){1000}"}), "is not a \"regex\"");
        let many: Vec<Value> = (0..=MAX_PATTERNS).map(|number| json!({"pattern": format!("a{number}")})).collect();
        refused(&json!({ "anyOf": many }), "over 64 patterns");
        let doubling: Map<String, Value> = (0..15)
            .map(|level| {
                let next = json!({"$ref": format!("#/$defs/d{}", level + 1)});
                (format!("d{level}"), json!({"allOf": [next.clone(), next]}))
            })
            .chain([("d15".to_owned(), json!({"type": "object"}))])
            .collect();
        refused(&json!({"$ref": "#/$defs/d0", "$defs": doubling}), "over 10000 parts");
        assert!(ConfigSchema::parse("[]").is_err());
    }
}
