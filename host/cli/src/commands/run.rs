//! `tollgate run`: the daemon, from the lock on its home to the last commit.

use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::home;
use crate::host::Host;
use crate::policies::Stamps;
use crate::reload::Reloading;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tollgate_core::home::Home;

/// How long threads that nobody waits for have to end with the daemon.
const LEFT: Duration = Duration::from_secs(2);

/// Runs until SIGINT or SIGTERM; on SIGHUP the policy is read again.
///
/// # Errors
/// When the home, the configuration, the journal or the socket is not fit; nothing is served then.
pub fn run(home: &Home) -> Result<Exit, Failure> {
    let config = Config::load(home).map_err(|error| Failure::Failed(error.to_string()))?;
    home::create(home)?;
    let _lock = home::lock(home)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("tollgate")
        .build()
        .map_err(|error| Failure::at("the async runtime", error))?;
    let served = runtime.block_on(serve(home, &config));
    // The journal is closed. What still reads a disk that keeps still must not hold the home.
    runtime.shutdown_timeout(LEFT);
    served.map(|()| Exit::Done)
}

async fn serve(home: &Home, config: &Config) -> Result<(), Failure> {
    // Before anything is started, so that no signal is lost.
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| Failure::at("signals", error))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| Failure::at("signals", error))?;
    let hangup = signal(SignalKind::hangup()).map_err(|error| Failure::at("signals", error))?;

    crate::host::install_bundled(home)?;
    // Before the policy is read, so that no change of it is missed.
    let seen = Stamps::of(home);
    let host = Host::open(home, config).await?;
    let reloading = Reloading::new(home.clone(), host.gatekeeper.clone(), config.clone(), seen);
    let reloading = tokio::spawn(reloading.follow(hangup));
    let watching = tokio::spawn(crate::agents::watch::watch(host.bus.clone()));
    let stop = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping");
    };
    let served = match host.serve(home, config, stop).await {
        Ok(serving) => {
            serving.await;
            Ok(())
        }
        Err(failure) => Err(failure),
    };
    reloading.abort();
    watching.abort();
    host.close().await;
    served
}
