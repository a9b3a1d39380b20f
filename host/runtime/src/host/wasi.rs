//! WASI 0.2 with nothing behind it: clocks and random work, standard output and error become log lines, and
//! there are no files, arguments, environment or sockets.

use super::GuestState;
use super::debt::Debt;
use crate::limits::FUEL_PER_HOST_CALL;
use crate::logs::{GuestLog, LogLevel, MAX_LOG_LINE_BYTES};
use bytes::Bytes;
use rand::{Rng, TryRng};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// Most bytes that a guest may write to a stream before it asks again.
const WRITE_PERMIT_BYTES: usize = 16 * 1_024;
/// Most random bytes that one call returns.
const MAX_RANDOM_BYTES: u64 = 64 * 1_024;

impl WasiView for GuestState {
    /// What every import of WASI begins with, so each is charged here; one that may not go on ends at the next epoch.
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.debt.add(FUEL_PER_HOST_CALL);
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

pub(super) fn empty_context(log: &Arc<GuestLog>, debt: &Debt) -> WasiCtx {
    // Sockets are not refused by an empty context alone.
    WasiCtxBuilder::new()
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .max_random_size(MAX_RANDOM_BYTES)
        .secure_random(Random(debt.clone()))
        .insecure_random(Random(debt.clone()))
        .stdout(Lines::new(log, debt, false))
        .stderr(Lines::new(log, debt, true))
        .build()
}

/// The thread's generator, whose numbers a guest pays for by the byte.
struct Random(Debt);

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.0.add_bytes(size_of::<u32>());
        Ok(rand::rng().next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0.add_bytes(size_of::<u64>());
        Ok(rand::rng().next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.add_bytes(bytes.len());
        rand::rng().fill_bytes(bytes);
        Ok(())
    }
}

/// A standard stream of a guest, cut into log lines.
#[derive(Clone)]
struct Lines {
    log: Arc<GuestLog>,
    debt: Debt,
    is_error: bool,
    /// The line that has no end yet; never over [`MAX_LOG_LINE_BYTES`].
    partial: Arc<Mutex<Vec<u8>>>,
}

impl Lines {
    fn new(log: &Arc<GuestLog>, debt: &Debt, is_error: bool) -> Self {
        Self { log: Arc::clone(log), debt: debt.clone(), is_error, partial: Arc::default() }
    }

    fn take(&self, bytes: &[u8]) {
        self.debt.add_bytes(bytes.len());
        let mut partial = self.partial.lock().unwrap_or_else(PoisonError::into_inner);
        for byte in bytes {
            if *byte == b'\n' || partial.len() >= MAX_LOG_LINE_BYTES {
                self.line(&partial);
                partial.clear();
            }
            if *byte != b'\n' {
                partial.push(*byte);
            }
        }
    }

    fn line(&self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        if text.is_empty() {
            return;
        }
        if self.is_error {
            self.log.standard_error(&text);
        } else {
            self.log.write(LogLevel::Info, &text);
        }
    }
}

impl IsTerminal for Lines {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Lines {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        // Only WASI 0.3 asks for it, which is not linked.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_PERMIT_BYTES)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Lines {
    async fn ready(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::LogRing;
    use tollgate_core::time::Clock;

    #[test]
    fn lines_and_random_numbers_are_paid_for_by_the_byte() {
        let debt = Debt::default();
        let ring = Arc::new(LogRing::new(Clock::system()));
        Lines::new(&Arc::new(GuestLog::new(ring)), &debt, true).take(&[b'x'; 1_000]);
        assert_eq!(debt.owed(), 1_000);
        let mut random = Random(debt.clone());
        let drawn = [random.next_u64(), random.next_u64(), u64::from(random.next_u32())];
        assert!(drawn[0] != drawn[1] && debt.owed() == 1_020);
        random.fill_bytes(&mut [0; 80]);
        assert_eq!(debt.owed(), 1_100);
    }

    #[test]
    fn a_stream_becomes_lines_and_a_line_without_end_is_cut() {
        let ring = Arc::new(LogRing::new(Clock::system()));
        let lines = Lines::new(&Arc::new(GuestLog::new(Arc::clone(&ring))), &Debt::default(), false);
        lines.take(b"one\ntw");
        lines.take(b"o\n\n");
        lines.take(&vec![b'x'; MAX_LOG_LINE_BYTES + 1]);
        let texts: Vec<String> = ring.last(10).into_iter().map(|line| line.text).collect();
        assert_eq!(texts, ["one", "two", &"x".repeat(MAX_LOG_LINE_BYTES)]);
    }
}
