//! The host's end of a pseudo-terminal, read and written without a thread that could be left hanging.

use crate::limits::MAX_CELLS;
use filedescriptor::FileDescriptor;
use portable_pty::{MasterPty, PtySize};
use rustix::io::Errno;
use std::io;
use std::sync::{Mutex, PoisonError};
use tokio::net::unix::pipe;

/// How large a terminal is, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns, 1 to [`MAX_CELLS`].
    pub cols: u16,
    /// Rows, 1 to [`MAX_CELLS`].
    pub rows: u16,
}

impl Default for Size {
    fn default() -> Self {
        Self { cols: 80, rows: 24 }
    }
}

impl Size {
    /// Whether a terminal can have this size.
    #[must_use]
    pub fn is_possible(self) -> bool {
        (1..=MAX_CELLS).contains(&self.cols) && (1..=MAX_CELLS).contains(&self.rows)
    }
}

impl From<Size> for PtySize {
    fn from(size: Size) -> Self {
        Self { rows: size.rows, cols: size.cols, pixel_width: 0, pixel_height: 0 }
    }
}

/// The host's end.
pub(crate) struct Terminal {
    /// For its size; locked since it cannot be shared between threads.
    master: Mutex<Box<dyn MasterPty + Send>>,
    from: pipe::Receiver,
    to: pipe::Sender,
}

impl Terminal {
    /// Takes over the host's end. Needs a running tokio runtime.
    pub(super) fn new(master: Box<dyn MasterPty + Send>) -> io::Result<Self> {
        let raw = master.as_raw_fd().ok_or_else(|| io::Error::other("the terminal has no descriptor"))?;
        let mut end = FileDescriptor::dup(&raw).map_err(io::Error::other)?;
        // Of what is open, so of every descriptor of it.
        end.set_non_blocking(true).map_err(io::Error::other)?;
        let end = || end.as_file().map_err(io::Error::other);
        // No pipes, and read, written and waited for in the same way.
        let (from, to) = (pipe::Receiver::from_file_unchecked(end()?)?, pipe::Sender::from_file_unchecked(end()?)?);
        Ok(Self { master: Mutex::new(master), from, to })
    }

    /// Reads once; 0 when nobody has the other end open any more. Cancel-safe.
    pub(crate) async fn read(&self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            self.from.readable().await?;
            match closed_as_end(self.from.try_read(bytes)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
        }
    }

    /// Reads what is there now; 0 where that is nothing. Asked of the kernel itself: the runtime may not know yet that
    /// there is something.
    pub(crate) fn read_now(&self, bytes: &mut [u8]) -> io::Result<usize> {
        match closed_as_end(rustix::io::read(&self.from, bytes).map_err(io::Error::from)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            other => other,
        }
    }

    /// Writes once, as much as the program's side takes. Cancel-safe.
    pub(crate) async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            self.to.writable().await?;
            match self.to.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
        }
    }

    /// Tells the program how large the terminal is.
    pub(crate) fn resize(&self, size: Size) -> io::Result<()> {
        let master = self.master.lock().unwrap_or_else(PoisonError::into_inner);
        master.resize(size.into()).map_err(|error| io::Error::other(error.to_string()))
    }
}

/// A terminal whose other end is closed answers with an error.
fn closed_as_end(read: io::Result<usize>) -> io::Result<usize> {
    match read {
        Err(error) if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => Ok(0),
        other => other,
    }
}
