//! A daemon on a temporary home, and how its port is reached. Knows nothing of what it is looked at for.

use crate::process::Running;
use crate::tollgate::Tollgate;
use anyhow::{Result, ensure};
use std::path::Path;

/// Settings for a measure: what is recorded survives the process, as it does with no setting that loses events.
pub const DURABLE: &str = "[journal]\ndurability = \"normal\"\n";

/// One that runs; it goes when it is dropped.
pub struct Host<'a> {
    /// Where its home is, and what else is written.
    pub folder: &'a Path,
    /// Its binary and its home.
    pub tollgate: Tollgate<'a>,
    /// The daemon itself.
    pub daemon: Running,
    /// Of its port.
    pub address: String,
    /// The home's own.
    pub token: String,
}

impl<'a> Host<'a> {
    /// Starts one on any free port of the loopback, with these settings besides.
    ///
    /// # Errors
    /// When it does not come to listen.
    pub fn start(binary: &'a Path, folder: &'a Path, settings: &str) -> Result<Self> {
        let tollgate = Tollgate::new(binary, folder, folder, folder)?;
        tollgate.configure(&format!("[server]\nlisten = \"127.0.0.1:0\"\n\n{settings}"))?;
        let daemon = tollgate.start()?;
        let (address, token) = tollgate.port()?;
        Ok(Self { folder, tollgate, daemon, address, token })
    }

    /// It runs, and it answers.
    ///
    /// # Errors
    /// When it does not.
    pub fn lives(&mut self) -> Result<()> {
        let ended = self.daemon.ended()?;
        ensure!(ended.is_none(), "the daemon has ended: {}", self.daemon.last_words());
        self.tollgate.run(&["tail", "--no-follow", "-n", "1"]).map(drop)
    }
}
