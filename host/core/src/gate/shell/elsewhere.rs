//! Programs that run others on another machine or in a container: `ssh`, `docker exec`, `kubectl exec`.
//!
//! Owns how each finds what it runs in its own arguments.

use super::wrappers::Runs;
use crate::gate::call::Word;
use crate::gate::options::{after_options, readings, scan, valued_letter, values};

/// Programs that run others on another machine or in a container, where our paths mean nothing.
pub(in crate::gate) const ELSEWHERE: [&str; 33] = [
    "ssh",
    "docker",
    "podman",
    "nerdctl",
    "kubectl",
    "oc",
    "gcloud",
    "heroku",
    "vagrant",
    "pdsh",
    "clush",
    "pssh",
    "parallel-ssh",
    "dsh",
    "salt",
    "mosh",
    "lxc",
    "incus",
    "minikube",
    "aws",
    "fly",
    "flyctl",
    "limactl",
    "multipass",
    "gh",
    "doctl",
    "tsh",
    "railway",
    "az",
    "distrobox",
    "machinectl",
    "autossh",
    "sshpass",
];

/// How a program is given what it runs elsewhere: the subcommand, the options whose value it is, else how many words of
/// its own stand in front of it.
type Remote = (&'static str, &'static [&'static str], &'static [&'static str], usize);

#[rustfmt::skip]
const REMOTE: [Remote; 25] = [
    ("gcloud", &["ssh"], &["--command"], usize::MAX),
    ("heroku", &["run"], &[], 0),
    ("heroku", &["run:detached"], &[], 0),
    ("vagrant", &["ssh"], &["-c", "--command"], usize::MAX),
    ("pdsh", &[], &[], 0),
    ("clush", &[], &[], 0),
    ("pssh", &[], &[], 0),
    ("parallel-ssh", &[], &[], 0),
    ("dsh", &[], &[], 0),
    ("mosh", &[], &[], 1),
    ("lxc", &["exec"], &[], 1),
    ("incus", &["exec"], &[], 1),
    ("minikube", &["ssh"], &[], 0),
    ("fly", &["ssh", "console"], &["-C", "--command"], usize::MAX),
    ("flyctl", &["ssh", "console"], &["-C", "--command"], usize::MAX),
    ("fly", &["machine", "exec"], &[], 1),
    ("limactl", &["shell"], &[], 1),
    ("multipass", &["exec"], &[], 1),
    ("gh", &["codespace", "ssh"], &[], 0),
    ("doctl", &["ssh"], &["--ssh-command"], usize::MAX),
    ("tsh", &["ssh"], &[], 1),
    ("railway", &["run"], &[], 0),
    ("railway", &["ssh"], &[], 0),
    ("az", &["run-command"], &["--scripts"], usize::MAX),
    ("machinectl", &["shell"], &[], 1),
];

/// Options of these that take a word.
const REMOTE_VALUED: [&str; 22] = [
    "-w",
    "-x",
    "-g",
    "-l",
    "-h",
    "-H",
    "-a",
    "-r",
    "-c",
    "-C",
    "-n",
    "-t",
    "-i",
    "-u",
    "-s",
    "--app",
    "--remote",
    "--zone",
    "--project",
    "--ssh",
    "--size",
    "--node",
];

/// What a program runs elsewhere that is none of the common ones.
pub(super) fn remote(name: &str, args: &[Word], runs: &mut Runs) {
    match name {
        "salt" => {
            if let Some(at) =
                args.iter().position(|arg| matches!(arg.text.as_str(), "cmd.run" | "cmd.shell" | "cmd.run_all"))
            {
                runs.code.extend(args.get(at + 1).cloned());
            }
        }
        "aws" if args.iter().any(|arg| arg.text == "send-command") => {
            // `commands=["code"]`, `{"commands":["code"]}`.
            for parameters in values(&scan(args, &["--parameters"]), &["--parameters"]) {
                let (_, commands) = parameters.text.split_once("commands").unwrap_or_default();
                let (_, commands) = commands.split_once(['=', ':']).unwrap_or_default();
                let commands = commands.trim_matches(|c: char| " []{}".contains(c));
                for code in commands.split("\",").map(|code| code.trim_matches(|c: char| " \"'".contains(c))) {
                    runs.code.push(Word { text: code.to_owned(), literal: parameters.literal });
                }
            }
        }
        "sshpass" => {
            if let Some(at) = args.iter().position(|arg| arg.text == "ssh") {
                runs.argv(args.get(at..).unwrap_or_default());
            }
        }
        "autossh" => ssh(args, runs),
        _ => {}
    }
    for (_, subcommand, options, own) in REMOTE.iter().filter(|(program, ..)| *program == name) {
        let Some(rest) = behind(args, subcommand) else { continue };
        if !options.is_empty() {
            runs.code.extend(values(&scan(rest, options), options));
            continue;
        }
        for rest in readings(rest, &REMOTE_VALUED, &[]) {
            let rest = rest.get(*own..).unwrap_or_default();
            let rest = if rest.first().is_some_and(|first| first.text == "--") { rest.get(1..) } else { Some(rest) };
            runs.joined(rest.unwrap_or_default());
        }
    }
}

/// The words behind a subcommand; none where it is another.
fn behind<'a>(args: &'a [Word], subcommand: &[&str]) -> Option<&'a [Word]> {
    let mut rest = args;
    for part in subcommand {
        let at = rest.iter().position(|arg| arg.text == *part)?;
        rest = rest.get(at + 1..)?;
    }
    Some(rest)
}

/// The name under which a line on this very machine is run by `ssh`.
pub(in crate::gate) const SSH_HERE: &str = "ssh localhost";

/// Letters of ssh's options that take a value.
const SSH_VALUED: &str = "bcDEeFIiJLlmOopQRSWwBP";

/// Settings of ssh whose value is run here.
const SSH_RUNS: [&str; 3] = ["proxycommand", "localcommand", "knownhostscommand"];

pub(super) fn ssh(args: &[Word], runs: &mut Runs) {
    let mut here = false;
    // Options stand before the host and after it.
    let rest = ssh_options(args, &mut here, runs);
    let Some((host, rest)) = rest.split_first() else { return };
    here |= is_here(&host.text);
    let rest = ssh_options(rest, &mut here, runs);
    if here {
        runs.wrapper = SSH_HERE.to_owned();
    }
    runs.joined(rest);
}

/// Reads options, and returns what follows them.
fn ssh_options<'a>(args: &'a [Word], here: &mut bool, runs: &mut Runs) -> &'a [Word] {
    let mut rest = args;
    while let Some((first, tail)) = rest.split_first() {
        let text = first.text.as_str();
        if text == "--" {
            return tail;
        }
        if !text.starts_with('-') || text == "-" {
            break;
        }
        rest = tail;
        let Some((letter, attached)) = valued_letter(text, |letter| SSH_VALUED.contains(letter)) else { continue };
        let (value, literal) = match tail.split_first() {
            Some((value, after)) if attached.is_empty() => {
                rest = after;
                (value.text.as_str(), value.literal)
            }
            _ => (attached, first.literal),
        };
        if letter == 'o' {
            *here |= ssh_setting(value, literal, runs);
        }
    }
    rest
}

/// One setting of `-o`; true where it says that the host is this machine.
pub(super) fn ssh_setting(setting: &str, literal: bool, runs: &mut Runs) -> bool {
    let Some((name, value)) = setting.trim_start().split_once(['=', ' ']) else { return false };
    let (name, value) = (name.to_ascii_lowercase(), value.trim_start_matches([' ', '=']));
    if SSH_RUNS.contains(&name.as_str()) && !value.eq_ignore_ascii_case("none") {
        runs.code.push(Word { text: value.to_owned(), literal });
    }
    name == "hostname" && is_here(value)
}

/// Whether a host is this machine, by the names that say so.
fn is_here(host: &str) -> bool {
    let host = host.strip_prefix("ssh://").unwrap_or(host);
    let host = host.rsplit('@').next().unwrap_or(host).trim_end_matches('/');
    let names = ["localhost", "ip6-localhost", "ip6-loopback", "::1", "[::1]", "0.0.0.0", "0", "::"];
    names.contains(&host)
        || host.starts_with("127.")
        || host.starts_with("localhost:")
        || host.starts_with("localhost.")
        || host.ends_with(".localhost")
}

pub(super) fn containers(name: &str, args: &[Word], runs: &mut Runs) {
    let valued = [
        "-e",
        "-u",
        "-w",
        "-v",
        "-p",
        "-l",
        "-h",
        "-m",
        "-n",
        "-c",
        "-f",
        "-s",
        "--env",
        "--user",
        "--workdir",
        "--volume",
        "--publish",
        "--name",
        "--network",
        "--net",
        "--label",
        "--entrypoint",
        "--mount",
        "--platform",
        "--memory",
        "--cpus",
        "--hostname",
        "--env-file",
        "--namespace",
        "--context",
        "--container",
        "--restart",
        "--gpus",
        "--file",
        "--project-name",
        "--kubeconfig",
        "--image",
        "--pull",
        "--add-host",
        "--cap-add",
        "--device",
        "--ipc",
        "--pid",
    ];
    let flags = [
        "-i",
        "-t",
        "-d",
        "-q",
        "-P",
        "-D",
        "-T",
        "-a",
        "-A",
        "--rm",
        "--init",
        "--privileged",
        "--detach",
        "--interactive",
        "--tty",
        "--read-only",
        "--publish-all",
        "--no-healthcheck",
        "--oom-kill-disable",
        "--quiet",
        "--sig-proxy",
        "--no-deps",
        "--build",
        "--no-TTY",
        "--service-ports",
        "--all-namespaces",
        "--stdin",
        "--replace",
        "--force",
        "--attach",
    ];
    let mut rest = after_options(args, &valued);
    let mut options = rest;
    while let Some((first, tail)) = rest.split_first() {
        if matches!(first.text.as_str(), "compose" | "container" | "exec" | "run" | "debug") {
            for arg in tail {
                if let Some(entry) = arg.text.strip_prefix("--entrypoint=") {
                    runs.argv(&[Word { text: entry.to_owned(), literal: arg.literal }]);
                }
            }
            options = tail;
            rest = after_options(tail, &valued);
            if !matches!(first.text.as_str(), "compose" | "container") {
                break;
            }
        } else {
            return;
        }
    }
    if matches!(name, "kubectl" | "oc")
        && let Some(dashes) = args.iter().position(|arg| arg.text == "--")
    {
        return runs.argv(args.get(dashes + 1..).unwrap_or_default());
    }
    // The container, pod or image, then what runs in it.
    for rest in readings(options, &valued, &flags) {
        runs.argv(rest.get(1..).unwrap_or_default());
    }
}
