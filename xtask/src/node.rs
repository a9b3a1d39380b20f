//! A Node.js program of this package: started apart, told by lines and heard by lines of JSON. Knows nothing of what they
//! say.

use crate::process::{Running, isolated, wait_for};
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Stdio};
use std::time::Duration;

/// The longest line that is taken, in bytes: the times of 200,000 deliveries are a tenth of it.
const MAX_LINE_BYTES: u64 = 16 * 1024 * 1024;
/// How long one may take to end, once it is told to.
const END: Duration = Duration::from_secs(30);
/// What the programs share, and finds itself beside them.
const COMMON: (&str, &str) = ("common.cjs", include_str!("node/common.cjs"));

/// A program: its file's name and its text.
#[derive(Debug, Clone, Copy)]
pub struct Script(pub &'static str, pub &'static str);

/// One that runs; it goes when it is dropped.
#[derive(Debug)]
pub struct Node {
    name: &'static str,
    running: Running,
    input: Option<ChildStdin>,
    lines: BufReader<File>,
    line: Vec<u8>,
}

impl Node {
    /// Starts one with its files in `folder`, the packages in `modules`, and nothing in its environment but `given`.
    ///
    /// # Errors
    /// When a file cannot be written or Node.js cannot be started.
    pub fn start(folder: &Path, script: Script, modules: &[PathBuf], given: &[(&str, String)]) -> Result<Self> {
        let Script(name, text) = script;
        for (name, text) in [COMMON, (name, text)] {
            let path = folder.join(name);
            fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        }
        let (out, log) = (folder.join(format!("{name}.out")), folder.join(format!("{name}.log")));
        let mut command = isolated("node", folder, folder);
        let modules: Vec<OsString> = modules.iter().map(|path| path.clone().into_os_string()).collect();
        command.arg(folder.join(name)).env("NODE_PATH", modules.join(":".as_ref())).env("NODE_ENV", "production");
        command.envs(given.iter().map(|(key, value)| (key, value))).stdin(Stdio::piped());
        command.stdout(File::create(&out)?).stderr(File::create(&log)?);
        let mut running = Running::start_as_is(name, &mut command, &log)?;
        let (input, lines) = (running.input(), BufReader::new(File::open(&out)?));
        Ok(Self { name, running, input, lines, line: Vec::new() })
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.running.id()
    }

    /// Tells it to go on.
    ///
    /// # Errors
    /// When it does not listen any more.
    pub fn go(&mut self) -> Result<()> {
        let input = self.input.as_mut().with_context(|| format!("{} has no input", self.name))?;
        input.write_all(b"go\n").with_context(|| format!("telling {} to go on", self.name))
    }

    /// The next line that it says; `what` is that for people.
    ///
    /// # Errors
    /// When it ends, says something else, or says nothing for so long.
    pub fn hear(&mut self, what: &str, within: Duration) -> Result<Value> {
        let Self { name, running, lines, line, .. } = self;
        wait_for(what, within, || {
            // Looked at first, so that what it said before it ended is still heard.
            let ended = running.ended()?;
            let room = MAX_LINE_BYTES.saturating_sub(u64::try_from(line.len())?);
            lines.take(room).read_until(b'\n', line)?;
            if line.ends_with(b"\n") {
                let said = std::mem::take(line);
                return Ok(Some(serde_json::from_slice(&said).with_context(|| format!("what {name} said"))?));
            }
            if u64::try_from(line.len())? >= MAX_LINE_BYTES {
                bail!("{name} said a line of more than {MAX_LINE_BYTES} bytes");
            }
            if let Some(status) = ended {
                bail!("{name} ended with {status}: {}", running.last_words());
            }
            Ok(None)
        })
    }

    /// Has it end, and well.
    ///
    /// # Errors
    /// When it does not.
    pub fn end(self) -> Result<()> {
        drop(self.input);
        self.running.succeed(END)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// Longer than a loaded machine needs.
    const SOON: Duration = Duration::from_secs(30);

    /// A program in the place of Node.js, which not every machine has, whose output is `said`.
    fn saying(folder: &Path, said: &[u8], line: &str) -> Node {
        let (out, log) = (folder.join("out"), folder.join("log"));
        fs::write(&out, said).unwrap();
        let mut shell = isolated("/bin/sh", folder, folder);
        shell.args(["-c", line]).stdin(Stdio::piped());
        shell.stdout(File::options().append(true).open(&out).unwrap()).stderr(File::create(&log).unwrap());
        let mut running = Running::start_as_is("a shell", &mut shell, &log).unwrap();
        let (input, lines) = (running.input(), BufReader::new(File::open(&out).unwrap()));
        Node { name: "a shell", running, input, lines, line: Vec::new() }
    }

    #[test]
    fn it_is_told_and_heard_by_lines_and_ends_with_its_input() {
        let folder = tempfile::tempdir().unwrap();
        let mut node = saying(folder.path(), b"{\"a\":1}\n{\"b\"", "read x; echo ':2}'; cat >/dev/null");
        assert_eq!(node.hear("a", SOON).unwrap(), serde_json::json!({"a": 1}));
        assert!(node.hear("b", Duration::ZERO).is_err(), "half a line is none");
        node.go().unwrap();
        assert_eq!(node.hear("b", SOON).unwrap(), serde_json::json!({"b": 2}));
        node.end().unwrap();
    }

    #[test]
    fn one_that_ends_is_heard_to_its_end_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut node = saying(folder.path(), b"", "echo '{}'; echo 'its reason' >&2; exit 3");
        node.hear("it", SOON).unwrap();
        let error = node.hear("more", SOON).unwrap_err().to_string();
        assert!(error.contains("a shell ended") && error.ends_with("its reason"), "{error}");
        let mut node = saying(folder.path(), b"no JSON\n", "cat");
        assert!(node.hear("it", SOON).unwrap_err().to_string().contains("what a shell said"));
    }

    #[test]
    fn a_line_is_taken_up_to_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let line = |bytes: u64| {
            let mut text = vec![b' '; usize::try_from(bytes).unwrap() - 3];
            text.extend(b"{}\n");
            text
        };
        assert!(saying(folder.path(), &line(MAX_LINE_BYTES), "cat").hear("it", SOON).is_ok());
        let error = saying(folder.path(), &line(MAX_LINE_BYTES + 1), "cat").hear("it", SOON).unwrap_err();
        assert!(error.to_string().contains("16777216 bytes"), "{error}");
    }
}
