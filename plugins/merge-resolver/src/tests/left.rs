//! Each class of what stays a conflict, and that what is left alone is left exactly as git left it.

use super::*;
use crate::merge::{MAX_HUNK_LINES, MAX_HUNKS, MAX_SIDE_BYTES};
use crate::work::{MAX_ALL_BYTES, MAX_FILE_BYTES, MAX_FILES};

/// Merges by hand, then has the plugin take it up: the file stays unmerged, and `reason` is given.
fn stays(repo: &Repo, path: &str, reason: &str) -> Told {
    repo.try_git(&["merge", "-q", "--no-commit", "x"]);
    let unmerged = repo.git(&["ls-files", "-u"]);
    assert!(!unmerged.is_empty(), "there is no conflict");
    let told = repo.merge();
    assert_eq!(told.status(), "conflicts", "{}", told.completed);
    assert_eq!(repo.git(&["ls-files", "-u"]), unmerged);
    let said = told.reason(path);
    assert!(said.contains(reason), "{said}");
    assert!(told.message.contains(&said), "{}", told.message);
    assert!(told.prompt.as_ref().is_some_and(|prompt| prompt.contains(path)), "{:?}", told.prompt);
    told
}

/// The same, and no file changed at all.
fn left_alone(repo: &Repo, path: &str, reason: &str) {
    repo.try_git(&["merge", "-q", "--no-commit", "x"]);
    let before = repo.state();
    stays(repo, path, reason);
    assert!(repo.state() == before, "something changed");
}

#[test]
fn hunks_that_are_in_doubt() {
    for (path, base, ours, theirs, reason) in [
        ("a.rs", "a = f(b);\n", "a = f(c);\n", "a = f(d);\n", "the same lines in different ways"),
        ("a.rs", "a;\nb;\n", "a;\nx(\"1\");\nb;\n", "a;\ny(\"2\");\nb;\n", "their order may matter"),
        ("a.rs", "if a {\nf(1);\n}\n", "f(1);\n", "if a {\nf(2);\n}\n", "in different ways"),
        ("a.rs", "f(1);\ng(1);\n", "f(1);\n", "f(1);\ng(2);\n", "removed what the other changed"),
        ("a.rs", "v(\"1.0.0\");\n", "v(\"1.0.1\");\n", "v(\"1.1.0\");\n", "raised the same version"),
        ("a.rs", "use a::A;\n", "use a::A;\nuse b::X;\n", "use a::A;\nuse c::X;\n", "the same name in different ways"),
        ("a.py", "if a:\n  f(1)\n", "if a:\n    f(1)\n", "if a:\n  g(2, x)\n", "only blanks, which may mean something"),
        ("a.md", "we like cats a lot\n", "we love cats a lot\n", "we like cats\n", "in different ways"),
        ("a.json", "{\"a\": 1}\n", "{\"a\": 2}\n", "{\"a\": 3}\n", "both sides changed `a`"),
        ("a.json", "{\n// x\n\"a\": 1}\n", "{\n// x\n\"a\": 2}\n", "{\n// x\n\"a\": 3}\n", "cannot be compared"),
        ("a.yml", "a: [1]\n", "a: [1, 2]\n", "a: [1, 3]\n", "both sides changed `a`"),
        ("a.toml", "a = 1\n", "a = 2\n", "b = 1\n", "both sides changed `a`"),
        (".gitignore", "a\n", "a\n*.log\n", "a\n!b.log\n", "patterns with `!`"),
        ("CHANGELOG.md", "- a\n", "## 2\n- b\n- a\n", "## 3\n- c\n- a\n", "more than entries of one list"),
        ("yarn.lock", "a\n", "b\n", "c\n", "its own tool's to write"),
    ] {
        stays(&Repo::new(&[(path, base, ours, theirs)]), path, reason);
    }
}

#[test]
fn a_conflict_that_is_left_keeps_both_sides_and_the_base() {
    let repo = Repo::new(&[("a.rs", "a = f(b);\n", "a = f(c);\n", "a = f(d);\n")]);
    repo.merge();
    let marked = "<<<<<<< HEAD\na = f(c);\n||||||| base\na = f(b);\n=======\na = f(d);\n>>>>>>> x\n";
    assert_eq!(repo.read("a.rs"), marked);
}

#[test]
fn brackets_that_would_not_fit() {
    // Each side is whole, and each change stands apart from the other's.
    let repo = Repo::new(&[("a.rs", "f(a, b, c, d)\n", "f(a), b, c, d\n", "f({a, b}, c, d)\n")]);
    stays(&repo, "a.rs", "the brackets would not fit any more");
}

#[test]
fn what_is_doubtful_as_a_whole() {
    let gap = "\n\n\n\n";
    let text = |name: &str, first: &str, more: &str| format!("let {name} = 1;\n{gap}f({first}, 1);\n{gap}{more}");
    let (base, ours) = (text("old", "a", ""), text("new", "b", ""));
    let theirs = text("old", "a", "g(old);\n").replace("(a, 1)", "(a, 2)");
    stays(&Repo::new(&[("a.rs", &base, &ours, &theirs)]), "a.rs", "did away with the name `old`");
    // What is left of a file does not hide what is wrong in the rest: nothing of it is written.
    let text =
        |name: &str, more: &str, last: u8| format!("let {name} = 1;\nuse_it({name});\n{more}{gap}let z = {last};\n");
    let (base, ours, theirs) = (text("old", "", 1), text("new", "", 2), text("old", "more(old, old);\n", 3));
    let told = stays(&Repo::new(&[("a.rs", &base, &ours, &theirs)]), "a.rs", "in different ways");
    assert_eq!(told.counts(), (0, 2), "{}", told.completed);
    // Though each hunk by itself is safe.
    let text = |name: &str, more: &str, call: &str, last: u8| {
        format!("let {name} = 1;\n{gap}{call}\n{more}{gap}let z = {last};\n")
    };
    let base = text("old", "", "f(a, b);", 1);
    let (ours, theirs) = (text("new", "", "f(c, b);", 2), text("old", "more(old);\n", "f(a, d);", 3));
    let told = stays(&Repo::new(&[("a.rs", &base, &ours, &theirs)]), "a.rs", "did away with the name `old`");
    assert_eq!(told.counts(), (0, 2), "{}", told.completed);
    // In Python, of no block: theirs puts a line beside one that they changed, ours took what it would stand in.
    let text = |head: &str, indent: &str, more: &str| format!("{head}{indent}f(a)\n{more}{indent}g(a)\n{gap}z(1, b)\n");
    let base = text("if a:\n", "    ", "");
    let (ours, theirs) =
        (text("", "", "").replace("(1, b)", "(2, b)"), text("if a:\n", "    ", "    h(a)\n").replace("b)", "c)"));
    let told = stays(&Repo::new(&[("a.py", &base, &ours, &theirs)]), "a.py", "in different ways");
    assert_eq!(told.counts(), (1, 1), "{}", told.completed);
    let call = ["is(f(a), b)\n", "is(f(a))\n", "equal(f(a), b)\n"];
    stays(&Repo::new(&[("a.rs", call[0], call[1], call[2])]), "a.rs", "in different ways");
}

#[test]
fn removed_renamed_and_added_files() {
    left_alone(&Repo::new(&[("a.rs", "a\n", "b\n", "")]), "a.rs", "removed, or renamed, on theirs");
    left_alone(&Repo::new(&[("a.rs", "a\n", "", "b\n")]), "a.rs", "removed, or renamed, on our side");
    left_alone(&Repo::new(&[("a.rs", "", "a\n", "b\n")]), "a.rs", "added on both sides");
    let text = "a long enough\ntext to be\nthe same file\n";
    let renamed = [("a.rs", text, "", ""), ("b.rs", "", text, ""), ("c.rs", "", "", text)];
    let repo = Repo::new(&renamed);
    left_alone(&repo, "a.rs", "renamed or removed in different ways");
    left_alone(&repo, "b.rs", "into the way of something else");
}

#[test]
fn links_and_submodules() {
    let repo = Repo::empty();
    repo.git(&["init", "-q"]);
    for (target, branch) in [("base", "main"), ("theirs", "x"), ("ours", "main")] {
        repo.try_git(&["checkout", "-q", "-b", branch]);
        repo.try_git(&["checkout", "-q", branch]);
        drop(fs::remove_file(repo.root().join("link")));
        std::os::unix::fs::symlink(target, repo.root().join("link")).unwrap();
        repo.git(&["add", "-A"]);
        repo.git(&["commit", "-q", "-m", target]);
        let oid = repo.git(&["rev-parse", "HEAD"]);
        repo.git(&["update-index", "--add", "--cacheinfo", "160000", oid.trim(), "sub"]);
        repo.git(&["commit", "-q", "-m", target]);
    }
    left_alone(&repo, "link", "a symbolic link");
    left_alone(&repo, "sub", "a submodule");
}

/// A repository with these files on each side, of bytes that are no text.
fn of_bytes(path: &str, attributes: &str, texts: [&[u8]; 3]) -> Repo {
    let repo = Repo::empty();
    repo.git(&["init", "-q"]);
    for (bytes, branch) in texts.into_iter().zip(["main", "x", "main"]) {
        repo.try_git(&["checkout", "-q", "-b", branch]);
        repo.try_git(&["checkout", "-q", branch]);
        repo.write(".gitattributes", attributes);
        repo.write(path, bytes);
        repo.git(&["add", "-A"]);
        repo.git(&["commit", "-q", "--allow-empty", "-m", "bytes"]);
    }
    repo
}

#[test]
fn what_is_no_plain_text() {
    left_alone(&of_bytes("a.bin", "", [b"a\0\n", b"b\0\n", b"c\0\n"]), "a.bin", "not a text");
    left_alone(
        &of_bytes("a.rs", "", [b"f(a, b, \xe4)\n", b"g(a, b, \xe4)\n", b"f(a, c, \xe4)\n"]),
        "a.rs",
        "not UTF-8",
    );
    let texts = [&b"f(a, b)\n"[..], b"f(a, c)\n", b"g(a, b)\n"];
    for (attributes, reason) in [
        ("*.rs merge=mine\n", "`merge` is `mine`"),
        ("*.rs -merge\n", "`merge` is `unset`"),
        ("*.rs filter=none\n", "`filter` is `none`"),
        ("*.rs ident\n", "`ident` is `set`"),
        ("*.rs conflict-marker-size=9\n", "`conflict-marker-size` is `9`"),
    ] {
        left_alone(&of_bytes("a.rs", attributes, texts), "a.rs", reason);
    }
    let marked = |word: &str| format!("f(a, {word})\n=======\n");
    let (base, ours, theirs) = (marked("b"), marked("c"), marked("d"));
    left_alone(&Repo::new(&[("a.rs", &base, &ours, &theirs)]), "a.rs", "look like conflict markers");
}

#[test]
fn what_is_over_a_bound() {
    let long = |word: &str| format!("f(a, {word})\n{}\n", "x".repeat(MAX_FILE_BYTES));
    let (base, ours, theirs) = (long("b"), long("c"), long("d"));
    left_alone(&Repo::new(&[("a.rs", &base, &ours, &theirs)]), "a.rs", "larger than 1024 KiB");

    // Two files at the bound of one are looked into, and no third.
    let line = "f(a, b);\n";
    let most = |line: &str| format!("{line}{}\n", "x".repeat(MAX_FILE_BYTES - line.len() - 1));
    let (base, ours, theirs) = (most(line), most("g(a, b);\n"), most("f(a, c);\n"));
    let names = ["a.c", "b.c", "c.c"];
    let repo = Repo::new(&names.map(|name| (name, base.as_str(), ours.as_str(), theirs.as_str())));
    let told = repo.merge();
    assert_eq!(3 * 2 * MAX_FILE_BYTES, MAX_ALL_BYTES);
    assert_eq!((told.status(), told.counts()), ("conflicts", (2, 1)));
    assert!(told.reason("c.c").contains("all files in conflict are larger than 6144 KiB"), "{}", told.reason("c.c"));
    // Asked again, the third has the room, and what is done is told with what is left of it.
    let told = repo.merge();
    assert_eq!((told.status(), told.counts()), ("resolved", (2, 0)), "{}", told.completed);
    assert_eq!(told.file("c.c").get("status").unwrap(), told.file("a.c").get("status").unwrap());

    let repo = Repo::new(&[("a.rs", "f(a, b)\n", "f(a, c)\n", "f(a, d)\n")]);
    repo.try_git(&["merge", "-q", "--no-commit", "x"]);
    repo.write("a.rs", "x".repeat(4 * MAX_FILE_BYTES + 1));
    left_alone(&repo, "a.rs", "the file in the folder is too large");

    let many = |hunks: usize, word: &str| format!("{word}\n1\n2\n3\n4\n5\n6\n7\n").repeat(hunks);
    let texts = ["b", "c", "d"].map(|word| many(MAX_HUNKS + 1, word));
    left_alone(&Repo::new(&[("a.rs", &texts[0], &texts[1], &texts[2])]), "a.rs", "has 201 conflicts, more than 200");
    let texts = ["b", "c", "d"].map(|word| many(MAX_HUNKS, word));
    let told = stays(&Repo::new(&[("a.rs", &texts[0], &texts[1], &texts[2])]), "a.rs", "in different ways");
    assert_eq!(told.counts(), (0, 200));
    let told_hunks = told.file("a.rs").get("hunks").unwrap().as_array().unwrap().len();
    assert_eq!((told_hunks, told.file("a.rs").get("hunks_omitted").unwrap().as_u64()), (50, Some(150)));

    let lines = |word: &str| format!("{word}\n").repeat(MAX_HUNK_LINES + 1);
    let (base, ours, theirs) = (lines("b"), lines("c"), lines("d"));
    stays(&Repo::new(&[("a.rs", &base, &ours, &theirs)]), "a.rs", "too long to be looked into");
    // Where no line is rare, the fewest edits are looked for.
    let (base, most) = ("a\n".repeat(3_000), "a\n".repeat(100));
    let (ours, theirs) = (format!("{most}b\n"), format!("{most}c\n"));
    left_alone(&Repo::new(&[("a.rs", &base, &ours, &theirs)]), "a.rs", "too far apart");
}

#[test]
fn more_files_than_are_looked_at() {
    let names: Vec<String> = (0..=MAX_FILES).map(|at| format!("{at:03}.rs")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), "f(a, b);\n", "g(a, b);\n", "f(a, c);\n")).collect();
    let repo = Repo::new(&files);
    let told = repo.merge();
    assert_eq!((told.status(), told.counts()), ("conflicts", (100, 1)));
    assert_eq!(told.completed.get("files_omitted").unwrap(), 1);
    assert!(told.message.contains("1 more files in conflict were not looked at"), "{}", told.message);
    assert!(told.message.contains("- and 70 more"), "{}", told.message);
    assert_eq!(repo.git(&["diff", "--name-only", "--diff-filter=U"]), "100.rs\n");
}

#[test]
fn files_that_were_not_asked_for() {
    let texts = ("f(a, b);\n", "g(a, b);\n", "f(a, c);\n");
    let repo = Repo::new(&[("a.rs", texts.0, texts.1, texts.2), ("b.rs", texts.0, texts.1, texts.2)]);
    let told = repo.merge_with("{}", r#"{"chat_id":"c","branch":"x","conflicted_files":["b.rs"]}"#);
    assert_eq!((told.status(), told.counts()), ("conflicts", (1, 1)));
    assert!(told.reason("a.rs").contains("not one of the files asked for"));
    assert_eq!(repo.read("b.rs"), "g(a, c);\n");
}

#[test]
fn a_file_that_somebody_is_at() {
    let files = [("a.rs", "f(a, b);\n", "g(a, b);\n", "f(a, c);\n")];
    for edited in [
        // Resolved by hand, one side taken, another line added, the file gone.
        "both(a, b, c);\n".to_owned(),
        "g(a, b);\n".to_owned(),
        "<<<<<<< HEAD\ng(a, b);\n=======\nf(a, c);\n>>>>>>> x\nmore();\n".to_owned(),
        "<<<<<<< HEAD\ng(a, b, c);\n=======\nf(a, c);\n>>>>>>> x\n".to_owned(),
    ] {
        let repo = Repo::new(&files);
        repo.try_git(&["merge", "-q", "--no-commit", "x"]);
        repo.write("a.rs", &edited);
        left_alone(&repo, "a.rs", "somebody is at it");
        assert_eq!(repo.read("a.rs"), edited);
    }
    let repo = Repo::new(&files);
    repo.try_git(&["merge", "-q", "--no-commit", "x"]);
    fs::remove_file(repo.root().join("a.rs")).unwrap();
    left_alone(&repo, "a.rs", "the file in the folder is not there");
}

#[test]
fn what_git_would_stage_otherwise_is_taken_back() {
    // What is staged is not what was written: a filter that only some other configuration has.
    let repo = Repo::new(&[("a.rs", "f(a, b);\n", "g(a, b);\n", "f(a, c);\n")]);
    let (home, root) = (repo.home(), repo.root());
    mock::with(|host| {
        host.programs = Programs::played_by(move |asked| {
            if asked.args.iter().any(|arg| arg == "add") {
                fs::write(root.join("a.rs"), "something(else);\n").unwrap();
            }
            play(&home, &root, asked)
        });
    });
    let told = repo.merge();
    assert_eq!((told.status(), told.counts()), ("conflicts", (0, 1)));
    assert!(told.reason("a.rs").contains("not what was written, so the conflict is made again"));
    assert!(repo.read("a.rs").contains("<<<<<<<") && repo.git(&["ls-files", "-u"]).contains("a.rs"));
}

#[test]
fn what_the_prompt_holds_is_bounded_and_fenced() {
    let text = |word: &str| format!("```\n{}\n", format!("{word}{}\n", "x".repeat(60)).repeat(60));
    let texts = ["b", "c", "d"].map(text);
    let names: Vec<String> = (0..10).map(|at| format!("{at}.md")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), &*texts[0], &*texts[1], &*texts[2])).collect();
    let told = Repo::new(&files).merge();
    let prompt = told.prompt.unwrap();
    assert!(prompt.len() < prompt::MAX_PROMPT_BYTES + 200, "{}", prompt.len());
    assert!(prompt.contains("And 5 more: `git diff --diff-filter=U` shows them."), "{prompt}");
    // One version is cut, and of many conflicts the first are told.
    let long = ["b", "c", "d"].map(|word| format!("{}\n", word.repeat(MAX_SIDE_BYTES + 1)));
    let told = Repo::new(&[("a.md", &long[0], &long[1], &long[2])]).merge();
    assert!(told.prompt.unwrap().contains(&format!("\n{}…\n", "c".repeat(MAX_SIDE_BYTES))));
    let many = ["b", "c", "d"].map(|word| format!("{word}\n1\n2\n3\n4\n5\n").repeat(60));
    let told = Repo::new(&[("a.md", &many[0], &many[1], &many[2])]).merge();
    assert!(told.prompt.unwrap().contains("And 10 more"));
    let repo = Repo::new(&[("a.rs", "a\n", "b\n", "c\n")]);
    assert!(repo.merge_with(r#"{"prompt":false}"#, r#"{"chat_id":"c","branch":"x"}"#).prompt.is_none());
}
