//! Where a guest's path really leads: inside the first root of a session and outside Tollgate's home, or nowhere.
//!
//! A path is resolved first, links and all, and judged by where it leads. What was judged is then opened name by
//! name without following a link: whoever swaps a folder for a link in between makes the call fail, not escape.

use rustix::fs::{CWD, Mode, OFlags, openat};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};
use tollgate_core::session::Session;

/// The kernel takes no longer path.
const MAX_PATH_BYTES: usize = 4_096;
/// To pass through a folder takes no right to list it, where the system can tell the two apart.
#[cfg(target_os = "linux")]
pub(super) const PASS: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
pub(super) const PASS: OFlags = OFlags::RDONLY;

/// Why a path leads to nothing that a guest may touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Elsewhere {
    /// Out of the root, or into Tollgate's home.
    Outside,
    /// To nothing.
    Missing,
    /// The file system failed.
    Failed(ErrorKind),
}

impl From<io::Error> for Elsewhere {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Self::Missing,
            kind => Self::Failed(kind),
        }
    }
}

/// The first root of a session.
#[derive(Debug, Clone)]
pub(super) struct Root {
    /// Without links, as it was when the session was made.
    folder: PathBuf,
    /// Tollgate's own, without links.
    home: PathBuf,
}

impl Root {
    /// None where the session has no workspace.
    pub(super) fn of(session: &Session, home: &Path) -> Option<Self> {
        Some(Self { folder: session.roots.first()?.clone(), home: home.to_owned() })
    }

    /// The real path of what `path` names; the root itself where it is empty.
    pub(super) fn existing(&self, path: &str) -> Result<PathBuf, Elsewhere> {
        stays_inside(path)?;
        let path = self.folder.join(path);
        match path.canonicalize().map_err(Elsewhere::from) {
            Ok(real) => self.inside(real),
            // Whether something is there is told inside alone.
            Err(Elsewhere::Missing) => {
                let nearest = path.ancestors().skip(1).find_map(|folder| folder.canonicalize().ok());
                nearest.map_or(Err(Elsewhere::Missing), |folder| self.inside(folder).and(Err(Elsewhere::Missing)))
            }
            Err(failed) => Err(failed),
        }
    }

    /// The real path of a name that may not exist, in a folder that does. A link of that name is not followed.
    pub(super) fn entry(&self, path: &str) -> Result<PathBuf, Elsewhere> {
        stays_inside(path)?;
        let path = self.folder.join(path);
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Err(Elsewhere::Outside) };
        let real = self.inside(folder.canonicalize()?.join(name))?;
        if real == self.folder { Err(Elsewhere::Outside) } else { Ok(real) }
    }

    /// `real` as grants name it; the root itself is the empty path.
    pub(super) fn relative<'a>(&self, real: &'a Path) -> &'a Path {
        real.strip_prefix(&self.folder).unwrap_or(real)
    }

    fn inside(&self, real: PathBuf) -> Result<PathBuf, Elsewhere> {
        let inside = real.starts_with(&self.folder) && !real.starts_with(&self.home);
        if inside { Ok(real) } else { Err(Elsewhere::Outside) }
    }
}

/// Judged by its letters first: a path that climbs out is told nothing of what is there.
fn stays_inside(path: &str) -> Result<(), Elsewhere> {
    let mut depth = 0_usize;
    for part in Path::new(path).components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir => depth = depth.checked_sub(1).ok_or(Elsewhere::Outside)?,
            Component::RootDir | Component::Prefix(_) => return Err(Elsewhere::Outside),
        }
    }
    if path.len() > MAX_PATH_BYTES || path.contains('\0') { Err(Elsewhere::Outside) } else { Ok(()) }
}

/// Opens what `real` names, an absolute path without links, and follows none on the way.
pub(super) fn open(real: &Path, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
    let (folder, name) = split(real)?;
    // A pipe without a writer, or a terminal, must not hold the host.
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    Ok(openat(folder, name, flags, mode)?)
}

/// The folder that holds what `real` names, opened without following a link, and the name in it.
pub(super) fn split(real: &Path) -> io::Result<(OwnedFd, PathBuf)> {
    let flags = PASS | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut folder = openat(CWD, "/", flags, Mode::empty())?;
    let mut names = real.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name),
        _ => None,
    });
    let Some(last) = names.next_back() else { return Ok((folder, PathBuf::from("."))) };
    for name in names {
        folder = openat(&folder, name, flags, Mode::empty())?;
    }
    Ok((folder, last.into()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;
    use std::os::unix::fs::symlink;

    fn root() -> (tempfile::TempDir, Root) {
        let made = tempfile::tempdir().unwrap();
        let folder = made.path().canonicalize().unwrap();
        for path in ["work/src/deep", "work/.tollgate", "beside"] {
            std::fs::create_dir_all(folder.join(path)).unwrap();
        }
        for path in ["work/src/a", "work/.tollgate/approver-token", "beside/secret"] {
            std::fs::write(folder.join(path), path).unwrap();
        }
        for (to, link) in [
            ("../beside", "out"),
            ("/etc", "absolute"),
            ("src/deep", "within"),
            ("gone", "dangling"),
            (".tollgate", "home"),
            ("loop", "loop"),
        ] {
            symlink(to, folder.join("work").join(link)).unwrap();
        }
        let root = Root { folder: folder.join("work"), home: folder.join("work/.tollgate") };
        (made, root)
    }

    #[test]
    fn a_path_is_judged_by_where_it_leads() {
        let (_made, root) = root();
        for (path, expected) in [
            ("", Ok("")),
            (".", Ok("")),
            ("src/a", Ok("src/a")),
            ("src/../src/./a", Ok("src/a")),
            ("within", Ok("src/deep")),
            ("within/../a", Ok("src/a")),
            ("..", Err(Elsewhere::Outside)),
            ("src/../../beside/secret", Err(Elsewhere::Outside)),
            ("src/../../nothing", Err(Elsewhere::Outside)),
            ("/etc/passwd", Err(Elsewhere::Outside)),
            ("out/secret", Err(Elsewhere::Outside)),
            ("out/nothing/at/all", Err(Elsewhere::Outside)),
            (".tollgate/nothing", Err(Elsewhere::Outside)),
            ("no/thing/at/all", Err(Elsewhere::Missing)),
            ("absolute/passwd", Err(Elsewhere::Outside)),
            (".tollgate", Err(Elsewhere::Outside)),
            (".tollgate/approver-token", Err(Elsewhere::Outside)),
            ("home/approver-token", Err(Elsewhere::Outside)),
            ("a\0b", Err(Elsewhere::Outside)),
            ("gone", Err(Elsewhere::Missing)),
            ("dangling", Err(Elsewhere::Missing)),
            ("src/a/b", Err(Elsewhere::Missing)),
        ] {
            let found = root.existing(path);
            assert_eq!(found.as_deref().map(|real| root.relative(real)), expected.as_ref().map(Path::new), "{path}");
        }
        assert_eq!(root.existing(&"x/".repeat(3_000)), Err(Elsewhere::Outside));
        assert!(matches!(root.existing("loop"), Err(Elsewhere::Failed(_))));
    }

    #[test]
    fn an_entry_need_not_exist_but_its_folder_must() {
        let (_made, root) = root();
        for (path, expected) in [
            ("new", Ok("new")),
            ("within/new", Ok("src/deep/new")),
            ("dangling", Ok("dangling")),
            ("no/new", Err(Elsewhere::Missing)),
            ("", Err(Elsewhere::Outside)),
            ("src/..", Err(Elsewhere::Outside)),
            ("out/new", Err(Elsewhere::Outside)),
            ("home/new", Err(Elsewhere::Outside)),
            ("../new", Err(Elsewhere::Outside)),
        ] {
            let found = root.entry(path);
            assert_eq!(found.as_deref().map(|real| root.relative(real)), expected.as_ref().map(Path::new), "{path}");
        }
    }

    #[test]
    fn what_was_judged_is_opened_and_nothing_that_took_its_place() {
        let (made, root) = root();
        let real = root.existing("src/a").unwrap();
        assert!(open(&real, OFlags::RDONLY, Mode::empty()).is_ok());
        // Swapped for a link after it was judged: the folder, the file, the root itself.
        let work = made.path().join("work");
        std::fs::rename(work.join("src"), work.join("moved")).unwrap();
        symlink(work.join("moved"), work.join("src")).unwrap();
        assert!(open(&real, OFlags::RDONLY, Mode::empty()).is_err());
        let real = root.existing("moved/a").unwrap();
        std::fs::remove_file(&real).unwrap();
        symlink(made.path().join("beside/secret"), &real).unwrap();
        assert!(open(&real, OFlags::RDONLY, Mode::empty()).is_err());
        assert!(open(&real, OFlags::WRONLY | OFlags::CREATE, Mode::RUSR).is_err());
        std::fs::rename(&work, made.path().join("old")).unwrap();
        symlink(made.path().join("beside"), &work).unwrap();
        assert_eq!(root.existing("secret"), Err(Elsewhere::Outside));
    }
}
