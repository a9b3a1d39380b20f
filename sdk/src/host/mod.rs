//! The host's functions with Rust names. On wasm they are the imports; natively they go to [`crate::mock`].

pub mod bus;
pub mod data;
pub mod interactions;
pub mod log;
pub mod process;
pub mod session;
pub mod store;
pub mod workspace;
