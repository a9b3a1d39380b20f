//! Programs that run others on another machine or in a container: `ssh`, `docker exec`, `kubectl exec`.
//!
//! Owns how each finds what it runs in its own arguments.

use super::wrappers::{Runs, after_options};
use crate::gate::call::Word;

pub(super) fn ssh(args: &[Word], runs: &mut Runs) {
    let mut rest = args;
    while let Some((first, tail)) = rest.split_first() {
        let text = first.text.as_str();
        let Some(option) = text.strip_prefix('-') else { break };
        let valued = option.len() == 1 && "bcDEeFIiJLlmOopQRSWwB".contains(option);
        let value = if valued { tail.first().map(|word| word.text.as_str()) } else { option.strip_prefix('o') };
        // `-oProxyCommand=…`, `-o "proxycommand …"`.
        if let Some((name, command)) = value.and_then(|value| value.split_once(['=', ' ']))
            && ["proxycommand", "localcommand", "knownhostscommand"].contains(&name.to_ascii_lowercase().as_str())
        {
            runs.code.push(Word { text: command.to_owned(), literal: first.literal });
        }
        rest = if valued { tail.get(1..).unwrap_or_default() } else { tail };
    }
    // The host, then what runs there.
    runs.joined(rest.get(1..).unwrap_or_default());
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
    let mut rest = after_options(args, &valued);
    while let Some((first, tail)) = rest.split_first() {
        if matches!(first.text.as_str(), "compose" | "container" | "exec" | "run" | "debug") {
            for arg in tail {
                if let Some(entry) = arg.text.strip_prefix("--entrypoint=") {
                    runs.argv(&[Word { text: entry.to_owned(), literal: arg.literal }]);
                }
            }
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
    runs.argv(rest.get(1..).unwrap_or_default());
}
