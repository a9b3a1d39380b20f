//! Where a line points at: `src/lib.rs:26:9`, `File "a.py", line 9`, `in A.cs:line 12`. Knows how source files are
//! called, and which of them are a framework's own; which line of an output is asked is each parser's business.

/// Ends of source files' names: without one of them `name:12` is as well a port or a time.
const SOURCES: [&str; 42] = [
    "rs", "py", "pyx", "go", "js", "jsx", "mjs", "cjs", "ts", "tsx", "mts", "cts", "vue", "svelte", "java", "kt",
    "kts", "scala", "groovy", "clj", "cs", "fs", "vb", "rb", "feature", "php", "phpt", "ex", "exs", "erl", "c", "h",
    "cc", "hh", "cpp", "hpp", "cxx", "hxx", "m", "mm", "swift", "zig",
];
/// Parts of a path that is a framework's, a library's or a runtime's: nobody looks for his failure there.
const FOREIGN: [&str; 12] = [
    "node_modules/",
    "node:",
    "site-packages/",
    "/lib/python",
    "<frozen",
    "/rustc/",
    "/src/testing/",
    "/src/runtime/",
    "/gems/",
    "vendor/",
    ".cargo/registry/",
    "(stdlib",
];
/// The longest place that is taken, in bytes; a longer one is a path that nobody could open by reading it.
pub const MAX_PLACE_BYTES: usize = 300;

/// Most colons with a number behind them that are tried in a line, so that a long line of nothing else costs as little
/// as any.
const MAX_TRIED: usize = 8;

/// The first place in `line`, as `path:line` or `path:line:column`; none where it is not the project's own.
#[must_use]
pub fn of(line: &str) -> Option<String> {
    let found = python(line).or_else(|| plain(line))?;
    let foreign = found.len() > MAX_PLACE_BYTES || FOREIGN.iter().any(|part| found.contains(part));
    (!foreign).then_some(found)
}

/// `File "tests/test_a.py", line 9, in test`.
fn python(line: &str) -> Option<String> {
    let (path, rest) = line.trim_start().strip_prefix("File \"")?.split_once("\", line ")?;
    Some(format!("{path}:{}", digits(rest)?))
}

/// `path:26`, `path:26:9`, `path:line 26`: up to the first character that no path has.
fn plain(line: &str) -> Option<String> {
    let numbered = |colon: &usize| {
        let after = line.as_bytes().get(colon + 1..).unwrap_or_default();
        after.first().is_some_and(u8::is_ascii_digit) || after.starts_with(b"line ")
    };
    line.match_indices(':').map(|(colon, _)| colon).filter(numbered).take(MAX_TRIED).find_map(|colon| {
        let (before, after) = (line.get(..colon)?, line.get(colon + 1..)?);
        let path = before.rsplit(|one: char| one.is_whitespace() || "()[]<>\"'`=,".contains(one)).next()?;
        let path = path.strip_prefix("file://").unwrap_or(path);
        let (_, end) = path.rsplit('/').next()?.rsplit_once('.')?;
        let number = digits(after.strip_prefix("line ").unwrap_or(after))?;
        if !SOURCES.contains(&end.to_ascii_lowercase().as_str()) {
            return None;
        }
        let column = after.strip_prefix(number).and_then(|rest| digits(rest.strip_prefix(':')?));
        Some(column.map_or_else(|| format!("{path}:{number}"), |column| format!("{path}:{number}:{column}")))
    })
}

/// The digits that `text` begins with: a line or a column, so no more than seven of them.
fn digits(text: &str) -> Option<&str> {
    let end = text.find(|one: char| !one.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end).filter(|_| (1..=7).contains(&end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_as_frameworks_write_them() {
        for (line, place) in [
            ("thread 'a' (25) panicked at src/lib.rs:26:9:", Some("src/lib.rs:26:9")),
            ("  File \"/project/test_sum.py\", line 13, in test_raises", Some("/project/test_sum.py:13")),
            ("tests/test_sum.py:8: in test_adds_wrongly", Some("tests/test_sum.py:8")),
            ("    calc_test.go:17: got 2, want 3", Some("calc_test.go:17")),
            ("\t/project/calc/calc_test.go:9 +0x1d", Some("/project/calc/calc_test.go:9")),
            (" ❯ src/sum.test.js:4:44", Some("src/sum.test.js:4:44")),
            ("      at Object.toBe (src/sum.test.js:3:44)", Some("src/sum.test.js:3:44")),
            ("    at file:///project/a.test.mjs:3:4", Some("/project/a.test.mjs:3:4")),
            ("  location: '/project/test/sum.test.js:5:1'", Some("/project/test/sum.test.js:5:1")),
            ("\tat demo.SumTest.addsWrongly(SumTest.java:13)", Some("SumTest.java:13")),
            ("     at D.T() in /project/SumTests.cs:line 12", Some("/project/SumTests.cs:12")),
            ("     # ./spec/sum_spec.rb:5:in `block (2 levels)'", Some("./spec/sum_spec.rb:5")),
            ("got http://localhost:3000 at 10:21:33, see a.rs:4", Some("a.rs:4")),
            ("http://localhost:3000/a.js", None),
            ("http://a.rs.example:80/", None),
            ("took 3.10:12", None),
            ("a.rs:", None),
            ("a.rs:x", None),
            (":12", None),
            ("a.rs:123456789", None),
            ("    at Object.<anonymous> (node_modules/jest/index.js:1:2)", None),
            ("    at node:internal/timers.js:483:21", None),
            ("  File \"/usr/lib/python3.11/unittest/loader.py\", line 419, in x", None),
            ("  File \"<frozen importlib._bootstrap>\", line 1, in x", None),
        ] {
            assert_eq!(of(line).as_deref(), place, "{line}");
        }
        assert_eq!(of(&format!("{}a.rs:1", "x:1 ".repeat(MAX_TRIED - 1))).as_deref(), Some("a.rs:1"));
        assert_eq!(of(&format!("{}a.rs:1", "x:1 ".repeat(MAX_TRIED))), None);
        assert_eq!(of(&format!("{}.rs:1", "x".repeat(MAX_PLACE_BYTES))), None);
    }
}
