//! What git's index says of files in conflict, and the versions that it keeps of them.

use super::{Answer, CHECK_ATTR, CONTENTS, LS_FILES, SIZES, Trouble, git};
use std::collections::BTreeMap;

const FILE: &str = "100644";
const EXECUTABLE: &str = "100755";
const LINK: &str = "120000";
const SUBMODULE: &str = "160000";

/// One version of a file in conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Its mode, in octal.
    pub mode: String,
    /// Its object.
    pub oid: String,
}

/// A path with its base, our and their version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmerged {
    /// The path; none where it is not UTF-8.
    pub path: Option<String>,
    /// The path for people.
    pub shown: String,
    /// Base, ours, theirs.
    pub stages: [Option<Stage>; 3],
}

/// A conflict of text alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text<'t> {
    /// Where.
    pub path: &'t str,
    /// Objects of base, ours, theirs.
    pub oids: [&'t str; 3],
    /// The mode that both sides' changes make.
    pub mode: &'t str,
}

impl Unmerged {
    /// The conflict, where it is one of text.
    ///
    /// # Errors
    /// What else it is, in words for people.
    pub fn text(&self) -> Result<Text<'_>, &'static str> {
        let modes = || self.stages.iter().flatten().map(|stage| stage.mode.as_str());
        if modes().any(|mode| mode == SUBMODULE) {
            return Err("a submodule: which commit counts is a person's to say");
        }
        if modes().any(|mode| mode == LINK) {
            return Err("a symbolic link: where it points is a person's to say");
        }
        let [base, ours, theirs] = match self.stages.each_ref().map(Option::as_ref) {
            [Some(base), Some(ours), Some(theirs)] => [base, ours, theirs],
            [None, Some(_), Some(_)] => return Err("added on both sides, so there is no common version"),
            [Some(_), Some(_), None] => return Err("changed on our side and removed, or renamed, on theirs"),
            [Some(_), None, Some(_)] => return Err("removed, or renamed, on our side and changed on theirs"),
            [Some(_), None, None] => return Err("renamed or removed in different ways"),
            _ => return Err("renamed or moved into the way of something else"),
        };
        if modes().any(|mode| mode != FILE && mode != EXECUTABLE) {
            return Err("not a file");
        }
        let mode = if ours.mode == base.mode { &theirs.mode } else { &ours.mode };
        let path = self.path.as_deref().ok_or("its path is not UTF-8")?;
        Ok(Text { path, oids: [&base.oid, &ours.oid, &theirs.oid], mode })
    }
}

/// The files in conflict, in git's order.
///
/// # Errors
/// Git's.
pub fn unmerged() -> Result<Vec<Unmerged>, Trouble> {
    parse(&git(LS_FILES, &["--unmerged"], None)?.ok("ls-files")?)
}

/// The files whose conflict was staged as resolved since the merge began.
///
/// # Errors
/// Git's.
pub fn resolved() -> Result<Vec<Unmerged>, Trouble> {
    parse(&git(LS_FILES, &["--resolve-undo"], None)?.ok("ls-files")?)
}

/// Mode and content of the staged file; none where it is not staged, or in conflict.
///
/// # Errors
/// Git's.
pub fn staged(path: &str, max_bytes: usize) -> Result<Option<(String, Vec<u8>)>, Trouble> {
    let entries = records(&git(LS_FILES, &["--stage", "--", path], None)?.ok("ls-files")?)?;
    let [(stage, 0, _)] = entries.as_slice() else { return Ok(None) };
    let sizes = sizes(&[&stage.oid])?;
    if sizes.get(&stage.oid).is_none_or(|size| *size > max_bytes) {
        return Ok(None);
    }
    let content = contents(&[&stage.oid])?.pop();
    Ok(content.map(|content| (stage.mode.clone(), content)))
}

fn parse(bytes: &[u8]) -> Result<Vec<Unmerged>, Trouble> {
    let mut found: Vec<(Vec<u8>, Unmerged)> = Vec::new();
    for (stage, number, path) in records(bytes)? {
        // The index is in path order.
        if found.last().is_none_or(|(known, _)| *known != path) {
            let shown = String::from_utf8_lossy(&path).chars().filter(|it| !it.is_control()).collect();
            let name = String::from_utf8(path.clone()).ok();
            found.push((path, Unmerged { path: name, shown, stages: [None, None, None] }));
        }
        let slot = number.checked_sub(1).and_then(|number| found.last_mut()?.1.stages.get_mut(number));
        *slot.ok_or_else(|| not_understood("ls-files"))? = Some(stage);
    }
    Ok(found.into_iter().map(|(_, entry)| entry).collect())
}

/// `mode oid stage TAB path NUL`, each.
fn records(bytes: &[u8]) -> Result<Vec<(Stage, usize, Vec<u8>)>, Trouble> {
    let record = |bytes: &[u8]| {
        let tab = bytes.iter().position(|byte| *byte == b'\t')?;
        let mut words = std::str::from_utf8(bytes.get(..tab)?).ok()?.split(' ');
        let (mode, oid, stage) = (words.next()?, words.next()?, words.next()?.parse().ok()?);
        Some((Stage { mode: mode.to_owned(), oid: oid.to_owned() }, stage, bytes.get(tab + 1..)?.to_vec()))
    };
    let pieces = bytes.split(|byte| *byte == 0).filter(|piece| !piece.is_empty());
    pieces.map(|piece| record(piece).ok_or_else(|| not_understood("ls-files"))).collect()
}

fn not_understood(what: &str) -> Trouble {
    Trouble::Failed(format!("what git {what} answers is not understood"))
}

/// Sizes of objects in bytes; an object that is not there has none.
///
/// # Errors
/// Git's.
pub fn sizes(oids: &[&str]) -> Result<BTreeMap<String, usize>, Trouble> {
    let text = git(SIZES, &[], Some(input(oids)))?.ok("cat-file")?;
    let text = String::from_utf8_lossy(&text);
    let size = |line: &str| {
        let mut words = line.split(' ');
        let (oid, kind, size) = (words.next()?, words.next()?, words.next()?.parse().ok()?);
        (kind == "blob").then(|| (oid.to_owned(), size))
    };
    Ok(text.lines().filter_map(size).collect())
}

/// The objects' contents, in order; look at their sizes first.
///
/// # Errors
/// Git's, and where one is not there.
pub fn contents(oids: &[&str]) -> Result<Vec<Vec<u8>>, Trouble> {
    let bytes = git(CONTENTS, &[], Some(input(oids)))?.ok("cat-file")?;
    let mut rest = bytes.as_slice();
    let mut next = |oid: &str| {
        let (head, after) = rest.split_at_checked(rest.iter().position(|byte| *byte == b'\n')?)?;
        let mut words = std::str::from_utf8(head).ok()?.split(' ');
        let (found, kind, size) = (words.next()?, words.next()?, words.next()?.parse::<usize>().ok()?);
        let content = after.get(1..size.checked_add(1)?)?.to_vec();
        rest = after.get(size.checked_add(2)?..)?;
        (found == oid && kind == "blob").then_some(content)
    };
    oids.iter().map(|oid| next(oid).ok_or_else(|| not_understood("cat-file"))).collect()
}

fn input(oids: &[&str]) -> Vec<u8> {
    oids.iter().flat_map(|oid| [*oid, "\n"]).collect::<String>().into_bytes()
}

/// Which of the files git treats specially, so that what is in the index is not what is in the folder, or is not
/// merged by lines; with the reason.
///
/// # Errors
/// Git's.
pub fn special(paths: &[&str]) -> Result<BTreeMap<String, String>, Trouble> {
    let names: String = paths.iter().flat_map(|path| [*path, "\0"]).collect();
    let answer: Answer = git(CHECK_ATTR, &[], Some(names.into_bytes()))?;
    let text = answer.ok("check-attr")?;
    let mut words = text.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
    let mut found = BTreeMap::new();
    while let (Some(path), Some(name), Some(value)) = (words.next(), words.next(), words.next()) {
        let plain = match name.as_str() {
            "merge" => matches!(value.as_str(), "unspecified" | "set" | "text"),
            _ => matches!(value.as_str(), "unspecified" | "unset"),
        };
        if !plain {
            found.insert(path, format!("its attribute `{name}` is `{value}`"));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;
    use proptest::prelude::*;
    use tollgate_sdk::mock::{self, Finished, Programs};

    fn entry(modes: [&str; 3]) -> Unmerged {
        let stage = |mode: &str| (!mode.is_empty()).then(|| Stage { mode: mode.to_owned(), oid: "1".to_owned() });
        Unmerged { path: Some("a".to_owned()), shown: "a".to_owned(), stages: modes.map(stage) }
    }

    #[test]
    fn only_text_is_looked_into() {
        for (modes, expected) in [
            ([FILE, FILE, FILE], Ok(FILE)),
            ([FILE, EXECUTABLE, FILE], Ok(EXECUTABLE)),
            ([EXECUTABLE, EXECUTABLE, FILE], Ok(FILE)),
            (["", FILE, FILE], Err("added on both")),
            ([FILE, FILE, ""], Err("on theirs")),
            ([FILE, "", FILE], Err("on our side")),
            ([FILE, "", ""], Err("renamed")),
            (["", FILE, ""], Err("renamed or moved")),
            ([FILE, LINK, FILE], Err("symbolic link")),
            ([SUBMODULE, SUBMODULE, SUBMODULE], Err("submodule")),
            ([FILE, "040000", FILE], Err("not a file")),
        ] {
            let entry = entry(modes);
            match (entry.text(), expected) {
                (Ok(text), Ok(mode)) => assert_eq!(text.mode, mode),
                (Err(why), Err(part)) => assert!(why.contains(part), "{why}"),
                (other, _) => assert!(other.is_err() && expected.is_err(), "{modes:?}: {other:?}"),
            }
        }
        assert!(Unmerged { path: None, ..entry([FILE; 3]) }.text().is_err());
    }

    #[test]
    fn stages_of_one_path_are_one_entry() {
        let found = parse(b"100644 aa 1\tx y\x00100644 bb 2\tx y\x00100644 cc 3\tz\0").unwrap();
        assert_eq!(found.len(), 2);
        let oids =
            |at: usize| found.get(at).unwrap().stages.iter().flatten().map(|it| it.oid.clone()).collect::<Vec<_>>();
        assert_eq!((oids(0), oids(1)), (vec!["aa".to_owned(), "bb".to_owned()], vec!["cc".to_owned()]));
        let odd = parse(b"100644 aa 1\t\xff\0").unwrap();
        assert_eq!(odd.first().unwrap().path, None);
        for broken in [&b"100644 aa\tx\0"[..], b"100644 aa 4\tx\0", b"100644 aa 0\tx\0", b"x\0"] {
            assert!(parse(broken).is_err());
        }
    }

    fn answers(bytes: &[u8]) {
        let bytes = bytes.to_vec();
        mock::with(|host| host.programs = Programs::played_by(move |_| Ok(Finished::new(0, &bytes, b""))));
    }

    #[test]
    fn contents_that_do_not_fit_are_refused() {
        answers(b"aa blob 3\na\nb\nbb blob 0\n\n");
        assert_eq!(contents(&["aa", "bb"]).unwrap(), [b"a\nb".to_vec(), Vec::new()]);
        assert!(contents(&["bb", "aa"]).is_err());
        assert!(contents(&["aa", "bb", "cc"]).is_err());
        for broken in [&b"aa missing\n"[..], b"aa blob 9\nabc\n", b"aa blob 18446744073709551615\n", b""] {
            answers(broken);
            assert!(contents(&["aa"]).is_err());
        }
        answers(b"aa blob 3\nbb missing\ncc tree 4\n");
        assert_eq!(sizes(&["aa", "bb", "cc"]).unwrap(), BTreeMap::from([("aa".to_owned(), 3)]));
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = parse(&bytes);
            answers(&bytes);
            let _ = (contents(&["aa"]), sizes(&["aa"]), special(&["a"]));
        }
    }
}
