//! An answer's body: of a known length, chunked, or to the end of the connection.

use super::stream::Stream;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};

/// The longest line that tells a chunk's size.
const MAX_CHUNK_LINE: u64 = 256;

/// A body, read as it comes.
pub struct Body {
    reader: BufReader<Stream>,
    framing: Framing,
}

enum Framing {
    /// So many bytes are left.
    Sized(u64),
    /// So many bytes are left of this chunk.
    Chunked(u64),
    /// No more.
    Ended,
}

impl Body {
    /// A body of `length` bytes; without one, to the end of the connection.
    pub(super) fn sized(reader: BufReader<Stream>, length: Option<u64>) -> Self {
        Self { reader, framing: Framing::Sized(length.unwrap_or(u64::MAX)) }
    }

    /// A chunked body.
    pub(super) fn chunked(reader: BufReader<Stream>) -> Self {
        Self { reader, framing: Framing::Chunked(0) }
    }

    /// The size of the next chunk, past the end of the one before.
    fn next_chunk(&mut self) -> io::Result<u64> {
        let mut line = String::new();
        // The line end after a chunk's bytes reads as an empty line.
        while line.trim().is_empty() {
            line.clear();
            if (&mut self.reader).take(MAX_CHUNK_LINE).read_line(&mut line)? == 0 {
                return Err(io::Error::new(ErrorKind::UnexpectedEof, "it closed the connection"));
            }
        }
        let size = line.trim().split(';').next().unwrap_or_default();
        u64::from_str_radix(size, 16).map_err(|_| io::Error::new(ErrorKind::InvalidData, "a chunk without a size"))
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Framing::Chunked(0) = self.framing {
            self.framing = match self.next_chunk()? {
                0 => Framing::Ended,
                size => Framing::Chunked(size),
            };
        }
        let (Framing::Sized(left) | Framing::Chunked(left)) = &mut self.framing else { return Ok(0) };
        let read = (&mut self.reader).take(*left).read(buffer)?;
        let cut = read == 0 && *left > 0 && *left < u64::MAX / 2 && !buffer.is_empty();
        *left -= read as u64;
        if cut {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "it closed the connection within its answer"));
        }
        Ok(read)
    }
}
