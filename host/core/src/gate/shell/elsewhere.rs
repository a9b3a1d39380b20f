//! Programs that run others on another machine or in a container: `ssh`, `docker exec`, `kubectl exec`.
//!
//! Owns how each finds what it runs in its own arguments.

use super::wrappers::Runs;
use crate::gate::call::Word;
use crate::gate::options::{after_options, readings, valued_letter};

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
