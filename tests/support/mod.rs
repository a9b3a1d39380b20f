//! A home, a daemon and a client for tests: the real binary, as a person or an engine uses it.
//!
//! Nothing here knows the host's insides; what a test waits for, it waits for by condition and deadline.

pub mod http;
pub mod repository;
pub mod socketio;

use http::{Answer, Request, over_socket};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fmt::Display;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// How long a test waits for a condition before it fails: a loaded machine, not a slow product.
pub const DEADLINE: Duration = Duration::from_secs(60);
/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(10);
/// The headers of a request over the socket.
const LOCAL: (&str, &str) = ("host", "localhost");
const JSON: (&str, &str) = ("content-type", "application/json");

/// Where homes keep their compiled components, all in one place: what was compiled for one test, no other waits for.
/// The key is made here, so that no two daemons make one each.
static COMPILED: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    let components = folder.join("components");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&components).expect("a folder for compiled components");
    let key = folder.join("key");
    if !key.exists() {
        let mut random = [0; 64];
        fs::File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut random)).expect("a key");
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&key).expect("a new file");
        file.write_all(&random).expect("a key");
    }
    folder
});

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
        // The code alone and the key to it: what worked last is each home's own.
        let cache = home.path().join("cache");
        fs::DirBuilder::new().mode(0o700).create(&cache).expect("a cache");
        fs::copy(COMPILED.join("key"), cache.join("key")).expect("the key");
        std::os::unix::fs::symlink(COMPILED.join("components"), cache.join("components")).expect("a link");
        home.configure("");
        home
    }

    /// The same, its bundled plugins taken out: what is not about them need not wait until they are compiled.
    pub fn without_plugins() -> Self {
        let home = Self::new();
        let names: Vec<&str> = tollgate_bundled::PLUGINS.iter().map(|plugin| plugin.name).collect();
        fs::create_dir(home.path().join("plugins")).expect("a plugin folder");
        fs::write(home.path().join("plugins/.bundled"), names.join("\n") + "\n").expect("a list");
        home
    }

    /// The same, where nothing was compiled before.
    pub fn cold(self) -> Self {
        fs::remove_dir_all(self.path().join("cache")).expect("the cache");
        self
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

    /// Runs the binary on this home in `folder`.
    pub fn tollgate_in<S: AsRef<OsStr>>(&self, folder: &Path, arguments: impl IntoIterator<Item = S>) -> Output {
        self.command().current_dir(folder).args(arguments).stdin(Stdio::null()).output().expect("the binary ends")
    }

    /// A token that the daemon made, by its file's name.
    pub fn token(&self, file: &str) -> String {
        fs::read_to_string(self.path().join(file)).expect("a token").trim().to_owned()
    }

    /// The binary with this home and nothing of the outer environment that could steer it.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
        command.env_clear().env("PATH", path_variable());
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
        let log = daemon.log.clone();
        let words = std::fmt::from_fn(|f| f.write_str(&fs::read_to_string(&log).unwrap_or_default()));
        wait_for(format_args!("the daemon to answer:\n{words}"), || {
            if let Some(status) = daemon.child.try_wait().expect("a child") {
                panic!("the daemon ended with {status}:\n{}", daemon.log());
            }
            daemon.get("/healthz").ok()
        });
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

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
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

    /// `POST path` with the approver's token, or another.
    pub fn post_as(&self, token: &str, path: &str, body: &str) -> std::io::Result<Answer> {
        let bearer = format!("Bearer {token}");
        let headers = [LOCAL, JSON, ("authorization", bearer.as_str())];
        over_socket(&self.socket, Request { method: "POST", path, headers: &headers, body })
    }

    /// Asks the gate about a shell command in `folder`.
    pub fn gate(&self, session: &str, folder: &Path, command: &str, wait_ms: u64) -> Value {
        let call = json!({"session_id": session, "tool_name": "Bash", "tool_input": {"command": command},
            "cwd": folder, "wait_ms": wait_ms});
        let (status, verdict) = self.post("/api/gate", &call.to_string()).expect("the daemon answers");
        assert_eq!(status, 200, "{verdict}");
        verdict
    }

    /// The address of its port.
    pub fn address(&self) -> String {
        let named = self.socket.with_file_name("address");
        fs::read_to_string(named).expect("an address").trim().to_owned()
    }

    /// The plugin's entry of `/api/plugins`.
    pub fn plugin(&self, name: &str) -> Value {
        let plugins = self.get("/api/plugins").expect("the daemon answers");
        let plugins = plugins.as_array().or_else(|| plugins["plugins"].as_array()).expect("a list").clone();
        plugins.into_iter().find(|plugin| plugin["name"] == name).unwrap_or(Value::Null)
    }

    /// Waits until the plugin serves.
    pub fn serving(&self, name: &str) {
        wait_for(format!("{name} to serve"), || (self.plugin(name)["state"] == "serving").then_some(()));
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

/// The outer `PATH`, behind the tools that built this test: where those are reached through a proxy, it finds
/// nothing in a test's own `HOME`.
fn path_variable() -> std::ffi::OsString {
    let tools = Path::new(env!("CARGO")).parent().map(Path::to_owned);
    let outer = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(tools.into_iter().chain(std::env::split_paths(&outer))).expect("no folder has a colon")
}

/// Waits until `condition` gives something; fails with `what` after [`DEADLINE`].
pub fn wait_for<T>(what: impl Display, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {DEADLINE:?} for: {what}");
        std::thread::sleep(POLL);
    }
}

/// One exchange over a daemon's socket: status and JSON body.
pub fn http(socket: &Path, method: &str, path: &str, body: &str) -> std::io::Result<Answer> {
    over_socket(socket, Request { method, path, headers: &[LOCAL, JSON], body })
}

/// Standard output as text.
pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Standard error as text.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
