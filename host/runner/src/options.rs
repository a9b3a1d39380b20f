//! Which programs the runner may run, and what a session is wished to be.

use crate::error::RunnerError;
use crate::limits::MAX_PROVIDERS;
use crate::program::Size;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tollgate_core::event::MAX_NAME_BYTES;

/// A program that sessions may be started with. Nothing runs that is not listed so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// An absolute path, or a name that is found in the absolute folders of PATH.
    pub program: String,
    /// Its arguments, as they are: no shell reads them.
    pub args: Vec<String>,
    /// Names of variables that it has of the host's environment, besides PATH and HOME.
    pub env: Vec<String>,
    /// Told as `providerVersion`; `unknown` where none is given.
    pub version: Option<String>,
}

/// How a runner is made.
#[derive(Debug, Clone, Default)]
pub struct RunnerOptions {
    /// At most [`MAX_PROVIDERS`], by name.
    pub providers: BTreeMap<String, Provider>,
}

impl RunnerOptions {
    /// Whether all of it can be used; the programs themselves are not looked for.
    ///
    /// # Errors
    /// The first provider that cannot be used, and why.
    pub fn check(&self) -> Result<(), RunnerError> {
        if self.providers.len() > MAX_PROVIDERS {
            return Err(invalid(
                "providers",
                format!("are {}, at most {MAX_PROVIDERS} are taken", self.providers.len()),
            ));
        }
        for (name, provider) in &self.providers {
            check_name("providers", name)?;
            let bad = |what: &str| Err(invalid("providers", format!("name `{name}`, whose {what}")));
            let relative = !provider.program.starts_with('/') && provider.program.contains('/');
            if provider.program.is_empty() || relative || provider.program.contains('\0') {
                return bad("program is neither an absolute path nor a bare name");
            }
            if provider.args.iter().any(|arg| arg.contains('\0')) {
                return bad("arguments hold a zero byte");
            }
            if provider.env.iter().any(|name| name.is_empty() || name.contains(['=', '\0'])) {
                return bad("env holds what is no variable's name");
            }
        }
        Ok(())
    }
}

/// What a session is wished to be.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Which provider the host runs; none: the session's events come from outside.
    pub provider: Option<String>,
    /// The id of a session whose events come from outside; the host makes one where none is given, and always for a
    /// session whose program it runs.
    pub id: Option<String>,
    /// The agent, told as `agentId` with every event; the session's id where none is given.
    pub agent_id: Option<String>,
    /// The village that may look on.
    pub village_id: Option<String>,
    /// The repository that may look on.
    pub repo_id: Option<String>,
    /// Told as `roomPath`; the workspace's own name where none is given.
    pub room_path: Option<String>,
    /// Where the program works: an absolute path that `[workspace] allow` covers. Needed with a provider.
    pub workspace: Option<PathBuf>,
    /// The chat that its questions go to; the session's own where none is given.
    pub chat_id: Option<String>,
    /// For whom it works; the host's user where nobody is given.
    pub user_id: Option<String>,
    /// How large its terminal is.
    pub size: Size,
}

impl Wish {
    pub(crate) fn check(&self) -> Result<(), RunnerError> {
        for (field, value) in [
            ("id", &self.id),
            ("agent_id", &self.agent_id),
            ("village_id", &self.village_id),
            ("repo_id", &self.repo_id),
            ("room_path", &self.room_path),
            ("chat_id", &self.chat_id),
            ("user_id", &self.user_id),
        ] {
            value.as_deref().map_or(Ok(()), |value| check_name(field, value))?;
        }
        if !self.size.is_possible() {
            return Err(RunnerError::size());
        }
        if self.provider.is_some() && self.id.is_some() {
            return Err(invalid("id", "is the host's to give where it runs the program; leave it out".to_owned()));
        }
        if self.provider.is_some() && !self.workspace.as_ref().is_some_and(|path| path.is_absolute()) {
            return Err(invalid("workspace", "is missing, or no absolute path: name the folder to work in".to_owned()));
        }
        Ok(())
    }
}

/// A name as events have them; who sends it is told at once, not by the first event.
pub(crate) fn check_name(field: &'static str, name: &str) -> Result<(), RunnerError> {
    if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
        let reason = format!("has {} bytes; 1 to {MAX_NAME_BYTES} are taken, and no control characters", name.len());
        return Err(invalid(field, reason));
    }
    Ok(())
}

pub(crate) fn invalid(field: &'static str, reason: String) -> RunnerError {
    RunnerError::Invalid { field, reason }
}

/// Who and where a session is: what does not change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The session.
    pub id: Arc<str>,
    /// The provider, where the host runs it.
    pub provider: Option<Arc<str>>,
    /// The agent.
    pub agent_id: Arc<str>,
    /// The village that may look on.
    pub village_id: Option<Arc<str>>,
    /// The repository that may look on.
    pub repo_id: Option<Arc<str>>,
    /// Told as `roomPath`.
    pub room_path: Arc<str>,
    /// Where the program works.
    pub workspace: Option<PathBuf>,
}

impl Identity {
    pub(crate) fn of(wish: &Wish, id: Arc<str>, workspace: Option<PathBuf>) -> Self {
        let shared = |text: &Option<String>| text.as_deref().map(Arc::from);
        let folder = workspace.as_ref().and_then(|path| Some(path.file_name()?.to_string_lossy().as_ref().into()));
        Self {
            provider: shared(&wish.provider),
            agent_id: shared(&wish.agent_id).unwrap_or_else(|| Arc::clone(&id)),
            village_id: shared(&wish.village_id),
            repo_id: shared(&wish.repo_id),
            room_path: shared(&wish.room_path).or(folder).unwrap_or_else(|| Arc::clone(&id)),
            workspace,
            id,
        }
    }
}
