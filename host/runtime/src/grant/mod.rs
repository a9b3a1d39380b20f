//! The grant file `plugins/<name>.toml`: the operator's word on one plugin. Parsed here, compared with what
//! the plugin asks for in `difference`, rewritten in `edit`. Knows nothing of guests.

mod difference;
mod edit;
mod globs;
mod keys;

pub use difference::GrantDifference;
pub(crate) use difference::{Ask, difference, withdraws};
pub(crate) use edit::with_missing;
pub(crate) use globs::{ArgGlobs, PathGlobs, check_args, check_path_glob, check_program};

use crate::limits::{Limits, LimitsTable};
use serde::Deserialize;
use std::num::NonZeroU32;
use std::time::Duration;
use tollgate_core::bus::Start;
use tollgate_core::events::PatternSet;
use tollgate_core::gate::OnFault;

/// The largest grant file, in bytes.
pub(crate) const MAX_GRANT_BYTES: u64 = 256 * 1_024;

/// Most guests of one plugin: each has memories of its own, and there are few cores.
pub(crate) const MAX_INSTANCES: usize = 8;
/// How long a change waits for a call in flight where the grant file says nothing.
const DRAIN: Duration = Duration::from_secs(5);
/// Longest that a grant file may have a change wait: an hour. Who waits for longer waits for its end by hand.
const MAX_DRAIN_MS: u64 = 3_600_000;

/// Why a grant file is refused; names the line and the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct GrantError(pub(crate) String);

/// A grant file, checked. The default is an absent file: nothing granted beyond log and store.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Grant {
    pub(crate) emit: PatternSet,
    pub(crate) process: Vec<ProcessGrant>,
    /// Names of the daemon's variables that a program starts with, besides PATH and HOME.
    pub(crate) env: Vec<String>,
    pub(crate) workspace: WorkspaceGrant,
    /// Bytes of its own files; 0 grants none.
    pub(crate) data_bytes: u64,
    pub(crate) interactions: bool,
    pub(crate) session_effects: bool,
    pub(crate) gate: GateGrant,
    limits: LimitsTable,
    pub(crate) delivery: Delivery,
    /// `[config]` as JSON text; an object.
    pub(crate) config: String,
}

/// A program that may run; each argument is a glob, `**` is the rest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProcessGrant {
    pub(crate) program: String,
    #[serde(default)]
    pub(crate) args: Vec<String>,
}

/// Globs of files under a session's roots.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkspaceGrant {
    #[serde(default)]
    pub(crate) read: Vec<String>,
    #[serde(default)]
    pub(crate) write: Vec<String>,
}

/// What a guard's verdicts may mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct GateGrant {
    pub(crate) deny: bool,
    pub(crate) ask: bool,
    pub(crate) allow: bool,
    pub(crate) rewrite: bool,
    pub(crate) speak: bool,
}

impl GateGrant {
    /// Whether any verdict of the guard counts, which makes the guard required.
    pub(crate) fn counts(self) -> bool {
        self.deny || self.ask || self.allow || self.rewrite
    }

    /// Whether every verdict that counts for `other` counts here.
    pub(crate) fn covers(self, other: Self) -> bool {
        self.deny >= other.deny && self.ask >= other.ask && self.allow >= other.allow && self.rewrite >= other.rewrite
    }

    /// What both grants let verdicts mean.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            deny: self.deny && other.deny,
            ask: self.ask && other.ask,
            allow: self.allow && other.allow,
            rewrite: self.rewrite && other.rewrite,
            speak: self.speak && other.speak,
        }
    }

    /// This grant, with no more of what loosens the gate than `most` has.
    pub(crate) fn at_most(self, most: Self) -> Self {
        let (allow, rewrite) = (self.allow && most.allow, self.rewrite && most.rewrite);
        Self { allow, rewrite, speak: self.speak && most.speak, ..self }
    }
}

/// How events reach the plugin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Delivery {
    pub(crate) mode: Mode,
    pub(crate) start: Start,
    instances: Option<usize>,
    drain_ms: Option<u64>,
    /// Older events go to the dead letters. None: never, but commands after ten minutes.
    pub(crate) max_age_ms: Option<u64>,
    /// Most events a second, of all instances together; none: as fast as it handles them.
    pub(crate) max_per_second: Option<NonZeroU32>,
    pub(crate) on_fault: OnFault,
}

impl Delivery {
    /// How many guests handle its events.
    pub(crate) fn instances(&self) -> usize {
        self.instances.unwrap_or(1)
    }

    /// How long a change of the plugin, or the host's end, waits for a call in flight.
    pub(crate) fn drain(&self) -> Duration {
        self.drain_ms.map_or(DRAIN, Duration::from_millis)
    }
}

/// Whether events wait in the journal for the plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// Nothing is dropped; it goes on at its cursor.
    #[default]
    Durable,
    /// What does not fit its queue is dropped.
    Live,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct File {
    grant: GrantTable,
    limits: LimitsTable,
    delivery: DeliveryTable,
    config: toml::Table,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct GrantTable {
    emit: Vec<String>,
    process: Vec<ProcessGrant>,
    env: Vec<String>,
    workspace: WorkspaceGrant,
    data: Option<DataTable>,
    interactions: bool,
    session_effects: bool,
    gate: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DataTable {
    max_bytes: u64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct DeliveryTable {
    mode: Mode,
    start: StartName,
    instances: Option<usize>,
    drain_ms: Option<u64>,
    max_age_ms: Option<u64>,
    max_per_second: u32,
    on_fault: OnFaultName,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum StartName {
    #[default]
    Head,
    Beginning,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum OnFaultName {
    #[default]
    Deny,
    Ask,
    Abstain,
}

impl Grant {
    /// Reads a grant file's text.
    ///
    /// # Errors
    /// When it is not TOML, or a key or value of it is not one we know: silence would grant or refuse
    /// something that the operator did not mean.
    pub(crate) fn parse(text: &str) -> Result<Self, GrantError> {
        keys::check(text)?;
        let file: File = toml::from_str(text).map_err(|error| GrantError(keys::at_line(text, &error)))?;
        let DeliveryTable { mode, start, instances, drain_ms, max_age_ms, max_per_second, on_fault } = file.delivery;
        if instances.is_some_and(|instances| !(1..=MAX_INSTANCES).contains(&instances)) {
            return Err(GrantError(format!(
                "line {}: delivery.instances: a plugin has 1 to {MAX_INSTANCES} of them",
                keys::line_of(text, "instances")
            )));
        }
        if drain_ms.is_some_and(|drain_ms| drain_ms > MAX_DRAIN_MS) {
            return Err(GrantError(format!(
                "line {}: delivery.drain_ms: at most {MAX_DRAIN_MS}, which is an hour; 0 stops a call at once",
                keys::line_of(text, "drain_ms")
            )));
        }
        let emit = PatternSet::parse(&file.grant.emit)
            .map_err(|error| GrantError(format!("line {}: grant.emit: {error}", keys::line_of(text, "emit"))))?;
        check_globs(text, &file.grant)?;
        let config = serde_json::to_string(&file.config)
            .map_err(|error| GrantError(format!("[config] has no form in JSON: {error}")))?;
        Ok(Self {
            emit,
            process: file.grant.process,
            env: file.grant.env,
            workspace: file.grant.workspace,
            data_bytes: file.grant.data.map_or(0, |data| data.max_bytes),
            interactions: file.grant.interactions,
            session_effects: file.grant.session_effects,
            gate: gate_grant(text, &file.grant.gate)?,
            limits: file.limits,
            delivery: Delivery {
                mode,
                start: match start {
                    StartName::Head => Start::Head,
                    StartName::Beginning => Start::Beginning,
                },
                instances,
                drain_ms,
                max_age_ms,
                max_per_second: NonZeroU32::new(max_per_second),
                on_fault: match on_fault {
                    OnFaultName::Deny => OnFault::Deny,
                    OnFaultName::Ask => OnFault::Ask,
                    OnFaultName::Abstain => OnFault::Abstain,
                },
            },
            config,
        })
    }

    /// The host's defaults with what this file says instead.
    pub(crate) fn limits(&self, defaults: Limits) -> Limits {
        self.limits.over(defaults)
    }

    /// `[config]` as a JSON object.
    pub(crate) fn config(&self) -> &str {
        if self.config.is_empty() { "{}" } else { &self.config }
    }
}

/// Refuses programs, globs and names of variables that could never match or be set: the operator meant another.
fn check_globs(text: &str, grant: &GrantTable) -> Result<(), GrantError> {
    let at =
        |key: &str, reason: String| GrantError(format!("line {}: grant.{key}: {reason}", keys::line_of(text, key)));
    for ProcessGrant { program, args } in &grant.process {
        check_program(program).and_then(|()| check_args(args)).map_err(|reason| at("process", reason))?;
    }
    for glob in grant.workspace.read.iter().chain(&grant.workspace.write) {
        check_path_glob(glob).map_err(|reason| at("workspace", reason))?;
    }
    match grant.env.iter().find(|name| name.is_empty() || name.contains(['=', '\0'])) {
        Some(name) => Err(at("env", format!("`{name}` is no variable's name; the value is the daemon's own"))),
        None => Ok(()),
    }
}

fn gate_grant(text: &str, names: &[String]) -> Result<GateGrant, GrantError> {
    const NAMES: &[&str] = &["deny", "ask", "allow", "rewrite", "speak"];
    let mut gate = GateGrant::default();
    for name in names {
        match name.as_str() {
            "deny" => gate.deny = true,
            "ask" => gate.ask = true,
            "allow" => gate.allow = true,
            "rewrite" => gate.rewrite = true,
            "speak" => gate.speak = true,
            other => {
                return Err(GrantError(format!(
                    "line {}: grant.gate has no `{other}`; did you mean `{}`?",
                    keys::line_of(text, "gate"),
                    keys::nearest(other, NAMES)
                )));
            }
        }
    }
    Ok(gate)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_whole_file_is_read() {
        let grant = Grant::parse(
            r#"
[grant]
emit = ["test.*"]
process = [{ program = "cargo", args = ["test", "**"] }]
env = ["CARGO_HOME"]
workspace = { read = ["**"], write = [] }
data = { max_bytes = 1_024 }
interactions = true
gate = ["deny", "ask"]
[limits]
fuel_per_event = 7
[delivery]
mode = "live"
start = "beginning"
instances = 4
drain_ms = 20
max_age_ms = 5
max_per_second = 50
on_fault = "ask"
[config]
words = ["a"]
"#,
        )
        .unwrap();
        assert_eq!(grant.data_bytes, 1_024);
        assert_eq!((&*grant.env, &*grant.workspace.read), (&["CARGO_HOME".to_owned()][..], &["**".to_owned()][..]));
        assert!(grant.gate.deny && grant.gate.ask && !grant.gate.allow && grant.gate.counts());
        let limits = grant.limits(Limits::default());
        assert_eq!((limits.fuel_per_event, limits.timeout_ms), (7, 1_000));
        assert_eq!((grant.delivery.mode, grant.delivery.max_age_ms), (Mode::Live, Some(5)));
        assert_eq!((grant.delivery.instances(), grant.delivery.drain()), (4, Duration::from_millis(20)));
        assert_eq!(grant.delivery.max_per_second, NonZeroU32::new(50));
        assert_eq!(grant.config(), r#"{"words":["a"]}"#);
    }

    #[test]
    fn an_absent_file_grants_nothing() {
        let grant = Grant::parse("").unwrap();
        assert!(grant.emit.is_empty() && !grant.gate.counts() && grant.data_bytes == 0);
        assert_eq!((grant.delivery.instances(), grant.delivery.drain()), (1, Duration::from_secs(5)));
        assert_eq!(grant.config(), "{}");
        assert_eq!(Grant::default().config(), "{}");
    }

    fn refuses(text: &str, part: &str) {
        let error = Grant::parse(text).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }

    #[test]
    fn what_is_not_known_is_refused_with_its_line_and_the_nearest_name() {
        refuses("[grants]\n", "line 1: unknown table or key `grants`; did you mean `grant`?");
        refuses("[grant]\nemits = []\n", "line 2: unknown key `emits` in [grant]; did you mean `emit`?");
        refuses("[limits]\n\nfuel_per_evnt = 1\n", "line 3: unknown key `fuel_per_evnt`");
        refuses("[grant]\ngate = [\"denny\"]\n", "did you mean `deny`?");
        refuses("[grant]\nemit = [\"Bad Pattern\"]\n", "line 2: grant.emit");
        refuses("[delivery]\ninstances = 0\n", "line 2: delivery.instances: a plugin has 1 to 8");
        refuses("[delivery]\nmode = \"live\"\ninstances = 9\n", "line 3: delivery.instances");
        refuses("[delivery]\ndrain_ms = 3_600_001\n", "line 2: delivery.drain_ms: at most 3600000");
        refuses("[delivery]\nmax_per_second = -1\n", "line 2");
        refuses("[grant]\ninteractions = 3\n", "line 2");
        refuses("[grant\n", "line 1");
        refuses("[limits]\nfuel_per_event = -1\n", "line 2");
        refuses("[grant]\nworkspace = { reed = [] }\n", "line 2");
        refuses("[grant]\nworkspace = { read = [\"/etc/*\"] }\n", "line 2: grant.workspace");
        refuses("[grant]\nprocess = [{ program = \"./x\" }]\n", "line 2: grant.process: the program `./x`");
        refuses("[grant]\nprocess = [{ program = \"x\", args = [\"**\", \"y\"] }]\n", "stands last");
        refuses("[grant]\nenv = [\"A=b\"]\n", "line 2: grant.env: `A=b`");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}") {
            let _ = Grant::parse(&text);
        }

        #[test]
        fn a_damaged_grant_is_read_or_refused_by_its_line(
            at in 0.0..=1.0_f64,
            length in 0..12_usize,
            noise in "[a-z0-9_=\\[\\]\"',.*{}#\\\\\n-]{0,12}",
        ) {
            const WHOLE: &str = "[grant]\nemit = [\"test.*\"]\nprocess = [{ program = \"cargo\", args = [\"test\", \"**\"] }]\n\
                env = [\"CARGO_HOME\"]\nworkspace = { read = [\"**\"], write = [] }\ngate = [\"deny\"]\n\
                [limits]\nfuel_per_event = 7\n[delivery]\nmode = \"live\"\n[config]\nkey = \"value\"\n";
            let start = (at * WHOLE.len() as f64) as usize;
            let end = (start + length).min(WHOLE.len());
            let text = format!("{}{noise}{}", &WHOLE[..start], &WHOLE[end..]);
            match Grant::parse(&text) {
                Ok(grant) => prop_assert!(serde_json::from_str::<serde_json::Value>(grant.config()).is_ok()),
                Err(error) => prop_assert!(error.to_string().contains("line "), "{error}\n{text}"),
            }
        }
    }
}
