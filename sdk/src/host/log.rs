//! The plugin's log. Lines past 64 KiB an event are dropped and counted by the host.

use crate::Level;

#[cfg(target_family = "wasm")]
use crate::bindings::tollgate::plugin::log as host;
#[cfg(not(target_family = "wasm"))]
use crate::mock::log as host;

/// Writes one line at `level`.
pub fn write(level: Level, message: &str) {
    host::write(level, message);
}

/// Every step.
pub fn trace(message: &str) {
    write(Level::Trace, message);
}

/// What helps the plugin's author.
pub fn debug(message: &str) {
    write(Level::Debug, message);
}

/// What an operator may want to know.
pub fn info(message: &str) {
    write(Level::Info, message);
}

/// Something is off and was dealt with.
pub fn warn(message: &str) {
    write(Level::Warn, message);
}

/// Something failed.
pub fn error(message: &str) {
    write(Level::Error, message);
}
