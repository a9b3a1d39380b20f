//! The gatekeeper: one pipeline that turns a tool call into a verdict and puts both on the record.
//!
//! normalise → protection → sandbox → rules → guards → ask → journal. Does no I/O but through what it is
//! given: the bus, the sessions, and [`Guards`].

pub mod call;
pub mod guards;
pub mod normalise;
pub mod paths;
pub mod policy;
pub mod protection;
pub mod sandbox;
pub mod shell;
pub mod targets;
pub mod verdict;

pub use call::{Call, NormalisedCall, Redirect, RedirectKind, ShellCommand, Word};
pub use guards::{GuardAnswer, GuardOutcome, Guards, NoGuards, OnFault};
pub use verdict::{Cause, Decision, StageTimes, Verdict, Via, ViolationType};

use crate::bus::Bus;
use crate::event::Draft;
use crate::home::Home;
use crate::session::Sessions;
use std::path::PathBuf;
use std::sync::Arc;

/// What a gatekeeper is made of.
pub struct GatekeeperOptions {
    /// Where gated calls and outcomes are recorded.
    pub bus: Bus,
    /// Where calls find their session.
    pub sessions: Arc<Sessions>,
    /// The guard plugins.
    pub guards: Arc<dyn Guards>,
    /// What the protection stage protects; none where no host runs.
    pub home: Option<Home>,
    /// Preset names and files, in order.
    pub policy: Arc<policy::Policy>,
    /// Folders that every session may touch besides its roots.
    pub allowed_extras: Vec<PathBuf>,
}

/// The gatekeeper. Share it by `Arc`.
pub struct Gatekeeper(());

impl Gatekeeper {
    /// Puts the stages together.
    #[must_use]
    pub fn new(options: GatekeeperOptions) -> Self {
        let _ = options;
        todo!()
    }
    /// Decides, records, answers: the verdict is returned only when `tool.gated` and its outcome are as
    /// durable as the journal promises. `before` is recorded in the same batch, in front (the hook's own event).
    /// A journal that refuses is a denial with cause `unavailable`.
    pub async fn check(&self, call: Call, before: Vec<Draft>) -> Verdict {
        let _ = (call, before);
        todo!()
    }
    /// Replaces the policy; calls under way keep the old one.
    pub fn set_policy(&self, policy: Arc<policy::Policy>) {
        let _ = policy;
        todo!()
    }
}

