//! The host's end of a pseudo-terminal, read and written without a thread that could be left hanging.

use crate::limits::MAX_CELLS;
use filedescriptor::FileDescriptor;
use portable_pty::{MasterPty, PtySize};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read, Write};
use tokio::io::unix::AsyncFd;

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
    master: Box<dyn MasterPty + Send>,
    io: AsyncFd<File>,
}

impl Terminal {
    /// Takes over the host's end. Needs a running tokio runtime.
    pub(super) fn new(master: Box<dyn MasterPty + Send>) -> io::Result<Self> {
        let raw = master.as_raw_fd().ok_or_else(|| io::Error::other("the terminal has no descriptor"))?;
        let mut end = FileDescriptor::dup(&raw).map_err(io::Error::other)?;
        end.set_non_blocking(true).map_err(io::Error::other)?;
        let io = AsyncFd::new(end.as_file().map_err(io::Error::other)?)?;
        Ok(Self { master, io })
    }

    /// Reads once; 0 when nobody has the other end open any more. Cancel-safe.
    pub(crate) async fn read(&self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.io.readable().await?;
            if let Ok(read) = ready.try_io(|io| read(io.get_ref(), bytes)) {
                return read;
            }
        }
    }

    /// Reads what is there now; 0 where that is nothing. Asked of the kernel itself, not of the runtime.
    pub(crate) fn read_now(&self, bytes: &mut [u8]) -> io::Result<usize> {
        match read(self.io.get_ref(), bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            other => other,
        }
    }

    /// Writes once, as much as the program's side takes. Cancel-safe.
    pub(crate) async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.io.writable().await?;
            if let Ok(written) = ready.try_io(|io| io.get_ref().write(bytes)) {
                return written;
            }
        }
    }

    /// Tells the program how large the terminal is.
    pub(crate) fn resize(&self, size: Size) -> io::Result<()> {
        self.master.resize(size.into()).map_err(|error| io::Error::other(error.to_string()))
    }
}

fn read(mut file: &File, bytes: &mut [u8]) -> io::Result<usize> {
    match file.read(bytes) {
        // The other end is closed.
        Err(error) if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => Ok(0),
        other => other,
    }
}
