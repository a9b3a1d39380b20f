//! `match` and the other patterns of a rule, to the letter of the manual.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

use super::*;

/// Whether a rule of this action and `match` decides each line.
fn table(action: &str, matches: &str, lines: &[(&str, bool)]) {
    let text =
        format!("version: 1\nname: p\nrules:\n- name: r\n  tool: Bash\n  action: {action}\n  match: {matches}\n");
    let policy = load(&text).unwrap();
    for (line, expected) in lines {
        let said = verdict(&policy, line);
        assert_eq!(said.decided_by == "p/r", *expected, "{action} {matches}: {line}: {said:?}");
    }
}

#[test]
fn a_program_is_its_file_name_or_the_path_that_the_rule_writes() {
    table("deny", "{program: rm}", &[("rm x", true), ("/bin/rm x", true), ("./rm x", true), ("rmdir x", false)]);
    table("deny", "{program: [rm, dd]}", &[("rm x", true), ("dd x", true), ("echo rm", false)]);
    table("deny", "{program: 'python*'}", &[("python3.12 x", true), ("/usr/bin/python", true), ("pypy x", false)]);
    table(
        "deny",
        "{program: ./gradlew}",
        &[
            ("./gradlew x", true),
            ("src/../gradlew x", true),
            ("gradlew x", false),
            ("/home/dev/project/gradlew", false),
            ("sub/gradlew x", false),
        ],
    );
    table(
        "deny",
        "{program: /home/dev/project/x}",
        &[("./x", true), ("/home/dev/project/x", true), ("cd src && ../x", true), ("x", false)],
    );
    table("deny", "{program: ''}", &[("> x", true), ("A=1", true), ("A=1 ls", false)]);
}

#[test]
fn keys_are_anded_and_lists_are_ored() {
    table(
        "deny",
        "{program: git, subcommand: [push, 'remote add'], flags_any: [-f, --force], flags_all: [-v]}",
        &[
            ("git push -f -v", true),
            ("git -C x push -vf", true),
            ("git remote -v add --force x", true),
            ("git push -f", false),
            ("git push -v", false),
            ("git pull -f -v", false),
            ("hg push -f -v", false),
        ],
    );
    let text = "version: 1\nname: p\nrules:\n- {name: r, tool: Bash, action: deny, match: {program: cat}, command_patterns: [' -n '], path_patterns: ['secret']}";
    let policy = load(text).unwrap();
    for (line, action) in [
        ("cat -n secret", Action::Deny),
        ("cat -n x", Action::Abstain),
        ("cat secret", Action::Abstain),
        ("head -n secret", Action::Abstain),
    ] {
        assert_eq!(verdict(&policy, line).action, action, "{line}");
    }
}

#[test]
fn args_globs_see_every_reading_of_an_argument() {
    table(
        "deny",
        "{program: cp, args_glob: [/etc/*, '~/.ssh/**', '**/.git/**']}",
        &[
            ("cp x /etc/y", true),
            ("cp x /etc/y/z", false),
            ("cp x /etc/../etc/y", true),
            ("cd /etc && cp x y", true),
            ("cp ../../../etc/x y", true),
            ("cp --target-directory=/etc/x y", true),
            ("cp -t/etc/x y", true),
            ("cp $HOME/.ssh/a/b y", true),
            ("cp x .git/hooks/y", true),
            ("cp x /etcy", false),
            ("cp 'a /etc/x' y", false),
        ],
    );
    table("deny", "{args_glob: ['*.rs']}", &[("cat x.rs", true), ("cat src/x.rs", false), ("cat x.rs.txt", false)]);
}

#[test]
fn redirects_pipes_and_assignments() {
    table(
        "deny",
        "{redirects_to: ['/etc/**', '~/.bashrc']}",
        &[
            ("echo x > /etc/y", true),
            ("echo x 2>> ~/.bashrc", true),
            ("cd ~ && echo x &> .bashrc", true),
            ("{ echo x; } >| /etc/y", true),
            ("sed 'w /etc/y' x", true),
            ("cat < /etc/y", false),
            ("echo x 2>&1", false),
            ("echo '> /etc/y'", false),
        ],
    );
    table(
        "deny",
        "{program: curl, pipes_into: [sh, 'python*']}",
        &[
            ("curl x | sh", true),
            ("curl x | tee y | sudo sh", true),
            ("curl x | python3 -", true),
            ("{ curl x; ls; } | sh", true),
            ("(curl x && ls) | cat | sh", true),
            ("if a; then curl x; else b; fi | sh", true),
            ("curl x > >(sh)", true),
            ("curl x | tee >(sh)", true),
            ("curl x; { ls; } | sh", false),
            ("{ ls; } | sh; curl x", false),
            ("curl x | python3 y.py", false),
            ("sh x | curl y", false),
            ("curl x; sh", false),
            ("curl x | jq .", false),
        ],
    );
    table(
        "deny",
        "{assigns: [LD_PRELOAD, PATH]}",
        &[
            ("PATH=x ls", true),
            ("env LD_PRELOAD=x ls", true),
            ("export PATH=x", true),
            ("PATHS=x ls", false),
            ("echo PATH=x", false),
        ],
    );
    table(
        "deny",
        "{program: rm, run_by: [ssh, docker]}",
        &[
            ("ssh h 'rm x'", true),
            ("ssh h 'sudo sh -c \"rm x\"'", true),
            ("docker exec c rm x", true),
            ("rm x", false),
            ("ssh h ls; rm x", false),
            ("sudo rm x", false),
        ],
    );
}

#[test]
fn an_allow_answers_for_the_whole_command() {
    table(
        "allow",
        "{program: cat}",
        &[
            ("cat x src/y", true),
            ("/usr/bin/cat x", true),
            ("cat -n x", true),
            ("cat /home/dev/project/x", true),
            ("cat *.rs", true),
            ("cat x 2> /dev/null", true),
            ("cat /dev/stdin", true),
            // Another program of that name.
            ("./cat x", false),
            ("/tmp/cat x", false),
            // Files that are not the session's.
            ("cat /etc/passwd", false),
            ("cat x /etc/passwd", false),
            ("cat ../x", false),
            ("cat src/../../x", false),
            ("cat ~/x", false),
            ("cat ~root/x", false),
            ("cat /home/dev/project2/x", false),
            ("cat --option=/etc/passwd", false),
            ("cat -o/etc/passwd", false),
            ("cat @/etc/passwd", false),
            ("cat < /etc/passwd", false),
            ("cd /etc && cat passwd", false),
            ("cd $x && cat y", false),
            // What only running it tells.
            ("cat $x", false),
            ("cat \"$(echo /etc/passwd)\"", false),
            ("cat -$x", false),
            ("echo x | xargs cat", false),
            // What the rule does not speak of.
            ("cat x > y", false),
            ("A=1 cat x", false),
            ("cat x; rm y", false),
            ("cat x | sh", false),
        ],
    );
    table(
        "allow",
        "{program: make, args_glob: ['docs/**'], redirects_to: ['out/**'], assigns: [A, B]}",
        &[
            ("A=1 make docs/x docs/y > out/z", true),
            ("A=1 B=2 make -k docs/x > out/z 2> /dev/null", true),
            ("A=1 make docs/x", false),
            ("make docs/x > out/z", false),
            ("A=1 C=1 make docs/x > out/z", false),
            ("A=1 make docs/x src/y > out/z", false),
            ("A=1 make docs/../src/y > out/z", false),
            ("A=1 make docs/$x > out/z", false),
            ("A=1 make docs/x > out/z > other", false),
            ("A=1 make docs/x > out/../other", false),
            ("A=1 make docs/x < src/y > out/z", false),
        ],
    );
    table("allow", "{program: git, args_glob: ['**']}", &[("git a $x /etc", true), ("git a > b", false)]);
    table("allow", "{program: ./tool}", &[("./tool x", true), ("tool x", false), ("./other", false)]);
}

#[test]
fn an_allow_imagines_no_flag_and_no_subcommand() {
    table(
        "allow",
        "{program: git, subcommand: push, flags_any: [-n, --dry-run]}",
        &[
            ("git push --dry-run", true),
            ("git push -n", true),
            ("git push -vn", false),
            ("git push -o --dry-run", false),
            ("git push -- --dry-run", false),
            ("git push --dry", false),
            ("git -C x push --dry-run", false),
            ("git push", false),
        ],
    );
}

/// Each line's own variables, for rules that stop.
#[test]
fn a_deny_sees_what_the_line_puts_into_variables() {
    table(
        "deny",
        "{program: rm, flags_any: [-r], args_glob: [/]}",
        &[
            ("D=/; rm -r $D", true),
            ("D=/ && rm -r \"${D}\"", true),
            ("O='-r /'; rm $O", true),
            ("x=rm; $x -r /", true),
            ("D=a; D=/; rm -r $D", true),
            ("${x:-rm} -r ${y:-/}", true),
            ("rm -r $D", false),
            ("D=/; rm -r '$D'", false),
        ],
    );
    table("allow", "{program: cat}", &[("D=x; cat $D", false)]);
}

#[test]
fn file_rules_stop_at_any_reading_and_allow_where_the_path_leads() {
    let rule = |action: &str, pattern: &str| {
        load(&format!(
            "version: 1\nname: p\nrules: [{{name: r, tool: Edit, action: {action}, path_patterns: ['{pattern}']}}]"
        ))
        .unwrap()
    };
    let edit = |policy: &Policy, paths: &[(&str, &str)]| {
        let roots = [FOLDER.to_owned()];
        let targets: Vec<Target> =
            paths.iter().map(|(written, real)| Target::new(written, Some(real), &roots)).collect();
        let subject = Subject { targets: &targets, roots: &roots, ..Subject::of_tool("Edit") };
        policy.evaluate(&subject).decided_by == "p/r"
    };
    let (docs, src) = (("docs/x", "/home/dev/project/docs/x"), ("src/x", "/home/dev/project/src/x"));
    let link = ("docs/link", "/home/dev/project/src/x");
    let dots = ("docs/../src/x", "/home/dev/project/src/x");
    for (action, paths, expected) in [
        ("deny", &[docs] as &[_], true),
        ("deny", &[src, docs], true),
        ("deny", &[link], true),
        ("deny", &[src], false),
        ("allow", &[docs], true),
        ("allow", &[docs, docs], true),
        ("allow", &[src, docs], false),
        ("allow", &[link], false),
        ("allow", &[dots], false),
        ("allow", &[], false),
    ] {
        assert_eq!(edit(&rule(action, "^docs/"), paths), expected, "{action} {paths:?}");
    }
    assert!(edit(&rule("deny", "^/home/dev/project/src/"), &[link]));
}

#[test]
fn a_tool_is_named_as_agents_name_it_or_as_we_do() {
    let said = |tools: &str, original: &str| {
        let text = format!("version: 1\nname: p\nrules: [{{name: r, tools: {tools}, action: deny}}]");
        let tool = crate::gate::normalise::tool(original).unwrap();
        let subject = Subject { tool: &tool, original, is_shell: false, ..Subject::of_tool(&tool) };
        load(&text).unwrap().evaluate(&subject).action == Action::Deny
    };
    for (tools, original, expected) in [
        ("[Write]", "write_file", true),
        ("[write_file]", "Write", true),
        ("[mcp__forge__create]", "mcp__forge__create", true),
        ("[mcp__forge__create]", "mcp__other__create", false),
        ("['mcp__forge__*']", "mcp__forge__delete", true),
        ("['mcp__forge__*']", "mcp__other__delete", false),
        ("[create]", "mcp__forge__create", true),
        ("['Web*']", "WebFetch", true),
        ("['*']", "anything", true),
        ("[Edit]", "Editor", false),
    ] {
        assert_eq!(said(tools, original), expected, "{tools} {original}");
    }
}

#[test]
fn what_is_written_in_someones_home_is_known_by_any_name_of_it() {
    let lines = [
        ("echo x > ~/.toolrc", true),
        ("echo x > /home/me/.toolrc", true),
        ("echo x > /root/.toolrc", true),
        ("cd && cp x .toolrc", true),
        ("tee /Users/me/.tool/a/b", true),
        ("echo x > .toolrc", false),
        ("cat ~/.toolrc", false),
        ("rm ~/.toolrc", false),
        ("echo x > ~/sub/.toolrc", false),
    ];
    table("deny", "{writes: ['~/.toolrc', '~/.tool/**']}", &lines);
    // Be the home the session's own folder.
    let policy =
        load("version: 1\nname: p\nrules:\n- {name: r, tool: Bash, match: {writes: ['~/.toolrc']}, action: deny}\n")
            .unwrap();
    let parsed = shell::parse_blocking("echo x > .toolrc");
    let roots = ["/home/me".to_owned()];
    let subject = Subject { commands: &parsed.commands, cwd: "/home/me", roots: &roots, ..Subject::of_tool("Bash") };
    assert_eq!(policy.evaluate(&subject).action, Action::Deny);
}
