//! JUnit's XML reports, as far as counts, names and messages go. A small scanner of tags: entities of the five
//! predefined kinds and character references, comments and CDATA passed over, nothing fetched or expanded.

use super::message::{Message, is_own_frame};
use crate::report::{Counts, Failures};
use crate::text;

/// One report file.
#[derive(Debug, Default, PartialEq)]
pub struct Report {
    /// What its test suites count.
    pub counts: Counts,
    /// The failures that it names.
    pub failures: Failures,
    /// How long its tests took, in milliseconds.
    pub ms: u64,
}

impl Report {
    /// Reads a report; none where it is none, is cut off, or contradicts itself.
    #[must_use]
    pub fn read(xml: &str) -> Option<Self> {
        let mut report = Self::default();
        let (mut announced, mut cases, mut case) = (None, Counts::default(), None);
        let mut rest = xml;
        while let Some((_, from)) = rest.split_once('<') {
            let (tag, after) = next_tag(from)?;
            rest = after;
            match name(tag) {
                "testsuite" => {
                    let number = |of: &str| attribute(tag, of).and_then(|text| text.parse::<u64>().ok());
                    let (tests, failed) = (number("tests")?, number("failures")?.checked_add(number("errors")?)?);
                    let skipped = number("skipped").unwrap_or_default();
                    let passed = tests.checked_sub(failed.checked_add(skipped)?)?;
                    announced = Some(announced.unwrap_or(Counts::default()).and(Counts { passed, failed, skipped }));
                    let ms = attribute(tag, "time").and_then(|time| text::seconds_to_ms(&time.replace(',', "")));
                    report.ms = report.ms.saturating_add(ms.unwrap_or_default());
                }
                "testcase" => {
                    let class = attribute(tag, "classname").unwrap_or_default();
                    case = Some(format!("{class}.{}", attribute(tag, "name").unwrap_or_default()));
                    cases.passed += 1;
                }
                "failure" | "error" => {
                    let Some(case) = case.take() else { continue };
                    cases.passed = cases.passed.checked_sub(1)?;
                    cases.failed += 1;
                    let mut message = Message::default();
                    attribute(tag, "message").unwrap_or_default().lines().for_each(|line| message.push(line));
                    let stack = after.split_once('<').map_or("", |(text, _)| text);
                    stack.lines().filter(|line| is_own_frame(line, &case)).for_each(|line| message.look(line));
                    report.failures.push(&case, message.said());
                }
                "skipped" if case.take().is_some() => {
                    cases.passed = cases.passed.checked_sub(1)?;
                    cases.skipped += 1;
                }
                _ => {}
            }
        }
        report.counts = cases;
        let end = xml.trim_end();
        let whole = end.ends_with("</testsuite>") || end.ends_with("</testsuites>");
        (announced == Some(cases) && whole).then_some(report)
    }
}

/// What stands between `<` and its `>`, and what follows; for comments and CDATA the whole of them.
fn next_tag(from: &str) -> Option<(&str, &str)> {
    for (open, close) in [("!--", "-->"), ("![CDATA[", "]]>"), ("?", "?>")] {
        if let Some(inside) = from.strip_prefix(open) {
            return inside.split_once(close).map(|(_, after)| ("", after));
        }
    }
    // A `>` within quotes ends no tag.
    let mut quote = None;
    let end = from.char_indices().find(|(_, one)| match (quote, one) {
        (None, '>') => true,
        (None, '"' | '\'') => {
            quote = Some(*one);
            false
        }
        (Some(open), one) if open == *one => {
            quote = None;
            false
        }
        _ => false,
    })?;
    Some((from.get(..end.0)?, from.get(end.0 + 1..)?))
}

fn name(tag: &str) -> &str {
    tag.split(|one: char| one.is_whitespace() || one == '/').next().unwrap_or_default()
}

fn attribute(tag: &str, wanted: &str) -> Option<String> {
    let mut rest = tag.get(name(tag).len()..)?;
    while let Some((key, from)) = rest.split_once('=') {
        let from = from.trim_start();
        let quote = from.chars().next().filter(|one| *one == '"' || *one == '\'')?;
        let (value, after) = from.get(1..)?.split_once(quote)?;
        if key.trim() == wanted {
            return Some(unescape(value));
        }
        rest = after;
    }
    None
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from)) = rest.split_once('&') {
        out.push_str(before);
        let Some((entity, after)) = from.split_once(';') else {
            out.push('&');
            rest = from;
            continue;
        };
        let number = entity.strip_prefix('#').and_then(|digits| match digits.strip_prefix('x') {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => digits.parse().ok(),
        });
        let one = match entity {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => number.and_then(char::from_u32),
        };
        match one {
            Some(one) => {
                out.push(one);
                rest = after;
            }
            None => {
                out.push('&');
                rest = from;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_whole_report_is_none() {
        let whole = "<testsuite tests=\"1\" failures=\"0\" errors=\"0\"><testcase name=\"a\"/></testsuite>";
        assert!(Report::read(whole).is_some_and(|report| report.counts.passed == 1));
        for text in [
            "",
            "<html></html>",
            "<testsuite tests=\"1\"></testsuite>",
            "<testsuite tests=\"2\" failures=\"0\" errors=\"0\"><testcase name=\"a\"/></testsuite>",
            "<testsuite tests=\"1\" failures=\"0\" errors=\"0\"><testcase name=\"a\"/>",
            "<testsuite tests=\"1\" failures=\"0\" errors=\"0\"><testcase name=\"a",
        ] {
            assert_eq!(Report::read(text), None, "{text}");
        }
    }

    #[test]
    fn entities_quotes_and_comments() {
        let xml = "<?xml version='1.0'?><!-- <testcase/> --><testsuite tests='1' failures='1' errors='0' time='1,000.5'>\
            <testcase classname='a.B' name='c'><failure message='x &lt; &#121; &amp;&amp; a > b &nope; &'/></testcase>\
            <system-out><![CDATA[<testcase name='no'/>]]></system-out></testsuite>\n";
        let found = Report::read(xml).map(|report| (report.failures.kept().to_vec(), report.ms));
        let failure =
            crate::report::Failure { place: None, name: "a.B.c".into(), message: "x < y && a > b &nope; &".into() };
        assert_eq!(found, Some((vec![failure], 1_000_500)));
    }
}
