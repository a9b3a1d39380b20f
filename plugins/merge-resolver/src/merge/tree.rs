//! What a JSON, TOML or YAML text says, and the merge of three such by key. Knows nothing of how it is written.

use super::kind::{Kind, file_name};
use super::version::higher;
use crate::cut::cut;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// What a text says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tree {
    /// Values by key, in no order. A list whose order does not matter is one too: its items are the keys.
    Map(BTreeMap<String, Tree>),
    /// Values in order.
    List(Vec<Tree>),
    /// A string.
    Text(String),
    /// Anything else, by a form that is equal where the values are.
    Other(String),
}

/// Deepest nesting of a JSON text: each level is read once more. The parsers of TOML and YAML bound theirs.
const MAX_DEPTH: usize = 32;
/// Where lists are sets: the last parts of the path, and the file.
const SETS: [(&str, &[&str]); 6] = [
    ("Cargo.toml", &["workspace", "members"]),
    ("Cargo.toml", &["workspace", "exclude"]),
    ("Cargo.toml", &["workspace", "default-members"]),
    ("Cargo.toml", &["*", "features"]),
    ("Cargo.toml", &["features", "*"]),
    ("package.json", &["keywords"]),
];
/// Keys of whose members the first match counts, so that their order matters: with the file, or in any.
const ORDERED: [(Option<&str>, &str); 3] =
    [(Some("package.json"), "exports"), (Some("package.json"), "imports"), (None, "moduleNameMapper")];

/// Reads `text` as `kind` says, for the file at `path`.
///
/// # Errors
/// Why it cannot be read, or be compared without a doubt.
pub fn read(kind: Kind, path: &str, text: &str) -> Result<Tree, String> {
    parse(kind, path, text).map_err(|error| cut(&error, MAX_SHOWN))
}

fn parse(kind: Kind, path: &str, text: &str) -> Result<Tree, String> {
    let tree = match kind {
        Kind::Json => {
            let whole: &RawValue = serde_json::from_str(text).map_err(|error| error.to_string())?;
            json(whole, MAX_DEPTH)?
        }
        Kind::Toml => {
            toml_tree(toml::Value::Table(text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?))
        }
        Kind::Yaml => {
            // Written out, a small text may be a large one.
            if has_alias(text) {
                return Err("it has aliases, so one line may mean several keys".to_owned());
            }
            let mut documents = serde_yaml_ng::Deserializer::from_str(text);
            let first = documents.next().map(serde_yaml_ng::Value::deserialize);
            if documents.next().is_some() {
                return Err("it holds several documents".to_owned());
            }
            let value = first.unwrap_or(Ok(serde_yaml_ng::Value::Null)).map_err(|error| error.to_string())?;
            yaml(value)?
        }
        _ => return Err("it has no keys".to_owned()),
    };
    Ok(with_sets(tree, file_name(path), &mut Vec::new()))
}

/// Whether something in a YAML text may be an alias (`*name`).
fn has_alias(text: &str) -> bool {
    let mut before = '\n';
    text.chars().zip(text.chars().skip(1)).any(|(it, after)| {
        let opens = before.is_whitespace() || matches!(before, '[' | '{' | ',' | ':' | '-' | '?');
        before = it;
        it == '*' && opens && (after.is_alphanumeric() || matches!(after, '_' | '-'))
    })
}

/// An object's members in the order written; serde's own maps would drop one of two equal keys.
struct Members<'t>(Vec<(String, &'t RawValue)>);

impl<'de: 't, 't> Deserialize<'de> for Members<'t> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Visitor).map(Members)
    }
}

/// Numbers are compared as written: two that are equal as floats may not be meant equal.
fn json(value: &RawValue, depth: usize) -> Result<Tree, String> {
    let Some(depth) = depth.checked_sub(1) else { return Err(format!("it nests more than {MAX_DEPTH} deep")) };
    let text = value.get();
    let failed = |error: serde_json::Error| error.to_string();
    match text.chars().next() {
        Some('{') => {
            let Members(members) = serde_json::from_str(text).map_err(failed)?;
            let mut map = BTreeMap::new();
            for (key, value) in members {
                let tree = json(value, depth)?;
                if map.insert(key.clone(), tree).is_some() {
                    return Err(format!("the key `{key}` stands twice"));
                }
            }
            Ok(Tree::Map(map))
        }
        Some('[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).map_err(failed)?;
            items.into_iter().map(|item| json(item, depth)).collect::<Result<_, _>>().map(Tree::List)
        }
        Some('"') => serde_json::from_str(text).map(Tree::Text).map_err(failed),
        _ => Ok(Tree::Other(text.to_owned())),
    }
}

fn toml_tree(value: toml::Value) -> Tree {
    match value {
        toml::Value::Table(table) => Tree::Map(table.into_iter().map(|(key, value)| (key, toml_tree(value))).collect()),
        toml::Value::Array(items) => Tree::List(items.into_iter().map(toml_tree).collect()),
        toml::Value::String(text) => Tree::Text(text),
        toml::Value::Float(float) => Tree::Other(format!("float {float:?}")),
        other => Tree::Other(format!("{} {other}", other.type_str())),
    }
}

fn yaml(value: serde_yaml_ng::Value) -> Result<Tree, String> {
    use serde_yaml_ng::Value;
    Ok(match value {
        Value::Null => Tree::Other("null".to_owned()),
        Value::Bool(value) => Tree::Other(value.to_string()),
        Value::Number(number) if number.is_f64() && number.as_f64().is_none_or(|it| it.abs() >= 9e15) => {
            return Err("it has a number too large to compare".to_owned());
        }
        Value::Number(number) => Tree::Other(format!("number {number}")),
        Value::String(text) => Tree::Text(text),
        Value::Sequence(items) => Tree::List(items.into_iter().map(yaml).collect::<Result<_, _>>()?),
        Value::Mapping(members) => {
            let mut map = BTreeMap::new();
            for (key, value) in members {
                // `1` and `"1"` are two keys.
                let key = match yaml(key)? {
                    Tree::Text(text) => text,
                    other => format!("\0{other:?}"),
                };
                map.insert(key, yaml(value)?);
            }
            Tree::Map(map)
        }
        // A tag says what the value is, so the two are one.
        Value::Tagged(tagged) => Tree::List(vec![Tree::Text(format!("\0{}", tagged.tag)), yaml(tagged.value)?]),
    })
}

/// Turns the lists that are sets into maps.
fn with_sets(tree: Tree, file: &str, path: &mut Vec<String>) -> Tree {
    match tree {
        Tree::Map(map) => {
            let members = map.into_iter().map(|(key, value)| {
                path.push(key);
                let value = with_sets(value, file, path);
                (path.pop().unwrap_or_default(), value)
            });
            Tree::Map(members.collect())
        }
        Tree::List(items) if SETS.iter().any(|(name, tail)| *name == file && ends_with(path, tail)) => {
            let names: Option<BTreeMap<_, _>> = items
                .iter()
                .map(|item| match item {
                    Tree::Text(text) => Some((text.clone(), Tree::Other("item".to_owned()))),
                    _ => None,
                })
                .collect();
            match names {
                Some(names) if names.len() == items.len() => Tree::Map(names),
                _ => Tree::List(items),
            }
        }
        other => other,
    }
}

fn ends_with(path: &[String], tail: &[&str]) -> bool {
    path.len() >= tail.len() && path.iter().rev().zip(tail.iter().rev()).all(|(key, want)| *want == "*" || key == want)
}

/// The merge of three texts' meaning.
#[derive(Debug, Clone, Copy)]
pub struct Merge<'t> {
    /// The file's name.
    pub file: &'t str,
    /// Whether the operator wants the higher of two versions.
    pub higher_version: bool,
}

impl Merge<'_> {
    /// What both sides' changes make of `base`, by key; an absent value is none.
    ///
    /// # Errors
    /// The path of the first key that both changed in different ways.
    pub fn merge(&self, base: &Tree, ours: &Tree, theirs: &Tree) -> Result<Tree, String> {
        let merged = self.values(Some(base), Some(ours), Some(theirs), &mut Vec::new())?;
        merged.ok_or_else(|| "all of it".to_owned())
    }

    fn values(
        &self,
        base: Option<&Tree>,
        ours: Option<&Tree>,
        theirs: Option<&Tree>,
        path: &mut Vec<String>,
    ) -> Result<Option<Tree>, String> {
        if ours == theirs || theirs == base {
            return Ok(ours.cloned());
        }
        if ours == base {
            return Ok(theirs.cloned());
        }
        match (base, ours, theirs) {
            (Some(Tree::Map(base)), Some(Tree::Map(ours)), Some(Tree::Map(theirs))) if !self.is_ordered(path) => {
                let mut made = BTreeMap::new();
                let keys = base.keys().chain(ours.keys()).chain(theirs.keys());
                for key in keys {
                    if made.contains_key(key) {
                        continue;
                    }
                    path.push(key.clone());
                    let value = self.values(base.get(key), ours.get(key), theirs.get(key), path)?;
                    path.pop();
                    made.extend(value.map(|value| (key.clone(), value)));
                }
                Ok(Some(Tree::Map(made)))
            }
            (Some(Tree::Text(base)), Some(Tree::Text(ours)), Some(Tree::Text(theirs))) if self.higher_version => {
                let quoted = [base, ours, theirs].map(|text| format!("\"{text}\""));
                let [from, our, their] = quoted.each_ref().map(String::as_str);
                match higher(from, our, their) {
                    Some(picked) if picked == our => Ok(Some(Tree::Text(ours.clone()))),
                    Some(_) => Ok(Some(Tree::Text(theirs.clone()))),
                    None => Err(shown(path)),
                }
            }
            _ => Err(shown(path)),
        }
    }

    fn is_ordered(&self, path: &[String]) -> bool {
        let holds = |(file, key): &(Option<&str>, &str)| {
            file.is_none_or(|file| file == self.file) && path.iter().any(|part| part == key)
        };
        ORDERED.iter().any(holds)
    }
}

/// Most bytes of a path or a reason that is shown: keys may be as long as files.
const MAX_SHOWN: usize = 160;

fn shown(path: &[String]) -> String {
    if path.is_empty() { "all of it".to_owned() } else { cut(&path.join("."), MAX_SHOWN) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;

    fn merged(kind: Kind, path: &str, texts: [&str; 3]) -> Result<Tree, String> {
        let [base, ours, theirs] = texts.map(|text| read(kind, path, text).unwrap());
        Merge { file: file_name(path), higher_version: false }.merge(&base, &ours, &theirs)
    }

    fn check(kind: Kind, path: &str, texts: [&str; 3], expected: Result<&str, &str>) {
        let expected = expected.map(|text| read(kind, path, text).unwrap()).map_err(str::to_owned);
        assert_eq!(merged(kind, path, texts), expected, "{texts:?}");
    }

    #[test]
    fn keys_of_each_side() {
        let json = |texts, expected| check(Kind::Json, "a.json", texts, expected);
        json([r#"{"a":1}"#, r#"{"a":1,"b":2}"#, r#"{"a":1,"c":3}"#], Ok(r#"{"a":1,"b":2,"c":3}"#));
        json([r#"{"a":{"x":1,"y":1}}"#, r#"{"a":{"x":2,"y":1}}"#, r#"{"a":{"x":1}}"#], Ok(r#"{"a":{"x":2}}"#));
        json([r#"{"a":1}"#, r#"{"a":2}"#, r#"{"a":3}"#], Err("a"));
        json([r#"{"a":{"b":1}}"#, r#"{"a":{"b":2}}"#, "{}"], Err("a"));
        json([r#"{"a":[1]}"#, r#"{"a":[1,2]}"#, r#"{"a":[1,3]}"#], Err("a"));
        json(["{}", r#"{"a":1}"#, r#"{"a":2}"#], Err("a"));
        // Equal as floats, not as written.
        let large = |last: char| format!("{{\"a\":12345678901234567890123{last}}}");
        json([&large('1'), &large('2'), &large('3')], Err("a"));
        check(Kind::Toml, "a.toml", ["a=1\n[t]\n", "a=1\n[t]\nb=2\n", "a=2\n[t]\n"], Ok("a=2\n[t]\nb=2\n"));
        check(Kind::Yaml, "a.yml", ["a: 1\n", "a: 1\nb: 2\n", "a: 1\nc: 3\n"], Ok("a: 1\nb: 2\nc: 3\n"));
        check(Kind::Yaml, "a.yml", ["a: !x 1\n", "a: !y 1\n", "a: !x 2\n"], Err("a"));
    }

    #[test]
    fn lists_that_are_sets_and_keys_that_are_ordered() {
        let cargo = ["[workspace]\nmembers=[]\n", "[workspace]\nmembers=['a']\n", "[workspace]\nmembers=['b']\n"];
        check(Kind::Toml, "x/Cargo.toml", cargo, Ok("[workspace]\nmembers=['b','a']\n"));
        check(Kind::Toml, "x/other.toml", cargo, Err("workspace.members"));
        let exports = [r#"{"exports":{"a":1}}"#, r#"{"exports":{"a":1,"b":1}}"#, r#"{"exports":{"a":1,"c":1}}"#];
        check(Kind::Json, "package.json", exports, Err("exports"));
        let mapper = exports.map(|text| text.replace("exports", "moduleNameMapper"));
        let mapper = mapper.each_ref().map(String::as_str);
        check(Kind::Json, "jest.json", mapper, Err("moduleNameMapper"));
        check(Kind::Json, "other.json", exports, Ok(r#"{"exports":{"a":1,"b":1,"c":1}}"#));
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        for (kind, text) in [
            (Kind::Json, r#"{"a":1,"a":2}"#),
            (Kind::Json, "{} {}"),
            (Kind::Json, "// note\n{}"),
            (Kind::Json, &format!("{}{}", "[".repeat(MAX_DEPTH + 1), "]".repeat(MAX_DEPTH + 1))),
            (Kind::Json, &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))),
            (Kind::Yaml, &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))),
            (Kind::Toml, "a=1\na=2\n"),
            (Kind::Yaml, "a: 1\na: 2\n"),
            (Kind::Yaml, "---\na: 1\n---\nb: 2\n"),
            (Kind::Yaml, "a: &a [x, x]\nb: [*a, *a]\n"),
            (Kind::Yaml, "a: 123456789012345678901234567890\n"),
            (Kind::Yaml, &"[".repeat(100_000)),
            (Kind::Toml, &format!("a={}{}", "[".repeat(100_000), "]".repeat(100_000))),
            (Kind::Prose, "x"),
        ] {
            assert!(read(kind, "x", text).is_err(), "{}", text.get(..20).unwrap_or(text));
        }
        assert!(read(Kind::Yaml, "x", "a: '*a'\nb: 2 * 3\nc: \"*.rs\"\n").is_ok(), "no alias");
        assert!(read(Kind::Json, "x", &format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH))).is_ok());
    }

    #[test]
    fn a_long_path_is_cut() {
        assert_eq!(shown(&[]), "all of it");
        assert!(shown(&["ü".repeat(500)]).len() <= MAX_SHOWN + '…'.len_utf8());
    }

    #[test]
    fn the_higher_version_where_wanted() {
        let texts = [r#"{"v":"1.0.0"}"#, r#"{"v":"1.1.0"}"#, r#"{"v":"1.0.9"}"#];
        let [base, ours, theirs] = texts.map(|text| read(Kind::Json, "a.json", text).unwrap());
        let merge = Merge { file: "a.json", higher_version: true };
        assert_eq!(merge.merge(&base, &ours, &theirs), Ok(ours));
    }
}
