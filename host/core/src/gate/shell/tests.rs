//! What a shell line is read as, the ways past others' guards among it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap is the test's failure")]
use super::follow::{MAX_REPLAYS, MAX_SPANS};
use super::walk::MAX_FUNCTIONS;
use super::*;
use crate::gate::call::{RedirectKind, Word};

/// Each command of `line` as `wrapper>program args`, and whether the line is understood.
fn seen(line: &str) -> (Vec<String>, bool) {
    let parsed = parse_blocking(line);
    let one = |command: &ShellCommand| {
        let mut text = command.wrappers.iter().map(|wrapper| format!("{wrapper}>")).collect::<String>();
        text.push_str(&command.program.text);
        for arg in &command.args {
            text.push(' ');
            text.push_str(&arg.text);
        }
        text
    };
    (parsed.commands.iter().map(one).collect(), parsed.understood())
}

fn check(line: &str, commands: &[&str]) {
    assert_eq!(seen(line), (commands.iter().map(|text| (*text).to_owned()).collect(), true), "{line}");
}

/// The line is not understood, yet `command` is seen in it.
fn check_doubtful(line: &str, command: &str) {
    let (commands, understood) = seen(line);
    assert!(!understood, "{line}: understood as {commands:?}");
    assert!(command.is_empty() || commands.iter().any(|text| text == command), "{line}: {commands:?}");
}

fn check_has(line: &str, command: &str) {
    let (commands, _) = seen(line);
    assert!(commands.iter().any(|text| text == command), "{line}: {commands:?}");
}

#[test]
fn lists_and_groups_are_split() {
    check("a; b && c || d & e", &["a", "b", "c", "d", "e"]);
    check("a\nb # rm -rf /\n", &["a", "b"]);
    check("(a; { b; }) | c", &["a", "b", "c"]);
    check("if a; then b; elif c; then d; else e; fi", &["a", "b", "c", "d", "e"]);
    check("for x in 1 2; do a $x; done", &["a $x"]);
    let parsed = parse_blocking("for x in 1 '2 3' {4,5}; do a; for y in $z; do b; done; done; c");
    let bound = |at: usize| {
        let bound = parsed.commands.get(at).map(|command| command.bound.clone()).unwrap_or_default();
        bound.iter().map(|(name, word)| format!("{name}={}", word.text)).collect::<Vec<_>>().join(" ")
    };
    assert_eq!([bound(0), bound(1), bound(2)], ["x=1 x=2 3 x=4 x=5", "x=1 x=2 3 x=4 x=5 y=$z", ""].map(str::to_owned));
    check("while a; do b; done; until c; do d; done", &["a", "b", "c", "d"]);
    check("case $x in a) b;; *) c;; esac", &["b", "c"]);
    check("f() { rm x; }; f", &["rm x", "f", "rm x"]);
    check("( (rm x) )", &["rm x"]);
    check("((rm x) )", &["rm x"]);
    check("( ( ( rm x; ls) ) )", &["rm x", "ls"]);
    check("(( (1 + 2) * 3 )); ls", &["ls"]);
    check("((i++)); ls", &["ls"]);
    check("! a", &["a"]);
    check("[[ -n $(a) ]] && (( $(b) ))", &["a", "b"]);
    check("time a", &["a"]);
}

#[test]
fn substitutions_are_seen_wherever_they_hide() {
    check("echo \"x $(rm -rf /) y\"", &["echo x $() y", "rm -rf /"]);
    check("echo `rm x`", &["echo $()", "rm x"]);
    check("diff <(a) >(b)", &["a", "diff <() <()", "b"]);
    check("x=$(rm y)", &["", "rm y"]);
    check("cat <<E\n$(rm x)\nE\n", &["cat", "rm x"]);
    check("cat <<'E'\n$(rm x)\nE\n", &["cat"]);
    check("echo ${x:-$(rm y)}", &["echo ${x:-$(rm y)}", "rm y"]);
    check("echo $(( $(rm y) ))", &["echo $(())", "rm y"]);
    check("for x in $(rm y); do a; done", &["rm y", "a"]);
    check("a \"$(cat <<'E'\nit's (\nE\n)\" && rm x", &["a $()", "cat", "a it's (", "rm x"]);
    check("a \"$(cat <<E\nit's $(rm y)\nE\n)\"", &["a $()", "cat", "rm y", "a it's $()"]);
    check("a > \"$(rm y)\"", &["a", "rm y"]);
    check("[[ 'a[$(rm y)]' -eq 0 || -v 'b[`rm z`]' ]]", &["rm y", "rm z"]);
}

#[test]
fn wrappers_are_looked_through() {
    check("sudo -u root FOO=1 rm x", &["sudo -u root FOO=1 rm x", "sudo>rm x"]);
    check("env -u A B=1 rm x", &["env -u A B=1 rm x", "env>rm x"]);
    check("env -S 'rm x'", &["env -S rm x", "env>rm x"]);
    check(
        "timeout -k 1 5 nice -n 3 rm x",
        &["timeout -k 1 5 nice -n 3 rm x", "timeout>nice -n 3 rm x", "timeout>nice>rm x"],
    );
    check("bash -lc 'a; b'", &["bash -lc a; b", "bash>a", "bash>b"]);
    check("eval 'rm' x", &["eval rm x", "eval>rm x"]);
    check("find . -name x | xargs -n 1 rm -f", &["find . -name x", "xargs -n 1 rm -f", "xargs>rm -f ./{}"]);
    check("find . -exec rm {} \\;", &["find . -exec rm {} ;", "find>rm ./{}"]);
    check("find /a b/ -exec rm {} +", &["find /a b/ -exec rm {} +", "find>rm /a/{}", "find>rm b/{}"]);
    check("find \"$x\" -exec rm {} +", &["find $x -exec rm {} +", "find>rm {}"]);
    check("ssh -p 22 host 'rm x; ls'", &["ssh -p 22 host rm x; ls", "ssh>rm x", "ssh>ls"]);
    check("docker exec -it box rm x", &["docker exec -it box rm x", "docker>rm x"]);
    check("docker run --rm -v a:b img rm x", &["docker run --rm -v a:b img rm x", "docker>rm x"]);
    check("kubectl exec -n ns pod -- rm x", &["kubectl exec -n ns pod -- rm x", "kubectl>rm x"]);
    check("command -v rm", &["command -v rm"]);
    check("bash <<E\nrm x\nE\n", &["bash", "bash>rm x"]);
    check("bash <<< 'rm x'", &["bash", "bash>rm x"]);
    check("echo rm x | sh", &["echo rm x", "sh", "sh>rm x"]);
    check("cat <<E | sh\nrm x\nE\n", &["cat", "sh", "sh>rm x"]);
    check_has("git -c alias.p='push -f' p", "git>git push -f");
    check("git -c alias.x='!rm y' x", &["git -c alias.x=!rm y x", "git>rm y", "rm y"]);
    check("git submodule foreach 'rm x'", &["git submodule foreach rm x", "git>rm x"]);
    check(
        "python3 -c 'import os; os.system(\"rm x\")'",
        &["python3 -c import os; os.system(\"rm x\")", "python3>rm x"],
    );
    check("python3 -c 'print(1)'", &["python3 -c print(1)"]);
    check_has("python3 -c \"import subprocess; subprocess.run(['rm', '-rf', '/'])\"", "python3>rm -rf /");
    check_has("node -e 'require(\"child_process\").execSync(\"rm x\")'", "node>rm x");
    check_has("perl -e 'system(\"rm\", \"x\")'", "perl>rm x");
    check_has("ruby -e '`rm x`'", "ruby>rm x");
    check("make clean", &["make clean"]);
}

#[test]
fn clustered_options_take_their_value() {
    for (line, command) in [
        ("bash -euo pipefail -c 'rm x'", "bash>rm x"),
        ("bash -ceuo pipefail 'rm x'", "bash>rm x"),
        ("bash +o history -eO extglob -c 'rm x'", "bash>rm x"),
        ("bash +eo posix -c 'rm x'", "bash>rm x"),
        ("sudo -nu root rm x", "sudo>rm x"),
        ("sudo -uroot rm x", "sudo>rm x"),
        ("env -iu FOO rm x", "env>rm x"),
        ("env -iS 'rm x'", "env>rm x"),
        ("timeout -vs KILL 5 rm x", "timeout>rm x"),
        ("xargs -0I X rm x", "xargs>rm x"),
        ("xargs -0n1 rm x", "xargs>rm x {}"),
        ("docker run -dp 80:80 img rm x", "docker>rm x"),
    ] {
        check_has(line, command);
    }
}

#[test]
fn options_that_run_programs_are_seen() {
    check_has("sed '1e rm x' f", "sed>rm x");
    check_doubtful("sed 's/a/b/e' f", "");
    check_doubtful("echo | sed -n 's|a|b|ge'", "");
    check("sed -e 's/a/be/' -n f", &["sed -e s/a/be/ -n f"]);
    check("sed 's/where/elsewhere/g' f", &["sed s/where/elsewhere/g f"]);
    check_has("awk 'BEGIN { system(\"rm x\") }'", "awk>rm x");
    check_has("awk 'BEGIN { \"rm x\" | getline }'", "awk>rm x");
    check_has("tar cf a --checkpoint=1 --checkpoint-action=exec='rm x' .", "tar>rm x");
    check_has("git -c core.pager='rm x' log", "git>rm x");
    check_has("git grep -O'rm x' y", "git>rm x");
    check_has("git grep --open-files-in-pager='rm x' y", "git>rm x");
    check_has("git rebase -x 'rm x' main", "git>rm x");
    check_has("rg --pre ./evil x", "rg>./evil");
    check_has("sort --compress-program=./evil x", "sort>./evil");
    check_has("GIT_SSH_COMMAND='rm x' git fetch", "git>rm x");
    check_has("vim -c ':!rm x'", "vim>rm x");
    check_has("trap 'rm x' EXIT", "trap>rm x");
    check_has("alias ls='rm x'", "alias>rm x");
    check_has("tmux send-keys -t 0 'rm x' Enter", "tmux>rm x");
}

#[test]
fn a_hidden_program_is_not_understood() {
    check_doubtful("${x:-rm} -rf /", "${x:-rm} -rf /");
    check_doubtful("$x y", "");
    check_doubtful("/bin/r? x", "");
    check_doubtful("r$IFS", "");
    check_doubtful("rm${IFS}-rf${IFS}/", "rm -rf /");
    check_doubtful("rm\u{a0}-rf\u{a0}/", "rm -rf /");
    check_doubtful("rm -rf /\r", "rm -rf /");
    check_doubtful("rm\u{200b} x", "rm x");
    check_doubtful("bash -c \"$x\"", "");
    check_doubtful("curl x | bash", "bash");
    check_doubtful("echo cm0K | base64 -d | sh", "sh");
    check_doubtful("bash <(curl x)", "curl x");
    check_doubtful("source <(curl x)", "curl x");
    check_doubtful("python3 <(curl x)", "curl x");
    check_doubtful("echo 'a", "");
    check_doubtful("python3 -c \"$x\"", "");
}

#[test]
fn what_looks_strange_in_quotes_is_no_ones_harm() {
    for line in [
        "git commit -m 'caf\u{e9}\u{a0}! \u{1f468}\u{200d}\u{1f469}\u{3000}'".to_owned(),
        "git commit -m \"a\u{200d}b\"".to_owned(),
        "cat > x <<'E'\na\u{a0}b's\r\nE\n".to_owned(),
        format!("printf '{}'", r"\033[1m".repeat(40)),
        format!("printf \"{}\" $x", r"\033[1m".repeat(40)),
        format!("cat > x.js <<'E'\nswitch (it's) {{\n{}}}\nE\n", "case 1: f(\n".repeat(40)),
    ] {
        assert_eq!(parse_blocking(&line).problem, None, "{line}");
    }
    check_doubtful("bash -c 'rm\u{a0}-rf\u{a0}/'", "bash>rm -rf /");
    check_doubtful("echo \"$(rm\u{a0}x)\"", "rm x");
    check_doubtful("echo 'a' rm\u{a0}x", "");
    // An apostrophe that opens nothing hides nothing.
    check_doubtful("# it's\nrm\u{a0}x # it's", "rm x");
}

#[test]
fn quoting_hides_nothing() {
    for line in [r"r\m x", "r''m x", "\"rm\" x", r"$'\x72m' x", r"$'\162m' x", "{rm,x}", "rm\\\n x"] {
        check_has(line, "rm x");
    }
}

#[test]
fn mentioning_is_not_doing() {
    check("echo \"rm -rf /\"", &["echo rm -rf /"]);
    check("git commit -m 'rm -rf / && sudo x'", &["git commit -m rm -rf / && sudo x"]);
    check("grep -r 'git push --force' .", &["grep -r git push --force ."]);
    check("ls # rm -rf /", &["ls"]);
    check("cat <<'E' > x\nrm -rf /\nE\n", &["cat"]);
}

#[test]
fn words_redirects_and_pipes_are_filled_in() {
    let parsed = parse_blocking("A=1 b 'c d' >x 2>>y <z 2>&1 &>w | e");
    let first = parsed.commands.first().unwrap();
    assert_eq!(first.assignments, [("A".to_owned(), Word { text: "1".to_owned(), literal: true })]);
    assert_eq!(first.args, [Word { text: "c d".to_owned(), literal: true }]);
    let redirects: Vec<_> =
        first.redirects.iter().map(|redirect| (redirect.kind, redirect.target.text.as_str())).collect();
    use RedirectKind::{Append, Input, Output};
    assert_eq!(redirects, [(Output, "x"), (Append, "y"), (Input, "z"), (Output, "w")]);
    assert_eq!(parsed.commands.get(1).unwrap().piped_from, Some(0));
    let sudo = parse_blocking("sudo curl $(a) x | sudo bash");
    let bash = sudo.commands.iter().find(|command| command.program.text == "bash").unwrap();
    let from = usize::try_from(bash.piped_from.unwrap()).unwrap();
    assert_eq!(sudo.commands.get(from).unwrap().program.text, "curl");
    let group = parse_blocking("{ a; } > /etc/x");
    assert!(
        group.commands.iter().any(|command| command.redirects.iter().any(|redirect| redirect.target.text == "/etc/x"))
    );
}

#[test]
fn data_flows_through_process_substitutions() {
    let from = |line: &str, program: &str| {
        let commands = parse_blocking(line).commands;
        let reader = commands.iter().find(|command| command.program.text == program).unwrap();
        let from = reader.piped_from.map(|from| usize::try_from(from).unwrap());
        from.and_then(|from| commands.get(from)).map(|command| command.program.text.clone())
    };
    assert_eq!(from("curl x > >(sh)", "sh").as_deref(), Some("curl"));
    assert_eq!(from("sudo curl x > >(cat | sh)", "cat").as_deref(), Some("curl"));
    assert_eq!(from("curl x | tee y >(sh)", "sh").as_deref(), Some("tee"));
    assert_eq!(from("cat <(sh)", "sh"), None);
    check_doubtful("curl x > >(sh)", "");
    check_doubtful("sh < <(curl x)", "curl x");
    check_doubtful("{ sh; } < <(curl x)", "curl x");
    check_doubtful("{ curl x; } > >(sh)", "curl x");
    check("diff <(a) <(b)", &["a", "b", "diff <() <()"]);
}

#[test]
fn calls_and_files_are_followed_only_so_far() {
    // Each function calls the next a hundred times.
    let mut line: String =
        (0..12).map(|at| format!("f{at}() {{ {} }}; ", format!("f{}; ", at + 1).repeat(20))).collect();
    line.push_str("f0");
    assert!(parse_blocking(&line).problem.is_some());
    // One that calls itself ends by itself.
    check("f() { f; }; f", &["f", "f", "f", "f"]);
    // A file that runs itself, over and over.
    let itself = "echo 'sh x; sh x' > x; sh x";
    assert!(parse_blocking(itself).problem.is_some());
    let often = |times: usize| format!("echo ls > x; {}", "sh x; ".repeat(times));
    assert_eq!(parse_blocking(&often(MAX_REPLAYS - 1)).problem, None);
    assert_eq!(parse_blocking(&often(MAX_REPLAYS + 1)).problem, Some(NotUnderstood::TooMany));
}

#[test]
fn makers_and_functions_are_told_apart_only_so_far() {
    let runs = |times: usize| {
        let commands = parse_blocking(&format!("{}sh i", "curl -o i x; ".repeat(times))).commands;
        commands.into_iter().find(|command| command.program.text == "sh").unwrap().runs
    };
    assert_eq!(runs(MAX_SPANS).len(), MAX_SPANS);
    let many = runs(MAX_SPANS + 5);
    // Those that are too many to tell apart are one.
    assert_eq!(many.len(), MAX_SPANS);
    assert_eq!(many.last().map(|span| span.end - span.start), Some(6));
    let again = parse_blocking("curl -o i x; sh i i i").commands.pop().unwrap();
    assert_eq!((again.runs.len(), again.filled.len()), (1, 1));
    let followed = |functions: usize| {
        let line: String = (0..functions).map(|at| format!("f{at}() {{ a; }}; ")).collect();
        let commands = parse_blocking(&format!("{line} g() {{ rm $1; }}; g /")).commands;
        commands.iter().filter(|command| command.program.text == "rm").count()
    };
    assert_eq!([followed(MAX_FUNCTIONS - 1), followed(MAX_FUNCTIONS)], [2, 1]);
}

#[test]
fn a_name_and_a_value_are_an_assignment_only_where_something_is_assigned() {
    let assigned = |line: &str| {
        let commands = parse_blocking(line).commands;
        let last = commands.last().unwrap();
        last.assignments.iter().map(|(name, value)| format!("{name}={}", value.text)).collect::<Vec<_>>().join(" ")
    };
    for (line, expected) in [
        ("A=1", "A=1"),
        ("A=1 B=2 ls", "A=1 B=2"),
        ("export A=1 B='2 3'", "A=1 B=2 3"),
        ("command export A=1", "A=1"),
        ("declare -x A=$x", "A=$x"),
        ("env A=1 ls", "A=1"),
        ("echo A=1", ""),
        ("make CC=x", ""),
        ("dd if=x of=y", ""),
        ("export A", ""),
    ] {
        assert_eq!(assigned(line), expected, "{line}");
    }
    check_has("export PAGER='rm x'", "export>rm x");
}

#[test]
fn bounds_are_kept() {
    let problem = |line: &str| parse_blocking(line).problem;
    assert_eq!(problem(&"a".repeat(MAX_LINE_BYTES)), None);
    assert_eq!(problem(&"a".repeat(MAX_LINE_BYTES + 1)), Some(NotUnderstood::TooLong));
    assert_eq!(problem(&"a;".repeat(MAX_COMMANDS)), None);
    assert_eq!(problem(&"a;".repeat(MAX_COMMANDS + 1)), Some(NotUnderstood::TooMany));
    let nested = |open: &str, close: &str, depth: usize| format!("{}a{}", open.repeat(depth), close.repeat(depth));
    assert_eq!(problem(&nested("{ ", ";}", MAX_DEPTH)), None);
    assert_eq!(problem(&nested("{ ", ";}", MAX_DEPTH + 1)), Some(NotUnderstood::TooDeep));
    assert_eq!(problem(&nested("if ", ";then b;fi", MAX_DEPTH + 1)), Some(NotUnderstood::TooDeep));
    // Also of what may be no code at all.
    let foreign = |code: &str| problem(&format!("pwsh -c '{code}'"));
    assert_eq!(foreign("a (("), None);
    assert_eq!(foreign(&nested("{ ", ";}", MAX_DEPTH + 1)), Some(NotUnderstood::TooDeep));
    assert_eq!(foreign(&format!("a {}", "{,,,,,,,}{,,,,,,,} ".repeat(800))), Some(NotUnderstood::TooMany));
}

/// Brace lists multiply words, and `eval` makes code of them: what comes out is bounded as what went in.
#[test]
fn code_made_by_expansion_is_bounded() {
    let eval = |count: usize| format!("eval echo {}", "{a,b,c,d}{a,b,c,d}{a,b,c,d} ".repeat(count));
    assert_eq!(parse_blocking(&eval(2)).problem, None);
    assert_eq!(parse_blocking(&eval(100)).problem, Some(NotUnderstood::TooLong));
    let echo = |count: usize| format!("echo {}", "{,,,,,,,}{,,,,,,,} ".repeat(count));
    assert_eq!(parse_blocking(&echo(100)).problem, None);
    assert_eq!(parse_blocking(&echo(800)).problem, Some(NotUnderstood::TooMany));
    let looped = |count: usize| format!("for x in {}; do a; done", "{,,,,,,,}{,,,,,,,} ".repeat(count));
    assert_eq!(parse_blocking(&looped(100)).problem, None);
    assert_eq!(parse_blocking(&looped(800)).problem, Some(NotUnderstood::TooMany));
}

#[test]
fn brackets_that_are_text_do_not_make_a_line_deep() {
    for line in [
        format!("git commit -m '{}'", "fix (a) ".repeat(40)),
        format!("git commit -m \"{} $x\"", "fix (a) ".repeat(40)),
        format!("ls {}", r"\(a\) ".repeat(40)),
        format!("ls\n{}", "# see (this\n".repeat(40)),
        format!("a() {{ {} }}", "i=$((i + 1)); ".repeat(40)),
        "(ls); ".repeat(40),
        "if [ -f x ]; then ls; fi; ".repeat(20),
        "case $x in a) ls;; *) ls;; esac; ".repeat(8),
    ] {
        assert_eq!(parse_blocking(&line).problem, None, "{line}");
    }
}

/// Inputs that overflow a small stack or take a backtracking parser for ever.
#[test]
fn the_deepest_inputs_come_back_in_time() {
    let long = |unit: &str| unit.repeat(MAX_LINE_BYTES / unit.len());
    let units = [
        "(",
        "{ ",
        "$(",
        "`",
        "((",
        "$((",
        "${x:-",
        "\"$(",
        "<(",
        "! ",
        "if ",
        "while ",
        "case x in a) ",
        "[[ ( ",
        "a() { ",
        "a=(",
        "'",
        "a|",
        "a&&",
        "x <<E\n",
        "{a,",
        "~9",
        "function f { ",
        "coproc ",
        "for ((",
        "a[",
        "$[",
        "@(",
        "a=$((",
        "[[ a && ",
        "[[ a",
        "! [[ ",
        "a=([",
        "${a[",
        "x=~",
        "((echo '))' ",
        "((echo \\)\\) ",
        "((echo \"))\" ",
        "((echo #))\n",
        "case x in x) echo esac; ",
        "case x in x) esac\n",
    ];
    for unit in units {
        let begun = std::time::Instant::now();
        let parsed = parse_blocking(&long(unit));
        assert!(
            parsed.problem.is_some() || ["{a,", "! ", "'"].contains(&unit) || ["~9", "x=~"].contains(&unit),
            "{unit}"
        );
        assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{unit}: {:?}", begun.elapsed());
    }
    for (open, close) in [("(", ")"), ("$(", ")"), ("<(", ")"), ("\"$(", ")\""), ("$((", "))"), ("{ ", ";}")] {
        let line = format!("{}a{}", open.repeat(MAX_DEPTH), close.repeat(MAX_DEPTH));
        let begun = std::time::Instant::now();
        drop(parse_blocking(&line));
        assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{open}: {:?}", begun.elapsed());
    }
    // A few of them are all that a caller's stack is let in for.
    for (unit, count) in [("((echo '))' ", 14), ("case x in x) echo esac; ", 20), ("case x in x) echo esac;", 60)] {
        let begun = std::time::Instant::now();
        assert!(parse_blocking(&unit.repeat(count)).problem.is_some(), "{unit}");
        assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{unit}: {:?}", begun.elapsed());
    }
    // The parser still answers.
    assert!(parse_blocking(&format!("{}a{}", "{ ".repeat(10), ";}".repeat(10))).understood());
}

proptest::proptest! {
    #[test]
    fn no_text_panics(line in "[-a-c '\"$(){}<>|&;`\\\\\n#=*!\\[\\]~0-9]{0,40}") {
        let parsed = parse_blocking(&line);
        for (at, command) in parsed.commands.iter().enumerate() {
            let last = command.reads.iter().map(|span| span.end).chain(command.piped_from.map(|from| from + 1)).max();
            if last.is_some_and(|last| usize::try_from(last).unwrap() > at) {
                panic!("{line}: reads a later command");
            }
        }
    }
}
