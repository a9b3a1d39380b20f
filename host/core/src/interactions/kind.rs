//! The kinds of interactions with the time that each may wait, and the states of an interaction. Wire names.

use std::time::Duration;

/// What an interaction is about; decides how long it may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Something is not clear.
    Clarification,
    /// A question.
    Question,
    /// A plan to look at.
    PlanReview,
    /// A yes or no.
    Confirmation,
    /// Something broke, and someone decides how to go on.
    SystemError,
    /// Another agent's work to look at.
    AgentReview,
    /// A tool call that needs a person's yes.
    Approval,
    /// A budget is used up.
    ResourceExhausted,
    /// Something took too long.
    Timeout,
    /// A point at which someone may go on; waits for ever.
    Checkpoint,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Clarification,
        Self::Question,
        Self::PlanReview,
        Self::Confirmation,
        Self::SystemError,
        Self::AgentReview,
        Self::Approval,
        Self::ResourceExhausted,
        Self::Timeout,
        Self::Checkpoint,
    ];

    /// The wire name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clarification => "clarification",
            Self::Question => "question",
            Self::PlanReview => "plan_review",
            Self::Confirmation => "confirmation",
            Self::SystemError => "system_error",
            Self::AgentReview => "agent_review",
            Self::Approval => "approval",
            Self::ResourceExhausted => "resource_exhausted",
            Self::Timeout => "timeout",
            Self::Checkpoint => "checkpoint",
        }
    }

    /// The kind of this wire name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// How long one waits for an answer; none: for ever.
    #[must_use]
    pub fn ttl(self) -> Option<Duration> {
        let minutes = match self {
            Self::Clarification | Self::Question | Self::PlanReview => 24 * 60,
            Self::Confirmation | Self::SystemError => 60,
            Self::AgentReview => 30,
            Self::Approval => 15,
            Self::ResourceExhausted | Self::Timeout => 5,
            Self::Checkpoint => return None,
        };
        Some(Duration::from_secs(minutes * 60))
    }
}

/// Where an interaction is in its life; all but the first are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Waits for an answer.
    Pending,
    /// Has its answer.
    Resolved,
    /// Ran out.
    Expired,
    /// Was withdrawn.
    Cancelled,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Resolved, Self::Expired, Self::Cancelled];

    /// The wire name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Resolved => "resolved",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of this wire name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}
