//! Parameter expansions as text: `${x%/*}`, `${x/a/b}`, `${x:-y}`, and what they make of a value.
//!
//! Pure. Knows the operators, not what any variable holds.

/// Most steps that working out an operator may take: its pattern is tried at every place of the value. A path of 200
/// letters and a pattern of ten stay below it.
const MAX_STEPS: usize = 500_000;

/// An expansion at the start of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gate) struct Expansion<'a> {
    /// The variable; empty where it is none.
    pub name: &'a str,
    /// What stands behind the name in braces.
    pub operator: &'a str,
    /// How many bytes it takes.
    pub len: usize,
}

impl<'a> Expansion<'a> {
    /// The one that `text` begins with, whose first letter is `$`.
    pub fn at(text: &'a str) -> Self {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let after = text.get(1..).unwrap_or_default();
        if after.starts_with(|c: char| matches!(c, '@' | '*') || c.is_ascii_digit()) {
            return Self { name: after.get(..1).unwrap_or_default(), operator: "", len: 2 };
        }
        let Some(braced) = after.strip_prefix('{') else {
            let end = after.find(|c| !is_name(c)).unwrap_or(after.len());
            return Self { name: after.get(..end).unwrap_or_default(), operator: "", len: 1 + end };
        };
        let Some(close) = braced.find('}') else { return Self { name: "", operator: "", len: 1 } };
        let inner = braced.get(..close).unwrap_or_default();
        let inner = inner.strip_prefix('!').unwrap_or(inner);
        let end = if inner.starts_with(['@', '*']) { 1 } else { inner.find(|c| !is_name(c)).unwrap_or(inner.len()) };
        let (name, operator) = inner.split_at(end);
        Self { name, operator, len: 1 + 1 + close + 1 }
    }

    /// What stands in for the value: `${x:-word}`, `${x-word}`, `${x:=word}`, `${x:+word}`.
    pub fn default(&self) -> Option<&'a str> {
        let word = self.operator.trim_start_matches(':').strip_prefix(['-', '=', '+']);
        word.filter(|word| !word.is_empty())
    }

    /// How many steps [`Expansion::of`] takes with `value`, where it tries a pattern at all its places.
    pub fn steps(&self, value: &str) -> usize {
        let is_pattern = self.operator.starts_with(['#', '%', '/']);
        Some(steps(self.operator, value)).filter(|steps| is_pattern && *steps <= MAX_STEPS).unwrap_or_default()
    }

    /// What the operator makes of `value`; as it is where the operator is not known.
    pub fn of(&self, value: &str) -> String {
        applied(self.operator, value).unwrap_or_else(|| value.to_owned())
    }
}

fn steps(operator: &str, value: &str) -> usize {
    value.len().saturating_mul(value.len()).saturating_mul(operator.len())
}

/// What an operator makes of a value; none where it is not known.
pub(super) fn applied(operator: &str, value: &str) -> Option<String> {
    if steps(operator, value) > MAX_STEPS || operator.contains(['$', '`']) {
        return None;
    }
    let owned = |text: Option<&str>| Some(text.unwrap_or(value).to_owned());
    if let Some(rest) = operator.strip_prefix('#') {
        let (longest, pattern) = doubled(rest, '#');
        let mut found = ends(&pattern, value);
        let end = if longest { found.last() } else { found.next() };
        return owned(end.and_then(|end| value.get(end..)));
    }
    if let Some(rest) = operator.strip_prefix('%') {
        let (longest, pattern) = doubled(rest, '%');
        let fits =
            |from: &usize| ends(&pattern, value.get(*from..).unwrap_or_default()).any(|end| from + end == value.len());
        let mut starts = value.char_indices().map(|(at, _)| at).chain([value.len()]).filter(fits);
        let from = if longest { starts.next() } else { starts.next_back() };
        return owned(from.and_then(|from| value.get(..from)));
    }
    if let Some(rest) = operator.strip_prefix('/') {
        return Some(replaced(rest, value));
    }
    match operator {
        "^^" => return Some(value.to_uppercase()),
        ",," => return Some(value.to_lowercase()),
        "^" | "," => {
            let mut chars = value.chars();
            let first = chars.next()?;
            let first: String =
                if operator == "^" { first.to_uppercase().collect() } else { first.to_lowercase().collect() };
            return Some(first + chars.as_str());
        }
        _ => {}
    }
    cut(operator.strip_prefix(':')?, value)
}

/// `${x:from}`, `${x:from:length}`, counted from the end where negative.
fn cut(range: &str, value: &str) -> Option<String> {
    let mut parts = range.split(':').map(|part| part.trim().trim_matches(['(', ')']).parse::<i64>());
    let letters: Vec<char> = value.chars().collect();
    let all = i64::try_from(letters.len()).ok()?;
    let place = |at: i64, front: i64| if at < 0 { all + at } else { front + at };
    let from = place(parts.next()?.ok()?, 0).clamp(0, all);
    let to = parts.next().map_or(Some(all), |length| Some(place(length.ok()?, from)))?.clamp(from, all);
    let (from, to) = (usize::try_from(from).ok()?, usize::try_from(to).ok()?);
    letters.get(from..to).map(|part| part.iter().collect())
}

/// `a/b`, `/a/b` everywhere, `#a/b` in front, `%a/b` at the end.
fn replaced(operator: &str, value: &str) -> String {
    let (everywhere, rest) = match operator.strip_prefix('/') {
        Some(rest) => (true, rest),
        None => (false, operator),
    };
    let (anchor, rest) = match rest.chars().next() {
        Some(anchor @ ('#' | '%')) if !everywhere => (Some(anchor), rest.get(1..).unwrap_or_default()),
        _ => (None, rest),
    };
    let end = separator(rest).unwrap_or(rest.len());
    let pattern = unquoted(rest.get(..end).unwrap_or_default());
    let with: String =
        unquoted(rest.get(end + 1..).unwrap_or_default()).into_iter().map(|(letter, _)| letter).collect();
    let mut out = String::new();
    let mut at = 0;
    while let Some(rest) = value.get(at..) {
        let fits = |end: &usize| *end > 0 && (anchor != Some('%') || *end == rest.len());
        let found = if anchor == Some('#') && at > 0 { None } else { ends(&pattern, rest).filter(fits).last() };
        if let Some(end) = found {
            out.push_str(&with);
            at += end;
            if !everywhere {
                out.push_str(value.get(at..).unwrap_or_default());
                return out;
            }
            continue;
        }
        let Some(next) = rest.chars().next() else { return out };
        out.push(next);
        at += next.len_utf8();
    }
    out
}

/// Where the pattern of `pattern/text` ends.
fn separator(text: &str) -> Option<usize> {
    let (mut escaped, mut quote) = (false, None);
    let mut ends = |letter: char| {
        if escaped {
            escaped = false;
        } else if quote == Some(letter) {
            quote = None;
        } else if quote.is_none() {
            match letter {
                '/' => return true,
                '\\' => escaped = true,
                '\'' | '"' => quote = Some(letter),
                _ => {}
            }
        }
        false
    };
    text.char_indices().find(|(_, letter)| ends(*letter)).map(|(at, _)| at)
}

fn doubled(rest: &str, sign: char) -> (bool, Vec<(char, bool)>) {
    match rest.strip_prefix(sign) {
        Some(pattern) => (true, unquoted(pattern)),
        None => (false, unquoted(rest)),
    }
}

/// The letters of a pattern, and whether each may mean more than itself.
fn unquoted(text: &str) -> Vec<(char, bool)> {
    let mut letters = Vec::new();
    let (mut quote, mut chars) = (None, text.chars());
    while let Some(letter) = chars.next() {
        match letter {
            '\\' if quote != Some('\'') => letters.extend(chars.next().map(|letter| (letter, false))),
            '\'' | '"' if quote.is_none() => quote = Some(letter),
            letter if quote == Some(letter) => quote = None,
            letter => letters.push((letter, quote.is_none())),
        }
    }
    letters
}

/// Where in `text` a pattern of `*`, `?` and letters may end that begins with it, in bytes. A set such as `[a-z]` fits any
/// one letter.
fn ends(pattern: &[(char, bool)], text: &str) -> impl Iterator<Item = usize> {
    // The places of the text that the pattern so far reaches.
    let letters: Vec<(usize, char)> = text.char_indices().collect();
    let mut reached = vec![false; letters.len() + 1];
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    let mut rest = pattern;
    while let Some((mark, tail)) = rest.split_first() {
        rest = tail;
        if *mark == ('*', true) {
            let from = reached.iter().position(|reached| *reached).unwrap_or(reached.len());
            reached.iter_mut().skip(from).for_each(|reached| *reached = true);
            continue;
        }
        let mut any = *mark == ('?', true);
        if *mark == ('[', true)
            && let Some(end) = rest.iter().skip(1).position(|mark| *mark == (']', true))
        {
            any = true;
            rest = rest.get(end + 2..).unwrap_or_default();
        }
        let steps = letters.iter().zip(&reached).map(|((_, letter), before)| *before && (any || *letter == mark.0));
        reached = std::iter::once(false).chain(steps).collect();
    }
    let places: Vec<usize> = letters.into_iter().map(|(at, _)| at).chain([text.len()]).collect();
    places.into_iter().zip(reached).filter(|(_, reached)| *reached).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_worked_out() {
        for (operator, value, expected) in [
            ("/n/m", "rn", "rm"),
            ("// /", "r m", "rm"),
            ("//a/b", "aXa", "bXb"),
            ("/#a/b", "aa", "ba"),
            ("/%a/b", "aa", "ab"),
            ("/*/rm", "/home/x", "rm"),
            ("/x/y", "abc", "abc"),
            ("/\\//-", "a/b/c", "a-b/c"),
            ("//'/'/-", "a/b", "a-b"),
            ("##*/", "/bin/bash", "bash"),
            ("#*/", "a/b/c", "b/c"),
            ("#/none", "/home/x", "/home/x"),
            ("%/*", "/home/x", "/home"),
            ("%%/*", "a/b/c", "a"),
            ("%.sh", "x.sh", "x"),
            ("%%.?z", "x.gz", "x"),
            ("%[0-9]", "x1", "x"),
            ("^^", "rm", "RM"),
            (",,", "RM", "rm"),
            (",", "Rm", "rm"),
            (":1", "xrm", "rm"),
            (":1:2", "xrmx", "rm"),
            (": -2", "xrm", "rm"),
            (":0:-1", "rmx", "rm"),
            ("@Q", "x", "x"),
        ] {
            let expansion = Expansion { name: "x", operator, len: 0 };
            assert_eq!(expansion.of(value), expected, "{operator} of {value}");
        }
        let long = |length: usize| applied("#a", &"a".repeat(length)).map(|text| text.len());
        assert_eq!(long(500), Some(499));
        assert_eq!(500 * 500 * "#a".len(), MAX_STEPS);
        assert_eq!(long(501), None);
    }

    #[test]
    fn an_expansion_ends_where_its_name_does() {
        for (text, name, operator, len) in [
            ("$x/y", "x", "", 2),
            ("$12", "1", "", 2),
            ("$@x", "@", "", 2),
            ("${x}y", "x", "", 4),
            ("${10}", "10", "", 5),
            ("${x%/*}z", "x", "%/*", 7),
            ("${!x}", "x", "", 5),
            ("$", "", "", 1),
            ("${x", "", "", 1),
        ] {
            assert_eq!(Expansion::at(text), Expansion { name, operator, len }, "{text}");
        }
    }
}
