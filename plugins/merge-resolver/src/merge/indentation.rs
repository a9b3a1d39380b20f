//! Whether the lines of Python still stand in blocks after a merge, compared with the sides: texts that go over several
//! lines and odd layouts are no fault where a side has them.

use super::brackets::Nesting;
use std::collections::BTreeSet;

/// Two lines that follow each other, of which the second is of no block that the first is in, begins or ends.
type Misfit<'t> = (&'t str, &'t str);

/// Whether the result has no misfit that neither side has.
#[must_use]
pub fn still_fits(ours: &str, theirs: &str, result: &str) -> bool {
    let mut known = misfits(ours);
    known.extend(misfits(theirs));
    misfits(result).is_subset(&known)
}

fn misfits(text: &str) -> BTreeSet<Misfit<'_>> {
    let mut found = BTreeSet::new();
    // How far the blocks are indented that a line stands in, and whether the line before begins another.
    let (mut blocks, mut opens, mut last) = (vec![0], false, "");
    let mut nesting = Nesting::default();
    for line in text.lines() {
        let says = line.split(" #").next().unwrap_or_default().trim();
        if says.is_empty() || says.starts_with('#') {
            continue;
        }
        // Within brackets, lines are indented as anybody likes.
        let goes_on = nesting.is_open();
        nesting.read(line);
        if !goes_on {
            let indent = line.len() - line.trim_start().len();
            let deeper = blocks.last().is_none_or(|block| indent > *block);
            if if opens { !deeper } else { !blocks.contains(&indent) } {
                found.insert((last, line));
            }
            blocks.retain(|block| *block <= indent);
            if deeper {
                blocks.push(indent);
            }
        }
        if !nesting.is_open() {
            nesting = Nesting::default();
            (opens, last) = (says.ends_with(':'), line);
        }
    }
    // Nothing stands in the block that the last line begins.
    if opens {
        found.insert((last, ""));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_that_are_whole() {
        for text in [
            "",
            "if a:\n    b(0)\n\n    # why\n  # odd\n    c(0)\nelse:  # not a\n    d(\n0,\n            1,\n    )\ne = 1\n",
            "class A:\n\tdef b(self):\n\t\treturn {\n  1: 2}\n\n\tdef c(self): pass\nx = [1:\n2]\n",
        ] {
            assert_eq!(misfits(text), BTreeSet::new(), "{text}");
        }
    }

    #[test]
    fn lines_of_no_block() {
        for (text, misfit) in [
            ("if a:\n    b\nlog\n    c\n", ("log", "    c")),
            ("if a:\nb\n", ("if a:", "b")),
            ("if a:\n    b\n        c\n", ("    b", "        c")),
            ("if a:\n    b\n  c\n", ("    b", "  c")),
            ("b\nif a:\n# nothing\n", ("if a:", "")),
        ] {
            assert_eq!(misfits(text), BTreeSet::from([misfit]), "{text}");
            assert!(!still_fits("b\n", "c\n", text) && still_fits(text, "c\n", text) && still_fits("c\n", text, text));
        }
    }
}
