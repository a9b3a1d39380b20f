//! Tests of the two grammars against the shared vectors, and against each other.
#![expect(clippy::unwrap_used, reason = "tests")]

use crate::{EventType, EventTypeError, MAX_TYPE_BYTES, Pattern, PatternError, PatternSet};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    r#match: Vec<(String, String)>,
    no_match: Vec<(String, String)>,
    bad_patterns: Vec<String>,
    good_types: Vec<String>,
    bad_types: Vec<String>,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../vectors/patterns.json")).unwrap()
}

#[test]
fn the_vectors_hold() {
    let vectors = vectors();
    let check = |(pattern, event_type): &(String, String), expected: bool| {
        let found = Pattern::parse(pattern).unwrap().matches(&EventType::parse(event_type).unwrap());
        assert_eq!(found, expected, "{pattern} on {event_type}");
    };
    vectors.r#match.iter().for_each(|pair| check(pair, true));
    vectors.no_match.iter().for_each(|pair| check(pair, false));
    for text in vectors.bad_patterns {
        assert!(Pattern::parse(&text).is_err(), "{text:?} is no pattern");
    }
    for text in vectors.good_types {
        assert_eq!(EventType::parse(&text).unwrap().as_str(), text);
    }
    for text in vectors.bad_types {
        assert!(EventType::parse(&text).is_err(), "{text:?} is no type");
    }
}

#[test]
fn a_type_has_at_most_its_bytes() {
    let longest = format!("a.{}", "b".repeat(MAX_TYPE_BYTES - 2));
    assert!(EventType::parse(&longest).is_ok());
    assert!(Pattern::parse(&longest).is_ok());
    let longer = format!("{longest}b");
    assert_eq!(EventType::parse(&longer), Err(EventTypeError::TooLong(MAX_TYPE_BYTES + 1)));
    assert_eq!(Pattern::parse(&longer), Err(PatternError::TooLong(MAX_TYPE_BYTES + 1)));
}

#[test]
fn errors_name_the_place() {
    assert_eq!(EventType::parse("ab.cD"), Err(EventTypeError::BadSegment { text: "ab.cD".into(), at: 4 }));
    assert_eq!(EventType::parse("ab."), Err(EventTypeError::BadSegment { text: "ab.".into(), at: 3 }));
    assert_eq!(Pattern::parse("ab.c*"), Err(PatternError::BadSegment { text: "ab.c*".into(), at: 3 }));
}

#[test]
fn a_set_matches_where_one_does() {
    let set = PatternSet::parse(["a.*", "b.c"]).unwrap();
    let event_type = |text| EventType::parse(text).unwrap();
    assert!(set.matches(&event_type("a.x")));
    assert!(set.matches(&event_type("b.c")));
    assert!(!set.matches(&event_type("b.d")));
    assert!(!PatternSet::default().matches(&event_type("b.d")));
    assert!(PatternSet::all().matches(&event_type("b.d")));
    assert!(PatternSet::parse(["a.*", "B"]).is_err());
    assert_eq!(event_type("a.b.c").domain(), "a");
}

/// The grammar said once more, slowly: what the fast matcher must agree with.
fn matches_slowly(pattern: &[&str], actual: &[&str]) -> bool {
    match (pattern, actual) {
        (["*"], [_, ..]) => true,
        (["*", pattern @ ..], [_, actual @ ..]) => matches_slowly(pattern, actual),
        ([wanted, pattern @ ..], [found, actual @ ..]) => wanted == found && matches_slowly(pattern, actual),
        ([], []) => true,
        _ => false,
    }
}

proptest! {
    #[test]
    fn matching_agrees_with_the_grammar(pattern in "([ab*]\\.){0,3}[ab*]", actual in "([ab]\\.){1,3}[ab]") {
        let wanted: Vec<&str> = pattern.split('.').collect();
        let found: Vec<&str> = actual.split('.').collect();
        let matched = Pattern::parse(&pattern).unwrap().matches(&EventType::parse(&actual).unwrap());
        prop_assert_eq!(matched, matches_slowly(&wanted, &found));
    }

    #[test]
    fn parsing_never_panics(text in "\\PC{0,140}") {
        let _ = Pattern::parse(&text);
        if let Ok(parsed) = EventType::parse(&text) {
            prop_assert!(Pattern::parse(&text).unwrap().matches(&parsed));
        }
    }
}

#[test]
fn what_says_how_things_stand_is_told_by_its_last_segment() {
    let passing = |text: &str| EventType::parse(text).unwrap().is_passing();
    assert!(["task.progress", "terminal.chunk", "usage.tick", "my.own.heartbeat"].into_iter().all(passing));
    assert!(!["task.completed", "progress.made", "tick.tock", "task.in-progress"].into_iter().any(passing));
}
