//! Programs that are given lines to run in a word or by an option: `concurrently`, `nodemon --exec`, editors, `gh alias`.
//!
//! Owns how each finds them in its own arguments.

use super::wrappers::Runs;
use super::{interpreters, shells};
use crate::gate::call::Word;
use crate::gate::options::{after_options, is_cluster_with, scan, values, words};

/// Options whose value is a line: program, its options that take a value, those of them.
#[rustfmt::skip]
const BY_OPTION: [(&str, &[&str], &[&str]); 10] = [
    ("mise", &["-C", "-c", "-j", "--cd", "--command", "--jobs"], &["-c", "--command"]),
    ("nodemon", &["-x", "-e", "-w", "-i", "-d", "--exec", "--ext", "--watch", "--ignore", "--delay"], &["-x", "--exec"]),
    ("fzf", &["--preview", "--bind", "-q", "-f"], &["--preview"]),
    ("tsc-watch", &["--onSuccess", "--onFailure"], &["--onSuccess", "--onFailure"]),
    (WATCH, &["-s", "-x", "-w", "-i", "--shell"], &["-s", "--shell"]),
    ("bat", &["-l", "-r", "-H", "--pager", "--language", "--theme"], &["--pager"]),
    ("batcat", &["-l", "-r", "-H", "--pager", "--language", "--theme"], &["--pager"]),
    ("delta", &["--pager"], &["--pager"]),
    ("doppler", &["-p", "-c", "-t", "--command", "--project", "--config", "--token"], &["--command"]),
    ("lftp", &["-e", "-c", "-u", "-p"], &["-e", "-c"]),
];

/// The program that cargo's subcommand `watch` is.
const WATCH: &str = "cargo-watch";

/// Programs that run all words behind an option, or a line in one.
const BEHIND_OPTION: [(&str, &[&str]); 8] = [
    ("xterm", &["-e"]),
    ("urxvt", &["-e"]),
    ("konsole", &["-e"]),
    ("alacritty", &["-e", "--command"]),
    ("xfce4-terminal", &["-e", "-x", "--command"]),
    ("x-terminal-emulator", &["-e"]),
    ("lxterminal", &["-e", "--command"]),
    ("just", &["-c", "--command"]),
];

/// Programs each of whose words that are no options is a line; the options that take a word.
const EACH_WORD: [(&str, &[&str]); 4] = [
    (
        "concurrently",
        &[
            "-n",
            "-c",
            "-p",
            "-m",
            "-s",
            "-l",
            "-t",
            "-i",
            "--names",
            "--prefix-colors",
            "--prefix",
            "--max-processes",
            "--success",
            "--restart-tries",
            "--restart-after",
            "--default-input-target",
            "--name-separator",
            "--handle-input",
        ],
    ),
    ("rush", &["-i", "-j", "-d", "-D", "-r", "-R", "-t"]),
    ("npm-run-all", &["--max-parallel", "-l"]),
    ("conc", &["-n", "-c", "-p"]),
];

/// Programs whose words together are a line, behind options that take a word.
const TOGETHER: [(&str, &[&str]); 7] = [
    ("sem", &["-j", "--id", "--jobs", "--semaphoretimeout"]),
    (
        "watchexec",
        &[
            "-e",
            "-w",
            "-i",
            "-f",
            "-d",
            "-s",
            "-n",
            "--exts",
            "--watch",
            "--ignore",
            "--filter",
            "--debounce",
            "--signal",
            "--delay-run",
        ],
    ),
    ("cross-env-shell", &[]),
    ("pueue", &["-l", "-g", "-w", "-d", "-a"]),
    ("ts", &["-L", "-D", "-N"]),
    ("tsp", &["-L", "-D", "-N"]),
    ("retry", &["-t", "-d", "-m"]),
];

/// Lines that options give, also to programs that run the words behind them besides: `doppler run --command='x'`.
pub(super) fn by_option(name: &str, args: &[Word], runs: &mut Runs) {
    if let Some((_, valued, options)) = BY_OPTION.iter().find(|(program, ..)| *program == name) {
        runs.code.extend(values(&scan(args, valued), options));
    }
}

/// `cargo-watch -- program`.
fn watch(args: &[Word], runs: &mut Runs) {
    if let Some(at) = args.iter().position(|arg| arg.text == "--") {
        runs.argv(args.get(at + 1..).unwrap_or_default());
    }
}

/// `cargo watch -s 'code'`: cargo itself runs no other.
pub(super) fn cargo(args: &[Word], runs: &mut Runs) {
    let toolchain = usize::from(args.first().is_some_and(|first| first.text.starts_with('+')));
    if let Some((first, rest)) = args.get(toolchain..).and_then(<[Word]>::split_first)
        && first.text == "watch"
    {
        by_option(WATCH, rest, runs);
        watch(rest, runs);
    }
}

pub(super) fn runs(name: &str, args: &[Word], runs: &mut Runs) {
    if let Some((_, options)) = BEHIND_OPTION.iter().find(|(program, _)| *program == name)
        && let Some(at) = args.iter().position(|arg| options.contains(&arg.text.as_str()))
    {
        runs.joined(args.get(at + 1..).unwrap_or_default());
    }
    if let Some((_, valued)) = EACH_WORD.iter().find(|(program, _)| *program == name) {
        let lines = words(&scan(args, valued));
        // A word alone is a script's name more often than a program.
        runs.foreign.extend(lines.into_iter().filter(|line| line.text.contains(' ')).cloned());
    }
    if let Some((_, valued)) = TOGETHER.iter().find(|(program, _)| *program == name) {
        let rest = after_options(args, valued);
        let rest = match rest.first() {
            Some(first) if name == "pueue" && first.text == "add" => rest.get(1..).unwrap_or_default(),
            _ => rest,
        };
        if !rest.is_empty() {
            runs.foreign.push(Word::joined(rest));
        }
    }
    match name {
        "gh" => alias(args, runs),
        WATCH => watch(args, runs),
        // `start:execute(code)`
        "fzf" => {
            for bound in values(&scan(args, &["--bind", "-q", "-f", "--preview"]), &["--bind"]) {
                for (_, code) in ["execute(", "execute-silent(", "become(", "reload(", "transform("]
                    .iter()
                    .filter_map(|mark| bound.text.split_once(mark))
                {
                    let code = code.split_once(')').map_or(code, |(code, _)| code);
                    runs.code.push(Word { text: code.to_owned(), literal: bound.literal });
                }
            }
        }
        // Each word is a line that is fed the input.
        "pee" => runs.code.extend(args.iter().cloned()),
        "sops" => runs.code.extend(
            args.iter()
                .position(|arg| arg.text == "exec-env" || arg.text == "exec-file")
                .and_then(|at| args.get(at + 2))
                .cloned(),
        ),
        "apt" | "apt-get" | "aptitude" => {
            for setting in values(&scan(args, &["-o", "-t", "-c", "--option"]), &["-o", "--option"]) {
                let code = setting
                    .text
                    .split_once('=')
                    .filter(|(key, _)| key.contains("Invoke") || key.contains("Post-") || key.contains("Pre-"));
                runs.code.extend(code.map(|(_, code)| Word { text: code.to_owned(), literal: setting.literal }));
            }
        }
        "shx" | "cross-env" => runs.maybe.push(args.iter().skip_while(|arg| arg.text.contains('=')).cloned().collect()),
        "capsh" => {
            if let Some(at) = args.iter().position(|arg| arg.text == "--") {
                let shell = Word { text: "bash".to_owned(), literal: true };
                let rest = args.get(at + 1..).unwrap_or_default().iter().cloned();
                runs.argv(&std::iter::once(shell).chain(rest).collect::<Vec<_>>());
            }
        }
        "less" | "more" | "most" => {
            let codes = args.iter().filter_map(|arg| Some((arg, arg.text.trim_start_matches('+').strip_prefix('!')?)));
            let codes = codes.filter(|(arg, _)| arg.text.starts_with('+'));
            runs.code.extend(codes.map(|(arg, code)| Word { text: code.to_owned(), literal: arg.literal }));
        }
        "emacs" | "emacsclient" => lisp(args, runs),
        // Code of Ruby.
        "rails" if args.first().is_some_and(|first| matches!(first.text.as_str(), "runner" | "r")) => {
            for code in words(&scan(args, &["-e", "--environment"])).into_iter().skip(1) {
                interpreters::calls(&code.text, code.literal, &interpreters::STARTERS, runs);
                interpreters::deletions(code, &interpreters::DELETERS, runs);
            }
        }
        _ => {}
    }
}

/// A folder that is handed to the network, as one program would do it: `python3 -m http.server`, `php -S x -t folder`.
pub(super) fn served(name: &str, args: &[Word], runs: &mut Runs) {
    let has = |text: &str| args.iter().any(|arg| arg.text == text);
    let folders = if name.starts_with("python") && (has("http.server") || has("SimpleHTTPServer")) {
        values(&scan(args, &["-m", "-d", "-b", "-p", "--directory", "--bind"]), &["-d", "--directory"])
    } else if name.starts_with("php") && args.iter().any(|arg| arg.text.starts_with("-S")) {
        values(&scan(args, &["-S", "-t", "-d", "-c"]), &["-t"])
    } else if name.starts_with("ruby") && (has("httpd") || has("-run")) {
        args.iter()
            .skip_while(|arg| arg.text != "httpd")
            .skip(1)
            .filter(|arg| !arg.text.starts_with('-'))
            .cloned()
            .collect()
    } else if name == "caddy" && has("file-server") {
        values(&scan(args, &["-r", "-l", "--root", "--listen"]), &["-r", "--root"])
    } else if matches!(
        name,
        "serve" | "live-server" | "miniserve" | "dufs" | "darkhttpd" | "webfsd" | "sfz" | "static-server"
    ) {
        words(&scan(args, &["-p", "-l", "-c", "-i", "--port", "--listen"])).into_iter().cloned().collect()
    } else {
        return;
    };
    let plain = |text: &str| Word { text: text.to_owned(), literal: true };
    let folders = if folders.is_empty() { vec![plain(".")] } else { folders };
    runs.maybe.push(std::iter::once(plain("http-server")).chain(folders).collect());
}

/// Deletes folders with all in them, as `rm -rf` would; it may choose files by patterns of its own.
pub(super) fn deletes(args: &[Word], runs: &mut Runs) {
    let plain = |text: &str| Word { text: text.to_owned(), literal: true };
    let files = args.iter().filter(|arg| !arg.text.starts_with('-')).cloned();
    let files = files.map(|file| Word { literal: file.literal && !file.text.contains(['*', '?', '{', '[']), ..file });
    runs.argv(&[plain("rm"), plain("-rf")].into_iter().chain(files).collect::<Vec<_>>());
}

/// `gh alias set x '!code'`, `gh alias set --shell x code`.
fn alias(args: &[Word], runs: &mut Runs) {
    let named = args.iter().filter(|arg| !arg.text.starts_with('-')).collect::<Vec<_>>();
    if let [first, second, _, code] = named.as_slice()
        && (first.text.as_str(), second.text.as_str()) == ("alias", "set")
    {
        let shell = args.iter().any(|arg| matches!(arg.text.as_str(), "-s" | "--shell"));
        let line = code.text.strip_prefix('!').or(shell.then_some(code.text.as_str()));
        runs.code.extend(line.map(|line| Word { text: line.to_owned(), literal: code.literal }));
    }
}

/// `vim -c ':!code'`, `vim +'!code'`, `ex -sc 'call system("code")'`.
pub(super) fn editor(args: &[Word], runs: &mut Runs) {
    // A script, or keys as they are typed, from what feeds it.
    let fed = |pair: &[Word]| {
        let [option, file] = pair else { return false };
        matches!(&*option.text, "-s" | "-S" | "-u") && file.text != "-" && shells::is_stdin(&file.text)
    };
    runs.unknown |= args.windows(2).any(fed);
    for (at, arg) in args.iter().enumerate() {
        let text = arg.text.as_str();
        let takes_next = text == "--cmd" || is_cluster_with(text, 'c') && text.ends_with('c');
        let attached = text.strip_prefix("-c").filter(|rest| rest.starts_with([':', '!', ' ']));
        let (command, literal) = match args.get(at + 1) {
            Some(next) if takes_next => (Some(next.text.as_str()), next.literal),
            _ => (text.strip_prefix('+').or(attached), arg.literal),
        };
        let Some(command) = command else { continue };
        let starts = [interpreters::STARTERS.as_slice(), &["systemlist", "termopen", "jobstart", "job_start"]].concat();
        interpreters::calls(command, literal, &starts, runs);
        // Of several, each may leave for a shell; the rest behind one that does is the shell's.
        let mut rest = Some(command);
        while let Some(command) = rest {
            let text = command.trim_start_matches([':', '%', '.', ' ']);
            let loud = ["silent! ", "silent ", "sil ", "exe ", "execute ", "r ", "read ", "w "]
                .iter()
                .find_map(|word| text.strip_prefix(word));
            let text = loud.unwrap_or(text).trim_start_matches([':', '"', '\'', ' ']);
            if let Some(code) = text.strip_prefix('!') {
                runs.code.push(Word { text: code.trim_end_matches(['"', '\'']).to_owned(), literal });
                break;
            }
            rest = command.split_once('|').map(|(_, rest)| rest);
        }
    }
}

/// `emacs --batch --eval '(shell-command "code")'`.
fn lisp(args: &[Word], runs: &mut Runs) {
    for (at, arg) in args.iter().enumerate() {
        let name = arg.text.trim_start_matches('-');
        let told = match name.split_once('=') {
            Some(("eval" | "execute", told)) => Some(Word { text: told.to_owned(), literal: arg.literal }),
            _ if arg.text.starts_with('-') && matches!(name, "eval" | "execute" | "e") => args.get(at + 1).cloned(),
            _ => None,
        };
        let Some(told) = told else { continue };
        let starters =
            ["shell-command", "async-shell-command", "shell-command-to-string", "call-process-shell-command"];
        interpreters::calls(&told.text, told.literal, &starters, runs);
        interpreters::deletions(&told, &["delete-directory", "delete-file"], runs);
        for (_, rest) in told.text.match_indices("call-process ").map(|(at, mark)| told.text.split_at(at + mark.len()))
        {
            let words =
                rest.split('"').skip(1).step_by(2).map(|text| Word { text: text.to_owned(), literal: told.literal });
            runs.argv(&words.collect::<Vec<_>>());
        }
    }
}
