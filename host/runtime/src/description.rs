//! What a plugin says of itself, checked and in the host's own types.

use crate::bindings::exports::tollgate::plugin::lifecycle;
use crate::component::{Rejection, Stage, World};
use crate::grant::{Ask, check_args, check_path_glob, check_program};
use crate::schema::ConfigSchema;
use tollgate_core::events::{Pattern, PatternSet};

/// Most subscriptions, gates, needs and wants, each.
const MAX_ENTRIES: usize = 256;
/// Longest text of a description, in bytes.
const MAX_TEXT_BYTES: usize = 4 * 1_024;
/// Largest configuration schema, in bytes.
const MAX_SCHEMA_BYTES: usize = 256 * 1_024;
/// The longest plugin name, in bytes.
pub(crate) const MAX_NAME_BYTES: usize = 64;

/// A checked description.
#[derive(Debug, Clone)]
pub(crate) struct Description {
    pub(crate) version: String,
    pub(crate) summary: String,
    pub(crate) subscriptions: PatternSet,
    /// Canonical tool names; `*` for all.
    pub(crate) gates: Vec<String>,
    pub(crate) needs: Vec<Ask>,
    pub(crate) wants: Vec<Ask>,
    pub(crate) config_schema: Option<ConfigSchema>,
}

impl Description {
    /// Everything asked for, needed or wanted.
    pub(crate) fn asks(&self) -> impl Iterator<Item = &Ask> {
        self.needs.iter().chain(&self.wants)
    }

    /// Checks what a guest of `name` said.
    pub(crate) fn check(said: lifecycle::Description, name: &str, world: World) -> Result<Self, Rejection> {
        if said.name != name {
            let cause = format!(
                "the file is `{name}.wasm` and the plugin calls itself `{}`; rename the file to match",
                crate::fault::cut(said.name, MAX_NAME_BYTES)
            );
            return Err(Rejection::new(Stage::Name, cause));
        }
        for (field, text) in [("version", &said.version), ("summary", &said.summary)] {
            bounded(field, text, MAX_TEXT_BYTES)?;
        }
        for (field, list) in [
            ("subscriptions", said.subscriptions.len()),
            ("gates", said.gates.len()),
            ("needs", said.needs.len()),
            ("wants", said.wants.len()),
        ] {
            if list > MAX_ENTRIES {
                return Err(describe(format!("{field}: {list} entries, at most {MAX_ENTRIES} are taken")));
            }
        }
        for gate in &said.gates {
            bounded("gates", gate, MAX_NAME_BYTES)?;
        }
        if !said.gates.is_empty() && world == World::Observer {
            return Err(describe("gates: it names tools and does not export `gate`".to_owned()));
        }
        let subscriptions =
            PatternSet::parse(&said.subscriptions).map_err(|error| describe(format!("subscriptions: {error}")))?;
        if let Some(schema) = &said.config_schema {
            bounded("config-schema", schema, MAX_SCHEMA_BYTES)?;
        }
        let config_schema = said.config_schema.as_deref().map(ConfigSchema::parse).transpose()?;
        let mut wants = asks(said.wants)?;
        if world == World::Guard {
            wants.push(Ask::GateStricter);
        }
        Ok(Self {
            version: said.version,
            summary: said.summary,
            subscriptions,
            gates: said.gates,
            needs: asks(said.needs)?,
            wants,
            config_schema,
        })
    }
}

fn describe(cause: String) -> Rejection {
    Rejection::new(Stage::Describe, cause)
}

fn bounded(field: &str, text: &str, max: usize) -> Result<(), Rejection> {
    if text.len() > max || text.chars().any(|character| character.is_control() && character != '\n') {
        return Err(Rejection::new(Stage::Describe, format!("{field}: over {max} bytes, or with control characters")));
    }
    Ok(())
}

fn asks(said: Vec<lifecycle::Capability>) -> Result<Vec<Ask>, Rejection> {
    said.into_iter().map(ask).collect()
}

fn ask(said: lifecycle::Capability) -> Result<Ask, Rejection> {
    let needs = |error: String| Rejection::new(Stage::Needs, error);
    Ok(match said {
        lifecycle::Capability::Emit(pattern) => {
            Pattern::parse(&pattern).map_err(|error| needs(format!("emit: {error}")))?;
            Ask::Emit(pattern)
        }
        lifecycle::Capability::Process(pattern) => {
            let lifecycle::ProcessPattern { program, args } = pattern;
            let checked = check_program(&program).and_then(|()| check_args(&args));
            checked.map_err(|error| needs(format!("process: {error}")))?;
            Ask::Process { program, args }
        }
        lifecycle::Capability::WorkspaceRead(glob) => {
            check_path_glob(&glob).map_err(|error| needs(format!("workspace-read: {error}")))?;
            Ask::WorkspaceRead(glob)
        }
        lifecycle::Capability::WorkspaceWrite(glob) => {
            check_path_glob(&glob).map_err(|error| needs(format!("workspace-write: {error}")))?;
            Ask::WorkspaceWrite(glob)
        }
        lifecycle::Capability::Data(bytes) => Ask::Data(bytes),
        lifecycle::Capability::Interactions => Ask::Interactions,
        lifecycle::Capability::SessionEffects => Ask::SessionEffects,
        lifecycle::Capability::GateAllow => Ask::GateAllow,
        lifecycle::Capability::GateRewrite => Ask::GateRewrite,
    })
}

/// What [`is_plugin_name`] asks for, for people.
pub const NAME_RULE: &str = "a plugin's name is 1 to 64 of a-z, 0-9 and `-`";

/// Whether `name` can name a plugin: 1 to 64 of `[a-z0-9-]`, so that it fits file names, sources and ids.
#[must_use]
pub fn is_plugin_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_NAME_BYTES
        && !name.starts_with('-')
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;

    fn said() -> lifecycle::Description {
        lifecycle::Description {
            name: "p".into(),
            version: "1".into(),
            summary: String::new(),
            subscriptions: vec!["a.*".into()],
            gates: Vec::new(),
            needs: Vec::new(),
            wants: Vec::new(),
            config_schema: None,
        }
    }

    fn refused(change: impl FnOnce(&mut lifecycle::Description), stage: Stage, part: &str) {
        let mut said = said();
        change(&mut said);
        let rejection = Description::check(said, "p", World::Observer).unwrap_err();
        assert_eq!(rejection.stage, stage, "{rejection}");
        assert!(rejection.cause.contains(part), "{rejection}");
    }

    #[test]
    fn descriptions_are_checked() {
        assert!(Description::check(said(), "p", World::Observer).is_ok());
        refused(|said| said.name = "q".into(), Stage::Name, "calls itself `q`");
        refused(|said| said.version = "x".repeat(5_000), Stage::Describe, "version");
        refused(|said| said.subscriptions = vec!["A".into()], Stage::Describe, "subscriptions");
        refused(|said| said.subscriptions = vec!["a.b".into(); 300], Stage::Describe, "at most 256");
        refused(|said| said.gates = vec!["Bash".into()], Stage::Describe, "gates");
        refused(|said| said.config_schema = Some("[]".into()), Stage::Describe, "config-schema");
        let schema = |bytes: usize| Some(format!("{{}}{}", " ".repeat(bytes - 2)));
        let largest = lifecycle::Description { config_schema: schema(MAX_SCHEMA_BYTES), ..said() };
        assert!(Description::check(largest, "p", World::Observer).is_ok());
        refused(|said| said.config_schema = schema(MAX_SCHEMA_BYTES + 1), Stage::Describe, "over 262144 bytes");
        let asked = |capability: lifecycle::Capability, part: &str| {
            refused(|said| said.needs = vec![capability], Stage::Needs, part);
        };
        let run = |program: &str, args: &[&str]| {
            let args = args.iter().map(|arg| (*arg).to_owned()).collect();
            lifecycle::Capability::Process(lifecycle::ProcessPattern { program: program.into(), args })
        };
        asked(lifecycle::Capability::Emit("A".into()), "emit");
        asked(run("./x", &[]), "process: the program `./x`");
        asked(run("x", &["**", "y"]), "process: `**`");
        asked(lifecycle::Capability::WorkspaceRead("../x".into()), "workspace-read: `../x`");
        asked(lifecycle::Capability::WorkspaceWrite("/x".into()), "workspace-write: `/x`");
    }

    #[test]
    fn plugin_names() {
        for (name, expected) in [
            ("audit", true),
            ("no-secrets", true),
            ("a2", true),
            ("", false),
            ("A", false),
            ("a_b", false),
            ("a.b", false),
            ("-a", false),
            ("..", false),
        ] {
            assert_eq!(is_plugin_name(name), expected, "{name}");
        }
        assert!(!is_plugin_name(&"a".repeat(65)));
    }
}
