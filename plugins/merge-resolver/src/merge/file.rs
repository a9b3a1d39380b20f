//! One file: its hunks resolved or left, the result checked as a whole, the text to write. Pure: no git, no host.

use super::brackets::still_fit;
use super::diff::{By, Change, changes_by};
use super::diff3::{Hunk, Region, regions, regions_of};
use super::doubts::{Changed, Merged, doubt};
use super::hunk::{Around, How, resolve};
use super::keyed::{Judged, Keyed};
use super::kind::{Kind, kind};
use super::markers::{Labels, has_markers, write};
use super::whitespace::idle;
use crate::cut::cut;

/// Most hunks of one file: past it the sides are two files of one name.
pub const MAX_HUNKS: usize = 200;

/// Most bytes of one version of a hunk that are told: what is told of all files is in memory at once.
pub const MAX_SIDE_BYTES: usize = 2 * 1_024;

/// The three versions of a file in conflict.
#[derive(Debug, Clone, Copy)]
pub struct Versions<'t> {
    /// Where it is.
    pub path: &'t str,
    /// What both started from.
    pub base: &'t str,
    /// Our version.
    pub ours: &'t str,
    /// Theirs.
    pub theirs: &'t str,
}

/// What became of one hunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its first line in the result, from 1: the opening marker's where it is left.
    pub line: usize,
    /// How it was resolved, or why not.
    pub outcome: Result<How, String>,
    /// What both started from, cut.
    pub base: String,
    /// What our side made of it, cut.
    pub ours: String,
    /// What their side made of it, cut.
    pub theirs: String,
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// The text to write; with markers where a hunk is left.
    pub text: String,
    /// Its hunks in order; at least one.
    pub hunks: Vec<Told>,
    /// The merge with our side in every hunk, and with theirs: what git's own text of the conflict must agree with.
    pub sides: (String, String),
}

impl Resolution {
    /// How many hunks are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.hunks.iter().filter(|hunk| hunk.outcome.is_err()).count()
    }
}

/// Merges a file, its versions laid side by side as `by` says.
///
/// # Errors
/// Why the file was not looked into, in words for people.
pub fn merge(versions: &Versions<'_>, by: By, labels: &Labels<'_>, higher_version: bool) -> Result<Resolution, String> {
    let texts = [versions.base, versions.ours, versions.theirs];
    if texts.iter().any(|text| has_markers(text)) {
        return Err("a version of it has lines that look like conflict markers".to_owned());
    }
    let whole = texts.map(complete);
    match merge_texts(versions, whole.each_ref().map(String::as_str), by, labels, higher_version)? {
        Some(resolution) => Ok(resolution),
        // Then it is one of the end of the last line, which git takes for a part of it.
        None => match merge_texts(versions, texts, by, labels, higher_version)? {
            // A conflict could not be written as git does: its markers begin lines of their own.
            Some(resolution) if resolution.remaining() > 0 => Err("its last line ends in different ways".to_owned()),
            Some(resolution) => Ok(resolution),
            None => Err("line by line there is no conflict, and yet git reports one".to_owned()),
        },
    }
}

/// Merges the texts, the file's versions as they are to be compared; none where there is no conflict.
fn merge_texts(
    versions: &Versions<'_>,
    texts: [&str; 3],
    by: By,
    labels: &Labels<'_>,
    higher_version: bool,
) -> Result<Option<Resolution>, String> {
    let [base, ours, theirs] = texts.map(|text| text.split_inclusive('\n').collect::<Vec<_>>());
    let changes = [changes_by(by, &base, &ours), changes_by(by, &base, &theirs)];
    let [Some(by_us), Some(by_them)] = changes else {
        return Err("the versions are too far apart to be compared line by line".to_owned());
    };
    let regions = regions_of([&by_us, &by_them], &base, &ours, &theirs).ok_or("its changes do not fit")?;
    let hunks = regions.iter().filter(|region| matches!(region, Region::Conflict(_))).count();
    match hunks {
        0 => return Ok(None),
        1..=MAX_HUNKS => {}
        _ => return Err(format!("it has {hunks} conflicts, more than {MAX_HUNKS}")),
    }
    let file = File { versions, by, kind: kind(versions.path), regions: &regions, higher_version };
    let judged = file.judge();
    let checked = match file.check(&judged, &base, [&by_us, &by_them]) {
        Ok(()) => judged,
        Err(why) => judged.into_iter().map(|it| it.and_then(|_| Err(why.clone()))).collect(),
    };
    let mut resolution = file.write(&checked, labels);
    // A marker's line always ends, and so does a last line that is empty: without its end it would not be there.
    let last = resolution.text.lines().last().unwrap_or_default();
    if !versions.final_newline() && !last.is_empty() && !has_markers(last) {
        let length = resolution.text.trim_end_matches(['\n', '\r']).len();
        resolution.text.truncate(length);
    }
    Ok(Some(resolution))
}

impl Versions<'_> {
    /// Whether the merged text ends its last line: where the sides differ, one of them changed it.
    fn final_newline(&self) -> bool {
        let [base, ours, theirs] =
            [self.base, self.ours, self.theirs].map(|text| text.is_empty() || text.ends_with('\n'));
        if ours == base { theirs } else { ours }
    }
}

/// The text with its last line ended as the first is, so that an added line is nobody's change of the one before.
pub fn complete(text: &str) -> String {
    let end = match text.split_inclusive('\n').next() {
        Some(first) if first.ends_with("\r\n") => "\r\n",
        _ => "\n",
    };
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { end };
    format!("{text}{end}")
}

struct File<'t> {
    versions: &'t Versions<'t>,
    by: By,
    kind: Kind,
    regions: &'t [Region<'t, &'t str>],
    higher_version: bool,
}

impl File<'_> {
    fn judge(&self) -> Vec<Judged> {
        match self.kind {
            Kind::Json | Kind::Toml | Kind::Yaml => {
                let Self { versions, kind, regions, higher_version, .. } = *self;
                Keyed { kind, path: versions.path, regions, higher_version }.judge()
            }
            Kind::Lock => self.hunks().map(|_| Err("a lock file is its own tool's to write".to_owned())).collect(),
            _ => self.judge_lines(),
        }
    }

    fn hunks(&self) -> impl Iterator<Item = &Hunk<'_, &str>> {
        self.regions.iter().filter_map(|region| match region {
            Region::Conflict(hunk) => Some(hunk),
            Region::Clean(_) => None,
        })
    }

    fn judge_lines(&self) -> Vec<Judged> {
        let Versions { base, ours, theirs, .. } = *self.versions;
        let order_matters = [ours, theirs].iter().any(|text| text.lines().any(|line| line.starts_with('!')));
        let blanks = idle(self.kind, [base, ours, theirs]);
        let (mut before, mut judged) = (Vec::new(), Vec::new());
        for (at, region) in self.regions.iter().enumerate() {
            match region {
                Region::Clean(lines) => before.extend_from_slice(lines),
                Region::Conflict(hunk) => {
                    let Self { kind, higher_version, .. } = *self;
                    let after = clean_after(self.regions, at);
                    let around = Around { kind, before: &before, after, blanks, order_matters, higher_version };
                    let made =
                        if hunk.is_complete() { resolve(hunk, &around) } else { resolve_end(self.by, hunk, &around) };
                    judged.push(made.map_err(str::to_owned));
                    before.extend_from_slice(hunk.ours);
                }
            }
        }
        judged
    }

    /// What must hold of the text, whichever side a hunk that is left gets in the end.
    fn check(&self, judged: &[Judged], base: &[&str], changed: [&[Change]; 2]) -> Result<(), String> {
        let Versions { ours, theirs, .. } = *self.versions;
        let with = |side: for<'h> fn(&'h Hunk<'_, &'h str>) -> &'h [&'h str]| self.text(judged, side);
        let texts = [with(|hunk| hunk.ours), with(|hunk| hunk.theirs)];
        let nests = matches!(self.kind, Kind::Code(_) | Kind::GoMod | Kind::Other);
        let language = match self.kind {
            Kind::Code(language) => Some(language),
            _ => None,
        };
        let resolved = judged.iter().any(Result::is_ok);
        if resolved && (language.is_some() || self.kind == Kind::Other) {
            let [by_us, by_them] = changed;
            let changed = Changed { base, ours: (ours, by_us), theirs: (theirs, by_them) };
            let merged = Merged { decided: &with(|_| &[]), either: texts.each_ref().map(String::as_str) };
            if let Some(why) = doubt(language, &changed, &merged) {
                return Err(why);
            }
        }
        for text in &texts {
            if !keeps(base, changed, text) {
                return Err("merged, a line that both sides kept would be gone".to_owned());
            }
            if nests && !still_fit(ours, theirs, text) {
                return Err("merged, the brackets would not fit any more".to_owned());
            }
        }
        Ok(())
    }

    /// The text with the resolved hunks, and one side's in the others.
    fn text(&self, judged: &[Judged], side: for<'h> fn(&'h Hunk<'_, &'h str>) -> &'h [&'h str]) -> String {
        let mut judged = judged.iter();
        let mut text = String::new();
        for region in self.regions {
            match region {
                Region::Clean(lines) => text.extend(lines.iter().copied()),
                Region::Conflict(hunk) => match judged.next() {
                    Some(Ok((lines, _))) => text.extend(lines.iter().map(String::as_str)),
                    _ => text.extend(side(hunk).iter().copied()),
                },
            }
        }
        text
    }

    fn write(&self, judged: &[Judged], labels: &Labels<'_>) -> Resolution {
        let (mut text, mut line, mut hunks) = (String::new(), 1, Vec::new());
        let mut outcomes = judged.iter();
        for region in self.regions {
            let start = text.len();
            match region {
                Region::Clean(lines) => text.extend(lines.iter().copied()),
                Region::Conflict(hunk) => {
                    let (outcome, before) = match outcomes.next() {
                        Some(Ok((lines, how))) => {
                            text.extend(lines.iter().map(String::as_str));
                            (Ok(*how), 0)
                        }
                        Some(Err(why)) => (Err(why.clone()), write(&mut text, hunk, labels)),
                        None => (Err("it was not looked at".to_owned()), write(&mut text, hunk, labels)),
                    };
                    let [base, ours, theirs] =
                        [hunk.base, hunk.ours, hunk.theirs].map(|lines| cut(&lines.concat(), MAX_SIDE_BYTES));
                    hunks.push(Told { line: line + before, outcome, base, ours, theirs });
                }
            }
            line += text.get(start..).unwrap_or_default().matches('\n').count();
        }
        let sides = (self.text(&[], |hunk| hunk.ours), self.text(&[], |hunk| hunk.theirs));
        Resolution { text, hunks, sides }
    }
}

/// The lines after a hunk, as far as both sides have them.
fn clean_after<'r, 't>(regions: &'r [Region<'t, &'t str>], hunk: usize) -> &'r [&'t str] {
    match regions.get(hunk + 1) {
        Some(Region::Clean(lines)) => lines,
        Some(Region::Conflict(_)) | None => &[],
    }
}

/// A hunk at the end of the file, where a side's last line has no end: with all of them ended, its changes may not
/// touch any more.
fn resolve_end(by: By, hunk: &Hunk<'_, &str>, around: &Around<'_>) -> Result<(Vec<String>, How), &'static str> {
    let whole = [hunk.base, hunk.ours, hunk.theirs].map(|lines| complete(&lines.concat()));
    let [base, ours, theirs] = whole.each_ref().map(|text| text.split_inclusive('\n').collect::<Vec<_>>());
    let (mut made, mut how) = (Vec::new(), How::OneSided);
    let regions = regions(by, &base, &ours, &theirs).ok_or("its lines are too far apart")?;
    let mut before = around.before.to_vec();
    for (at, region) in regions.iter().enumerate() {
        match region {
            Region::Clean(lines) => {
                made.extend(lines.iter().map(|line| (*line).to_owned()));
                before.extend_from_slice(lines);
            }
            Region::Conflict(hunk) => {
                let around = Around { before: &before, after: clean_after(&regions, at), ..*around };
                let (lines, by_rule) = resolve(hunk, &around)?;
                made.extend(lines);
                how = by_rule;
                before.extend_from_slice(hunk.ours);
            }
        }
    }
    Ok((made, how))
}

/// Whether every line of `base` that both sides kept is in `text`, in order.
fn keeps(base: &[&str], changed: [&[Change]; 2], text: &str) -> bool {
    let mut kept = vec![true; base.len()];
    for change in changed.into_iter().flatten() {
        for line in kept.get_mut(change.base.clone()).into_iter().flatten() {
            *line = false;
        }
    }
    let mut lines = text.split_inclusive('\n');
    base.iter().zip(kept).filter(|(_, kept)| *kept).all(|(line, _)| lines.any(|other| other == *line))
}
