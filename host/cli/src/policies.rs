//! Policy files of a home as files: which there are, reading one safely, and whether any changed.
//!
//! What they mean is the gatekeeper's; when they are read again is `reload`'s.

use crate::config::Config;
use crate::exit::Failure;
use std::collections::BTreeMap;
use std::fs::{self, Metadata, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use tollgate_core::gate::policy::{MAX_FILE_BYTES, Policy, PolicySource};
use tollgate_core::home::Home;

/// Most policy files of one home: all are read at every change of one.
const MAX_POLICY_FILES: usize = 100;

/// A file's name, for people, and its text.
pub type Text = (String, String);

/// The home's policy files in name order, then the configured presets.
///
/// # Errors
/// When a file cannot be read or is no policy; names the file, the line and the mend.
pub fn load(home: &Home, config: &Config) -> Result<Policy, Failure> {
    let files = files(&home.policies())?;
    let texts = files.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    compose(&texts, &config.gate.presets)
}

/// A policy of these texts and then these presets.
///
/// # Errors
/// The first that is no policy.
pub fn compose(texts: &[Text], presets: &[String]) -> Result<Policy, Failure> {
    Policy::compose(sources(texts), presets).map_err(|error| Failure::Failed(error.to_string()))
}

/// Texts as the gatekeeper takes them.
pub fn sources(texts: &[Text]) -> impl Iterator<Item = PolicySource<'_>> {
    texts.iter().map(|(name, text)| PolicySource { name, text })
}

/// A policy of presets by name and files by path (one with a `/` or a `.` in it, from `folder`), files first.
///
/// # Errors
/// When a file cannot be read or is no policy, or there is no preset of a name.
pub fn named(names: &[String], folder: &Path) -> Result<Policy, Failure> {
    let (files, presets): (Vec<_>, Vec<_>) = names.iter().cloned().partition(|name| name.contains(['/', '.']));
    let texts = files.iter().map(|file| read(&folder.join(file))).collect::<Result<Vec<_>, _>>()?;
    compose(&texts, &presets)
}

/// A file's name and text.
///
/// # Errors
/// When it cannot be read, is no regular file, is too large or is not UTF-8.
pub fn read(path: &Path) -> Result<Text, Failure> {
    let name = path.display().to_string();
    let failed = |error: std::io::Error| Failure::at(&name, error);
    // A pipe that no one writes into must not stop the daemon.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(Failure::at(name, "is no regular file"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > MAX_FILE_BYTES {
        return Err(Failure::at(&name, format!("more than {MAX_FILE_BYTES} bytes, which is the most that are read")));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok((name, text)),
        Err(error) => Err(Failure::at(name, format!("not UTF-8 (byte {})", error.utf8_error().valid_up_to()))),
    }
}

/// The policy files of a folder, in name order. Hidden ones, such as an editor's, are none.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error: std::io::Error| Failure::at(folder.display(), error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            files.push(path);
        }
        if files.len() > MAX_POLICY_FILES {
            return Err(Failure::at(folder.display(), format!("more than {MAX_POLICY_FILES} policy files")));
        }
    }
    files.sort();
    Ok(files)
}

/// In which state the configuration and the policy files are; another one is a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamps {
    files: BTreeMap<PathBuf, Option<Stamp>>,
    /// Why the folder cannot be listed.
    trouble: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(data: &Metadata) -> Self {
        Self {
            inode: data.ino(),
            bytes: data.size(),
            modified: (data.mtime(), data.mtime_nsec()),
            changed: (data.ctime(), data.ctime_nsec()),
        }
    }
}

impl Stamps {
    /// How the files of a home are now.
    pub fn of(home: &Home) -> Self {
        let (mut paths, trouble) = match files(&home.policies()) {
            Ok(paths) => (paths, None),
            Err(failure) => (Vec::new(), Some(failure.to_string())),
        };
        paths.push(home.config());
        // A link's target counts: what is read is what lies there.
        let stamped = paths.into_iter().map(|path| {
            let stamp = fs::metadata(&path).ok().map(|data| Stamp::of(&data));
            (path, stamp)
        });
        Self { files: stamped.collect(), trouble }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        crate::home::create(&home).unwrap();
        (folder, home)
    }

    fn refused(home: &Home) -> String {
        load(home, &Config::default()).err().unwrap().to_string()
    }

    #[test]
    fn a_bad_policy_is_named_with_file_and_line() {
        let (_folder, home) = home();
        let file = home.policies().join("mine.yaml");
        fs::write(&file, "version: 1\nname: mine\nruels: []\n").unwrap();
        let error = refused(&home);
        assert!(error.contains("mine.yaml:3:1: ") && error.contains("did you mean `rules`?"), "{error}");
        fs::write(&file, b"\xff").unwrap();
        assert!(refused(&home).contains("mine.yaml: not UTF-8 (byte 0)"));
    }

    #[test]
    fn an_unknown_preset_is_named() {
        let (_folder, home) = home();
        let mut config = Config::default();
        config.gate.presets = vec!["gardrails".to_owned()];
        let error = load(&home, &config).err().unwrap().to_string();
        assert!(error.contains("no preset `gardrails`; did you mean `guardrails`?"), "{error}");
    }

    #[test]
    fn what_is_no_file_and_what_is_too_large_is_refused() {
        let (_folder, home) = home();
        let path = home.policies().join("a.yaml");
        fs::create_dir(&path).unwrap();
        assert!(refused(&home).contains("a.yaml: is no regular file"));
        fs::remove_dir(&path).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert!(refused(&home).contains("a.yaml: is no regular file"));
        fs::remove_file(&path).unwrap();
        let text = "version: 1\nname: a\n";
        fs::write(&path, format!("{text}{}", "#".repeat(MAX_FILE_BYTES - text.len()))).unwrap();
        assert!(load(&home, &Config::default()).is_ok());
        fs::write(&path, "#".repeat(MAX_FILE_BYTES + 1)).unwrap();
        assert!(refused(&home).contains("a.yaml: more than 1048576 bytes"));
    }

    #[test]
    fn files_are_counted_and_hidden_ones_are_none() {
        let (_folder, home) = home();
        fs::write(home.policies().join(".a.yaml"), "no policy").unwrap();
        fs::write(home.policies().join("a.yaml~"), "no policy").unwrap();
        for number in 0..MAX_POLICY_FILES {
            fs::write(home.policies().join(format!("{number}.yml")), format!("version: 1\nname: p{number}")).unwrap();
        }
        load(&home, &Config::default()).unwrap();
        fs::write(home.policies().join("one-more.yml"), "").unwrap();
        assert!(refused(&home).contains("more than 100 policy files"));
    }

    #[test]
    fn a_change_of_any_file_is_seen() {
        let (_folder, home) = home();
        let mut before = Stamps::of(&home);
        let mut changed = |what: &str| {
            let now = Stamps::of(&home);
            assert_ne!(before, now, "{what}");
            assert_eq!(now, Stamps::of(&home), "{what}");
            before = now;
        };
        let file = home.policies().join("a.yaml");
        fs::write(&file, "a").unwrap();
        changed("a new file");
        fs::write(&file, "ab").unwrap();
        changed("a longer file");
        fs::write(home.policies().join(".new"), "cd").unwrap();
        fs::rename(home.policies().join(".new"), &file).unwrap();
        changed("another file of the same length");
        fs::write(home.config(), "").unwrap();
        changed("the configuration");
        fs::remove_file(&file).unwrap();
        changed("no file");
        fs::remove_dir(home.policies()).unwrap();
        fs::write(home.policies(), "").unwrap();
        changed("no folder");
    }
}
