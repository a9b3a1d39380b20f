//! Statements of a database as rules look at them: without comments, without what stands in quotes, without those
//! that are only explained.
//!
//! Pure text. What is in doubt stays: a quoted text that may be run, a comment that some database runs.

/// Programs whose words with blanks are statements.
const CONSOLES: [&str; 30] = [
    "prisma",
    "psql",
    "pgcli",
    "mysql",
    "mycli",
    "mariadb",
    "sqlite3",
    "litecli",
    "sqlcmd",
    "isql",
    "sqlplus",
    "usql",
    "cockroach",
    "clickhouse-client",
    "clickhouse",
    "duckdb",
    "bq",
    "snowsql",
    "cqlsh",
    "trino",
    "presto",
    "hive",
    "beeline",
    "spark-sql",
    "impala-shell",
    "turso",
    "wrangler",
    "heroku",
    "supabase",
    "pscale",
];

/// Words of statements that run a text, so that a quoted one is no mere text.
const RUNS_TEXT: [&str; 9] = ["execute", "prepare", "exec", "sp_executesql", "do", "call", "format", "load", "source"];

/// Whether a program of this name takes statements.
pub(super) fn are_of(program: &str) -> bool {
    CONSOLES.contains(&program)
}

/// Whether what a program is told touches nothing that lasts: a database in memory, and no other attached.
pub(super) fn in_memory<'a>(program: &str, mut args: impl Iterator<Item = &'a str> + Clone) -> bool {
    matches!(program, "sqlite3" | "duckdb" | "litecli")
        && args.clone().any(|arg| arg == ":memory:")
        && !args.any(|arg| {
            let arg = arg.to_ascii_lowercase();
            arg.contains("attach") || arg.contains(".open") || arg.contains(".read")
        })
}

/// `text` as far as it does something.
pub(super) fn doing(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for statement in split(text) {
        if !is_explained(&statement.plain) {
            let runs_text = words(&statement.plain).any(|word| RUNS_TEXT.contains(&word.as_str()));
            if runs_text {
                // A rule looks for what stands at the beginning of a text, too.
                kept.push_str(&statement.whole.replace('\'', " "));
            } else {
                kept.push_str(&statement.plain);
            }
        }
    }
    kept
}

#[derive(Default)]
struct Statement {
    /// Without comments.
    whole: String,
    /// Without what stands in quotes, too.
    plain: String,
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
}

/// `EXPLAIN DELETE …`; with `ANALYZE` it is run.
fn is_explained(statement: &str) -> bool {
    let mut words = words(statement);
    let explains = words.next().is_some_and(|word| matches!(word.as_str(), "explain" | "describe" | "desc"));
    explains && !words.any(|word| matches!(word.as_str(), "analyze" | "analyse"))
}

fn split(text: &str) -> Vec<Statement> {
    let mut found = vec![Statement::default()];
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let mut used = c.len_utf8();
        let Some(last) = found.last_mut() else { break };
        let mut both = |text: &str| {
            last.whole.push_str(text);
            last.plain.push_str(text);
        };
        match c {
            '\'' | '"' | '`' => match quoted(rest, c) {
                Some(len) => {
                    used = len;
                    let text = rest.get(..len).unwrap_or_default();
                    last.whole.push_str(text);
                    // The others are quotes of names.
                    last.plain.push_str(if c == '\'' { "''" } else { text });
                }
                // Where it ends is not certain: all that follows may be anything.
                None => {
                    used = rest.len();
                    both(rest);
                }
            },
            // So are texts of this kind, which may hold any quote.
            '$' if rest
                .get(1..)
                .is_some_and(|rest| rest.starts_with(|c: char| c == '$' || c == '_' || c.is_alphabetic())) =>
            {
                used = rest.len();
                both(rest);
            }
            // MySQL runs what stands in `/*! */`: it is not there, but for what it holds.
            '/' if rest.starts_with("/*!") || rest.starts_with("/*M!") => {
                used = rest.find('!').map_or(1, |at| at + 1);
                let version = rest.get(used..).unwrap_or_default().bytes().take_while(u8::is_ascii_digit).count();
                used += version;
                both(" ");
            }
            '*' if rest.starts_with("*/") => {
                used = 2;
                both(" ");
            }
            '/' if rest.starts_with("/*") => match rest.find("*/") {
                Some(end) => {
                    used = end + 2;
                    both(" ");
                }
                None => both("/"),
            },
            // Without a blank behind it some read two signs.
            '-' if rest.starts_with("--")
                && rest.get(2..).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\n'])) =>
            {
                used = rest.find('\n').unwrap_or(rest.len());
            }
            ';' => {
                both(";");
                found.push(Statement::default());
            }
            c => both(c.encode_utf8(&mut [0; 4])),
        }
        rest = rest.get(used..).unwrap_or_default();
    }
    found
}

/// How many bytes the quoted text takes that `rest` begins with; none where a backslash may hide where it ends.
fn quoted(rest: &str, quote: char) -> Option<usize> {
    let mut at = 1;
    loop {
        let end = at + rest.get(at..)?.find(quote)?;
        if rest.get(at..end)?.contains('\\') {
            return None;
        }
        at = end + 1;
        // Two quotes are one of the text.
        if !rest.get(at..)?.starts_with(quote) {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_nothing_is_left_out() {
        for (text, expected) in [
            ("select 1", "select 1"),
            ("drop/**/table x", "drop table x"),
            ("/* drop table x */ select 1", "  select 1"),
            ("-- drop table x", ""),
            ("-- drop table x\ndrop table y", "\ndrop table y"),
            ("1 --drop table x", "1 --drop table x"),
            ("/*!50000 drop table x */", "  drop table x  "),
            ("drop/*!50000 */table x", "drop   table x"),
            ("drop /*M!100 table*/ x", "drop   table  x"),
            ("/* drop table x", "/* drop table x"),
            ("insert into t values ('drop table x')", "insert into t values ('')"),
            ("values ('it''s; drop table x'); y", "values (''); y"),
            (r"values ('a\'); drop table x; --')", r"values ('a\'); drop table x; --')"),
            ("select 'a'; drop table x", "select ''; drop table x"),
            ("EXECUTE 'drop table x'", "EXECUTE  drop table x "),
            ("explain delete from x", ""),
            ("explain delete from x; drop table y", " drop table y"),
            ("EXPLAIN (ANALYZE) delete from x", "EXPLAIN (ANALYZE) delete from x"),
            ("'drop table x", "'drop table x"),
            ("select \"it's\"; drop table x; 'a'", "select \"it's\"; drop table x; ''"),
            ("select $$'$$; drop table x; '", "select $$'$$; drop table x; '"),
        ] {
            assert_eq!(doing(text), expected, "{text}");
        }
    }

    #[test]
    fn only_memory_alone_is_nothing_that_lasts() {
        let check = |program: &str, line: &str| in_memory(program, line.split(' '));
        assert!(check("sqlite3", ":memory: drop"));
        assert!(!check("sqlite3", "a.db drop"));
        assert!(!check("sqlite3", ":memory: ATTACH 'a.db'"));
        assert!(!check("psql", ":memory: drop"));
    }
}
