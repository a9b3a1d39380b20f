//! The home folder: where every file of one host lives.

use std::path::{Path, PathBuf};

/// Paths of one home. Making or opening them is the caller's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home(PathBuf);

/// The longest unix socket path that the home itself may hold, in bytes (the kernel's own limit is 107).
pub const MAX_SOCKET_PATH_BYTES: usize = 100;

impl Home {
    /// The home at `root`, which must be absolute.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.0
    }
    /// The configuration.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.0.join("tollgate.toml")
    }
    /// The journal's database.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.0.join("journal.db")
    }
    /// Components and their grant files.
    #[must_use]
    pub fn plugins(&self) -> PathBuf {
        self.0.join("plugins")
    }
    /// A plugin's own files.
    #[must_use]
    pub fn data(&self, plugin: &str) -> PathBuf {
        self.0.join("data").join(plugin)
    }
    /// Policy files, read in name order.
    #[must_use]
    pub fn policies(&self) -> PathBuf {
        self.0.join("policies")
    }
    /// Compiled components and last good bytes.
    #[must_use]
    pub fn cache(&self) -> PathBuf {
        self.0.join("cache")
    }
    /// The advisory lock of the one daemon, holding its pid.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.0.join("run").join("lock")
    }
    /// The folder of the lock and the socket.
    #[must_use]
    pub fn run(&self) -> PathBuf {
        self.0.join("run")
    }
    /// The unix socket, where its path is short enough.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.0.join("run").join("tollgate.sock")
    }
    /// The file that names the socket where the home's path is too long for one.
    #[must_use]
    pub fn socket_pointer(&self) -> PathBuf {
        self.0.join("run").join("socket")
    }
    /// The file that names the TCP address while a daemon listens on one.
    #[must_use]
    pub fn address(&self) -> PathBuf {
        self.0.join("run").join("address")
    }
    /// The clients' token.
    #[must_use]
    pub fn token(&self) -> PathBuf {
        self.0.join("token")
    }
    /// Named tokens, as hashes.
    #[must_use]
    pub fn tokens(&self) -> PathBuf {
        self.0.join("tokens.json")
    }
    /// The approvers' token.
    #[must_use]
    pub fn approver_token(&self) -> PathBuf {
        self.0.join("approver-token")
    }
}
