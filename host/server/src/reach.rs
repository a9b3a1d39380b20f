//! How far a caller reaches beside its scopes: which sessions, and which rooms. Knows no token and no request.

use std::collections::BTreeSet;
use std::sync::Arc;

/// All names, in a list of names.
const ALL: &str = "*";

/// Names that are allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Names {
    /// Every one.
    All,
    /// These; there can be none.
    Some(BTreeSet<Arc<str>>),
}

impl Names {
    /// Reads a list of names, in which `*` is all.
    pub(crate) fn read<S: AsRef<str>>(names: &[S]) -> Self {
        if names.iter().any(|name| name.as_ref() == ALL) {
            return Self::All;
        }
        Self::Some(names.iter().map(|name| Arc::from(name.as_ref())).collect())
    }

    /// Whether it is every one.
    pub(crate) fn is_all(&self) -> bool {
        *self == Self::All
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some(names) => names.contains(name),
        }
    }
}

/// What a caller may do its scopes' things to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Sessions whose events and questions are the caller's.
    pub(crate) sessions: Names,
    /// Rooms that it may join: `village:abc`, or with `village:*` all of a kind.
    pub(crate) rooms: Names,
}

impl Reach {
    /// Everything: whoever is not told otherwise.
    pub(crate) const ALL: Self = Self { sessions: Names::All, rooms: Names::All };

    /// Whether what belongs to this session, or to none, is the caller's.
    pub(crate) fn session(&self, session: Option<&str>) -> bool {
        match session {
            Some(session) => self.sessions.has(session),
            None => self.sessions.is_all(),
        }
    }

    /// Whether it may join the room of this kind and name.
    pub(crate) fn room(&self, kind: &str, name: &str) -> bool {
        self.rooms.has(&format!("{kind}:{name}")) || self.rooms.has(&format!("{kind}:{ALL}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_is_not_reached() {
        let reach = Reach { sessions: Names::read(&["s1"]), rooms: Names::read(&["village:v1", "agent:*"]) };
        assert!(reach.session(Some("s1")) && !reach.session(Some("s2")) && !reach.session(None));
        assert!(reach.room("village", "v1") && reach.room("agent", "anyone"));
        assert!(!reach.room("village", "v2") && !reach.room("repo", "v1") && !reach.room("village", ""));
        let none = Reach { sessions: Names::read::<&str>(&[]), rooms: Names::read::<&str>(&[]) };
        assert!(!none.session(Some("s1")) && !none.session(None) && !none.room("agent", "a"));
        let all = Reach { sessions: Names::read(&["s1", "*"]), rooms: Names::read(&["*"]) };
        assert_eq!(all, Reach::ALL);
        assert!(all.session(None) && all.session(Some("s9")) && all.room("village", "v9"));
    }
}
