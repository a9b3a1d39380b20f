//! Where the server listens: the unix socket, and a TCP port.

use sha2::{Digest, Sha256};
use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tokio::net::{TcpListener, UnixListener};
use tollgate_core::hex::hex;
use tollgate_core::home::{Home, MAX_SOCKET_PATH_BYTES};

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
    /// The port is taken, or the address is not this machine's.
    #[error("{address}: {source}; set another address as `[server] listen`, or `off`")]
    Tcp {
        /// The address.
        address: SocketAddr,
        /// The system's words.
        source: io::Error,
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
    // Enough to tell homes apart, and short enough for a socket's path.
    let name = hex(digest.get(..8).unwrap_or_default());
    Ok(runtime_dir.join(format!("tollgate-{name}.sock")))
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

/// Opens a TCP port.
///
/// # Errors
/// When the system refuses: taken, or not this machine's.
pub async fn bind_tcp(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| BindError::Tcp { address, source })
}

#[cfg(test)]
mod tests;
