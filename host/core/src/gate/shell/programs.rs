//! Programs that run another program only by an option: `find -exec`, `git -c core.pager=…`, `tar --to-command`.
//!
//! Owns the table of such options. Knows nothing of rules.

use super::wrappers::Runs;
use super::{elsewhere, lines, settings};
use crate::gate::call::Word;
use crate::gate::fetchers;
use crate::gate::options::{after_options, scan, scan_letters, values, words};
use crate::gate::protection::wildcards::Wild;
use crate::gate::tar;
use crate::gate::targets;

/// Options whose value is shell code: program, the letters of its options that take a value, the options.
const CODE_OPTIONS: [(&str, &str, &[&str]); 8] = [
    ("sort", "koStT", &["--compress-program"]),
    ("rg", "ABCEefgjmMrtT", &["--pre", "--hostname-bin"]),
    ("rsync", "eBTfM", &["-e", "--rsh", "--rsync-path"]),
    ("scp", "cDFiJloPSX", &["-S"]),
    ("sftp", "BbcDFiJloPRSsX", &["-S"]),
    ("man", "CRLmMSserEpPH", &["-P", "-H", "--pager", "--html"]),
    ("split", "abClnt", &["--filter"]),
    ("tcpdump", "BcCdDEFGijMrsTVwyzZ", &["-z"]),
];

pub(super) fn runs(name: &str, args: &[Word], runs: &mut Runs) {
    match name {
        "find" => find(args, runs),
        "fd" | "fdfind" => found(args, runs),
        "git" => git(args, runs),
        "tmux" | "screen" => typed(args, runs),
        "vim" | "vi" | "nvim" | "ex" | "view" | "vimdiff" | "nvi" => lines::editor(args, runs),
        "crontab" | "at" | "batch" => runs.unknown |= args.iter().any(|arg| arg.text == "-"),
        _ => {}
    }
    runs.writes.extend(fetchers::by_address(name, args));
    if let Some((_, letters, options)) = CODE_OPTIONS.iter().find(|(program, ..)| *program == name) {
        let items = scan_letters(args, letters, options);
        runs.code.extend(values(&items, options));
        if matches!(name, "scp" | "sftp") {
            for setting in values(&items, &["-o"]) {
                elsewhere::ssh_setting(&setting.text, setting.literal, runs);
            }
        }
    }
    match name {
        "nix-shell" => valued_options(args, &["--run", "--command"], runs),
        // Behind two dashes are another program's options.
        "nix" => exec_option(
            args.split(|arg| arg.text == "--").next().unwrap_or_default(),
            &["-c", "--command"],
            &["{}".to_owned()],
            runs,
        ),
        _ => {}
    }
    if name == "zip" {
        valued_options(args, &["-TT", "--unzip-command"], runs);
    }
    if tar::is_one(name) {
        let items = tar::items(args);
        runs.code.extend(tar::programs(&items));
    }
}

/// Subcommands of `tmux` that start a program.
const STARTS: [&str; 9] = [
    "new-session",
    "new",
    "new-window",
    "neww",
    "split-window",
    "splitw",
    "respawn-pane",
    "run-shell",
    "display-popup",
];

/// `tmux send-keys -t pane 'code' Enter`: what is typed into another shell.
fn typed(args: &[Word], runs: &mut Runs) {
    let typing = |arg: &Word| matches!(arg.text.as_str(), "send-keys" | "send" | "stuff");
    if let Some(at) = args.iter().position(typing) {
        let keys = after_options(args.get(at + 1..).unwrap_or_default(), &["-t", "-N"]);
        let end = keys.iter().position(|key| matches!(key.text.as_str(), "Enter" | "C-m")).unwrap_or(keys.len());
        runs.joined(keys.get(..end).unwrap_or_default());
    } else if let Some(at) = args.iter().position(|arg| STARTS.contains(&arg.text.as_str())) {
        let valued = ["-s", "-t", "-n", "-c", "-x", "-y", "-e", "-F", "-l", "-p"];
        runs.joined(after_options(args.get(at + 1..).unwrap_or_default(), &valued));
    } else if runs.wrapper == "screen" {
        runs.argv(after_options(args, &["-S", "-t", "-c", "-e", "-h", "-p", "-r", "-T", "-dmS", "-DmS"]));
    }
}

fn valued_options(args: &[Word], options: &[&str], runs: &mut Runs) {
    for (at, arg) in args.iter().enumerate() {
        for option in options {
            if arg.text == *option {
                if let Some(code) = args.get(at + 1) {
                    runs.code.push(code.clone());
                }
            } else if let Some(code) = arg.text.strip_prefix(option) {
                let long = option.starts_with("--");
                let code = if long { code.strip_prefix('=') } else { Some(code) };
                // Short options take their value without a blank; `-extract` is not `-e xtract`.
                if let Some(code) = code.filter(|code| long || !code.bytes().all(|byte| byte.is_ascii_alphabetic())) {
                    runs.code.push(Word { text: code.to_owned(), literal: arg.literal });
                }
            }
        }
    }
}

fn find(args: &[Word], runs: &mut Runs) {
    exec_option(args, &["-exec", "-execdir", "-ok", "-okdir"], &found_below(args), runs);
    for pair in args.windows(2) {
        if let [option, file] = pair
            && matches!(option.text.as_str(), "-fprint" | "-fprintf" | "-fls" | "-fprint0")
        {
            runs.writes.push(file.clone());
        }
    }
}

/// Most places where `find` starts that are told apart.
const MAX_STARTS: usize = 8;

/// What `{}` comes to: a file below each place where the search starts, as far as these are known.
fn found_below(args: &[Word]) -> Vec<String> {
    let starts: Vec<&Word> = targets::start_points(args);
    if starts.is_empty() {
        return vec!["./{}".to_owned()];
    }
    if starts.len() > MAX_STARTS || starts.iter().any(|start| !start.literal) {
        return vec!["{}".to_owned()];
    }
    starts.iter().map(|start| format!("{}/{{}}", start.text.trim_end_matches('/'))).collect()
}

/// The same of a search that prints only what has a certain name, and none of a repository's own folder.
pub(super) fn found_by_name(args: &[Word]) -> Option<Vec<String>> {
    let is_other = |word: &Word| matches!(word.text.as_str(), "!" | "-not" | "-o" | "-or" | "," | "-exec" | "-execdir");
    let is_telling = |name: &Word| {
        name.literal
            && name.text.chars().any(char::is_alphanumeric)
            && !Wild::of(&name.text.to_ascii_lowercase()).ends_in(&[".git"], true)
    };
    let mut pairs = args.windows(2);
    let named = pairs.any(
        |pair| matches!(pair, [test, name] if matches!(test.text.as_str(), "-name" | "-iname") && is_telling(name)),
    );
    (named && !args.iter().any(is_other)).then(|| found_below(args))
}

/// `-exec program … ;` or `+`, once for each reading of `{}`.
fn exec_option(args: &[Word], options: &[&str], starts: &[String], runs: &mut Runs) {
    for (at, arg) in args.iter().enumerate() {
        if options.contains(&arg.text.as_str()) {
            let rest = args.get(at + 1..).unwrap_or_default();
            let end = rest.iter().position(|word| matches!(word.text.as_str(), ";" | "+")).unwrap_or(rest.len());
            let argv = rest.get(..end).unwrap_or_default();
            for start in starts {
                let below = |word: &Word| match word.text.contains("{}") {
                    true => Word { text: word.text.replace("{}", start), literal: false },
                    false => word.clone(),
                };
                runs.argv(&argv.iter().map(below).collect::<Vec<_>>());
            }
        }
    }
}

/// `fd pattern folders… -x program`: what it finds stands behind the program where no `{}` says where.
fn found(args: &[Word], runs: &mut Runs) {
    let options = ["-x", "-X", "--exec", "--exec-batch"];
    let Some(at) = args.iter().position(|arg| options.contains(&arg.text.as_str())) else { return };
    let (own, run) = args.split_at(at);
    let valued = [
        "-t",
        "-e",
        "-E",
        "-d",
        "-S",
        "-o",
        "-c",
        "-j",
        "--type",
        "--extension",
        "--exclude",
        "--max-depth",
        "--min-depth",
        "--base-directory",
        "--search-path",
        "--size",
        "--changed-within",
        "--changed-before",
        "--owner",
        "--threads",
    ];
    let items = scan(own, &valued);
    let mut starts: Vec<Word> = values(&items, &["--search-path", "--base-directory"]);
    starts.extend(words(&items).into_iter().skip(1).cloned());
    let places: Vec<String> = match starts.as_slice() {
        [] => vec!["./{}".to_owned()],
        starts if starts.len() > MAX_STARTS => vec!["{}".to_owned()],
        starts => starts.iter().map(|start| format!("{}/{{}}", start.text.trim_end_matches('/'))).collect(),
    };
    let named = run.iter().any(|word| ["{}", "{/}", "{//}", "{.}", "{/.}"].iter().any(|mark| word.text.contains(mark)));
    let end = run.iter().position(|word| word.text == ";").unwrap_or(run.len());
    let mut run = run.get(..end).unwrap_or_default().to_vec();
    if !named {
        run.push(Word { text: "{}".to_owned(), literal: false });
    }
    exec_option(&run, &options, &places, runs);
}

fn git(args: &[Word], runs: &mut Runs) {
    let mut rest = args;
    while let Some((first, tail)) = rest.split_first() {
        match first.text.as_str() {
            "-c" | "--config-env" => {
                if let Some(setting) = tail.first() {
                    settings::of_git(&setting.text, setting.literal, runs);
                }
                rest = tail.get(1..).unwrap_or_default();
            }
            "-C" | "--git-dir" | "--work-tree" | "--namespace" | "--exec-path" => {
                rest = tail.get(1..).unwrap_or_default()
            }
            option if option.starts_with('-') => {
                if let Some(setting) = option.strip_prefix("-c") {
                    settings::of_git(setting, first.literal, runs);
                }
                rest = tail;
            }
            _ => break,
        }
    }
    let Some((subcommand, rest)) = rest.split_first() else { return };
    match subcommand.text.as_str() {
        "submodule" => {
            if let Some(at) = rest.iter().position(|word| word.text == "foreach") {
                runs.joined(after_options(rest.get(at + 1..).unwrap_or_default(), &[]));
            }
            rest.iter().for_each(|arg| settings::transport(arg, runs));
        }
        "bisect" if rest.first().is_some_and(|word| word.text == "run") => runs.argv(rest.get(1..).unwrap_or_default()),
        "rebase" => valued_options(rest, &["-x", "--exec"], runs),
        "difftool" | "mergetool" => valued_options(rest, &["-x", "--extcmd"], runs),
        "grep" => valued_options(rest, &["-O", "--open-files-in-pager"], runs),
        "filter-branch" => {
            let filters = [
                "--tree-filter",
                "--index-filter",
                "--env-filter",
                "--msg-filter",
                "--commit-filter",
                "--parent-filter",
                "--setup",
            ];
            valued_options(rest, &filters, runs);
        }
        "fetch" | "pull" | "clone" | "ls-remote" | "push" | "archive" | "fetch-pack" => {
            let programs: &[&str] = match subcommand.text.as_str() {
                "clone" => &["-u", "--upload-pack"],
                _ => &["--upload-pack", "--receive-pack", "--exec"],
            };
            let letters = if subcommand.text == "clone" { "ubocj" } else { "oj" };
            let items = scan_letters(rest, letters, &["--upload-pack", "--receive-pack", "--exec", "--config"]);
            runs.code.extend(values(&items, programs));
            rest.iter().for_each(|arg| settings::transport(arg, runs));
            if subcommand.text == "clone" {
                for setting in values(&items, &["-c", "--config"]) {
                    settings::of_git(&setting.text, setting.literal, runs);
                }
            }
        }
        "remote" => rest.iter().for_each(|arg| settings::transport(arg, runs)),
        "config" => {
            let words = after_options(rest, &["-f", "--file", "--blob", "--type"]);
            let words = words.strip_prefix(&[Word { text: "set".to_owned(), literal: true }]).unwrap_or(words);
            if let [key, value, ..] = words {
                settings::of_git(&format!("{}={}", key.text, value.text), key.literal && value.literal, runs);
            }
        }
        _ => {}
    }
}
