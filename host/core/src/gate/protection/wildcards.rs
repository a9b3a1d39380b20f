//! What a shell's pattern may come to, as far as it could matter: whether it may reach a path.
//!
//! Says yes where it cannot tell: a class matches any character, an expansion any text without a slash.

mod meets;

pub(in crate::gate) use meets::Said;

/// A piece of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Char(char),
    /// `?`, `[…]`.
    One,
    /// `*`.
    Any,
    /// What an expansion comes to.
    Value,
    /// A group without a dot, which may well be empty: `?(a)`, `*(a|b)`.
    Group,
    /// A group such as `@(.a|b)` or, where it may be empty, `?(a).b`: one that may say the dot that a name begins with.
    Dotted,
}

/// A pattern, part by part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gate) struct Wild(Vec<Vec<Token>>);

/// Where a pattern may lead, seen from a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gate) enum Reach {
    /// Nowhere near.
    Elsewhere,
    /// To a folder above it.
    Above,
    /// To the path itself.
    At,
    /// Below it, by what is left of the pattern.
    Inside(Wild),
}

impl Wild {
    /// The parts of a relative pattern; `x/..` is nothing.
    pub fn of(text: &str) -> Self {
        let mut parts: Vec<Vec<Token>> = vec![Vec::new()];
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let token = match c {
                '/' => {
                    parts.push(Vec::new());
                    continue;
                }
                // `@(a|b)`, where the shell takes it.
                '@' | '+' | '!' | '?' | '*' if chars.peek() == Some(&'(') => {
                    chars.next();
                    let says_dot = skip_group(&mut chars, '(') || chars.peek() == Some(&'.');
                    match c {
                        '!' => Token::Value,
                        _ if says_dot => Token::Dotted,
                        _ => Token::Group,
                    }
                }
                '*' => Token::Any,
                '?' => Token::One,
                '[' if chars.clone().any(|c| c == ']') => {
                    // The first character may be a bracket itself.
                    chars.next();
                    while chars.next().is_some_and(|c| c != ']') {}
                    Token::One
                }
                '$' if matches!(chars.peek(), Some('{' | '(')) => {
                    let open = chars.next().unwrap_or_default();
                    skip_group(&mut chars, open);
                    Token::Value
                }
                '$' => {
                    while chars.next_if(|c| c.is_ascii_alphanumeric() || *c == '_').is_some() {}
                    Token::Value
                }
                '{' | '(' => {
                    skip_group(&mut chars, c);
                    Token::Value
                }
                c => Token::Char(c),
            };
            if let Some(part) = parts.last_mut() {
                part.push(token);
            }
        }
        let mut kept: Vec<Vec<Token>> = Vec::new();
        for part in parts {
            match part.as_slice() {
                [] | [Token::Char('.')] => {}
                // One of its folders less is any number again.
                [Token::Char('.'), Token::Char('.')] if kept.last().is_some_and(|last| is_any_depth(last)) => {}
                [Token::Char('.'), Token::Char('.')] if !kept.is_empty() => {
                    kept.pop();
                }
                part_again if is_any_depth(part_again) && kept.last().is_some_and(|last| is_any_depth(last)) => {}
                _ => kept.push(part),
            }
        }
        Self(kept)
    }

    /// How many parts it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it goes to any depth.
    pub fn is_deep(&self) -> bool {
        self.0.iter().any(|part| is_any_depth(part))
    }

    /// Where it may lead from a folder above `path`, which is given part by part from there.
    pub fn reach(&self, path: &[&str]) -> Reach {
        reach(&self.0, path)
    }

    /// Whether its last parts may be these names. A name with a dot in front is taken by one that says the dot, or
    /// by `*` where `hidden`.
    pub fn ends_in(&self, names: &[&str], hidden: bool) -> bool {
        let Some(from) = self.0.len().checked_sub(names.len()) else { return false };
        let parts = self.0.get(from..).unwrap_or_default();
        parts.iter().zip(names).all(|(part, name)| {
            let first = part.iter().find(|token| **token != Token::Group);
            let says_dot = !name.starts_with('.') || matches!(first, Some(Token::Char('.') | Token::Dotted));
            (says_dot || hidden) && matches(part, name)
        })
    }
}

impl Reach {
    fn rank(&self) -> u8 {
        match self {
            Self::Elsewhere => 0,
            Self::Above => 1,
            Self::At => 2,
            Self::Inside(_) => 3,
        }
    }
}

/// `**`, which comes to any number of parts.
fn is_any_depth(part: &[Token]) -> bool {
    part == [Token::Any; 2]
}

/// As [`Wild::reach`]. Each `**` is followed by a part that takes a name of the path, so it ends soon.
fn reach(mut pattern: &[Vec<Token>], mut path: &[&str]) -> Reach {
    loop {
        match (pattern.split_first(), path.split_first()) {
            (None, None) => return Reach::At,
            (None, Some(_)) => return Reach::Above,
            (Some(_), None) => return Reach::Inside(Wild(pattern.to_vec())),
            (Some((first, rest)), Some(_)) if is_any_depth(first) => {
                let deeper = (0..=path.len()).filter_map(|skipped| path.get(skipped..));
                return deeper.map(|path| reach(rest, path)).max_by_key(Reach::rank).unwrap_or(Reach::Elsewhere);
            }
            (Some((first, rest)), Some((name, below))) => {
                if !matches(first, name) {
                    return Reach::Elsewhere;
                }
                pattern = rest;
                path = below;
            }
        }
    }
}

/// Goes past a group's end; whether there is a dot in it.
fn skip_group(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, open: char) -> bool {
    let close = if open == '{' { '}' } else { ')' };
    let mut depth = 1_usize;
    let mut has_dot = false;
    for c in chars.by_ref() {
        has_dot |= c == '.';
        if c == open {
            depth += 1;
        } else if c == close {
            depth -= 1;
        }
        if depth == 0 {
            break;
        }
    }
    has_dot
}

/// Whether one part may come to `name`. Takes as many steps as both are long, multiplied.
fn matches(part: &[Token], name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut from) = (0, 0);
    // Where the last `*` stood, and how much of the name it took.
    let mut star: Option<(usize, usize)> = None;
    loop {
        match (part.get(at), name.get(from)) {
            (None, None) => return true,
            (Some(Token::Any | Token::Value | Token::Group | Token::Dotted), _) => {
                star = Some((at, from));
                at += 1;
            }
            (Some(Token::One), Some(_)) => (at, from) = (at + 1, from + 1),
            (Some(Token::Char(c)), Some(own)) if c == own => (at, from) = (at + 1, from + 1),
            _ => match star {
                Some((star_at, taken)) if taken < name.len() => {
                    star = Some((star_at, taken + 1));
                    (at, from) = (star_at + 1, taken + 1);
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_reach_what_they_may_come_to() {
        let path = [".local", "state", "tollgate"];
        let inside = |rest: &str| Reach::Inside(Wild::of(rest));
        for (pattern, reach) in [
            ("*", Reach::Above),
            (".l*", Reach::Above),
            ("x*", Reach::Elsewhere),
            (".local/s?ate", Reach::Above),
            (".local/*/toll*", Reach::At),
            ("./.local//state/tollgat[a-e]", Reach::At),
            ("x*/../.local/state/tollgate", Reach::At),
            ("**", Reach::At),
            ("**/token", inside("token")),
            ("**/../tollgate", inside("tollgate")),
            (".local/@(state|x)/+(toll)gate", Reach::At),
            ("**/tollgate", inside("tollgate")),
            ("$A/state/$(x /)/appr*", inside("appr*")),
            ("${A%/*}/state/t{1..3}/x", inside("x")),
            (".local/state/other*", Reach::Elsewhere),
            (".local/state/tollgate-*", Reach::Elsewhere),
            ("", Reach::Above),
        ] {
            let found = Wild::of(pattern).reach(&path);
            // `**` has several readings; any that goes inside will do.
            let same = found == reach || matches!((&found, &reach), (Reach::Inside(_), Reach::Inside(_)));
            assert!(same, "{pattern}: {found:?}");
        }
    }

    #[test]
    fn endings_need_their_dot() {
        for (pattern, hidden, ends) in [
            (".clau*/settings.json", false, true),
            ("a/.c*/*.json", false, true),
            ("*/settings.json", false, false),
            ("*/settings.json", true, true),
            (".claude/agents/*", false, false),
            ("$A/settings.json", false, false),
            ("settings.json", false, false),
            (".cla@(ude)/settings.json", false, true),
            ("@(x|.claude)/settings.json", false, true),
            ("@(.claude|x)/settings.json", false, true),
            ("+(claude)/settings.json", false, false),
            ("?(x).claude/settings.json", false, true),
            ("?(x)?(y).claude/settings.json", false, true),
            ("*(x)*(y)?(z).claude/settings.json", false, true),
            ("?(x)@(.claude|y)/settings.json", false, true),
            ("?(x)*claude/settings.json", false, false),
            ("?(x)?(y)/settings.json", false, false),
            ("!(x.y)/settings.json", false, false),
            ("!(x).claude/settings.json", false, false),
        ] {
            assert_eq!(Wild::of(pattern).ends_in(&[".claude", "settings.json"], hidden), ends, "{pattern}");
        }
    }

    #[test]
    fn a_part_takes_no_more_than_its_length_times_the_names() {
        let part = Wild::of(&"*a".repeat(2_000));
        assert_eq!(part.reach(&[&"a".repeat(1_999)]), Reach::Elsewhere);
        let deep = Wild::of(&"**/**/$x/".repeat(1_000));
        assert!(matches!(deep.reach(&["a"; 8]), Reach::Inside(_)));
        assert_eq!(Wild::of(&"x/**/?/".repeat(1_000)).reach(&["ab"; 8]), Reach::Elsewhere);
    }
}
