//! Definitions that both sides added at one place: functions, methods, types, each whole, of another name and of the
//! same depth. Their order says nothing, so both stay, ours first. A line that is not understood as part of one is none
//! here, and neither is one whose place another line speaks of.

use super::brackets::{Nesting, nests};
use super::kind::Language;
use super::moved::{Moved, moves};
use std::collections::BTreeMap;

/// Decorators of Python that say something of their own function alone, so that their order means nothing. Any other may
/// enter it somewhere: of two routes, the first that fits is taken.
const PLAIN_DECORATORS: [&str; 9] = [
    "@property",
    "@staticmethod",
    "@classmethod",
    "@abstractmethod",
    "@abc.abstractmethod",
    "@cached_property",
    "@functools.cached_property",
    "@contextmanager",
    "@override",
];

/// One definition.
#[derive(Debug)]
struct Item {
    name: String,
    /// Blanks before its first line.
    indent: usize,
    /// Whether something above it may count in which order such things stand.
    enters: bool,
}

/// Both sides' lines; none where they are not whole definitions, two have one name, or their order may count.
#[must_use]
pub fn union<'t>(
    language: Language,
    ours: &[&'t str],
    theirs: &[&'t str],
    (before, after): (&[&'t str], &[&'t str]),
) -> Option<Vec<&'t str>> {
    let moved = moves(ours, theirs, before, after);
    let (our, their) = { moved }.into_iter().find_map(|moved| both(language, &moved))?;
    let enters = |items: &[Item]| items.iter().any(|item| item.enters);
    let overloads = |name: &str, other: &str| name.split('(').next() == other.split('(').next();
    let clash = our.iter().any(|our| their.iter().any(|their| overloads(&our.name, &their.name)));
    // However both are moved, one after the other they are the same text.
    let counts = clash || enters(&our) && enters(&their);
    (!counts).then(|| ours.iter().chain(theirs).copied().collect())
}

/// Both sides' definitions, where nothing beside their place makes it matter.
fn both(language: Language, moved: &Moved<'_>) -> Option<(Vec<Item>, Vec<Item>)> {
    let (our, their) = (items(language, &moved.ours)?, items(language, &moved.theirs)?);
    let indents = our.iter().chain(&their).map(|item| item.indent);
    let (least, most) = (indents.clone().min()?, indents.max()?);
    // What stands above may be of the first definition alone; what is indented deeper below is of the last one.
    let last = moved.last.unwrap_or_default().trim_start();
    let speaks = ["@", "#", "[", "//", "/*", "*"].iter().any(|sign| last.starts_with(sign));
    let goes_on = language == Language::Python && moved.next.is_some_and(|next| indent(next) > least);
    (least == most && !speaks && !goes_on).then_some((our, their))
}

/// The definitions that the lines are; none where a line is of none.
fn items(language: Language, lines: &[&str]) -> Option<Vec<Item>> {
    let mut found = Vec::new();
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
        let enters = item.iter().any(|line| enters(language, line.trim()));
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
        found.push(Item { name, indent, enters });
    }
    // What is left above belongs to something that is not here, unless it says nothing.
    above.iter().all(|line| line.trim().is_empty()).then_some(found).filter(|found| !found.is_empty())
}

/// Whether a line above a definition is a decorator that may enter it somewhere.
fn enters(language: Language, text: &str) -> bool {
    let plain = || {
        let accessor = [".setter", ".getter", ".deleter"].iter().any(|end| text.ends_with(end));
        accessor || PLAIN_DECORATORS.contains(&text)
    };
    language == Language::Python && text.starts_with('@') && !plain()
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
            // There is one of a file, whatever it is called.
            if text.starts_with("export default ") {
                return Some("default".to_owned());
            }
            let text = ["export ", "async "].iter().fold(text, |text, word| text.strip_prefix(word).unwrap_or(text));
            named(text, &["function ", "class "])
        }
        Language::Swift => named(text, &["func ", "struct ", "class ", "enum "]),
        Language::Java | Language::CSharp => member(text),
        Language::C => None,
    }
}

/// A method or a type: modifiers first, so that it is no statement. Of methods the parameters' types are part of the
/// name.
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
    // A parameter without its own name.
    let types = parameters.split_once(')').map_or(parameters, |(inside, _)| inside).split(',').map(|parameter| {
        let parameter = parameter.trim();
        parameter.rsplit_once(' ').map_or(parameter, |(kind, _)| kind)
    });
    (modified && !head.contains('=')).then(|| format!("{name}({}", types.collect::<Vec<_>>().join(",")))
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
        check(java, "  public void a(int b) {\n  }\n", "  public void a(long b) {\n  }\n", NOTHING, false);
        check(java, "  public void a(int b) {\n  }\n", "  public void c(int b) {\n  }\n", NOTHING, true);
        check(java, "  public int a = f();\n", "  public int b() {\n  }\n", NOTHING, false);
        check(java, "  f(a);\n", "  public int b() {\n  }\n", NOTHING, false);
        check(Language::JavaScript, "function a() {\n}\n", "class B {\n}\n", NOTHING, true);
        check(Language::JavaScript, "export default class A {\n}\n", "export class B {\n}\n", NOTHING, true);
        check(
            Language::JavaScript,
            "export default class A {\n}\n",
            "export default function b() {\n}\n",
            NOTHING,
            false,
        );
        check(Language::JavaScript, "a.b = function () {\n}\n", "function c() {\n}\n", NOTHING, false);
        check(Language::C, "int a() {\n}\n", "int b() {\n}\n", NOTHING, false);
    }

    #[test]
    fn definitions_of_different_depth() {
        let (top, method) = ("\ndef b():\n    y\n", "\n    def a(self):\n        x\n");
        check(Language::Python, top, method, ("class Z:\n    def z(self):\n        z\n", ""), false);
        check(Language::Rust, "fn a() {}\n", "    fn b() {}\n", ("", ""), false);
    }

    #[test]
    fn a_place_that_matters() {
        let (a, b) = ("def a():\n    x\n", "def b():\n    y\n");
        for (before, after, both) in [
            ("z()\n", "", true),
            ("# of z\n", "z()\n", false),
            ("@cached\n", "def z():\n", false),
            ("z()\n", "\n    y()\n", false),
            ("z()\n", "\ny()\n    z()\n", true),
        ] {
            check(Language::Python, a, b, (before, after), both);
        }
        check(Language::Rust, "fn a() {}\n", "fn b() {}\n", ("#[test]\n", "fn z() {}\n"), false);
        check(Language::Rust, "fn a() {}\n", "fn b() {}\n", ("}\n", "    fn z() {}\n"), true);
        // Moved to where it begins, another line goes on with the last one.
        let cut = |name: &str| format!("    z()\n\ndef {name}():\n    {name}()\n");
        let before = "def y():\n    y()\n";
        check(Language::Python, &cut("a"), &cut("b"), (before, "    z()\n\nq()\n"), true);
        check(Language::Python, &cut("a"), &cut("b"), (before, "    z()\n    q()\n"), false);
    }

    #[test]
    fn decorators_that_enter_a_function_somewhere() {
        let of = |decorator: &str, name: &str| format!("{decorator}\ndef {name}(self):\n    x\n");
        for (ours, theirs, both) in [
            ("@app.get(\"/users/{id}\")", "@app.get(\"/users/me\")", false),
            ("@hook", "@app.get(\"/users/me\")", false),
            ("@app.before_request", "@app.before_request", false),
            ("@app.get(\"/users/me\")", "@property", true),
            ("@app.get(\"/users/me\")", "# plain", true),
            ("@b.setter", "@staticmethod", true),
        ] {
            check(Language::Python, &of(ours, "a"), &of(theirs, "b"), ("", ""), both);
        }
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
