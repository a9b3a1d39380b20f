//! What `--help` and the manual pages say below the options: examples, exit codes, files and environment.
//!
//! Text alone. A test holds every example against the parser, so that none goes stale.

/// What both begin with.
macro_rules! examples {
    () => {
        "Examples:
  tollgate demo                                      see all of it in fifteen seconds
  tollgate run                                       start the daemon
  tollgate hooks install claude-code                 let an agent's tool calls pass the gate
  tollgate doctor                                    check that they do
  tollgate tail 'tool.*'                             watch what agents do
  tollgate approvals                                 see which calls wait for a person
  tollgate policy explain Bash --command 'rm -rf /'  see why, without a daemon"
    };
}

/// `tollgate -h`
pub const SHORT: &str = concat!(
    examples!(),
    "

Exit codes: 0 done or let through, 1 failed, 2 denied, 3 ask, 64 usage, 69 no daemon
`tollgate --help` says more, on files and environment too; each command has its own --help."
);

/// `tollgate --help`
pub const LONG: &str = concat!(
    examples!(),
    "

Exit codes:
  0   done; a verdict that lets through
  1   failed; standard error says what, where, and what mends it
  2   denied (`gate`, `hook`)
  3   ask (`gate`)
  64  wrong usage
  69  no daemon on this home
  `hook` exits with 0 or 2 alone: what goes wrong in it is a denial.

Files, below the home folder:
  tollgate.toml          configuration; `tollgate config show --defaults` prints all of it
  policies/*.yaml        policy files, in name order; read again when they change
  plugins/NAME.wasm      a plugin; plugins/NAME.toml is what it is granted
  data/NAME/             a plugin's own files, such as the audit trail
  journal.db             every event
  run/tollgate.sock      where commands find the daemon
  token, approver-token  for HTTP over TCP, and for what a person alone may do
  tokens.json            named tokens with scopes, as hashes

Environment:
  TOLLGATE_HOME           the home folder, where --home is not given
  XDG_STATE_HOME          its parent, where neither is given [default: ~/.local/state]
  TOLLGATE_<TABLE>_<KEY>  overrides a key of tollgate.toml: TOLLGATE_JOURNAL_DURABILITY=normal
  RUST_LOG                what the log says, in detail: tollgate=debug
  NO_COLOR                no colours"
);

pub const RUN: &str = "Examples:
  tollgate run
  tollgate --home ./try run -v
  TOLLGATE_SERVER_LISTEN=off tollgate run            the unix socket alone

On SIGHUP it reads the policy again, and says what of the configuration needs a restart. Its log
goes to standard error. A second daemon on one home is refused.";

pub const EMIT: &str = "Examples:
  tollgate emit task.progress --entity task/t1 --payload '{\"progress\":42,\"message\":\"half\"}'
  tollgate emit message.in --session s1 --payload - < message.json
  tollgate emit < events.ndjson                      all of them, or none
  tollgate emit task.started --entity task/t1 --wait 5s  what became of it at each plugin";

pub const REPLAY: &str = "Examples:
  tollgate replay --to-plugin audit --since 1h --dry-run
  tollgate replay --to-plugin translation --since 0 --type 'task.*'

It handles each once, between two others, with all its effects; what it emitted for it before is
not recorded twice. It begins no earlier than --since says, even with what a plugin that came
later was never given; what still lies before it, it is given anyway. `tollgate plugin replay` shows
what would differ, with no effect.";

pub const TAIL: &str = "Examples:
  tollgate tail 'tool.*' 'hook.*'
  tollgate tail --since 10m --json | jq .payload
  tollgate tail --no-follow -n 20";

pub const TOKEN: &str = "Examples:
  tollgate token add board --scope 'read:task.*,tool.*'
  tollgate token add engine --scope emit --scope read --source webui --per-second 200
  tollgate token list
  tollgate token revoke board

A token is for the TCP port: `Authorization: Bearer TOKEN`, or a WebSocket's subprotocol
tollgate.token.TOKEN. The home keeps only its hash, in tokens.json.";

pub const GATE: &str = "Examples:
  tollgate gate Bash --command 'git push --force'
  tollgate gate Write --input '{\"file_path\":\"/etc/passwd\",\"content\":\"\"}' --json
  tollgate gate < call.json

Exit codes: 0 let through, 1 failed, 2 denied, 3 ask, 64 usage, 69 no daemon";

pub const POLICY: &str = "Examples:
  tollgate policy explain Bash --command 'git push'
  tollgate policy check policies/*.yaml
  tollgate policy test team.yaml

Files: policies/*.yaml in the home, before the presets of `[gate] presets`";

pub const EXPLAIN: &str = "Examples:
  tollgate policy explain Bash --command 'rm -rf /'
  tollgate policy explain --policy strict Bash --command ls
  tollgate policy explain --jsonl < calls.jsonl";

pub const CHECK: &str = "Examples:
  tollgate policy check policies/*.yaml
  tollgate policy check --json team.yaml | jq .problems

Exit codes: 0 all right, 1 a problem, 64 usage";

pub const TEST: &str = "Examples:
  tollgate policy test team.yaml
  tollgate policy test cases.yaml --policy strict

A file of test cases:
  version: 1
  policies: [team.yaml, guardrails]   # files beside this one, and presets
  cases:
    - { command: git push, expect: require_approval, rule: team/push }
    - { tool: Write, path: .github/ci.yml, expect: deny }

Exit codes: 0 all hold, 1 one does not, 64 usage";

pub const HOOK: &str = "Examples:
  tollgate hook claude-code < hook.json

What `tollgate hooks install` puts into an agent's settings; it takes no other option than
--home=FOLDER after the agent.

Exit codes: 0 the agent goes on, 2 the tool is blocked; no other, whatever happens";

pub const APPROVALS: &str = "Examples:
  tollgate approvals                                 what waits
  tollgate approvals watch                           show what comes, as it comes
  tollgate approvals approve 0199… --all             this one, and all like it in its session
  tollgate approvals reject 0199… --reason 'use a branch'

An approval waits for 15 minutes where no policy file says otherwise (`approval_timeout_seconds`).
Files: approver-token in the home is what makes an answer a person's";

pub const GRANTS: &str = "Examples:
  tollgate grants list --session s1
  tollgate grants revoke s1 'git push'";

pub const PAUSE: &str = "Examples:
  tollgate pause                                     ten minutes, the most there is
  tollgate pause --for 90s

Rules, sandbox and guards still count; protection.paused and protection.resumed tell of it.";

pub const RESUME: &str = "Examples:
  tollgate resume";

pub const MESSAGE: &str = "Examples:
  tollgate message '/test --unit'
  tollgate message --chat review 'look at the last commit'";

pub const DEADLETTER: &str = "Examples:
  tollgate deadletter list
  tollgate deadletter show test-runner 41
  tollgate deadletter retry test-runner 41
  tollgate deadletter drop test-runner 41

A plugin gives an event up after three tries that fault, or where it is too old for it
(`max_age_ms`; commands: ten minutes).";

pub const RETRY: &str = "Examples:
  tollgate deadletter retry test-runner 41               event 41, once
  tollgate deadletter retry --plugin audit --dry-run     what would be tried, and what would not
  tollgate deadletter retry --all --yes --json           everything, without asking

An event is tried once, whatever its age. Where the plugin handles it the letter is gone, in one
commit with what the plugin did; else the letter stays with its tries counted.

Exit codes: 0 all were handled, or a dry run was shown, 1 one was not, 64 usage, 69 no daemon";

pub const HOOKS: &str = "Examples:
  tollgate hooks install claude-code --dry-run
  tollgate hooks install claude-code --user
  tollgate hooks status
  tollgate hooks install codex
  tollgate hooks uninstall claude-code

Files, of the project or, with --user, of the user: .claude/settings.json ($CLAUDE_CONFIG_DIR),
.codex/hooks.json ($CODEX_HOME), .gemini/settings.json, .cursor/hooks.json";

pub const DOCTOR: &str = "Examples:
  tollgate doctor
  tollgate doctor --json

Exit codes: 0 nothing is wrong, 1 something is: each line says what mends it";

pub const PLUGIN: &str = "Examples:
  tollgate plugin list
  tollgate plugin logs test-runner -n 200
  tollgate plugin grant test-runner                  see what it asks for, and say yes
  tollgate plugin reload test-runner                 after it was mended: out of quarantine

  tollgate plugin new hello                          begin one, with no daemon; docs/authoring.md

Files: plugins/NAME.wasm and plugins/NAME.toml in the home; a file that is copied there is loaded
while the daemon runs";

pub const PLUGIN_NEW: &str = "Examples:
  tollgate plugin new hello
  tollgate plugin new no-force --guard
  tollgate plugin new hello --lang js                or python, or c

Writes the folder NAME, which must not be there, with all that the package builds with but what its
language's tools fetch.";

pub const PLUGIN_BUILD: &str = "Examples:
  tollgate plugin build
  tollgate plugin build hello --json

Rust: cargo, for wasm32-wasip2. Without that target (`rustup target add wasm32-wasip2`), on Debian,
a compiler is made once from its packages in ~/.cache/tollgate. JavaScript: componentize-qjs, by
npm. Python: componentize-py, by pip. C: ziglang, by pip. What is not there is fetched into the
package's folder.

Exit codes: 0 built, and a host would take it; 1 not, and why";

pub const PLUGIN_TEST: &str = "Examples:
  tollgate plugin test target/hello.wasm --events tests/events.jsonl --grant grant.toml
  tollgate plugin test target/hello.wasm --events e.jsonl --grant g.toml --golden tests/golden.jsonl
  tollgate plugin test target/hello.wasm --events e.jsonl --golden tests/golden.jsonl --bless
  tollgate journal export --since 1h --out e.jsonl   such a file, of what was recorded

The same sandbox, limits and grants as a host's; each line once, also one that faults. Sessions work
nowhere here, so that programs and the workspace answer `no-session`; questions are written down.

Exit codes: 0 done (with a golden file: what it says, faults included), 1 a fault, or not what
the golden file says, or no line was for the plugin, 64 usage";

pub const PLUGIN_REPLAY: &str = "Examples:
  tollgate plugin replay no-secrets --since 7d
  tollgate plugin replay target/hello.wasm --since 0 --grant grant.toml --against current

It begins with an empty store, and has no effect: no program runs, no file of a workspace is
reached, what it emits goes nowhere. A call's folder is not recorded: a guard is told `/`.
To hand events to the plugin that serves, with all that it does: `tollgate replay --to-plugin NAME`.

Exit codes: 0 told, whether anything differs or not; 1 failed, or the plugin faulted";

pub const PLUGIN_BENCH: &str = "Examples:
  tollgate plugin bench target/hello.wasm --events tests/events.jsonl --grant grant.toml

Every line again and again, 2,000 calls at least. The figures are kept beside FILE, in
NAME.bench.json, for the next run to be held against.";

pub const PLUGIN_CHECK: &str = "Examples:
  tollgate plugin check target/hello.wasm
  tollgate plugin check target/hello.wasm --grant grant.toml --json

Exit codes: 0 a host would take it, 1 it would refuse it, or have it wait for its grant";

pub const RELOAD: &str = "Examples:
  tollgate plugin reload test-runner

Its store, and the events that wait for it, stay. Where the files do not work, the last version
that did keeps serving; it is said, and the exit code is 1.";

pub const GRANT: &str = "Examples:
  tollgate plugin grant test-runner
  tollgate plugin grant test-runner --yes

Files: plugins/NAME.toml in the home, which it writes and you may edit";

pub const JOURNAL: &str = "Examples:
  tollgate journal stats
  tollgate journal head > /mnt/elsewhere/head.json   keep it where the journal's user cannot write
  tollgate journal verify --head /mnt/elsewhere/head.json
  tollgate journal export --since 30d --type 'tool.*' --out events.ndjson
  tollgate journal export --session s1 | jq .payload
  tollgate journal export --salvage --out saved.ndjson
  tollgate journal import events.ndjson --dry-run
  tollgate journal prune --before 90d --dry-run
  tollgate journal prune --keep-events 1000000 --yes
  tollgate journal redact 1234 --dry-run
  tollgate journal vacuum

Exit codes: 0 done, 1 failed: the first bad row, the first bad line or what was lost is named
`import`, `prune`, `redact` and `vacuum` want the daemon stopped; docs/journal.md says more";

pub const AUDIT: &str = "Examples:
  tollgate audit show --decision deny --since 1d
  tollgate audit stats --session s1
  tollgate audit verify

Exit codes: 0 the chain holds, 1 it does not: the first bad line is named";

pub const CONFIG: &str = "Examples:
  tollgate config check
  tollgate config show
  tollgate config show --defaults > tollgate.toml

Units are in the names: _ms is milliseconds, _bytes is bytes.
TOLLGATE_<TABLE>_<KEY> overrides a key.";

pub const DEMO: &str = "Examples:
  tollgate demo
  tollgate demo --json | jq .

Exit codes: 0 all of it held, 1 something did not";

pub const BENCH: &str = "Examples:
  tollgate bench soak --minutes 10
  tollgate bench crash --times 20
  tollgate bench stream";

pub const BENCH_SOAK: &str = "Examples:
  tollgate bench soak
  tollgate bench soak --minutes 60 --seed 7 --json

A daemon of its own on a temporary home; 400 events and 20 verdicts a second, readers that come
and go, and plugins that are dropped in, broken, regranted, disabled, reloaded and removed by
chance. The first 30 % of the time are not judged. Linux alone: it reads /proc.

Exit codes: 0 all of it held, 1 something did not";

pub const BENCH_CRASH: &str = "Examples:
  tollgate bench crash
  tollgate bench crash --times 1000 --clients 64 --seed 7 --json

A daemon of its own on a temporary home, killed with SIGKILL while clients send it events and keep
a ledger of what it acknowledged; what it did not, they send again under the same id. In the end
each acknowledged event has to be in the journal once, under the seq that its client was told.

Exit codes: 0 all of it held, 1 something did not";

pub const BENCH_STREAM: &str = "Examples:
  tollgate bench stream
  tollgate bench stream --connections 10000 --readers 32 --per-second 10000 --json

A daemon of its own on a temporary home. Each reader opens the stream where it left it, or behind
any event before, takes up to 400 events, goes without a word and comes back.

Exit codes: 0 no reader missed an event or saw one twice, 1 one did";

pub const COMPLETIONS: &str = "Examples:
  tollgate completions bash > ~/.local/share/bash-completion/completions/tollgate
  tollgate completions zsh > ~/.zfunc/_tollgate
  tollgate completions fish > ~/.config/fish/completions/tollgate.fish";

pub const MAN: &str = "Examples:
  tollgate man | man -l -                            read the first page
  tollgate man --out ~/.local/share/man/man1         a page for each command";

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use crate::args::Arguments;
    use clap::{Command, CommandFactory as _, error::ErrorKind};

    /// Wider, and clap breaks a line where it does not belong: `max_term_width`.
    const WIDTH: usize = 100;

    /// Every command below `command`, itself included, but for clap's own `help`.
    fn all(command: &Command) -> Vec<&Command> {
        let below = command.get_subcommands().filter(|one| one.get_name() != "help").flat_map(all);
        std::iter::once(command).chain(below).collect()
    }

    fn text(command: &Command) -> String {
        command.get_after_long_help().or(command.get_after_help()).map(ToString::to_string).unwrap_or_default()
    }

    /// The words of an example: without its comment, what it is piped into, redirects and variables before it.
    fn words(line: &str) -> Vec<String> {
        let line = line.trim().split("  ").next().unwrap_or_default();
        let line = line.split(" | ").next().unwrap_or_default();
        let line = line.split(" < ").next().unwrap_or_default().split(" > ").next().unwrap_or_default();
        let words = shlex::split(line).unwrap();
        words.into_iter().skip_while(|word| word.starts_with("TOLLGATE_")).collect()
    }

    #[test]
    fn every_example_is_one_that_the_parser_takes() {
        let root = Arguments::command();
        let mut seen = 0;
        for command in all(&root) {
            for line in text(command).lines().filter(|line| line.contains("tollgate ") && line.starts_with("  ")) {
                let words = words(line);
                if words.first().map(String::as_str) != Some("tollgate") {
                    continue;
                }
                let parsed = Arguments::command().try_get_matches_from(&words);
                let fine = parsed.as_ref().err().is_none_or(|error| error.kind() == ErrorKind::DisplayHelp);
                assert!(fine, "{line}\n{words:?}\n{}", parsed.unwrap_err());
                seen += 1;
            }
        }
        assert!(seen > 50, "{seen} examples");
    }

    #[test]
    fn a_newcomer_finds_examples_exit_codes_files_and_environment() {
        let root = Arguments::command();
        for part in ["Examples:", "Exit codes:", "Files", "Environment:"] {
            assert!(text(&root).contains(part), "{part}");
        }
        for command in root.get_subcommands() {
            assert!(text(command).contains("Examples:"), "{}", command.get_name());
        }
        for command in all(&root) {
            assert!(command.get_about().is_some(), "{} says nothing of itself", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
        }
    }

    #[test]
    fn no_line_of_help_is_wider_than_a_page() {
        let root = Arguments::command();
        for command in all(&root) {
            for line in text(command).lines() {
                assert!(line.chars().count() <= WIDTH, "{}: {line}", command.get_name());
            }
        }
    }
}
