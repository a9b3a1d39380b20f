//! Tests in a browser are an agent's work: here is what it is told, and how the engine is asked to let it.

use crate::file;
use crate::settings::Settings;
use crate::text;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use tollgate_sdk::session::{self, EffectError};

/// The longest prompt, in bytes: four pages.
pub const MAX_PROMPT_BYTES: usize = 16 * 1024;

/// What the agent is to test.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Browser {
    /// Where the application answers.
    pub url: Option<String>,
    /// How to start what answers there.
    pub server: Option<String>,
    /// Framework to write or run them with.
    pub framework: Option<String>,
    /// Folder of what is tested.
    pub directory: String,
    /// What to look at most.
    pub focus: Option<String>,
    /// The same, from the workspace's file.
    pub focus_areas: Vec<String>,
    /// What must hold before.
    pub preconditions: Vec<String>,
    /// Names of the variables that the workspace's file sets.
    pub variables: Vec<String>,
}

impl Browser {
    /// What the agent is told; `suites` is what the other tests came to.
    #[must_use]
    pub fn prompt(&self, suites: &str) -> String {
        let mut prompt = "Test this application in a browser, from its user's side.\n\n".to_owned();
        let mut line = |name: &str, value: &str| {
            // Writing to a String does not fail.
            let _ = writeln!(prompt, "{name}: {value}");
        };
        for (name, value) in [("Address", &self.url), ("Framework", &self.framework), ("Look most at", &self.focus)] {
            if let Some(value) = value {
                line(name, value);
            }
        }
        if let Some(server) = &self.server {
            line("Server", &format!("if it does not answer yet, start it: {server}"));
        }
        if !self.directory.is_empty() {
            line("Folder", &self.directory);
        }
        for (name, values) in [("Look at", &self.focus_areas), ("Before you begin, make sure", &self.preconditions)] {
            if !values.is_empty() {
                line(name, "");
                values.iter().for_each(|value| line(" -", value));
            }
        }
        if !self.variables.is_empty() {
            line("Variables", &format!("{} (values in {})", self.variables.join(", "), file::PATH));
        }
        prompt.push_str(
            "\nFor each thing you check, say what you did, what should happen and what did. Name every failure \
             with the steps that show it. If you cannot reach the application, say so instead of guessing. Change no code.\n",
        );
        let _ = write!(prompt, "\nThe other tests: {suites}\n");
        text::cut(&prompt, MAX_PROMPT_BYTES).into_owned()
    }

    /// Asks the engine to have the agent do it: its mode, what it may use, then the prompt.
    ///
    /// # Errors
    /// Why it was not handed over, for a person.
    pub fn hand_over(&self, settings: &Settings, suites: &str) -> Result<(), String> {
        let mode = &settings.browser_mode;
        let result = if mode.is_empty() { Ok(()) } else { session::set_mode(mode) };
        let result = result.and_then(|()| settings.browser_grants.iter().try_for_each(|key| session::grant(key)));
        result.and_then(|()| session::prompt(&self.prompt(suites))).map_err(|error| match error {
            EffectError::Denied => "not handed over: grant `session_effects = true` to the test-runner".to_owned(),
            EffectError::NoSession => "not handed over: this chat has no session with an agent".to_owned(),
            EffectError::OverBudget => "not handed over: this request's effects on the session are spent".to_owned(),
        })
    }
}
