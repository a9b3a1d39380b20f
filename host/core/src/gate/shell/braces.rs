//! Brace lists: `{rm,-rf,/}` is three words.
//!
//! Only unquoted braces count. Ranges are not spelled out: what they come to is unknown.

use super::MAX_LINE_BYTES;
use super::word::Marked;

/// Most words that one brace list is spelled out to; a longer one is unknown.
const MAX_ALTERNATIVES: usize = 64;

/// The words that a field comes to, and whether they are exact.
pub(super) fn expand(field: Vec<Marked>) -> (Vec<Vec<Marked>>, bool) {
    match field.iter().filter(|mark| **mark == ('{', true)).count() {
        0 => return (vec![field], true),
        1..=MAX_ALTERNATIVES => {}
        _ => return (vec![field], false),
    }
    // A long word in many alternatives is long many times over.
    let mut room = MAX_LINE_BYTES;
    let mut done: Vec<Vec<Marked>> = Vec::new();
    let mut exact = true;
    let mut open = vec![field.clone()];
    while let Some(next) = open.pop() {
        if done.len() + open.len() > MAX_ALTERNATIVES {
            return (vec![field], false);
        }
        match first_list(&next) {
            Some(list) => {
                // Pushed in reverse, so that they come off the stack in order.
                for part in list.parts.iter().rev() {
                    let mut word: Vec<Marked> = next.get(..list.start).unwrap_or_default().to_vec();
                    word.extend_from_slice(part);
                    word.extend_from_slice(next.get(list.end..).unwrap_or_default());
                    match room.checked_sub(word.len()) {
                        Some(left) => room = left,
                        None => return (vec![field], false),
                    }
                    open.push(word);
                }
            }
            None => {
                exact &= !has_range(&next);
                done.push(next);
            }
        }
    }
    (done, exact)
}

struct List {
    start: usize,
    end: usize,
    parts: Vec<Vec<Marked>>,
}

/// The first unquoted `{…,…}`.
fn first_list(field: &[Marked]) -> Option<List> {
    for (start, mark) in field.iter().enumerate() {
        if *mark != ('{', true) {
            continue;
        }
        let mut depth = 0_usize;
        let mut parts = vec![Vec::new()];
        for (offset, inner) in field.iter().enumerate().skip(start + 1) {
            match inner {
                ('}', true) if depth == 0 => {
                    if parts.len() > 1 {
                        return Some(List { start, end: offset + 1, parts });
                    }
                    break;
                }
                (',', true) if depth == 0 => {
                    parts.push(Vec::new());
                    continue;
                }
                ('{', true) => depth += 1,
                ('}', true) => depth -= 1,
                _ => {}
            }
            if let Some(part) = parts.last_mut() {
                part.push(*inner);
            }
        }
    }
    None
}

fn has_range(field: &[Marked]) -> bool {
    let open = field.iter().position(|mark| *mark == ('{', true));
    let Some(inner) = open.and_then(|open| field.get(open..)) else { return false };
    inner.contains(&('}', true)) && inner.windows(2).any(|pair| pair == [('.', true), ('.', true)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str], exact: bool) {
        let (words, is_exact) = expand(text.chars().map(|c| (c, true)).collect());
        let words: Vec<String> = words.into_iter().map(|word| word.into_iter().map(|(c, _)| c).collect()).collect();
        assert_eq!((words.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), is_exact), (expected, exact));
    }

    #[test]
    fn lists_are_spelled_out() {
        check("a", &["a"], true);
        check("{a,b}", &["a", "b"], true);
        check("x{a,{b,c}}y", &["xay", "xby", "xcy"], true);
        check("{}", &["{}"], true);
        check("{a}", &["{a}"], true);
        check("{1..3}", &["{1..3}"], false);
    }

    #[test]
    fn a_bomb_is_unknown() {
        let bomb = "{a,b}".repeat(40);
        check(&bomb, &[&bomb], false);
        let long = format!("{}{{a,b,c}}", "x".repeat(MAX_LINE_BYTES / 3));
        check(&long, &[&long], false);
    }
}
