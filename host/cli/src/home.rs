//! The home folder as a process uses it: finding it, making it, locking it, its tokens.

use crate::exit::Failure;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tollgate_core::hex::hex;
use tollgate_core::home::Home;

/// Bytes of a token: as hard to guess as a key.
const TOKEN_BYTES: usize = 32;
/// A pid is shorter than this.
const MAX_PID_BYTES: u64 = 32;

/// The home: `given`, else `$TOLLGATE_HOME`, else `$XDG_STATE_HOME/tollgate`, else `~/.local/state/tollgate`.
///
/// # Errors
/// When it is not absolute, or there is nothing to make it of.
pub fn resolve(given: Option<&Path>) -> Result<Home, Failure> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    from(given, variable("TOLLGATE_HOME"), variable("XDG_STATE_HOME"), variable("HOME"))
}

/// The home where neither the command line nor `TOLLGATE_HOME` names one.
pub fn default() -> Option<Home> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    from(None, None, variable("XDG_STATE_HOME"), variable("HOME")).ok()
}

fn from(
    given: Option<&Path>,
    own: Option<PathBuf>,
    state: Option<PathBuf>,
    user: Option<PathBuf>,
) -> Result<Home, Failure> {
    let explicit = match (given, own) {
        (Some(path), _) => Some(("--home", std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))),
        (None, Some(path)) => Some(("TOLLGATE_HOME", path)),
        (None, None) => None,
    };
    if let Some((what, path)) = explicit {
        if !path.is_absolute() {
            return Err(Failure::Failed(format!("{what}: `{}` must be an absolute path", path.display())));
        }
        return Ok(Home::at(path));
    }
    // The XDG rules: a relative path there counts as unset.
    match (state.filter(|path| path.is_absolute()), user.filter(|path| path.is_absolute())) {
        (Some(state), _) => Ok(Home::at(state.join("tollgate"))),
        (None, Some(user)) => Ok(Home::at(user.join(".local/state/tollgate"))),
        (None, None) => Err(Failure::Failed("no home: set TOLLGATE_HOME, or HOME, to an absolute path".to_owned())),
    }
}

/// Makes the home and its folders with mode 0700; an existing home that others may enter is closed to them.
///
/// # Errors
/// When a folder cannot be made; names it.
pub fn create(home: &Home) -> Result<(), Failure> {
    for folder in
        [home.root().to_owned(), home.run(), home.plugins(), home.policies(), home.cache(), home.root().join("data")]
    {
        let failed = |error| Failure::at(format!("home folder {}", folder.display()), error);
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
        let mode = fs::metadata(&folder).map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).map_err(failed)?;
        }
    }
    Ok(())
}

/// Held while a daemon runs; the lock goes with the process, however it ends.
pub struct Lock {
    _file: File,
}

/// Takes the home for this process.
///
/// # Errors
/// When another daemon has it (its pid is said), or the file cannot be made.
pub fn lock(home: &Home) -> Result<Lock, Failure> {
    let path = home.lock();
    let failed = |error: std::io::Error| Failure::at(path.display(), error);
    let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
    let mut file = options.map_err(failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut pid = String::new();
            let _ = (&mut file).take(MAX_PID_BYTES).read_to_string(&mut pid);
            let pid = pid.trim();
            return Err(Failure::Failed(format!(
                "a daemon already runs on {} (pid {pid}); stop it with `kill {pid}`",
                home.root().display()
            )));
        }
        Err(error) => return Err(failed(error.into())),
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
    Ok(Lock { _file: file })
}

/// Reads the token at `path`, making it (mode 0600) when it is not there.
///
/// # Errors
/// When it can neither be read nor made, or others may read it.
pub fn token(path: &Path) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::at(path.display(), error);
    match fs::read_to_string(path) {
        Ok(token) if token.trim().len() >= TOKEN_BYTES => {
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
            return Ok(token.trim().to_owned());
        }
        Ok(_) => {
            return Err(Failure::at(path.display(), "too short to be a token; delete the file and one is made"));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let mut bytes = [0; TOKEN_BYTES];
    File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut bytes)).map_err(failed)?;
    let token = hex(&bytes);
    // Written aside and renamed, so that a crash leaves no half token.
    let aside = path.with_extension("new");
    let options = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside);
    options.and_then(|mut file| writeln!(file, "{token}").and_then(|()| file.sync_all())).map_err(failed)?;
    fs::rename(&aside, path).map_err(failed)?;
    Ok(token)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn path(text: &str) -> Option<PathBuf> {
        (!text.is_empty()).then(|| PathBuf::from(text))
    }

    #[test]
    fn the_home_is_the_first_that_is_named() {
        let check = |given: &str, own: &str, state: &str, user: &str, expected: Option<&str>| {
            let home = from(path(given).as_deref(), path(own), path(state), path(user));
            assert_eq!(home.ok().map(|home| home.root().to_owned()), expected.map(PathBuf::from));
        };
        check("/g", "/o", "/s", "/u", Some("/g"));
        check("", "/o", "/s", "/u", Some("/o"));
        check("", "", "/s", "/u", Some("/s/tollgate"));
        check("", "", "relative", "/u", Some("/u/.local/state/tollgate"));
        check("", "relative", "/s", "/u", None);
        check("", "", "", "", None);
    }

    #[test]
    fn a_home_is_closed_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("home"));
        fs::create_dir(home.root()).unwrap();
        fs::set_permissions(home.root(), fs::Permissions::from_mode(0o755)).unwrap();
        create(&home).unwrap();
        for folder in [home.root().to_owned(), home.run(), home.plugins()] {
            assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700, "{}", folder.display());
        }
    }

    #[test]
    fn a_home_below_a_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let error = create(&Home::at(folder.path().join("file/below"))).unwrap_err().to_string();
        assert!(error.contains("file/below"), "{error}");
    }

    #[test]
    fn a_second_lock_is_refused_with_the_pid() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        create(&home).unwrap();
        let first = lock(&home).unwrap();
        let error = lock(&home).err().unwrap().to_string();
        assert!(error.contains("already runs") && error.contains(&format!("pid {}", std::process::id())), "{error}");
        drop(first);
        lock(&home).unwrap();
    }

    #[test]
    fn a_token_is_made_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("token");
        let made = token(&at).unwrap();
        assert_eq!(made.len(), TOKEN_BYTES * 2);
        assert_eq!(token(&at).unwrap(), made);
        assert_eq!(fs::metadata(&at).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&at, "short").unwrap();
        assert!(token(&at).unwrap_err().to_string().contains("too short"));
    }
}
