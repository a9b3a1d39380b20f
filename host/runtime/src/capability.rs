//! The capability check: an effect on the world goes through a [`Permit`], which only this file can make.

use crate::grant::{ArgGlobs, Ask, GateGrant, Grant, PathGlobs};
use std::marker::PhantomData;
use std::path::Path;
use tollgate_core::events::payload::{SESSION_GRANTED, SESSION_MODE_SET, SESSION_PROMPTED};
use tollgate_core::events::{EventType, PatternSet};

/// What a guest is doing, which decides what it may do at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// `describe`: nothing but logging.
    Describe,
    /// `init` and `stop`: store and data are read-only, nothing is emitted, so that a candidate that is
    /// refused in the end has changed nothing.
    ReadOnly,
    /// `handle`: what was asked for and granted.
    Handle,
    /// `check`: as granted too, but the store is read-only, since no cursor commits its writes, and data too, since
    /// the call's input is raw.
    Check,
}

impl Phase {
    /// Whether what is granted works at all: a candidate that is refused in the end has changed nothing.
    fn acts(self) -> bool {
        matches!(self, Self::Handle | Self::Check)
    }
}

/// Emitting one draft.
pub(crate) struct Emit;
/// Reading the plugin's store.
pub(crate) struct StoreRead;
/// Writing the plugin's store.
pub(crate) struct StoreChange;
/// Reading the plugin's own files.
pub(crate) struct DataRead;
/// Changing the plugin's own files.
pub(crate) struct DataChange;

/// Running one program.
pub(crate) struct Run;
/// Looking at one file or folder of a workspace.
pub(crate) struct WorkspaceRead;
/// Changing one file of a workspace.
pub(crate) struct WorkspaceWrite;
/// Asking people.
pub(crate) struct AskPeople;
/// Acting on the agent of a session.
pub(crate) struct ActOnSession;

/// Proof that an effect was asked for, granted, and fits the phase.
pub(crate) struct Permit<Effect>(PhantomData<Effect>);

/// Not asked for, not granted, or not now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Denied;

/// Why an emit is denied: each has another mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EmitDenied {
    #[error("nothing is emitted in describe, init and stop")]
    NotNow,
    #[error("it acts on the session, which takes session-effects, asked for and granted")]
    SessionEffect,
    #[error("neither its needs nor its wants have a pattern for it")]
    NotAskedFor,
    #[error("the grant has no pattern for it")]
    NotGranted,
}

/// What a plugin asked for *and* was granted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Capabilities {
    asked_emits: PatternSet,
    granted_emits: PatternSet,
    asked_programs: Vec<Program>,
    granted_programs: Vec<Program>,
    env: Vec<String>,
    asked_reads: PathGlobs,
    granted_reads: PathGlobs,
    asked_writes: PathGlobs,
    granted_writes: PathGlobs,
    data_bytes: u64,
    interactions: bool,
    session_effects: bool,
    gate: GateGrant,
}

/// A program that may run, with arguments of this shape.
#[derive(Debug, Clone)]
struct Program {
    name: String,
    args: ArgGlobs,
}

impl Program {
    /// None where the arguments are no globs: those were refused with the description or the grant file.
    fn new(name: &str, args: &[String]) -> Option<Self> {
        Some(Self { name: name.to_owned(), args: ArgGlobs::new(args)? })
    }
}

impl Capabilities {
    /// The intersection of `asks` and `grant`.
    pub(crate) fn new(asks: &[Ask], grant: &Grant) -> Self {
        let emits = asks.iter().filter_map(|ask| match ask {
            Ask::Emit(pattern) => Some(pattern.as_str()),
            _ => None,
        });
        let asked_programs = asks.iter().filter_map(|ask| match ask {
            Ask::Process { program, args } => Program::new(program, args),
            _ => None,
        });
        let asked_reads =
            asks.iter().filter_map(|ask| if let Ask::WorkspaceRead(glob) = ask { Some(&**glob) } else { None });
        let asked_writes =
            asks.iter().filter_map(|ask| if let Ask::WorkspaceWrite(glob) = ask { Some(&**glob) } else { None });
        let asked_bytes = asks.iter().map(|ask| if let Ask::Data(bytes) = ask { *bytes } else { 0 }).max();
        let gate = GateGrant {
            allow: grant.gate.allow && asks.contains(&Ask::GateAllow),
            rewrite: grant.gate.rewrite && asks.contains(&Ask::GateRewrite),
            ..grant.gate
        };
        Self {
            // Patterns that do not parse were refused with the description.
            asked_emits: PatternSet::parse(emits).unwrap_or_default(),
            granted_emits: grant.emit.clone(),
            asked_programs: asked_programs.collect(),
            granted_programs: grant.process.iter().filter_map(|it| Program::new(&it.program, &it.args)).collect(),
            env: grant.env.clone(),
            asked_reads: PathGlobs::new(asked_reads),
            granted_reads: PathGlobs::new(grant.workspace.read.iter().map(String::as_str)),
            asked_writes: PathGlobs::new(asked_writes),
            granted_writes: PathGlobs::new(grant.workspace.write.iter().map(String::as_str)),
            data_bytes: asked_bytes.unwrap_or_default().min(grant.data_bytes),
            interactions: grant.interactions && asks.contains(&Ask::Interactions),
            session_effects: grant.session_effects && asks.contains(&Ask::SessionEffects),
            gate,
        }
    }

    pub(crate) fn gate(&self) -> GateGrant {
        self.gate
    }

    /// Bytes of its own files.
    pub(crate) fn data_bytes(&self) -> u64 {
        self.data_bytes
    }

    pub(crate) fn emit(&self, phase: Phase, event_type: &EventType) -> Result<Permit<Emit>, EmitDenied> {
        // The engine acts on these, whoever emitted them.
        let effect = [SESSION_PROMPTED, SESSION_MODE_SET, SESSION_GRANTED].contains(&event_type.as_str());
        if !phase.acts() {
            Err(EmitDenied::NotNow)
        } else if effect && !self.session_effects {
            Err(EmitDenied::SessionEffect)
        } else if !self.asked_emits.matches(event_type) {
            Err(EmitDenied::NotAskedFor)
        } else if !self.granted_emits.matches(event_type) {
            Err(EmitDenied::NotGranted)
        } else {
            Ok(Permit(PhantomData))
        }
    }

    pub(crate) fn store_read(&self, phase: Phase) -> Result<Permit<StoreRead>, Denied> {
        permit(phase != Phase::Describe)
    }

    pub(crate) fn store_change(&self, phase: Phase) -> Result<Permit<StoreChange>, Denied> {
        permit(phase == Phase::Handle)
    }

    pub(crate) fn data_read(&self, phase: Phase) -> Result<Permit<DataRead>, Denied> {
        permit(phase != Phase::Describe && self.data_bytes > 0)
    }

    pub(crate) fn data_change(&self, phase: Phase) -> Result<Permit<DataChange>, Denied> {
        permit(phase == Phase::Handle && self.data_bytes > 0)
    }

    /// `variables` are the names that the command sets itself: those that are not granted could make any granted
    /// program run another (`LD_PRELOAD`, `GIT_SSH_COMMAND`, `RUSTC_WRAPPER`).
    pub(crate) fn run<'a>(
        &self,
        phase: Phase,
        program: &str,
        args: &[String],
        variables: impl IntoIterator<Item = &'a str>,
    ) -> Result<Permit<Run>, Denied> {
        let has = |programs: &[Program]| programs.iter().any(|it| it.name == program && it.args.matches(args));
        let mut variables = variables.into_iter();
        permit(
            phase.acts()
                && has(&self.asked_programs)
                && has(&self.granted_programs)
                && variables.all(|name| self.env.iter().any(|granted| granted == name)),
        )
    }

    /// Names of the daemon's variables that a program starts with, besides PATH and HOME.
    pub(crate) fn env(&self) -> &[String] {
        &self.env
    }

    /// `path` is the real one, relative to the root.
    pub(crate) fn workspace_read(&self, phase: Phase, path: &Path) -> Result<Permit<WorkspaceRead>, Denied> {
        permit(phase.acts() && self.asked_reads.matches(path) && self.granted_reads.matches(path))
    }

    /// `path` is the real one, relative to the root.
    pub(crate) fn workspace_write(&self, phase: Phase, path: &Path) -> Result<Permit<WorkspaceWrite>, Denied> {
        permit(phase.acts() && self.asked_writes.matches(path) && self.granted_writes.matches(path))
    }

    pub(crate) fn ask_people(&self, phase: Phase) -> Result<Permit<AskPeople>, Denied> {
        permit(phase.acts() && self.interactions)
    }

    pub(crate) fn act_on_session(&self, phase: Phase) -> Result<Permit<ActOnSession>, Denied> {
        permit(phase.acts() && self.session_effects)
    }
}

fn permit<Effect>(allowed: bool) -> Result<Permit<Effect>, Denied> {
    if allowed { Ok(Permit(PhantomData)) } else { Err(Denied) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;

    fn capabilities(asks: &[Ask], grant: &str) -> Capabilities {
        Capabilities::new(asks, &Grant::parse(grant).unwrap())
    }

    #[test]
    fn what_runs_is_asked_for_and_granted() {
        let ping = EventType::parse("demo.ping").unwrap();
        for (asked, granted, expected) in [
            (Some("demo.*"), "[\"demo.*\"]", None),
            (Some("demo.*"), "[]", Some(EmitDenied::NotGranted)),
            (None, "[\"*\"]", Some(EmitDenied::NotAskedFor)),
            (Some("demo.pong"), "[\"*\"]", Some(EmitDenied::NotAskedFor)),
            (Some("*"), "[\"demo.ping\"]", None),
        ] {
            let asks: Vec<Ask> = asked.map(|pattern| Ask::Emit(pattern.into())).into_iter().collect();
            let capabilities = capabilities(&asks, &format!("[grant]\nemit = {granted}\n"));
            let denied = |phase| capabilities.emit(phase, &ping).err();
            assert_eq!(denied(Phase::Handle), expected, "{asked:?} {granted}");
            assert_eq!(denied(Phase::ReadOnly), Some(EmitDenied::NotNow));
            assert_eq!(denied(Phase::Describe), Some(EmitDenied::NotNow));
        }
        let prompted = EventType::parse(SESSION_PROMPTED).unwrap();
        let capabilities = capabilities(&[Ask::Emit("*".into())], "[grant]\nemit = [\"*\"]\n");
        assert_eq!(capabilities.emit(Phase::Handle, &prompted).err(), Some(EmitDenied::SessionEffect));
    }

    fn texts(words: &str) -> Vec<String> {
        words.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_program_runs_as_asked_for_and_as_granted() {
        let asks = [
            Ask::Process { program: "git".into(), args: texts("log **") },
            Ask::Process { program: "sh".into(), args: texts("**") },
        ];
        let grant = "[grant]\nprocess = [{ program = \"git\", args = [\"**\"] }, { program = \"cargo\", args = [\"**\"] }]\n\
                     env = [\"LANG\"]\n";
        let capabilities = capabilities(&asks, grant);
        for (program, args, variables, expected) in [
            ("git", "log -1", "", true),
            ("git", "log -1", "LANG", true),
            ("git", "log -1", "LD_PRELOAD", false),
            ("git", "log -1", "PATH", false),
            ("git", "push", "", false),
            ("sh", "-c true", "", false),
            ("cargo", "test", "", false),
            ("/usr/bin/git", "log", "", false),
        ] {
            let (args, variables) = (texts(args), texts(variables));
            let run = |phase| capabilities.run(phase, program, &args, variables.iter().map(String::as_str)).is_ok();
            assert_eq!(run(Phase::Handle), expected, "{program} {args:?} {variables:?}");
            assert_eq!(run(Phase::Check), expected);
            assert!(!run(Phase::ReadOnly) && !run(Phase::Describe));
        }
        assert_eq!(capabilities.env(), ["LANG"]);
    }

    #[test]
    fn files_people_and_sessions_are_asked_for_and_granted() {
        let asks = [Ask::WorkspaceRead("src/**".into()), Ask::WorkspaceWrite("out/**".into()), Ask::Interactions];
        let grant = "[grant]\nworkspace = { read = [\"**/*.rs\"], write = [\"*/x\"] }\n\
                     interactions = true\nsession_effects = true\n";
        let capabilities = capabilities(&asks, grant);
        let read = |path: &str| capabilities.workspace_read(Phase::Handle, Path::new(path)).is_ok();
        let write = |path: &str| capabilities.workspace_write(Phase::Handle, Path::new(path)).is_ok();
        assert!(read("src/a.rs") && !read("src/a.c") && !read("a.rs") && !read("out/x"));
        assert!(write("out/x") && !write("out/y") && !write("src/x"));
        assert!(capabilities.workspace_read(Phase::ReadOnly, Path::new("src/a.rs")).is_err());
        assert!(capabilities.workspace_write(Phase::ReadOnly, Path::new("out/x")).is_err());
        assert!(capabilities.ask_people(Phase::Handle).is_ok() && capabilities.ask_people(Phase::ReadOnly).is_err());
        assert!(capabilities.act_on_session(Phase::Handle).is_err(), "granted and never asked for");
    }

    #[test]
    fn a_phase_takes_away() {
        let capabilities = capabilities(&[Ask::Data(10)], "[grant]\ndata = { max_bytes = 5 }\n");
        assert_eq!(capabilities.data_bytes(), 5);
        assert!(capabilities.data_read(Phase::ReadOnly).is_ok() && capabilities.data_change(Phase::ReadOnly).is_err());
        assert!(capabilities.data_read(Phase::Describe).is_err() && capabilities.store_read(Phase::Describe).is_err());
        assert!(capabilities.store_change(Phase::Handle).is_ok() && capabilities.store_change(Phase::Check).is_err());
        assert!(capabilities.data_change(Phase::Handle).is_ok() && capabilities.data_change(Phase::Check).is_err());
        assert!(capabilities.data_read(Phase::Check).is_ok());
    }

    #[test]
    fn allowing_must_be_asked_for_too() {
        let grant = "[grant]\ngate = [\"deny\", \"allow\"]\n";
        assert!(!capabilities(&[], grant).gate().allow);
        assert!(capabilities(&[Ask::GateAllow], grant).gate().allow);
        assert!(capabilities(&[], grant).gate().deny);
    }
}
