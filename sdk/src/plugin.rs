//! The traits that a plugin implements. They say what the host calls; how it is exported is `export`'s.

use crate::{Description, Event, Failure, ToolCall, Verdict};
use serde::de::DeserializeOwned;

/// A plugin: it says what it is, and handles the events that it subscribed to.
///
/// The host makes one value for each instance with `Default`, then calls [`Plugin::init`] once.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no plugin",
    label = "`Plugin` is not implemented for it",
    note = "write `impl Plugin for {Self} {{ fn describe() -> Description {{ … }} }}`, and `#[derive(Default)]` on the type"
)]
pub trait Plugin: Default + 'static {
    /// What this plugin is and asks for. Pure: nothing but [`crate::log`] works here.
    fn describe() -> Description;

    /// Takes the configuration; store and data are read-only here and nothing can be emitted.
    ///
    /// # Errors
    /// Words for the operator; this version is then refused.
    fn init(&mut self, config: &Config) -> Result<(), String> {
        let _ = config;
        Ok(())
    }

    /// Handles one event. Its emits and store writes are committed when this returns ok.
    ///
    /// # Errors
    /// [`Failure::Failed`] is final and counted; [`Failure::Retry`] asks to be called again.
    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        let _ = event;
        Ok(())
    }

    /// Called once before the instance is dropped, where there is time; never after a panic.
    fn stop(&mut self) {}
}

/// A plugin that decides tool calls too.
///
/// The host runs `check` in an instance of its own, beside the one that handles events: share what both need
/// through the store, not through fields.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no guard",
    label = "`Guard` is not implemented for it",
    note = "write `impl Guard for {Self} {{ fn check(…) … }}`; a plugin that decides no calls is exported by `export_observer!`"
)]
pub trait Guard: Plugin {
    /// Decides one call of a tool that [`Description::gate`] names.
    ///
    /// # Errors
    /// Words for the operator; the guard has then failed, which denies the call unless the operator chose otherwise.
    fn check(&mut self, call: &ToolCall) -> Result<Verdict, String>;
}

/// The operator's configuration of this plugin: a JSON object that the described schema accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config(String);

impl Config {
    /// Wraps JSON text.
    #[must_use]
    pub fn new(json: impl Into<String>) -> Self {
        Self(json.into())
    }

    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The configuration as `T`; empty text reads as an empty object.
    ///
    /// # Errors
    /// When the text does not fit `T`: what is wrong and where.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, String> {
        let text = if self.0.trim().is_empty() { "{}" } else { &self.0 };
        serde_json::from_str(text).map_err(|error| format!("configuration: {error}"))
    }
}
