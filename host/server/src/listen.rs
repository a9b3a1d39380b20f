//! The unix socket: where it is, who may connect, how many at a time, and how long they may dawdle.

use crate::access::Access;
use crate::router::router;
use crate::stall::StallGuard;
use crate::state::State;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tollgate_core::home::{Home, MAX_SOCKET_PATH_BYTES};
use tower::ServiceExt as _;

/// Most connections at a time; further ones wait in the kernel's queue until one ends.
const MAX_CONNECTIONS: usize = 512;
/// How long a request's head may take, and how long a kept connection may idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// Largest head of a request: more than any query that we take.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// How long requests under way have to finish after a shutdown began.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause after a failed accept (out of file descriptors): another connection has to end first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why the socket is not there.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The home's path is too long for a socket and there is nowhere else to put it.
    #[error(
        "{path} is over {MAX_SOCKET_PATH_BYTES} bytes, too long for a socket, and XDG_RUNTIME_DIR is not set; set it, or use a shorter home"
    )]
    TooLong {
        /// The path that the socket would have.
        path: PathBuf,
    },
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// The socket or the file that names it.
        path: PathBuf,
        /// Its words.
        source: io::Error,
    },
}

/// Where the socket of `home` is: in it, or where its path is too long, in `runtime_dir` under a name made of the home's.
///
/// # Errors
/// When the home's path is too long and there is no `runtime_dir`.
pub fn socket_path(home: &Home, runtime_dir: Option<&Path>) -> Result<PathBuf, BindError> {
    let own = home.socket();
    if own.as_os_str().len() <= MAX_SOCKET_PATH_BYTES {
        return Ok(own);
    }
    let Some(runtime_dir) = runtime_dir.filter(|dir| dir.is_absolute()) else {
        return Err(BindError::TooLong { path: own });
    };
    let digest = Sha256::digest(home.root().as_os_str().as_bytes());
    let hash: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Ok(runtime_dir.join(format!("tollgate-{hash}.sock")))
}

/// Opens the socket of `home` with mode 0600. A socket file left by an earlier daemon is replaced: the caller
/// holds the home's lock, so no one serves it. Where the socket is not in the home, `run/socket` names it.
///
/// # Errors
/// When there is no place for it or the system refuses.
pub fn bind(home: &Home, runtime_dir: Option<&Path>) -> Result<UnixListener, BindError> {
    let path = socket_path(home, runtime_dir)?;
    let io = |source| BindError::Io { path: path.clone(), source };
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(io(error)),
        _ => {}
    }
    let listener = UnixListener::bind(&path).map_err(io)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(io)?;
    let pointer = home.socket_pointer();
    let at_pointer = |source| BindError::Io { path: pointer.clone(), source };
    if path == home.socket() {
        match fs::remove_file(&pointer) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(at_pointer(error)),
            _ => {}
        }
    } else {
        fs::write(&pointer, path.as_os_str().as_bytes()).map_err(at_pointer)?;
    }
    Ok(listener)
}

/// Serves until `shutdown` is done, then lets requests under way finish for `DRAIN_TIMEOUT`.
pub async fn serve(listener: UnixListener, state: State, shutdown: impl Future<Output = ()>) {
    let closing = state.closing.clone();
    let closed = closing.subscribe();
    let app = router(state);
    let free = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        // Ended tasks are taken out as we go, so that the set holds only living ones.
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &free) => accepted,
        };
        let Some((stream, permit)) = accepted else { continue };
        let (app, mut closed) = (app.clone(), closed.clone());
        connections.spawn(async move {
            let service = TowerToHyperService::new(app.map_request(|mut request: hyper::Request<_>| {
                request.extensions_mut().insert(Access::LOCAL_USER);
                request
            }));
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .max_buf_size(MAX_HEAD_BYTES)
                .serve_connection(TokioIo::new(StallGuard::new(stream)), service);
            tokio::pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = until_true(&mut closed) => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "connection ended");
            }
            drop(permit);
        });
    }
    closing.send_replace(true);
    let drained = tokio::time::timeout(DRAIN_TIMEOUT, async { while connections.join_next().await.is_some() {} });
    if drained.await.is_err() {
        connections.abort_all();
    }
}

/// Done when the value is true, or no one can make it so any more.
pub(crate) async fn until_true(value: &mut watch::Receiver<bool>) {
    // The guard that this gives must not live on.
    let _ = value.wait_for(|value| *value).await;
}

/// The next connection of the daemon's own user (or root's), with its place among the living ones.
async fn accept(
    listener: &UnixListener,
    free: &Arc<Semaphore>,
) -> Option<(UnixStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(free).acquire_owned().await.ok()?;
    let stream = match listener.accept().await {
        Ok((stream, _)) => stream,
        Err(error) => {
            tracing::warn!(%error, "accept failed");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            return None;
        }
    };
    match stream.peer_cred() {
        Ok(peer) if peer.uid() == rustix::process::geteuid().as_raw() || peer.uid() == 0 => Some((stream, permit)),
        Ok(peer) => {
            tracing::warn!(uid = peer.uid(), "a connection of another user was closed");
            None
        }
        Err(error) => {
            tracing::warn!(%error, "a connection without credentials was closed");
            None
        }
    }
}

#[cfg(test)]
mod tests;
