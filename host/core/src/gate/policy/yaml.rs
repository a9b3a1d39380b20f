//! YAML text as a tree in which everything knows its place.
//!
//! The only file that names the YAML crate. Bounds what a hostile text costs; knows no key of a policy file.

use super::{At, MAX_FILE_BYTES};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};
use std::collections::HashMap;

/// Most values of one text, aliases written out: far more than any policy has, and an alias of aliases stays small.
pub(super) const MAX_NODES: usize = 200_000;
/// Deepest nesting: a policy needs six levels.
pub(super) const MAX_DEPTH: usize = 16;
/// Most keys of one table, each compared with all before it: a policy's have fifteen.
pub(super) const MAX_KEYS: usize = 64;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub at: At,
    pub kind: Kind,
}

/// What a value is. Numbers and booleans are text until someone wants them otherwise.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// Nothing, `~` or `null`, unquoted.
    Null,
    Text(String),
    List(Vec<Node>),
    Table(Vec<(Key, Node)>),
}

/// A key and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub at: At,
    pub name: String,
}

/// What is wrong with a text, and where.
pub(super) type Flaw = (At, String);

impl Node {
    /// What it is, for a sentence.
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Text(_) => "text",
            Kind::List(_) => "a list",
            Kind::Table(_) => "a table",
        }
    }

    fn size(&self) -> usize {
        1 + match &self.kind {
            Kind::Null | Kind::Text(_) => 0,
            Kind::List(items) => items.iter().map(Self::size).sum(),
            Kind::Table(entries) => entries.iter().map(|(_, value)| 1 + value.size()).sum(),
        }
    }

    fn depth(&self) -> usize {
        1 + match &self.kind {
            Kind::Null | Kind::Text(_) => 0,
            Kind::List(items) => items.iter().map(Self::depth).max().unwrap_or(0),
            Kind::Table(entries) => entries.iter().map(|(_, value)| value.depth()).max().unwrap_or(0),
        }
    }
}

/// Reads one document.
pub(super) fn parse(text: &str) -> Result<Node, Flaw> {
    if text.len() > MAX_FILE_BYTES {
        let message = format!("the file has {} bytes, and at most {MAX_FILE_BYTES} are read", text.len());
        return Err((At::START, message));
    }
    let mut builder = Builder { open: Vec::new(), anchors: HashMap::new(), nodes: 0, root: None };
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => builder.take(event, span)?,
            Err(error) => return Err((at(*error.marker()), format!("this is no YAML: {}", error.info()))),
        }
    }
    Ok(builder.root.unwrap_or(Node { at: At::START, kind: Kind::Null }))
}

fn at(mark: Marker) -> At {
    At { line: mark.line().max(1), column: mark.col() + 1 }
}

/// A list or table whose end has not come.
struct Open {
    node: Node,
    /// The key of a table that waits for its value.
    key: Option<Key>,
    anchor: usize,
}

struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Flaw> {
        let at = at(span.start);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                refuse_tag(tag.is_some(), at)?;
                let null = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null");
                let kind = if null { Kind::Null } else { Kind::Text(text.into_owned()) };
                self.put(Node { at, kind }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                refuse_tag(tag.is_some(), at)?;
                self.start(Node { at, kind: Kind::List(Vec::new()) }, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                refuse_tag(tag.is_some(), at)?;
                self.start(Node { at, kind: Kind::Table(Vec::new()) }, anchor)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.put(open.node, open.anchor),
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(node) => {
                    if self.open.len() + node.depth() > MAX_DEPTH {
                        return Err(too_deep(at));
                    }
                    // Its own values are counted again: written out, they cost as much.
                    let (node, size) = (Node { at, kind: node.kind.clone() }, node.size());
                    self.count(size, at)?;
                    self.put(node, 0)
                }
                None => Err((at, "this alias stands within what it names".to_owned())),
            },
            Event::DocumentStart(_) if self.root.is_some() => {
                Err((at, "a second document begins here; a file holds one".to_owned()))
            }
            Event::DocumentStart(_) | Event::DocumentEnd | Event::StreamStart | Event::StreamEnd | Event::Nothing => {
                Ok(())
            }
        }
    }

    fn count(&mut self, nodes: usize, at: At) -> Result<(), Flaw> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            return Err((at, format!("the file has more than {MAX_NODES} values")));
        }
        Ok(())
    }

    fn start(&mut self, node: Node, anchor: usize) -> Result<(), Flaw> {
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(node.at));
        }
        self.open.push(Open { node, key: None, anchor });
        Ok(())
    }

    /// Puts a finished value where it belongs.
    fn put(&mut self, node: Node, anchor: usize) -> Result<(), Flaw> {
        self.count(1, node.at)?;
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match (&mut open.node.kind, open.key.take()) {
            (Kind::List(items), _) => items.push(node),
            (Kind::Table(entries), Some(key)) => entries.push((key, node)),
            (Kind::Table(entries), None) => {
                let Kind::Text(name) = node.kind else {
                    return Err((node.at, format!("a key must be text, and this is {}", node.kind_name())));
                };
                if let Some((first, _)) = entries.iter().find(|(key, _)| key.name == name) {
                    let line = first.at.line;
                    return Err((node.at, format!("`{name}` is given twice; the first is in line {line}")));
                }
                if entries.len() >= MAX_KEYS {
                    return Err((node.at, format!("this table has more than {MAX_KEYS} keys")));
                }
                open.key = Some(Key { at: node.at, name });
            }
            (Kind::Null | Kind::Text(_), _) => {}
        }
        Ok(())
    }
}

fn too_deep(at: At) -> Flaw {
    (at, format!("this is nested deeper than {MAX_DEPTH} levels"))
}

fn refuse_tag(tagged: bool, at: At) -> Result<(), Flaw> {
    if tagged { Err((at, "tags (`!…`) are not read here; leave it out".to_owned())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::*;
    use std::fmt::Write as _;

    /// The tree on one line, each value with its place.
    fn shown(node: &Node) -> String {
        let mut out = String::new();
        match &node.kind {
            Kind::Null => out.push('-'),
            Kind::Text(text) => write!(out, "{text:?}").unwrap(),
            Kind::List(items) => write!(out, "[{}]", items.iter().map(shown).collect::<Vec<_>>().join(" ")).unwrap(),
            Kind::Table(entries) => {
                let one = |(key, value): &(Key, Node)| format!("{}={}", key.name, shown(value));
                write!(out, "{{{}}}", entries.iter().map(one).collect::<Vec<_>>().join(" ")).unwrap();
            }
        }
        write!(out, "@{}:{}", node.at.line, node.at.column).unwrap();
        out
    }

    fn refused(text: &str, line: usize, says: &str) {
        let (at, message) = parse(text).unwrap_err();
        assert!(message.contains(says), "{message}");
        assert_eq!(at.line, line, "{message}");
    }

    #[test]
    fn everything_knows_its_place() {
        let tree = parse("a: [x, '~']\nb:\n  - {c: ~}\n  - true\n").unwrap();
        assert_eq!(shown(&tree), "{a=[\"x\"@1:5 \"~\"@1:8]@1:4 b=[{c=-@3:9}@3:5 \"true\"@4:5]@3:3}@1:1");
        assert_eq!(shown(&parse("").unwrap()), "-@1:1");
    }

    #[test]
    fn aliases_are_written_out() {
        let tree = parse("a: &x [1, 2]\nb: *x\n").unwrap();
        assert_eq!(shown(&tree), "{a=[\"1\"@1:8 \"2\"@1:11]@1:4 b=[\"1\"@1:8 \"2\"@1:11]@2:4}@1:1");
    }

    #[test]
    fn what_no_policy_needs_is_refused() {
        refused("a: 1\nb: 2\na: 3\n", 3, "`a` is given twice; the first is in line 1");
        refused("a: 1\n---\nb: 1\n", 2, "second document");
        refused("a: !!str 1\n", 1, "tags");
        refused("[a]: 1\n", 1, "a key must be text");
        refused("a: [\n", 2, "no YAML");
        refused("a: &x [*x]\n", 1, "within what it names");
        refused(&" ".repeat(MAX_FILE_BYTES + 1), 1, "at most");
    }

    #[test]
    fn values_are_bounded_aliases_included() {
        let table = |count: usize| (0..count).map(|key| format!("k{key}: x\n")).collect::<String>();
        assert!(parse(&table(MAX_KEYS)).is_ok());
        refused(&table(MAX_KEYS + 1), MAX_KEYS + 1, "more than 64 keys");
        let list = |count: usize| format!("[{}]", "a,".repeat(count));
        assert!(parse(&list(MAX_NODES - 1)).is_ok());
        refused(&list(MAX_NODES), 1, "more than 200000 values");
        // Nine lists of nine of the one before: 9 to the 9th were they written out.
        let mut bomb = "- &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..9 {
            let before = format!("*a{},", level - 1).repeat(9);
            writeln!(bomb, "- &a{level} [{before}]").unwrap();
        }
        let (_, message) = parse(&bomb).unwrap_err();
        assert!(message.contains("more than 200000 values"), "{message}");
    }

    #[test]
    fn depth_is_bounded_aliases_included() {
        let nested = |depth: usize| format!("{}a{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(MAX_DEPTH)).is_ok());
        refused(&nested(MAX_DEPTH + 1), 1, "deeper than 16 levels");
        refused(&"- ".repeat(MAX_DEPTH + 1), 1, "deeper than 16 levels");
        let ladder: String = (1..20).map(|level| format!("- &a{level} [*a{}]\n", level - 1)).collect();
        let (_, message) = parse(&format!("- &a0 x\n{ladder}")).unwrap_err();
        assert!(message.contains("deeper than 16 levels"), "{message}");
    }

    /// What takes a careless parser for ever, or its stack.
    #[test]
    fn the_worst_texts_come_back_in_time() {
        for unit in ["[", "{", "- ", "? ", "a: ", "\"", "'", "&a ", "*a ", "!", "|\n ", "a\n", "#", "%", "{a: [", "\t"]
        {
            let begun = std::time::Instant::now();
            drop(parse(&unit.repeat(MAX_FILE_BYTES / unit.len())));
            assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{unit:?}: {:?}", begun.elapsed());
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[-a-c0-1:{}\\[\\], \n\t'\"&*!|>%@#?~]{0,60}") {
            drop(parse(&text));
        }
    }
}
