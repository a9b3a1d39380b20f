//! The gate's answer. Names and shapes are a contract: the strings here are what HTTP, events and the command line say.

use super::call::ShellCommand;
use serde_json::{Map, Value};

/// What the caller should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Decision {
    /// Run it.
    Allow,
    /// Nothing objected, nothing vouched: the caller's own default holds.
    Abstain,
    /// The caller asks its user; only where it said it can.
    Ask,
    /// Do not run it.
    Deny,
}

/// Why a call was denied, or deferred with a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// It would change Tollgate itself.
    Protection,
    /// A path outside the session's roots.
    Sandbox,
    /// A rule of policy, or the policy's default.
    Rule,
    /// A guard plugin said so.
    Plugin,
    /// A person said no.
    Person,
    /// The approval ran out.
    Expired,
    /// The approval still waits.
    Pending,
    /// Someone has to be asked and no one can be.
    NoApprover,
    /// A guard faulted.
    Fault,
    /// A guard ran out of time.
    Timeout,
    /// A guard is in quarantine.
    Quarantine,
    /// The host or a required guard is not there.
    Unavailable,
}

/// The `violation_type` of `tool.denied`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViolationType {
    /// Sandbox.
    Sandbox,
    /// Rule or protection.
    Policy,
    /// A guard.
    Plugin,
    /// A person.
    User,
    /// Expired, pending, no approver.
    Approval,
    /// Fault, timeout, quarantine, unavailable.
    Fault,
}

/// What let a call through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// A rule allowed it.
    Rule,
    /// A guard allowed it.
    Plugin,
    /// A session grant.
    Grant,
    /// A person approved it.
    Approval,
}

/// Time spent by stage, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StageTimes {
    /// Normalising and parsing the shell line.
    pub parse: u64,
    /// Protection and sandbox.
    pub sandbox: u64,
    /// Rules.
    pub rules: u64,
    /// Guard plugins.
    pub guards: u64,
    /// Journal commit.
    pub commit: u64,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// What to do.
    pub decision: Decision,
    /// A sentence for people and agents; never a plugin's free text unless it may speak.
    pub reason: String,
    /// Why it was denied or deferred with a question.
    pub cause: Option<Cause>,
    /// What let it through, with [`Decision::Allow`].
    pub via: Option<Via>,
    /// `policy/rule`, `plugin:<name>`, `sandbox`, `protection`.
    pub decided_by: Option<String>,
    /// The input to run instead.
    pub rewritten_input: Option<Map<String, Value>>,
    /// What the shell line runs.
    pub commands: Vec<ShellCommand>,
    /// The shell line was understood whole.
    pub understood: bool,
    /// The approval that waits.
    pub approval_id: Option<String>,
    /// Seqs of `tool.gated` and its outcome; empty where nothing was journalled (explain).
    pub seq: Vec<u64>,
    /// The call's id, given or made.
    pub call_id: String,
    /// Where the time went.
    pub stages_us: StageTimes,
}

impl Decision {
    /// The wire name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Abstain => "abstain",
            Self::Ask => "ask",
            Self::Deny => "deny",
        }
    }
}

impl Cause {
    /// The wire name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Protection => "protection",
            Self::Sandbox => "sandbox",
            Self::Rule => "rule",
            Self::Plugin => "plugin",
            Self::Person => "person",
            Self::Expired => "expired",
            Self::Pending => "pending",
            Self::NoApprover => "no_approver",
            Self::Fault => "fault",
            Self::Timeout => "timeout",
            Self::Quarantine => "quarantine",
            Self::Unavailable => "unavailable",
        }
    }

    /// The `violation_type` that a denial of this cause carries.
    #[must_use]
    pub fn violation_type(self) -> ViolationType {
        match self {
            Self::Sandbox => ViolationType::Sandbox,
            Self::Rule | Self::Protection => ViolationType::Policy,
            Self::Plugin => ViolationType::Plugin,
            Self::Person => ViolationType::User,
            Self::Expired | Self::Pending | Self::NoApprover => ViolationType::Approval,
            Self::Fault | Self::Timeout | Self::Quarantine | Self::Unavailable => ViolationType::Fault,
        }
    }
}

impl ViolationType {
    /// The wire name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Policy => "policy",
            Self::Plugin => "plugin",
            Self::User => "user",
            Self::Approval => "approval",
            Self::Fault => "fault",
        }
    }
}

impl Via {
    /// The wire name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Plugin => "plugin",
            Self::Grant => "grant",
            Self::Approval => "approval",
        }
    }
}
