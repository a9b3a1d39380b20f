//! `tollgate run`: the daemon, from the lock on its home to the last commit.

use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::home;
use crate::host::Host;
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};
use tollgate_core::home::Home;
use tollgate_server::{ApproverToken, State};

/// Runs until SIGINT or SIGTERM.
///
/// # Errors
/// When the home, the configuration, the journal or the socket is not fit; nothing is served then.
pub fn run(home: &Home) -> Result<Exit, Failure> {
    let config = Config::load(home).map_err(|error| Failure::Failed(error.to_string()))?;
    home::create(home)?;
    let _lock = home::lock(home)?;
    home::token(&home.token())?;
    let approver = ApproverToken::new(home::token(&home.approver_token())?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("tollgate")
        .build()
        .map_err(|error| Failure::at("the async runtime", error))?;
    runtime.block_on(serve(home, &config, approver))?;
    Ok(Exit::Done)
}

async fn serve(home: &Home, config: &Config, approver: ApproverToken) -> Result<(), Failure> {
    // Before anything is started, so that no signal is lost.
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| Failure::at("signals", error))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| Failure::at("signals", error))?;

    crate::host::install_bundled(home)?;
    let host = Host::open(home, config).await?;
    let runtime_dir = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let listener = match tollgate_server::bind(home, runtime_dir.as_deref()) {
        Ok(listener) => listener,
        Err(error) => {
            host.close().await;
            return Err(Failure::Failed(error.to_string()));
        }
    };
    let socket = listener.local_addr().ok().and_then(|address| address.as_pathname().map(PathBuf::from));
    tracing::info!(
        pid = std::process::id(),
        home = %home.root().display(),
        socket = %socket.as_deref().unwrap_or(home.root()).display(),
        plugins = host.runtime.list().len(),
        "tollgate runs"
    );
    let state = State::new(
        host.bus.clone(),
        host.sessions.clone(),
        host.gatekeeper.clone(),
        host.runtime.clone(),
        approver,
        user(),
    );
    tollgate_server::serve(listener, state, async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping");
    })
    .await;
    host.close().await;
    if let Some(socket) = socket {
        // Left behind it is only replaced at the next start.
        let _ = std::fs::remove_file(socket);
    }
    Ok(())
}

/// The user that the daemon's peers are.
fn user() -> String {
    std::env::var("USER")
        .ok()
        .filter(|user| !user.is_empty())
        .unwrap_or_else(|| rustix::process::getuid().as_raw().to_string())
}
