//! What a Tollgate plugin in Rust depends on
