//! Where the kit tries plugins: a home and a bus that are gone afterwards, and this binary as the compiler, as a
//! daemon has it.

use super::read_text;
use crate::exit::Failure;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tollgate_core::home::Home;
use tollgate_runtime::{Limits, Stage, Trial, TrialGround, TrialRefusal};

/// A ground with its home, which goes when it is dropped.
pub struct Ground {
    trials: TrialGround,
    _home: tempfile::TempDir,
}

impl Ground {
    /// A new one: two versions of one plugin, which share a name, want one each. Wants a tokio runtime around it.
    ///
    /// # Errors
    /// When there is no room for one.
    pub fn new(code: Code) -> Result<Self, Failure> {
        let folder = tempfile::tempdir().map_err(|error| Failure::at("a temporary home", error))?;
        let home = Home::at(folder.path());
        let kept = match code {
            Code::Kept => kept().unwrap_or_else(|| home.clone()),
            Code::Fresh => home.clone(),
        };
        let compiler = Arc::new(crate::compiler::child()?);
        let trials = TrialGround::new(home, &kept, compiler, Limits::default());
        Ok(Self { trials: trials.map_err(|error| Failure::Failed(error.to_string()))?, _home: folder })
    }

    /// Where plugins are tried.
    pub fn trials(&self) -> &TrialGround {
        &self.trials
    }
}

/// Where the code of a component comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// Compiled anew, to see how long that takes.
    Fresh,
    /// Kept from one run to the next, as a daemon does: an interpreter takes long to compile.
    Kept,
}

/// Where the kit keeps code: beside what else can be made again. None where the user has no such folder.
fn kept() -> Option<Home> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?;
    let kept = cache.join("tollgate/kit");
    // The key to the code lies there.
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(kept.join("cache")).ok()?;
    Some(Home::at(kept))
}

/// Runs `act` on a ground of its own.
///
/// # Errors
/// When there is no room for one, and whatever `act` says.
pub fn on_ground<T>(code: Code, act: impl AsyncFnOnce(&TrialGround) -> Result<T, Failure>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::at("the async runtime", error))?;
    runtime.block_on(async { act(Ground::new(code)?.trials()).await })
}

/// Starts the component in `file` under the grant file `grant`; none grants nothing beyond log and store.
///
/// # Errors
/// When a file cannot be read, or a host would refuse the component or have it wait for a grant: the mend is among the
/// words.
pub async fn started(ground: &TrialGround, file: &Path, grant: Option<&Path>) -> Result<Trial, Failure> {
    let text = grant.map(read_text).transpose()?;
    let examined = ground.examine(file).await.map_err(|rejection| Failure::at(file.display(), rejection))?;
    ground.start(&examined, text.as_deref()).await.map_err(|refusal| match (&refusal, grant) {
        (TrialRefusal::NeedsGrant(_), _) => {
            let place = grant.map_or_else(|| "give --grant FILE".to_owned(), |grant| grant.display().to_string());
            let whole = examined.granting_all(text.as_deref().unwrap_or_default());
            Failure::Failed(format!(
                "{}: {refusal}; {place}, which to grant all of it would say:\n{}",
                file.display(),
                whole.as_ref().unwrap_or(&examined.portrait.proposed_grant).trim_end()
            ))
        }
        // Said of the grant file's lines, or of what stands in its [config].
        (TrialRefusal::Rejected(rejection), Some(grant)) if rejection.stage == Stage::Config => {
            Failure::at(grant.display(), refusal)
        }
        (TrialRefusal::Rejected(rejection), None) if rejection.stage == Stage::Config => {
            Failure::Failed(format!("{}: {refusal}; give --grant FILE, which has it under [config]", file.display()))
        }
        _ => Failure::at(file.display(), refusal),
    })
}
