//! The one integration binary: what a user does with `tollgate`, and what the repository promises of itself.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

mod approvals;
mod architecture;
mod authoring;
mod bench;
mod commands;
mod compiling;
mod control;
mod control_plane;
mod crash;
mod demo;
mod frozen;
mod hooks;
mod hooks_install;
mod hostile;
mod http;
mod journal;
mod languages;
mod messages;
mod mistakes;
mod operations;
mod packaging;
mod plugins;
mod policies;
mod runner;
mod streams;
