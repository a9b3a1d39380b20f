//! One session: its state, its approvals, and what it tells of both. Each change is told before it counts.
//!
//! `own` drives a session whose program the host runs, `outside` one whose events come from outside, `taken` judges
//! such events. This file knows neither program nor sender.

mod approvals;
mod gated;
pub(crate) mod outside;
pub(crate) mod own;
mod taken;

pub use approvals::{Approval, NewApproval};
pub(crate) use taken::is_judged;

use crate::error::RunnerError;
use crate::limits::MAX_REMEMBERED;
use crate::machine::{Machine, Move, Refusal, Settled};
use crate::options::Identity;
use crate::program::Size;
use crate::state::State;
use approvals::Approvals;
use gated::Gated;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tollgate_core::bus::{Bus, EmitError};
use tollgate_core::event::Draft;
use tollgate_core::interactions::{Interaction, Interactions};
use tollgate_core::journal::{JournalError, Receipt};
use tollgate_core::time::Timestamp;
use uuid::Uuid;

/// How often the last events are tried where the journal refuses them; a second passes after the first time, and
/// twice as long after each other.
const END_TRIES: u32 = 5;

/// A session as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Who and where it is.
    pub identity: Arc<Identity>,
    /// Its state.
    pub state: State,
    /// Why it is in this state, where somebody said so.
    pub reason: Option<String>,
    /// Every approval that it asked for, by id.
    pub approvals: Vec<Approval>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When `session.ended` was told; nothing comes after it.
    pub ended_at: Option<Timestamp>,
    /// What its program ended with; none while it runs, and where a signal ended it.
    pub exit_code: Option<i64>,
}

pub(crate) type Reply<T> = oneshot::Sender<Result<T, RunnerError>>;

/// A call to a session.
pub(crate) enum Request {
    Input {
        bytes: Vec<u8>,
        reply: Reply<()>,
    },
    Resize {
        size: Size,
        reply: Reply<()>,
    },
    Stop {
        by: String,
        reply: Reply<()>,
    },
    Pause {
        by: String,
        reply: Reply<()>,
    },
    Resume {
        by: String,
        reply: Reply<()>,
    },
    Ask {
        what: NewApproval,
        reply: Reply<Approval>,
    },
    Take {
        drafts: Vec<Draft>,
        may_approve: bool,
        reply: Reply<Vec<Option<Receipt>>>,
    },
    /// The host stops.
    Close,
}

/// Answers a caller, who may have given up.
pub(crate) fn answer<T>(reply: Reply<T>, result: Result<T, RunnerError>) {
    drop(reply.send(result));
}

/// What sessions have of the host.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) bus: Bus,
    pub(crate) interactions: Interactions,
}

/// One session.
pub(crate) struct Session {
    context: Context,
    who: Arc<Identity>,
    machine: Machine,
    approvals: Approvals,
    status: watch::Sender<Arc<Status>>,
    created_at: Timestamp,
    /// Ids of events from outside that were recorded, the newest last.
    remembered: VecDeque<(Uuid, Option<Receipt>)>,
}

/// How a session ends.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) last: State,
    pub(crate) reason: Option<String>,
    pub(crate) exit_code: Option<i64>,
    pub(crate) usage: Option<Value>,
}

impl Ending {
    pub(crate) fn failed(reason: impl Into<String>) -> Self {
        Self { last: State::Failed, reason: Some(reason.into()), exit_code: None, usage: None }
    }
}

impl Session {
    /// A session of which nothing was told yet, and where it can be looked at.
    pub(crate) fn new(context: Context, who: Identity) -> (Self, watch::Receiver<Arc<Status>>) {
        let (who, created_at) = (Arc::new(who), context.bus.clock().now());
        let status = Status {
            identity: Arc::clone(&who),
            state: State::Created,
            reason: None,
            approvals: Vec::new(),
            created_at,
            ended_at: None,
            exit_code: None,
        };
        let (status, seen) = watch::channel(Arc::new(status));
        let (machine, approvals) = (Machine::default(), Approvals::default());
        (Self { context, who, machine, approvals, status, created_at, remembered: VecDeque::new() }, seen)
    }

    pub(crate) fn who(&self) -> &Arc<Identity> {
        &self.who
    }

    pub(crate) fn state(&self) -> State {
        self.machine.state()
    }

    /// Whether nothing comes any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.status.borrow().ended_at.is_some()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.context.bus.clock().now()
    }

    /// Tells `session.started`.
    pub(crate) async fn start(&mut self, version: &str) -> Result<(), RunnerError> {
        let mut machine = self.machine.clone();
        machine.start()?;
        self.tell(vec![self.who.started(version)?]).await?;
        self.machine = machine;
        Ok(())
    }

    /// Becomes `to`.
    pub(crate) async fn go(&mut self, to: State, reason: Option<&str>) -> Result<(), RunnerError> {
        let mut machine = self.machine.clone();
        let moved = machine.go(to)?;
        self.advance(machine, Vec::new(), moved, reason).await
    }

    /// Becomes RUNNING, and tells with it what the program's processes are found by after a restart.
    pub(crate) async fn run(&mut self, process: Option<Value>) -> Result<(), RunnerError> {
        let mut machine = self.machine.clone();
        let moved = machine.go(State::Running)?;
        let told = moved.map(|moved| self.who.runs(&moved, process)).transpose()?;
        self.tell(told.into_iter().collect()).await?;
        self.become_so(machine, None);
        Ok(())
    }

    /// Goes on after a pause.
    pub(crate) async fn resume(&mut self, reason: &str) -> Result<(), RunnerError> {
        let mut machine = self.machine.clone();
        let moved = machine.resume()?;
        self.advance(machine, Vec::new(), moved, Some(reason)).await
    }

    /// It can only fail from now on, for this.
    pub(crate) fn doom(&mut self, why: &str) {
        self.machine.doom_to_fail(why.into());
    }

    /// The next approval that was settled; never where none is open.
    pub(crate) async fn next_settled(&mut self) -> (Arc<str>, Interaction) {
        self.approvals.next().await
    }

    /// Takes in how an approval ended. One that this session settled itself is nothing new.
    pub(crate) async fn settled(&mut self, id: &str, how: &Interaction) -> Result<(), RunnerError> {
        let (settled, reason) = approvals::read(id, how);
        let mut machine = self.machine.clone();
        let moved = match machine.settle(id, &settled) {
            Ok(moved) => moved,
            Err(Refusal::NoApproval(_) | Refusal::Ended(_)) => return Ok(()),
            Err(refusal) => return Err(refusal.into()),
        };
        let told = approvals::resolved(&self.who, id, how)?;
        self.advance(machine, vec![told], moved, Some(&reason)).await
    }

    /// Takes in what others ask about its agent's calls, or its end.
    async fn gated(&mut self, gated: &Gated) -> Result<(), RunnerError> {
        match gated {
            Gated::Asked(id) => {
                let mut machine = self.machine.clone();
                let Some(moved) = machine.gate_asks(id)? else {
                    self.machine = machine;
                    return Ok(());
                };
                let reason = format!("the gate asks people about a call: {id}");
                self.advance(machine, Vec::new(), Some(moved), Some(&reason)).await
            }
            Gated::Ended(id) => {
                // An end is seen once: it counts also where the move that follows cannot be told of yet.
                self.machine.gate_is_answered(id);
                self.go_on(&format!("the gate has its answer: {id}")).await
            }
        }
    }

    /// Goes on where it waits and nothing is open any more: the move after the gate's last answer, which the journal
    /// may have refused before.
    async fn go_on(&mut self, reason: &str) -> Result<(), RunnerError> {
        let mut machine = self.machine.clone();
        match machine.goes_on() {
            Some(moved) => self.advance(machine, Vec::new(), Some(moved), Some(reason)).await,
            None => Ok(()),
        }
    }

    /// Ends: the last events, tried a few times, since nothing else would tell of it before the next start.
    pub(crate) async fn finish(&mut self, ending: Ending) {
        let mut wait = Duration::from_secs(1);
        for left in (0..END_TRIES).rev() {
            match self.try_finish(&ending).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::error!(session = %self.who.id, %error, "runner.finish: the end of a session is not recorded");
                    if left == 0 || matches!(error, RunnerError::Emit(EmitError::Journal(JournalError::Closed))) {
                        break;
                    }
                }
            }
            self.publish(Some("its end is not recorded yet"), ending.exit_code, false);
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        // The next start of the host tells of it.
        self.publish(Some("its end could not be recorded"), ending.exit_code, true);
    }

    async fn try_finish(&mut self, ending: &Ending) -> Result<(), RunnerError> {
        let mut machine = self.machine.clone();
        let mut told = Vec::new();
        let open: Vec<_> = machine.open().cloned().collect();
        for id in &open {
            told.push(self.withdraw(id).await?);
            if let Some(moved) = machine.settle(id, &Settled::Withdrawn)? {
                told.push(self.who.moved(&moved, Some("it ended before it was answered"))?);
            }
        }
        if let Some(moved) = machine.gate_is_left() {
            told.push(self.who.moved(&moved, Some("it ended before the gate had its answer"))?);
        }
        if ending.last == State::Completed && machine.state() == State::PausedByHuman {
            let moved = machine.resume()?;
            told.extend(moved.map(|moved| self.who.moved(&moved, Some("it ended while it was paused"))).transpose()?);
        }
        let doom = machine.doom().cloned();
        let (last, reason) = match &doom {
            // As it said itself already.
            _ if machine.state().is_final() => (machine.state(), ending.reason.as_deref()),
            Some(doom) => (State::Failed, Some(&**doom)),
            None => (ending.last, ending.reason.as_deref()),
        };
        let moved = machine.end(last)?;
        told.extend(moved.map(|moved| self.who.moved(&moved, reason)).transpose()?);
        let time = self.created_at.until(self.now());
        told.push(self.who.ended(last, reason, ending.exit_code, time, ending.usage.clone())?);
        self.tell(told).await?;
        self.machine = machine;
        self.publish(reason, ending.exit_code, true);
        Ok(())
    }

    /// Tells of `before` and of a move, in one commit, and of approvals that are void with it; then they count.
    async fn advance(
        &mut self,
        machine: Machine,
        before: Vec<Draft>,
        moved: Option<Move>,
        reason: Option<&str>,
    ) -> Result<(), RunnerError> {
        let mut told = before;
        if matches!(machine.state(), State::Stopping | State::Failed) {
            let void: Vec<_> = self.machine.open().filter(|id| !is_told(&told, id)).cloned().collect();
            for id in void {
                told.push(self.withdraw(&id).await?);
            }
        }
        let is_new = moved.is_some();
        told.extend(moved.map(|moved| self.who.moved(&moved, reason)).transpose()?);
        self.tell(told).await?;
        let kept = self.status.borrow().reason.clone();
        self.become_so(machine, if is_new { reason } else { kept.as_deref() });
        Ok(())
    }

    fn become_so(&mut self, machine: Machine, reason: Option<&str>) {
        self.machine = machine;
        self.publish(reason, None, false);
    }

    fn publish(&self, reason: Option<&str>, exit_code: Option<i64>, ended: bool) {
        let status = Status {
            identity: Arc::clone(&self.who),
            state: if ended && !self.machine.state().is_final() { State::Failed } else { self.machine.state() },
            reason: reason.map(str::to_owned),
            approvals: self.approvals.list(&self.machine),
            created_at: self.created_at,
            ended_at: ended.then(|| self.now()),
            exit_code,
        };
        self.status.send_replace(Arc::new(status));
    }

    /// Records what the bus filter lets in.
    pub(crate) async fn tell(&self, mut drafts: Vec<Draft>) -> Result<(), EmitError> {
        self.context.bus.keep_wanted(&mut drafts);
        self.context.bus.emit_batch(drafts).await?;
        Ok(())
    }

    fn remember(&mut self, id: Uuid, receipt: Option<Receipt>) {
        if self.remembered.len() >= MAX_REMEMBERED {
            self.remembered.pop_front();
        }
        self.remembered.push_back((id, receipt));
    }
}

/// Whether one of `told` is the answer to the approval `id`.
fn is_told(told: &[Draft], id: &str) -> bool {
    told.iter().any(|draft| approvals::answered(draft).is_some_and(|answered| answered == id))
}
