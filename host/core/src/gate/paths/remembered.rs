//! A file system that is asked little: what was answered once is not asked for again.
//!
//! Owns the bound of such questions. Knows nothing of what paths mean.

use super::{Look, Paths};
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Most questions to the file system about one call. Lines that people and agents write ask a few; sixteen folders
/// times thirty thousand words would take a minute.
pub const MAX_LOOKS: usize = 4_096;

/// A file system that is asked once per path, and no more than [`MAX_LOOKS`] times: the stages of one call look at
/// the same folders again and again. Lives as long as one call, so that it never tells of yesterday's links.
///
/// Where a folder's real path is known, a name in it costs one look, not one for each folder above it.
pub(in crate::gate) struct Remembered<'a> {
    paths: &'a dyn Paths,
    known: Mutex<Known>,
    looks: AtomicUsize,
}

#[derive(Default)]
struct Known {
    // By their bytes: a path is hashed part by part.
    real: HashMap<OsString, Option<PathBuf>>,
    looked: HashMap<OsString, Look>,
    links: HashMap<OsString, Option<PathBuf>>,
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
    fn link(&self, path: &Path) -> Option<PathBuf> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(target) = known.links.get(path.as_os_str()) {
            return target.clone();
        }
        let target = self.may_look().ok().and_then(|()| self.paths.link(path));
        known.links.insert(path.into(), target.clone());
        target
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

#[cfg(test)]
mod tests {
    use super::super::{PathProblem, resolve};
    use super::*;

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
        fn link(&self, _: &Path) -> Option<PathBuf> {
            None
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
}
