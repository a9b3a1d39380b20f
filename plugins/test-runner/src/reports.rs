//! Finds the XML reports that Gradle's test tasks left in their build folders. Knows where they lie; what is in
//! them is `parse`'s.

use std::collections::VecDeque;
use tollgate_sdk::workspace;

/// Where a project's own test task writes.
const PLACE: &str = "build/test-results/test";
/// Most report files of one suite: a class each. More are told as unread, so that no count is short in silence.
const MAX_REPORTS: usize = 5_000;
/// The largest report that is read, in bytes; a test's whole output is in it.
const MAX_REPORT_BYTES: usize = 4 << 20;
/// How deep projects of one build lie, and how many there are at most.
const MAX_DEPTH: usize = 3;
const MAX_PROJECTS: usize = 400;

/// Hands over every report below `directory`; none for one that could not be read, or for those past the bounds.
pub fn read(directory: &str, mut each: impl FnMut(Option<&str>)) {
    let below = |folder: &str, name: &str| {
        if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
    };
    let (mut projects, mut reports) = (0, 0);
    let mut queue = VecDeque::from([(directory.to_owned(), 0)]);
    while let Some((folder, depth)) = queue.pop_front() {
        projects += 1;
        if projects > MAX_PROJECTS {
            return each(None);
        }
        let place = below(&folder, PLACE);
        for name in workspace::names(&place).unwrap_or_default() {
            if !(name.starts_with("TEST-") && name.ends_with(".xml")) {
                continue;
            }
            reports += 1;
            if reports > MAX_REPORTS {
                return each(None);
            }
            let bytes = workspace::read_all(&below(&place, &name), MAX_REPORT_BYTES).ok();
            each(bytes.as_deref().map(String::from_utf8_lossy).as_deref());
        }
        if depth >= MAX_DEPTH {
            continue;
        }
        let names = workspace::names(if folder.is_empty() { "." } else { &folder }).unwrap_or_default();
        for name in names.iter().filter(|name| !crate::detect::is_skipped(name)) {
            let path = below(&folder, name);
            if workspace::stat(&path).is_ok_and(|about| about.is_directory) {
                queue.push_back((path, depth + 1));
            }
        }
    }
}
