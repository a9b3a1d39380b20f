//! Whether two patterns may come to one name.

use super::{Token, Wild, is_any_depth};

impl Wild {
    /// Whether the parts of this pattern from `from` on may be those of `other`, one by one, and how much of it the
    /// pattern itself says. What `**` comes to is between the parts in front of it and those behind.
    pub fn says_parts_of(&self, from: usize, other: &Self) -> Option<Said> {
        let (parts, others) = (self.0.get(from..)?, other.0.as_slice());
        let Some(deep) = parts.iter().position(|part| is_any_depth(part)) else {
            return said(parts.get(..others.len())?, others);
        };
        let (front, behind) = (parts.get(..deep)?, parts.get(deep + 1..)?);
        let last = behind.split(|part| is_any_depth(part)).next_back().filter(|last| !last.is_empty())?;
        let rest = others.len().checked_sub(last.len())?;
        let front = said(front, others.get(..rest)?.get(..front.len())?)?;
        said(last, others.get(rest..)?).map(|behind| front.min(behind))
    }

    /// Whether its last part says letters of the last of `other`.
    pub fn says_last_of(&self, other: &Self) -> bool {
        let both = self.0.last().zip(other.0.last());
        both.is_some_and(|(own, other)| {
            said(std::slice::from_ref(own), std::slice::from_ref(other)) > Some(Said::Little)
        })
    }

    /// Of each part the longest letters that it says.
    pub fn letters(&self) -> Vec<String> {
        let run = |part: &Vec<Token>| {
            let text: String = longest_run(part)
                .iter()
                .filter_map(|token| match token {
                    Token::Char(c) => Some(*c),
                    _ => None,
                })
                .collect();
            text
        };
        self.0.iter().map(run).collect()
    }

    /// Whether a part of it is known only when it runs.
    pub fn is_unknown(&self) -> bool {
        self.0.iter().flatten().any(|token| *token == Token::Value)
    }

    /// The folder that it is in.
    pub fn parent(&self) -> Self {
        Self(self.0.split_last().map_or_else(Vec::new, |(_, folder)| folder.to_vec()))
    }
}

/// How much of what it may come to a pattern says itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::gate) enum Said {
    /// Next to nothing: `.*`, `$x/*`.
    Little,
    /// Some letters of a name.
    Letters,
    /// All of it.
    All,
}

fn is_char(token: &Token) -> bool {
    matches!(token, Token::Char(_))
}

fn longest_run(part: &[Token]) -> &[Token] {
    part.split(|token| !is_char(token)).max_by_key(|run| run.len()).unwrap_or_default()
}

/// Letters of one name that are no accident.
const ENOUGH: usize = 2;

/// What the parts say of the others, where all may be the same.
fn said(own: &[Vec<Token>], others: &[Vec<Token>]) -> Option<Said> {
    if !own.iter().zip(others).all(|(own, other)| meet(own, other)) {
        return None;
    }
    if own.iter().flatten().all(is_char) {
        return Some(Said::All);
    }
    let says = |(own, other): (&Vec<Token>, &Vec<Token>)| {
        let letters = own.iter().filter(|token| matches!(token, Token::Char(c) if *c != '.')).count();
        // What is known only when it runs may be anything, whatever letters are beside it; and of two patterns one
        // has to say what the other is about: `*.ts` is not about `*credentials*`.
        let run = longest_run(other);
        let is_about = own.iter().all(is_char) || own.windows(run.len().max(1)).any(|window| window == run);
        letters >= ENOUGH && !own.contains(&Token::Value) && (other.iter().all(is_char) || is_about)
    };
    Some(if own.iter().zip(others).any(says) { Said::Letters } else { Said::Little })
}

/// Whether one part of a shell's pattern and one of another may be the same name. One with a dot in front is taken by
/// a part that says the dot.
fn meet(own: &[Token], other: &[Token]) -> bool {
    // The ends of both, and whole names, tell most apart.
    let differ = |own: Option<&Token>, other: Option<&Token>| matches!((own, other), (Some(Token::Char(own)), Some(Token::Char(other))) if own != other);
    if differ(own.first(), other.first()) || differ(own.last(), other.last()) {
        return false;
    }
    if own.iter().chain(other).all(is_char) {
        return own == other;
    }
    let dotted = other.first() == Some(&Token::Char('.'));
    let first = own.iter().find(|token| **token != Token::Group);
    if dotted && !matches!(first, Some(Token::Char('.') | Token::Dotted)) {
        return false;
    }
    let is_many = |token: &Token| matches!(token, Token::Any | Token::Value | Token::Group | Token::Dotted);
    let width = other.len() + 1;
    // Where in both it has been; each place is looked at once.
    let mut seen = vec![false; (own.len() + 1) * width];
    let mut open = vec![(0, 0)];
    while let Some((at, to)) = open.pop() {
        match seen.get_mut(at * width + to) {
            Some(seen) if !*seen => *seen = true,
            _ => continue,
        }
        match (own.get(at), other.get(to)) {
            (None, None) => return true,
            (Some(token), there) if is_many(token) => {
                open.push((at + 1, to));
                open.extend(there.map(|_| (at, to + 1)));
            }
            (here, Some(token)) if is_many(token) => {
                open.push((at, to + 1));
                open.extend(here.map(|_| (at + 1, to)));
            }
            (Some(Token::Char(own)), Some(Token::Char(other))) if own != other => {}
            (Some(_), Some(_)) => open.push((at + 1, to + 1)),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_meet_where_both_may_come_to_one_name() {
        for (own, other, said) in [
            (".ssh/id_rsa", ".ssh/id_rsa", Some(Said::All)),
            (".s?h/id_rsa", ".ssh/id_rsa", Some(Said::Letters)),
            (".*/id_rsa", ".ssh/id_rsa", Some(Said::Letters)),
            (".*/*", ".ssh/id_rsa", Some(Said::Little)),
            ("*/id_rsa", ".ssh/id_rsa", None),
            ("[.]ssh/id_*", ".ssh/id_rsa", None),
            (".[s]sh/id_*", ".ssh/id_rsa", Some(Said::Letters)),
            (".ssh/*.pub", ".ssh/id_rsa", None),
            (".ssh/$f", ".ssh/id_rsa", Some(Said::Letters)),
            ("$d/$f", ".ssh/id_rsa", None),
            (".${n}rc", ".netrc", Some(Said::Little)),
            ("**/id_rsa", ".ssh/id_rsa", Some(Said::All)),
            (".ssh/**", ".ssh/id_rsa", None),
            ("src/**/id_rsa", ".ssh/id_rsa", None),
            (".s*/**/id_rsa", ".ssh/id_rsa", Some(Said::Little)),
            ("**/*.ts", ".aws/*credentials*", Some(Said::Little)),
            ("**", ".ssh/id_rsa", None),
            ("server.*", "*.pem", Some(Said::Little)),
            ("s*.pem", "*.pem", Some(Said::Letters)),
            ("*", "*.pem", Some(Said::Little)),
            ("x.pem", "*.pem", Some(Said::All)),
            ("x.pen", "*.pem", None),
            (".ssh", ".ssh/id_rsa", None),
        ] {
            assert_eq!(Wild::of(own).says_parts_of(0, &Wild::of(other)), said, "{own} {other}");
        }
        let long = Wild::of(&format!("{}c", "a*".repeat(2_000)));
        assert_eq!(long.says_parts_of(0, &Wild::of(&"*b".repeat(20))), None);
    }
}
