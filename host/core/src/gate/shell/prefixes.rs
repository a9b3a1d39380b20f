//! Wrappers that are followed by the program they run, and how each reads its own options.
//!
//! A table. An option that is in neither list of its wrapper is read both ways: with a value and without.

use super::wrappers::{Assignments, Runs, assignment};
use crate::gate::call::Word;
use crate::gate::options::readings;

/// A wrapper that is followed by the program it runs.
struct Prefix {
    name: &'static str,
    /// Its options that take the next word as their value.
    valued: &'static [&'static str],
    /// Those that take none.
    flags: &'static [&'static str],
    /// Words of its own before the program.
    own_words: usize,
    /// The rest is shell code, not a program and its arguments.
    code: bool,
}

const fn prefix(
    name: &'static str,
    valued: &'static [&'static str],
    flags: &'static [&'static str],
    own_words: usize,
) -> Prefix {
    Prefix { name, valued, flags, own_words, code: false }
}

#[rustfmt::skip]
const PREFIXES: &[Prefix] = &[
    prefix("sudo", &["-u", "-g", "-h", "-p", "-C", "-r", "-t", "-T", "-U", "-D", "-R", "-a", "-c", "--user", "--group",
        "--host", "--prompt", "--close-from", "--role", "--type", "--command-timeout", "--other-user", "--chdir",
        "--chroot", "--auth-type", "--login-class"],
        &["-A", "-b", "-B", "-E", "-e", "-H", "-i", "-K", "-k", "-l", "-n", "-N", "-P", "-S", "-s", "-V", "-v", "--askpass",
        "--background", "--bell", "--preserve-env", "--edit", "--set-home", "--login", "--remove-timestamp",
        "--reset-timestamp", "--list", "--non-interactive", "--no-update", "--preserve-groups", "--stdin", "--shell",
        "--version", "--validate"], 0),
    prefix("doas", &["-u", "-C", "-a"], &["-L", "-n", "-s"], 0),
    prefix("pkexec", &["--user"], &["--disable-internal-agent", "--keep-cwd"], 0),
    prefix("gosu", &[], &[], 1),
    prefix("su-exec", &[], &[], 1),
    prefix("command", &[], &["-p"], 0),
    prefix("builtin", &[], &[], 0),
    prefix("exec", &["-a"], &["-c", "-l"], 0),
    prefix("nohup", &[], &[], 0),
    prefix("nice", &["-n", "--adjustment"], &[], 0),
    prefix("ionice", &["-c", "-n", "-p", "-P", "-u", "--class", "--classdata", "--pid", "--pgid", "--uid"],
        &["-t", "--ignore"], 0),
    prefix("chrt", &["-p", "-T", "-P", "-D", "--pid", "--sched-runtime", "--sched-period", "--sched-deadline"],
        &["-a", "-b", "-d", "-f", "-i", "-m", "-o", "-r", "-R", "-v", "--batch", "--deadline", "--fifo", "--idle",
        "--other", "--rr", "--reset-on-fork", "--verbose"], 1),
    prefix("time", &["-f", "-o", "--format", "--output"],
        &["-p", "-v", "-a", "-q", "--portability", "--verbose", "--append", "--quiet"], 0),
    prefix("timeout", &["-k", "-s", "--kill-after", "--signal"],
        &["-v", "-f", "-p", "--verbose", "--preserve-status", "--foreground"], 1),
    prefix("stdbuf", &["-i", "-o", "-e", "--input", "--output", "--error"], &[], 0),
    prefix("setsid", &[], &["-c", "-f", "-w", "--ctty", "--fork", "--wait"], 0),
    prefix("unbuffer", &[], &["-p"], 0),
    prefix("chronic", &[], &["-v", "-e"], 0),
    prefix("rlwrap", &["-b", "-C", "-D", "-f", "-H", "-l", "-p", "-P", "-q", "-s", "-S", "-z"], &["-a", "-c", "-i", "-N",
        "-r", "-R"], 0),
    prefix("caffeinate", &["-t", "-w"], &["-d", "-i", "-m", "-s", "-u"], 0),
    prefix("eatmydata", &[], &[], 0),
    prefix("faketime", &["-f", "-m"], &["-p"], 1),
    prefix("xvfb-run", &["-e", "-f", "-n", "-p", "-s", "-w", "--error-file", "--auth-file", "--server-num",
        "--xauth-protocol", "--server-args", "--wait"], &["-a", "-l", "--auto-servernum", "--listen-tcp"], 0),
    prefix("torsocks", &["-a", "-u", "-p", "-P"], &["-i", "-q", "-d"], 0),
    prefix("proxychains", &["-f"], &["-q"], 0),
    prefix("proxychains4", &["-f"], &["-q"], 0),
    prefix("numactl", &["-i", "-N", "-C", "-m", "-p", "--interleave", "--cpunodebind", "--physcpubind", "--membind",
        "--preferred"], &["-a", "-l", "--all", "--localalloc"], 0),
    prefix("cgexec", &["-g"], &["--sticky"], 0),
    prefix("cpulimit", &["-l", "-p", "-e", "-P", "-c", "--limit"], &["-i", "-z", "-v", "-b", "-f"], 0),
    prefix("valgrind", &[], &["-v", "-q"], 0),
    prefix("firejail", &[], &["--quiet", "--private", "--noprofile", "--seccomp", "--nonewprivs", "--noroot"], 0),
    prefix("strace", &["-e", "-o", "-p", "-s", "-u", "-E", "-P", "-a", "-b", "-I", "-O", "-S", "-X", "-U", "--trace",
        "--output", "--string-limit", "--attach", "--user", "--env"],
        &["-f", "-F", "-c", "-C", "-d", "-h", "-i", "-k", "-n", "-N", "-q", "-r", "-t", "-T", "-v", "-V", "-w", "-x", "-y",
        "-Y", "-z", "-Z", "-A", "-D", "--follow-forks"], 0),
    prefix("ltrace", &["-e", "-o", "-p", "-s", "-u", "-l", "-n", "-a", "-x", "-A", "-D", "-F"],
        &["-b", "-c", "-C", "-f", "-i", "-L", "-r", "-S", "-t", "-T"], 0),
    prefix("chroot", &["--userspec", "--groups"], &["--skip-chdir"], 1),
    prefix("unshare", &["-S", "-G", "-R", "-w", "-l", "--root", "--wd", "--setuid", "--setgid", "--map-user", "--map-users",
        "--map-group", "--map-groups", "--propagation", "--setgroups", "--monotonic", "--boottime", "--load-interp"],
        &["-m", "-i", "-n", "-p", "-u", "-U", "-C", "-T", "-f", "-r", "-c", "--mount", "--uts", "--ipc", "--net", "--pid",
        "--user", "--cgroup", "--time", "--fork", "--map-root-user", "--map-current-user", "--map-auto", "--keep-caps",
        "--kill-child", "--mount-proc"], 0),
    prefix("nsenter", &["-t", "-S", "-G", "-W", "--target", "--setuid", "--setgid", "--wdns"],
        &["-a", "-m", "-u", "-i", "-n", "-p", "-C", "-U", "-T", "-r", "-w", "-e", "-F", "-Z", "-c", "--all", "--mount", "--uts",
        "--ipc", "--net", "--pid", "--cgroup", "--user", "--time", "--root", "--wd", "--env", "--no-fork",
        "--preserve-credentials", "--follow-context"], 0),
    prefix("setpriv", &["--reuid", "--regid", "--groups", "--ruid", "--euid", "--rgid", "--egid", "--inh-caps",
        "--ambient-caps", "--bounding-set", "--securebits", "--pdeathsig", "--selinux-label", "--apparmor-profile"],
        &["-d", "--dump", "--list-caps", "--clear-groups", "--keep-groups", "--init-groups", "--no-new-privs", "--nnp",
        "--reset-env"], 0),
    prefix("prlimit", &["-p", "-o", "--pid", "--output"], &["-c", "-d", "-e", "-f", "-i", "-l", "-m", "-n", "-q", "-r", "-s",
        "-t", "-u", "-v", "-x", "-y", "--noheadings", "--raw", "--verbose"], 0),
    prefix("setarch", &[], &["-3", "-B", "-F", "-I", "-L", "-R", "-S", "-T", "-X", "-Z", "-v", "--32bit", "--fdpic-funcptrs",
        "--short-inode", "--addr-compat-layout", "--addr-no-randomize", "--whole-seconds", "--sticky-timeouts",
        "--read-implies-exec", "--mmap-page-zero", "--3gb", "--4gb", "--uname-2.6", "--verbose"], 0),
    prefix("linux32", &[], &["-R", "-v"], 0),
    prefix("linux64", &[], &["-R", "-v"], 0),
    prefix("taskset", &[], &["-a", "-c", "-p", "--all-tasks", "--cpu-list", "--pid"], 1),
    prefix("busybox", &[], &[], 0),
    prefix("toybox", &[], &[], 0),
    prefix("fakeroot", &["-l", "-i", "-s", "-b", "--lib", "--faked"], &["-u", "--unknown-is-real"], 0),
    prefix("systemd-run", &["-p", "-u", "-M", "-H", "-E", "--unit", "--property", "--uid", "--gid", "--setenv",
        "--description", "--slice", "--service-type", "--on-active", "--on-boot", "--on-startup", "--on-unit-active",
        "--on-unit-inactive", "--on-calendar", "--timer-property", "--path-property", "--socket-property",
        "--working-directory", "--nice", "--host", "--machine", "--background"],
        &["-t", "-P", "-q", "-G", "-r", "-S", "-d", "--scope", "--user", "--system", "--pty", "--pipe", "--quiet",
        "--collect", "--wait", "--shell", "--no-block", "--remain-after-exit", "--send-sighup", "--slice-inherit",
        "--same-dir", "--no-ask-password"], 0),
    Prefix { code: true, ..prefix("watch", &["-n", "-q", "-s", "--interval", "--equexit", "--shotsdir"],
        &["-b", "-c", "-C", "-d", "-e", "-f", "-g", "-p", "-r", "-t", "-w", "-x", "--beep", "--color", "--no-color",
        "--differences", "--errexit", "--chgexit", "--precise", "--no-title", "--no-wrap", "--exec"], 0) },
    Prefix { code: true, ..prefix("hyperfine", &["-w", "-m", "-M", "-r", "-s", "-p", "-c", "-P", "-D", "-L", "-S", "-u", "-n",
        "--warmup", "--min-runs", "--max-runs", "--runs", "--setup", "--prepare", "--cleanup", "--shell",
        "--export-json", "--export-markdown", "--export-csv", "--command-name", "--style", "--output", "--input"],
        &["-i", "-N", "--ignore-failure", "--show-output"], 0) },
    prefix("coproc", &[], &[], 0),
    prefix("entr", &[], &["-a", "-c", "-d", "-n", "-p", "-r", "-s", "-x", "-z"], 0),
    prefix("dbus-run-session", &["--config-file", "--dbus-daemon"], &[], 0),
    prefix("npx", &["-p", "-w", "--package", "--workspace", "--prefix"], &["-y", "-c", "-q", "--yes", "--no", "--quiet",
        "--no-install", "--ignore-existing"], 0),
    prefix("bunx", &["-p", "--package"], &["--bun", "--verbose", "--silent"], 0),
    prefix("dotenv", &["-f", "-e", "-v", "-c", "--file"], &["-o", "--overload"], 0),
];

/// Programs that run another by a subcommand: the subcommands, options that take a value, flags, and words of the
/// subcommand's own.
type Runner = (&'static str, &'static [&'static str], &'static [&'static str], &'static [&'static str], usize);

#[rustfmt::skip]
const RUNNERS: &[Runner] = &[
    ("uv", &["run"], &["-p", "-C", "-f", "-i", "-w", "--with", "--with-editable", "--with-requirements", "--python",
        "--extra", "--no-extra", "--group", "--no-group", "--only-group", "--env-file", "--project", "--directory",
        "--index", "--index-url", "--default-index", "--extra-index-url", "--find-links", "--cache-dir", "--package",
        "--config-file", "--refresh-package", "--upgrade-package", "--link-mode", "--resolution"],
        &["-m", "-n", "-q", "-s", "-U", "-v", "--module", "--script", "--frozen", "--locked", "--isolated", "--no-sync",
        "--no-project", "--offline", "--quiet", "--verbose", "--all-extras", "--dev", "--no-dev", "--no-env-file",
        "--active", "--exact", "--no-cache", "--no-config", "--all-groups", "--all-packages"], 0),
    ("poetry", &["run"], &["-C", "-P", "--directory", "--project"], &["-q", "-v", "-n", "--quiet", "--no-interaction"], 0),
    ("pipenv", &["run"], &["--python", "--pypi-mirror"], &["-q", "-v", "--quiet", "--verbose", "--bare"], 0),
    ("pdm", &["run"], &["-p", "--project", "--venv"], &["-s", "--site-packages"], 0),
    ("hatch", &["run"], &["-e", "-p", "--env", "--project"], &["-q", "-v"], 0),
    ("rye", &["run"], &["--pyproject"], &["-l", "--list"], 0),
    ("pixi", &["run"], &["-e", "--environment", "--manifest-path"], &["--frozen", "--locked"], 0),
    ("conda", &["run"], &["-n", "-p", "--name", "--prefix", "--cwd"], &["-v", "--no-capture-output", "--live-stream"], 0),
    ("mamba", &["run"], &["-n", "-p", "--name", "--prefix", "--cwd"], &["-v", "--no-capture-output"], 0),
    ("micromamba", &["run"], &["-n", "-p", "-r", "--name", "--prefix", "--root-prefix"], &["-q"], 0),
    ("bundle", &["exec"], &["--gemfile"], &["--keep-file-descriptors"], 0),
    ("rbenv", &["exec"], &[], &[], 0),
    ("pyenv", &["exec"], &[], &[], 0),
    ("asdf", &["exec"], &[], &[], 0),
    ("mise", &["exec", "x"], &["-C", "-c", "-j", "--cd", "--command", "--jobs"], &["-q", "-v", "-y"], 0),
    ("direnv", &["exec"], &[], &[], 1),
    ("dotenvx", &["run"], &["-f", "-e", "--env-file", "--env"], &["-q", "--quiet", "--overload"], 0),
    ("devbox", &["run"], &["-c", "-e", "--config", "--env"], &["-q", "--quiet", "--pure"], 0),
    ("foreman", &["run"], &["-e", "-f", "-d", "--env"], &[], 0),
    ("npm", &["exec", "x"], &["-w", "--package", "--workspace", "--prefix", "--registry"], &["-y", "--yes", "--no"], 0),
    ("pnpm", &["exec", "dlx"], &["-C", "-F", "--dir", "--filter", "--package"], &["-r", "-w", "--recursive"], 0),
    ("yarn", &["exec", "dlx"], &["-p", "--cwd", "--package"], &["-q", "--quiet"], 0),
    ("doppler", &["run"], &["-p", "-c", "-t", "--project", "--config", "--token"], &["--silent"], 0),
    ("op", &["run"], &["--env-file", "--account"], &["--no-masking"], 0),
    ("aws-vault", &["exec"], &["-d", "--duration", "--region", "--mfa-token", "--prompt"], &["-n", "-j", "-s"], 1),
    ("perf", &["stat", "record", "trace"], &["-e", "-o", "-r", "-F", "-c", "-C", "-p", "-t", "-u", "--event", "--output",
        "--repeat"], &["-a", "-d", "-g", "-v", "-q", "-n"], 0),
];

/// The architectures that `setarch` takes in front of the program.
const ARCHITECTURES: [&str; 8] = ["x86_64", "i386", "i686", "linux32", "linux64", "aarch64", "arm64", "uname26"];

/// Whether a program of this name runs what its arguments name, whatever these are.
pub(super) fn is_one(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| prefix.name == name)
}

/// What a wrapper of this name runs; false where the name is none.
pub(super) fn runs(name: &str, args: &[Word], runs: &mut Runs) -> bool {
    if let Some(prefix) = PREFIXES.iter().find(|prefix| prefix.name == name) {
        for rest in readings(args, prefix.valued, prefix.flags) {
            let (assignments, rest) = assigned(rest);
            let arch = name == "setarch" && rest.first().is_some_and(|arch| ARCHITECTURES.contains(&&*arch.text));
            let rest = rest.get(prefix.own_words + usize::from(arch)..).unwrap_or_default();
            if prefix.code {
                match name {
                    // Each word is a line of its own.
                    "hyperfine" => runs.code.extend(rest.iter().filter(|word| !word.text.starts_with('-')).cloned()),
                    _ => runs.joined(rest),
                }
            } else if !rest.is_empty() {
                runs.argvs.push((without_version(name, rest), assignments));
                line(rest, runs);
            }
        }
        return true;
    }
    let Some((_, subcommands, valued, flags, own)) = RUNNERS.iter().find(|(runner, ..)| *runner == name) else {
        return false;
    };
    for rest in readings(args, valued, flags) {
        let Some((subcommand, rest)) = rest.split_first() else { continue };
        if !subcommands.contains(&subcommand.text.as_str()) {
            continue;
        }
        for rest in readings(rest, valued, flags) {
            let rest = rest.get(*own..).unwrap_or_default();
            let rest = if rest.first().is_some_and(|first| first.text == "--") { rest.get(1..) } else { Some(rest) };
            let rest = rest.unwrap_or_default();
            if name == "uv" && rest.first().is_some_and(|first| first.text == "-") {
                runs.argv(&[vec![Word { text: "python3".to_owned(), literal: true }], rest.to_vec()].concat());
                continue;
            }
            runs.argv(&without_version(name, rest));
            line(rest, runs);
        }
    }
    true
}

/// A single word with blanks may be a line.
fn line(rest: &[Word], runs: &mut Runs) {
    if let [only] = rest
        && only.text.contains(' ')
    {
        runs.foreign.push(only.clone());
    }
}

/// `npx prisma@5 x` is `prisma x`.
fn without_version(runner: &str, words: &[Word]) -> Vec<Word> {
    let mut words = words.to_vec();
    if matches!(runner, "npx" | "bunx" | "npm" | "pnpm" | "yarn" | "uv")
        && let Some(first) = words.first_mut()
        && let Some((name, _)) =
            first.text.rsplit_once('@').filter(|(name, _)| !name.is_empty() && !name.ends_with('/'))
    {
        first.text = name.to_owned();
    }
    words
}

/// `NAME=value` words in front of a program.
fn assigned(words: &[Word]) -> (Assignments, &[Word]) {
    let mut assignments = Vec::new();
    let mut rest = words;
    while let Some((first, tail)) = rest.split_first() {
        let Some(assignment) = assignment(first) else { break };
        assignments.push(assignment);
        rest = tail;
    }
    (assignments, rest)
}
