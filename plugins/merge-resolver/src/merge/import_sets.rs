//! Imports that both sides changed, as the sets that they are: what either side took away is gone, what either added is
//! there. Asked where each line is one whole import; a line that a side wrote anew counts as one gone and one added.

use super::imports::{bound_names, may_follow};
use super::kind::Language;
use std::collections::{BTreeMap, BTreeSet};

/// Our lines without what theirs took away, with what theirs added; none where a line is not understood, two bind one
/// name, one was changed by both, or the lines `before` may say something of the first.
#[must_use]
pub fn merge<'t>(
    language: Language,
    base: &[&str],
    ours: &[&'t str],
    theirs: &[&'t str],
    before: &[&str],
) -> Option<Vec<&'t str>> {
    if !may_follow(language, before) {
        return None;
    }
    let sets = [base, ours, theirs].map(|lines| imports(language, lines));
    let [Some(from), Some(our), Some(their)] = sets else { return None };
    let (by_us, by_them) = (added(&our, &from), added(&their, &from));
    // Whose change of a name counts cannot be told.
    let clash = by_us.iter().any(|(line, names)| {
        by_them.iter().any(|(other, others)| line != other && names.iter().any(|name| others.contains(name)))
    });
    if clash {
        return None;
    }
    let stays =
        |line: &&&str| line.trim().is_empty() || !from.contains_key(line.trim()) || their.contains_key(line.trim());
    let mut made: Vec<&str> = ours.iter().filter(stays).copied().collect();
    let is_sorted = is_sorted(ours) && is_sorted(theirs);
    // What stood before it on their side, it stands after.
    let mut last: Option<&str> = None;
    for line in theirs.iter().filter(|line| !line.trim().is_empty()) {
        let new = by_them.contains_key(line.trim()) && !our.contains_key(line.trim());
        if new {
            let place = if is_sorted {
                made.iter().position(|other| !other.trim().is_empty() && *other > *line)
            } else {
                let after = last.and_then(|last| made.iter().position(|other| other.trim() == last.trim()));
                after.map(|at| at + 1).or((last.is_none()).then_some(0))
            };
            made.insert(place.unwrap_or_else(|| end(&made)), line);
        }
        last = Some(line);
    }
    Some(made)
}

/// Where the last import ends: blank lines after it stay after it.
fn end(lines: &[&str]) -> usize {
    lines.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |at| at + 1)
}

fn is_sorted(lines: &[&str]) -> bool {
    lines.iter().filter(|line| !line.trim().is_empty()).is_sorted()
}

type Imports<'t> = BTreeMap<&'t str, BTreeSet<String>>;

fn imports<'t>(language: Language, lines: &[&'t str]) -> Option<Imports<'t>> {
    let mut found = Imports::new();
    for line in lines.iter().filter(|line| !line.trim().is_empty()) {
        let names: BTreeSet<String> = bound_names(language, line)?.into_iter().collect();
        // Twice the same line: which of them went cannot be told.
        if found.insert(line.trim(), names).is_some() {
            return None;
        }
    }
    Some(found)
}

fn added<'t>(side: &Imports<'t>, from: &Imports<'_>) -> Imports<'t> {
    side.iter().filter(|(line, _)| !from.contains_key(*line)).map(|(line, names)| (*line, names.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(language: Language, base: &str, ours: &str, theirs: &str, expected: Option<&str>) {
        check_below(language, "\n", base, ours, theirs, expected);
    }

    fn check_below(language: Language, before: &str, base: &str, ours: &str, theirs: &str, expected: Option<&str>) {
        fn of(text: &str) -> Vec<&str> {
            text.split_inclusive('\n').collect()
        }
        let made = merge(language, &of(base), &of(ours), &of(theirs), &of(before)).map(|lines| lines.concat());
        assert_eq!(made.as_deref(), expected, "{base}{ours}{theirs}");
    }

    #[test]
    fn what_either_side_did() {
        let java = Language::Java;
        check(java, "import a.T;\n", "import a.B;\n", "", Some("import a.B;\n"));
        check(java, "import a.T;\n", "", "import a.P;\nimport a.T;\n", Some("import a.P;\n"));
        check(
            java,
            "import a.B;\n",
            "import a.A;\nimport a.B;\n",
            "import a.B;\nimport a.C;\n",
            Some("import a.A;\nimport a.B;\nimport a.C;\n"),
        );
        check(
            java,
            "import a.B;\nimport a.D;\n",
            "import a.D;\n",
            "import a.B;\nimport a.C;\nimport a.D;\n",
            Some("import a.C;\nimport a.D;\n"),
        );
        let python = Language::Python;
        check(
            python,
            "import b\n",
            "import z\nimport b\n",
            "import b\nimport a\n",
            Some("import z\nimport b\nimport a\n"),
        );
        check(python, "import b\n\n", "import c\n\n", "import b\nimport a\n\n", Some("import c\nimport a\n\n"));
        let script = Language::JavaScript;
        check(
            script,
            "var q = require('q');\n",
            "var q = require('node:q');\n",
            "var q = require('q');\nvar b = require('b');\n",
            Some("var q = require('node:q');\nvar b = require('b');\n"),
        );
    }

    #[test]
    fn what_is_in_doubt() {
        let python = Language::Python;
        check(python, "from a import x\n", "from a import x, y\n", "from a import x, z\n", None);
        check(python, "import a\n", "import b as c\n", "import d as c\n", None);
        check(python, "import a\n", "import b\nf()\n", "import d\n", None);
        check(python, "import a\nimport a\n", "import b\n", "import a\nimport a\nimport d\n", None);
        check(python, "import a\n", "import b\n", "from c import *\n", None);
    }

    #[test]
    fn what_stands_above_may_say_something_of_the_first() {
        let (base, ours, theirs) = ("mod tests;\n", "mod unit;\n", "mod tests;\nmod trace;\n");
        for (before, expected) in [
            ("#[cfg(test)]\n", None),
            ("// Tests.\n", None),
            ("fn f() {\n", None),
            ("\n", Some("mod trace;\nmod unit;\n")),
            ("mod sum;\n", Some("mod trace;\nmod unit;\n")),
            ("", Some("mod trace;\nmod unit;\n")),
        ] {
            check_below(Language::Rust, before, base, ours, theirs, expected);
        }
        let (base, ours, theirs) = ("\t\"a\"\n", "\t\"b\"\n", "\t\"a\"\n\t\"c\"\n");
        for (before, expected) in
            [("import (\n\t\"z\"\n", Some("\t\"b\"\n\t\"c\"\n")), ("import (\n)\n", None), ("f(\n", None), ("", None)]
        {
            check_below(Language::Go, before, base, ours, theirs, expected);
        }
    }
}
