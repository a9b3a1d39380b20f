//! Where the demonstration plays: a home with a running host in a folder that the caller takes away, folders to work
//! in, and this binary as an agent or a person runs it.

use super::checklist::Checklist;
use crate::config::Config;
use crate::host::{Host, install_bundled};
use anyhow::{Context, bail};
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tollgate_bundled::BundledPlugin;
use tollgate_core::engine::Engine;
use tollgate_core::event::{Draft, Event};
use tollgate_core::events::{EventType, PatternSet};
use tollgate_core::home::Home;
use tollgate_core::journal::{Query, Receipt};
use tollgate_runtime::{PluginStatus, Runtime};

/// How long anything may take before the demonstration gives up on it: far more than a slow machine needs.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// Most events that the demonstration reads at once; it makes a few thousand.
const READ_EVENTS: usize = 100_000;

/// The folders that sessions work in: the recorded agents', the one with tests, the one to merge in.
const GROUNDS: [&str; 3] = ["project", "shop", "site"];

/// A running host on a home of its own.
pub struct Stage {
    /// What was expected so far.
    pub checklist: Checklist,
    root: PathBuf,
    home: Home,
    host: Host,
    server: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

/// How a process of this binary ended.
pub struct Ended {
    /// Its code; a hook's is 0 or 2.
    pub exit: Option<i32>,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub words: String,
}

impl Stage {
    /// Makes the home in `folder`, puts the example guard beside the bundled plugins, and starts the host with its
    /// socket.
    pub async fn open(folder: &Path, checklist: Checklist) -> anyhow::Result<Self> {
        let root = folder.canonicalize()?;
        let home = Home::at(root.join("home"));
        let grounds = GROUNDS.map(|name| root.join(name));
        for ground in &grounds {
            // What marks a session's root, wherever the temporary folder lies.
            fs::create_dir_all(ground.join(".git"))?;
        }
        fs::create_dir_all(home.root())?;
        fs::write(home.config(), format!("[server]\nlisten = \"off\"\n\n[workspace]\nallow = {grounds:?}\n"))?;
        crate::home::create(&home)?;
        install_bundled(&home)?;
        install_at(&home, &tollgate_bundled::NO_SECRETS_PLUGIN)?;
        let config = Config::load(&home).map_err(|error| anyhow::anyhow!("{error}"))?;
        let host = Host::open(&home, &config).await?;
        let (stop, stopped) = oneshot::channel();
        let stopped = async move {
            // A stage that was dropped stops its server too.
            let _ = stopped.await;
        };
        let server = tokio::spawn(host.serve(&home, &config, stopped).await?);
        Ok(Self { checklist, root, home, host, server, stop })
    }

    /// The project that the recorded agents work in.
    pub fn project(&self) -> PathBuf {
        self.root.join("project")
    }

    /// Where a cargo workspace may be made.
    pub fn shop(&self) -> PathBuf {
        self.root.join("shop")
    }

    /// Where a git repository may be made.
    pub fn site(&self) -> PathBuf {
        self.root.join("site")
    }

    /// The home.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The host's plugins.
    pub fn runtime(&self) -> &Runtime {
        &self.host.runtime
    }

    /// The emitters of an engine, which the demonstration is.
    pub fn engine(&self) -> &Engine {
        &self.host.engine
    }

    /// Runs `tollgate hook claude-code` as an agent does, with the input on standard input.
    pub async fn hook(&self, input: &str) -> anyhow::Result<Ended> {
        self.tollgate(&["hook", "claude-code"], input).await
    }

    /// Runs this binary on the home, a process of its own, and waits for its end.
    pub async fn tollgate(&self, words: &[&str], input: &str) -> anyhow::Result<Ended> {
        let program = std::env::current_exe().context("finding this binary")?;
        let mut command = Command::new(program);
        command.args(words).env("TOLLGATE_HOME", self.home.root());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A terminal's Ctrl-C is for the demonstration to hear, not for what it runs to end by.
        command.process_group(0);
        let input = input.to_owned();
        let ended = tokio::task::spawn_blocking(move || -> std::io::Result<_> {
            let mut child = command.spawn()?;
            if let Some(mut stdin) = child.stdin.take() {
                stdin.write_all(input.as_bytes())?;
            }
            // A hook has a deadline of its own, and every other command ends with its answer.
            child.wait_with_output()
        });
        let output = ended.await?.with_context(|| format!("running `tollgate {}`", words.join(" ")))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        Ok(Ended { exit: output.status.code(), out: text(&output.stdout), words: text(&output.stderr) })
    }

    /// Emits one event from outside.
    pub async fn emit(
        &self,
        event_type: &str,
        source: &str,
        payload: &Value,
        session: Option<&str>,
    ) -> anyhow::Result<Receipt> {
        let mut draft = Draft::new(EventType::parse(event_type)?, source, payload.to_string());
        draft.session = session.map(Arc::from);
        Ok(self.host.bus.emit(draft).await?)
    }

    /// Drops a plugin into the folder of the running host: grant first, then the component by a rename.
    pub fn install(&self, plugin: &BundledPlugin) -> anyhow::Result<()> {
        install_at(&self.home, plugin)
    }

    /// The plugin's state now.
    pub fn plugin(&self, name: &str) -> Option<PluginStatus> {
        self.runtime().list().into_iter().find(|plugin| plugin.name == name)
    }

    /// Waits until `condition` holds.
    pub async fn wait_for(&self, what: &str, mut condition: impl FnMut(&Self) -> bool) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !condition(self) {
            if Instant::now() > deadline {
                bail!("waited {PATIENCE:?} for {what}");
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Journalled events of these types, oldest first.
    pub async fn events(&self, patterns: &[&str]) -> anyhow::Result<Vec<Arc<Event>>> {
        self.read(Query { patterns: Some(PatternSet::parse(patterns)?), ..Query::default() }).await
    }

    /// Journalled events that `query` wants; its limit is ours.
    pub async fn read(&self, query: Query) -> anyhow::Result<Vec<Arc<Event>>> {
        let journal = self.host.bus.journal().clone();
        let query = Query { limit: READ_EVENTS, ..query };
        Ok(tokio::task::spawn_blocking(move || journal.read(&query)).await??)
    }

    /// Waits until at least `count` events of `event_type` are journalled, and returns them.
    pub async fn wait_for_events(&self, event_type: &str, count: usize) -> anyhow::Result<Vec<Arc<Event>>> {
        self.wait_among(event_type, |found| Ok((found.len() >= count).then(|| found.to_vec()))).await
    }

    /// Waits for the first event of `event_type` in a chat, and returns its payload.
    pub async fn wait_in_chat(&self, event_type: &str, chat: &str) -> anyhow::Result<Value> {
        let of_chat = |found: &[Arc<Event>]| {
            for event in found {
                let payload: Value = serde_json::from_str(&event.payload)?;
                if payload.get("chat_id").and_then(Value::as_str) == Some(chat) {
                    return Ok(Some(payload));
                }
            }
            Ok(None)
        };
        self.wait_among(event_type, of_chat).await
    }

    /// Waits until `find` finds something among the journalled events of `event_type`.
    async fn wait_among<T>(
        &self,
        event_type: &str,
        mut find: impl FnMut(&[Arc<Event>]) -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.events(&[event_type]).await?;
            if let Some(wanted) = find(&found)? {
                return Ok(wanted);
            }
            if Instant::now() > deadline {
                bail!("waited {PATIENCE:?} for more events {event_type} than {}", found.len());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Stops the host, and every program that a plugin runs; the folder is the caller's to take away.
    pub async fn close(self) -> Checklist {
        let _ = self.stop.send(());
        if let Err(error) = self.server.await {
            tracing::error!(%error, "the demonstration's server ended badly");
        }
        self.host.close().await;
        self.checklist
    }
}

fn install_at(home: &Home, plugin: &BundledPlugin) -> anyhow::Result<()> {
    let file = |suffix: &str| -> PathBuf { home.plugins().join(format!("{}{suffix}", plugin.name)) };
    fs::write(file(".toml"), plugin.grant)?;
    replace(&file(".wasm"), plugin.component)
}

/// Writes aside and renames into place, so that no one sees half a file.
fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let aside = path.with_extension("new");
    fs::write(&aside, bytes)?;
    fs::rename(&aside, path).with_context(|| format!("renaming into {}", path.display()))
}
