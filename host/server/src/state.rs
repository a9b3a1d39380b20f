//! What the handlers share: the host's parts and the few facts of this run.

use crate::access::NetworkRules;
use crate::caller::Known;
use crate::clients::Clients;
use crate::control::Control;
use crate::frames::Frames;
use crate::jwt::Jwt;
use crate::tokens::Tokens;
use crate::users::Users;
use crate::ws::MAX_STRANGERS;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{Semaphore, watch};
use tollgate_core::bus::Bus;
use tollgate_core::engine::Engine;
use tollgate_core::events::PatternSet;
use tollgate_core::gate::Gatekeeper;
use tollgate_core::hooks::HookMemory;
use tollgate_core::interactions::Interactions;
use tollgate_core::session::Sessions;
use tollgate_runner::Runner;
use tollgate_runtime::Runtime;

/// Most live streams at a time: half of the connections, so that watchers never keep the gate's clients out.
pub(crate) const MAX_STREAMS: usize = 256;

/// The host's parts, as the handlers reach them. Cheap to clone.
#[derive(Clone)]
pub struct State {
    /// Where events go in and come out.
    pub bus: Bus,
    /// Where hooks make their sessions known.
    pub sessions: Arc<Sessions>,
    /// What decides calls.
    pub gatekeeper: Arc<Gatekeeper>,
    /// The plugins.
    pub runtime: Runtime,
    /// Questions to people.
    pub interactions: Interactions,
    /// The emitters of engines that speak HTTP.
    pub engine: Engine,
    /// Agents in terminals of their own, and sessions that run elsewhere.
    pub runner: Runner,
    /// What makes a request from the network a client's.
    pub token: Arc<Token>,
    /// What administration asks for.
    pub approver_token: Arc<Token>,
    /// What the network's requests are held against.
    pub network: Arc<NetworkRules>,
    /// The user that the daemon runs as, which is its socket's peers'.
    pub user: Arc<str>,
    /// When this run began.
    pub started: Instant,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) jwt: Option<Arc<Jwt>>,
    pub(crate) users: Arc<Users>,
    pub(crate) known: Arc<Known>,
    pub(crate) hooks: Arc<HookMemory>,
    /// Those who come over Socket.IO.
    pub(crate) control: Arc<Control>,
    /// Who follows live.
    pub(crate) clients: Arc<Clients>,
    /// What they are sent, made once.
    pub(crate) frames: Arc<Frames>,
    pub(crate) streams: Arc<Semaphore>,
    /// Those of `/ws` who have not said who they are.
    pub(crate) strangers: Arc<Semaphore>,
    /// True once the server stops: streams end by themselves then.
    pub(crate) closing: watch::Sender<bool>,
}

/// What a state is made of.
pub struct Parts {
    /// Where events go in and come out.
    pub bus: Bus,
    /// Where hooks make their sessions known.
    pub sessions: Arc<Sessions>,
    /// What decides calls.
    pub gatekeeper: Arc<Gatekeeper>,
    /// The plugins.
    pub runtime: Runtime,
    /// Questions to people.
    pub interactions: Interactions,
    /// The emitters of engines.
    pub engine: Engine,
    /// Agents in terminals of their own, and sessions that run elsewhere.
    pub runner: Runner,
    /// Who is let in from where.
    pub door: Door,
    /// The user that the daemon runs as.
    pub user: Arc<str>,
}

impl State {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { bus, sessions, gatekeeper, runtime, interactions, engine, runner, door, user } = parts;
        Self {
            bus,
            sessions,
            gatekeeper,
            runtime,
            interactions,
            engine,
            runner,
            token: Arc::new(door.token),
            approver_token: Arc::new(door.approver_token),
            network: Arc::new(door.network),
            tokens: Arc::new(door.tokens),
            jwt: door.jwt.map(Arc::new),
            users: Arc::default(),
            known: Arc::new(Known::new(door.anonymous_read)),
            user,
            started: Instant::now(),
            hooks: Arc::default(),
            control: Arc::new(Control::new()),
            clients: Arc::default(),
            frames: Arc::default(),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            strangers: Arc::new(Semaphore::new(MAX_STRANGERS)),
            closing: watch::Sender::new(false),
        }
    }
}

/// Who is let in from where.
#[derive(Debug)]
pub struct Door {
    /// The clients' token.
    pub token: Token,
    /// The approvers' token.
    pub approver_token: Token,
    /// Tokens with names and scopes.
    pub tokens: Tokens,
    /// What tells an issuer's good tokens from bad ones; none: there is no issuer.
    pub jwt: Option<Jwt>,
    /// The types that whoever reaches the port may follow live without a token; none: nothing.
    pub anonymous_read: Option<PatternSet>,
    /// What the network's requests are held against.
    pub network: NetworkRules,
}

/// A token; never shown.
pub struct Token(String);

impl Token {
    /// Wraps the token's text.
    #[must_use]
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// Whether `given` is the token; takes as long wherever they differ. An empty token is no token.
    #[must_use]
    pub fn matches(&self, given: &str) -> bool {
        !self.0.is_empty() && same(self.0.as_bytes(), given.as_bytes())
    }
}

/// Whether two texts are the same; takes as long wherever they differ.
pub(crate) fn same(ours: &[u8], given: &[u8]) -> bool {
    let differs = ours.iter().zip(given).fold(0, |differs, (a, b)| differs | (a ^ b));
    ours.len() == given.len() && differs == 0
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}
