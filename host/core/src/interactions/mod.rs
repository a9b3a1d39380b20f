//! Interactions: questions to people, their answers, and the session grants that answers give.
//!
//! Owns their life from asked to settled, in the journal's database, so that they outlive a restart; what ends
//! one is in the same commit as the event that says so. Knows nothing of tools and policy: what an approval is
//! bound to is the gate's. Who may answer is for the caller to check, before it calls [`Interactions::resolve`].

mod check;
mod expiry;
mod kind;
mod told;
mod types;
mod waiting;

#[cfg(test)]
pub(crate) mod tests;

pub use kind::{Kind, State};
pub use types::{
    APPROVE, APPROVE_ALL, Answer, Ask, AskError, Filter, Grant, Interaction, KEPT_SETTLED, MAX_ANSWER_BYTES,
    MAX_DETAILS_BYTES, MAX_GRANTS, MAX_OPTION_BYTES, MAX_OPTIONS, MAX_PENDING, MAX_PENDING_PER_SESSION, MAX_TEXT_BYTES,
    MAX_TTL, MAX_WAIT_MS, MAX_WAITING, REJECT, Resolution, ResolveError, UNSPENT_FOR, WaitError,
};
pub(crate) use types::{Bound, spendable_since};

use crate::bus::{Bus, EmitError};
use crate::journal::{Change, End, Journal, JournalError, Refusal};
use crate::session::Sessions;
use crate::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use uuid::Uuid;
use waiting::Waiting;

/// All interactions of the host. Cheap to clone; when the last clone goes, nothing expires any more until the
/// next start, which makes up for it.
#[derive(Clone)]
pub struct Interactions(Arc<Inner>);

struct Inner {
    bus: Bus,
    sessions: Arc<Sessions>,
    waiting: Waiting,
    /// An interaction was asked, so that the next expiry may be nearer.
    asked: Arc<Notify>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.asked.notify_one();
    }
}

impl Interactions {
    /// Takes up the interactions of `bus`'s journal and starts the one task that has them expire; those that ran
    /// out while the host was down expire at once. Needs a running tokio runtime.
    #[must_use]
    pub fn open(bus: &Bus, sessions: Arc<Sessions>) -> Self {
        let asked = Arc::new(Notify::new());
        let inner = Inner { bus: bus.clone(), sessions, waiting: Waiting::default(), asked: Arc::clone(&asked) };
        let interactions = Self(Arc::new(inner));
        tokio::spawn(expiry::run(Arc::downgrade(&interactions.0), asked, bus.clock().clone()));
        interactions
    }

    /// Asks: the interaction and its `interaction.requested` are one commit. A question with an id that was used
    /// before is that interaction, as it is now.
    ///
    /// # Errors
    /// When a part is over its bound, no chat is known, [`MAX_PENDING`] or [`MAX_PENDING_PER_SESSION`] wait
    /// already, or the journal does not record it.
    pub async fn ask(&self, ask: Ask) -> Result<Interaction, AskError> {
        let cause = ask.cause;
        let interaction = Arc::new(self.prepare(ask)?);
        let told = told::requested(&interaction, cause).map_err(EmitError::from)?;
        let inner = Arc::clone(&self.0);
        // On its own, so that the expiry task hears of it though the caller gives up.
        let asked = tokio::spawn(async move {
            let change = Change::Ask(Arc::clone(&interaction));
            match inner.bus.commit(change, vec![told]).await.map_err(EmitError::from)? {
                Ok(_receipts) => {
                    inner.asked.notify_one();
                    Ok((*interaction).clone())
                }
                Err(Refusal::Asked(id)) => {
                    let found = inner.read(move |journal| journal.interaction(&id)).await?;
                    Ok(found.unwrap_or_else(|| (*interaction).clone()))
                }
                Err(Refusal::TooMany(count)) => Err(AskError::TooMany(count)),
                Err(Refusal::NotThere) => Err(JournalError::Closed.into()),
            }
        });
        asked.await.unwrap_or(Err(JournalError::Closed.into()))
    }

    /// Answers an interaction; its end and `interaction.resolved` are one commit, and with
    /// [`Answer::approve_all`] the session grant and `session.granted` too. One that has ended already stays as
    /// it ended, and that is the answer. `by` is who answers, by name.
    ///
    /// # Errors
    /// When there is no such interaction, the answer does not fit it, or the journal does not record it.
    pub async fn resolve(&self, id: &str, answer: Answer, by: &str) -> Result<Resolution, ResolveError> {
        check::who(by)?;
        let found = self.found(id).await?;
        if found.state != State::Pending {
            return Ok(Resolution { interaction: found, first: false });
        }
        let now = self.0.bus.clock().now();
        let answer = check::answer(&found, answer)?;
        let granted = answer.decision.as_deref() == Some(APPROVE_ALL);
        let approved = granted || answer.decision.as_deref() == Some(APPROVE);
        let grant = found.bound.as_ref().filter(|_| granted).and_then(|bound| {
            let (session, key) = (found.session.clone()?, bound.grant.clone()?);
            Some(Grant { session, key, given_by: by.into(), given_at: now })
        });
        let end = End {
            state: State::Resolved,
            decision: answer.decision,
            answer: answer.answer,
            by: Some(by.to_owned()),
            at: now,
            unspent: approved && found.bound.is_some(),
        };
        self.end(found, end, grant).await
    }

    /// Withdraws an interaction, as [`Interactions::resolve`] with decision `cancelled`.
    ///
    /// # Errors
    /// When there is no such interaction, or the journal does not record it.
    pub async fn cancel(&self, id: &str, by: &str) -> Result<Resolution, ResolveError> {
        check::who(by)?;
        let found = self.found(id).await?;
        if found.state != State::Pending {
            return Ok(Resolution { interaction: found, first: false });
        }
        let end = End {
            state: State::Cancelled,
            decision: Some(State::Cancelled.as_str().to_owned()),
            answer: None,
            by: Some(by.to_owned()),
            at: self.0.bus.clock().now(),
            unspent: false,
        };
        self.end(found, end, None).await
    }

    /// One interaction.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn get(&self, id: &str) -> Result<Option<Interaction>, JournalError> {
        let id: Arc<str> = id.into();
        self.0.read(move |journal| journal.interaction(&id)).await
    }

    /// Interactions that match, the newest first.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<Interaction>, JournalError> {
        let filter = filter.clone();
        self.0.read(move |journal| journal.interactions(&filter)).await
    }

    /// Waits until an interaction has ended or `deadline` is past, at most [`MAX_WAIT_MS`]; answers it as it is
    /// then.
    ///
    /// # Errors
    /// When there is no such interaction, [`MAX_WAITING`] callers wait already, or the journal cannot be read.
    pub async fn wait(&self, id: &str, deadline: Timestamp) -> Result<Interaction, WaitError> {
        let waiter = self.0.waiting.join(id).ok_or(WaitError::TooMany)?;
        let not_found = || WaitError::NotFound(id.to_owned());
        let ended = waiter.ended();
        tokio::pin!(ended);
        // Registered before the look, so that an end between the two is heard.
        ended.as_mut().enable();
        let clock = self.0.bus.clock();
        let found = self.get(id).await?.ok_or_else(not_found)?;
        let left = clock.now().until(deadline).min(Duration::from_millis(MAX_WAIT_MS));
        if found.state != State::Pending || left.is_zero() {
            return Ok(found);
        }
        tokio::select! {
            () = ended => {}
            () = clock.sleep(left) => {}
        }
        self.get(id).await?.ok_or_else(not_found)
    }

    /// The session grants, the oldest first; of one session, or all.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn grants(&self, session: Option<&str>) -> Result<Vec<Grant>, JournalError> {
        let session: Option<Arc<str>> = session.map(Into::into);
        self.0.read(move |journal| journal.grants(session.as_deref())).await
    }

    /// Takes a session grant back; `session.revoked` is in the same commit. False where there is none.
    ///
    /// # Errors
    /// When the journal does not record it.
    pub async fn revoke(&self, session: &str, key: &str, by: &str) -> Result<bool, ResolveError> {
        check::who(by)?;
        let told = told::revoked(session, &self.0.chat_of(session), key, by).map_err(EmitError::from)?;
        let change = Change::Revoke { session: session.into(), key: key.into() };
        Ok(self.0.bus.commit(change, vec![told]).await.map_err(EmitError::from)?.is_ok())
    }

    /// An approval of this call that no call has used yet.
    pub(crate) async fn unspent(&self, call: [u8; 32]) -> Result<Option<Interaction>, JournalError> {
        let since = spendable_since(self.now());
        self.0.read(move |journal| journal.approval(&call, since)).await
    }

    /// How many wait for an answer.
    #[cfg(test)]
    pub(crate) fn callers(&self) -> usize {
        self.0.waiting.callers()
    }

    /// The host's clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.0.bus.clock().now()
    }

    async fn found(&self, id: &str) -> Result<Interaction, ResolveError> {
        self.get(id).await?.ok_or_else(|| ResolveError::NotFound(id.chars().take(64).collect()))
    }

    async fn end(&self, found: Interaction, end: End, grant: Option<Grant>) -> Result<Resolution, ResolveError> {
        let inner = Arc::clone(&self.0);
        // On its own, so that who waits hears of it though the caller gives up.
        let ended = tokio::spawn(async move { inner.end(found, end, grant).await });
        ended.await.unwrap_or(Err(JournalError::Closed.into()))
    }

    fn prepare(&self, ask: Ask) -> Result<Interaction, AskError> {
        let ask = check::question(ask)?;
        let chat_id = match (&ask.chat_id, &ask.session) {
            (Some(chat), _) => Arc::clone(chat),
            (None, Some(session)) => self.0.chat_of(session),
            (None, None) => return Err(AskError::NoChat),
        };
        let now = self.0.bus.clock().now();
        Ok(Interaction {
            id: ask.id.unwrap_or_else(Uuid::now_v7).to_string().into(),
            kind: ask.kind,
            chat_id,
            session: ask.session,
            text: ask.text,
            options: ask.options,
            details: ask.details.map(|details| details.to_string()),
            asked_by: ask.asked_by,
            asked_at: now,
            expires_at: ask.ttl.or(ask.kind.ttl()).map(|ttl| now.after(ttl)),
            state: State::Pending,
            decision: None,
            answer: None,
            resolved_by: None,
            settled_at: None,
            unspent: false,
            bound: ask.bound,
        })
    }
}

impl Inner {
    /// Ends a pending interaction; where another end was first, that one is answered.
    async fn end(&self, found: Interaction, end: End, grant: Option<Grant>) -> Result<Resolution, ResolveError> {
        let (id, at) = (Arc::clone(&found.id), end.at);
        if self.settle(&found, end, grant).await? {
            return self.resolution(&id, true).await;
        }
        let now = self.read({
            let id = Arc::clone(&id);
            move |journal| journal.interaction(&id)
        });
        if let Some(now) = now.await?.filter(|now| now.is_due(at)) {
            // It ran out, and the expiry task has not come by yet.
            self.settle(&now, expiry::end(at), None).await?;
        }
        self.resolution(&id, false).await
    }

    async fn resolution(&self, id: &Arc<str>, first: bool) -> Result<Resolution, ResolveError> {
        let found = self.read({
            let id = Arc::clone(id);
            move |journal| journal.interaction(&id)
        });
        let interaction = found.await?.ok_or_else(|| ResolveError::NotFound(id.to_string()))?;
        Ok(Resolution { interaction, first })
    }

    /// Commits an end with its events and wakes who waits; false where it had ended before.
    async fn settle(&self, found: &Interaction, end: End, grant: Option<Grant>) -> Result<bool, EmitError> {
        let drafts = told::ended(found, &end, grant.as_ref())?;
        let change = Change::Settle { id: Arc::clone(&found.id), end, grant };
        let settled = self.bus.commit(change, drafts).await?.is_ok();
        if settled {
            self.waiting.wake(&found.id);
        }
        Ok(settled)
    }

    fn chat_of(&self, session: &str) -> Arc<str> {
        self.sessions.get(session).map_or_else(|| session.into(), |session| Arc::clone(&session.chat_id))
    }

    /// Reads the journal, on another thread where it takes a disk.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Journal) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let journal = self.bus.journal().clone();
        if !journal.blocks() {
            return read(&journal);
        }
        match tokio::task::spawn_blocking(move || read(&journal)).await {
            Ok(result) => result,
            Err(error) => Err(JournalError::Read(error.to_string())),
        }
    }
}
