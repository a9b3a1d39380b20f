//! `.tollgate/test.yaml`: what a workspace says of its own tests. Unknown keys and wrong types are refused with
//! their line. The text is the workspace's, so nothing in it is trusted beyond what its agent could do anyway.

use crate::detect;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;
use tollgate_sdk::workspace::{self, WorkspaceError};

/// Where it lies.
pub const PATH: &str = ".tollgate/test.yaml";
/// The largest file taken, in bytes.
pub const MAX_FILE_BYTES: usize = 64 * 1024;
/// Most entries of a list or of the environment: people write a handful.
pub const MAX_ENTRIES: usize = 64;
/// The longest text of one entry, in bytes.
pub const MAX_TEXT_BYTES: usize = 4 * 1024;

/// What the file says; all of it optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TestFile {
    /// Where the application answers.
    pub url: Option<Text>,
    /// How to start what answers there.
    pub server: Option<Text>,
    /// Framework to test with.
    pub framework: Option<Text>,
    /// Folder to test.
    pub directory: Option<Text>,
    /// What must hold before tests in a browser.
    pub preconditions: Texts,
    /// What to look at most.
    pub focus_areas: Texts,
    /// Variables for the programs that test; their values go nowhere else.
    pub environment: Variables,
}

/// One text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(pub String);

/// One text, or a list of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts(pub Vec<String>);

/// Names and values, in the order written.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Variables(pub Vec<(String, String)>);

impl fmt::Debug for Variables {
    /// Names alone: values may be secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl TestFile {
    /// Reads the workspace's file; one that is not there says nothing.
    ///
    /// # Errors
    /// What is wrong with it and where, for a person.
    pub fn open() -> Result<Self, String> {
        match workspace::read_all(PATH, MAX_FILE_BYTES) {
            Ok(bytes) => Self::parse(&bytes),
            // Without a session there is no workspace either, which its own search says.
            Err(WorkspaceError::NotFound | WorkspaceError::NoSession) => Ok(Self::default()),
            Err(WorkspaceError::TooLarge) => Err(format!("{PATH} has more than {MAX_FILE_BYTES} bytes")),
            Err(WorkspaceError::Denied) => {
                Err(format!("{PATH} may not be read: grant `workspace = {{ read = [\"**\"] }}` to the test-runner"))
            }
            Err(WorkspaceError::Failed(reason)) => Err(format!("{PATH} cannot be read: {reason}")),
        }
    }

    /// Reads the text of such a file.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            format!("{PATH} line {}: not UTF-8", before.iter().filter(|byte| **byte == b'\n').count() + 1)
        })?;
        let file: Option<Self> = serde_yaml_ng::from_str(text).map_err(|error| {
            let message = error.to_string();
            // The place stands in front already.
            let message = message.split(" at line ").next().unwrap_or_default();
            match second_of(text, message).or(error.location().map(|place| place.line())) {
                Some(line) => format!("{PATH} line {line}: {message}"),
                None => format!("{PATH}: {message}"),
            }
        })?;
        let mut file = file.unwrap_or_default();
        if let Some(directory) = &mut file.directory {
            directory.0 = detect::safe_path(&directory.0).map_err(|error| format!("{PATH}: directory: {error}"))?;
        }
        Ok(file)
    }
}

/// The line that gives a key a second time: the parser names the whole mapping's first.
fn second_of(text: &str, message: &str) -> Option<usize> {
    let key = message.strip_prefix("duplicate field `")?.strip_suffix('`')?;
    let gives = |line: &str| line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':'));
    text.lines().enumerate().filter(|(_, line)| gives(line)).nth(1).map(|(at, _)| at + 1)
}

/// A scalar as text, where it is short enough.
fn bounded<E: de::Error>(text: &str) -> Result<String, E> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(E::custom(format_args!("a text of {} bytes, at most {MAX_TEXT_BYTES} are taken", text.len())));
    }
    if text.contains('\0') {
        return Err(E::custom("a text with a NUL"));
    }
    Ok(text.to_owned())
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Text;
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
        bounded(text).map(Text)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextVisitor)
    }
}

struct TextsVisitor;

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = Texts;
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text or a list of texts")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Texts, E> {
        Ok(Texts(vec![bounded(text)?]))
    }
    fn visit_unit<E: de::Error>(self) -> Result<Texts, E> {
        Ok(Texts::default())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Texts, A::Error> {
        let mut texts = Vec::new();
        while let Some(Text(text)) = list.next_element()? {
            too_many(texts.len())?;
            texts.push(text);
        }
        Ok(Texts(texts))
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextsVisitor)
    }
}

fn too_many<E: de::Error>(entries: usize) -> Result<(), E> {
    if entries < MAX_ENTRIES { Ok(()) } else { Err(E::custom(format_args!("more than {MAX_ENTRIES} entries"))) }
}

/// A variable's value: numbers and truth values are written without quotes by people.
struct Value(String);

struct ValueVisitor;

impl Visitor<'_> for ValueVisitor {
    type Value = Value;
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text, a number or a truth value")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        bounded(text).map(Value)
    }
    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value(value.to_string()))
    }
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value(value.to_string()))
    }
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value(value.to_string()))
    }
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value(value.to_string()))
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ValueVisitor)
    }
}

struct VariablesVisitor;

impl<'de> Visitor<'de> for VariablesVisitor {
    type Value = Variables;
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("names with values")
    }
    fn visit_unit<E: de::Error>(self) -> Result<Variables, E> {
        Ok(Variables::default())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Variables, A::Error> {
        let mut variables: Vec<(String, String)> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            too_many(variables.len())?;
            let plain = |one: char| one.is_ascii_alphanumeric() || one == '_';
            if name.is_empty() || name.starts_with(|one: char| one.is_ascii_digit()) || !name.chars().all(plain) {
                return Err(de::Error::custom(format_args!("`{}` is no variable's name", name.escape_default())));
            }
            if name == "PATH" || name == "HOME" {
                return Err(de::Error::custom(format_args!("`{name}` is the host's to set")));
            }
            if variables.iter().any(|(other, _)| *other == name) {
                return Err(de::Error::custom(format_args!("`{name}` is set twice")));
            }
            let Value(value) = map.next_value()?;
            variables.push((name, value));
        }
        Ok(Variables(variables))
    }
}

impl<'de> Deserialize<'de> for Variables {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(VariablesVisitor)
    }
}
