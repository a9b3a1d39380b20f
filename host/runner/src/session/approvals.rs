//! A session's approvals: asked as interactions, waited for, and told of under the session's own ids.

use super::Session;
use crate::error::RunnerError;
use crate::machine::{Machine, Settled};
use crate::options::{Identity, check_name, invalid};
use crate::told::RUNNER;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tollgate_core::bus::EmitError;
use tollgate_core::event::Draft;
use tollgate_core::events::payload::APPROVAL_RESOLVED;
use tollgate_core::interactions::{
    APPROVE, APPROVE_ALL, Ask, Interaction, Interactions, Kind, MAX_WAIT_MS, REJECT, State, WaitError,
};
use tollgate_core::time::Clock;
use uuid::Uuid;

/// How long it is until a wait that was refused is tried again: other waits end meanwhile.
const WAIT_AGAIN: Duration = Duration::from_secs(1);

/// Something that a person must approve before the session goes on.
#[derive(Debug, Clone, Default)]
pub struct NewApproval {
    /// The asker's own id for it; the host makes one where none is given.
    pub id: Option<String>,
    /// The question.
    pub text: String,
    /// What else is known of it, told as it is.
    pub details: Map<String, Value>,
    /// How long it waits for an answer; none: as approvals do.
    pub ttl: Option<Duration>,
}

/// An approval that a session asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The session's id for it.
    pub id: Arc<str>,
    /// The interaction that it is answered as.
    pub interaction: Arc<str>,
    /// Whether it still waits for an answer.
    pub open: bool,
}

/// The approvals of one session.
#[derive(Default)]
pub(super) struct Approvals {
    /// Interactions, by the session's ids: as many as the machine takes.
    known: BTreeMap<Arc<str>, Arc<str>>,
    waits: JoinSet<(Arc<str>, Option<Interaction>)>,
}

impl Approvals {
    /// The next that ended; never where none is waited for. Cancel-safe.
    pub(super) async fn next(&mut self) -> (Arc<str>, Interaction) {
        loop {
            match self.waits.join_next().await {
                Some(Ok((id, Some(ended)))) => return (id, ended),
                // Of an interaction that is gone nothing can be told.
                Some(Ok((_, None)) | Err(_)) => {}
                None => pending().await,
            }
        }
    }

    pub(super) fn list(&self, machine: &Machine) -> Vec<Approval> {
        let approval = |(id, interaction): (&Arc<str>, &Arc<str>)| Approval {
            id: Arc::clone(id),
            interaction: Arc::clone(interaction),
            open: machine.open().any(|open| open == id),
        };
        self.known.iter().map(approval).collect()
    }

    pub(super) fn interaction(&self, id: &str) -> Option<&Arc<str>> {
        self.known.get(id)
    }

    /// Waits for its end from now on.
    pub(super) fn watch(&mut self, id: Arc<str>, interaction: &Arc<str>, interactions: &Interactions, clock: &Clock) {
        self.known.insert(Arc::clone(&id), Arc::clone(interaction));
        let (interaction, interactions, clock) = (Arc::clone(interaction), interactions.clone(), clock.clone());
        self.waits.spawn(async move { (id, end_of(&interaction, &interactions, &clock).await) });
    }
}

/// An interaction, once it has ended; none where it is gone.
async fn end_of(id: &str, interactions: &Interactions, clock: &Clock) -> Option<Interaction> {
    loop {
        let deadline = clock.now().after(Duration::from_millis(MAX_WAIT_MS));
        match interactions.wait(id, deadline).await {
            Ok(found) if found.state != State::Pending => return Some(found),
            Ok(_) => {}
            Err(WaitError::NotFound(_)) => return None,
            Err(error @ (WaitError::TooMany | WaitError::Journal(_))) => {
                tracing::debug!(interaction = id, %error, "runner.wait");
                tokio::time::sleep(WAIT_AGAIN).await;
            }
        }
    }
}

impl Session {
    /// Asks a person; the session waits from then on.
    pub(crate) async fn ask(&mut self, what: NewApproval) -> Result<Approval, RunnerError> {
        let (id, uuid) = id_of(&what)?;
        let mut machine = self.machine.clone();
        let moved = machine.ask(&id)?;
        let asked = self.ask_person(uuid, &what).await?;
        let told = self.who.requested(&id, &what.details, &asked)?;
        if let Err(error) = self.advance(machine, vec![told], moved, Some(&asked.text)).await {
            self.take_back(&asked).await;
            return Err(error);
        }
        self.watch(&id, &asked);
        Ok(Approval { id, interaction: asked.id, open: true })
    }

    /// Asks for an approval, as an interaction.
    pub(super) async fn ask_person(&self, id: Option<Uuid>, what: &NewApproval) -> Result<Interaction, RunnerError> {
        let mut ask = Ask::new(Kind::Approval, what.text.clone(), RUNNER);
        ask.id = id;
        ask.session = Some(Arc::clone(&self.who.id));
        ask.options = vec![APPROVE.to_owned(), REJECT.to_owned()];
        ask.details = (!what.details.is_empty()).then(|| Value::Object(what.details.clone()));
        ask.ttl = what.ttl;
        Ok(self.context.interactions.ask(ask).await?)
    }

    /// Waits for the end of what was asked, and lists it.
    pub(super) fn watch(&mut self, id: &Arc<str>, asked: &Interaction) {
        let clock = self.context.bus.clock().clone();
        self.approvals.watch(Arc::clone(id), &asked.id, &self.context.interactions, &clock);
        let (reason, exit) = (self.status.borrow().reason.clone(), self.status.borrow().exit_code);
        let ended = self.machine.is_ended();
        self.publish(reason.as_deref(), exit, ended);
    }

    /// Withdraws what was asked and cannot be told of.
    pub(super) async fn take_back(&self, asked: &Interaction) {
        if let Err(error) = self.context.interactions.cancel(&asked.id, RUNNER).await {
            tracing::warn!(interaction = %asked.id, %error, "runner.ask: a question that nobody needs stays open");
        }
    }

    /// Withdraws an open approval; what tells of its end, which may have come before.
    pub(super) async fn withdraw(&self, id: &str) -> Result<Draft, RunnerError> {
        let interaction = self.approvals.interaction(id);
        let interaction = interaction.ok_or_else(|| crate::machine::Refusal::NoApproval(id.to_owned()))?;
        let ended = self.context.interactions.cancel(interaction, RUNNER).await?;
        Ok(resolved(&self.who, id, &ended.interaction)?)
    }
}

/// The session's id for an approval, and the interaction's where the host made it.
pub(super) fn id_of(what: &NewApproval) -> Result<(Arc<str>, Option<Uuid>), RunnerError> {
    if what.text.trim().is_empty() {
        return Err(invalid("text", "of the approval is empty: say what is to be approved".to_owned()));
    }
    match &what.id {
        Some(id) => {
            check_name("approval id", id)?;
            Ok((id.as_str().into(), None))
        }
        None => {
            let id = Uuid::now_v7();
            Ok((id.to_string().into(), Some(id)))
        }
    }
}

/// What the end of an approval means for its session, and in words.
pub(super) fn read(id: &str, how: &Interaction) -> (Settled, String) {
    let by = how.resolved_by.as_deref().unwrap_or("nobody");
    match (how.state, how.decision.as_deref()) {
        (State::Resolved, Some(APPROVE | APPROVE_ALL)) => {
            (Settled::Approved, format!("approval {id} was given by {by}"))
        }
        (State::Cancelled, _) => (Settled::Withdrawn, format!("approval {id} was withdrawn by {by}")),
        (State::Expired, _) => denied(format!("approval {id} was not answered in time")),
        _ => match note(how) {
            Some(note) => denied(format!("approval {id} was denied by {by}: {note}")),
            None => denied(format!("approval {id} was denied by {by}")),
        },
    }
}

fn denied(why: String) -> (Settled, String) {
    (Settled::Denied(why.as_str().into()), why)
}

/// `approval.resolved`.
pub(super) fn resolved(who: &Identity, id: &str, how: &Interaction) -> Result<Draft, EmitError> {
    let decision = how.decision.as_deref().unwrap_or(how.state.as_str());
    who.resolved(id, decision, how.resolved_by.as_deref().unwrap_or("core"), note(how))
}

/// The approval that a draft tells the end of.
pub(super) fn answered(draft: &Draft) -> Option<String> {
    #[derive(Deserialize)]
    struct Resolved {
        #[serde(rename = "approvalId")]
        id: String,
    }
    let is_one = draft.event_type.as_str() == APPROVAL_RESOLVED;
    is_one.then(|| serde_json::from_str::<Resolved>(&draft.payload).ok()).flatten().map(|resolved| resolved.id)
}

fn note(how: &Interaction) -> Option<String> {
    serde_json::from_str(how.answer.as_deref()?).ok()
}
