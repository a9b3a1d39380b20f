//! What a token may do: scopes as people write them, and what a route needs of them. Knows no token and no request.

use std::fmt;
use tollgate_core::events::{EventType, PatternSet};

/// Most characters of one scope: some hundred patterns.
pub(crate) const MAX_SCOPE_BYTES: usize = 16 * 1024;

/// What a caller may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Scopes {
    /// The types that it may record; none: nothing.
    pub(crate) emit: Option<PatternSet>,
    /// The types that it may read; none: nothing.
    pub(crate) read: Option<PatternSet>,
    pub(crate) gate: bool,
    pub(crate) approve: bool,
    pub(crate) admin: bool,
}

/// What a route needs of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing: anyone who names this host.
    Nothing,
    /// Nothing yet: whoever is connected says who it is, or is let go.
    Later,
    /// Any token.
    Token,
    /// To record some types; the handler looks which.
    EmitSome,
    /// To record all types: what the host records of this is not the caller's to choose.
    EmitAll,
    /// To read some types; the handler leaves out the others. Open to those who have no token where the
    /// configuration lets them read.
    Watch,
    /// The same, but never without a token.
    ReadSome,
    /// To read everything: the answer is more than events.
    ReadAll,
    /// To read what people are asked; the handler leaves out what belongs to sessions that are not the caller's.
    ReadAsked,
    /// To have calls decided.
    Gate,
    /// To answer for a person.
    Approve,
    /// To change the host.
    Admin,
}

impl Needs {
    /// The scope's name in messages and documents; none where there is none.
    pub(crate) fn scope(self) -> Option<&'static str> {
        match self {
            Self::Nothing | Self::Later | Self::Token => None,
            Self::EmitSome | Self::EmitAll => Some("emit"),
            Self::Watch | Self::ReadSome | Self::ReadAll | Self::ReadAsked => Some("read"),
            Self::Gate => Some("gate"),
            Self::Approve => Some("approve"),
            Self::Admin => Some("admin"),
        }
    }

    /// Whether the scope has to be without patterns.
    pub(crate) fn unrestricted(self) -> bool {
        matches!(self, Self::EmitAll | Self::ReadAll | Self::ReadAsked)
    }

    /// Whether it is for who has all sessions alone: it is more than one session's.
    pub(crate) fn all_sessions(self) -> bool {
        matches!(self, Self::EmitAll | Self::ReadAll | Self::Gate | Self::Admin)
    }
}

impl Scopes {
    /// Everything.
    pub(crate) fn all() -> Self {
        Self { approve: true, admin: true, ..Self::client() }
    }

    /// What the home's own clients may do.
    pub(crate) fn client() -> Self {
        let all = || Some(PatternSet::all());
        Self { emit: all(), read: all(), gate: true, approve: false, admin: false }
    }

    /// Reads `emit`, `emit:<patterns>`, `read`, `read:<patterns>`, `gate`, `approve`, `admin`.
    ///
    /// # Errors
    /// What is wrong with which of them.
    pub(crate) fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Self, String> {
        let mut scopes = Self::default();
        for text in texts {
            let text = text.as_ref();
            if text.len() > MAX_SCOPE_BYTES {
                return Err(format!("a scope has at most {MAX_SCOPE_BYTES} bytes"));
            }
            let (name, patterns) = match text.split_once(':') {
                Some((name, patterns)) => (name, Some(patterns)),
                None => (text, None),
            };
            match name {
                "emit" => scopes.emit = Some(joined(scopes.emit.take(), name, patterns)?),
                "read" => scopes.read = Some(joined(scopes.read.take(), name, patterns)?),
                "gate" | "approve" | "admin" if patterns.is_some() => {
                    return Err(format!("`{text}`: the scope {name} has no patterns"));
                }
                "gate" => scopes.gate = true,
                "approve" => scopes.approve = true,
                "admin" => scopes.admin = true,
                _ => {
                    let known = "emit, emit:<patterns>, read, read:<patterns>, gate, approve, admin";
                    return Err(format!("`{name}` is no scope; known are {known}"));
                }
            }
        }
        if scopes == Self::default() {
            return Err("a token without a scope may do nothing; name at least one".to_owned());
        }
        // As they are written, several of one name are one: what is kept has to be read again.
        if scopes.texts().iter().any(|text| text.len() > MAX_SCOPE_BYTES) {
            return Err(format!("a scope has at most {MAX_SCOPE_BYTES} bytes, all patterns of a name together"));
        }
        Ok(scopes)
    }

    /// As they are written.
    pub(crate) fn texts(&self) -> Vec<String> {
        let limited = |name: &str, patterns: &Option<PatternSet>| {
            let patterns = patterns.as_ref()?;
            Some(if is_all(patterns) { name.to_owned() } else { format!("{name}:{}", written(patterns)) })
        };
        let plain = |name: &str, has: bool| has.then(|| name.to_owned());
        [
            limited("emit", &self.emit),
            limited("read", &self.read),
            plain("gate", self.gate),
            plain("approve", self.approve),
            plain("admin", self.admin),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// These, and another's rights to approve and administer.
    pub(crate) fn with_rights_of(&self, other: &Self) -> Self {
        Self { approve: self.approve || other.approve, admin: self.admin || other.admin, ..self.clone() }
    }

    /// Whether they are enough to be heard on a route.
    pub(crate) fn allow(&self, needs: Needs) -> bool {
        match needs {
            Needs::Nothing | Needs::Later | Needs::Token => true,
            Needs::EmitSome => self.emit.is_some(),
            Needs::EmitAll => self.emit.as_ref().is_some_and(is_all),
            Needs::Watch | Needs::ReadSome => self.read.is_some(),
            Needs::ReadAll | Needs::ReadAsked => self.read.as_ref().is_some_and(is_all),
            Needs::Gate => self.gate,
            Needs::Approve => self.approve,
            Needs::Admin => self.admin,
        }
    }

    pub(crate) fn may_emit(&self, event_type: &EventType) -> bool {
        self.emit.as_ref().is_some_and(|patterns| patterns.matches(event_type))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.texts().join(" "))
    }
}

fn is_all(patterns: &PatternSet) -> bool {
    patterns.iter().any(|pattern| pattern.as_str() == "*")
}

/// A set's patterns as a query or a scope has them.
pub(crate) fn written(patterns: &PatternSet) -> String {
    patterns.iter().map(|pattern| pattern.as_str()).collect::<Vec<_>>().join(",")
}

/// A scope named twice has the patterns of both; without patterns it has all.
fn joined(before: Option<PatternSet>, name: &str, patterns: Option<&str>) -> Result<PatternSet, String> {
    let Some(patterns) = patterns else { return Ok(PatternSet::all()) };
    let before = before.as_ref().map(written);
    let texts = before.iter().flat_map(|texts| texts.split(',')).chain(patterns.split(',')).map(str::trim);
    PatternSet::parse(texts).map_err(|error| format!("`{name}:{patterns}`: {error}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn event_type(text: &str) -> EventType {
        EventType::parse(text).unwrap()
    }

    #[test]
    fn scopes_are_read_and_written() {
        let check = |given: &[&str], expected: &[&str]| {
            let scopes = Scopes::parse(given).unwrap();
            assert_eq!(scopes.texts(), expected);
            assert_eq!(Scopes::parse(&scopes.texts()).unwrap(), scopes);
        };
        check(&["gate", "emit"], &["emit", "gate"]);
        check(&["emit:task.*", "read:tool.*, alert.raised"], &["emit:task.*", "read:tool.*,alert.raised"]);
        check(&["read:a.b", "read:c.d"], &["read:a.b,c.d"]);
        check(&["read:a.b", "read", "approve", "admin"], &["read", "approve", "admin"]);
    }

    #[test]
    fn what_is_no_scope_is_named() {
        let check = |given: &[&str], says: &str| {
            let reason = Scopes::parse(given).unwrap_err();
            assert!(reason.contains(says), "{given:?} said {reason}");
        };
        check(&[], "name at least one");
        check(&["write"], "`write` is no scope; known are emit");
        check(&["gate:a.b"], "`gate:a.b`: the scope gate has no patterns");
        check(&["emit:A"], "`emit:A`: ");
        check(&["emit:"], "`emit:`: ");
        check(&[&format!("read:{}", "a.b,".repeat(MAX_SCOPE_BYTES))], "a scope has at most");
        let some = |letter: &str| {
            let patterns: Vec<_> = (0..MAX_SCOPE_BYTES / 16).map(|number| format!("{letter}.x{number:05}")).collect();
            format!("read:{}", patterns.join(","))
        };
        assert!(Scopes::parse(&[some("a")]).is_ok());
        check(&[&some("a"), &some("b")], "all patterns of a name together");
    }

    #[test]
    fn a_scope_with_patterns_is_not_the_whole() {
        let some = Scopes::parse(&["emit:task.*", "read:tool.*"]).unwrap();
        assert!(some.allow(Needs::EmitSome) && some.allow(Needs::Watch) && some.allow(Needs::Token));
        for needs in [Needs::EmitAll, Needs::ReadAll, Needs::Gate, Needs::Approve, Needs::Admin] {
            assert!(!some.allow(needs), "{needs:?}");
            assert!(Scopes::all().allow(needs), "{needs:?}");
        }
        assert!(some.may_emit(&event_type("task.started")) && !some.may_emit(&event_type("tool.gated")));
        assert!(!Scopes::client().allow(Needs::Approve) && !Scopes::client().allow(Needs::Admin));
    }
}
