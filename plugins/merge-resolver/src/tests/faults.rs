//! A handler that is stopped at any point and called again ends where it would have ended at once.

use super::*;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

const FILES: [(&str, &str, &str, &str); 2] = [
    ("a.rs", "f(a, b);\n", "g(a, b);\n", "f(a, c);\n"),
    ("d.rs", "f(1);\n\n\n\nv(1, 0);\n", "f(2);\n\n\n\nv(1, 2);\n", "f(3);\n\n\n\nw(1, 0);\n"),
];

/// From now on the `limit`-th program is the host's last: it runs (or does not) and the guest is gone.
fn stop_at(repo: &Repo, limit: usize, runs: bool) {
    let (home, root) = (repo.home(), repo.root());
    let count = Rc::new(Cell::new(0));
    mock::with(|host| {
        host.programs = Programs::played_by(move |asked| {
            count.set(count.get() + 1);
            if count.get() == limit {
                if runs {
                    play(&home, &root, asked)?;
                }
                panic!("stopped");
            }
            play(&home, &root, asked)
        });
    });
}

#[test]
fn stopped_anywhere_it_goes_on() {
    let repo = Repo::new(&FILES);
    let expected = repo.merge();
    let (state, programs) = (repo.state(), mock::with(|host| host.commands.len()));
    assert_eq!((expected.status(), expected.counts()), ("conflicts", (2, 1)), "{}", expected.completed);
    assert!(programs > 15, "{programs}");
    for limit in 1..=programs {
        for runs in [false, true] {
            let repo = Repo::new(&FILES);
            stop_at(&repo, limit, runs);
            let event = mock::event("command.merge", r#"{"chat_id":"c","branch":"x"}"#);
            catch_unwind(AssertUnwindSafe(|| MergeResolver::default().handle(&event))).unwrap_err();
            repo.refuse(|_| false);
            let told = repo.merge();
            assert_eq!((told.status(), told.counts()), (expected.status(), expected.counts()), "{limit} {runs}");
            for (path, ..) in FILES {
                assert_eq!(told.file(path), expected.file(path), "{limit} {runs}");
            }
            let (_, index, files) = repo.state();
            assert_eq!(index, state.1, "{limit} {runs}");
            let texts = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|(_, text)| text.clone()).collect::<Vec<_>>();
            assert_eq!(texts(&files), texts(&state.2), "{limit} {runs}");
        }
    }
}

#[test]
fn a_lock_of_somebody_elses_git_is_said() {
    let repo = Repo::new(&FILES);
    repo.write(".git/index.lock", "");
    let told = repo.merge();
    assert_eq!(told.status(), "failed");
    assert!(told.message.contains("Unable to write index."), "{}", told.message);
    fs::remove_file(repo.root().join(".git/index.lock")).unwrap();
    assert_eq!(repo.merge().status(), "conflicts");
}
