//! Which file a program's name means. Knows nothing of starting one.

use rustix::fs::{Access, access};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The file of `program`: an absolute path as it is, a bare name in the absolute folders of `path`; a relative one
/// would be somebody else's. None where there is none that can be run.
#[must_use]
pub fn find(program: &str, path: Option<&OsStr>) -> Option<PathBuf> {
    if program.starts_with('/') {
        return Some(PathBuf::from(program)).filter(|file| is_executable(file));
    }
    if program.is_empty() || program.contains('/') {
        return None;
    }
    let folders = std::env::split_paths(path.unwrap_or_default()).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(program)).find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    file.is_file() && access(file, Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_name_means_what_can_be_run_in_the_absolute_folders_of_path() {
        let made = tempfile::tempdir().unwrap();
        let (first, second) = (made.path().join("first"), made.path().join("second"));
        for (folder, mode) in [(&first, 0o644), (&second, 0o755)] {
            std::fs::create_dir(folder).unwrap();
            std::fs::write(folder.join("tool"), "#!/bin/sh\n").unwrap();
            std::fs::set_permissions(folder.join("tool"), std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let find_in = |program: &str, folders: &[&Path]| find(program, Some(&std::env::join_paths(folders).unwrap()));
        assert_eq!(find_in("tool", &[&first, &second]), Some(second.join("tool")), "what cannot be run is passed over");
        assert_eq!(find_in("tool", &[&first]), None);
        let up = "../".repeat(std::env::current_dir().unwrap().components().count());
        let relative = PathBuf::from(up).join(second.strip_prefix("/").unwrap());
        assert!(relative.join("tool").is_file());
        assert_eq!(find_in("tool", &[&relative, Path::new("")]), None);
        for not_a_program in ["first", "second/tool", "../second/tool", ""] {
            assert_eq!(find_in(not_a_program, &[made.path()]), None, "{not_a_program}");
        }
        assert_eq!(find("tool", None), None);
        assert_eq!(find_in(second.join("tool").to_str().unwrap(), &[]), Some(second.join("tool")));
        for no_file in [first.join("tool"), second.clone(), second.join("none")] {
            assert_eq!(find_in(no_file.to_str().unwrap(), &[]), None, "{}", no_file.display());
        }
    }
}
