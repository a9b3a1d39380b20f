//! Serving connections: who may connect, how many at a time, and how long they may dawdle.

use crate::access::Access;
use crate::router::router;
use crate::stall::StallGuard;
use crate::state::{MAX_STREAMS, State};
use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tower::ServiceExt as _;

/// Most connections of the socket at a time, and of the port; further ones wait in the kernel's queue until one
/// ends. Each has its own, so that a crowd at the port never keeps an agent's hook out.
const MAX_CONNECTIONS: usize = 512;
/// How long a request's head may take, and how long a kept connection may idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// Largest head of a request: more than any query that we take.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// How long requests under way have to finish after a shutdown began.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause after a failed accept (out of file descriptors): another connection has to end first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A connection's place among those of its listener, for whoever goes on with it once it is upgraded.
#[derive(Debug, Clone)]
pub(crate) struct Place(#[expect(dead_code, reason = "held, not looked at")] Arc<OwnedSemaphorePermit>);

/// Serves the socket, and the port where there is one, until `shutdown` is done; then lets requests under way
/// finish for `DRAIN_TIMEOUT`.
pub async fn serve(socket: UnixListener, port: Option<TcpListener>, state: State, shutdown: impl Future<Output = ()>) {
    let (closing, streams, control) = (state.closing.clone(), Arc::clone(&state.streams), Arc::clone(&state.control));
    let app = router(state);
    let mut connections = Connections { app, closed: closing.subscribe(), tasks: JoinSet::new() };
    let (socket_places, port_places) =
        (Arc::new(Semaphore::new(MAX_CONNECTIONS)), Arc::new(Semaphore::new(MAX_CONNECTIONS)));
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = accept_local(&socket, &socket_places) => if let Some((stream, permit)) = accepted {
                connections.spawn(stream, Access::LOCAL_USER, permit);
            },
            accepted = accept_remote(port.as_ref(), &port_places) => if let Some((stream, permit)) = accepted {
                connections.spawn(stream, Access::NETWORK, permit);
            },
        }
    }
    closing.send_replace(true);
    let until = Instant::now() + DRAIN_TIMEOUT;
    // Who does not read is not waited for.
    let _ = tokio::time::timeout_at(until, control.close()).await;
    connections.drain(until).await;
    // Upgraded connections are no longer among those: each holds a stream's place until it has said goodbye.
    let all = u32::try_from(MAX_STREAMS).unwrap_or(u32::MAX);
    if tokio::time::timeout_at(until, streams.acquire_many(all)).await.is_err() {
        tracing::warn!("live connections were cut off: their clients did not read");
    }
}

struct Connections {
    app: Router,
    closed: watch::Receiver<bool>,
    tasks: JoinSet<()>,
}

impl Connections {
    fn spawn<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
        &mut self,
        stream: S,
        access: Access,
        permit: OwnedSemaphorePermit,
    ) {
        // Ended tasks are taken out as we go, so that the set holds only living ones.
        while self.tasks.try_join_next().is_some() {}
        let (app, mut closed) = (self.app.clone(), self.closed.clone());
        let place = Place(Arc::new(permit));
        self.tasks.spawn(async move {
            let held = place.clone();
            let stream = StallGuard::new(stream);
            let written = stream.written();
            let service = TowerToHyperService::new(app.map_request(move |mut request: hyper::Request<_>| {
                request.extensions_mut().insert(access);
                request.extensions_mut().insert(place.clone());
                request.extensions_mut().insert(written.clone());
                request
            }));
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .max_buf_size(MAX_HEAD_BYTES)
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
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
            drop(held);
        });
    }

    async fn drain(mut self, until: Instant) {
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout_at(until, all).await.is_err() {
            self.tasks.abort_all();
        }
    }
}

/// Done when the value is true, or no one can make it so any more.
pub(crate) async fn until_true(value: &mut watch::Receiver<bool>) {
    // The guard that this gives must not live on.
    let _ = value.wait_for(|value| *value).await;
}

/// The next connection of the daemon's own user (or root's), with its place among the living ones.
async fn accept_local(socket: &UnixListener, places: &Arc<Semaphore>) -> Option<(UnixStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(places).acquire_owned().await.ok()?;
    let stream = accepted(socket.accept().await).await?;
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

/// The next connection of the port; never, where there is none.
async fn accept_remote(
    port: Option<&TcpListener>,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let Some(port) = port else { return std::future::pending().await };
    let permit = Arc::clone(places).acquire_owned().await.ok()?;
    let stream = accepted(port.accept().await).await?;
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps its delay");
    }
    Some((stream, permit))
}

async fn accepted<S, A>(accepted: io::Result<(S, A)>) -> Option<S> {
    match accepted {
        Ok((stream, _)) => Some(stream),
        Err(error) => {
            tracing::warn!(%error, "accept failed");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

#[cfg(test)]
mod tests;
