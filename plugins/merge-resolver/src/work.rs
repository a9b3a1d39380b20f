//! The merge from begin to end: each file in conflict resolved as far as it is safe, written, staged, checked.
//! A retry finds the merge in progress and does what is left of it; what is done already is told again, as far as the
//! bounds have room after that.

use crate::folder;
use crate::git::index::{self, Text, Unmerged};
use crate::git::state::{Begun, Merging, begin};
use crate::git::{ADD, COMMIT, Trouble, UNRESOLVE, git};
use crate::lock;
use crate::merge::{By, How, Kind, Labels, Resolution, Told, Versions, kind, merge, sides};
use crate::report::{FileReport, Report, Status};
use crate::request::Request;
use crate::settings::Settings;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// Most files in conflict that are looked at: past it, the branches want a person's eye first.
pub const MAX_FILES: usize = 100;
/// Most bytes of one version of a file: its three versions and the result are in a guest's memory at once.
pub const MAX_FILE_BYTES: usize = 1 << 20;
/// Most bytes of all versions of all files together: two files at their bound take less than the fuel of one call.
pub const MAX_ALL_BYTES: usize = 2 * 3 * MAX_FILE_BYTES;
/// Most bytes of a file with its markers.
const MAX_MARKED_BYTES: usize = 4 * MAX_FILE_BYTES;

/// How git may have laid the versions side by side: as it merges, and where its `diff.algorithm` says otherwise.
const WAYS: [By; 2] = [By::Rarest, By::Fewest];

/// Merges, and says what came of it.
#[must_use]
pub fn run(request: &Request, settings: &Settings) -> Report {
    let report = match begin(request) {
        Ok(Begun::Not(status, why)) => Ok(Report::not(status, why)),
        Ok(Begun::Merging(merging)) => {
            Work { request, settings, merging: &merging, room: Cell::new(MAX_ALL_BYTES) }.run()
        }
        Err(trouble) => Err(trouble),
    };
    let mut report = report.unwrap_or_else(|trouble| Report::not(status(&trouble), trouble.to_string()));
    report.branch = Some(request.branch.clone());
    report
}

fn status(trouble: &Trouble) -> Status {
    match trouble {
        Trouble::NoSession => Status::NoSession,
        Trouble::Denied(_) => Status::Denied,
        Trouble::Failed(_) => Status::Failed,
    }
}

struct Work<'t> {
    request: &'t Request,
    settings: &'t Settings,
    merging: &'t Merging,
    /// Bytes of versions that may still be looked into.
    room: Cell<usize>,
}

/// The versions of a text file in conflict.
struct Loaded {
    base: String,
    ours: String,
    theirs: String,
}

impl Work<'_> {
    fn run(&self) -> Result<Report, Trouble> {
        let mut report = Report {
            status: Status::Clean,
            why: None,
            branch: None,
            target: Some(self.merging.target.clone()),
            taken_up: self.merging.taken_up,
            committed: false,
            files: Vec::new(),
            not_looked_at: 0,
            undo: Some("git merge --abort".to_owned()),
        };
        // From here on there is a merge to undo, whatever goes wrong.
        if let Err(trouble) = self.resolve(&mut report) {
            report.why = Some(trouble.to_string());
            report.status = status(&trouble);
            return Ok(report);
        }
        let conflicts = !report.files.is_empty();
        report.status = match (report.remaining(), conflicts) {
            (0, true) => Status::Resolved,
            (0, false) if self.merging.fast_forward => Status::FastForward,
            (0, false) => Status::Clean,
            _ => Status::Conflicts,
        };
        if report.remaining() == 0 && self.settings.commit {
            self.commit(&mut report);
        }
        Ok(report)
    }

    fn resolve(&self, report: &mut Report) -> Result<(), Trouble> {
        // Looked up before this try stages files of its own.
        let resolved = if self.merging.taken_up { index::resolved()? } else { Vec::new() };
        let entries = index::unmerged()?;
        let done = resolved.into_iter().filter(|done| entries.iter().all(|entry| entry.path != done.path));
        let done: Vec<Unmerged> = done.take(MAX_FILES).collect();
        report.not_looked_at = entries.len().saturating_sub(MAX_FILES);
        let entries: Vec<Unmerged> = entries.into_iter().take(MAX_FILES).collect();
        let paths: Vec<&str> = entries.iter().filter_map(|entry| entry.path.as_deref()).collect();
        let special = if paths.is_empty() { BTreeMap::new() } else { index::special(&paths)? };
        // Locks last: each follows from its manifest.
        let is_lock = |entry: &&Unmerged| entry.path.as_deref().is_some_and(|path| kind(path) == Kind::Lock);
        let (locks, others): (Vec<&Unmerged>, Vec<&Unmerged>) = entries.iter().partition(is_lock);
        let mut open = BTreeSet::new();
        for entry in others.into_iter().chain(locks) {
            let file = self.file(entry, &special, &open);
            open.extend(entry.path.clone().filter(|_| !file.staged));
            report.files.push(file);
        }
        // After the work: it would take the room from what is still in conflict.
        let told = self.tell_again(&done)?;
        report.files.splice(0..0, told);
        Ok(())
    }

    /// Files that an earlier try resolved and staged: what is staged is exactly what this one would.
    fn tell_again(&self, done: &[Unmerged]) -> Result<Vec<FileReport>, Trouble> {
        let mut told = Vec::new();
        for entry in done {
            let Ok(text) = entry.text() else { continue };
            let Ok(loaded) = self.load(&text) else { continue };
            let Some((_, staged)) = index::staged(text.path, MAX_MARKED_BYTES)? else { continue };
            let made = WAYS.into_iter().filter_map(|by| self.merged(&text, &loaded, by).ok());
            let ours = |it: &Resolution| it.remaining() == 0 && it.text.as_bytes() == staged;
            if let Some(resolution) = { made }.find(ours) {
                told.push(FileReport::merged(&entry.shown, resolution.hunks));
            }
        }
        Ok(told)
    }

    /// One file, as far as it goes; any trouble with it leaves it, said.
    fn file(&self, entry: &Unmerged, special: &BTreeMap<String, String>, open: &BTreeSet<String>) -> FileReport {
        let left = |why: String| FileReport::left(&entry.shown, why);
        let asked_for = |path: &String| self.request.only.as_ref().is_none_or(|only| only.contains(path));
        if !entry.path.as_ref().is_none_or(asked_for) {
            return left("not one of the files asked for".to_owned());
        }
        let text = match entry.text() {
            Ok(text) => text,
            Err(why) => return left(why.to_owned()),
        };
        if let Some(why) = special.get(text.path) {
            return left(why.clone());
        }
        match self.load(&text).and_then(|loaded| self.write(&text, &loaded, open)) {
            Ok(hunks) => FileReport::merged(&entry.shown, hunks),
            Err(why) => left(why),
        }
    }

    /// Reads a file's versions.
    fn load(&self, text: &Text<'_>) -> Result<Loaded, String> {
        let sizes = index::sizes(&text.oids).map_err(|error| error.to_string())?;
        if text.oids.iter().any(|oid| sizes.get(*oid).is_none_or(|size| *size > MAX_FILE_BYTES)) {
            return Err(format!("a version of it is larger than {} KiB", MAX_FILE_BYTES / 1024));
        }
        let bytes = text.oids.iter().filter_map(|oid| sizes.get(*oid)).sum();
        let Some(room) = self.room.get().checked_sub(bytes) else {
            let most = MAX_ALL_BYTES / 1024;
            return Err(format!("with it, the versions of all files in conflict are larger than {most} KiB"));
        };
        self.room.set(room);
        let contents = index::contents(&text.oids).map_err(|error| error.to_string())?;
        if contents.iter().any(|bytes| bytes.contains(&0)) {
            return Err("not a text".to_owned());
        }
        let texts = contents.into_iter().map(String::from_utf8).collect::<Result<Vec<_>, _>>();
        let texts = texts.map_err(|_| "a version of it is not UTF-8".to_owned())?;
        let Ok([base, ours, theirs]) = <[String; 3]>::try_from(texts) else {
            return Err("git has not all of its versions".to_owned());
        };
        Ok(Loaded { base, ours, theirs })
    }

    fn merged(&self, text: &Text<'_>, loaded: &Loaded, by: By) -> Result<Resolution, String> {
        let Loaded { base, ours, theirs } = loaded;
        let labels = Labels { ours: "HEAD", theirs: &self.request.branch };
        merge(&Versions { path: text.path, base, ours, theirs }, by, &labels, self.settings.higher_version)
    }

    /// The merge that git's own conflict in the folder, or an earlier try of ours, is of.
    ///
    /// # Errors
    /// Where it is of none: somebody is at it.
    fn as_on_disk(&self, text: &Text<'_>, loaded: &Loaded, on_disk: &OnDisk) -> Result<Resolution, String> {
        let found = sides(&on_disk.text);
        let mut why = None;
        for by in WAYS {
            match self.merged(text, loaded, by) {
                Ok(made) if on_disk.text == made.text => return Ok(made),
                Ok(made) if found.as_ref().is_some_and(|found| same_sides(found, &made.sides)) => return Ok(made),
                Ok(_) => {}
                Err(error) => why = why.or(Some(error)),
            }
        }
        Err(why.unwrap_or_else(|| {
            "the file in the folder is not the conflict that its versions make; somebody is at it".to_owned()
        }))
    }

    /// Writes the result where the file is as git, or an earlier try, left it; stages it where nothing is left.
    fn write(&self, text: &Text<'_>, loaded: &Loaded, open: &BTreeSet<String>) -> Result<Vec<Told>, String> {
        let Loaded { base, ours, theirs } = loaded;
        let found = folder::read(text.path, MAX_MARKED_BYTES)?;
        let on_disk = OnDisk::read(&found, [base, ours, theirs])?;
        let mut resolution = self.as_on_disk(text, loaded, &on_disk)?;
        if on_disk.text != resolution.text {
            if folder::read(text.path, MAX_MARKED_BYTES)? != found {
                return Err("the file changed while it was looked at".to_owned());
            }
            let bytes = on_disk.bytes(&resolution.text);
            folder::write(text.path, &bytes)?;
        }
        if kind(text.path) == Kind::Lock {
            write_anew(text.path, ours, &on_disk, &mut resolution, open);
        }
        if resolution.remaining() == 0 {
            stage(text, &resolution.text)?;
        }
        Ok(resolution.hunks)
    }

    fn commit(&self, report: &mut Report) {
        match git(COMMIT, &[], None).and_then(|answer| answer.ok("commit")) {
            Ok(_) => {
                report.committed = true;
                report.undo = Some(format!("git reset --keep {}", self.merging.head));
            }
            Err(trouble) => report.why = Some(format!("it is not committed: {trouble}")),
        }
    }
}

/// A lock file by its tool; where that fails, the reason in each hunk and the conflict in the folder as before.
fn write_anew(path: &str, ours: &str, on_disk: &OnDisk, resolution: &mut Resolution, open: &BTreeSet<String>) {
    let Some(tool) = lock::tool(path) else { return };
    let manifest = tool.manifest_of(path);
    let made = if open.contains(&manifest) {
        Err(format!("`{manifest}` is in conflict, and the lock follows from it"))
    } else {
        tool.write_anew(path, ours, MAX_FILE_BYTES).map_err(|why| {
            match folder::write(path, &on_disk.bytes(&resolution.text)) {
                Ok(()) => why,
                Err(error) => format!("{why}; and the conflict is not put back: {error}"),
            }
        })
    };
    let outcome = made.map(|made| {
        resolution.text = made;
        How::Tool
    });
    resolution.hunks.iter_mut().for_each(|hunk| hunk.outcome.clone_from(&outcome));
}

/// Stages the file, and checks that what is staged is what was meant; else makes the conflict again.
fn stage(text: &Text<'_>, made: &str) -> Result<(), String> {
    let staged = git(ADD, &[text.path], None)
        .and_then(|answer| answer.ok("add"))
        .and_then(|_| index::staged(text.path, MAX_MARKED_BYTES))
        .map_err(|error| format!("resolved in the folder, and not staged: {error}"))?;
    if staged.is_some_and(|(mode, bytes)| mode == text.mode && bytes == made.as_bytes()) {
        return Ok(());
    }
    let back = git(UNRESOLVE, &[text.path], None).and_then(|answer| answer.ok("checkout"));
    let back = back.map_or_else(|error| format!("is not made again: {error}"), |_| "is made again".to_owned());
    Err(format!("what git staged is not what was written, so the conflict {back}"))
}

/// The file in the folder, with git's line ends taken back.
struct OnDisk {
    text: String,
    returns: bool,
}

impl OnDisk {
    fn read(bytes: &[u8], versions: [&str; 3]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "the file in the folder is not UTF-8".to_owned())?;
        let ends = text.matches('\n').count();
        let returns = ends > 0 && text.matches("\r\n").count() == ends && !versions.iter().any(|it| it.contains('\r'));
        Ok(Self { text: if returns { text.replace("\r\n", "\n") } else { text.to_owned() }, returns })
    }

    /// `text` as it is written.
    fn bytes(&self, text: &str) -> Vec<u8> {
        if self.returns { text.replace('\n', "\r\n").into_bytes() } else { text.as_bytes().to_vec() }
    }
}

/// Whether git's conflict and ours are of the same merge: where one side is put into every conflict, the texts are
/// equal. An edit by anybody since shows in one of the two. Git may end a last line that has no end.
fn same_sides(found: &(String, String), ours: &(String, String)) -> bool {
    let plain = |text: &str| text.strip_suffix('\n').unwrap_or(text).to_owned();
    plain(&found.0) == plain(&ours.0) && plain(&found.1) == plain(&ours.1)
}
