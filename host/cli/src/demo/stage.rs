//! The demonstration's ground: a temporary home with a running host, a project, and an agent's hook process.

use super::checklist::Checklist;
use crate::config::Config;
use crate::host::{Host, install_bundled};
use anyhow::{Context, bail};
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tollgate_bundled::BundledPlugin;
use tollgate_core::event::{Draft, Event};
use tollgate_core::events::{EventType, PatternSet};
use tollgate_core::home::Home;
use tollgate_core::journal::{Query, Receipt};
use tollgate_runtime::{PluginStatus, Runtime};

/// How long anything may take before the demonstration gives up on it: far more than a slow machine needs.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// Most events that the demonstration reads at once; it makes a few thousand.
const READ_EVENTS: usize = 100_000;

/// A running host on a temporary home.
pub struct Stage {
    /// What was expected so far.
    pub checklist: Checklist,
    folder: tempfile::TempDir,
    home: Home,
    host: Host,
    server: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

/// How a hook's process ended.
pub struct HookEnd {
    /// 0 or 2.
    pub exit: Option<i32>,
    /// Its standard error.
    pub words: String,
}

impl Stage {
    /// Makes the home, puts the example guard beside the bundled plugins, and starts the host with its socket.
    pub async fn open(checklist: Checklist) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("tollgate-demo").tempdir().context("making a temporary folder")?;
        let root = folder.path().canonicalize()?;
        let home = Home::at(root.join("home"));
        fs::create_dir_all(root.join("project/.git"))?;
        fs::create_dir_all(home.root())?;
        fs::write(
            home.config(),
            format!("[server]\nlisten = \"off\"\n\n[workspace]\nallow = [{:?}]\n", root.join("project")),
        )?;
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
        Ok(Self { checklist, folder, home, host, server, stop })
    }

    /// The project that the recorded agents work in.
    pub fn project(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap_or_else(|_| self.folder.path().to_owned()).join("project")
    }

    /// The home.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The host's plugins.
    pub fn runtime(&self) -> &Runtime {
        &self.host.runtime
    }

    /// Runs `tollgate hook claude-code` as an agent does: this binary, a process of its own, the input on standard input.
    pub async fn hook(&self, input: &str) -> anyhow::Result<HookEnd> {
        let program = std::env::current_exe().context("finding this binary")?;
        let (home, input) = (self.home.root().to_owned(), input.to_owned());
        let ended = tokio::task::spawn_blocking(move || -> std::io::Result<_> {
            let mut child = Command::new(program)
                .args(["hook", "claude-code"])
                .env("TOLLGATE_HOME", home)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()?;
            if let Some(mut stdin) = child.stdin.take() {
                stdin.write_all(input.as_bytes())?;
            }
            // The hook has a deadline of its own.
            child.wait_with_output()
        });
        let output = ended.await?.context("running the hook")?;
        Ok(HookEnd { exit: output.status.code(), words: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
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
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.events(&[event_type]).await?;
            if found.len() >= count {
                return Ok(found);
            }
            if Instant::now() > deadline {
                bail!("waited {PATIENCE:?} for {count} events {event_type}, found {}", found.len());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Stops the host; the home goes with its folder.
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
