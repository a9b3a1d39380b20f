//! What a plugin asks for against what it is granted.

use super::Grant;
use super::globs::{args_cover, path_covers};
use std::fmt;
use tollgate_core::events::PatternSet;

/// One thing that a plugin may ask for, in the contract's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Emit events of this pattern.
    Emit(String),
    /// Run this program with arguments of this shape.
    Process { program: String, args: Vec<String> },
    /// Read files of this glob.
    WorkspaceRead(String),
    /// Write files of this glob.
    WorkspaceWrite(String),
    /// This many bytes of its own files.
    Data(u64),
    /// Ask people.
    Interactions,
    /// Act on the agent's session.
    SessionEffects,
    /// Have its denials and questions count.
    GateStricter,
    /// Have its `allow` count.
    GateAllow,
    /// Have its rewrites count.
    GateRewrite,
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Emit(pattern) => write!(f, "emit {pattern}"),
            Self::Process { program, args } => {
                write!(f, "process {program}")?;
                args.iter().try_for_each(|arg| write!(f, " {arg}"))
            }
            Self::WorkspaceRead(glob) => write!(f, "workspace-read {glob}"),
            Self::WorkspaceWrite(glob) => write!(f, "workspace-write {glob}"),
            Self::Data(bytes) => write!(f, "data {bytes}"),
            Self::Interactions => f.write_str("interactions"),
            Self::SessionEffects => f.write_str("session-effects"),
            Self::GateStricter => f.write_str("gate deny ask"),
            Self::GateAllow => f.write_str("gate allow"),
            Self::GateRewrite => f.write_str("gate rewrite"),
        }
    }
}

/// What a plugin asks for, what it has, and what is missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GrantDifference {
    /// The plugin.
    pub plugin: String,
    /// Everything it asks for; what it cannot do without ends in ` (needed)`.
    pub asked: Vec<String>,
    /// What of that it has.
    pub granted: Vec<String>,
    /// What of that it does not have.
    pub missing: Vec<String>,
    /// The grant file with everything granted that is asked for.
    pub proposed: String,
    /// Hex of the SHA-256 of `proposed`: what [`crate::Runtime::grant`] is told was looked at.
    pub digest: String,
}

/// Splits what is asked for into granted and missing.
pub(crate) fn difference<'a>(asks: impl IntoIterator<Item = &'a Ask>, grant: &Grant) -> (Vec<&'a Ask>, Vec<&'a Ask>) {
    asks.into_iter().partition(|ask| grants(grant, ask))
}

fn grants(grant: &Grant, ask: &Ask) -> bool {
    match ask {
        Ask::Emit(pattern) => set_covers(&grant.emit, pattern),
        Ask::Process { program, args } => {
            grant.process.iter().any(|granted| granted.program == *program && args_cover(&granted.args, args))
        }
        Ask::WorkspaceRead(glob) => grant.workspace.read.iter().any(|granted| path_covers(granted, glob)),
        Ask::WorkspaceWrite(glob) => grant.workspace.write.iter().any(|granted| path_covers(granted, glob)),
        Ask::Data(bytes) => grant.data_bytes >= *bytes,
        Ask::Interactions => grant.interactions,
        Ask::SessionEffects => grant.session_effects,
        Ask::GateStricter => grant.gate.deny || grant.gate.ask,
        Ask::GateAllow => grant.gate.allow,
        Ask::GateRewrite => grant.gate.rewrite,
    }
}

fn set_covers(granted: &PatternSet, asked: &str) -> bool {
    granted.iter().any(|pattern| covers(pattern.as_str(), asked))
}

/// Whether `newer` may take something away that `older` gave. Limits, delivery and configuration give nothing.
pub(crate) fn withdraws(newer: &Grant, older: &Grant) -> bool {
    // Every field by name: what a grant learns to give has to be withdrawn here too.
    let Grant {
        emit,
        process,
        env,
        workspace,
        data_bytes,
        interactions,
        session_effects,
        gate,
        limits: _,
        delivery: _,
        config: _,
    } = older;
    let keeps_all = |newer: &[String], older: &[String]| older.iter().all(|glob| newer.contains(glob));
    let keeps = emit.iter().all(|pattern| set_covers(&newer.emit, pattern.as_str()))
        && process.iter().all(|program| newer.process.contains(program))
        && keeps_all(&newer.env, env)
        && keeps_all(&newer.workspace.read, &workspace.read)
        && keeps_all(&newer.workspace.write, &workspace.write)
        && newer.data_bytes >= *data_bytes
        && newer.interactions >= *interactions
        && newer.session_effects >= *session_effects
        && newer.gate.covers(*gate)
        && newer.gate.speak >= gate.speak;
    !keeps
}

/// Whether every type that `asked` matches is matched by `granted`.
fn covers(granted: &str, asked: &str) -> bool {
    if granted == "*" || granted == asked {
        return true;
    }
    if asked == "*" {
        return false;
    }
    let mut asked = asked.split('.').peekable();
    let mut granted = granted.split('.').peekable();
    while let Some(have) = granted.next() {
        let Some(want) = asked.next() else { return false };
        let last = granted.peek().is_none();
        match (have, want) {
            ("*", _) if last => return true,
            // A last `*` matches any number of segments, a `*` before the end only one.
            ("*", "*") if asked.peek().is_none() => return false,
            ("*", _) => {}
            (have, want) if have != want => return false,
            _ => {}
        }
    }
    asked.next().is_none()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    use super::*;
    use proptest::prelude::*;
    use tollgate_core::events::{EventType, Pattern};

    #[test]
    fn covering() {
        for (granted, asked, expected) in [
            ("*", "*", true),
            ("*", "a.b", true),
            ("a.*", "a.b", true),
            ("a.*", "a.b.c", true),
            ("a.*", "a.*", true),
            ("a.*", "*", false),
            ("a.b", "a.*", false),
            ("*.b", "a.b", true),
            ("*.b", "*.b", true),
            ("*.b", "a.*", false),
            ("*.*", "a.*", true),
            ("a.*.c", "a.*", false),
            ("a.*", "a", false),
            ("a.b", "a.b.c", false),
        ] {
            assert_eq!(covers(granted, asked), expected, "{granted} covers {asked}");
        }
    }

    proptest! {
        #[test]
        fn what_is_covered_is_matched(granted in "(\\*|a|b)(\\.(\\*|a|b)){0,3}", asked in "(\\*|a|b)(\\.(\\*|a|b)){0,3}", event in "(a|b)(\\.(a|b)){1,4}") {
            let event = EventType::parse(&event).unwrap();
            if covers(&granted, &asked) && Pattern::parse(&asked).unwrap().matches(&event) {
                prop_assert!(Pattern::parse(&granted).unwrap().matches(&event));
            }
        }
    }

    #[test]
    fn programs_and_files_are_granted_by_whatever_covers_them() {
        let grant = "[grant]\nprocess = [{ program = \"cargo\", args = [\"test\", \"**\"] }, { program = \"git\" }]\n\
                     workspace = { read = [\"src/**\"], write = [\"*.lock\"] }\n";
        let grant = Grant::parse(grant).unwrap();
        let run = |program: &str, args: &[&str]| Ask::Process {
            program: program.into(),
            args: args.iter().map(|arg| (*arg).into()).collect(),
        };
        for (ask, expected) in [
            (run("cargo", &["test", "**"]), true),
            (run("cargo", &["test", "--all"]), true),
            (run("cargo", &["**"]), false),
            (run("git", &[]), true),
            (run("git", &["status"]), false),
            (run("npm", &[]), false),
            (Ask::WorkspaceRead("src/**/*.rs".into()), true),
            (Ask::WorkspaceRead("src".into()), true),
            (Ask::WorkspaceRead("**/*.rs".into()), false),
            (Ask::WorkspaceWrite("Cargo.lock".into()), true),
            (Ask::WorkspaceWrite("src/a.lock".into()), false),
        ] {
            assert_eq!(difference([&ask], &grant).1.is_empty(), expected, "{ask}");
        }
        assert_eq!(
            (&*run("git", &[]).to_string(), &*run("a", &["b", "c"]).to_string()),
            ("process git", "process a b c")
        );
    }

    #[test]
    fn what_is_taken_away_is_withdrawn_and_what_is_changed_otherwise_is_not() {
        let whole = "[grant]\nemit = [\"t.*\"]\nprocess = [{ program = \"ls\" }]\nworkspace = { read = [\"a\"], write = [\"b\"] }\n\
                     data = { max_bytes = 10 }\ninteractions = true\nsession_effects = true\ngate = [\"deny\", \"speak\"]\n";
        let older = Grant::parse(whole).unwrap();
        for (from, to, expected) in [
            ("", "", false),
            ("t.*", "*", false),
            ("t.*", "t.a", true),
            ("ls", "cat", true),
            ("read = [\"a\"]", "read = []", true),
            ("write = [\"b\"]", "write = [\"b\", \"c\"]", false),
            ("write = [\"b\"]", "write = [\"c\"]", true),
            ("= 10", "= 9", true),
            ("= 10", "= 11", false),
            ("interactions = true", "interactions = false", true),
            ("session_effects = true", "", true),
            ("\"deny\", ", "", true),
            (", \"speak\"", "", true),
            (", \"speak\"", ", \"speak\", \"allow\"", false),
            ("[grant]", "[limits]\nfuel_init = 1\n[delivery]\nmode = \"live\"\n[config]\na = 1\n[grant]", false),
        ] {
            let newer = Grant::parse(&whole.replace(from, to)).unwrap();
            assert_eq!(withdraws(&newer, &older), expected, "{from} became {to}");
        }
    }

    #[test]
    fn a_larger_folder_than_granted_is_missing() {
        let grant = Grant::parse("[grant]\nemit = [\"t.*\"]\ndata = { max_bytes = 10 }\n").unwrap();
        let asks = [Ask::Emit("t.a".into()), Ask::Data(10), Ask::Data(11), Ask::Interactions];
        let (granted, missing) = difference(&asks, &grant);
        assert_eq!(granted, [&asks[0], &asks[1]]);
        assert_eq!(missing, [&asks[2], &asks[3]]);
    }
}
