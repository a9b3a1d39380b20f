//! Tracing to standard error: levels and fields, never payloads or secrets.

use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

/// Starts it; `verbose` counts `-v`, and a daemon says a little unasked. `RUST_LOG` says it in detail and wins.
pub fn start(verbose: u8, daemon: bool) {
    let default = match verbose {
        0 if daemon => "warn,tollgate=info",
        0 => "warn",
        1 => "info,tollgate=debug",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    // Only a second start fails, and there is none.
    let _ = subscriber.try_init();
}
