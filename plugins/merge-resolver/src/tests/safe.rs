//! Each class of what is resolved, in real merges: the text, that it is staged, and that nothing else changed.

use super::*;

/// One file in conflict; resolved whole, it is `expected`.
fn check(path: &str, texts: [&str; 3], expected: &str) -> Told {
    check_with("{}", path, texts, expected)
}

fn check_with(config: &str, path: &str, [base, ours, theirs]: [&str; 3], expected: &str) -> Told {
    let repo = Repo::new(&[(path, base, ours, theirs)]);
    let head = repo.git(&["rev-parse", "HEAD"]);
    let told = repo.merge_with(config, r#"{"chat_id":"c","branch":"x"}"#);
    assert_eq!(told.status(), "resolved", "{}\n{}", told.completed, repo.read(path));
    assert_eq!(repo.read(path), expected);
    assert_eq!(repo.git(&["show", &format!(":0:{path}")]), expected);
    assert_eq!(repo.git(&["diff", "--name-only"]), "", "all of it is staged");
    assert_eq!(repo.git(&["rev-parse", "HEAD"]), head, "nothing is committed");
    assert_eq!(repo.read("other"), "left alone\n");
    assert_eq!(told.counts().1, 0);
    assert!(told.prompt.is_none(), "{:?}", told.prompt);
    told
}

#[test]
fn each_side_its_own_words() {
    let told = check(
        "a.rs",
        ["fn f(a: u8, b: u8) {}\n", "fn g(a: u8, b: u8) {}\n", "fn f(a: u8, b: u16) {}\n"],
        "fn g(a: u8, b: u16) {}\n",
    );
    assert!(told.message.contains("1 resolved (each side changed words of its own)"), "{}", told.message);
    assert_eq!(told.completed.get("undo").unwrap(), "git merge --abort");
}

#[test]
fn each_side_its_own_lines() {
    check("a.py", ["a = f(1)\nb = g(1)\n", "a = f(2)\nb = g(1)\n", "a = f(1)\nb = g(2)\n"], "a = f(2)\nb = g(2)\n");
}

#[test]
fn blanks_on_one_side() {
    check(
        "a.rs",
        ["fn f() {\nwork(1);\n}\n", "fn f() {\n    work(1);\n}\n", "fn f() {\nplay(2, 3)?;\n}\n"],
        "fn f() {\nplay(2, 3)?;\n}\n",
    );
}

#[test]
fn lists_without_order() {
    check(
        "src/a.rs",
        ["use b::B;\n\nfn f() {}\n", "use b::B;\nuse d::D;\n\nfn f() {}\n", "use b::B;\nuse c::C;\n\nfn f() {}\n"],
        "use b::B;\nuse c::C;\nuse d::D;\n\nfn f() {}\n",
    );
    check(".gitignore", ["target/\n", "target/\n*.log\n", "target/\nout/\n"], "target/\n*.log\nout/\n");
    check(
        "CHANGELOG.md",
        ["# Log\n\n## Next\n\n- Old\n", "# Log\n\n## Next\n\n- Old\n- Ours\n", "# Log\n\n## Next\n\n- Old\n- Theirs\n"],
        "# Log\n\n## Next\n\n- Old\n- Ours\n- Theirs\n",
    );
    check("requirements.txt", ["a==1\n", "a==1\nc==3\n", "a==1\nb==2\n"], "a==1\nb==2\nc==3\n");
    check(
        "A.java",
        ["import a.B;\n\nclass A {}\n", "import a.C;\n\nclass A {}\n", "import a.A;\nimport a.B;\n\nclass A {}\n"],
        "import a.A;\nimport a.C;\n\nclass A {}\n",
    );
}

#[test]
fn definitions_and_sections_of_each_side() {
    let class = |more: &str| format!("class A:\n    def a(self):\n        return 1\n{more}");
    let (ours, theirs) = ("\n    def b(self):\n        return 2\n", "\n    def c(self):\n        return 3\n");
    check("a.py", [&class(""), &class(ours), &class(theirs)], &class(&format!("{ours}{theirs}")));
    let log = |more: &str| format!("# Log\n\n{more}## 1.0\n\n- Old\n");
    let (ours, theirs) = ("## 1.0.1\n\n- Mended\n\n", "## Unreleased\n\n- New\n\n");
    check("CHANGELOG.md", [&log(""), &log(ours), &log(theirs)], &log(&format!("{theirs}{ours}")));
}

#[test]
fn a_line_beside_one_that_the_other_side_changed() {
    let told = check("a.go", ["x := f(a)\n", "check()\nx := f(a)\n", "x := f(b)\n"], "check()\nx := f(b)\n");
    assert!(told.message.contains("each side changed lines of its own"), "{}", told.message);
}

#[test]
fn a_last_line_without_an_end() {
    check(".gitignore", ["target/", "target/\n*.log", "target/\nout/"], "target/\n*.log\nout/");
    check(".gitignore", ["target/\n", "target/\n*.log", "target/\nout/\n"], "target/\n*.log\nout/");
    // One side only ended it, and git takes that for a change of the line.
    check("a.rs", ["f(a);\nlast();", "f(a);\nlast();\n", "f(a);\nlast(b);"], "f(a);\nlast(b);\n");
    check("a.md", ["a\nb", "a\nb\n", "a\nb\nc"], "a\nb\nc\n");
}

#[test]
fn keys_of_json_toml_and_yaml() {
    let package =
        |more: &str| format!("{{\n  \"name\": \"a\",\n  \"dependencies\": {{\n    \"b\": \"^1.0.0\"{more}\n  }}\n}}\n");
    check(
        "package.json",
        [&package(""), &package(",\n    \"c\": \"^2.0.0\""), &package(",\n    \"d\": \"~3.0.0\"")],
        &package(",\n    \"c\": \"^2.0.0\",\n    \"d\": \"~3.0.0\""),
    );
    check(
        "Cargo.toml",
        [
            "[dependencies] # kept\na = \"1\"\n",
            "[dependencies] # kept\na = \"1\"\nb = \"2\" # ours\n",
            "[dependencies] # kept\na = \"1\"\n# theirs\nc = { version = \"3\" }\n",
        ],
        "[dependencies] # kept\na = \"1\"\nb = \"2\" # ours\n# theirs\nc = { version = \"3\" }\n",
    );
    check(
        "ci.yml",
        ["env:\n  A: 1 # kept\n", "env:\n  A: 1 # kept\n  B: 2\n", "env:\n  A: 1 # kept\n  C: 3\n"],
        "env:\n  A: 1 # kept\n  B: 2\n  C: 3\n",
    );
}

#[test]
fn the_higher_version_where_configured() {
    let texts = ["version = \"1.0.0\"\n", "version = \"1.0.1\"\n", "version = \"1.1.0\"\n"];
    check_with(r#"{"higher_version":true}"#, "a.toml", texts, "version = \"1.1.0\"\n");
}

#[test]
fn names_that_git_could_read_as_something_else() {
    for path in ["-a b.rs", ":(top)a.rs", "*.rs", "ü\t1.rs", "a/[b]/c.rs"] {
        check(path, ["f(a, b);\n", "g(a, b);\n", "f(a, c);\n"], "g(a, c);\n");
    }
}

#[test]
fn line_ends_of_the_folder_and_of_the_file() {
    // In the file itself.
    check("a.rs", ["f(a, b);\r\n", "g(a, b);\r\n", "f(a, c);\r\n"], "g(a, c);\r\n");
    // Only in the folder, as git was told.
    let repo = Repo::empty();
    repo.git(&["init", "-q"]);
    let text = "f(a, b);\nlast\n";
    repo.commit([(".gitattributes", "*.rs eol=crlf\n"), ("a.rs", text)].into_iter(), "base");
    repo.git(&["checkout", "-q", "-b", "x"]);
    repo.commit([("a.rs", "f(a, c);\nlast\n")].into_iter(), "theirs");
    repo.git(&["checkout", "-q", "main"]);
    repo.commit([("a.rs", "g(a, b);\nlast\n")].into_iter(), "ours");
    assert_eq!(repo.merge().status(), "resolved");
    assert_eq!(repo.read("a.rs"), "g(a, c);\r\nlast\r\n");
    assert_eq!(repo.git(&["show", ":0:a.rs"]), "g(a, c);\nlast\n");
}

#[test]
fn line_ends_that_one_side_changed() {
    // Of all lines, by theirs; ours stays what it is but for the line that they did not change.
    check("a.rs", ["f(a);\ng(b);\n", "f(a);\nh(c);\n", "f(a);\r\ng(b);\r\n"], "f(a);\nh(c);\n");
    // Of one line of several, beside a change of theirs: each line keeps its own.
    check("a.rs", ["f(a);\ng(b, c);\n", "f(a);\r\ng(b, c);\n", "f(a);\ng(b, d);\n"], "f(a);\r\ng(b, d);\n");
}

#[test]
fn a_file_that_one_side_renamed_is_resolved_under_its_new_name() {
    let rest = "fn rest() {}\nfn more() {}\nfn and() {}\nfn so() {}\nfn on() {}\n";
    let text = |line: &str| format!("{line}\n{rest}");
    let (base, ours, theirs) = (text("f(a, b);"), text("g(a, b);"), text("f(a, c);"));
    let repo = Repo::new(&[("old.rs", &base, &ours, ""), ("new.rs", "", "", &theirs)]);
    let told = repo.merge();
    assert_eq!(told.status(), "resolved", "{}", told.completed);
    assert_eq!(repo.read("new.rs"), text("g(a, c);"));
    assert!(!repo.root().join("old.rs").exists());
}

#[test]
fn a_changed_mode_is_kept() {
    let repo = Repo::new(&[("run.py", "f(a, b)\n", "g(a, b)\n", "f(a, c)\n")]);
    repo.git(&["update-index", "--chmod=+x", "run.py"]);
    repo.git(&["commit", "-q", "-m", "runs"]);
    repo.git(&["checkout", "-q", "--", "run.py"]);
    assert_eq!(repo.merge().status(), "resolved");
    assert!(repo.git(&["ls-files", "-s", "run.py"]).starts_with("100755"));
}

#[test]
fn what_is_safe_is_taken_and_the_rest_is_left() {
    let text = |first: &str, last: &str| format!("{first}\n\n\nfn middle() {{}}\n\n\n{last}\n");
    let (base, ours) = (text("f(a, b);", "let c = 1;"), text("g(a, b);", "let c = 2;"));
    let repo = Repo::new(&[("a.rs", &base, &ours, &text("f(a, c);", "let c = 3;"))]);
    let told = repo.merge();
    assert_eq!((told.status(), told.counts()), ("conflicts", (1, 1)));
    let marked = "<<<<<<< HEAD\nlet c = 2;\n||||||| base\nlet c = 1;\n=======\nlet c = 3;\n>>>>>>> x";
    assert_eq!(repo.read("a.rs"), text("g(a, c);", marked));
    assert!(repo.git(&["ls-files", "-u"]).contains("a.rs"), "it is not staged");
    assert_eq!(told.file("a.rs").get("status").unwrap(), "partly");
    assert_eq!(told.file("a.rs").pointer("/hunks/1/line").unwrap(), 7);
    let prompt = told.prompt.unwrap();
    for part in ["`a.rs`, line 7", "let c = 1;", "let c = 2;", "let c = 3;"] {
        assert!(prompt.contains(part), "{prompt}");
    }
    assert!(!prompt.contains("f(a, c)"), "only what is left: {prompt}");
}

#[test]
fn commits_and_tests_only_where_configured() {
    let files = [("a.rs", "f(a, b);\n", "g(a, b);\n", "f(a, c);\n")];
    let repo = Repo::new(&files);
    let before = repo.state();
    let told = repo.merge_with(r#"{"commit":true,"test":"--unit"}"#, r#"{"chat_id":"c","branch":"x"}"#);
    assert_eq!(told.completed.get("committed").unwrap(), true);
    assert_eq!(repo.git(&["log", "-1", "--format=%B"]).trim(), "Merge branch 'x'");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert_eq!(told.types, ["merge.started", "command.test", "message.out", "merge.completed"]);
    // What undoes it is said, and does.
    let undo = told.completed.get("undo").unwrap().as_str().unwrap().to_owned();
    repo.git(&undo.split(' ').skip(1).collect::<Vec<_>>());
    assert_eq!(repo.state(), before);

    // Neither where something is left.
    let repo = Repo::new(&[("a.rs", "a\n", "b\n", "c\n")]);
    let told = repo.merge_with(r#"{"commit":true,"test":""}"#, r#"{"chat_id":"c","branch":"x"}"#);
    assert_eq!((told.status(), told.completed.get("committed").unwrap()), ("conflicts", &Value::Bool(false)));
    assert_eq!(told.types, ["merge.started", "message.out", "merge.completed"]);
}

#[test]
fn a_commit_that_is_not_granted_is_said() {
    let repo = Repo::new(&[("a.rs", "f(a, b);\n", "g(a, b);\n", "f(a, c);\n")]);
    repo.refuse(|asked| asked.args.iter().any(|arg| arg == "commit"));
    let told = repo.merge_with(r#"{"commit":true}"#, r#"{"chat_id":"c","branch":"x"}"#);
    assert_eq!((told.status(), told.completed.get("committed").unwrap()), ("resolved", &Value::Bool(false)));
    assert!(told.message.contains("it is not committed: not granted"), "{}", told.message);
}
