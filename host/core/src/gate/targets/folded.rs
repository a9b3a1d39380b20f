//! Patterns without the `..` behind them: `s*/../../x` leads to `../x`.
//!
//! By letters alone. What a pattern comes to is others' knowledge, and what an expansion comes to nobody's.

/// What `**` comes to in front of a `..`.
#[derive(Debug, Clone, Copy)]
enum Deep {
    /// No folder.
    None,
    /// One: bash takes it for `*` unless told otherwise.
    One,
    /// Several, so that the `..` leaves some of them.
    Several,
}

/// The ways to read a pattern without the `..` behind its first part that is one; the way that leads furthest up is
/// the first. What stands behind an expansion stays as it is.
pub(in crate::gate) fn folded(pattern: &str) -> Vec<String> {
    if !pattern.split('/').any(|part| part == "..") {
        return vec![pattern.to_owned()];
    }
    let mut readings: Vec<String> =
        [Deep::None, Deep::One, Deep::Several].into_iter().map(|deep| read(pattern, deep)).collect();
    readings.dedup();
    readings
}

fn read(pattern: &str, deep: Deep) -> String {
    let mut kept: Vec<&str> = Vec::new();
    // How many parts stand in front of the first that is a pattern; what a link in those does, the file system knows.
    let mut plain = None;
    let mut parts = pattern.split('/');
    let mut first = true;
    while let Some(part) = parts.next() {
        match (part, plain) {
            // In front it is the root.
            ("", _) if first => kept.push(part),
            ("" | ".", _) => {}
            ("..", Some(front)) => {
                let last = kept.last().copied().unwrap_or_default();
                match deep {
                    Deep::Several if last == "**" => continue,
                    Deep::None => while kept.len() > front && kept.pop_if(|last| *last == "**").is_some() {},
                    Deep::One | Deep::Several => {}
                }
                if kept.len() > front {
                    kept.pop();
                } else {
                    kept.push("..");
                }
                plain = plain.filter(|_| kept.len() > front && kept.last() != Some(&".."));
            }
            _ if is_expansion(part) => {
                kept.push(part);
                kept.extend(parts.by_ref());
            }
            _ => {
                plain = plain.or(part.contains(['*', '?', '[', '{', '(']).then_some(kept.len()));
                kept.push(part);
            }
        }
        first = false;
    }
    match kept.join("/") {
        folded if !folded.is_empty() => folded,
        _ if pattern.starts_with('/') => "/".to_owned(),
        _ => ".".to_owned(),
    }
}

/// `$x`, `$(…)`, `<(…)`, `{}`, and a group that goes on behind the slash.
fn is_expansion(part: &str) -> bool {
    let goes_on = |open: char, close: char| part.contains(open) && !part.contains(close);
    part.contains(['$', '`', '<', '>']) || part.contains("{}") || goes_on('{', '}') || goes_on('(', ')')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_up_is_folded() {
        for (pattern, expected) in [
            ("s*", &["s*"] as &[&str]),
            ("../x", &["../x"]),
            ("a/../x*", &["a/../x*"]),
            ("s*/..", &["."]),
            ("/s*/..", &["/"]),
            ("s*/../x", &["x"]),
            ("s*/./../../x/t*", &["../x/t*"]),
            ("a/s*/b//../../../x", &["a/../x"]),
            ("s*/..//./../x", &["../x"]),
            ("//s*/..//x", &["/x"]),
            ("?(s)/../@(a|b)/../x", &["x"]),
            ("@(a|b/c)/../x", &["@(a|b/c)/../x"]),
            ("<()/../x", &["<()/../x"]),
            ("~/s?/[a-b]/../../x", &["~/x"]),
            ("s*/../t*/../../x", &["../x"]),
            ("s{1..3}/../x", &["x"]),
            ("s*/../$x/../y", &["$x/../y"]),
            ("$x/s*/../y", &["$x/s*/../y"]),
            ("{}/../y", &["{}/../y"]),
            ("${a%/*}/../y", &["${a%/*}/../y"]),
            ("**/../x", &["../x", "x", "**/x"]),
            ("a/s*/**/../../x", &["a/../x", "a/x", "a/s*/**/x"]),
        ] {
            assert_eq!(folded(pattern), expected, "{pattern}");
        }
    }
}
