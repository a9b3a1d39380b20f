//! Where a path really leads: `~`, relative paths, `..` and symlinks, through the file system it is given.
//!
//! Owns resolution. Knows nothing of roots or rules.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Most questions to the file system about one call. Lines that people and agents write ask a few; sixteen folders
/// times thirty thousand words would take a minute.
pub const MAX_LOOKS: usize = 4_096;

/// What one process has open, in its folder below `/proc`.
pub(super) const OF_PROCESS: [&str; 4] = ["cwd", "root", "fd", "map_files"];

/// What lies at a path itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Nothing, or nothing that may be seen.
    Missing,
    /// A symlink, leading anywhere or nowhere.
    Link,
    /// Anything else.
    Plain,
}

/// The file system as far as the gate looks at it.
pub trait Paths: Send + Sync {
    /// The real path of something that exists, every symlink followed; none where it does not exist.
    fn real(&self, path: &Path) -> Option<PathBuf>;
    /// What the last component itself is, a symlink not followed.
    fn look(&self, path: &Path) -> Look;
    /// Whether it is a folder, every symlink followed.
    fn is_folder(&self, _path: &Path) -> bool {
        false
    }
    /// The home folder of the user that agents run as.
    fn home(&self) -> Option<PathBuf>;
    /// Whether it was asked so much that it answers no more.
    fn is_exhausted(&self) -> bool {
        false
    }
}

/// The machine's own file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemPaths;

impl Paths for SystemPaths {
    fn real(&self, path: &Path) -> Option<PathBuf> {
        path.canonicalize().ok()
    }
    fn look(&self, path: &Path) -> Look {
        match path.symlink_metadata() {
            Ok(data) if data.is_symlink() => Look::Link,
            Ok(_) => Look::Plain,
            Err(_) => Look::Missing,
        }
    }
    fn is_folder(&self, path: &Path) -> bool {
        path.is_dir()
    }
    fn home(&self) -> Option<PathBuf> {
        std::env::home_dir().filter(|home| home.is_absolute())
    }
}

/// A file system that is asked once per path, and no more than [`MAX_LOOKS`] times: the stages of one call look at
/// the same folders again and again. Lives as long as one call, so that it never tells of yesterday's links.
///
/// Where a folder's real path is known, a name in it costs one look, not one for each folder above it.
pub(super) struct Remembered<'a> {
    paths: &'a dyn Paths,
    known: Mutex<Known>,
    looks: AtomicUsize,
}

#[derive(Default)]
struct Known {
    // By their bytes: a path is hashed part by part.
    real: HashMap<OsString, Option<PathBuf>>,
    looked: HashMap<OsString, Look>,
    folders: HashMap<OsString, bool>,
}

/// The file system is not asked any more.
struct Exhausted;

impl<'a> Remembered<'a> {
    pub fn new(paths: &'a dyn Paths) -> Self {
        Self { paths, known: Mutex::default(), looks: AtomicUsize::new(0) }
    }

    /// Counts one question.
    fn may_look(&self) -> Result<(), Exhausted> {
        if self.looks.fetch_add(1, Ordering::Relaxed) < MAX_LOOKS { Ok(()) } else { Err(Exhausted) }
    }

    fn find(&self, known: &mut Known, path: &Path) -> Result<Option<PathBuf>, Exhausted> {
        if let Some(real) = known.real.get(path.as_os_str()) {
            return Ok(real.clone());
        }
        let real = match path.parent().zip(path.file_name()) {
            Some((folder, name)) => match self.whole(known, folder)? {
                Some(folder) => {
                    let place = folder.join(name);
                    match self.look_at(known, &place)? {
                        Look::Missing => None,
                        Look::Plain => Some(place),
                        Look::Link => self.whole(known, &place)?,
                    }
                }
                None => None,
            },
            None => self.whole(known, path)?,
        };
        known.real.insert(path.into(), real.clone());
        Ok(real)
    }

    /// Asks the file system for the whole path where it is not known.
    fn whole(&self, known: &mut Known, path: &Path) -> Result<Option<PathBuf>, Exhausted> {
        if let Some(real) = known.real.get(path.as_os_str()) {
            return Ok(real.clone());
        }
        self.may_look()?;
        let real = self.paths.real(path);
        known.real.insert(path.into(), real.clone());
        Ok(real)
    }

    fn look_at(&self, known: &mut Known, path: &Path) -> Result<Look, Exhausted> {
        if let Some(look) = known.looked.get(path.as_os_str()) {
            return Ok(*look);
        }
        self.may_look()?;
        let look = self.paths.look(path);
        known.looked.insert(path.into(), look);
        Ok(look)
    }
}

impl Paths for Remembered<'_> {
    fn real(&self, path: &Path) -> Option<PathBuf> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever asks looks at `is_exhausted` before the answer is believed.
        self.find(&mut known, path).unwrap_or(None)
    }
    fn look(&self, path: &Path) -> Look {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        self.look_at(&mut known, path).unwrap_or(Look::Missing)
    }
    fn is_folder(&self, path: &Path) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(is_folder) = known.folders.get(path.as_os_str()) {
            return *is_folder;
        }
        let is_folder = self.may_look().is_ok() && self.paths.is_folder(path);
        known.folders.insert(path.into(), is_folder);
        is_folder
    }
    fn home(&self) -> Option<PathBuf> {
        self.paths.home()
    }
    fn is_exhausted(&self) -> bool {
        self.looks.load(Ordering::Relaxed) > MAX_LOOKS
    }
}

/// Why a path leads nowhere that can be vouched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathProblem {
    /// A NUL byte: programs cut the path there.
    #[error("it has a NUL byte")]
    Nul,
    /// A symlink whose target does not exist: writing through it makes the target.
    #[error("it goes through a symlink that leads nowhere")]
    DanglingLink,
    /// `~name`, or `~` where the home folder is not known.
    #[error("its home folder is not known")]
    UnknownHome,
    /// Below a process's own view of its files: what stands there differs from process to process.
    #[error("it goes through what one process has open")]
    OfProcess,
    /// The call names so many paths that the file system is not asked any more.
    #[error("the call names too many paths")]
    TooMany,
}

/// The real place that `text` names for a process in `cwd`: what exists is resolved, the rest is taken as written.
///
/// # Errors
/// When no one can say where it leads.
pub fn resolve(paths: &dyn Paths, cwd: &Path, text: &str) -> Result<PathBuf, PathProblem> {
    if text.contains('\0') {
        return Err(PathProblem::Nul);
    }
    let path = match text.strip_prefix('~') {
        Some(rest) => {
            let home = paths.home().ok_or(PathProblem::UnknownHome)?;
            let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
            if !is_own_home(&home, name) {
                return Err(PathProblem::UnknownHome);
            }
            home.join(rest.trim_start_matches('/'))
        }
        None => cwd.join(text),
    };
    if paths.is_exhausted() {
        return Err(PathProblem::TooMany);
    }
    let plain = lexical(&path.to_string_lossy());
    if is_descriptor(&plain) {
        // Whatever it leads to for the call, for us it would be something else.
        return Ok(PathBuf::from(plain));
    }
    if is_of_process(&plain) {
        return Err(PathProblem::OfProcess);
    }
    // Only a step at a time tells what is passed through: where a link is followed by `..`, and where one may lead to
    // a process's folder.
    let steps = path.components().any(|component| match component {
        Component::ParentDir => true,
        Component::Normal(name) => OF_PROCESS.iter().any(|opened| name == *opened),
        _ => false,
    });
    if !steps {
        if let Some(real) = paths.real(&path) {
            return Ok(real);
        }
        // A new name in a folder that is there.
        if let Some(place) =
            path.parent().zip(path.file_name()).and_then(|(folder, name)| Some(paths.real(folder)?.join(name)))
            && paths.look(&place) == Look::Missing
            && !paths.is_exhausted()
        {
            return Ok(place);
        }
    }
    let mut place = PathBuf::from("/");
    let mut missing = false;
    for component in path.components() {
        match component {
            Component::ParentDir => {
                place.pop();
                missing = false;
            }
            Component::Normal(name) => {
                place.push(name);
                if is_of_process(&place.to_string_lossy()) {
                    return Err(PathProblem::OfProcess);
                }
                if missing {
                    continue;
                }
                match paths.real(&place) {
                    Some(real) => place = real,
                    None if paths.look(&place) == Look::Link => return Err(PathProblem::DanglingLink),
                    None => missing = true,
                }
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    // Where the bound was reached on the way, what does not exist and what was not looked for are the same.
    if paths.is_exhausted() { Err(PathProblem::TooMany) } else { Ok(place) }
}

/// Whether a path without dots is an open descriptor itself, which is no place in the file system.
#[must_use]
pub fn is_descriptor(path: &str) -> bool {
    let number = ["/dev/fd/", "/proc/self/fd/"].iter().find_map(|folder| path.strip_prefix(folder));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
        || matches!(path, "/dev/stdin" | "/dev/stdout" | "/dev/stderr")
}

/// Whether a path without dots goes through what one process has open: its descriptors, its working folder, its root.
/// Where the process is named only when it runs (`/proc/$$/cwd`), it does too.
#[must_use]
pub fn is_of_process(path: &str) -> bool {
    let opened = |name: &str| OF_PROCESS.contains(&name);
    let mut parts = path.split('/').skip(1);
    match (parts.next(), parts.next(), parts.next()) {
        (Some("dev"), Some("fd"), _) | (Some("dev"), Some("stdin" | "stdout" | "stderr"), Some(_)) => {
            !is_descriptor(path)
        }
        (Some("proc"), Some(process), Some(first)) => {
            let known = process.bytes().all(|byte| byte.is_ascii_digit()) || matches!(process, "self" | "thread-self");
            let named = known || process.contains(['$', '*', '?', '[', '(']);
            // `task/7/cwd` is the same for a thread.
            let name = if first == "task" { parts.nth(1).unwrap_or_default() } else { first };
            named && opened(name) && !is_descriptor(path)
        }
        _ => false,
    }
}

/// Whether `~name` is this home: without a name, or with that of its folder.
fn is_own_home(home: &Path, name: &str) -> bool {
    name.is_empty() || home.file_name().is_some_and(|own| own == name)
}

/// The folder that a `cd` to `text` leads to, where `text` is absolute or begins with `~`. Another user's home is
/// taken to be beside the own one.
#[must_use]
pub fn folder(paths: &dyn Paths, text: &str) -> PathBuf {
    let Some(rest) = text.strip_prefix('~') else { return PathBuf::from(text) };
    let home = paths.home().unwrap_or_else(|| PathBuf::from("/"));
    let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
    let start = if is_own_home(&home, name) { home } else { home.with_file_name(name) };
    start.join(rest.trim_start_matches('/'))
}

/// `$HOME/x` as `~/x`, and `$PWD/x` as `./x`, wherever the line is by then.
#[must_use]
pub fn spelled_out(text: &str) -> String {
    let known = [("$HOME", "~"), ("$PWD", ".")].into_iter().find_map(|(variable, place)| {
        let rest = text.strip_prefix(variable)?;
        (rest.is_empty() || rest.starts_with('/')).then(|| format!("{place}{rest}"))
    });
    known.unwrap_or_else(|| text.to_owned())
}

/// `text` without `//`, `.` and `..`, by its letters alone: for patterns, which know no file system.
#[must_use]
pub fn lexical(text: &str) -> String {
    let (start, rest) = if let Some(rest) = text.strip_prefix('/') {
        ("/", rest)
    } else if text == "~" || text.starts_with("~/") {
        ("~/", text.get(2..).unwrap_or_default())
    } else {
        ("", text)
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in rest.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if start == "/" => {}
            part => parts.push(part),
        }
    }
    if parts.is_empty() && start == "~/" {
        return "~".to_owned();
    }
    format!("{start}{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::*;

    #[test]
    fn lexical_paths() {
        for (text, expected) in [
            ("/", "/"),
            ("//", "/"),
            ("/./..", "/"),
            ("/a//b/../c/.", "/a/c"),
            ("~", "~"),
            ("~/", "~"),
            ("~/a/..", "~"),
            ("a/../../b", "../b"),
            ("./a", "a"),
        ] {
            assert_eq!(lexical(text), expected, "{text}");
        }
    }

    /// Counts how often it is asked.
    #[derive(Default)]
    struct Counted(AtomicUsize);
    impl Paths for Counted {
        fn real(&self, path: &Path) -> Option<PathBuf> {
            self.0.fetch_add(1, Ordering::Relaxed);
            (!path.ends_with("missing")).then(|| path.to_owned())
        }
        fn look(&self, path: &Path) -> Look {
            self.0.fetch_add(1, Ordering::Relaxed);
            if path.ends_with("missing") { Look::Missing } else { Look::Plain }
        }
        fn is_folder(&self, _path: &Path) -> bool {
            self.0.fetch_add(1, Ordering::Relaxed);
            true
        }
        fn home(&self) -> Option<PathBuf> {
            None
        }
    }

    #[test]
    fn a_path_is_asked_for_once_per_call() {
        let counted = Counted::default();
        let remembered = Remembered::new(&counted);
        for _ in 0..5 {
            assert_eq!(resolve(&remembered, Path::new("/a/b"), "missing"), Ok(PathBuf::from("/a/b/missing")));
        }
        // The folder and the name in it.
        assert_eq!(counted.0.load(Ordering::Relaxed), 2);
        for _ in 0..5 {
            assert!(remembered.is_folder(Path::new("/a")));
        }
        assert_eq!(counted.0.into_inner(), 3);
    }

    #[test]
    fn a_call_asks_no_more_than_its_bound() {
        let counted = Counted::default();
        let remembered = Remembered::new(&counted);
        // The root is one more.
        for number in 0..MAX_LOOKS - 1 {
            assert!(resolve(&remembered, Path::new("/"), &number.to_string()).is_ok());
        }
        for _ in 0..2 {
            assert_eq!(resolve(&remembered, Path::new("/"), "one more"), Err(PathProblem::TooMany));
        }
        assert_eq!(counted.0.into_inner(), MAX_LOOKS);
    }

    #[test]
    fn links_and_missing_parts() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("real")).unwrap();
        std::os::unix::fs::symlink(root.join("real"), root.join("link")).unwrap();
        std::os::unix::fs::symlink("/nowhere/at/all", root.join("dangling")).unwrap();
        let at = |text: &str| resolve(&SystemPaths, &root, text);
        // Told from a link whose target is there, and by what remembers as by what does not.
        let remembered = Remembered::new(&SystemPaths);
        for text in ["real", "link/new/file", "link/../x", "link/./y", "new/../../x", "dangling", "dangling/x", "link"]
        {
            assert_eq!(resolve(&remembered, &root, text), at(text), "{text}");
            assert_eq!(resolve(&remembered, &root.join("link"), text), resolve(&SystemPaths, &root.join("link"), text));
        }
        assert_eq!(at("real"), Ok(root.join("real")));
        assert_eq!(at("link"), Ok(root.join("real")));
        assert_eq!(at("link/new/file"), Ok(root.join("real/new/file")));
        assert_eq!(at("link/../x"), Ok(root.join("x")));
        assert_eq!(at("new/../../x"), Ok(root.parent().unwrap().join("x")));
        assert_eq!(at("dangling"), Err(PathProblem::DanglingLink));
        assert_eq!(at("dangling/x"), Err(PathProblem::DanglingLink));
        assert_eq!(at("a\0b"), Err(PathProblem::Nul));
        assert_eq!(at("~nobody-here/x"), Err(PathProblem::UnknownHome));
        assert_eq!(at("/dev/fd/63"), Ok(PathBuf::from("/dev/fd/63")));
        std::os::unix::fs::symlink("/dev", root.join("devices")).unwrap();
        std::os::unix::fs::symlink("/proc/self", root.join("process")).unwrap();
        std::os::unix::fs::symlink("/proc", root.join("processes")).unwrap();
        for path in [
            "/dev/fd/3/x",
            "/dev/./fd//3/x",
            "/dev/fd/3/..",
            "/dev/stdin/x",
            "/proc/self/cwd/x",
            "/proc/self/../self/root",
            "/proc/thread-self/cwd",
            "/proc/1/root/etc",
            "/proc/1/fd/3",
            "/proc/self/task/1/cwd/x",
            "devices/../proc/self/cwd/x",
            "process/cwd",
            "process/root/etc",
            "processes/self/cwd/x",
            "processes/1/task/1/fd/3",
        ] {
            assert_eq!(at(path), Err(PathProblem::OfProcess), "{path}");
        }
        for path in ["/proc/self/status", "/proc/1/cgroup", "/proc/cpuinfo", "/dev/null", "proc/self/cwd"] {
            assert!(at(path).is_ok(), "{path}");
        }
    }
}
