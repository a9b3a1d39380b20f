//! Every runner session of the host: started, found, spoken to, ended; and ended after a restart where it was left.

use crate::error::RunnerError;
use crate::limits::{KEPT_ENDED, LINGER, MAILBOX, MAX_INPUT_BYTES, MAX_OUTSIDE, MAX_PROGRAMS, STOP_GRACE};
use crate::machine::Refusal;
use crate::options::{Identity, Provider, RunnerOptions, Wish, check_name, invalid};
use crate::program::{Order, Size};
use crate::recovery;
use crate::session::{Approval, Context, NewApproval, Reply, Request, Session, Status, is_judged, outside, own};
use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;
use tollgate_core::bus::Bus;
use tollgate_core::event::Draft;
use tollgate_core::interactions::{Answer, Interactions, Resolution};
use tollgate_core::journal::Receipt;
use tollgate_core::session::{SessionHint, Sessions};
use uuid::Uuid;

/// How long the end of the host waits for sessions, besides the grace that programs have: for the last events.
const CLOSE_MARGIN: Duration = Duration::from_secs(10);
/// The variable that tells a program its session.
pub const SESSION_VARIABLE: &str = "TOLLGATE_SESSION";

/// The runner. Cheap to clone; when the last clone goes, every program it runs is killed.
#[derive(Clone)]
pub struct Runner(Arc<Inner>);

struct Inner {
    context: Context,
    sessions: Arc<Sessions>,
    options: RunnerOptions,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    by_id: HashMap<Arc<str>, Entry>,
    /// Those that were made, the oldest first.
    order: VecDeque<Arc<str>>,
    /// Those that are being made, and whether the host runs their programs.
    making: HashMap<Arc<str>, bool>,
    stopping: bool,
}

impl Table {
    fn put(&mut self, id: Arc<str>, entry: Entry) {
        self.order.push_back(Arc::clone(&id));
        self.by_id.insert(id, entry);
        let Self { by_id, order, .. } = self;
        let is_over = |id: &Arc<str>| by_id.get(id).is_none_or(|entry| !entry.lives());
        let over = order.iter().filter(|id| is_over(id)).count();
        let mut forget = over.saturating_sub(KEPT_ENDED);
        let (gone, kept) = std::mem::take(order).into_iter().partition::<VecDeque<_>, _>(|id| {
            let goes = forget > 0 && is_over(id);
            forget -= usize::from(goes);
            goes
        });
        *order = kept;
        gone.iter().for_each(|id| drop(by_id.remove(id)));
    }

    /// How many hold a place, of those whose programs the host runs or of the others.
    fn places(&self, host_runs: bool) -> usize {
        let is_alike = |entry: &&Entry| entry.lives() && entry.status.borrow().identity.provider.is_some() == host_runs;
        let making = self.making.values().filter(|made| **made == host_runs).count();
        self.by_id.values().filter(is_alike).count() + making
    }
}

struct Entry {
    status: watch::Receiver<Arc<Status>>,
    mailbox: mpsc::Sender<Request>,
    task: Option<AbortHandle>,
}

impl Entry {
    fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status.borrow())
    }

    /// Whether it holds a place: until its task is over.
    fn lives(&self) -> bool {
        self.task.as_ref().is_some_and(|task| !task.is_finished())
    }
}

impl Runner {
    /// A runner of `options`' providers. Sessions that a host before this one left open are ended as FAILED, and
    /// what is left of their programs is killed. Needs a running tokio runtime.
    ///
    /// # Errors
    /// When a provider cannot be used, or the journal cannot be read or written.
    pub async fn open(
        bus: &Bus,
        sessions: Arc<Sessions>,
        interactions: Interactions,
        options: RunnerOptions,
    ) -> Result<Self, RunnerError> {
        options.check()?;
        let context = Context { bus: bus.clone(), interactions };
        let mut table = Table::default();
        for status in recovery::recover(&context).await? {
            let id = Arc::clone(&status.identity.id);
            let (mailbox, status) = (mpsc::channel(1).0, watch::channel(Arc::new(status)).1);
            table.put(id, Entry { status, mailbox, task: None });
        }
        Ok(Self(Arc::new(Inner { context, sessions, options, table: Mutex::new(table) })))
    }

    /// Makes a session. With a provider its program is started, and what becomes of it is told; `session.started`
    /// is recorded when this returns. Without one it waits for events from outside, `session.started` first.
    ///
    /// # Errors
    /// When the wish cannot be granted, or as many sessions run as may; nothing is told of it then.
    pub async fn start(&self, wish: Wish) -> Result<Arc<Status>, RunnerError> {
        wish.check()?;
        let provider = wish.provider.as_deref().map(|name| self.provider(name)).transpose()?;
        let id: Arc<str> = wish.id.clone().unwrap_or_else(|| Uuid::now_v7().to_string()).into();
        let reserved = self.reserve(&id, provider.is_some())?;
        let workspace = match (&wish.workspace, &provider) {
            (Some(wanted), Some(_)) => Some(self.workspace(&id, wanted, &wish).await?),
            (wanted, _) => wanted.clone(),
        };
        // Before its start is told, since what follows from that is shown there too.
        if wish.village_id.is_some() || wish.repo_id.is_some() {
            self.0.sessions.place(&id, wish.village_id.as_deref(), wish.repo_id.as_deref());
        }
        let who = Identity::of(&wish, Arc::clone(&id), workspace);
        let (mut session, status) = Session::new(self.0.context.clone(), who);
        if let Some(provider) = &provider {
            session.start(provider.version.as_deref().unwrap_or("unknown")).await?;
        }
        // Only now that nothing is refused any more: until then the chat may be another session's.
        self.0.sessions.bind_chat(&id, wish.chat_id.as_deref().unwrap_or(&id), wish.user_id.as_deref());
        let (mailbox, requests) = mpsc::channel(MAILBOX);
        let task = match provider {
            Some(provider) => {
                let order = order(&provider, session.who(), wish.size);
                tokio::spawn(own::run(session, order, requests))
            }
            None => tokio::spawn(outside::run(session, requests)),
        };
        let entry = Entry { status, mailbox, task: Some(task.abort_handle()) };
        let made = entry.status();
        reserved.fill(entry);
        Ok(made)
    }

    /// The names of the providers, in order.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        self.0.options.providers.keys().map(String::as_str)
    }

    /// A session as it is now, or ended; one that ended long ago, or before the host was started twice, is not known
    /// any more.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<Status>> {
        self.table().by_id.get(id).map(Entry::status)
    }

    /// What a session becomes, change by change; its sender is gone when nothing changes any more.
    #[must_use]
    pub fn watch(&self, id: &str) -> Option<watch::Receiver<Arc<Status>>> {
        self.table().by_id.get(id).map(|entry| entry.status.clone())
    }

    /// All sessions that are known, the oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Status>> {
        let table = self.table();
        table.order.iter().filter_map(|id| table.by_id.get(id)).map(Entry::status).collect()
    }

    /// Whether an event is one by which a session that is known would change, or one that the host tells of it: such
    /// an event is to come in through [`Runner::take`], which judges it, and through nothing beside it.
    #[must_use]
    pub fn judges(&self, draft: &Draft) -> bool {
        let known = draft.session.as_deref().and_then(|id| self.get(id));
        known.is_some_and(|status| is_judged(draft.event_type.as_str(), status.identity.provider.is_some()))
    }

    /// Takes events of a session in, all or none. A receipt for each; none for a move to the state that it is in
    /// already. An event whose id came before has the receipt that it had. `may_approve`: whoever sent them may
    /// answer approvals.
    ///
    /// # Errors
    /// The first event that is refused, and why; the session's end refuses all that come after.
    pub async fn take(
        &self,
        id: &str,
        drafts: Vec<Draft>,
        may_approve: bool,
    ) -> Result<Vec<Option<Receipt>>, RunnerError> {
        self.call(id, |reply| Request::Take { drafts, may_approve, reply }).await
    }

    /// Types `bytes` into a session's terminal.
    ///
    /// # Errors
    /// When the session runs elsewhere or has ended, or more than [`MAX_INPUT_BYTES`] would wait to be read.
    pub async fn input(&self, id: &str, bytes: Vec<u8>) -> Result<(), RunnerError> {
        if bytes.len() > MAX_INPUT_BYTES {
            let reason = format!("has {} bytes, at most {MAX_INPUT_BYTES} are taken", bytes.len());
            return Err(invalid("input", reason));
        }
        self.call(id, |reply| Request::Input { bytes, reply }).await
    }

    /// Makes a session's terminal larger or smaller.
    ///
    /// # Errors
    /// When no terminal has this size, or the session runs elsewhere or has ended.
    pub async fn resize(&self, id: &str, size: Size) -> Result<(), RunnerError> {
        if !size.is_possible() {
            return Err(RunnerError::size());
        }
        self.call(id, |reply| Request::Resize { size, reply }).await
    }

    /// Stops a session: its program is told to end, and killed [`STOP_GRACE`] later. Returns once it is told; one
    /// that stops already is no error. `by` is who stops it.
    ///
    /// # Errors
    /// When the session has ended, or the journal does not record it.
    pub async fn stop(&self, id: &str, by: &str) -> Result<(), RunnerError> {
        let by = who(by)?;
        self.call(id, |reply| Request::Stop { by, reply }).await
    }

    /// Holds a session up: nothing of its program runs until [`Runner::resume`]. `by` is who does.
    ///
    /// # Errors
    /// When the session does not work, or the journal does not record it.
    pub async fn pause(&self, id: &str, by: &str) -> Result<(), RunnerError> {
        let by = who(by)?;
        self.call(id, |reply| Request::Pause { by, reply }).await
    }

    /// Lets a session go on that was held up.
    ///
    /// # Errors
    /// When it was not, or the journal does not record it.
    pub async fn resume(&self, id: &str, by: &str) -> Result<(), RunnerError> {
        let by = who(by)?;
        self.call(id, |reply| Request::Resume { by, reply }).await
    }

    /// Asks a person to approve something; the session waits for it.
    ///
    /// # Errors
    /// When the session does not work, or the approval cannot be asked for.
    pub async fn ask_approval(&self, id: &str, what: NewApproval) -> Result<Approval, RunnerError> {
        self.call(id, |reply| Request::Ask { what, reply }).await
    }

    /// Answers an approval of a session; one that has ended already stays as it ended, and that is the answer. What
    /// follows is told soon after. Who may answer is for the caller to check.
    ///
    /// # Errors
    /// When there is no such session, it asked for no such approval, or the answer does not fit.
    pub async fn resolve_approval(
        &self,
        id: &str,
        approval: &str,
        answer: Answer,
        by: &str,
    ) -> Result<Resolution, RunnerError> {
        let status = self.get(id).ok_or_else(|| no_session(id))?;
        let known = status.approvals.iter().find(|known| &*known.id == approval);
        let interaction = known
            .map(|known| Arc::clone(&known.interaction))
            .ok_or_else(|| RunnerError::NoApproval { session: short(id), approval: short(approval) })?;
        Ok(self.0.context.interactions.resolve(&interaction, answer, by).await?)
    }

    /// Ends every session as FAILED, since the host stops, and starts no other. Programs have their grace; what is
    /// left after it is killed.
    pub async fn close(&self) {
        let left: Vec<_> = {
            let mut table = self.table();
            table.stopping = true;
            let live = table.by_id.values().filter(|entry| entry.lives());
            live.map(|entry| (entry.mailbox.clone(), entry.status.clone(), entry.task.clone())).collect()
        };
        let told: Vec<_> = left
            .into_iter()
            .map(|(mailbox, mut status, task)| {
                tokio::spawn(async move {
                    // One that has just ended takes nothing any more.
                    drop(mailbox.send(Request::Close).await);
                    let over = async { while status.changed().await.is_ok() {} };
                    if tokio::time::timeout(STOP_GRACE + LINGER + CLOSE_MARGIN, over).await.is_err()
                        && let Some(task) = task
                    {
                        // Its program goes with it.
                        task.abort();
                    }
                })
            })
            .collect();
        for told in told {
            if let Err(error) = told.await {
                tracing::warn!(%error, "runner.close");
            }
        }
    }

    /// Has a session do something, and waits until it did. One that is just ending answers with its end.
    async fn call<T>(&self, id: &str, make: impl FnOnce(Reply<T>) -> Request) -> Result<T, RunnerError> {
        let (mailbox, mut status) = {
            let table = self.table();
            let entry = table.by_id.get(id).ok_or_else(|| no_session(id))?;
            (entry.mailbox.clone(), entry.status.clone())
        };
        let (reply, answer) = oneshot::channel();
        if mailbox.send(make(reply)).await.is_ok()
            && let Ok(answered) = answer.await
        {
            return answered;
        }
        let over = async { while status.changed().await.is_ok() {} };
        // In vain where its last events cannot be recorded: then it has not ended.
        drop(tokio::time::timeout(CLOSE_MARGIN, over).await);
        let state = status.borrow().state;
        Err(if state.is_final() { Refusal::Ended(state).into() } else { RunnerError::Stopping })
    }

    fn provider(&self, name: &str) -> Result<Provider, RunnerError> {
        let providers = &self.0.options.providers;
        providers.get(name).cloned().ok_or_else(|| {
            let known: Vec<&str> = providers.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            RunnerError::NoProvider { name: short(name), known }
        })
    }

    /// The folder that a program works in: one that `[workspace] allow` covers, links followed.
    async fn workspace(&self, id: &str, wanted: &Path, wish: &Wish) -> Result<PathBuf, RunnerError> {
        let refuse = || RunnerError::Workspace(wanted.to_owned());
        let path = wanted.to_owned();
        let real = tokio::task::spawn_blocking(move || path.canonicalize().ok().filter(|path| path.is_dir())).await;
        let real = real.ok().flatten().ok_or_else(refuse)?;
        let hint = SessionHint { id: Some(id), agent: wish.agent_id.as_deref(), cwd: Some(&real), roots: &[] };
        let session = self.0.sessions.resolve_async(&hint).await;
        session.roots.iter().any(|root| real.starts_with(root)).then_some(real).ok_or_else(refuse)
    }

    fn reserve(&self, id: &Arc<str>, host_runs: bool) -> Result<Reserved<'_>, RunnerError> {
        let known = self.0.sessions.get(id).is_some();
        let mut table = self.table();
        if table.stopping {
            return Err(RunnerError::Stopping);
        }
        if known || table.by_id.contains_key(id) || table.making.contains_key(id) {
            return Err(RunnerError::Taken(short(id)));
        }
        let most = if host_runs { MAX_PROGRAMS } else { MAX_OUTSIDE };
        if table.places(host_runs) >= most {
            return Err(RunnerError::TooMany(most));
        }
        table.making.insert(Arc::clone(id), host_runs);
        Ok(Reserved { runner: self, id: Arc::clone(id) })
    }

    /// How many calls wait for a session to come to them.
    #[cfg(test)]
    pub(crate) fn waiting(&self, id: &str) -> usize {
        self.table().by_id.get(id).map_or(0, |entry| entry.mailbox.max_capacity() - entry.mailbox.capacity())
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place for a session that is being made.
struct Reserved<'a> {
    runner: &'a Runner,
    id: Arc<str>,
}

impl Reserved<'_> {
    fn fill(self, entry: Entry) {
        self.runner.table().put(Arc::clone(&self.id), entry);
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.runner.table().making.remove(&self.id);
    }
}

fn order(provider: &Provider, who: &Identity, size: Size) -> Order {
    Order {
        program: provider.program.clone(),
        args: provider.args.clone(),
        env: provider.env.clone(),
        // So that its hooks and its calls of the gate say whose they are.
        given: vec![(SESSION_VARIABLE.to_owned(), who.id.to_string())],
        folder: who.workspace.clone().unwrap_or_default(),
        size,
    }
}

fn who(by: &str) -> Result<String, RunnerError> {
    check_name("by", by)?;
    Ok(by.to_owned())
}

fn no_session(id: &str) -> RunnerError {
    RunnerError::NoSession(short(id))
}

/// A name from outside, as far as an error repeats it.
fn short(name: &str) -> String {
    name.chars().take(64).collect()
}
