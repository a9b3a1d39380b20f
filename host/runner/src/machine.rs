//! One session's state, what it waits for, and the judgement of every move, whoever asks for it.
//!
//! The same for a session whose program the host runs and for one whose events come from outside. Pure: a refused
//! move changes nothing, so whoever judges several at once does it on a clone.

use crate::limits::MAX_APPROVALS;
use crate::state::State;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Why a move is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The table has no such move.
    #[error("{from} cannot become {to}; {} may follow", names(from.next()))]
    Illegal {
        /// The state it is in.
        from: State,
        /// The state asked for.
        to: State,
    },
    /// `session.ended` was its last event.
    #[error("the session has ended as {0}: nothing comes after its session.ended; start another one")]
    Ended(State),
    /// `session.started` is the first event.
    #[error("the session has not started: send session.started first")]
    NotStarted,
    /// There is one `session.started`.
    #[error("the session has started already")]
    Started,
    /// It cannot go on before these are settled.
    #[error("{0} approvals are still open: it goes on when none is")]
    Waiting(usize),
    /// It waits by itself once it asks.
    #[error("no approval is open: send approval.requested, and it waits")]
    NothingAsked,
    /// What was denied does not end well.
    #[error("it can only end as FAILED: {0}")]
    Doomed(Arc<str>),
    /// Not in this state.
    #[error("{what} is not possible in {state}")]
    NotNow {
        /// What was wanted.
        what: &'static str,
        /// The state it is in.
        state: State,
    },
    /// Nobody asked for it.
    #[error("no approval `{0}` is open in this session")]
    NoApproval(String),
    /// It was asked for before.
    #[error("the approval `{0}` was asked for before; give each an id of its own")]
    Asked(String),
    /// [`MAX_APPROVALS`] were asked for.
    #[error("{MAX_APPROVALS} approvals were asked for in this session, and that is the most")]
    TooManyApprovals,
    /// An end names how the session ended.
    #[error("`{0}` is no end: finalState is COMPLETED or FAILED")]
    NoEnd(String),
}

/// A move that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The state before.
    pub from: State,
    /// The state now.
    pub to: State,
}

/// How an approval was settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// Somebody approved.
    Approved,
    /// Somebody said no, or nobody said anything in time; with what the session fails for.
    Denied(Arc<str>),
    /// It is not asked for any more.
    Withdrawn,
}

/// The state of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    state: State,
    started: bool,
    ended: bool,
    /// Approvals that are open.
    open: BTreeSet<Arc<str>>,
    /// Those that others ask about its agent's calls: as many as people may be asked about one session.
    gated: BTreeSet<Arc<str>>,
    /// Every approval there was, so that none is asked for twice.
    asked: BTreeSet<Arc<str>>,
    /// What it must fail for.
    doom: Option<Arc<str>>,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            state: State::Created,
            started: false,
            ended: false,
            open: BTreeSet::new(),
            gated: BTreeSet::new(),
            asked: BTreeSet::new(),
            doom: None,
        }
    }
}

impl Machine {
    /// Where it is.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether `session.started` was.
    #[must_use]
    pub fn is_started(&self) -> bool {
        self.started
    }

    /// Whether `session.ended` was.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// The approvals that are open, in the order of their ids.
    pub fn open(&self) -> impl Iterator<Item = &Arc<str>> {
        self.open.iter()
    }

    /// What it can only fail for any more.
    #[must_use]
    pub fn doom(&self) -> Option<&Arc<str>> {
        self.doom.as_ref()
    }

    /// `session.started`: once, and before everything else.
    ///
    /// # Errors
    /// When it was already, or the session has ended.
    pub fn start(&mut self) -> Result<(), Refusal> {
        if self.ended {
            return Err(Refusal::Ended(self.state));
        }
        if self.started {
            return Err(Refusal::Started);
        }
        self.started = true;
        Ok(())
    }

    /// Whether something may still be told of the session: it has started and not ended.
    ///
    /// # Errors
    /// When it has not.
    pub fn lives(&self) -> Result<(), Refusal> {
        match (self.started, self.ended) {
            (_, true) => Err(Refusal::Ended(self.state)),
            (false, _) => Err(Refusal::NotStarted),
            (true, false) => Ok(()),
        }
    }

    /// Becomes `to`; none where it is that already.
    ///
    /// # Errors
    /// When the move is not legal now.
    pub fn go(&mut self, to: State) -> Result<Option<Move>, Refusal> {
        self.lives()?;
        if to == self.state {
            return Ok(None);
        }
        if !self.state.may_become(to) {
            return Err(Refusal::Illegal { from: self.state, to });
        }
        match to {
            State::Running if self.waits() => return Err(Refusal::Waiting(self.open.len() + self.gated.len())),
            State::WaitingForApproval if !self.waits() => return Err(Refusal::NothingAsked),
            State::Completed => {
                if let Some(doom) = &self.doom {
                    return Err(Refusal::Doomed(Arc::clone(doom)));
                }
            }
            // Whatever was asked is void: the session does not go on.
            State::Stopping | State::Failed => {
                self.open.clear();
                self.gated.clear();
            }
            _ => {}
        }
        Ok(Some(self.moved(to)))
    }

    /// Goes on after a pause: to work, or to wait where something is open.
    ///
    /// # Errors
    /// When it is not paused.
    pub fn resume(&mut self) -> Result<Option<Move>, Refusal> {
        self.lives()?;
        if self.state != State::PausedByHuman {
            return Err(Refusal::NotNow { what: "to resume", state: self.state });
        }
        self.go(if self.waits() { State::WaitingForApproval } else { State::Running })
    }

    /// An approval is asked for: the session waits, unless it is paused, where it waits afterwards.
    ///
    /// # Errors
    /// When the session does not work, the id was asked for before, or too many were.
    pub fn ask(&mut self, id: &Arc<str>) -> Result<Option<Move>, Refusal> {
        self.lives()?;
        if !matches!(self.state, State::Running | State::WaitingForApproval | State::PausedByHuman) {
            return Err(Refusal::NotNow { what: "to ask for an approval", state: self.state });
        }
        if self.asked.contains(id) {
            return Err(Refusal::Asked(id.to_string()));
        }
        if self.asked.len() >= MAX_APPROVALS {
            return Err(Refusal::TooManyApprovals);
        }
        self.asked.insert(Arc::clone(id));
        self.open.insert(Arc::clone(id));
        Ok((self.state == State::Running).then(|| self.moved(State::WaitingForApproval)))
    }

    /// An open approval is settled. It goes on when none is open any more; a denial stops it, and it can then only
    /// fail.
    ///
    /// # Errors
    /// When no such approval is open.
    pub fn settle(&mut self, id: &str, settled: &Settled) -> Result<Option<Move>, Refusal> {
        self.lives()?;
        if !self.open.remove(id) {
            return Err(Refusal::NoApproval(id.chars().take(64).collect()));
        }
        if let Settled::Denied(why) = settled {
            self.doom.get_or_insert_with(|| Arc::clone(why));
            return self.go(State::Stopping);
        }
        Ok(self.goes_on())
    }

    /// Somebody else asks people about a call of its agent, such as the gate: the session waits as for an approval of
    /// its own, and how it is answered is the agent's to deal with. Where it does not work nothing changes.
    ///
    /// # Errors
    /// When it has not started, or has ended.
    pub fn gate_asks(&mut self, id: &Arc<str>) -> Result<Option<Move>, Refusal> {
        self.lives()?;
        if !matches!(self.state, State::Running | State::WaitingForApproval | State::PausedByHuman) {
            return Ok(None);
        }
        self.gated.insert(Arc::clone(id));
        Ok((self.state == State::Running).then(|| self.moved(State::WaitingForApproval)))
    }

    /// What [`Machine::gate_asks`] told of has ended, however it did; [`Machine::goes_on`] is what follows.
    pub fn gate_is_answered(&mut self, id: &str) {
        self.gated.remove(id);
    }

    /// What others ask is not waited for any more: the agent has ended.
    pub fn gate_is_left(&mut self) -> Option<Move> {
        self.gated.clear();
        self.goes_on()
    }

    /// Goes on where it waits and nothing is open any more.
    pub fn goes_on(&mut self) -> Option<Move> {
        (self.state == State::WaitingForApproval && !self.waits()).then(|| self.moved(State::Running))
    }

    fn waits(&self) -> bool {
        !(self.open.is_empty() && self.gated.is_empty())
    }

    /// It can only fail from now on, for the first reason given.
    pub fn doom_to_fail(&mut self, why: Arc<str>) {
        self.doom.get_or_insert(why);
    }

    /// `session.ended`, the last event: as `last`, with the move that is missing.
    ///
    /// # Errors
    /// When it cannot end so.
    pub fn end(&mut self, last: State) -> Result<Option<Move>, Refusal> {
        if !last.is_final() {
            return Err(Refusal::NoEnd(last.as_str().to_owned()));
        }
        let moved = self.go(last)?;
        self.ended = true;
        Ok(moved)
    }

    fn moved(&mut self, to: State) -> Move {
        let from = std::mem::replace(&mut self.state, to);
        Move { from, to }
    }
}

fn names(states: &[State]) -> String {
    if states.is_empty() {
        return "nothing".to_owned();
    }
    states.iter().map(|state| state.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
