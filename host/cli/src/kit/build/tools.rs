//! Tools of other languages: found in the package's folder or on the path, else installed there by name.

use crate::exit::Failure;
use crate::kit::say;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// `name` in one of `folders` of the package, else on the path.
pub fn find(package: &Path, folders: &[&str], name: &str) -> Option<PathBuf> {
    let own = folders.iter().map(|folder| package.join(folder));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all: Vec<PathBuf> = own.chain(std::env::split_paths(&path)).collect();
    all.into_iter().map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Says what is run and why, and runs it to its end; what it prints goes to standard error, where answers are not.
///
/// # Errors
/// When it does not start or fails; `mend` says what helps.
pub fn run(command: &mut Command, why: &str, mend: &str) -> Result<(), Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let words = command.get_args().map(|word| word.to_string_lossy().into_owned());
    let line: Vec<String> = std::iter::once(program.clone()).chain(words).collect();
    say(format_args!("{why}: {}", line.join(" ")));
    let output = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).output();
    let output = output.map_err(|error| Failure::Failed(format!("{program} does not start: {error}; {mend}")))?;
    if output.status.success() {
        return Ok(());
    }
    // A tool that did its work has said enough by it; one that did not is heard in full.
    for text in [&output.stdout, &output.stderr] {
        String::from_utf8_lossy(text).lines().for_each(say);
    }
    Err(Failure::Failed(format!("{program} failed ({}); {mend}", output.status)))
}
