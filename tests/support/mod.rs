//! A home, a daemon and a client for tests: the real binary, as a person or an engine uses it.
//!
//! Nothing here knows the host's insides; what a test waits for, it waits for by condition and deadline.

use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long a test waits for a condition before it fails: a loaded machine, not a slow product.
pub const DEADLINE: Duration = Duration::from_secs(60);
/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(10);

/// A temporary home with a workspace beside it; both go when it is dropped.
pub struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    /// An empty home whose sessions may work in [`Home::workspace`].
    pub fn new() -> Self {
        let home = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        fs::create_dir_all(home.workspace().join(".git")).expect("a workspace");
        fs::create_dir(home.path()).expect("a home");
        home.configure("");
        home
    }

    /// The home's folder.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A folder that sessions may work in.
    pub fn workspace(&self) -> PathBuf {
        self.folder.path().canonicalize().expect("the folder is there").join("project")
    }

    /// Writes `tollgate.toml`: a free port and the workspace, then `more`.
    pub fn configure(&self, more: &str) {
        let allow =
            format!("[server]\nlisten = \"127.0.0.1:0\"\n\n[workspace]\nallow = [{:?}]\n{more}", self.workspace());
        fs::write(self.path().join("tollgate.toml"), allow).expect("a configuration");
    }

    /// Drops a component into the plugin folder the way a careful person does: written aside, renamed into place.
    pub fn install(&self, name: &str, component: &[u8], grant: &str) {
        let plugins = self.path().join("plugins");
        fs::create_dir_all(&plugins).expect("a plugin folder");
        if !grant.is_empty() {
            fs::write(plugins.join(format!("{name}.toml")), grant).expect("a grant file");
        }
        let aside = plugins.join(format!(".{name}.new"));
        fs::write(&aside, component).expect("a component");
        fs::rename(&aside, plugins.join(format!("{name}.wasm"))).expect("renamed into place");
    }

    /// Runs the binary on this home to its end.
    pub fn tollgate<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Output {
        self.tollgate_with(arguments, b"")
    }

    /// Runs the binary on this home with `input` on standard input.
    pub fn tollgate_with<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>, input: &[u8]) -> Output {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        // A command that refuses early closes its input; that is its right.
        let _ = child.stdin.take().expect("piped").write_all(input);
        child.wait_with_output().expect("the binary ends")
    }

    /// The binary with this home and nothing of the outer environment that could steer it.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.folder.path()).env("TOLLGATE_HOME", self.path()).current_dir(self.folder.path());
        command
    }

    /// Starts `tollgate run` and waits until it answers.
    pub fn start(&self) -> Daemon {
        let log = fs::File::create(self.folder.path().join("daemon.log")).expect("a log");
        let mut command = self.command();
        command.arg("run").stdin(Stdio::null()).stdout(log.try_clone().expect("a handle")).stderr(log);
        let child = command.spawn().expect("the daemon starts");
        let mut daemon =
            Daemon { child, socket: self.path().join("run/tollgate.sock"), log: self.folder.path().join("daemon.log") };
        let deadline = Instant::now() + DEADLINE;
        while daemon.get("/healthz").is_err() {
            if let Some(status) = daemon.child.try_wait().expect("a child") {
                panic!("the daemon ended with {status}:\n{}", daemon.log());
            }
            assert!(Instant::now() < deadline, "the daemon does not answer:\n{}", daemon.log());
            std::thread::sleep(POLL);
        }
        daemon
    }
}

/// A running daemon; killed when dropped.
pub struct Daemon {
    child: Child,
    socket: PathBuf,
    log: PathBuf,
}

impl Daemon {
    /// Kills it as `kill -9` does and waits until it is gone.
    pub fn kill(mut self) {
        self.child.kill().expect("a running daemon");
        self.child.wait().expect("a child");
    }

    /// What it wrote to its standard output and error.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// `GET path`.
    pub fn get(&self, path: &str) -> std::io::Result<Value> {
        http(&self.socket, "GET", path, "").map(|(_, body)| body)
    }

    /// `POST path` with a JSON body.
    pub fn post(&self, path: &str, body: &str) -> std::io::Result<(u16, Value)> {
        http(&self.socket, "POST", path, body)
    }

    /// The plugin's entry of `/api/plugins`.
    pub fn plugin(&self, name: &str) -> Value {
        let plugins = self.get("/api/plugins").expect("the daemon answers");
        let plugins = plugins.as_array().or_else(|| plugins["plugins"].as_array()).expect("a list").clone();
        plugins.into_iter().find(|plugin| plugin["name"] == name).unwrap_or(Value::Null)
    }

    /// Events of `types`, oldest first, from the start of the journal.
    pub fn events(&self, types: &str) -> Vec<Value> {
        let answer = self.get(&format!("/api/events?type={types}&limit=100000")).expect("the daemon answers");
        answer.as_array().or_else(|| answer["events"].as_array()).expect("a list").clone()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until `condition` gives something; fails with `what` after [`DEADLINE`].
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {DEADLINE:?} for: {what}");
        std::thread::sleep(POLL);
    }
}

/// One HTTP/1.1 exchange over a unix socket: status and JSON body.
pub fn http(socket: &Path, method: &str, path: &str, body: &str) -> std::io::Result<(u16, Value)> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| cut("no status line"))?;
    let mut length = None;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        match line.trim().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().ok(),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length.ok_or_else(|| cut("no content-length"))?];
    reader.read_exact(&mut body)?;
    let value = serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned().into());
    Ok((status, value))
}

fn cut(what: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::UnexpectedEof, what.to_owned())
}

/// Standard output as text.
pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Standard error as text.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
