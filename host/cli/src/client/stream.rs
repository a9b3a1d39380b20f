//! A connection that is over at a given time, however slowly the other side takes and gives.

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long an answer may keep still unless told otherwise: longer than the server's keep-alive of a stream.
pub const SILENCE: Duration = Duration::from_secs(60);

/// A unix socket with a deadline for all that happens on it, and one for each step.
pub(super) struct Stream {
    stream: UnixStream,
    until: Option<Instant>,
    silence: Duration,
}

impl Stream {
    /// Connects; a listener that takes no one counts against the deadline like one that keeps still.
    ///
    /// # Errors
    /// When nothing listens, or the time is over (`WouldBlock`).
    pub fn connect(path: &Path, until: Option<Instant>, silence: Duration) -> io::Result<Self> {
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        set_socket_timeout(&socket, Timeout::Send, Some(left(until, silence)?))?;
        connect(&socket, &SocketAddrUnix::new(path)?)?;
        Ok(Self { stream: socket.into(), until, silence })
    }
}

/// How long the next step may take.
fn left(until: Option<Instant>, silence: Duration) -> io::Result<Duration> {
    let left = until.map_or(silence, |until| until.saturating_duration_since(Instant::now()).min(silence));
    if left.is_zero() { Err(ErrorKind::WouldBlock.into()) } else { Ok(left) }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(left(self.until, self.silence)?))?;
        self.stream.read(buffer)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(left(self.until, self.silence)?))?;
        self.stream.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
