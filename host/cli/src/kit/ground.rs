//! Where the kit tries plugins: a home and a bus that are gone afterwards, and this binary as the compiler, as a
//! daemon has it.

use crate::exit::Failure;
use std::path::Path;
use std::sync::Arc;
use tollgate_core::home::Home;
use tollgate_runtime::{Limits, Trial, TrialGround, TrialRefusal};

/// Runs `act` on a ground of its own.
///
/// # Errors
/// When there is no room for one, and whatever `act` says.
pub fn on_ground<T>(act: impl AsyncFnOnce(&TrialGround) -> Result<T, Failure>) -> Result<T, Failure> {
    let folder = tempfile::tempdir().map_err(|error| Failure::at("a temporary home", error))?;
    let compiler = crate::compiler::child()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::at("the async runtime", error))?;
    runtime.block_on(async {
        let home = Home::at(folder.path());
        let ground = TrialGround::new(home, Arc::new(compiler), Limits::default());
        act(&ground.map_err(|error| Failure::Failed(error.to_string()))?).await
    })
}

/// Starts the component in `file` under `grant`, the text of its grant file; none grants nothing beyond log and store.
///
/// # Errors
/// When a host would refuse it, or have it wait for a grant: the mend is among the words.
pub async fn started(ground: &TrialGround, file: &Path, grant: Option<&str>) -> Result<Trial, Failure> {
    let examined = ground.examine(file).await.map_err(|rejection| Failure::at(file.display(), rejection))?;
    ground.start(&examined, grant).await.map_err(|refusal| match refusal {
        TrialRefusal::NeedsGrant(_) => Failure::Failed(format!(
            "{}: {refusal}; give --grant FILE, which to grant all of it would say:\n{}",
            file.display(),
            examined.portrait.proposed_grant.trim_end()
        )),
        other => Failure::at(file.display(), other),
    })
}
