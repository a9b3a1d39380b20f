//! A connection whose peer stops reading is closed: a write that makes no progress for too long is an error. How much was
//! written is counted for whoever wants to know; what it was is not.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::{Instant, Sleep, sleep};

/// How long one write may wait for the peer.
pub(crate) const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// How many bytes a connection has taken.
#[derive(Debug, Clone, Default)]
pub(crate) struct Written(Arc<Count>);

#[derive(Debug, Default)]
struct Count {
    bytes: AtomicU64,
    more: Notify,
}

impl Written {
    pub(crate) fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Done once it took more than when this was called.
    pub(crate) fn more(&self) -> Notified<'_> {
        self.0.more.notified()
    }

    pub(crate) fn add(&self, bytes: u64) {
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.0.more.notify_waiters();
    }

    /// Whether nobody else counts by it: its connection is gone.
    pub(crate) fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// Whether this counts the same connection.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn count(&self, polled: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = polled {
            self.add(u64::try_from(*bytes).unwrap_or(u64::MAX));
        }
    }
}

/// Wraps a connection; reads pass through.
pub(crate) struct StallGuard<S> {
    inner: S,
    /// Runs while a write waits.
    deadline: Pin<Box<Sleep>>,
    waiting: bool,
    written: Written,
}

impl<S> StallGuard<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self { inner, deadline: Box::pin(sleep(STALL_TIMEOUT)), waiting: false, written: Written::default() }
    }

    /// What it counts.
    pub(crate) fn written(&self) -> Written {
        self.written.clone()
    }

    fn guard<T>(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.waiting = false;
            return polled;
        }
        if !self.waiting {
            self.waiting = true;
            self.deadline.as_mut().reset(Instant::now() + STALL_TIMEOUT);
        }
        ready!(self.deadline.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, "the peer stopped reading")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for StallGuard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for StallGuard<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.written.count(&polled);
        self.guard(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.written.count(&polled);
        self.guard(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_flush(context);
        self.guard(context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_shutdown(context);
        self.guard(context, polled)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_read_is_an_error_after_the_timeout() {
        let (near, _far) = tokio::io::duplex(16);
        let begun = Instant::now();
        let error = StallGuard::new(near).write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(begun.elapsed().as_secs(), STALL_TIMEOUT.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_peer_that_reads_is_served() {
        let (near, mut far) = tokio::io::duplex(16);
        let mut guarded = StallGuard::new(near);
        let written = guarded.written();
        let writing = tokio::spawn(async move { guarded.write_all(&[7; 64]).await });
        let mut got = [0; 16];
        for _ in 0..4 {
            sleep(STALL_TIMEOUT / 2).await;
            // What the peer's side takes is counted, and who waits for that hears of it.
            let (before, more) = (written.bytes(), written.more());
            assert_eq!(before % 16, 0);
            far.read_exact(&mut got).await.unwrap();
            if before < 64 {
                more.await;
            }
        }
        assert_eq!(written.bytes(), 64);
        writing.await.unwrap().unwrap();
    }
}
