//! Where a path really leads: `~`, relative paths, `..` and symlinks, through the file system it is given.
//!
//! Owns resolution. Knows nothing of roots or rules.

mod remembered;

pub use remembered::MAX_LOOKS;
pub(super) use remembered::Remembered;

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// Most symlinks that one path is followed through: the kernel follows no more.
const MAX_LINKS: usize = 40;

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
    /// What a symlink says that it leads to; none where it is none, or may not be read.
    fn link(&self, path: &Path) -> Option<PathBuf>;
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
    fn link(&self, path: &Path) -> Option<PathBuf> {
        path.read_link().ok()
    }
    fn is_folder(&self, path: &Path) -> bool {
        path.is_dir()
    }
    fn home(&self) -> Option<PathBuf> {
        std::env::home_dir().filter(|home| home.is_absolute())
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
    let mut up = false;
    // Only a step at a time tells what is passed through: where a link is followed by `..`, and where one may lead to
    // a process's folder, which for us is another.
    let steps = path.components().fold(false, |steps, component| match component {
        Component::ParentDir => {
            up = true;
            true
        }
        Component::Normal(name) => steps || OF_PROCESS.iter().any(|opened| name == *opened),
        _ => steps,
    });
    // Whatever it leads to for the call, for us it would be something else. It stands in these folders alone.
    if up || path.starts_with("/dev") || path.starts_with("/proc") {
        let plain = lexical(&path.to_string_lossy());
        if is_descriptor(&plain) {
            return Ok(PathBuf::from(plain));
        }
        if is_of_process(&plain) {
            return Err(PathProblem::OfProcess);
        }
    }
    if !steps {
        // Equal part by part, not letter by letter: `/p/./x` is `/p/x`, and only the real path is handed out.
        if let Some(real) = paths.real(&path).filter(|real| *real == path) {
            return Ok(real);
        }
        // A new name in a folder that is there.
        if let Some((folder, name)) = path.parent().zip(path.file_name())
            && let Some(place) = paths.real(folder).filter(|real| real == folder).map(|real| real.join(name))
            && paths.look(&place) == Look::Missing
            && !paths.is_exhausted()
        {
            return Ok(place);
        }
    }
    match walk(paths, &path) {
        Err(PathProblem::OfProcess) => Err(PathProblem::OfProcess),
        // Where the bound was reached on the way, what does not exist and what was not looked for are the same.
        _ if paths.is_exhausted() => Err(PathProblem::TooMany),
        walked => walked,
    }
}

/// As [`resolve`] of an absolute path, a step and a link at a time.
fn walk(paths: &dyn Paths, path: &Path) -> Result<PathBuf, PathProblem> {
    let mut place = PathBuf::from("/");
    let mut missing = false;
    let mut links = 0;
    // It went through a link whose target we do not find: the names on its way may yet tell that others would.
    let mut dangling = false;
    let mut ahead = steps_of(path);
    while let Some(step) = ahead.pop() {
        let Some(name) = step else {
            place.pop();
            missing = false;
            continue;
        };
        place.push(name);
        let text = place.to_string_lossy();
        if ahead.is_empty() && is_descriptor(&text) {
            return Ok(place);
        }
        if is_of_process(&text) {
            return Err(PathProblem::OfProcess);
        }
        if missing {
            continue;
        }
        let target = match paths.real(&place) {
            Some(real) if real == place => continue,
            Some(real) => match paths.link(&place) {
                Some(target) => target,
                // No link, only another name of the same: `SRC` where letters count alike.
                None => {
                    place = real;
                    continue;
                }
            },
            None if paths.look(&place) == Look::Link => {
                dangling = true;
                paths.link(&place).ok_or(PathProblem::DanglingLink)?
            }
            None => {
                missing = true;
                continue;
            }
        };
        links += 1;
        if links > MAX_LINKS {
            return Err(PathProblem::DanglingLink);
        }
        place.pop();
        if target.is_absolute() {
            place = PathBuf::from("/");
        }
        ahead.extend(steps_of(&target));
    }
    if dangling { Err(PathProblem::DanglingLink) } else { Ok(place) }
}

/// A path's names, the last one first; none is a step up.
fn steps_of(path: &Path) -> Vec<Option<OsString>> {
    let step = |component: Component<'_>| match component {
        Component::ParentDir => Some(None),
        Component::Normal(name) => Some(Some(name.to_owned())),
        Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
    };
    path.components().rev().filter_map(step).collect()
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
    use std::sync::atomic::{AtomicUsize, Ordering};

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

    #[test]
    fn a_place_has_one_spelling() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("there")).unwrap();
        std::fs::write(root.join("there/file"), "").unwrap();
        std::os::unix::fs::symlink(root.join("nowhere"), root.join("dangling")).unwrap();
        let remembered = Remembered::new(&SystemPaths);
        let own = root.to_str().unwrap();
        for (text, place) in [
            ("./there", "there"),
            ("there/", "there"),
            (".//there/./file", "there/file"),
            ("there//file", "there/file"),
            ("there/./new", "there/new"),
            ("there//new/", "there/new"),
            ("there/new/./deep//er", "there/new/deep/er"),
            ("./.", ""),
        ] {
            // Letter by letter: as paths, `a/./b` and `a/b` are equal.
            let expected = if place.is_empty() { own.to_owned() } else { format!("{own}/{place}") };
            for spelled in [text.to_owned(), format!("{own}/{text}"), format!("{own}//{text}")] {
                for paths in [&SystemPaths as &dyn Paths, &remembered] {
                    let found = resolve(paths, &root, &spelled).unwrap();
                    assert_eq!(found.as_os_str(), expected.as_str(), "{spelled}");
                }
            }
        }
        for text in ["dangling/", "./dangling//.", ".//dangling"] {
            assert_eq!(resolve(&SystemPaths, &root, text), Err(PathProblem::DanglingLink), "{text}");
        }
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
        std::os::unix::fs::symlink("/proc/self/cwd", root.join("working")).unwrap();
        std::os::unix::fs::symlink("working/..", root.join("above")).unwrap();
        std::os::unix::fs::symlink("process/root", root.join("real/all")).unwrap();
        std::os::unix::fs::symlink("../process/root", root.join("real/slash")).unwrap();
        std::os::unix::fs::symlink("/proc/self/cwd/not-there-for-us", root.join("unseen")).unwrap();
        std::os::unix::fs::symlink(format!("/proc/{}/cwd", u64::MAX), root.join("other")).unwrap();
        std::os::unix::fs::symlink("/dev/stdout", root.join("printed")).unwrap();
        for path in [
            "working",
            "working/.claude/settings.json",
            "above/x",
            "link/slash/etc",
            "real/slash",
            "unseen",
            "unseen/x",
            "other/x",
        ] {
            assert_eq!(at(path), Err(PathProblem::OfProcess), "{path}");
            assert_eq!(resolve(&remembered, &root, path), Err(PathProblem::OfProcess), "{path}");
        }
        assert_eq!(at("link/all/x"), Err(PathProblem::DanglingLink));
        assert_eq!(at("printed"), Ok(PathBuf::from("/dev/stdout")));
        for path in ["/proc/self/status", "/proc/1/cgroup", "/proc/cpuinfo", "/dev/null", "proc/self/cwd"] {
            assert!(at(path).is_ok(), "{path}");
        }
    }

    /// The machine's file system, for one that does not ask where links lead without end.
    #[derive(Default)]
    struct Patient(AtomicUsize);
    impl Paths for Patient {
        fn real(&self, path: &Path) -> Option<PathBuf> {
            SystemPaths.real(path)
        }
        fn look(&self, path: &Path) -> Look {
            SystemPaths.look(path)
        }
        fn link(&self, path: &Path) -> Option<PathBuf> {
            // The one past the bound is asked for, too.
            let asked = self.0.fetch_add(1, Ordering::Relaxed);
            assert!(asked <= MAX_LINKS, "{} is followed without end", path.display());
            SystemPaths.link(path)
        }
        fn home(&self) -> Option<PathBuf> {
            None
        }
    }

    #[test]
    fn links_are_followed_as_far_as_the_kernel_does() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::write(root.join("0"), "").unwrap();
        for number in 1..=MAX_LINKS + 1 {
            std::os::unix::fs::symlink((number - 1).to_string(), root.join(number.to_string())).unwrap();
        }
        std::os::unix::fs::symlink("round", root.join("round")).unwrap();
        let at = |text: &str| resolve(&Patient::default(), &root, text);
        assert_eq!(at(&MAX_LINKS.to_string()), Ok(root.join("0")));
        assert_eq!(at(&(MAX_LINKS + 1).to_string()), Err(PathProblem::DanglingLink));
        assert_eq!(at("round"), Err(PathProblem::DanglingLink));
    }
}
