//! Definitions that both sides added at one place: functions, methods, types, each whole and of another name. Their
//! order says nothing, so both stay, ours first. A line that is not understood as part of one is none here.

use super::brackets::{Nesting, nests};
use super::kind::Language;
use super::moved::moves;
use std::collections::BTreeMap;

/// Both sides' lines, what both added alike once; none where they are not whole definitions, or two have one name.
#[must_use]
pub fn union<'t>(
    language: Language,
    ours: &[&'t str],
    theirs: &[&'t str],
    (before, after): (&[&str], &[&str]),
) -> Option<Vec<&'t str>> {
    let moved = moves(ours, theirs, before, after);
    let (our, their) =
        { moved }.into_iter().find_map(|(our, their)| Some((items(language, &our)?, items(language, &their)?)))?;
    let mut known = BTreeMap::new();
    for (name, text) in &our {
        known.insert(name.as_str(), text.as_slice());
    }
    let clash = their.iter().any(|(name, text)| known.get(name.as_str()).is_some_and(|known| known != text));
    if clash {
        return None;
    }
    if their.iter().all(|(name, _)| !known.contains_key(name.as_str())) {
        // However both are moved, one after the other they are the same text.
        return Some(ours.iter().chain(theirs).copied().collect());
    }
    None
}

/// The definitions that the lines are, each with its name; none where a line is of none.
fn items<'t>(language: Language, lines: &[&'t str]) -> Option<Vec<(String, Vec<&'t str>)>> {
    let mut found: Vec<(String, Vec<&str>)> = Vec::new();
    let mut lines = lines.iter().copied().peekable();
    let mut above = Vec::new();
    while let Some(line) = lines.next() {
        let text = line.trim();
        if text.is_empty() || is_above(language, text) {
            above.push(line);
            continue;
        }
        let name = defined(language, text)?;
        let mut item = std::mem::take(&mut above);
        let (mut nesting, indent) = (Nesting::default(), indent(line));
        item.push(line);
        nesting.read(line);
        // The body: whatever stands in brackets, and what is indented deeper.
        while let Some(next) = lines.peek().copied() {
            let deeper = language == Language::Python && goes_on(&lines, indent);
            if nesting.is_whole() && !deeper {
                break;
            }
            nesting.read(next);
            item.extend(lines.next());
        }
        if !nesting.is_whole() || !ends(language, &item) {
            return None;
        }
        found.push((name, item));
    }
    // What is left above belongs to something that is not here, unless it says nothing.
    above.iter().all(|line| line.trim().is_empty()).then_some(found).filter(|found| !found.is_empty())
}

/// Whether the next line that is not blank is indented deeper.
fn goes_on<'t>(lines: &std::iter::Peekable<impl Iterator<Item = &'t str> + Clone>, indent: usize) -> bool {
    lines.clone().find(|line| !line.trim().is_empty()).is_some_and(|line| self::indent(line) > indent)
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Whether the definition's last line ends it.
fn ends(language: Language, item: &[&str]) -> bool {
    let last = item.iter().rev().map(|line| line.trim()).find(|line| !line.is_empty()).unwrap_or_default();
    match language {
        // The header, and something below it.
        Language::Python => {
            item.iter().filter(|line| !line.trim().is_empty()).count() > 1 && !last.ends_with([':', '\\'])
        }
        _ => last.ends_with('}') || last.ends_with("};") || (last.ends_with(';') && language != Language::JavaScript),
    }
}

/// Comments, attributes, annotations and decorators that stand above a definition.
fn is_above(language: Language, text: &str) -> bool {
    match language {
        Language::Python => text.starts_with('#') || text.starts_with('@') && nests(text),
        Language::Rust => text.starts_with("//") || text.starts_with("#[") && nests(text) && text.ends_with(']'),
        Language::Java => {
            text.starts_with("//")
                || is_in_comment(text)
                || text.starts_with('@') && nests(text) && !text.contains(" class ")
        }
        _ => text.starts_with("//") || is_in_comment(text),
    }
}

/// A line of a comment of its own, as it is laid out everywhere: each line with its star.
fn is_in_comment(text: &str) -> bool {
    let opens = text.starts_with("/*") && (!text.contains("*/") || text.ends_with("*/"));
    opens || text == "*/" || text == "*" || text.starts_with("* ") && !text.contains("*/")
}

/// The name that a line begins the definition of.
fn defined(language: Language, text: &str) -> Option<String> {
    match language {
        Language::Python => {
            let text = text.strip_prefix("async ").unwrap_or(text);
            named(text, &["def ", "class "])
        }
        Language::Rust => {
            let text = match text.strip_prefix("pub") {
                Some(rest) if rest.starts_with('(') => rest.split_once(") ")?.1,
                Some(rest) => rest.strip_prefix(' ')?,
                None => text,
            };
            let words = ["const ", "async ", "unsafe "];
            let text = words.iter().fold(text, |text, word| text.strip_prefix(word).unwrap_or(text));
            named(text, &["fn ", "struct ", "enum ", "trait ", "mod "])
        }
        Language::Go => match text.strip_prefix("func (") {
            Some(method) => {
                let (receiver, rest) = method.split_once(") ")?;
                Some(format!("{} {}", receiver.rsplit([' ', '*']).next()?, identifier(rest)?))
            }
            None => named(text, &["func ", "type "]),
        },
        Language::JavaScript => {
            let text = ["export ", "default ", "async "]
                .iter()
                .fold(text, |text, word| text.strip_prefix(word).unwrap_or(text));
            named(text, &["function ", "class "])
        }
        Language::Swift => named(text, &["func ", "struct ", "class ", "enum "]),
        Language::Java | Language::CSharp => member(text),
        Language::C => None,
    }
}

/// A method or a type: modifiers first, so that it is no statement. Of methods the parameters are part of the name.
fn member(text: &str) -> Option<String> {
    const MODIFIERS: [&str; 9] =
        ["public", "private", "protected", "internal", "static", "final", "abstract", "override", "async"];
    let mut rest = text;
    let mut modified = false;
    while let Some((_, after)) = rest.split_once(' ').filter(|(word, _)| MODIFIERS.contains(word)) {
        (rest, modified) = (after, true);
    }
    if let Some(name) = named(rest, &["class ", "interface ", "enum ", "record "]) {
        return Some(name);
    }
    let (head, parameters) = rest.split_once('(')?;
    let name = head.rsplit(' ').next().and_then(identifier)?;
    (modified && !head.contains('=')).then(|| format!("{name}({}", parameters.trim_end_matches(['{', ' '])))
}

/// The name after one of these words.
fn named(text: &str, words: &[&str]) -> Option<String> {
    words.iter().find_map(|word| identifier(text.strip_prefix(word)?))
}

fn identifier(text: &str) -> Option<String> {
    let end = text.find(|it: char| !(it.is_alphanumeric() || it == '_' || it == '$')).unwrap_or(text.len());
    let name = text.get(..end).filter(|name| !name.is_empty() && !name.starts_with(|it: char| it.is_ascii_digit()))?;
    Some(name.to_owned())
}

/// The names that are defined in a text, with how often.
#[must_use]
pub fn names(language: Language, text: &str) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for line in text.lines() {
        if let Some(name) = defined(language, line.trim()) {
            // Of the same name in another depth may be another thing.
            *found.entry(format!("{} {name}", indent(line))).or_default() += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::moved::MAX_MOVED;

    fn lines(text: &str) -> Vec<&str> {
        text.split_inclusive('\n').collect()
    }

    /// The same whichever side is ours, but for the order.
    fn check(language: Language, ours: &str, theirs: &str, (before, after): (&str, &str), both: bool) {
        for (ours, theirs) in [(ours, theirs), (theirs, ours)] {
            let around = (lines(before), lines(after));
            let made = union(language, &lines(ours), &lines(theirs), (&around.0, &around.1));
            let expected = both.then(|| format!("{ours}{theirs}"));
            assert_eq!(made.map(|lines| lines.concat()), expected, "{ours}{theirs}");
        }
    }

    #[test]
    fn whole_definitions_of_different_names() {
        const NOTHING: (&str, &str) = ("", "");
        let python = Language::Python;
        check(python, "def a():\n    x\n\n    y\n\n", "# why\n@d(1)\nasync def b(\n    c,\n):\n    z\n", NOTHING, true);
        check(python, "    def a(self):\n        x\n", "    def b(self):\n        y\n", NOTHING, true);
        check(python, "def a():\n    x\n", "def a():\n    y\n", NOTHING, false);
        check(python, "def a():\n    x\n", "y = 1\n", NOTHING, false);
        check(python, "def a():\n    x\n", "def b():\n", NOTHING, false);
        check(python, "def a():\n    '''\nat the edge\n    '''\n", "def b():\n    y\n", NOTHING, false);
        let rust = Language::Rust;
        check(rust, "/// Why.\n#[test]\nfn a() {\n    x();\n}\n\n", "pub(crate) async fn b() {}\n", NOTHING, true);
        check(rust, "struct A;\n", "enum B {\n    C,\n}\n", NOTHING, true);
        check(rust, "fn a() {\n", "fn b() {}\n", NOTHING, false);
        check(rust, "fn a() {}\n#[test]\n", "fn b() {}\n", NOTHING, false);
        check(rust, "impl A {}\n", "fn b() {}\n", NOTHING, false);
        check(Language::Go, "func (c *A) F() {\n\tx()\n}\n", "func (c *B) F() {\n\ty()\n}\n", NOTHING, true);
        check(Language::Go, "func (c *A) F() {\n\tx()\n}\n", "func (d *A) F() {\n\ty()\n}\n", NOTHING, false);
        let java = Language::Java;
        check(
            java,
            "  @Test\n  public void a() {\n    x();\n  }\n",
            "  /**\n   * Why.\n   */\n  private int b(int c) {\n    return c;\n  }\n",
            NOTHING,
            true,
        );
        check(java, "  public void a(int b) {\n  }\n", "  public void a(long b) {\n  }\n", NOTHING, true);
        check(java, "  public int a = f();\n", "  public int b() {\n  }\n", NOTHING, false);
        check(java, "  f(a);\n", "  public int b() {\n  }\n", NOTHING, false);
        check(Language::JavaScript, "function a() {\n}\n", "class B {\n}\n", NOTHING, true);
        check(Language::JavaScript, "a.b = function () {\n}\n", "function c() {\n}\n", NOTHING, false);
        check(Language::C, "int a() {\n}\n", "int b() {\n}\n", NOTHING, false);
    }

    #[test]
    fn what_a_diff_cut_in_the_middle_of_two() {
        // `}` of the one before, or `#[test]` of the one after, is counted in.
        let ours = "}\n\nfn a() {\n    x();\n";
        check(Language::Rust, ours, "}\n\nfn b() {\n    y();\n", ("fn z() {\n", "}\n"), true);
        check(Language::Rust, ours, "}\n\nfn b() {\n    y();\n", ("fn z() {\n", "];\n"), false);
        let ours = "fn a() {}\n#[test]\n";
        check(Language::Rust, ours, "fn b() {}\n#[test]\n", ("#[test]\n", "fn z() {}\n"), true);
        // As far as it may be moved, and further.
        for (count, both) in [(MAX_MOVED, true), (MAX_MOVED + 1, false)] {
            let tail = "    z();\n".repeat(count - 1) + "}\n";
            let cut = |name: &str| format!("{tail}fn {name}() {{\n");
            check(Language::Rust, &cut("a"), &cut("b"), ("fn y() {\n", &tail), both);
        }
    }

    #[test]
    fn names_with_how_often() {
        let found = names(Language::Python, "def a():\n  def b():\n    x\ndef a():\n  y\n");
        let found: Vec<_> = found.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        assert_eq!(found, [("0 a", 2), ("2 b", 1)]);
    }
}
