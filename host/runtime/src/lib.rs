//! x
mod bindings;
mod host { pub mod process { pub struct Child; } }
