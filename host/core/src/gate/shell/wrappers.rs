//! Programs that run other programs: `sudo`, `env`, `xargs`, `bash -c`, …
//!
//! Owns how each finds the program it runs in its own arguments. Those that are simply followed by it are in
//! `prefixes`, shells in `shells`, programs that run one only by an option (`find -exec`, `git -c`) in `programs`.

use super::input::Input;
use super::{
    builds, consoles, elsewhere, environment, fed, interpreters, known, languages, lines, prefixes, programs, scripts,
    settings, shells, unknown, values,
};
use crate::gate::call::{Word, base_name};
use crate::gate::options::{given, is_cluster_with, readings, scan, takes_next, valued_letter, values, words};
use crate::gate::patch;

/// `NAME=value` pairs.
pub(super) type Assignments = Vec<(String, Word)>;

/// What a program runs or writes because of its arguments.
#[derive(Debug, Default)]
pub(super) struct Runs {
    /// Its own name, as the wrapper of what it runs.
    pub wrapper: String,
    /// Programs with their arguments and the assignments made for them.
    pub argvs: Vec<(Vec<Word>, Assignments)>,
    /// Shell code.
    pub code: Vec<Word>,
    /// What its code sees as `$0`, `$1`, …
    pub arguments: Vec<Word>,
    /// Code of a language that reads much like a shell's: what stops is looked for in it, what it means is not known.
    pub foreign: Vec<Word>,
    /// What it reads and does, as if it were its argument: statements of a database, code of another language.
    pub says: Vec<Word>,
    /// Files that its arguments make it write.
    pub writes: Vec<Word>,
    /// Further readings of its words, that count for what stops alone.
    pub maybe: Vec<Vec<Word>>,
    /// It reads code from its input.
    pub reads_code: bool,
    /// It runs something that only running it tells.
    pub unknown: bool,
}

impl Runs {
    pub(super) fn argv(&mut self, argv: &[Word]) {
        if !argv.is_empty() {
            self.argvs.push((argv.to_vec(), Vec::new()));
        }
    }

    /// It starts what it runs in that folder.
    pub(super) fn moved(&mut self, folder: Option<Word>) {
        let cd = Word { text: "cd".to_owned(), literal: true };
        self.argvs.extend(folder.map(|folder| (vec![cd, folder], Vec::new())));
    }

    /// Takes over what another program runs that it starts.
    pub(super) fn take(&mut self, mut other: Self) {
        self.argvs.append(&mut other.argvs);
        self.code.append(&mut other.code);
        self.foreign.append(&mut other.foreign);
        self.maybe.append(&mut other.maybe);
        self.unknown |= other.unknown;
    }

    pub(super) fn joined(&mut self, words: &[Word]) {
        if words.is_empty() {
            return;
        }
        self.code.push(Word::joined(words));
    }
}

/// The wrappers that have an arm of their own in [`runs`].
const OWN_WAY: [&str; 19] = [
    "env", "command", "eval", "source", ".", "trap", "alias", "xargs", "parallel", "flock", "su", "runuser", "script",
    "ssh", "docker", "podman", "nerdctl", "kubectl", "oc",
];

/// What `program` runs or writes.
pub(super) fn runs(program: &Word, args: &[Word], assignments: &[(String, Word)], input: &Input<'_>) -> Runs {
    let name = base_name(&program.text);
    let mut runs = Runs { wrapper: name.to_owned(), ..Runs::default() };
    environment::runs(assignments, &mut runs);
    settings::of_environment(assignments, &mut runs);
    runs.code.extend(values::code(name, args));
    runs.argvs.extend(consoles::opened(name, args).map(|argv| (argv, Vec::new())));
    match name {
        "cargo" => lines::cargo(args, &mut runs),
        "" | "echo" | "printf" | "ls" | "cat" | "cd" | "grep" | "rm" | "true" | "test" | "[" => {}
        "env" => env(args, &mut runs),
        "command" if args.first().is_some_and(|arg| matches!(arg.text.as_str(), "-v" | "-V")) => {}
        "eval" if matches!(args, [only] if known::is_settings(&only.text)) => {}
        "eval" => runs.joined(skip_double_dash(args)),
        "source" | "." => {
            let file = args.first().map_or("", |file| file.text.as_str());
            runs.unknown = shells::is_stdin(file) || shells::is_opened(file);
        }
        "trap" => trap(args, &mut runs),
        "alias" => aliases(args, &mut runs),
        "xargs" => fed::xargs(args, input, &mut runs),
        "parallel" => fed::parallel(args, &mut runs),
        "flock" => flock(args, &mut runs),
        _ if patch::PROGRAMS.contains(&name) => patched(args, input, &mut runs),
        "su" | "runuser" | "script" | "sg" => dash_c(name, args, &mut runs),
        "ssh" => elsewhere::ssh(args, &mut runs),
        "podman" if args.first().is_some_and(|first| first.text == "unshare") => {
            runs.wrapper = "unshare".to_owned();
            runs.argv(args.get(1..).unwrap_or_default());
        }
        "docker" | "podman" | "nerdctl" | "kubectl" | "oc" => elsewhere::containers(name, args, &mut runs),
        _ if shells::is_one(name) => shells::runs(name, args, input, &mut runs),
        "rimraf" | "del-cli" | "srm" | "wipe" => lines::deletes(args, &mut runs),
        _ if name.eq_ignore_ascii_case("Remove-Item") => lines::deletes(args, &mut runs),
        _ if languages::is_one(name) => interpreters::runs(name, args, input, &mut runs),
        _ => {
            lines::by_option(name, args, &mut runs);
            if !called(name, args, &mut runs) && !prefixes::runs(name, args, &mut runs) {
                programs::runs(name, args, &mut runs);
                scripts::runs(name, args, &mut runs);
                consoles::runs(name, args, input, &mut runs);
                builds::runs(name, args, input, &mut runs);
                lines::runs(name, args, &mut runs);
                elsewhere::remote(name, args, &mut runs);
                unknown::runs(name, args, &mut runs);
            }
        }
    }
    unknown::package(name, args, &mut runs);
    lines::served(name, args, &mut runs);
    if input.is_fed() && runs.argvs.is_empty() && runs.code.is_empty() && starts_shell(name, args) {
        runs.argvs.push((vec![Word { text: "sh".to_owned(), literal: true }], Vec::new()));
    }
    runs
}

/// `npx -c 'code'`, `npm exec -c 'code'`: false where it is none of them.
fn called(name: &str, args: &[Word], runs: &mut Runs) -> bool {
    let runs_code = match name {
        "npx" | "bunx" => true,
        "npm" | "pnpm" | "yarn" => args.first().is_some_and(|word| matches!(&*word.text, "exec" | "x")),
        _ => false,
    };
    let options = ["-p", "-w", "-c", "--package", "--call"];
    let code = if runs_code { values(&scan(args, &options), &["-c", "--call"]) } else { Vec::new() };
    let given = !code.is_empty();
    runs.code.extend(code);
    given
}

/// Whether a program that was given no other starts a shell, which runs what it reads.
fn starts_shell(name: &str, args: &[Word]) -> bool {
    let asked = |flags: &[char], long: &[&str]| {
        let given = |arg: &Word| {
            flags.iter().any(|flag| is_cluster_with(&arg.text, *flag)) || long.contains(&arg.text.as_str())
        };
        args.iter().any(given)
    };
    match name {
        "sudo" => asked(&['s', 'i'], &["--shell", "--login"]),
        "doas" => asked(&['s'], &[]),
        "ssh" => !asked(&['N', 'W'], &[]),
        "su" | "runuser" | "script" | "chroot" | "unshare" | "nsenter" | "fakeroot" | "newgrp" => true,
        _ => false,
    }
}

/// Whether an interpreter without a script of its own runs its input; true of other programs.
pub(super) fn runs_its_input(program: &Word, args: &[Word]) -> bool {
    let name = base_name(&program.text);
    let interprets = shells::is_one(name)
        || languages::is_one(name)
        || scripts::is_awk(name)
        || builds::is_compiler(name)
        || matches!(name, "sed" | "gsed");
    !interprets || runs(program, args, &[], &Input::inherited()).reads_code
}

/// Whether a program is a shell, an interpreter or a wrapper, whatever its arguments.
pub(super) fn runs_others(program: &str) -> bool {
    let name = base_name(program);
    OWN_WAY.contains(&name) || shells::is_one(name) || languages::is_one(name) || prefixes::is_one(name)
}

fn skip_double_dash(args: &[Word]) -> &[Word] {
    match args.split_first() {
        Some((first, rest)) if first.text == "--" => rest,
        _ => args,
    }
}

/// `NAME=value`.
pub(super) fn assignment(word: &Word) -> Option<(String, Word)> {
    let (name, value) = word.text.split_once('=')?;
    let valid = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    valid.then(|| (name.to_owned(), Word { text: value.to_owned(), literal: word.literal }))
}

fn env(args: &[Word], runs: &mut Runs) {
    let mut rest = args;
    let mut assignments = Vec::new();
    while let Some((first, tail)) = rest.split_first() {
        let text = first.text.as_str();
        if text == "--split-string" {
            return split(tail.first(), tail.get(1..).unwrap_or_default(), runs);
        }
        // `-S'code'`, `-iS 'code'`.
        let code = match valued_letter(text, |letter| "auCPS".contains(letter)) {
            Some(('S', "")) => return split(tail.first(), tail.get(1..).unwrap_or_default(), runs),
            Some(('S', code)) => Some(code),
            _ => text.strip_prefix("--split-string="),
        };
        if let Some(code) = code {
            return split(Some(&Word { text: code.to_owned(), literal: first.literal }), tail, runs);
        }
        let attached = text.strip_prefix("--chdir=").or_else(|| text.strip_prefix("-C").filter(|dir| !dir.is_empty()));
        let folder = match text {
            "-C" | "--chdir" => tail.first().cloned(),
            _ => attached.map(|dir| Word { text: dir.to_owned(), literal: first.literal }),
        };
        runs.moved(folder);
        rest = if takes_next(text, &["-a", "-u", "-C", "-P", "--argv0", "--unset", "--chdir"]) {
            tail.get(1..).unwrap_or_default()
        } else if text.starts_with('-') {
            tail
        } else if let Some(body) = environment::function(text) {
            runs.code.push(Word { text: body.to_owned(), literal: first.literal });
            tail
        } else if let Some(assignment) = assignment(first) {
            assignments.push(assignment);
            tail
        } else {
            runs.argvs.push((rest.to_vec(), assignments));
            return;
        };
    }
}

/// `env -S 'program with arguments' more`: the text is split, the words behind it are not.
fn split(text: Option<&Word>, more: &[Word], runs: &mut Runs) {
    let Some(text) = text else { return };
    let quoted = |word: &Word| Word { text: format!("'{}'", word.text.replace('\'', r"'\''")), literal: word.literal };
    let mut words = vec![text.clone()];
    words.extend(more.iter().map(quoted));
    runs.joined(&words);
}

fn trap(args: &[Word], runs: &mut Runs) {
    if let Some(first) = skip_double_dash(args).first()
        && !first.text.starts_with('-')
        && !first.text.is_empty()
    {
        runs.code.push(first.clone());
    }
}

fn aliases(args: &[Word], runs: &mut Runs) {
    for (_, value) in args.iter().filter_map(assignment) {
        runs.code.push(value);
    }
}

/// A patch in its argument or its input; the program itself stays in the folder no more than the patch says.
fn patched(args: &[Word], input: &Input<'_>, runs: &mut Runs) {
    let (texts, sure) = match args.first() {
        Some(patch) => (vec![patch.clone()], true),
        None => {
            let code = input.code();
            (code.texts, code.sure && input.is_fed())
        }
    };
    runs.unknown |= !sure;
    for text in texts {
        // What a document expands stands in the lines of a file, rarely in its name.
        let literal = |path: &str| text.literal || !path.contains(['$', '`']);
        let named = patch::paths(&text.text).into_iter();
        runs.writes.extend(named.map(|path| Word { literal: literal(&path), text: path }));
    }
}

fn flock(args: &[Word], runs: &mut Runs) {
    let valued = ["-w", "-E", "--wait", "--timeout", "--conflict-exit-code", "--start", "--length"];
    let flags = [
        "-s",
        "-x",
        "-e",
        "-u",
        "-n",
        "-o",
        "-F",
        "--shared",
        "--exclusive",
        "--unlock",
        "--nonblock",
        "--nb",
        "--close",
        "--no-fork",
        "--verbose",
        "--fcntl",
    ];
    for rest in readings(args, &valued, &flags) {
        match rest.get(1..) {
            Some([flag, code, ..]) if matches!(flag.text.as_str(), "-c" | "--command") => runs.code.push(code.clone()),
            Some(argv) => runs.argv(argv),
            None => {}
        }
    }
}

/// `su -c CODE`, `runuser -u USER -- PROGRAM`, `script FILE PROGRAM`.
fn dash_c(name: &str, args: &[Word], runs: &mut Runs) {
    let valued: &[&str] = match name {
        "script" => &["-c", "-E", "-I", "-B", "-m", "-O", "-o", "-T", "--command"],
        "sg" => &["-c"],
        _ => &[
            "-c",
            "-g",
            "-G",
            "-s",
            "-u",
            "-w",
            "--command",
            "--group",
            "--supp-group",
            "--shell",
            "--user",
            "--session-command",
            "--whitelist-environment",
        ],
    };
    let items = scan(args, valued);
    runs.code.extend(values(&items, &["-c", "--command", "--session-command"]));
    let words = words(&items);
    if name == "runuser" && given(&items, &["-u", "--user"]) {
        runs.argv(&words.into_iter().cloned().collect::<Vec<_>>());
    } else if name == "sg" && !given(&items, &["-c"]) {
        // The group, then code.
        runs.code.extend(words.get(1).map(|code| (*code).clone()));
    } else if name == "script" {
        // BSD's: the file, then what runs.
        runs.maybe
            .extend(words.get(1..).filter(|argv| !argv.is_empty()).map(|argv| argv.iter().copied().cloned().collect()));
    }
}
