//! What came of each line against what a golden file says should: one object a line, told apart line by line.

use super::create::write;
use super::{read_text, rehearse::Step};
use crate::exit::Failure;
use serde_json::Value;
use std::path::Path;

/// Differences that are shown; the others are counted.
const MAX_SHOWN: usize = 20;

/// Writes what came of all lines as what should.
///
/// # Errors
/// When the file cannot be written.
pub fn bless(file: &Path, steps: &[Step]) -> Result<(), Failure> {
    let text: String = steps.iter().map(|step| format!("{}\n", step.did)).collect();
    write(file, &text)
}

/// How what came of all lines differs from what `file` says, for people; none where it does not.
///
/// # Errors
/// When the file cannot be read or holds no objects.
pub fn difference(file: &Path, steps: &[Step]) -> Result<Option<String>, Failure> {
    let text = read_text(file)?;
    let mut expected = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let value: Value = serde_json::from_str(line).map_err(|error| {
            Failure::Failed(format!(
                "{}: line {}: not JSON: {error}; --bless writes it anew",
                file.display(),
                index + 1
            ))
        })?;
        expected.push(value);
    }
    Ok(told(&expected, &steps.iter().map(|step| step.did.clone()).collect::<Vec<_>>()))
}

fn told(expected: &[Value], came: &[Value]) -> Option<String> {
    let mut text = String::new();
    let mut count = 0;
    for at in 0..expected.len().max(came.len()) {
        let (wanted, found) = (expected.get(at), came.get(at));
        if wanted == found {
            continue;
        }
        count += 1;
        if count <= MAX_SHOWN {
            for (sign, value) in [('-', wanted), ('+', found)] {
                text.extend(value.map(|value| format!("{sign} {value}\n")));
            }
        }
    }
    if count > MAX_SHOWN {
        text.push_str(&format!("and {} more\n", count - MAX_SHOWN));
    }
    (count > 0).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_differs_is_told_and_not_all_of_it() {
        let lines = |from: usize, to: usize| (from..to).map(|line| json!({"line": line})).collect::<Vec<_>>();
        assert_eq!(told(&lines(0, 3), &lines(0, 3)), None);
        let came = [json!({"line": 0}), json!({"line": 1, "outcome": "failed"}), json!({"line": 2})];
        let expected = "- {\"line\":1}\n+ {\"line\":1,\"outcome\":\"failed\"}\n";
        assert_eq!(told(&lines(0, 3), &came).as_deref(), Some(expected));
        assert_eq!(told(&lines(0, 2), &lines(0, 3)).as_deref(), Some("+ {\"line\":2}\n"));
        assert_eq!(told(&lines(0, 3), &lines(0, 2)).as_deref(), Some("- {\"line\":2}\n"));
        let many = told(&lines(0, MAX_SHOWN + 2), &[]).unwrap_or_default();
        assert_eq!(many.lines().count(), MAX_SHOWN + 1);
        assert!(many.ends_with("and 2 more\n"), "{many}");
    }
}
