//! What there is to merge, each answer as itself; what changes nothing, what is taken up, what undoes it.

use super::*;

const SAFE: (&str, &str, &str, &str) = ("a.rs", "f(a, b);\n", "g(a, b);\n", "f(a, c);\n");

/// Asked with this payload, nothing changes, and the answer is `status` with `part` in its words.
fn unchanged(repo: &Repo, payload: &str, status: &str, part: &str) {
    let before = repo.state();
    let told = repo.merge_with("{}", payload);
    assert_eq!(told.status(), status, "{}", told.completed);
    assert!(told.message.contains(part), "{}", told.message);
    assert!(told.completed.get("undo").is_none() && told.prompt.is_none());
    assert_eq!(told.counts(), (0, 0));
    assert!(repo.state() == before, "something changed");
}

fn ask(branch: &str) -> String {
    json!({"chat_id": "c", "branch": branch}).to_string()
}

#[test]
fn what_is_not_merged() {
    let repo = Repo::new(&[SAFE]);
    unchanged(&repo, &ask("y"), "no_branch", "there is no branch `y`");
    unchanged(&repo, &ask("a..x"), "no_branch", "there is no branch");
    for bad in ["--abort", "-x", "x^", "x y", "", "x;ls", "$(ls)"] {
        unchanged(&repo, &ask(bad), "refused", "Not merged: a branch is named");
    }
    unchanged(&repo, &ask("main"), "up_to_date", "`main` holds all of `main` already");
    let other = r#"{"chat_id":"c","branch":"x","target_branch":"release"}"#;
    unchanged(&repo, other, "wrong_target", "check out `release` first");
    let other = r#"{"chat_id":"c","branch":"x","source_branch":"y"}"#;
    unchanged(&repo, other, "refused", "`source_branch` another one");
    repo.write("a.rs", "changed\n");
    unchanged(&repo, &ask("x"), "dirty", "changes that are not committed: `a.rs`");
    repo.git(&["add", "-A"]);
    unchanged(&repo, &ask("x"), "dirty", "`a.rs`");
}

#[test]
fn of_many_changed_files_some_are_named() {
    let names: Vec<String> = (0..12).map(|at| format!("{at:02}.rs")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), "a\n", "a\n", "a\n")).collect();
    let repo = Repo::new(&files);
    names.iter().for_each(|name| repo.write(name, "changed\n"));
    unchanged(&repo, &ask("x"), "dirty", "`08.rs`, `09.rs` and 2 more");
}

#[test]
fn a_new_file_in_the_way_stays() {
    let repo = Repo::new(&[("new.rs", "", "", "theirs\n")]);
    repo.write("new.rs", "mine\n");
    unchanged(&repo, &ask("x"), "dirty", "would be overwritten by merge");
    assert_eq!(repo.read("new.rs"), "mine\n");
}

#[test]
fn a_folder_that_cannot_be_merged_in() {
    let told = Repo::empty().merge();
    assert_eq!(told.status(), "not_a_repository");
    assert!(told.message.contains("is not a git repository"), "{}", told.message);

    let repo = Repo::empty();
    repo.git(&["init", "-q"]);
    assert!(repo.merge().message.contains("has no commit yet"));
    repo.git(&["init", "-q", "--bare", "bare"]);
    for (folder, part) in [("bare", "has no work tree here"), ("sub", "is `sub/` of a repository")] {
        fs::create_dir_all(repo.root().join(folder)).unwrap();
        let (home, root) = (repo.home(), repo.root().join(folder));
        mock::with(|host| host.programs = Programs::played_by(move |asked| play(&home, &root, asked)));
        let told = repo.merge();
        assert_eq!(told.status(), "not_a_repository");
        assert!(told.message.contains(part), "{}", told.message);
    }
}

#[test]
fn what_the_host_does_not_give() {
    for (error, status, part) in [
        (ProcessError::NoSession, "no_session", "no session with a workspace"),
        (ProcessError::Denied, "denied", "tollgate plugin grant merge-resolver"),
        (ProcessError::NotFound, "failed", "there is no program `git`"),
        (ProcessError::Failed("fork".to_owned()), "failed", "does not start: fork"),
    ] {
        let repo = Repo::new(&[SAFE]);
        mock::with(|host| host.programs = Programs::played_by(move |_| Err(error.clone())));
        let told = repo.merge();
        assert_eq!(told.status(), status);
        assert!(told.message.contains(part), "{}", told.message);
    }
}

#[test]
fn a_git_that_does_not_end_is_said() {
    use tollgate_sdk::process::Exit;
    for (exit, part) in
        [(Exit::TimedOut, "took too long"), (Exit::OutputLimit, "wrote too much"), (Exit::Signal(9), "signal 9")]
    {
        let repo = Repo::new(&[SAFE]);
        mock::with(|host| {
            host.programs = Programs::played_by(move |_| Ok(Finished { exit, ..Finished::new(0, b"", b"") }));
        });
        let told = repo.merge();
        assert_eq!(told.status(), "failed");
        assert!(told.message.contains(part), "{}", told.message);
    }
}

#[test]
fn programs_of_the_repository_do_not_run() {
    // A hook, a monitor and a filter, each of which would leave a file behind.
    let repo = Repo::new(&[SAFE]);
    let evidence = repo.home().join("ran");
    let script = format!("#!/bin/sh\ntouch '{}'\ncat\n", evidence.display());
    for hook in ["pre-merge-commit", "post-merge", "post-index-change", "prepare-commit-msg", "post-checkout"] {
        let place = repo.root().join(".git/hooks").join(hook);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(&place, &script).unwrap();
        fs::set_permissions(&place, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let program = repo.home().join("program");
    fs::write(&program, &script).unwrap();
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let program = program.to_str().unwrap().to_owned();
    repo.git(&["config", "core.fsmonitor", &program]);
    assert_eq!(repo.merge_with(r#"{"commit":true}"#, &ask("x")).status(), "resolved");
    assert!(!evidence.exists(), "a program of the repository ran");

    let settings = ["filter.f.clean", "filter.f.smudge", "filter.f.process", "merge.m.driver", "gpg.ssh.program"];
    for setting in settings.into_iter().chain(["gpg.program", "hook.h.command", "protocol.ext.allow"]) {
        let repo = Repo::new(&[SAFE]);
        repo.git(&["config", setting, &program]);
        unchanged(&repo, &ask("x"), "refused", &format!("runs a program (`{setting}`)"));
        // The user's own are the user's.
        repo.git(&["config", "--unset", setting]);
        let value = if setting.ends_with("allow") { "user" } else { "cat" };
        repo.git(&["config", "--global", setting, value]);
        assert_eq!(repo.merge().status(), "resolved");
    }
    // By way of another file.
    let repo = Repo::new(&[SAFE]);
    fs::write(repo.home().join("more"), format!("[filter \"f\"]\n\tclean = {program}\n")).unwrap();
    repo.git(&["config", "include.path", repo.home().join("more").to_str().unwrap()]);
    unchanged(&repo, &ask("x"), "refused", "runs a program (`filter.f.clean`)");
}

#[test]
fn without_a_conflict() {
    let repo = Repo::new(&[("ours.rs", "", "a\n", ""), ("theirs.rs", "", "", "b\n")]);
    let before = repo.state();
    let told = repo.merge();
    assert_eq!((told.status(), told.counts()), ("clean", (0, 0)));
    assert_eq!(repo.read("theirs.rs"), "b\n");
    assert!(repo.git(&["rev-parse", "MERGE_HEAD"]).len() > 1, "nothing is committed");
    repo.git(&["merge", "--abort"]);
    assert!(repo.state() == before);
    // Committed where configured, and then there is nothing to do.
    assert_eq!(repo.merge_with(r#"{"commit":true}"#, &ask("x")).completed.get("committed").unwrap(), true);
    unchanged(&repo, &ask("x"), "up_to_date", "holds all of `x` already");
}

#[test]
fn a_branch_that_is_only_ahead() {
    let repo = Repo::new(&[]);
    repo.git(&["checkout", "-q", "-b", "ahead"]);
    repo.commit([("new", "1\n")].into_iter(), "ahead");
    repo.git(&["checkout", "-q", "main"]);
    let before = repo.state();
    let told = repo.merge_with("{}", &ask("ahead"));
    assert_eq!(told.status(), "fast_forward");
    assert!(told.message.contains("a fast-forward would have done"), "{}", told.message);
    assert_eq!(repo.git(&["rev-parse", "HEAD"]), before.0, "it is a merge, and not committed");
    assert_eq!(repo.merge_with("{}", &ask("ahead")).status(), "fast_forward", "taken up");
    repo.git(&["merge", "--abort"]);
    assert!(repo.state() == before);
}

#[test]
fn branches_by_whatever_name() {
    // A tag of the same name, a branch of another repository, folders in names.
    let repo = Repo::new(&[SAFE]);
    repo.git(&["tag", "x", "main"]);
    assert_eq!(repo.merge().status(), "resolved");
    assert_eq!(repo.read("a.rs"), "g(a, c);\n");
    let repo = Repo::new(&[SAFE]);
    repo.git(&["update-ref", "refs/remotes/origin/x", "x"]);
    repo.git(&["branch", "-m", "x", "feature/x-1.0_a"]);
    let told = repo.merge_with("{}", &ask("feature/x-1.0_a"));
    assert_eq!(told.status(), "resolved");
    assert!(
        fs::read_to_string(repo.root().join(".git/MERGE_MSG")).unwrap().starts_with("Merge branch 'feature/x-1.0_a'")
    );
    repo.git(&["merge", "--abort"]);
    assert_eq!(repo.merge_with("{}", &ask("origin/x")).status(), "resolved");
    // Where no branch is checked out.
    repo.git(&["merge", "--abort"]);
    repo.git(&["checkout", "-q", "--detach"]);
    assert_eq!(repo.merge_with("{}", &ask("origin/x")).completed.get("target").unwrap(), "HEAD");
}

#[test]
fn what_is_undone_is_as_before() {
    let left = ("b.rs", "a\n", "b\n", "c\n");
    for files in [vec![SAFE], vec![SAFE, left], vec![left, ("c.rs", "a\n", "b\n", ""), ("d.rs", "", "", "new\n")]] {
        let repo = Repo::new(&files);
        let before = repo.state();
        let told = repo.merge();
        let undo = told.completed.get("undo").unwrap().as_str().unwrap().to_owned();
        assert!(told.message.contains(&undo), "{}", told.message);
        repo.git(&undo.split(' ').skip(1).collect::<Vec<_>>());
        assert!(repo.state() == before, "{files:?}");
        assert_eq!(repo.git(&["status", "--porcelain"]), "");
    }
}

#[test]
fn a_merge_in_progress_is_taken_up() {
    let left = ("b.rs", "a\n", "b\n", "c\n");
    for style in ["merge", "diff3", "zdiff3"] {
        let repo = Repo::new(&[SAFE, left]);
        repo.try_git(&["-c", &format!("merge.conflictStyle={style}"), "merge", "-q", "x"]);
        let told = repo.merge();
        assert_eq!((told.status(), told.counts()), ("conflicts", (1, 1)), "{style}");
        assert_eq!(told.completed.get("taken_up").unwrap(), true);
        assert_eq!(repo.read("a.rs"), "g(a, c);\n");
        // Once more: the same is told, and nothing changes.
        let before = repo.state();
        let again = repo.merge();
        assert_eq!((again.status(), again.counts()), ("conflicts", (1, 1)));
        assert!(repo.state() == before);
        // What somebody else resolved is not told as ours.
        repo.write("b.rs", "d\n");
        repo.git(&["add", "b.rs"]);
        let last = repo.merge();
        assert_eq!((last.status(), last.counts()), ("resolved", (1, 0)));
        assert_eq!(repo.read("b.rs"), "d\n");
    }
}

#[test]
fn another_operation_is_left_alone() {
    let repo = Repo::new(&[SAFE]);
    repo.git(&["branch", "y", "x~0"]);
    repo.git(&["checkout", "-q", "y"]);
    repo.commit([("more", "1\n")].into_iter(), "more");
    repo.git(&["checkout", "-q", "main"]);
    repo.try_git(&["merge", "-q", "y"]);
    unchanged(&repo, &ask("x"), "other_merge", "another merge is in progress");
    repo.git(&["merge", "--abort"]);
    repo.try_git(&["cherry-pick", "x"]);
    unchanged(&repo, &ask("x"), "other_operation", "in conflict without a merge");
}

#[test]
fn who_asked_is_answered() {
    let repo = Repo::new(&[SAFE]);
    repo.merge();
    let message = mock::emits().into_iter().find(|draft| draft.type_ == "message.out").unwrap();
    let message: payload::Message = serde_json::from_str(&message.payload).unwrap();
    assert_eq!((message.user_id.as_str(), message.chat_id.as_str()), ("ann", "c"));
    let event = mock::event("command.merge", r#"{"chat_id":"c"}"#);
    assert!(matches!(MergeResolver::default().handle(&event), Err(Failure::Failed(_))));
}
