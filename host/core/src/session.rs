//! Sessions: which agent works where, and which roots its tools may touch.
//!
//! Owns finding and making them and what `[workspace] allow` covers. Knows nothing of tools or calls.

use crate::bus::Bus;
use crate::hex::hex;
use crate::journal::{JournalError, Reply, Work, lock};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot::error::TryRecvError;

/// Most sessions in memory, and read at the start; the least recently used one goes first. One that went is
/// made anew when it is seen again.
pub const MAX_SESSIONS: usize = 10_000;
/// How many go at once when there are too many, so that looking for the oldest is rare.
const FORGOTTEN_AT_ONCE: usize = MAX_SESSIONS / 10;
/// Most roots of one session.
pub const MAX_ROOTS: usize = 32;
/// The longest folder that a caller may name, in bytes: what the system takes (`PATH_MAX`).
pub const MAX_PATH_BYTES: usize = 4_096;

/// One session of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The agent's or the host's id.
    pub id: Arc<str>,
    /// Such as `claude-code`; empty where unknown.
    pub agent: Arc<str>,
    /// The chat it talks to; its own id if none.
    pub chat_id: Arc<str>,
    /// The user it works for; the peer's user if none.
    pub user_id: Arc<str>,
    /// Absolute folders that its tools may touch; empty where `[workspace] allow` covers none.
    pub roots: Vec<PathBuf>,
    /// The village that it is shown in.
    pub village: Option<Arc<str>>,
    /// The repository that it works on, as the village knows it.
    pub repo: Option<Arc<str>>,
}

/// What a call or an event says of its session.
#[derive(Debug, Clone, Default)]
pub struct SessionHint<'a> {
    /// Its id, where given.
    pub id: Option<&'a str>,
    /// The agent.
    pub agent: Option<&'a str>,
    /// The first working directory seen.
    pub cwd: Option<&'a Path>,
    /// Roots given by the caller.
    pub roots: &'a [PathBuf],
}

/// All sessions of the host: made on first sight, kept in the journal's database.
pub struct Sessions {
    bus: Bus,
    allow: Arc<[PathBuf]>,
    user: Arc<str>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    by_id: HashMap<Arc<str>, Entry>,
    /// The session that a chat was last bound to.
    by_chat: HashMap<Arc<str>, Arc<str>>,
    /// Counts uses, to tell which session was used last.
    uses: u64,
}

struct Entry {
    session: Arc<Session>,
    used: u64,
    /// The last working directory that `allow` did not cover, so that it is not looked up at every call.
    refused: Option<PathBuf>,
    saved: Saved,
}

/// Whether the journal has a session as it is in memory.
enum Saved {
    Yes,
    /// Queued: the journal may still refuse it.
    Asked(Reply),
    No,
}

impl Entry {
    /// Whether the journal has refused to save it; what is under way counts as saved.
    fn is_unsaved(&mut self) -> bool {
        if let Saved::Asked(reply) = &mut self.saved {
            let refusal = match reply.try_recv() {
                Err(TryRecvError::Empty) => return false,
                Ok(Ok(_)) => {
                    self.saved = Saved::Yes;
                    return false;
                }
                Ok(Err(error)) => error,
                Err(TryRecvError::Closed) => JournalError::Closed,
            };
            self.refuse(&refusal);
        }
        matches!(self.saved, Saved::No)
    }

    fn refuse(&mut self, error: &JournalError) {
        tracing::warn!(session = %self.session.id, %error, "a session is not saved; tried again when it is next seen");
        self.saved = Saved::No;
    }
}

impl Sessions {
    /// Loads the sessions of `bus`'s journal; roots must lie under one of `allow` (absolute, canonical).
    /// Blocks for one read.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn open(bus: &Bus, allow: Vec<PathBuf>) -> Result<Self, JournalError> {
        let mut state = State::default();
        for session in bus.journal().sessions(MAX_SESSIONS)? {
            state.put(Arc::new(session), Saved::Yes);
        }
        Ok(Self { bus: bus.clone(), allow: allow.into(), user: current_user(), state: Mutex::new(state) })
    }

    /// Finds the session or makes it (root = the nearest `.git` above `cwd`, else `cwd`, if `allow` covers it).
    ///
    /// Roots are set once: by the first call whose folders `allow` covers; so is the agent. A call without an id
    /// belongs to the one nameless session of its agent and folder. Looks at the file system where roots are not
    /// known yet, and blocks for it: [`Sessions::resolve_async`] does not.
    pub fn resolve(&self, hint: &SessionHint<'_>) -> Arc<Session> {
        let id = id_of(hint);
        match self.known(&id, hint) {
            Known::Whole(session) => session,
            Known::Roots(roots) => self.settle(id, hint, roots),
            Known::Nothing => self.settle(id, hint, find_roots(&self.allow, hint.cwd, hint.roots)),
        }
    }

    /// As [`Sessions::resolve`], with the file system asked on another thread: a slow mount holds up this call alone.
    pub async fn resolve_async(&self, hint: &SessionHint<'_>) -> Arc<Session> {
        let id = id_of(hint);
        let roots = match self.known(&id, hint) {
            Known::Whole(session) => return session,
            Known::Roots(roots) => roots,
            Known::Nothing if hint.cwd.is_none() && hint.roots.is_empty() => Vec::new(),
            Known::Nothing => {
                let allow = Arc::clone(&self.allow);
                let cwd = hint.cwd.map(Path::to_owned);
                let given: Vec<PathBuf> = hint.roots.iter().take(MAX_ROOTS).cloned().collect();
                let find = tokio::task::spawn_blocking(move || find_roots(&allow, cwd.as_deref(), &given));
                // Only a host that stops does not come to it: a session without roots may touch nothing.
                find.await.unwrap_or_default()
            }
        };
        self.settle(id, hint, roots)
    }

    /// What is known of a session, and whether that is all that `hint` could tell.
    fn known(&self, id: &str, hint: &SessionHint<'_>) -> Known {
        let mut state = lock(&self.state);
        let Some(entry) = state.touch(id) else { return Known::Nothing };
        let refused = entry.refused.as_deref();
        let nothing_new = hint.roots.is_empty() && hint.cwd.is_none_or(|cwd| Some(cwd) == refused);
        let has_roots = !entry.session.roots.is_empty();
        let agent_known = !entry.session.agent.is_empty() || hint.agent.is_none();
        match has_roots || nothing_new {
            true if agent_known && !entry.is_unsaved() => Known::Whole(Arc::clone(&entry.session)),
            true => Known::Roots(entry.session.roots.clone()),
            false => Known::Nothing,
        }
    }

    /// Adds what was found to a session, or makes it.
    fn settle(&self, id: Arc<str>, hint: &SessionHint<'_>, roots: Vec<PathBuf>) -> Arc<Session> {
        let mut state = lock(&self.state);
        let session = match state.by_id.get(&id).map(|entry| Arc::clone(&entry.session)) {
            // What is known stays known, also where another call was faster.
            Some(found) => {
                let roots = if found.roots.is_empty() { roots } else { found.roots.clone() };
                let agent = if found.agent.is_empty() { hint.agent.map(Arc::from) } else { None };
                let agent = agent.unwrap_or_else(|| Arc::clone(&found.agent));
                Arc::new(Session { roots, agent, ..(*found).clone() })
            }
            None => Arc::new(Session {
                agent: hint.agent.unwrap_or_default().into(),
                chat_id: Arc::clone(&id),
                user_id: Arc::clone(&self.user),
                roots,
                village: None,
                repo: None,
                id,
            }),
        };
        let refused = hint.cwd.filter(|_| session.roots.is_empty()).map(Path::to_owned);
        self.keep(&mut state, Arc::clone(&session));
        if let Some(entry) = state.by_id.get_mut(&session.id) {
            entry.refused = refused;
        }
        session
    }

    /// The session with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<Session>> {
        lock(&self.state).touch(id).map(|entry| Arc::clone(&entry.session))
    }

    /// The session that this chat was last bound to; a session without a chat is its own chat.
    #[must_use]
    pub fn by_chat(&self, chat_id: &str) -> Option<Arc<Session>> {
        let mut state = lock(&self.state);
        let id = state.by_chat.get(chat_id).cloned()?;
        state.touch(&id).map(|entry| Arc::clone(&entry.session))
    }

    /// Binds a session, made where it is new, to a chat and its user.
    pub fn bind_chat(&self, id: &str, chat_id: &str, user_id: Option<&str>) -> Arc<Session> {
        self.change(id, |latest| {
            let user_id = user_id.map_or_else(|| Arc::clone(&latest.user_id), Arc::from);
            Session { chat_id: chat_id.into(), user_id, ..latest.clone() }
        })
    }

    /// Has a session, made where it is new, be shown in a village and as of a repository; what is not named stays as
    /// it is.
    pub fn place(&self, id: &str, village: Option<&str>, repo: Option<&str>) -> Arc<Session> {
        let named = |name: Option<&str>, known: &Option<Arc<str>>| name.map(Arc::from).or_else(|| known.clone());
        self.change(id, |latest| {
            let (village, repo) = (named(village, &latest.village), named(repo, &latest.repo));
            Session { village, repo, ..latest.clone() }
        })
    }

    /// Keeps what `change` makes of a session, made where it is new, as it stands by then.
    fn change(&self, id: &str, change: impl FnOnce(&Session) -> Session) -> Arc<Session> {
        let before = self.resolve(&SessionHint { id: Some(id), ..SessionHint::default() });
        let mut state = lock(&self.state);
        let latest = state.by_id.get(id).map_or(before, |entry| Arc::clone(&entry.session));
        let session = Arc::new(change(&latest));
        self.keep(&mut state, Arc::clone(&session));
        session
    }

    /// All sessions in memory, in no order.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Session>> {
        lock(&self.state).by_id.values().map(|entry| Arc::clone(&entry.session)).collect()
    }

    /// Puts a session into memory and, where it changed, on its way into the journal. Under the lock, so that
    /// two changes of one session are saved in order.
    fn keep(&self, state: &mut State, session: Arc<Session>) {
        let known = state.by_id.get_mut(&session.id);
        if known.is_some_and(|entry| entry.session == session && !entry.is_unsaved()) {
            return;
        }
        let work = Work::SaveSession { session: Arc::clone(&session), now: self.bus.clock().now() };
        let asked = self.bus.journal().request_now(work);
        let entry = state.put(session, Saved::No);
        match asked {
            Ok(Some(reply)) => entry.saved = Saved::Asked(reply),
            Ok(None) => entry.saved = Saved::Yes,
            Err(error) => entry.refuse(&error),
        }
    }
}

/// How much of a session is known already.
enum Known {
    /// All of it, and it is saved.
    Whole(Arc<Session>),
    /// Its roots; none where these folders give none.
    Roots(Vec<PathBuf>),
    /// No roots, or no session.
    Nothing,
}

/// The roots that `allow` covers: of the first [`MAX_ROOTS`] given, else the one above the working directory.
fn find_roots(allow: &[PathBuf], cwd: Option<&Path>, given: &[PathBuf]) -> Vec<PathBuf> {
    // Component by component: `/home/dev` does not cover `/home/developer`.
    let covers = |root: &Path| allow.iter().any(|allowed| root.starts_with(allowed));
    let given = given.iter().take(MAX_ROOTS).filter_map(|root| root.canonicalize().ok());
    let mut roots: Vec<PathBuf> = given.filter(|root| covers(root)).collect();
    if roots.is_empty()
        && let Some(cwd) = cwd.and_then(|cwd| cwd.canonicalize().ok())
    {
        let root = cwd.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(&cwd);
        // A repository above what is allowed does not widen it.
        let root = if covers(root) { root } else { &cwd };
        roots.extend(covers(root).then(|| root.to_owned()));
    }
    roots.dedup();
    roots
}

impl State {
    fn touch(&mut self, id: &str) -> Option<&mut Entry> {
        self.uses += 1;
        let entry = self.by_id.get_mut(id)?;
        entry.used = self.uses;
        Some(entry)
    }

    fn put(&mut self, session: Arc<Session>, saved: Saved) -> &mut Entry {
        if self.by_id.len() >= MAX_SESSIONS && !self.by_id.contains_key(&session.id) {
            self.forget_oldest();
        }
        self.uses += 1;
        let before = self.by_id.get(&session.id).map(|entry| Arc::clone(&entry.session.chat_id));
        // A chat belongs to whoever was bound to it last, not to whoever changed last.
        if before.as_ref() != Some(&session.chat_id) {
            if let Some(left) = before.filter(|chat| self.by_chat.get(chat) == Some(&session.id)) {
                self.by_chat.remove(&left);
            }
            self.by_chat.insert(Arc::clone(&session.chat_id), Arc::clone(&session.id));
        }
        let id = Arc::clone(&session.id);
        let entry = Entry { session, used: self.uses, refused: None, saved };
        self.by_id.entry(id).insert_entry(entry).into_mut()
    }

    fn forget_oldest(&mut self) {
        let mut uses: Vec<u64> = self.by_id.values().map(|entry| entry.used).collect();
        uses.sort_unstable();
        let Some(oldest_kept) = uses.get(FORGOTTEN_AT_ONCE).copied() else { return };
        self.by_id.retain(|_, entry| entry.used >= oldest_kept);
        let by_id = &self.by_id;
        self.by_chat.retain(|_, id| by_id.contains_key(id));
    }
}

fn id_of(hint: &SessionHint<'_>) -> Arc<str> {
    hint.id.map_or_else(|| nameless_id(hint), Arc::from)
}

/// The id of the one session that an agent without session ids has in a folder.
fn nameless_id(hint: &SessionHint<'_>) -> Arc<str> {
    let mut hash = Sha256::new();
    hash.update(hint.agent.unwrap_or_default());
    hash.update([0]);
    let folder = hint.cwd.or(hint.roots.first().map(PathBuf::as_path));
    hash.update(folder.map_or(&[][..], |folder| folder.as_os_str().as_encoded_bytes()));
    let hash: [u8; 32] = hash.finalize().into();
    let (head, _) = hash.split_at(8);
    format!("nameless-{}", hex(head)).into()
}

/// The daemon's own user: the name that the system has for its uid, else the uid.
fn current_user() -> Arc<str> {
    let uid = rustix::process::getuid().as_raw().to_string();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then_some(name)
    });
    name.filter(|name| !name.is_empty()).unwrap_or(&uid).into()
}

#[cfg(test)]
mod tests;
