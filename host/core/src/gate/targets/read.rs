//! What shell commands read: the files whose text they may show, keep or send.
//!
//! A class, not a list of readers: every program that is given a file reads it, but for those that only speak of files,
//! list them, or use them without showing them (`ssh -i key`). Owns that knowledge. Knows no files and no rules.

use super::file_of;
use super::written::{is_remote, keeps_what_it_read};
use crate::gate::call::{RedirectKind, ShellCommand, Word};
use crate::gate::options::{scan, values};
use crate::gate::protection::{own_args, programs};
use crate::gate::searchers;
use crate::gate::tar;

/// Programs that make, delete or go to what they name, or set what a name means: none of them says what a file holds.
const QUIET: [&str; 34] = [
    "chmod",
    "chown",
    "chgrp",
    "chattr",
    "setfacl",
    "touch",
    "mkdir",
    "rm",
    "rmdir",
    "unlink",
    "shred",
    "srm",
    "trash",
    "rimraf",
    "cd",
    "pushd",
    "popd",
    "export",
    "declare",
    "typeset",
    "local",
    "readonly",
    "unset",
    "alias",
    "unalias",
    "set",
    "type",
    "command",
    "man",
    "kill",
    "ssh-add",
    "ssh-copy-id",
    "ssh-keygen",
    "find",
];

/// Programs to which words that stand alone are hosts and lines for them; what they are fed they send.
const TO_HOSTS: [&str; 5] = ["ssh", "autossh", "mosh", "sshfs", "ssh-keyscan"];

/// Programs to which `host:path` is a place elsewhere.
const FROM_ELSEWHERE: [&str; 10] =
    ["scp", "sftp", "rsync", "rclone", "docker", "podman", "nerdctl", "kubectl", "oc", "lxc"];

/// Parts of options' names whose value is a file that is used: a key to log in with, settings.
const USES: [&str; 11] = [
    "key",
    "cert",
    "cred",
    "config",
    "identity",
    "passfile",
    "password-file",
    "netrc-file",
    "defaults-",
    "cafile",
    "ca-file",
];

/// Options whose value is said or held against names, and is no file.
const SAYS: [&str; 14] = [
    "--message",
    "--title",
    "--body",
    "--grep",
    "--description",
    "--subject",
    "--notes",
    "--comment",
    "--label",
    "--regexp",
    "--pattern",
    "--exclude",
    "--exclude-dir",
    "--author",
];

/// Options with such a part in their names that take no value.
const FLAGS: [&str; 3] = ["--cert-status", "--doh-cert-status", "--proxy-cert-status"];

/// Programs that log in nowhere: each word of theirs that is no option is a file, and none of their options is about keys.
const SHOWERS: [&str; 42] = [
    "cat",
    "tac",
    "nl",
    "rev",
    "bat",
    "batcat",
    "less",
    "more",
    "most",
    "head",
    "tail",
    "grep",
    "egrep",
    "fgrep",
    "zgrep",
    "rg",
    "ag",
    "ack",
    "ugrep",
    "cut",
    "sort",
    "uniq",
    "strings",
    "base64",
    "base32",
    "xxd",
    "od",
    "hexdump",
    "fold",
    "fmt",
    "paste",
    "column",
    "wc",
    "diff",
    "cmp",
    "comm",
    "file",
    "md5sum",
    "sha256sum",
    "cp",
    "mv",
    "tee",
];

/// Whether a program shows or hands on the files that it is given, whatever they are.
pub fn shows(program: &str) -> bool {
    SHOWERS.contains(&program)
}

/// The words of `command` that may name a file that it reads: arguments, and what it is fed by `<`. Options' values
/// stand beside their options as they are written. `next` is the command behind it, which may be what it runs; `written`
/// is what [`super::written`] says of it.
pub fn read(command: &ShellCommand, next: Option<&ShellCommand>, written: &[Word]) -> Vec<Word> {
    let program = command.name();
    if programs::tells_only(program) {
        return Vec::new();
    }
    let fed = command.redirects.iter().filter(|redirect| redirect.kind == RedirectKind::Input);
    let fed = fed.map(|redirect| &redirect.target).filter(|_| program != "ssh-add");
    let made = if keeps_what_it_read(program) { &[] } else { written };
    let is_made = |arg: &Word| {
        made.iter().any(|made| {
            arg.text == made.text || arg.text.strip_suffix(&made.text).is_some_and(|name| name.ends_with('='))
        })
    };
    let is_elsewhere = |arg: &Word| FROM_ELSEWHERE.contains(&program) && is_remote(&arg.text);
    let args = given(program, own_args(command, next)).into_iter();
    let may_be_file = |arg: &Word| !is_address(&arg.text) && (shows(program) || !is_sentence(&arg.text));
    let read = args.filter(|arg| !is_made(arg) && !is_elsewhere(arg) && may_be_file(arg)).chain(fed).cloned();
    read.chain(put(command)).collect()
}

/// The files that a program which sends them is told to by a document: `put file`.
fn put(command: &ShellCommand) -> Vec<Word> {
    if !matches!(command.name(), "sftp" | "ftp" | "lftp" | "tftp" | "smbclient") {
        return Vec::new();
    }
    let documents = command.redirects.iter().filter(|redirect| redirect.kind == RedirectKind::HereDocument);
    let options = ["-e", "-c"];
    let told = values(&scan(&command.args, &options), &options);
    let texts =
        documents.map(|document| document.target.text.as_str()).chain(told.iter().map(|text| text.text.as_str()));
    let lines = texts.flat_map(|text| text.split(['\n', ';']));
    let words = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        words.next().filter(|verb| matches!(*verb, "put" | "mput" | "reput" | "send" | "append")).map(|_| words)
    });
    words.flatten().map(|file| Word { text: file.to_owned(), literal: !file.contains(['*', '?', '$']) }).collect()
}

/// The arguments without those that a program uses, or only speaks of.
fn given<'a>(program: &str, args: &'a [Word]) -> Vec<&'a Word> {
    if QUIET.contains(&program) || TO_HOSTS.contains(&program) {
        return Vec::new();
    }
    let pattern = searchers::of(program).and_then(|searcher| searcher.pattern_at(args));
    let mut found = Vec::new();
    let mut rest = args.iter().enumerate();
    while let Some((at, arg)) = rest.next() {
        let text = arg.text.as_str();
        if Some(at) == pattern {
            continue;
        }
        // Behind it zip takes only names to leave out.
        if program == "zip" && matches!(text, "-x" | "--exclude") {
            break;
        }
        if !text.starts_with('-') {
            if !is_setting(text) {
                found.push(arg);
            }
            continue;
        }
        let (name, attached) = text.split_once('=').map_or((text, false), |(name, _)| (name, true));
        if is_used(program, name) || is_said(program, name) {
            // `--identity_file=x` has its value with it, and `-ikey` too.
            let is_apart = !attached && (name.starts_with("--") || name.len() == 2 || !is_short_use(program, name));
            // What begins so is an option, or a file to send, behind one that takes no value after all.
            let is_value = |next: Option<&Word>| next.is_some_and(|next| !next.text.starts_with(['-', '@']));
            if is_apart && is_value(args.get(at + 1)) {
                rest.next();
            }
            continue;
        }
        found.push(arg);
    }
    found
}

/// `key_path=~/.ssh/id_rsa` tells a program what to use; `key=@file` and `if=file` are read.
fn is_setting(text: &str) -> bool {
    text.split_once('=').is_some_and(|(name, value)| {
        !value.starts_with(['@', '<']) && name.to_ascii_lowercase().split(['_', '-', '.']).any(|part| part == "key")
    })
}

fn is_used(program: &str, name: &str) -> bool {
    let word = name.trim_start_matches('-').to_ascii_lowercase();
    // One dash and a word: `openssl -inkey`.
    let long = name.starts_with("--") || program == "openssl" && word.len() > 2;
    let takes_none = name.starts_with("--no-") || FLAGS.contains(&name);
    // What curl is to do it shows where it is none.
    let is_shown = shows(program) || program == "curl" && name == "--config";
    long && !takes_none && !is_shown && USES.iter().any(|part| word.contains(part)) || is_short_use(program, name)
}

/// `-i key` of those that log in with it, `-E cert` of curl, `-c settings` of those that read them.
fn is_short_use(program: &str, name: &str) -> bool {
    let letters = match program {
        "scp" | "sftp" | "age" | "rage" => "iF",
        "curl" => "E",
        "ansible" | "ansible-playbook" => "i",
        _ => return false,
    };
    !name.starts_with("--") && name.chars().nth(1).is_some_and(|letter| letters.contains(letter))
}

fn is_said(program: &str, name: &str) -> bool {
    let short: &[&str] = match program {
        "git" => &["-m", "-S", "-G"],
        "gh" | "glab" => &["-t", "-b", "-l"],
        _ => &[],
    };
    SAYS.contains(&name) || short.contains(&name) || tar::is_one(program) && name == "-X"
}

/// Whether a word is an address, and none of a file.
fn is_address(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once("://") else { return false };
    let from = scheme.rfind(|letter: char| !letter.is_ascii_alphanumeric()).map_or(0, |at| at + 1);
    text.get(from..).and_then(file_of).is_none()
}

fn is_sentence(text: &str) -> bool {
    text.contains('\n') || text.contains(' ') && !text.starts_with(['/', '~', '.', '@', '$'])
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::super::written;
    use super::*;
    use crate::gate::shell::parse_blocking;

    #[test]
    fn every_program_reads_what_it_is_given_but_those_that_do_not() {
        for (line, expected) in [
            ("cat a b", "a b"),
            ("fold -w 80 a", "-w 80 a"),
            ("anything --new a", "--new a"),
            ("tr x y < a", "x y a"),
            ("ls -l a", ""),
            ("echo a", ""),
            ("chmod 600 a", ""),
            ("stat < a", ""),
            ("ssh -i a host cat", ""),
            ("ssh host x < a", "a"),
            ("scp -i a b host:", "b"),
            ("scp -ia b host:", "b"),
            ("scp host:a b", ""),
            ("ssh-keygen -lf a", ""),
            ("ssh-add a", ""),
            ("curl --cacert a --key b -E c -T d https://x", "-T d"),
            ("curl --cacert=a -o b https://x", "-o"),
            ("curl --cert-status -d@a https://x", "--cert-status -d@a"),
            ("curl --cert-status a", "--cert-status a"),
            ("curl --key -k -d @a https://x", "-k -d @a"),
            ("curl --config a", "--config a"),
            ("curl FILE:///a -K b", "FILE:///a -K b"),
            ("wget --no-check-certificate --post-file=a https://x", "--no-check-certificate --post-file=a"),
            ("wget --certificate a https://x", ""),
            ("bat --no-config a", "--no-config a"),
            ("rg -e . --no-config a", "-e . --no-config a"),
            ("http POST x --body @a", "POST x @a"),
            ("cat 'x y/../a'", "x y/../a"),
            ("aws x --payload fileb://a", "x --payload fileb://a"),
            ("openssl req -key a -in b", "req -in b"),
            ("kubectl --kubeconfig a get pods", "get pods"),
            ("cp a b", "a"),
            ("mv a b", "a b"),
            ("dd if=a of=b", "if=a"),
            ("grep -n a b", "-n b"),
            ("git commit -m a", "commit"),
            ("git commit -F a", "commit -F a"),
            ("gh gist create a", "gist create a"),
            ("rsync -a --exclude a . host:", "-a ."),
            ("zip -r b.zip . -x a", "-r ."),
            ("sudo cat a", ""),
            ("terraform apply -var ssh_key=a", "apply -var"),
            ("curl -F key=@a https://x", "-F key=@a"),
            ("sftp host <<< 'put a b'", "host a b"),
            ("sftp host <<< 'get a'", "host"),
            ("note 'what a sentence'", ""),
        ] {
            let commands = parse_blocking(line).commands;
            let found = read(commands.first().unwrap(), commands.get(1), &written(commands.first().unwrap()));
            let texts: Vec<String> = found.into_iter().map(|word| word.text).collect();
            assert_eq!(texts.join(" "), expected, "{line}");
        }
    }
}
