//! The states of a runner session and the moves that are legal. Pure: knows no program, no event and no clock.

use std::fmt;

/// Where a runner session is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Known, and nothing done yet.
    Created,
    /// Its workspace is looked at.
    PreparingWorkspace,
    /// Its program is being started.
    StartingProvider,
    /// It works.
    Running,
    /// A person must approve something first.
    WaitingForApproval,
    /// A person holds it up.
    PausedByHuman,
    /// It is about to end.
    Stopping,
    /// It ended as wished.
    Completed,
    /// It ended otherwise; the reason says how.
    Failed,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Created,
        Self::PreparingWorkspace,
        Self::StartingProvider,
        Self::Running,
        Self::WaitingForApproval,
        Self::PausedByHuman,
        Self::Stopping,
        Self::Completed,
        Self::Failed,
    ];

    /// The wire name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::PreparingWorkspace => "PREPARING_WORKSPACE",
            Self::StartingProvider => "STARTING_PROVIDER",
            Self::Running => "RUNNING",
            Self::WaitingForApproval => "WAITING_FOR_APPROVAL",
            Self::PausedByHuman => "PAUSED_BY_HUMAN",
            Self::Stopping => "STOPPING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }

    /// The state of this wire name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// The states that may follow. One step at a time on the way up; from everywhere there is a way to an end.
    #[must_use]
    pub fn next(self) -> &'static [Self] {
        match self {
            Self::Created => &[Self::PreparingWorkspace, Self::Stopping, Self::Failed],
            Self::PreparingWorkspace => &[Self::StartingProvider, Self::Stopping, Self::Failed],
            Self::StartingProvider => &[Self::Running, Self::Stopping, Self::Failed],
            Self::Running => {
                &[Self::WaitingForApproval, Self::PausedByHuman, Self::Stopping, Self::Completed, Self::Failed]
            }
            // Not COMPLETED: what was asked is answered or withdrawn first.
            Self::WaitingForApproval => &[Self::Running, Self::PausedByHuman, Self::Stopping, Self::Failed],
            Self::PausedByHuman => &[Self::Running, Self::WaitingForApproval, Self::Stopping, Self::Failed],
            Self::Stopping => &[Self::Completed, Self::Failed],
            Self::Completed | Self::Failed => &[],
        }
    }

    /// Whether `next` may follow.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        self.next().contains(&next)
    }

    /// Whether it is an end: nothing follows.
    #[must_use]
    pub fn is_final(self) -> bool {
        self.next().is_empty()
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every legal move, a row for each state, a column for each next one in the order of [`State::ALL`].
    const TABLE: [&str; 9] = [
        ".P....S.F", // CREATED
        "..P...S.F", // PREPARING_WORKSPACE
        "...R..S.F", // STARTING_PROVIDER
        "....WPSCF", // RUNNING
        "...R.PS.F", // WAITING_FOR_APPROVAL
        "...RW.S.F", // PAUSED_BY_HUMAN
        ".......CF", // STOPPING
        ".........", // COMPLETED
        ".........", // FAILED
    ];

    #[test]
    fn the_moves_are_those_of_the_table_and_no_others() {
        for (from, row) in State::ALL.into_iter().zip(TABLE) {
            for (to, cell) in State::ALL.into_iter().zip(row.chars()) {
                assert_eq!(from.may_become(to), cell != '.', "{from} → {to}");
            }
        }
    }

    #[test]
    fn an_end_is_final_and_can_be_reached_from_everywhere_else() {
        for state in State::ALL {
            let is_end = matches!(state, State::Completed | State::Failed);
            assert_eq!(state.is_final(), is_end, "{state}");
            assert!(is_end || state.may_become(State::Failed), "{state}");
        }
    }

    #[test]
    fn names_read_back() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(state));
        }
        assert_eq!((State::parse("running"), State::parse("")), (None, None));
    }
}
