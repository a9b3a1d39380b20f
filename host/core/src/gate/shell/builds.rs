//! Build tools and compilers: the files that they run unasked, and which commands stand in these.
//!
//! Owns the table of them. A file counts only where the line wrote it itself; what it says is read as far as its lines
//! tell, and stops at most.

use super::input::Input;
use super::wrappers::Runs;
use super::{consoles, interpreters, shells};
use crate::gate::call::{Word, base_name};
use crate::gate::options::{scan, values};

/// How a tool's file says what it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Targets, with their commands indented behind them.
    Recipes,
    /// `"name": "command"`, each run by its name.
    Scripts,
    /// A value behind a name, or an entry of a list.
    Settings,
    /// Code of a language.
    Code(&'static str),
}

/// A tool by its names, the options that name its file, and the files that it takes unasked.
type Tool = (&'static [&'static str], &'static [&'static str], &'static [&'static str], Kind);

#[rustfmt::skip]
const TOOLS: [Tool; 14] = [
    (&["make", "gmake"], &["-f", "--file", "--makefile"], &["Makefile", "makefile", "GNUmakefile"], Kind::Recipes),
    (&["just"], &["-f", "--justfile"], &["justfile", "Justfile", ".justfile"], Kind::Recipes),
    (&["npm", "yarn", "pnpm", "bun"], &[], &["package.json"], Kind::Scripts),
    (&["composer"], &[], &["composer.json"], Kind::Scripts),
    (&["deno"], &[], &["deno.json", "deno.jsonc"], Kind::Scripts),
    (&["task", "go-task"], &["-t", "--taskfile"], &["Taskfile.yml", "Taskfile.yaml", "taskfile.yml"], Kind::Settings),
    (&["ninja", "samu"], &["-f"], &["build.ninja"], Kind::Settings),
    (&["tox"], &["-c", "--conf"], &["tox.ini", "setup.cfg"], Kind::Settings),
    (&["poe", "pdm", "hatch", "rye", "pixi"], &[], &["pyproject.toml", "pixi.toml"], Kind::Settings),
    (&["nox"], &["-f", "--noxfile"], &["noxfile.py"], Kind::Code("python3")),
    (&["pytest", "py.test"], &[], &["conftest.py"], Kind::Code("python3")),
    (&["invoke", "inv", "fab"], &["-c"], &["tasks.py", "fabfile.py"], Kind::Code("python3")),
    (&["rake"], &["-f", "--rakefile"], &["Rakefile", "rakefile"], Kind::Code("ruby")),
    (&["gulp", "grunt", "jake"], &["--gulpfile"], &["gulpfile.js", "Gruntfile.js", "Jakefile.js"], Kind::Code("node")),
];

/// Compilers, and the ends of the names of what they compile: what they make is run sooner or later.
#[rustfmt::skip]
const COMPILERS: [(&str, &[&str]); 17] = [
    ("gcc", &["c"]), ("cc", &["c"]), ("clang", &["c"]), ("tcc", &["c"]), ("g++", &["cc", "cpp", "cxx"]), ("c++", &["cc", "cpp", "cxx"]),
    ("clang++", &["cc", "cpp", "cxx"]), ("go", &["go"]), ("rustc", &["rs"]), ("cargo", &["rs"]), ("rust-script", &["rs"]), ("java", &["java"]),
    ("javac", &["java"]), ("zig", &["zig"]), ("dotnet", &["cs"]), ("kotlinc", &["kt", "kts"]), ("nim", &["nim", "nims"]),
];

/// Most commands of a file that are looked at.
const MAX_COMMANDS: usize = 64;

fn tool(name: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|(names, ..)| names.contains(&name))
}

/// How the files are read that a program of this name runs unasked.
pub(super) fn kind(name: &str) -> Option<Kind> {
    tool(name).map(|(.., kind)| *kind)
}

/// Whether a program of this name compiles.
pub(super) fn is_compiler(name: &str) -> bool {
    COMPILERS.iter().any(|(compiler, _)| *compiler == name)
}

/// The files that a build tool or a compiler takes up.
pub(super) fn files(name: &str, args: &[Word]) -> Vec<Word> {
    if let Some((_, ends)) = COMPILERS.iter().find(|(compiler, _)| *compiler == name) {
        let is_source = |arg: &&Word| arg.text.rsplit_once('.').is_some_and(|(_, end)| ends.contains(&end));
        return args.iter().filter(is_source).cloned().collect();
    }
    let Some((_, options, own, kind)) = tool(name) else { return Vec::new() };
    let given = values(&scan(args, options), options);
    let runs =
        *kind != Kind::Scripts || args.iter().any(|arg| !arg.text.starts_with('-') && !is_package_word(&arg.text));
    match given.is_empty() {
        true if runs => own.iter().map(|file| Word { text: (*file).to_owned(), literal: true }).collect(),
        _ => given,
    }
}

/// Subcommands of package managers that are not about the project's scripts.
fn is_package_word(word: &str) -> bool {
    matches!(
        word,
        "pkg"
            | "set-script"
            | "view"
            | "info"
            | "config"
            | "add"
            | "remove"
            | "ls"
            | "list"
            | "outdated"
            | "audit"
            | "why"
    )
}

/// The commands in a tool's file that it runs when it is given these arguments; for a tool of a language, none.
pub(super) fn commands(name: &str, args: &[Word], text: &str) -> Vec<String> {
    // What it would do is only shown.
    if args
        .iter()
        .any(|arg| matches!(arg.text.as_str(), "--list" | "-l" | "--summary" | "--show" | "--dry-run" | "--help"))
    {
        return Vec::new();
    }
    let words: Vec<&str> =
        args.iter().map(|arg| arg.text.as_str()).filter(|arg| !arg.starts_with('-') && !arg.contains('=')).collect();
    let mut found = match kind(name) {
        Some(Kind::Recipes) => recipes(text, &words),
        Some(Kind::Scripts) if words.iter().any(|word| matches!(*word, "t" | "tst")) => scripts(text, &["test"]),
        Some(Kind::Scripts) => scripts(text, &words),
        Some(Kind::Settings) => settings(text),
        _ => Vec::new(),
    };
    found.truncate(MAX_COMMANDS);
    found
}

/// What is indented behind the targets that are asked for and what these need; of a file that asks for nothing that it
/// has, all. And what is run while it is read.
fn recipes(text: &str, asked: &[&str]) -> Vec<String> {
    let mut rules: Vec<(Vec<&str>, Vec<&str>, Vec<&str>)> = Vec::new();
    let mut found = Vec::new();
    for line in text.lines() {
        for (_, rest) in line.match_indices("$(shell ").map(|(at, mark)| line.split_at(at + mark.len())) {
            found.push(rest.strip_suffix(')').unwrap_or(rest).to_owned());
        }
        if line.starts_with(['\t', ' ']) {
            if let Some((.., recipe)) = rules.last_mut() {
                recipe.push(line.trim());
            }
        } else if let Some((targets, rest)) =
            line.split_once(':').filter(|(targets, rest)| !(targets.is_empty() || rest.starts_with('=')))
        {
            let (needs, recipe) =
                rest.split_once(';').map_or((rest, None), |(needs, recipe)| (needs, Some(recipe.trim())));
            rules.push((
                targets.split_whitespace().collect(),
                needs.split_whitespace().collect(),
                recipe.into_iter().collect(),
            ));
        }
    }
    let mut wanted: Vec<&str> =
        asked.iter().copied().filter(|name| rules.iter().any(|(names, ..)| names.contains(name))).collect();
    let all = wanted.is_empty() && !asked.is_empty();
    if asked.is_empty() {
        wanted.extend(
            rules
                .iter()
                .map(|(names, ..)| names)
                .find(|names| !names.iter().any(|name| name.starts_with('.')))
                .and_then(|names| names.first()),
        );
    }
    let mut at = 0;
    while let Some(name) = wanted.get(at).copied() {
        let needed =
            rules.iter().filter(|(names, ..)| names.contains(&name)).flat_map(|(_, needs, _)| needs.iter().copied());
        let new: Vec<&str> = needed.filter(|need| !wanted.contains(need)).take(MAX_COMMANDS).collect();
        wanted.extend(new);
        wanted.truncate(MAX_COMMANDS);
        at += 1;
    }
    for (names, _, recipe) in &rules {
        if all || names.iter().any(|name| wanted.contains(name) || name.contains('%')) {
            found.extend(recipe.iter().map(|line| line.trim_start_matches(['@', '-', '+', ' ']).to_owned()));
        }
    }
    found
}

/// The scripts of these names, and what runs around them.
fn scripts(text: &str, asked: &[&str]) -> Vec<String> {
    if !text.contains('"') {
        return vec![text.to_owned()];
    }
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((key, used)) = rest
        .find('"')
        .and_then(|at| Some((at, interpreters::literal(rest.get(at..)?)?)))
        .map(|(at, (key, used))| (key, at + used))
    {
        rest = rest.get(used..).unwrap_or_default();
        let Some(value) = rest.trim_start().strip_prefix(':') else { continue };
        let named =
            |name: &&str| key == **name || ["pre", "post"].iter().any(|side| key.strip_prefix(side) == Some(name));
        let unasked = matches!(key.as_str(), "preinstall" | "install" | "postinstall" | "prepare");
        if let Some((command, _)) = interpreters::literal(value.trim_start())
            && (asked.iter().any(named) || unasked)
        {
            found.push(command);
        }
    }
    found
}

/// `name = command`, `name: command`, `- command`, each without its quotes.
fn settings(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut rest = line.trim().trim_start_matches("- ").trim();
        for mark in [" = ", "=", ": "] {
            if let Some((name, value)) = rest.split_once(mark)
                && name.chars().all(|c| c.is_alphanumeric() || "_-.\"' ".contains(c))
            {
                rest = value.trim();
            }
        }
        // `{cmds: ["a", "b"]}`.
        let quoted = rest.split('"').skip(1).step_by(2).filter(|text| text.contains(' ')).map(str::to_owned);
        found.extend(quoted);
        let plain = rest.trim_matches(['"', '\'', '[', ']', '{', '}']);
        if plain.contains(' ') {
            found.push(plain.to_owned());
        }
    }
    found.dedup();
    found
}

/// What a build tool or a compiler runs that its input or its options say.
pub(super) fn runs(name: &str, args: &[Word], input: &Input<'_>, runs: &mut Runs) {
    if name == "go" {
        runs.code.extend(single_dash(args, &["-exec", "-toolexec"]));
    }
    if name == "cmake" {
        if let [e, remove, rest @ ..] = args
            && e.text == "-E"
            && matches!(remove.text.as_str(), "rm" | "remove" | "remove_directory")
        {
            let by = ["rm", "-r"].map(|text| Word { text: text.to_owned(), literal: true });
            runs.argv(&by.into_iter().chain(rest.iter().cloned()).collect::<Vec<_>>());
        }
        runs.unknown |= single_dash(args, &["-P"]).iter().any(|file| shells::is_opened(&file.text));
    }
    if reads_input(name, args) {
        runs.reads_code = true;
        read(name, input, runs, compiled);
        return;
    }
    let Some((_, options, _, kind)) = tool(name).filter(|(_, options, ..)| !options.is_empty()) else { return };
    let items = scan(args, options);
    let named = values(&items, options);
    runs.unknown |= named.iter().any(|file| shells::is_opened(&file.text));
    if named.iter().any(|file| shells::is_stdin(&file.text)) {
        runs.reads_code = true;
        read(name, input, runs, |text, runs| match kind {
            Kind::Code(language) => {
                let mut own = Runs { wrapper: (*language).to_owned(), ..Runs::default() };
                compiled(text, &mut own);
                runs.take(own);
            }
            _ => runs.foreign.extend(told(name, args, text)),
        });
    }
    match name {
        // `$(NAME)` is a variable of its own there, so what a recipe means is not known.
        "make" | "gmake" => {
            for text in values(&scan(args, &["-f", "-C", "-E", "-I", "-o", "-W", "--eval"]), &["--eval", "-E"]) {
                runs.foreign.extend(told(name, &[], &text));
            }
            let shell =
                |arg: &Word| arg.text.strip_prefix("SHELL=").map(|code| Word { text: code.to_owned(), ..arg.clone() });
            runs.code.extend(args.iter().filter_map(shell).filter(|code| code.text.contains(' ')));
        }
        "rake" => {
            for code in values(
                &scan(args, &["-e", "-E", "-p", "--execute", "--execute-print", "--execute-continue"]),
                &["-e", "-E", "-p", "--execute"],
            ) {
                let mut own = Runs { wrapper: "ruby".to_owned(), ..Runs::default() };
                compiled(&code, &mut own);
                runs.take(own);
            }
        }
        _ => {}
    }
}

fn told(name: &str, args: &[Word], text: &Word) -> Vec<Word> {
    commands(name, args, &text.text).into_iter().map(|code| Word { text: code, literal: text.literal }).collect()
}

fn read(name: &str, input: &Input<'_>, runs: &mut Runs, take: impl Fn(&Word, &mut Runs)) {
    let code = input.code();
    // What make is fed was never asked about: what it does is as unknown as a file's.
    runs.unknown |= !code.sure && !consoles::is_make(name);
    for text in code.texts {
        take(&text, runs);
        runs.says.push(text);
    }
}

/// The values of long options with one dash: `-exec x`, `-exec=x`.
pub(super) fn single_dash(args: &[Word], options: &[&str]) -> Vec<Word> {
    let value = |(at, arg): (usize, &Word)| match arg.text.split_once('=') {
        Some((option, value)) if options.contains(&option) => {
            Some(Word { text: value.to_owned(), literal: arg.literal })
        }
        None if options.contains(&arg.text.as_str()) => args.get(at + 1).cloned(),
        _ => None,
    };
    args.iter().enumerate().filter_map(value).collect()
}

/// What code runs that a compiler is given.
pub(super) fn compiled(code: &Word, runs: &mut Runs) {
    interpreters::source(code, runs);
}

/// Whether a compiler takes its code from its input: `gcc -x c -`, `go run -`, `java --source 21 -`.
pub(super) fn reads_input(name: &str, args: &[Word]) -> bool {
    is_compiler(base_name(name)) && args.iter().any(|arg| matches!(arg.text.as_str(), "-" | "/dev/stdin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, asked: &str, text: &str, expected: &[&str]) {
        let args: Vec<Word> =
            asked.split_whitespace().map(|word| Word { text: word.to_owned(), literal: true }).collect();
        assert_eq!(commands(name, &args, text), expected, "{name} {asked}: {text}");
    }

    #[test]
    fn only_what_is_asked_for_runs() {
        let make = "all: a\n\tx\na:\n\t@y z\nb:\n\tw\n";
        check("make", "", make, &["x", "y z"]);
        check("make", "b", make, &["w"]);
        check("make", "-j4 a", make, &["y z"]);
        check("make", "other", make, &["x", "y z", "w"]);
        check("make", "", "A := $(shell x y)\na:; z\n", &["x y", "z"]);
        check("just", "a", "b:\n x\na b='c': b\n y\n", &["x", "y"]);
        check("just", "--list", "a:\n x y\n", &[]);
        check("npm", "run a", r#"{"scripts": {"prea": "x", "a": "y \"z\"", "b": "w"}}"#, &["x", "y \"z\""]);
        check("yarn", "b", r#"{"scripts": {"a": "y", "b": "w"}}"#, &["w"]);
        check("task", "", "tasks:\n  a: x y\n  b:\n    cmds:\n      - z w\n", &["x y", "z w"]);
        check("ninja", "", "rule r\n command = x y\nbuild z: r\n", &["rule r", "x y"]);
        check("poe", "a", "[tool.poe.tasks]\na = \"x y\"\n", &["x y"]);
    }

    #[test]
    fn few_commands_are_looked_at() {
        let text = |count: usize| format!("a:\n{}", "\tx y\n".repeat(count));
        let found = |count: usize| commands("make", &[], &text(count)).len();
        assert_eq!((found(MAX_COMMANDS), found(MAX_COMMANDS + 1)), (MAX_COMMANDS, MAX_COMMANDS));
    }
}
