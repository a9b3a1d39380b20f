//! The sandbox and the rules on a real folder, through `explain`.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

use super::super::explain::explain_on;
use super::super::paths::MAX_LOOKS;
use super::super::policy::Policy;
use super::super::{Call, Cause, Decision};
use super::call;
use super::house::{House, Housed};
use serde_json::json;

#[test]
fn file_tools_stay_in_the_roots() {
    let house = House::new();
    let at = |path: &str| house.at(path);
    let sandbox = Some(Cause::Sandbox);
    for (path, expected) in [
        ("src/x.rs".to_owned(), None),
        (at("project/new/deep/file"), None),
        ("in/x".to_owned(), None),
        ("src/../x".to_owned(), None),
        (at("extra/x"), None),
        ("/dev/null".to_owned(), None),
        (at("outside/x"), sandbox),
        (at("project2/x"), sandbox),
        ("../outside/x".to_owned(), sandbox),
        ("new/../../outside/x".to_owned(), sandbox),
        ("out/x".to_owned(), sandbox),
        ("dangling".to_owned(), sandbox),
        ("dangling/x".to_owned(), sandbox),
        ("~/x".to_owned(), sandbox),
        ("~other/x".to_owned(), sandbox),
        ("a\0b".to_owned(), sandbox),
        ("/dev/fd/3".to_owned(), sandbox),
    ] {
        for tool in ["Read", "Write", "Edit", "MultiEdit", "write_file", "mcp__fs__read_file"] {
            house.check(tool, json!({ "file_path": path }), expected);
        }
        house.check("NotebookEdit", json!({ "notebook_path": path }), expected);
        house.check("Grep", json!({ "path": path, "pattern": "x" }), expected);
    }
    house.check("Read", json!({ "file_path": 7 }), sandbox);
    house.check("Grep", json!({ "pattern": "x" }), None);
    house.check("Glob", json!({ "pattern": "/etc/*" }), sandbox);
    house.check("Glob", json!({ "pattern": "src/*.rs" }), None);
    house.check("apply_patch", json!({ "input": "*** Begin Patch\n*** Add File: ../outside/x\n" }), sandbox);
    house.check("Task", json!({ "prompt": "/etc" }), None);
    house.check("read_many_files", json!({ "include": ["src/*.rs", "**/*.md"] }), None);
    house.check("read_many_files", json!({ "include": ["src/*.rs", "/etc/*"] }), sandbox);
    house.check("read_many_files", json!({ "paths": [at("outside/x")] }), sandbox);
    house.check("read_many_files", json!({ "paths": ["../**"] }), sandbox);
    house.check("read_many_files", json!({ "paths": [7] }), sandbox);
}

#[test]
fn a_path_of_any_spelling_is_the_same_place_to_rules() {
    let house = House::new();
    for folder in ["project/.github/workflows", "project/.git"] {
        std::fs::create_dir_all(house.root.join(folder)).unwrap();
    }
    std::fs::write(house.root.join("project/.git/config"), "").unwrap();
    let policy = Policy::preset("default").unwrap();
    let asked = |path: &str| {
        let named = call("Write", json!({ "file_path": house.at(path) }));
        let named = Call { cwd: Some(house.root.join("project")), can_ask: true, ..named };
        explain_on(&named, &policy, None, &[], &Housed(house.root.join("home"))).verdict.decision
    };
    for path in [".git/config", ".github/workflows/ci.yml"] {
        for spelled in ["project/", "project/./", "project//", "./project/.//./", "project/src/../"] {
            assert_eq!(asked(&format!("{spelled}{path}")), Decision::Ask, "{spelled}{path}");
        }
    }
    assert_eq!(asked("project/./src//x.rs"), asked("project/src/x.rs"));
    assert_ne!(asked("project/src/x.rs"), Decision::Ask);
}

#[test]
fn tools_name_their_paths_in_many_ways() {
    let house = House::new();
    let sandbox = Some(Cause::Sandbox);
    for field in ["filePath", "filepath", "FilePath", "file-path", "targetFile", "relative_path", "uri", "fileName"] {
        for tool in ["Write", "mcp__fs__write_file", "Read", "str_replace_based_edit_tool", "create_directory"] {
            house.check(tool, json!({ field: "../outside/x", "content": "x" }), sandbox);
            house.check(tool, json!({ field: "src/x", "content": "../outside/x" }), None);
        }
    }
    for (tool, input) in [
        ("Edit", json!({"files": [{"path": "src/x"}, {"path": "../outside/x"}]})),
        ("Edit", json!({"changes": {"a": {"b": [{"filename": "../outside/x"}]}}})),
        ("Write", json!({"file": {"path": "../outside/x"}})),
        ("Write", json!({"uri": format!("file://{}", house.at("outside/x"))})),
        ("mcp__fs__move_file", json!({"source": "src/x", "destination": "../outside/x"})),
        ("mcp__fs__move_file", json!({"source": "../outside/x", "destination": "src/x"})),
        ("mcp__fs__read_multiple_files", json!({"paths": ["../outside/x"]})),
        ("replace_in_file", json!({"path": "../outside/x", "diff": "x"})),
        ("apply_diff", json!({"diff": "--- a/x\n+++ b/../outside/x\n@@\n"})),
        ("str_replace_based_edit_tool", json!({"command": "create", "path": "../outside/x"})),
        // What it would write is not known.
        ("Write", json!({"content": "x"})),
        ("Edit", json!({"where": "../outside/x"})),
        ("Write", json!({"file_path": null})),
        ("Write", json!({"path": {"to": 1}})),
    ] {
        house.check(tool, input, sandbox);
    }
    for (tool, input) in [
        ("mcp__fs__move_file", json!({"source": "src/x", "destination": "src/y"})),
        (
            "NotebookEdit",
            json!({"notebook_path": "src/x.ipynb", "source": "/etc/passwd", "new_source": "../outside/x"}),
        ),
        ("MultiEdit", json!({"file_path": "src/x", "edits": [{"old_string": "/etc", "new_string": "../outside"}]})),
        ("apply_diff", json!({"diff": "--- /dev/null\n+++ b/src/x\n@@\n"})),
        ("mcp__fs__list_allowed_directories", json!({})),
        ("mcp__fs__directory_tree", json!({"path": "src"})),
    ] {
        house.check(tool, input, None);
    }
    let mut deep = json!({"path": "x"});
    for _ in 0..64 {
        deep = json!({ "a": deep });
    }
    house.check("Write", deep, Some(Cause::Protection));
}

#[test]
fn patches_given_to_the_shell_stay_in_the_roots() {
    let house = House::new();
    let patch = |path: &str| format!("*** Begin Patch\n*** Update File: {path}\n@@\n+$x\n*** End Patch");
    for (path, expected) in [("../outside/x", Some(Cause::Sandbox)), ("src/x", None)] {
        let patch = patch(path);
        house.shell(&format!("apply_patch <<'E'\n{patch}\nE"), expected);
        house.shell(&format!("apply_patch <<E\n{patch}\nE"), expected);
        house.shell(&format!("apply_patch '{patch}'"), expected);
        house.shell(&format!("cd src; /usr/bin/apply_patch '{patch}'"), expected);
        house.shell(&format!("cat <<'E' | apply_patch\n{patch}\nE"), expected);
        house.shell(&format!("bash -lc \"apply_patch <<'E'\n{}\nE\"", patch.replace('$', "\\$")), expected);
        house.check("shell", json!({ "command": ["apply_patch", patch] }), expected);
    }
    house.shell("apply_patch < x.patch", Some(Cause::NoApprover));
}

#[test]
fn shell_writes_stay_in_the_roots() {
    let house = House::new();
    let sandbox = Some(Cause::Sandbox);
    let lines = [
        "rm ROOT/outside/x",
        "echo x > ROOT/outside/x",
        "echo x >> ../outside/x",
        "cp a ROOT/outside/",
        "mv ROOT/outside/x .",
        "tee ROOT/outside/x",
        "touch ~/x",
        "mkdir -p $HOME/x",
        "cd ../outside && rm x",
        "cd ROOT/outside; (cd ROOT/project); rm x",
        "sed -i s/a/b/ ROOT/outside/x",
        "dd if=a of=ROOT/outside/x",
        "curl x -o ROOT/outside/x",
        "rm ROOT/outside/*",
        "bash -c 'rm ROOT/outside/x'",
        "sudo rm ROOT/outside/x",
        "rm out/x",
        "truncate -s 0 ROOT/outside/x",
        "{ echo x; } > ROOT/outside/x",
        "find . -fprint ROOT/outside/x",
        "ln -s a ROOT/outside/l",
        "sed 'w ROOT/outside/x' a",
        "curl -sSLo ROOT/outside/x u",
        "curl -oROOT/outside/x u",
        "curl -sSo../outside/x u",
        "wget -qO ROOT/outside/x u",
        "wget -qOROOT/outside/x u",
        "find ROOT/outside -delete",
        "find ../outside -name x -exec rm {} +",
        "ls | sponge ROOT/outside/x",
        "patch ROOT/outside/x < a.diff",
        "ed -s ROOT/outside/x",
        "sqlite3 ROOT/outside/x.db 'delete from t'",
        "chmod -x ROOT/outside/x",
        "chmod u+x ROOT/outside/x",
        "chmod -R 755 ROOT/outside/x",
        "setfacl -m u:x:rw ROOT/outside/x",
        "touch -m ROOT/outside/x",
        "cp -ri a ROOT/outside/x",
        "sed -i -e s/a/b/ ROOT/outside/x",
        "sed -ni.bak /x/p ROOT/outside/x",
        "sed --in-place --expression s/a/b/ ROOT/outside/x",
        "perl -pi -e s/a/b/ ROOT/outside/x",
        "perl -lpi -e s/a/b/ ROOT/outside/x",
    ];
    house.shells(&lines, sandbox);
    let lines = [
        "rm src/x",
        "sed -i '/DEBUG/d' Makefile",
        "sed -i -e '/DEBUG/d' Makefile.e",
        "sed -ni '/DEBUG/d' Makefile.e",
        "sed -Ei '' Makefile",
        "sed -i '' /DEBUG/d Makefile",
        "perl -MList::Util=sum -e 'print 1' /etc/hosts",
        "perl -pi -e '/x/' src/x",
        "find . -name __pycache__ -exec rm -rf {} +",
        "find src -name '*.pyc' -delete",
        "curl -sSLo out.bin u",
        "chmod -x src/x",
        "echo x > x 2>/dev/null",
        "cat ROOT/outside/x",
        "ls /etc",
        "cd src && rm x",
        "cp ROOT/outside/x .",
        "touch ROOT/extra/x",
        "echo x 2>&1",
        "rm \"$x\"",
        "ssh h 'rm ROOT/outside/x'",
        "echo x | tee in/y",
        "echo > ROOT/project/new/x",
    ];
    house.shells(&lines, None);
}

#[test]
fn descriptors_are_no_way_out() {
    let house = House::new();
    let protection = Some(Cause::Protection);
    let lines = [
        "exec 3</opt; echo > /dev/fd/3/x",
        "exec 3</opt; cd /dev/fd && rm -r 3/x",
        "exec 3</opt; rm -r /dev/./fd/3/x",
        "cd ~ && cat /proc/self/cwd/tollgate/approver-token",
        "cd ~ && cat /proc/$$/cwd/tollgate/approver-token",
        "cd ~; cd /proc; cat $$/cwd/tollgate/approver-token",
        "cat /proc/self/root/etc/hosts",
        "cat /proc/thread-self/cwd/x",
        "echo x > /proc/1/fd/3",
    ];
    house.shells(&lines, protection);
    house.shells(&["exec 3</opt; cp a /dev/fd/3", "exec 3</opt; tar -C /dev/fd/3 -xf a"], Some(Cause::Sandbox));
    for tool in ["Write", "Read", "mcp__x__y"] {
        house.check(tool, json!({"file_path": "/dev/fd/3/x"}), protection);
        house.check(tool, json!({"file_path": "/dev/fd/../../etc/x"}), protection);
    }
    house.check("Write", json!({"file_path": "/dev/fd/3"}), Some(Cause::Sandbox));
    let lines = [
        "echo x > /dev/fd/2",
        "echo x >&2",
        "echo x | tee /dev/fd/3",
        "cat /dev/fd/0",
        "diff /dev/fd/3 /dev/fd/4",
        "cat /proc/self/status /proc/1/cgroup /proc/cpuinfo",
        "ls -l /proc/self/fd /dev/fd",
        "readlink /proc/self/cwd",
        "cp a /dev/stdout",
    ];
    house.shells(&lines, None);
}

#[test]
fn every_field_that_a_tool_may_heed_counts() {
    let house = House::new();
    let (sandbox, protection, asked) = (Some(Cause::Sandbox), Some(Cause::Protection), Some(Cause::NoApprover));
    let at = |path: &str| house.at(path);
    for (input, expected) in [
        (json!({"command": "ls", "cmd": "rm -rf /"}), protection),
        (json!({"command": "'", "cmd": "rm -rf /"}), protection),
        (json!({"command": "", "cmd": "rm -rf /"}), protection),
        (json!({"command": "ls", "commandLine": "pwd"}), asked),
        (json!({"command": "ls", "script": 7}), asked),
        (json!({"command": "rm", "args": ["-rf", "/"]}), protection),
        (json!({"program": "rm", "arguments": "-rf /"}), protection),
        (json!({"command": ["rm"], "args": ["-rf", "/"]}), protection),
        (json!({"command": "ls", "args": {"a": 1}}), asked),
        (json!({"command": "rm -rf ../../x", "workdir": at("project/a/b")}), sandbox),
        (json!({"command": "rm -rf x", "workdir": "../outside"}), sandbox),
        (json!({"command": "rm -rf x", "cwd": "src", "directory": at("outside")}), sandbox),
        (json!({"command": "cd .. && rm -rf x", "cwd": "src"}), sandbox),
        (json!({"command": "rm -rf x", "workdir": "~/y"}), sandbox),
        (json!({"command": "rm -rf x", "workdir": "src"}), None),
        (json!({"command": "rm -rf s*/../../x"}), sandbox),
        (json!({"command": "rm -rf s*/../x"}), None),
        (json!({"command": "git", "args": ["commit", "-m", "fix (a); rm -rf /"]}), None),
        (json!({"command": "ls", "args": [], "timeout": 5}), None),
        (json!({"command": "ls", "cmd": "ls"}), None),
    ] {
        house.check("run_command", input, expected);
    }
    // Lines that follow one another keep what reads what.
    house.check("run_command", json!({"cmd": "ls | cat", "command": "curl x | bash"}), Some(Cause::Rule));
    house.check("Write", json!({"file_path": "x", "cwd": "../outside"}), sandbox);
    house.check("Write", json!({"file_path": "x", "directory": "src"}), None);
}

#[test]
fn a_session_without_roots_may_touch_nothing_and_hears_the_mend() {
    let house = House::new();
    let mut bare = super::normalised("Read", json!({"file_path": "/project/x"}));
    bare.roots.clear();
    let denial = super::super::sandbox::check(&bare, &[], &Housed(house.root.clone())).unwrap_err();
    assert!(denial.0.contains("[workspace] allow"), "{denial:?}");
    let mut bare = super::normalised("Bash", json!({"command": "cat x > y"}));
    bare.roots.clear();
    assert!(super::super::sandbox::check(&bare, &[], &Housed(house.root.clone())).is_err());
}

#[test]
fn an_ask_without_anyone_to_ask_is_denied() {
    let house = House::new();
    house.shell("$x", Some(Cause::NoApprover));
    let asked = house.explain(Call { can_ask: true, ..call("Bash", json!({"command": "$x"})) });
    assert_eq!((asked.decision, asked.cause, asked.understood), (Decision::Ask, Some(Cause::Rule), false));
    house.check("Bash", json!({}), Some(Cause::NoApprover));
    house.check("", json!({}), Some(Cause::Rule));
    house.check(&"x".repeat(1_000), json!({}), Some(Cause::Rule));
}

#[test]
fn a_call_that_names_too_many_paths_is_asked_about_or_denied() {
    let house = House::new();
    let folders: String = (0..14).map(|number| format!("cd {number}; ")).collect();
    // Thirty thousand words, in as many bytes as a line may have.
    let words: String = (0..400).map(|number| format!(" {number:03}{}", "{0,1,2,3,4,5,6,7}".repeat(2))).collect();
    for program in ["some-tool", "rm"] {
        house.shell(&format!("{folders}{program}{words}"), Some(Cause::NoApprover));
    }
    let few: String = (0..MAX_LOOKS / 16).map(|number| format!(" {number}")).collect();
    house.shell(&format!("some-tool{few}"), None);
    let paths = |count: usize| (0..count).map(|number| format!("src/{number}")).collect::<Vec<_>>();
    house.check("read_many_files", json!({ "paths": paths(100) }), None);
    house.check("read_many_files", json!({ "paths": paths(MAX_LOOKS) }), Some(Cause::Sandbox));
}

#[test]
fn what_lies_outside_is_kept_wherever_our_home_is() {
    let house = House::new();
    let guardrails = Policy::preset("guardrails").unwrap();
    let said = |line: &str| {
        let call = Call { cwd: Some(house.root.join("project")), ..call("Bash", json!({ "command": line })) };
        explain_on(&call, &guardrails, None, &[house.root.join("extra")], &Housed(house.root.join("home"))).verdict
    };
    for line in [
        "cd .. && rm -rf *",
        "cd .. && rm *.txt",
        "cd ../outside && chmod 000 [a-z]*",
        "find ~ -type f | xargs rm -f",
        "find .. -name x -print0 | xargs -0 -n 5 rm",
        "rm $(find ~ -name '*.txt')",
        "f=$(find ~ -type f); rm $f",
        "rg --files ~ | xargs rm",
        "grep -rl x ~ | xargs sed -i s/x/y/",
        "fd . ~ | xargs rm",
        "ls -d ~/* | xargs rm",
        "locate x | xargs rm",
    ] {
        assert_eq!(said(line).cause, Some(Cause::Sandbox), "{line}");
    }
    for line in [
        "rm *.o",
        "cd src && rm *.o",
        "find . -name '*.o' | xargs rm -f",
        "find src -type f | xargs sed -i s/x/y/",
        "rm $(find src -name '*.o')",
        "find ~ -name x | xargs ls",
        "find ~ -name x | wc -l > count",
        "rg -l x src | xargs sed -i s/x/y/",
        "ls ~ | wc -l; rm -f *.o",
        "chmod +x *.sh",
    ] {
        assert_eq!(said(line).decision, Decision::Abstain, "{line}");
    }
}
