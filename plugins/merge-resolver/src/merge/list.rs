//! Lists whose order does not matter, to which both sides added: imports, ignore patterns, changelog entries,
//! requirements, `go.mod` and `go.sum`. The union is taken only where each added line is understood and no two
//! of them say something of the same thing.

use super::changelog::sections;
use super::imports::{bound_names, in_block, may_follow};
use super::kind::{Kind, Language};
use std::collections::{BTreeMap, BTreeSet};

/// What both sides added at one place.
#[derive(Debug, Clone, Copy)]
pub struct Added<'t> {
    /// Our lines.
    pub ours: &'t [&'t str],
    /// Their lines.
    pub theirs: &'t [&'t str],
    /// All lines before the place, as our side has them.
    pub before: &'t [&'t str],
    /// Lines after it, as far as both sides have them.
    pub after: &'t [&'t str],
    /// Whether either side's whole file has a line that makes order matter (`!` in an ignore file).
    pub order_matters: bool,
}

/// Both sides' lines, what both added once; `Err` says why the order may matter.
///
/// # Errors
/// Words for people.
pub fn union<'t>(kind: Kind, added: &Added<'t>) -> Result<Vec<&'t str>, &'static str> {
    match kind {
        Kind::Ignore if added.order_matters => Err("the file has patterns with `!`, so the order of patterns matters"),
        Kind::Ignore => Ok(once(added, |line| !line.trim().is_empty() && !line.starts_with('#'))),
        Kind::Changelog => changelog(added).or_else(|why| sections(added.ours, added.theirs, added.after).ok_or(why)),
        Kind::Requirements => keyed(added, requirement).ok_or("both sides added a requirement of the same package"),
        Kind::GoMod if in_block(added.before, "require (") => {
            keyed(added, go_requirement).ok_or("both sides added a requirement of the same module")
        }
        Kind::GoSum => keyed(added, go_sum).ok_or("both sides added a sum of the same module"),
        Kind::Code(language) => imports(language, added),
        _ => Err("both sides added lines at the same place, and their order may matter"),
    }
}

/// Ours, then what of theirs ours has not; a line of which `is_entry` says no is kept from both.
fn once<'t>(added: &Added<'t>, is_entry: impl Fn(&str) -> bool) -> Vec<&'t str> {
    let ours: BTreeSet<&str> = added.ours.iter().copied().filter(|line| is_entry(line)).collect();
    let new = added.theirs.iter().copied().filter(|line| !ours.contains(line));
    added.ours.iter().copied().chain(new).collect()
}

/// The union in name order where both sides' lines were, else ours first.
fn sorted_once<'t>(added: &Added<'t>) -> Vec<&'t str> {
    let mut lines = once(added, |_| true);
    if added.ours.is_sorted() && added.theirs.is_sorted() {
        lines.sort_unstable();
    }
    lines
}

/// The union where every line has keys, and equal keys stand in equal lines.
fn keyed<'t>(added: &Added<'t>, key: fn(&str) -> Option<String>) -> Option<Vec<&'t str>> {
    let mut lines = BTreeMap::new();
    for line in added.ours.iter().chain(added.theirs) {
        if *lines.entry(key(line)?).or_insert(*line) != *line {
            return None;
        }
    }
    Some(sorted_once(added))
}

/// `name==1.0`, `name[extra]>=2`: the name as its index compares it.
fn requirement(line: &str) -> Option<String> {
    let text = line.trim();
    let name_byte = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '_' | '-');
    let (name, rest) = text.split_at(text.find(|it| !name_byte(it)).unwrap_or(text.len()));
    let plain =
        !name.is_empty() && !name.starts_with('-') && !rest.contains(['\\', '@', '#']) && !line.starts_with(' ');
    let understood = rest.is_empty() || rest.starts_with(['=', '<', '>', '~', '!', '[', ';', ' ']);
    (plain && understood).then(|| name.to_ascii_lowercase().replace(['_', '.'], "-"))
}

/// `module v1.2.3`, in a `require` block.
fn go_requirement(line: &str) -> Option<String> {
    let mut words = line.split("//").next()?.split_whitespace();
    let (module, version) = (words.next()?, words.next()?);
    (version.starts_with('v') && words.next().is_none()).then(|| module.to_owned())
}

/// `module v1.2.3 h1:…`.
fn go_sum(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let (module, version, sum) = (words.next()?, words.next()?, words.next()?);
    (sum.starts_with("h1:") && words.next().is_none()).then(|| format!("{module} {version}"))
}

/// Entries begin with a bullet; deeper lines belong to the entry above them.
fn changelog<'t>(added: &Added<'t>) -> Result<Vec<&'t str>, &'static str> {
    const WHY: &str = "both sides added more than entries of one list";
    let bullet = |line: &str| line.chars().next().filter(|it| matches!(it, '-' | '*' | '+'));
    let entries = |lines: &[&'t str]| -> Option<Vec<Vec<&'t str>>> {
        let mut found: Vec<Vec<&str>> = Vec::new();
        for line in lines {
            match bullet(line) {
                Some(_) if line.chars().nth(1) == Some(' ') => found.push(vec![line]),
                None if line.starts_with([' ', '\t']) && !line.trim().is_empty() => found.last_mut()?.push(line),
                _ => return None,
            }
        }
        Some(found)
    };
    let (ours, theirs) = (entries(added.ours).ok_or(WHY)?, entries(added.theirs).ok_or(WHY)?);
    let bullets: BTreeSet<_> = ours.iter().chain(&theirs).filter_map(|entry| bullet(entry.first()?)).collect();
    // Under a heading, a blank line or another entry: anywhere else the lines may continue something.
    let follows = added.before.last().is_none_or(|line| {
        line.trim().is_empty() || line.starts_with([' ', '#', '=', '-', '~']) || bullet(line).is_some()
    });
    if bullets.len() != 1 || !follows {
        return Err(WHY);
    }
    let new = theirs.iter().filter(|entry| !ours.contains(entry));
    Ok(ours.iter().chain(new).flatten().copied().collect())
}

fn imports<'t>(language: Language, added: &Added<'t>) -> Result<Vec<&'t str>, &'static str> {
    const NOT_IMPORTS: &str = "both sides added lines at the same place, and their order may matter";
    let follows = may_follow(language, added.before);
    let mut bound = BTreeMap::new();
    for (side, lines) in [(0, added.ours), (1, added.theirs)] {
        for line in lines {
            let names = bound_names(language, line).filter(|_| follows).ok_or(NOT_IMPORTS)?;
            for name in names {
                let (before_side, before_line) = *bound.entry(name).or_insert((side, *line));
                if before_side != side && before_line != *line {
                    return Err("both sides import the same name in different ways");
                }
            }
        }
    }
    Ok(sorted_once(added))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: Kind, before: &[&str], ours: &[&str], theirs: &[&str], expected: Option<&[&str]>) {
        let order_matters = ours.iter().chain(theirs).any(|line| line.starts_with('!'));
        let made = union(kind, &Added { ours, theirs, before, after: &[], order_matters });
        assert_eq!(made.as_deref().ok(), expected, "{kind:?}: {made:?}");
    }

    #[test]
    fn ignore_patterns() {
        check(Kind::Ignore, &[], &["b\n", "x\n"], &["a\n", "b\n"], Some(&["b\n", "x\n", "a\n"]));
        check(Kind::Ignore, &[], &["# a\n", "x\n"], &["# a\n", "y\n"], Some(&["# a\n", "x\n", "# a\n", "y\n"]));
        check(Kind::Ignore, &[], &["*.log\n"], &["!keep.log\n"], None);
    }

    #[test]
    fn changelog_entries() {
        let (ours, theirs) = (&["- A\n", "  more\n"], &["- B\n"]);
        check(Kind::Changelog, &["## Next\n"], ours, theirs, Some(&["- A\n", "  more\n", "- B\n"]));
        check(Kind::Changelog, &["## Next\n"], ours, ours, Some(ours));
        check(Kind::Changelog, &["## Next\n"], ours, &["* B\n"], None);
        check(Kind::Changelog, &["## Next\n"], &["## 2\n", "- A\n"], theirs, None);
        check(Kind::Changelog, &["Some words\n"], ours, theirs, None);
        check(Kind::Changelog, &[], &["  more\n"], theirs, None);
    }

    #[test]
    fn requirements_and_modules() {
        check(Kind::Requirements, &[], &["b==1\n"], &["a>=2\n"], Some(&["a>=2\n", "b==1\n"]));
        check(Kind::Requirements, &[], &["A_b==1\n"], &["a-b==2\n"], None);
        check(Kind::Requirements, &[], &["-r x.txt\n"], &["a==2\n"], None);
        check(Kind::Requirements, &[], &["a==1 \\\n", "    --hash=x\n"], &["b==2\n"], None);
        let block = &["require (\n", "\tx v1.0.0\n"];
        check(
            Kind::GoMod,
            block,
            &["\tb v1\n"],
            &["\ta v2 // indirect\n"],
            Some(&["\ta v2 // indirect\n", "\tb v1\n"]),
        );
        check(Kind::GoMod, block, &["\ta v1\n"], &["\ta v2\n"], None);
        check(Kind::GoMod, &["exclude (\n"], &["\tb v1\n"], &["\ta v2\n"], None);
        check(Kind::GoMod, &["require (\n", ")\n"], &["\tb v1\n"], &["\ta v2\n"], None);
        check(Kind::GoSum, &[], &["a v1 h1:x\n"], &["a v1 h1:y\n"], None);
        check(Kind::GoSum, &[], &["a v1 h1:x\n"], &["a v2 h1:y\n"], Some(&["a v1 h1:x\n", "a v2 h1:y\n"]));
    }

    #[test]
    fn imports_of_different_names() {
        let rust = Kind::Code(Language::Rust);
        check(rust, &["use z::z;\n"], &["use b::B;\n"], &["use a::A;\n"], Some(&["use a::A;\n", "use b::B;\n"]));
        check(rust, &[], &["use a::A;\n", "use b::B;\n"], &["use b::B;\n"], Some(&["use a::A;\n", "use b::B;\n"]));
        check(rust, &[], &["use a::X;\n"], &["use b::X;\n"], None);
        check(rust, &[], &["use a::X;\n"], &["use a::{X, Y};\n"], None);
        check(rust, &[], &["use a::*;\n"], &["use b::X;\n"], None);
        check(rust, &["#[cfg(test)]\n"], &["mod a;\n"], &["mod b;\n"], None);
        check(rust, &["fn f() {\n"], &["    work();\n"], &["    play();\n"], None);
        let go = Kind::Code(Language::Go);
        check(go, &["import (\n"], &["\t\"b\"\n"], &["\t\"a\"\n"], Some(&["\t\"a\"\n", "\t\"b\"\n"]));
        check(go, &["x := f(\n"], &["\t\"b\"\n"], &["\t\"a\"\n"], None);
        check(Kind::Code(Language::C), &[], &["#include <a>\n"], &["#include <b>\n"], None);
        check(Kind::Other, &[], &["a\n"], &["b\n"], None);
    }
}
