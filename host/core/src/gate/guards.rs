//! What the gatekeeper needs of guard plugins; the runtime implements it.

use super::call::NormalisedCall;
use super::verdict::Cause;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use std::sync::Arc;

/// What a guard's fault, timeout or absence means; the operator's choice per plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFault {
    /// Deny.
    #[default]
    Deny,
    /// Ask.
    Ask,
    /// Stand aside.
    Abstain,
}

/// What one guard made of a call.
#[derive(Debug, Clone, PartialEq)]
pub enum GuardOutcome {
    /// No opinion.
    Abstain,
    /// No, with its words.
    Deny(String),
    /// Ask, with its words.
    Ask(String),
    /// Yes.
    Allow,
    /// Yes, with this input instead.
    Rewrite(Map<String, Value>),
    /// It did not answer; the cause is one of fault, timeout, quarantine, unavailable.
    Failed {
        /// Which.
        cause: Cause,
        /// For people: the fault's name and message.
        message: String,
    },
}

/// One guard's answer and what its grant lets it mean.
#[derive(Debug, Clone)]
pub struct GuardAnswer {
    /// The plugin.
    pub plugin: Arc<str>,
    /// What it made of the call.
    pub outcome: GuardOutcome,
    /// What a failure means.
    pub on_fault: OnFault,
    /// Its grant lets it deny.
    pub may_deny: bool,
    /// Its grant lets it ask.
    pub may_ask: bool,
    /// Its grant lets it allow.
    pub may_allow: bool,
    /// Its grant lets it rewrite.
    pub may_rewrite: bool,
    /// Its words may reach the agent.
    pub may_speak: bool,
}

impl GuardAnswer {
    /// Whether the guard has no gate grant at all: its answer is recorded (`would have denied`) and does not count.
    #[must_use]
    pub fn shadow(&self) -> bool {
        !(self.may_deny || self.may_ask || self.may_allow || self.may_rewrite)
    }
}

/// The guards that gate a call, asked side by side, each within its own limits.
pub trait Guards: Send + Sync {
    /// One answer of every guard that gates the call's canonical tool, in name order.
    fn check<'a>(&'a self, call: &'a Arc<NormalisedCall>) -> BoxFuture<'a, Vec<GuardAnswer>>;
}

/// No guards: an engine that embeds only the core.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoGuards;

impl Guards for NoGuards {
    fn check<'a>(&'a self, _call: &'a Arc<NormalisedCall>) -> BoxFuture<'a, Vec<GuardAnswer>> {
        Box::pin(std::future::ready(Vec::new()))
    }
}
