//! Programs with a language or a prompt of their own: databases, debuggers, editors of lines, `make`.
//!
//! Owns where each keeps what it is told, and how it leaves its language for a shell's.

use super::input::Input;
use super::wrappers::Runs;
use super::{interpreters, shells};
use crate::gate::call::{Word, base_name};
use crate::gate::fetchers;
use crate::gate::options::{is_long, positional, scan, values};

/// Programs that take statements from their input.
const DATABASES: [&str; 23] = [
    "sqlplus",
    "snowsql",
    "turso",
    "wrangler",
    "prisma",
    "psql",
    "pgcli",
    "mysql",
    "mycli",
    "mariadb",
    "sqlite3",
    "litecli",
    "sqlcmd",
    "cockroach",
    "clickhouse-client",
    "duckdb",
    "cqlsh",
    "usql",
    "redis-cli",
    "valkey-cli",
    "mongo",
    "mongosh",
    "influx",
];

/// Whether a program of this name takes statements.
pub(super) fn is_database(name: &str) -> bool {
    DATABASES.contains(&name)
}

/// A database's console that a framework's program opens, with the statements that it is given: `manage.py dbshell`,
/// `rails dbconsole`, `heroku pg:psql`, `wp db query 'x'`.
pub(super) fn opened(name: &str, args: &[Word]) -> Option<Vec<Word>> {
    let told = |phrases: &[&str], args: &[Word]| {
        let words = positional(args, &["-a", "-r", "--app", "--remote", "--environment", "-e", "--path", "--url"]);
        let mut phrases = phrases.iter().map(|phrase| phrase.split(' '));
        phrases.any(|phrase| words.iter().map(|word| word.text.as_str()).take(phrase.clone().count()).eq(phrase))
    };
    let behind = |at: fn(&str) -> bool| args.get(args.iter().position(|arg| at(base_name(&arg.text)))? + 1..);
    let rest = match name {
        "manage.py" | "django-admin" => Some(args).filter(|args| told(&["dbshell"], args)),
        _ if name.starts_with("python") => {
            behind(|name| matches!(name, "manage.py" | "django")).filter(|args| told(&["dbshell"], args))
        }
        "rails" => Some(args).filter(|args| told(&["dbconsole", "db"], args)),
        "php" => behind(|name| matches!(name, "artisan" | "console"))
            .filter(|args| told(&["db", "dbal:run-sql", "doctrine:query:sql"], args)),
        "artisan" | "console" => Some(args).filter(|args| told(&["db", "dbal:run-sql", "doctrine:query:sql"], args)),
        "sail" => Some(args).filter(|args| told(&["psql", "mysql", "mariadb", "artisan db"], args)),
        "heroku" => Some(args).filter(|args| told(&["pg:psql"], args)),
        "fly" | "flyctl" => Some(args).filter(|args| told(&["postgres connect", "pg connect", "mpg connect"], args)),
        "wp" => Some(args).filter(|args| told(&["db query", "db cli"], args)),
        "drush" => {
            Some(args).filter(|args| told(&["sql:query", "sqlq", "sql:cli", "sqlc", "sql-query", "sql-cli"], args))
        }
        "typeorm" => Some(args).filter(|args| told(&["query"], args)),
        "aws" => Some(args).filter(|args| told(&["rds-data execute-statement"], args)),
        "gcloud" => Some(args).filter(|args| told(&["sql connect", "spanner databases"], args)),
        _ => None,
    }?;
    let word = |text: &str| Word { text: text.to_owned(), literal: true };
    // A statement has blanks, whatever option it is given by.
    let statements = rest.iter().filter(|arg| arg.text.contains(char::is_whitespace));
    Some([word("psql")].into_iter().chain(statements.flat_map(|told| [word("-c"), told.clone()])).collect())
}

/// Whether a program of this name is a make.
pub(super) fn is_make(name: &str) -> bool {
    matches!(name, "make" | "gmake")
}

/// The files of statements that it is given.
pub(super) fn files(args: &[Word]) -> Vec<Word> {
    let options = ["-f", "-i", "--file", "-init"];
    let mut found = values(&scan(args, &options), &options);
    // `.read x`, `\i x`, `source x`.
    for line in args.iter().flat_map(|arg| arg.text.split(['\n', ';']).map(str::trim)) {
        let file = [".read ", "\\i ", "\\ir ", "source "].iter().find_map(|mark| line.strip_prefix(mark));
        found.extend(file.map(|file| Word { text: file.trim().to_owned(), literal: true }));
    }
    found
}

pub(super) fn runs(name: &str, args: &[Word], input: &Input<'_>, runs: &mut Runs) {
    match name {
        _ if DATABASES.contains(&name) => {
            let marks = ["\\!", ".shell ", ".system ", ".sh ", ".sy ", "system "];
            let options = ["-c", "-e", "--command", "--execute"];
            values(&scan(args, &options), &options).iter().for_each(|told| escaped(told, &marks, runs));
            if matches!(name, "sqlite3" | "litecli" | "duckdb") {
                // Behind the file's name, and by `-cmd`, every word may be a command.
                let words = args.iter().filter(|arg| !arg.text.starts_with('-'));
                words.for_each(|told| escaped(told, &marks, runs));
            }
            args.iter().for_each(|arg| copied(arg, runs));
            for text in told(input) {
                escaped(&text, &marks, runs);
                copied(&text, runs);
                match name {
                    // Each line is a command of its own.
                    "redis-cli" | "valkey-cli" => {
                        let lines = text.text.lines().filter(|line| !line.trim().is_empty()).take(MAX_LINES);
                        runs.says.extend(lines.map(|line| Word { text: line.to_owned(), literal: text.literal }));
                    }
                    _ => runs.says.push(text),
                }
            }
        }

        "gdb" | "lldb" => {
            for text in debugger(args).into_iter().chain(told(input)) {
                interpreters::calls(&text.text, text.literal, &["system", "popen", "execl", "execve"], runs);
                escaped(&text, &["shell ", "!", "platform shell ", "make "], runs);
            }
        }
        "expect" => {
            for text in values(&scan(args, &["-c", "-f"]), &["-c"]).into_iter().chain(told(input)) {
                escaped(&text, &["spawn ", "exec ", "system "], runs);
            }
        }
        "ed" | "red" | "ex" | "bc" | "ftp" | "sftp" | "lftp" | "telnet" | "mail" | "mailx" => {
            let options: &[&str] = if name == "lftp" { &["-e", "-c"] } else { &[] };
            let given = values(&scan(args, options), options);
            for text in told(input).into_iter().chain(given) {
                escaped(&text, &["!"], runs);
                sent(&text, runs);
            }
        }
        // What it reads goes to the other side.
        "openssl" if args.first().is_some_and(|first| first.text == "s_client") => {
            runs.maybe.push(["nc", "host"].map(word).to_vec());
        }
        "logger" if args.iter().any(|arg| matches!(arg.text.as_str(), "-n" | "--server")) => {
            runs.maybe.push([&[word("nc"), word("host")], args].concat());
        }
        "curl" => configured(args, input, runs),
        "ansible" => {
            let items = scan(args, &["-m", "-a", "-i", "-u", "-e", "-l", "--module-name", "--args"]);
            let module = values(&items, &["-m", "--module-name"]);
            let is_shell = |module: &Word| matches!(module.text.rsplit('.').next(), Some("shell" | "command" | "raw"));
            if module.is_empty() || module.iter().any(is_shell) {
                runs.code.extend(values(&items, &["-a", "--args"]));
            }
        }
        _ => {}
    }
}

fn word(text: &str) -> Word {
    Word { text: text.to_owned(), literal: true }
}

/// `put file`, as another program would send it.
fn sent(told: &Word, runs: &mut Runs) {
    for line in told.text.lines().take(MAX_LINES) {
        let mut words = line.split_whitespace();
        if words.next().is_some_and(|verb| matches!(verb, "put" | "mput" | "reput" | "send" | "append")) {
            runs.maybe.extend(words.map(|file| vec![word("scp"), word(file), word("host:")]));
        }
    }
}

/// `curl -K -`: options that stand in what it is fed, `data = "@file"`.
fn configured(args: &[Word], input: &Input<'_>, runs: &mut Runs) {
    let files = fetchers::items("curl", args, &["--config"]).map(|items| values(&items, &["-K", "--config"]));
    for file in files.unwrap_or_default() {
        runs.unknown |= shells::is_opened(&file.text);
        if !shells::is_stdin(&file.text) {
            continue;
        }
        let mut argv = vec![word("curl")];
        for line in told(input).iter().flat_map(|text| text.text.lines()).take(MAX_LINES) {
            let line = line.trim().trim_start_matches('-');
            let (name, value) = line.split_once(['=', ' ', ':']).unwrap_or((line, ""));
            let value = value.trim_matches(['=', ' ', '"', '\'']);
            argv.push(word(&format!("--{}", name.trim())));
            argv.extend(Some(value).filter(|value| !value.is_empty()).map(word));
        }
        runs.maybe.push(argv);
    }
}

/// Most lines of an input that are told apart.
const MAX_LINES: usize = 64;

/// `COPY … TO PROGRAM 'code'`, `\copy … from program 'code'`.
fn copied(told: &Word, runs: &mut Runs) {
    let lower = told.text.to_ascii_lowercase();
    for (at, mark) in lower.match_indices("program") {
        let before = lower.get(..at).unwrap_or_default().trim_end();
        let after = told.text.get(at + mark.len()..).unwrap_or_default().trim_start();
        if !(before.ends_with("to") || before.ends_with("from")) || !lower.contains("copy") {
            continue;
        }
        if let Some((code, _)) = interpreters::literal(after) {
            runs.code.push(Word { text: code, literal: told.literal });
        }
    }
}

/// What its input tells it, where the line says so.
fn told(input: &Input<'_>) -> Vec<Word> {
    if input.is_fed() { input.code().texts } else { Vec::new() }
}

/// Lines that begin with one of these are a shell's.
fn escaped(told: &Word, marks: &[&str], runs: &mut Runs) {
    for line in told.text.split(['\n', ';']).map(str::trim_start) {
        if let Some(code) = marks.iter().find_map(|mark| line.strip_prefix(mark)) {
            runs.code.push(Word { text: code.trim().to_owned(), literal: told.literal });
        }
    }
}

/// What `gdb` and `lldb` are told by options: `-ex x`, `-ex=x`, `--eval-comm x`. Long ones may have a dash less.
fn debugger(args: &[Word]) -> Vec<Word> {
    let long = [
        "--ex",
        "--iex",
        "--eval-command",
        "--init-eval-command",
        "--one-line",
        "--one-line-before-file",
        "--one-line-on-crash",
    ];
    let mut told = Vec::new();
    for (at, arg) in args.iter().enumerate().filter(|(_, arg)| arg.text.starts_with('-')) {
        let (option, value) = match arg.text.split_once('=') {
            Some((option, value)) => (option, Some(Word { text: value.to_owned(), literal: arg.literal })),
            None => (arg.text.as_str(), None),
        };
        let dashed = format!("--{}", option.trim_start_matches('-'));
        if matches!(option, "-o" | "-O" | "-k") || long.iter().any(|full| is_long(&dashed, full)) {
            told.extend(value.or_else(|| args.get(at + 1).cloned()));
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::super::parse_blocking;

    fn has(line: &str, program: &str, args: &str) -> bool {
        parse_blocking(line).commands.iter().any(|command| {
            let found: Vec<&str> = command.args.iter().map(|arg| arg.text.as_str()).collect();
            command.program.text == program && found.join(" ") == args
        })
    }

    #[test]
    fn what_leaves_for_a_shell_is_seen() {
        for line in [
            "psql -c '\\! rm x'",
            "sqlite3 a.db <<< '.shell rm x'",
            "gdb -batch -ex 'shell rm x'",
            "gdb -ex='shell rm x'",
            "gdb --ex 'shell rm x'",
            "gdb --eval-command='shell rm x'",
            "gdb -eval-comm 'shell rm x'",
            "gdb --init-eval-command='shell rm x'",
            "lldb -o 'platform shell rm x'",
            "sqlite3 a.db '.shell rm x'",
            "sqlite3 -cmd '.system rm x' a.db",
            "make -E 'a:;@rm x' a",
            "make -E'a:;@rm x' a",
            "gdb <<< '!rm x'",
            "expect -c 'spawn rm x'",
            "printf '!rm x\\n' | ed",
            "make --eval='a:;@rm x' a",
            "make -f - <<'E'\na:\n\t@rm x\nE",
            "ansible all -m shell -a 'rm x'",
            "ansible all -a 'rm x'",
        ] {
            assert!(has(line, "rm", "x"), "{line}: {:?}", parse_blocking(line).commands);
        }
        for line in ["make rm x", "ansible all -m ping", "gdb -ex bt rm x", "psql -c 'select 1'", "ed x"] {
            assert!(!has(line, "rm", "x"), "{line}");
        }
    }

    #[test]
    fn statements_of_the_input_are_said() {
        assert!(has("psql a <<'E'\nBEGIN;\nDROP TABLE x;\nE", "psql", "BEGIN; DROP TABLE x;"));
        assert!(has("echo flushall | redis-cli", "redis-cli", "flushall"));
        assert!(has("cat x | python3 - <<< 'print(1)'", "python3", "print(1)"));
    }

    #[test]
    fn the_console_that_a_framework_opens_is_a_databases() {
        for (line, args) in [
            ("python3 manage.py dbshell -- -c 'drop x'", "-c drop x"),
            ("wp --path=x db query 'drop x'", "-c drop x"),
            ("python manage.py dbshell <<< 'drop x'", "drop x"),
            ("echo 'drop x' | rails dbconsole -p", "drop x"),
            ("heroku pg:psql -a app <<< 'drop x'", "drop x"),
        ] {
            assert!(has(line, "psql", args), "{line}");
        }
        for line in ["python manage.py migrate 'drop x'", "python x.py dbshell 'drop x'", "wp post create 'drop x'"] {
            assert!(!parse_blocking(line).commands.iter().any(|command| command.program.text == "psql"), "{line}");
        }
    }
}
