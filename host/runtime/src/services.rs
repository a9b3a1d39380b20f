//! What the imports of all guests reach besides the bus: sessions, who asks people, running programs, and the
//! folder that is nobody's workspace. Decides nothing.

use crate::asker::Asker;
use crate::host::Programs;
use std::path::PathBuf;
use std::sync::Arc;
use tollgate_core::home::Home;
use tollgate_core::session::Sessions;

/// Shared by all guests of one runtime.
pub(crate) struct Services {
    pub(crate) sessions: Arc<Sessions>,
    /// None: every question is denied.
    pub(crate) asker: Option<Arc<dyn Asker>>,
    pub(crate) programs: Arc<Programs>,
    /// Tollgate's own home, without links: no workspace reaches into it, since its tokens are there.
    pub(crate) home: PathBuf,
}

impl Services {
    pub(crate) fn new(home: &Home, sessions: Arc<Sessions>, asker: Option<Arc<dyn Asker>>) -> Self {
        let home = home.root().canonicalize().unwrap_or_else(|_| home.root().to_owned());
        Self { sessions, asker, programs: Arc::default(), home }
    }
}
