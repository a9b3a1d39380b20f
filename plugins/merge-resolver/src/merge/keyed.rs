//! Hunks of JSON, TOML and YAML. What both sides mean is merged by key; a text made of both sides' lines is taken
//! only where it says exactly that. So layout and comments stay, and nothing is taken on its looks.

use super::diff3::{Hunk, Order, Region, weave};
use super::hunk::{How, MAX_HUNK_LINES};
use super::kind::{Kind, file_name};
use super::tokens::tokens;
use super::tree::{Merge, read};
use super::version::higher_lines;
use super::words::speaks_of_the_other;

/// Most bytes that the hunks of a file may make the parsers read, counted as hunks times size: a third of the fuel of
/// one merge, for YAML.
pub const MAX_PARSED_BYTES: usize = 1 << 20;

/// A hunk's lines merged, or why they are not.
pub type Judged = Result<(Vec<String>, How), String>;

/// The file whose hunks are judged.
#[derive(Debug, Clone, Copy)]
pub struct Keyed<'t> {
    /// How it is read: JSON, TOML or YAML.
    pub kind: Kind,
    /// Its path.
    pub path: &'t str,
    /// Its regions.
    pub regions: &'t [Region<'t, &'t str>],
    /// Whether the operator wants the higher of two versions.
    pub higher_version: bool,
}

/// What stands in the place of a hunk.
#[derive(Debug, Clone, Copy)]
enum Filling<'m> {
    Base,
    Ours,
    Theirs,
    Lines(&'m [String]),
}

impl Keyed<'_> {
    /// Judges each hunk by itself, then all that were resolved together.
    #[must_use]
    pub fn judge(&self) -> Vec<Judged> {
        let hunks = self.hunks().count();
        let bytes = self.text(|_| Filling::Ours).len();
        if hunks.saturating_mul(bytes) > MAX_PARSED_BYTES {
            return vec![Err("the file is too large to be compared by key so often".to_owned()); hunks];
        }
        let judged: Vec<Judged> =
            self.hunks().enumerate().map(|(at, (region, hunk))| self.judge_one(at, region, hunk)).collect();
        let made = |at: usize| judged.get(at).and_then(|it| it.as_ref().ok()).map(|(lines, _)| lines.as_slice());
        match self.proves(made) {
            Ok(()) => judged,
            Err(why) => {
                judged.into_iter().map(|it| it.and_then(|_| Err(format!("with the other hunks: {why}")))).collect()
            }
        }
    }

    fn hunks(&self) -> impl Iterator<Item = (usize, &Hunk<'_, &str>)> {
        self.regions.iter().enumerate().filter_map(|(at, region)| match region {
            Region::Conflict(hunk) => Some((at, hunk)),
            Region::Clean(_) => None,
        })
    }

    fn judge_one(&self, at: usize, region: usize, hunk: &Hunk<'_, &str>) -> Judged {
        if [hunk.base.len(), hunk.ours.len(), hunk.theirs.len()].iter().any(|lines| *lines > MAX_HUNK_LINES) {
            return Err("it is too long to be looked into".to_owned());
        }
        let mut why = None;
        for (lines, how) in self.candidates(hunk, self.line_after(region)) {
            match self.proves(|other| (other == at).then_some(lines.as_slice())) {
                Ok(()) => return Ok((lines, how)),
                Err(said) => why = why.or(Some(said)),
            }
        }
        // Without a candidate, what both sides mean still says why.
        let none = || self.proves(|other| (other == at).then_some(&[] as &[String])).err();
        Err(why.or_else(none).unwrap_or_else(|| "both sides changed the same lines in different ways".to_owned()))
    }

    /// Whether the text with these hunks merged, and ours in the others, says what both sides mean.
    fn proves<'m>(&self, made: impl Fn(usize) -> Option<&'m [String]>) -> Result<(), String> {
        // What is not asked about is ours in every version, so it cancels out.
        let version = |filling: Filling<'m>| self.text(|at| made(at).map_or(Filling::Ours, |_| filling));
        let texts = [("common", Filling::Base), ("our", Filling::Ours), ("their", Filling::Theirs)];
        let [base, ours, theirs] = texts.map(|(name, filling)| {
            read(self.kind, self.path, &version(filling))
                .map_err(|error| format!("the {name} version cannot be compared: {error}"))
        });
        let merge = Merge { file: file_name(self.path), higher_version: self.higher_version };
        let meant = merge.merge(&base?, &ours?, &theirs?).map_err(|path| format!("both sides changed `{path}`"))?;
        let text = self.text(|at| made(at).map_or(Filling::Ours, Filling::Lines));
        match read(self.kind, self.path, &text) {
            Ok(said) if said == meant => Ok(()),
            Ok(_) => Err("both sides' lines together do not say what both sides mean".to_owned()),
            Err(error) => Err(format!("both sides' lines together cannot be read: {error}")),
        }
    }

    fn text<'m>(&self, filling: impl Fn(usize) -> Filling<'m>) -> String {
        let (mut text, mut at) = (String::new(), 0);
        for region in self.regions {
            match region {
                Region::Clean(lines) => text.extend(lines.iter().copied()),
                Region::Conflict(hunk) => {
                    match filling(at) {
                        Filling::Lines(lines) => text.extend(lines.iter().map(String::as_str)),
                        Filling::Base => text.extend(hunk.base.iter().copied()),
                        Filling::Ours => text.extend(hunk.ours.iter().copied()),
                        Filling::Theirs => text.extend(hunk.theirs.iter().copied()),
                    }
                    at += 1;
                }
            }
        }
        text
    }

    /// The first line after a region that is more than blanks.
    fn line_after(&self, region: usize) -> Option<&str> {
        let lines = self.regions.iter().skip(region + 1).flat_map(|region| match region {
            Region::Clean(lines) => *lines,
            Region::Conflict(hunk) => hunk.ours,
        });
        lines.copied().find(|line| !line.trim().is_empty())
    }

    /// Texts that hold what both sides wrote, the likeliest first.
    fn candidates(&self, hunk: &Hunk<'_, &str>, after: Option<&str>) -> Vec<(Vec<String>, How)> {
        let mut found = Vec::new();
        let json = self.kind == Kind::Json;
        // A comma after the last member but one says nothing of the members.
        let bare = |lines: &[&str]| lines.iter().map(|line| without_comma(line, json)).collect::<Vec<_>>();
        let (base, ours, theirs) = (bare(hunk.base), bare(hunk.ours), bare(hunk.theirs));
        for order in [None, Some(Order::OursFirst), Some(Order::TheirsFirst)] {
            let made = weave(&base, &ours, &theirs, order);
            found.extend(made.map(|lines| (if json { with_commas(lines, after) } else { lines }, How::Keys)));
        }
        found.extend(words_woven(hunk).map(|lines| (lines, How::Keys)));
        found.extend(higher_lines(hunk).filter(|_| self.higher_version).map(|lines| (lines, How::Version)));
        if json {
            // No comment is lost: one side changed the layout alone.
            let owned = |lines: &[&str]| (lines.iter().map(|line| (*line).to_owned()).collect(), How::Whitespace);
            found.extend([owned(hunk.theirs), owned(hunk.ours)]);
        }
        found
    }
}

/// Line for line, both sides' words wherever they overlap nowhere: whether that is right, the meaning says.
fn words_woven(hunk: &Hunk<'_, &str>) -> Option<Vec<String>> {
    let lines = hunk.base.iter().zip(hunk.ours).zip(hunk.theirs);
    let woven = lines.map(|((base, ours), theirs)| {
        let made = weave(&tokens(base)?, &tokens(ours)?, &tokens(theirs)?, None)?.concat();
        (!speaks_of_the_other(base, ours, theirs)).then_some(made)
    });
    let paired = hunk.base.len() == hunk.ours.len() && hunk.base.len() == hunk.theirs.len();
    woven.collect::<Option<_>>().filter(|_| paired)
}

/// The line without the comma at its end, where it is JSON's.
fn without_comma(line: &str, json: bool) -> String {
    let text = line.trim_end();
    match text.strip_suffix(',').filter(|_| json) {
        Some(bare) => format!("{bare}{}", line.get(text.len()..).unwrap_or_default()),
        None => line.to_owned(),
    }
}

/// The lines with a comma between two members or items, and none after the last.
fn with_commas(lines: Vec<String>, after: Option<&str>) -> Vec<String> {
    let nexts: Vec<Option<String>> = (1..=lines.len())
        .map(|at| {
            let rest = lines.iter().skip(at).map(String::as_str).chain(after);
            rest.map(str::trim_start).find(|line| !line.is_empty()).map(str::to_owned)
        })
        .collect();
    let mended = lines.into_iter().zip(nexts).map(|(line, next)| {
        let text = line.trim_end();
        let goes_on = next.is_some_and(|next| !next.starts_with(['}', ']']));
        let ends = !text.trim_start().is_empty() && !text.ends_with([',', '{', '[', ':']);
        if goes_on && ends { format!("{text},{}", line.get(text.len()..).unwrap_or_default()) } else { line }
    });
    mended.collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;
    use crate::merge::diff::By;
    use crate::merge::diff3::regions;

    fn judged(path: &str, texts: [&str; 3], higher_version: bool) -> (Vec<Judged>, String) {
        let lines = texts.map(|text| text.split_inclusive('\n').collect::<Vec<_>>());
        let [base, ours, theirs] = &lines;
        let regions = regions(By::Rarest, base, ours, theirs).unwrap();
        let kind = crate::merge::kind::kind(path);
        let keyed = Keyed { kind, path, regions: &regions, higher_version };
        let judged = keyed.judge();
        let text = keyed.text(|at| {
            judged.get(at).unwrap().as_ref().map_or(Filling::Ours, |(lines, _)| Filling::Lines(lines.as_slice()))
        });
        (judged, text)
    }

    fn check(path: &str, texts: [&str; 3], expected: Result<&str, &str>) {
        let (judged, text) = judged(path, texts, false);
        assert!(!judged.is_empty(), "no hunk: {texts:?}");
        let why = judged.iter().find_map(|it| it.as_ref().err());
        match expected {
            Ok(expected) => assert_eq!((text.as_str(), why), (expected, None)),
            Err(part) => assert!(why.is_some_and(|why| why.contains(part)), "{texts:?}: {why:?} {text}"),
        }
    }

    #[test]
    fn both_sides_add_members() {
        check(
            "package.json",
            [
                "{\n  \"d\": {\n    \"a\": \"1\"\n  }\n}\n",
                "{\n  \"d\": {\n    \"a\": \"1\",\n    \"b\": \"1\"\n  }\n}\n",
                "{\n  \"d\": {\n    \"a\": \"1\",\n    \"c\": \"1\"\n  }\n}\n",
            ],
            Ok("{\n  \"d\": {\n    \"a\": \"1\",\n    \"b\": \"1\",\n    \"c\": \"1\"\n  }\n}\n"),
        );
        check(
            "Cargo.toml",
            [
                "[dependencies]\n# kept\n[x]\n",
                "[dependencies]\na = \"1\" # why\n# kept\n[x]\n",
                "[dependencies]\nb = { version = \"2\" }\n# kept\n[x]\n",
            ],
            Ok("[dependencies]\na = \"1\" # why\nb = { version = \"2\" }\n# kept\n[x]\n"),
        );
        check(
            "ci.yml",
            ["env:\n  A: 1\n", "env:\n  A: 1\n  B: 2\n", "env:\n  A: 1\n  C: 3\n"],
            Ok("env:\n  A: 1\n  B: 2\n  C: 3\n"),
        );
    }

    #[test]
    fn the_order_is_the_one_that_says_what_both_mean() {
        // Ours opens a table; after it, their key would be in the wrong one.
        let texts = ["[a]\nx = 1\n", "[a]\nx = 1\n[b]\ny = 1\n", "[a]\nx = 1\nz = 2\n"];
        check("x.toml", texts, Ok("[a]\nx = 1\nz = 2\n[b]\ny = 1\n"));
    }

    #[test]
    fn one_line_changed_by_both() {
        check(
            "Cargo.toml",
            [
                "[dependencies]\ns = { version = \"1\", optional = true }\n",
                "[dependencies]\ns = { version = \"2\", optional = true }\n",
                "[dependencies]\ns = { version = \"1\", optional = true, path = \"x\" }\n",
            ],
            Ok("[dependencies]\ns = { version = \"2\", optional = true, path = \"x\" }\n"),
        );
        check("x.json", ["{\"a\": 1}\n", "{\"a\": 1, \"b\": 2}\n", "{\"a\": 3}\n"], Ok("{\"a\": 3, \"b\": 2}\n"));
    }

    #[test]
    fn neighbours_removed_and_changed() {
        let texts = ["{\n\"a\": 1,\n\"b\": 2\n}\n", "{\n\"a\": 1\n}\n", "{\n\"a\": 3,\n\"b\": 2\n}\n"];
        check("x.json", texts, Ok("{\n\"a\": 3\n}\n"));
    }

    #[test]
    fn layout_alone_is_no_meaning() {
        let texts = ["{\"a\": 1}\n", "{\n  \"a\": 1\n}\n", "{\"a\": 2}\n"];
        check("x.json", texts, Ok("{\"a\": 2}\n"));
        // In YAML a comment would go with it, or tell of what is no more.
        check("x.yml", ["a: 1\n", "a: 1 # why\n", "a: 2\n"], Err("both sides' lines together"));
        check("x.yml", ["a: 1\nb: 1\n", "a: 1 # why\nb: 1\n", "a: 1\nb: 2\n"], Ok("a: 1 # why\nb: 2\n"));
        check("x.yml", ["a: 1\n", "a: +1 # why\n", "a: 2\n"], Err("both sides' lines together"));
    }

    #[test]
    fn the_same_key_stays_a_conflict() {
        check("x.json", ["{\"a\": 1}\n", "{\"a\": 2}\n", "{\"a\": 3}\n"], Err("both sides changed `a`"));
        check("x.toml", ["", "a = 1\n", "a = 2\n"], Err("both sides changed `a`"));
        check("x.yml", ["l:\n- a\n", "l:\n- a\n- b\n", "l:\n- a\n- c\n"], Err("both sides changed `l`"));
        check("x.json", ["{}\n", "{\"a\": 1,}\n", "{\"b\": 1}\n"], Err("our version cannot be compared"));
    }

    #[test]
    fn a_hunk_is_judged_by_itself() {
        let text = |a: &str, more: &str| format!("{{\n\"a\": {a},\n\"m\": 0,\n\"n\": 0,\n\"k\": 1{more}\n}}\n");
        let texts = [text("1", ""), text("2", ",\n\"x\": 1"), text("3", ",\n\"y\": 1")];
        let (judged, made) = judged("x.json", texts.each_ref().map(String::as_str), false);
        assert!(judged.first().unwrap().as_ref().is_err_and(|why| why.contains("`a`")), "{judged:?}");
        assert_eq!(made, text("2", ",\n\"x\": 1,\n\"y\": 1"));
    }

    #[test]
    fn versions_only_where_wanted() {
        let texts = ["v = \"1.0.0\"\n", "v = \"1.0.1\"\n", "v = \"1.1.0\"\n"];
        check("x.toml", texts, Err("both sides changed `v`"));
        assert_eq!(judged("x.toml", texts, true).1, "v = \"1.1.0\"\n");
    }

    #[test]
    fn too_much_to_parse_is_left() {
        let long = "x".repeat(MAX_PARSED_BYTES / 2);
        let texts = ["1", "2", "3"].map(|it| format!("a = {it}\nlong = \"{long}\"\nb = {it}\n"));
        let texts = texts.each_ref().map(String::as_str);
        check("x.toml", texts, Err("too large to be compared"));
        // At the bound it is judged.
        let short = texts.map(|text| text.replace(&long, long.get(100..).unwrap()));
        check("x.toml", short.each_ref().map(String::as_str), Err("both sides changed `a`"));
    }
}
