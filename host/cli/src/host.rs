//! One host put together: bus, sessions, plugins, gatekeeper. Used by the daemon and by the demonstration.

use crate::asker::PluginAsker;
use crate::config::{Config, expand};
use crate::exit::Failure;
use crate::policies;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tollgate_core::bus::{Bus, BusOptions};
use tollgate_core::engine::Engine;
use tollgate_core::gate::{Approvals, Gatekeeper, GatekeeperOptions};
use tollgate_core::home::Home;
use tollgate_core::interactions::Interactions;
use tollgate_core::journal::JournalOptions;
use tollgate_core::session::Sessions;
use tollgate_core::time::Clock;
use tollgate_runner::Runner;
use tollgate_runtime::{Limits, Runtime, RuntimeOptions};
use tollgate_server::{Door, NetworkRules, Parts, State, Token, Tokens};

/// A host that runs.
pub struct Host {
    /// Where events go in and come out.
    pub bus: Bus,
    /// Which agent works where.
    pub sessions: Arc<Sessions>,
    /// What decides calls.
    pub gatekeeper: Arc<Gatekeeper>,
    /// The plugins.
    pub runtime: Runtime,
    /// Questions to people.
    pub interactions: Interactions,
    /// The emitters of engines.
    pub engine: Engine,
    /// Agents in terminals of their own, and sessions that run elsewhere.
    pub runner: Runner,
}

impl Host {
    /// Opens the journal of `home`, loads its plugins and puts the gate in front. The caller holds the home's lock.
    ///
    /// # Errors
    /// When the policy, the journal or the plugin folder is not fit; nothing runs then.
    pub async fn open(home: &Home, config: &Config) -> Result<Self, Failure> {
        let policy = Arc::new(policies::load(home, config)?);
        let compiler = Arc::new(crate::compiler::child()?);
        let signatures =
            config.plugins.signatures().map_err(|(key, reason)| Failure::at(format!("[plugins] {key}"), reason))?;
        // What this binary brings is as trusted as this binary.
        let own = tollgate_bundled::PLUGINS.iter().chain([&tollgate_bundled::NO_SECRETS_PLUGIN]);
        let signatures = signatures.trusting(own.map(|plugin| plugin.component));
        let bus = Bus::open(BusOptions {
            journal: JournalOptions { path: home.journal(), durability: config.durability() },
            filter: config.filter(),
            clock: Clock::system(),
        })
        .map_err(|error| Failure::Failed(error.to_string()))?;
        let user_home = std::env::var_os("HOME").map(PathBuf::from);
        let sessions = Sessions::open(&bus, canonical(&config.workspace.allow, user_home.as_deref()))
            .map_err(|error| Failure::Failed(error.to_string()))?;
        let sessions = Arc::new(sessions);
        let interactions = Interactions::open(&bus, Arc::clone(&sessions));
        let engine = Engine::open(&bus, Arc::clone(&sessions)).map_err(|error| Failure::Failed(error.to_string()))?;
        let runtime = Runtime::start(RuntimeOptions {
            home: home.clone(),
            bus: bus.clone(),
            sessions: Arc::clone(&sessions),
            asker: Some(Arc::new(PluginAsker(interactions.clone()))),
            defaults: Limits::default(),
            compiler,
            signatures,
            watch: config.plugins.watch,
            rescan: Duration::from_millis(config.plugins.rescan_ms),
        })
        .await;
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                bus.close().await;
                return Err(Failure::at("plugins", error));
            }
        };
        // Before anything is pruned, since what is left of sessions is found in the journal; and not before the
        // plugins are there, since their ends are told.
        let runner = Runner::open(&bus, Arc::clone(&sessions), interactions.clone(), config.runner()).await;
        let runner = match runner {
            Ok(runner) => runner,
            Err(error) => {
                runtime.shutdown().await;
                bus.close().await;
                return Err(Failure::at("runner sessions", error));
            }
        };
        // Not before the plugins have said that they are there: what they have not finished is kept for them.
        if let Err(error) = bus.retain(config.journal.retention()).await {
            runner.close().await;
            runtime.shutdown().await;
            bus.close().await;
            return Err(Failure::Failed(error.to_string()));
        }
        let gatekeeper = Gatekeeper::new(GatekeeperOptions {
            bus: bus.clone(),
            sessions: Arc::clone(&sessions),
            guards: Arc::new(runtime.clone()),
            home: Some(home.clone()),
            policy,
            allowed_extras: canonical(&config.gate.allowed_extras, user_home.as_deref()),
        });
        let approvers = config.gate.approvers;
        let approvals = Approvals { interactions: interactions.clone(), approvers, ttl: None };
        let gatekeeper = Arc::new(gatekeeper.with_approvals(approvals));
        Ok(Self { bus, sessions, gatekeeper, runtime, interactions, engine, runner })
    }

    /// Binds the socket of `home` and the configured port; the future serves them until `shutdown` resolves, then
    /// takes their files away.
    ///
    /// # Errors
    /// When a token cannot be made, or the socket or the port cannot be bound.
    pub async fn serve<S: Future<Output = ()> + Send + 'static>(
        &self,
        home: &Home,
        config: &Config,
        shutdown: S,
    ) -> Result<impl Future<Output = ()> + Send + use<S>, Failure> {
        let user_home = std::env::var_os("HOME").map(PathBuf::from);
        let jwt = config.streams.jwt.as_ref().map(|jwt| jwt.open(user_home.as_deref())).transpose()?;
        let door = Door {
            token: Token::new(crate::home::token(&home.token())?),
            approver_token: Token::new(crate::home::token(&home.approver_token())?),
            tokens: Tokens::open(home.tokens()).map_err(|error| Failure::Failed(error.to_string()))?,
            jwt,
            anonymous_read: config.streams.anonymous_read(),
            network: NetworkRules { hosts: config.server.hosts.clone(), origins: config.server.origins.clone() },
        };
        let runtime_dir = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let bound = tollgate_server::bind(home, runtime_dir.as_deref());
        let listener = bound.map_err(|error| Failure::Failed(error.to_string()))?;
        let port = listen(home, config).await?;
        let address = port.as_ref().and_then(|port| port.local_addr().ok());
        let socket = listener.local_addr().ok().and_then(|address| address.as_pathname().map(PathBuf::from));
        tracing::info!(
            pid = std::process::id(),
            home = %home.root().display(),
            socket = %socket.as_deref().unwrap_or(home.root()).display(),
            address = %address.map_or_else(|| "off".to_owned(), |address| address.to_string()),
            plugins = self.runtime.list().len(),
            "tollgate serves"
        );
        let state = State::new(Parts {
            bus: self.bus.clone(),
            sessions: self.sessions.clone(),
            gatekeeper: self.gatekeeper.clone(),
            runtime: self.runtime.clone(),
            interactions: self.interactions.clone(),
            engine: self.engine.clone(),
            runner: self.runner.clone(),
            door,
            user: user().into(),
        });
        let named = port.is_some().then(|| home.address());
        Ok(async move {
            tollgate_server::serve(listener, port, state, shutdown).await;
            for left in [socket, named].into_iter().flatten() {
                // Left behind it is only replaced at the next start.
                let _ = fs::remove_file(left);
            }
        })
    }

    /// Ends the runner's sessions, stops the plugins, commits what is queued, closes the journal.
    pub async fn close(&self) {
        self.runner.close().await;
        self.runtime.shutdown().await;
        self.bus.close().await;
    }
}

/// Opens the configured port, where there is one, and writes its address down.
async fn listen(home: &Home, config: &Config) -> Result<Option<TcpListener>, Failure> {
    let Some(address) = config.server.address().map_err(Failure::Failed)? else { return Ok(None) };
    let port = tollgate_server::bind_tcp(address).await.map_err(|error| Failure::Failed(error.to_string()))?;
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "the port is open to other machines, and what passes it is not encrypted");
    }
    let named = home.address();
    let bound = port.local_addr().map_err(|error| Failure::at(address, error))?;
    fs::write(&named, format!("{bound}\n")).map_err(|error| Failure::at(named.display(), error))?;
    Ok(Some(port))
}

/// The user that the daemon's peers are.
fn user() -> String {
    std::env::var("USER")
        .ok()
        .filter(|user| !user.is_empty())
        .unwrap_or_else(|| rustix::process::getuid().as_raw().to_string())
}

/// Absolute folders without links; one that is not there stays as written and covers what will be made there.
fn canonical(paths: &[PathBuf], user_home: Option<&Path>) -> Vec<PathBuf> {
    let paths = paths.iter().map(|path| expand(path, user_home));
    // Without a HOME there is no `~`: such a folder covers nothing.
    paths.filter(|path| path.is_absolute()).map(|path| path.canonicalize().unwrap_or(path)).collect()
}

/// Writes the bundled plugins that this home never had, with their grants. One that was removed, or replaced by
/// the operator's own, stays so: `plugins/.bundled` names those that were written once.
///
/// # Errors
/// When a file cannot be written; names it.
pub fn install_bundled(home: &Home) -> Result<(), Failure> {
    let marker = home.plugins().join(".bundled");
    let had = match fs::read_to_string(&marker) {
        Ok(had) => had,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Failure::at(marker.display(), error)),
    };
    for plugin in tollgate_bundled::PLUGINS {
        if had.lines().any(|name| name == plugin.name) {
            continue;
        }
        let file = home.plugins().join(format!("{}.wasm", plugin.name));
        if !file.exists() {
            let grant = home.plugins().join(format!("{}.toml", plugin.name));
            if !grant.exists() {
                put(&grant, plugin.grant.as_bytes())?;
            }
            put(&file, plugin.component)?;
        }
        // One name at a time: a crash in between writes no plugin twice.
        let line = fs::OpenOptions::new().create(true).append(true).open(&marker);
        let line = line.and_then(|mut marker| writeln!(marker, "{}", plugin.name));
        line.map_err(|error| Failure::at(marker.display(), error))?;
    }
    Ok(())
}

/// Written aside and renamed into place, so that no one ever sees half of it.
fn put(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = path.with_file_name(format!(".{name}.new"));
    fs::write(&aside, bytes).and_then(|()| fs::rename(&aside, path)).map_err(|error| Failure::at(path.display(), error))
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

    #[test]
    fn bundled_plugins_come_once() {
        let (_folder, home) = home();
        install_bundled(&home).unwrap();
        let file = home.plugins().join("audit.wasm");
        assert!(file.exists() && home.plugins().join("audit.toml").exists());
        fs::remove_file(&file).unwrap();
        install_bundled(&home).unwrap();
        assert!(!file.exists(), "a removed plugin came back");
    }

    #[test]
    fn the_operator_s_own_file_stays() {
        let (_folder, home) = home();
        fs::write(home.plugins().join("audit.wasm"), "mine").unwrap();
        install_bundled(&home).unwrap();
        assert_eq!(fs::read(home.plugins().join("audit.wasm")).unwrap(), b"mine");
        assert!(!home.plugins().join("audit.toml").exists());
    }
}
