//! The gatekeeper: one pipeline that turns a tool call into a verdict and puts both on the record.
//!
//! normalise → protection → sandbox → rules → guards → ask → journal. Does no I/O but through what it is
//! given: the bus, the sessions, [`Guards`], [`Paths`] and, to ask people, [`Approvals`].

mod ask;
mod binding;
pub mod call;
mod explain;
mod fetchers;
pub mod guards;
mod merge;
pub mod normalise;
mod options;
mod patch;
pub mod paths;
mod pause;
mod pipeline;
pub mod policy;
pub mod protection;
mod record;
pub mod sandbox;
mod searchers;
pub mod shell;
mod stages;
mod tar;
pub mod targets;
pub mod verdict;

#[cfg(test)]
mod tests;

pub use ask::Approvals;
pub use call::{Call, NormalisedCall, Redirect, RedirectKind, ShellCommand, Word};
pub use explain::{Explanation, Stage, explain};
pub use guards::{GuardAnswer, GuardOutcome, Guards, NoGuards, OnFault};
pub use paths::{Look, Paths, SystemPaths};
pub use pause::{MAX_PAUSE, PauseError};
pub use verdict::{Cause, Decision, StageTimes, Verdict, Via, ViolationType};

use crate::bus::Bus;
use crate::event::Draft;
use crate::home::Home;
use crate::session::Sessions;
use arc_swap::ArcSwap;
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
pub struct Gatekeeper {
    bus: Bus,
    sessions: Arc<Sessions>,
    guards: Arc<dyn Guards>,
    home: Option<Home>,
    policy: ArcSwap<policy::Policy>,
    extras: Vec<PathBuf>,
    paths: Arc<dyn Paths>,
    approvals: Option<ask::Approvals>,
    pause: pause::Pause,
}

impl Gatekeeper {
    /// Puts the stages together, on the machine's own file system.
    #[must_use]
    pub fn new(options: GatekeeperOptions) -> Self {
        Self::with_paths(options, Arc::new(SystemPaths))
    }

    /// Puts the stages together, on the file system given.
    #[must_use]
    pub fn with_paths(options: GatekeeperOptions, paths: Arc<dyn Paths>) -> Self {
        let extras = options.allowed_extras.into_iter().map(|extra| paths.real(&extra).unwrap_or(extra)).collect();
        Self {
            bus: options.bus,
            sessions: options.sessions,
            guards: options.guards,
            home: options.home,
            policy: ArcSwap::new(options.policy),
            extras,
            paths,
            approvals: None,
            pause: pause::Pause::default(),
        }
    }

    /// The same, with people to ask. Without, an ask whose caller cannot ask its own user is a denial.
    #[must_use]
    pub fn with_approvals(self, approvals: Approvals) -> Self {
        Self { approvals: Some(approvals), ..self }
    }

    /// Decides, records, answers: the verdict is returned only when `tool.gated` and its outcome are as
    /// durable as the journal promises. `before` is recorded in the same batch, in front (the hook's own event).
    /// A journal that refuses is a denial with cause `unavailable`. Where a person is asked it takes up to the
    /// call's `wait_ms`, at most [`crate::interactions::MAX_WAIT_MS`]; a caller that gives up leaves the approval
    /// open.
    pub async fn check(&self, call: Call, mut before: Vec<Draft>) -> Verdict {
        self.bus.keep_wanted(&mut before);
        pipeline::run(self, call, before).await
    }

    /// Replaces the policy; calls under way keep the old one.
    pub fn set_policy(&self, policy: Arc<policy::Policy>) {
        self.policy.store(policy);
    }
}
