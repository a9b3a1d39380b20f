//! Passwords in URLs: `scheme://user:password@host`.

use super::{Kind, after_each, placeholder};

/// Fewest bytes of a password; shorter ones are mostly samples such as `a:b@c`.
const PASSWORD_BYTES: usize = 4;
/// Passwords that everyone's local database has.
const WELL_KNOWN: [&str; 8] = ["password", "pass", "passwd", "postgres", "root", "guest", "user", "test"];

/// A URL whose authority carries a password, or a Slack webhook, whose path is one.
pub fn find(text: &str) -> Option<Kind> {
    after_each(text, "://").find_map(|(_, rest)| {
        if let Some(path) = rest.strip_prefix("hooks.slack.com/services/T") {
            return (path.split(['"', '\'', ' ', '\n']).next().is_some_and(|path| path.len() >= 30))
                .then_some(Kind("a Slack webhook"));
        }
        let authority = rest.split(|c: char| matches!(c, '/' | '?' | '#' | '"' | '\'' | ' ' | '\n' | '\t')).next()?;
        let (userinfo, host) = authority.rsplit_once('@')?;
        let (_, password) = userinfo.split_once(':')?;
        let real = password.len() >= PASSWORD_BYTES && !host.is_empty() && !stands_for_one(password);
        real.then_some(Kind("a password in a URL"))
    })
}

fn stands_for_one(password: &str) -> bool {
    placeholder::is_placeholder(password) || WELL_KNOWN.contains(&password.to_ascii_lowercase().as_str())
}
