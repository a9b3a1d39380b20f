//! The merge as a whole, against git's own and against what must hold of any merge.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]

use super::diff3::{Region, regions};
use super::*;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// `git merge-file`: the merged text where there is no conflict; outer none where this git has no such algorithm.
fn git_merge(folder: &Path, by: By, [base, ours, theirs]: [&str; 3]) -> Option<Option<String>> {
    for (name, text) in [("base", base), ("ours", ours), ("theirs", theirs)] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let mut git = Command::new("git");
    git.args(["merge-file", "-p"]).args((by == By::Rarest).then_some("--diff-algorithm=histogram"));
    git.args(["ours", "base", "theirs"]).current_dir(folder);
    git.envs([("HOME", folder), ("GIT_CONFIG_GLOBAL", Path::new("/dev/null"))]).env("GIT_CONFIG_NOSYSTEM", "1");
    let output = git.output().unwrap();
    // What git answers where it does not know an option.
    (output.status.code() != Some(129))
        .then(|| output.status.success().then(|| String::from_utf8(output.stdout).unwrap()))
}

/// Our own merge, where there is no conflict.
fn our_merge(by: By, [base, ours, theirs]: [&str; 3]) -> Option<String> {
    let lines = [base, ours, theirs].map(|text| text.split_inclusive('\n').collect::<Vec<_>>());
    let [base, ours, theirs] = &lines;
    let clean = |region: &Region<'_, &str>| match region {
        Region::Clean(lines) => Some(lines.concat()),
        Region::Conflict(_) => None,
    };
    regions(by, base, ours, theirs).unwrap().iter().map(clean).collect()
}

/// A line as in source: some are all over the file.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z]{1,6}\\([a-z]{0,4}\\);".prop_map(|it| format!("    {it}\n")),
        1 => Just("}\n".to_owned()),
        1 => Just("\n".to_owned()),
    ]
}

#[derive(Debug, Clone)]
enum Edit {
    Keep,
    Drop,
    Replace(Vec<String>),
    Before(Vec<String>),
}

fn edit() -> impl Strategy<Value = Edit> {
    let some = || prop::collection::vec(line(), 1..3);
    prop_oneof![
        12 => Just(Edit::Keep),
        1 => Just(Edit::Drop),
        1 => some().prop_map(Edit::Replace),
        1 => some().prop_map(Edit::Before),
    ]
}

/// Base, ours, theirs and both: each side edits lines of its own, with a line between that nobody touched. Where
/// `distinct`, no two lines are equal.
fn disjoint(distinct: bool) -> impl Strategy<Value = [String; 4]> {
    let mut number = 0;
    let named = move |line: String| {
        number += usize::from(distinct);
        if distinct { format!("{} // {number}\n", line.trim_end()) } else { line }
    };
    prop::collection::vec((line(), edit(), any::<bool>()), 0..40).prop_map(move |lines| {
        let (mut texts, mut last) = ([String::new(), String::new(), String::new(), String::new()], None);
        let mut named = named;
        for (line, edit, is_ours) in lines {
            let line = named(line);
            let made = match edit {
                _ if last.is_some_and(|side| side != is_ours) => None,
                Edit::Keep => None,
                Edit::Drop => Some(String::new()),
                Edit::Replace(lines) => Some(lines.into_iter().map(&mut named).collect()),
                Edit::Before(lines) => Some(lines.into_iter().map(&mut named).chain([line.clone()]).collect()),
            };
            last = made.as_ref().map(|_| is_ours);
            let made = made.unwrap_or_else(|| line.clone());
            for (text, edited) in texts.iter_mut().zip([false, is_ours, !is_ours, true]) {
                text.push_str(if edited { &made } else { &line });
            }
        }
        texts
    })
}

proptest! {
    #[test]
    fn disjoint_edits_merge_as_git_merges_them([base, ours, theirs, both] in disjoint(true)) {
        let folder = tempfile::tempdir().unwrap();
        for by in [By::Fewest, By::Rarest] {
            let texts = [base.as_str(), &ours, &theirs];
            let Some(merged) = git_merge(folder.path(), by, texts) else { continue };
            prop_assert_eq!(our_merge(by, texts), merged.clone());
            prop_assert_eq!(merged, Some(both.clone()));
        }
    }
}

proptest! {
    // Where lines are equal, two shortest ways from one text to another may lie at equal hand, and git takes the
    // other one in a few of ten thousand texts: the same ones every time, so that this test is of the code alone.
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(7), cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn disjoint_edits_of_lines_that_repeat_merge_as_git_merges_them([base, ours, theirs, _] in disjoint(false)) {
        let folder = tempfile::tempdir().unwrap();
        for by in [By::Fewest, By::Rarest] {
            let texts = [base.as_str(), &ours, &theirs];
            if let Some(Some(merged)) = git_merge(folder.path(), by, texts) {
                prop_assert_eq!(our_merge(by, texts), Some(merged));
            }
        }
    }
}

/// Three texts, edited without regard to each other.
fn any_three() -> impl Strategy<Value = [String; 3]> {
    let edited = (prop::collection::vec((line(), edit(), edit()), 1..16), any::<[bool; 3]>());
    edited.prop_map(|(lines, ends)| {
        let mut texts = [String::new(), String::new(), String::new()];
        for (line, ours, theirs) in lines {
            for (text, edit) in texts.iter_mut().zip([Edit::Keep, ours, theirs]) {
                match edit {
                    Edit::Keep => text.push_str(&line),
                    Edit::Drop => {}
                    Edit::Replace(lines) => text.push_str(&lines.concat()),
                    Edit::Before(lines) => text.push_str(&format!("{}{line}", lines.concat())),
                }
            }
        }
        for (text, ends) in texts.iter_mut().zip(ends) {
            text.truncate(if ends { text.len() } else { text.trim_end().len() });
        }
        texts
    })
}

fn path() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "a.rs",
        "a.py",
        ".gitignore",
        "CHANGELOG.md",
        "a.md",
        "a.yml",
        "a.json",
        "a.toml",
        "go.mod",
    ])
}

fn merged(path: &str, [base, ours, theirs]: [&str; 3], higher_version: bool) -> Result<Resolution, String> {
    merge(&Versions { path, base, ours, theirs }, By::Rarest, &Labels { ours: "HEAD", theirs: "x" }, higher_version)
}

/// How often a line stands in a text, its last one's end aside.
fn count(text: &str, line: &str) -> usize {
    text.lines().filter(|it| *it == line.trim_end_matches('\n')).count()
}

/// An object of small numbers, as JSON, TOML or YAML writes it.
fn written(path: &str, keys: &BTreeMap<String, u8>) -> String {
    let members = |between: &str, sign: &str, quote: &str| {
        keys.iter().map(|(key, value)| format!("{quote}{key}{quote}{sign}{value}")).collect::<Vec<_>>().join(between)
    };
    match path {
        "a.json" if keys.is_empty() => "{\n}\n".to_owned(),
        "a.json" => format!("{{\n  {}\n}}\n", members(",\n  ", ": ", "\"")),
        "a.toml" => format!("# top\n{}\n", members("\n", " = ", "")),
        _ => format!("z: 0\n{}\n", members("\n", ": ", "")),
    }
}

proptest! {
    #[test]
    fn no_line_that_both_sides_kept_is_lost([base, ours, theirs] in any_three(), path in path()) {
        if let Ok(resolution) = merged(path, [&base, &ours, &theirs], true) {
            // A line that stands once, in all three: both kept it.
            for line in base.lines().filter(|line| [&base, &ours, &theirs].iter().all(|text| count(text, line) == 1)) {
                prop_assert!(count(&resolution.text, line) >= 1, "{line:?} is lost: {resolution:?}");
            }
        }
    }

    #[test]
    fn what_is_left_holds_both_sides_whole([base, ours, theirs] in any_three(), path in path()) {
        if let Ok(resolution) = merged(path, [&base, &ours, &theirs], false) {
            prop_assert!(!resolution.hunks.is_empty());
            prop_assert_eq!(markers::has_markers(&resolution.text), resolution.remaining() > 0);
            if resolution.remaining() == resolution.hunks.len() {
                let (our, their) = sides(&resolution.text).unwrap();
                let plain = |text: &str| text.trim_end_matches('\n').to_owned();
                prop_assert_eq!(plain(&our), plain(&resolution.sides.0));
                prop_assert_eq!(plain(&their), plain(&resolution.sides.1));
            }
            for hunk in resolution.hunks.iter().filter(|hunk| hunk.outcome.is_err()) {
                let line = resolution.text.lines().nth(hunk.line - 1);
                prop_assert_eq!(line, Some("<<<<<<< HEAD"));
            }
        }
    }

    #[test]
    fn one_side_alone_is_no_conflict([base, ours, _] in any_three(), path in path()) {
        prop_assert!(merged(path, [&base, &ours, &base], true).is_err());
        prop_assert!(merged(path, [&base, &base, &ours], true).is_err());
        prop_assert!(merged(path, [&base, &ours, &ours], true).is_err());
    }

    #[test]
    fn the_sides_may_change_places([base, ours, theirs] in any_three(), path in path()) {
        let one = merged(path, [&base, &ours, &theirs], true);
        let other = merged(path, [&base, &theirs, &ours], true);
        // Into how many pieces a rest is cut hangs on which of two equal lines is taken for the same.
        let whole = |made: &Result<Resolution, String>| made.as_ref().ok().map(|made| made.remaining() == 0);
        prop_assert_eq!(whole(&one), whole(&other));
    }

    #[test]
    fn keys_are_merged_as_maps_are(
        base in prop::collection::btree_map("[a-h]", 0u8..4, 0..6),
        ours in prop::collection::btree_map("[a-h]", 0u8..4, 0..6),
        theirs in prop::collection::btree_map("[a-h]", 0u8..4, 0..6),
        path in prop::sample::select(vec!["a.json", "a.toml", "a.yml"]),
    ) {
        let mut expected = Some(BTreeMap::new());
        for key in base.keys().chain(ours.keys()).chain(theirs.keys()) {
            let value = match (base.get(key), ours.get(key), theirs.get(key)) {
                (_, our, their) if our == their => our,
                (from, our, their) if our == from => their,
                (from, our, their) if their == from => our,
                _ => {
                    expected = None;
                    break;
                }
            };
            if let (Some(map), Some(value)) = (&mut expected, value) {
                map.insert(key.clone(), *value);
            }
        }
        let texts = [&base, &ours, &theirs].map(|keys| written(path, keys));
        let texts = texts.each_ref().map(String::as_str);
        if let Ok(resolution) = merged(path, texts, false) && resolution.remaining() == 0 {
            let expected = expected.map(|keys| read(kind(path), path, &written(path, &keys)).unwrap());
            prop_assert_eq!(read(kind(path), path, &resolution.text).ok(), expected);
        }
    }

    #[test]
    fn no_texts_make_it_panic(
        texts in prop::array::uniform3("[a-c\"'`{}\\[\\],:=<>|#! \\-0-9.\r\n\u{e4}]{0,60}"),
        path in path(),
    ) {
        let _ = merged(path, texts.each_ref().map(String::as_str), true);
    }

    #[test]
    fn no_unicode_makes_it_panic(texts in prop::array::uniform3("(\\PC|\n){0,60}"), path in "\\PC{0,12}") {
        let _ = merged(&path, texts.each_ref().map(String::as_str), true);
    }
}
