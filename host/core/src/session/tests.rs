//! Sessions: their roots, their chats, what outlives a restart, and their bounds.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::bus::BusOptions;
use crate::journal::{Durability, JournalOptions};
use crate::time::Clock;

struct Fixture {
    folder: PathBuf,
    bus: Bus,
    _folder: tempfile::TempDir,
}

fn open_bus(folder: &Path) -> Bus {
    let journal = JournalOptions { path: folder.join("journal.db"), durability: Durability::Normal };
    Bus::open(BusOptions { journal, filter: None, clock: Clock::system() }).unwrap()
}

fn fixture() -> Fixture {
    let made = tempfile::tempdir().unwrap();
    let folder = made.path().canonicalize().unwrap();
    for path in ["src/repo/.git", "src/repo/deep/er", "src/plain", "src-other", "up/.git", "up/in/side"] {
        std::fs::create_dir_all(folder.join(path)).unwrap();
    }
    Fixture { bus: open_bus(&folder), folder, _folder: made }
}

fn check_root(allow: &str, cwd: &str, given: &[&str], roots: &[&str]) {
    let Fixture { bus, folder, _folder } = fixture();
    let sessions = Sessions::open(&bus, vec![folder.join(allow)]).unwrap();
    let given: Vec<PathBuf> = given.iter().map(|root| folder.join(root)).collect();
    let cwd = folder.join(cwd);
    let session = sessions.resolve(&SessionHint { id: Some("s"), agent: None, cwd: Some(&cwd), roots: &given });
    assert_eq!(session.roots, roots.iter().map(|root| folder.join(root)).collect::<Vec<_>>());
}

#[test]
fn roots_are_the_repository_else_the_folder_where_allowed() {
    check_root("src", "src/repo/deep/er", &[], &["src/repo"]);
    check_root("src", "src/plain", &[], &["src/plain"]);
    check_root("src", "src-other", &[], &[]);
    check_root("src", "missing", &[], &[]);
    check_root("src", "src/plain/../../src-other", &[], &[]);
    check_root("up/in", "up/in/side", &[], &["up/in/side"]);
    check_root("src", "src/plain", &["src/repo", "src-other"], &["src/repo"]);
}

#[test]
fn a_session_outlives_a_restart_with_its_chat() {
    let Fixture { bus, folder, _folder } = fixture();
    let allow = vec![folder.join("src")];
    let cwd = folder.join("src/repo");
    let sessions = Sessions::open(&bus, allow.clone()).unwrap();
    sessions.resolve(&SessionHint { id: Some("s1"), agent: Some("codex"), cwd: Some(&cwd), roots: &[] });
    let bound = sessions.bind_chat("s1", "chat-7", Some("ada"));
    assert_eq!(sessions.by_chat("chat-7"), Some(Arc::clone(&bound)));
    assert_eq!(sessions.by_chat("s1"), None, "the old chat no longer finds it");
    drop((sessions, bus));
    let sessions = Sessions::open(&open_bus(&folder), allow).unwrap();
    assert_eq!(sessions.get("s1"), Some(Arc::clone(&bound)));
    assert_eq!(sessions.by_chat("chat-7"), Some(bound));
}

#[tokio::test]
async fn a_session_that_the_journal_refused_later_is_saved_when_it_is_seen_again() {
    use crate::event::Draft;
    let Fixture { bus, folder, _folder } = fixture();
    let allow = vec![folder.join("src")];
    let (first, second) = (folder.join("src/repo"), folder.join("src/plain"));
    let sessions = Sessions::open(&bus, allow.clone()).unwrap();
    let ids: Vec<String> = (0..100).map(|number| format!("{number}-{}", "x".repeat(200))).collect();
    let see = |sessions: &Sessions, cwd: &Path| {
        let hint = |id| SessionHint { id: Some(id), agent: None, cwd: Some(cwd), roots: &[] };
        ids.iter().map(|id| sessions.resolve(&hint(id)).roots.clone()).collect::<Vec<_>>()
    };
    let large = || {
        let event_type = tollgate_events::EventType::parse("test.large").unwrap();
        bus.emit(Draft::new(event_type, "core", format!("{{\"x\":\"{}\"}}", "y".repeat(200_000))))
    };
    bus.limit_pages(1).await.unwrap();
    see(&sessions, &first);
    // Behind the sessions in the queue: they are refused by now.
    assert!(large().await.is_err());
    bus.limit_pages(u32::MAX).await.unwrap();
    see(&sessions, &first);
    large().await.unwrap();
    drop((sessions, bus));
    let sessions = Sessions::open(&open_bus(&folder), allow).unwrap();
    assert_eq!(sessions.list().len(), ids.len());
    assert!(see(&sessions, &second).iter().all(|roots| *roots == [first.clone()]), "none has moved");
}

#[test]
fn a_chat_stays_with_the_session_bound_to_it_last() {
    let Fixture { bus, folder, _folder } = fixture();
    let sessions = Sessions::open(&bus, vec![folder.join("src")]).unwrap();
    sessions.bind_chat("a", "c", None);
    sessions.bind_chat("b", "c", None);
    let cwd = folder.join("src/repo");
    let found =
        |agent| sessions.resolve(&SessionHint { id: Some("a"), agent: Some(agent), cwd: Some(&cwd), roots: &[] });
    let changed = found("codex");
    assert_eq!((&*changed.agent, &*changed.chat_id), ("codex", "c"), "an agent that was not known is found");
    assert_eq!(changed.roots, std::slice::from_ref(&cwd));
    assert_eq!(&*sessions.by_chat("c").unwrap().id, "b");
    assert_eq!(&*found("gemini").agent, "codex", "and does not change");
    sessions.bind_chat("a", "c2", None);
    sessions.bind_chat("b", "c3", None);
    assert!(sessions.by_chat("c").is_none());
    assert_eq!(&*sessions.by_chat("c2").unwrap().id, "a");
}

#[test]
fn later_calls_do_not_move_a_session() {
    let Fixture { bus, folder, _folder } = fixture();
    let sessions = Sessions::open(&bus, vec![folder.join("src")]).unwrap();
    let (outside, first, second) = (folder.join("up"), folder.join("src/repo"), folder.join("src/plain"));
    let at = |cwd| sessions.resolve(&SessionHint { id: Some("s"), agent: None, cwd: Some(cwd), roots: &[] });
    assert!(at(&outside).roots.is_empty());
    assert!(at(&outside).roots.is_empty());
    assert_eq!(at(&first).roots, std::slice::from_ref(&first));
    assert_eq!(at(&second).roots, std::slice::from_ref(&first));
}

#[test]
fn nameless_calls_share_a_session_by_agent_and_folder() {
    let Fixture { bus, folder, _folder } = fixture();
    let sessions = Sessions::open(&bus, vec![folder.clone()]).unwrap();
    let of = |agent, cwd: &Path| {
        let hint = SessionHint { id: None, agent: Some(agent), cwd: Some(cwd), roots: &[] };
        Arc::clone(&sessions.resolve(&hint).id)
    };
    assert_eq!(of("a", &folder), of("a", &folder));
    assert_ne!(of("a", &folder), of("b", &folder));
    assert_ne!(of("a", &folder), of("a", &folder.join("src")));
}

#[test]
fn memory_holds_a_bounded_number_and_forgets_the_least_used() {
    let journal = JournalOptions { path: PathBuf::new(), durability: Durability::Memory };
    let bus = Bus::open(BusOptions { journal, filter: None, clock: Clock::system() }).unwrap();
    let sessions = Sessions::open(&bus, Vec::new()).unwrap();
    for number in 0..MAX_SESSIONS {
        sessions.resolve(&SessionHint { id: Some(&number.to_string()), ..SessionHint::default() });
    }
    assert!(sessions.get("0").is_some(), "and used again by this");
    sessions.resolve(&SessionHint { id: Some("one more"), ..SessionHint::default() });
    assert_eq!(sessions.list().len(), MAX_SESSIONS - FORGOTTEN_AT_ONCE + 1);
    assert!(sessions.get("0").is_some() && sessions.get("one more").is_some());
    assert!(sessions.get("1").is_none() && sessions.by_chat("1").is_none());
}

#[test]
fn roots_are_looked_for_on_another_thread_and_only_once() {
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    runtime.block_on(roots_are_looked_for());
}

/// On a runtime with one thread to block on, which is busy at first.
async fn roots_are_looked_for() {
    use futures_util::FutureExt;
    let (release, held) = std::sync::mpsc::channel::<()>();
    let busy = tokio::task::spawn_blocking(move || held.recv());
    let Fixture { bus, folder, _folder } = fixture();
    let sessions = Sessions::open(&bus, vec![folder.join("src")]).unwrap();
    let (repo, deep) = (folder.join("src/repo"), folder.join("src/repo/deep"));
    let hint = SessionHint { id: Some("s"), agent: None, cwd: Some(&deep), roots: &[] };
    assert!(sessions.resolve_async(&hint).now_or_never().is_none(), "it waits for the other thread");
    drop(release);
    assert!(busy.await.unwrap().is_err());
    assert_eq!(sessions.resolve_async(&hint).await.roots, [repo]);
    assert!(sessions.resolve_async(&hint).now_or_never().is_some(), "known by now");
    let bare = SessionHint { id: Some("bare"), ..SessionHint::default() };
    assert!(sessions.resolve_async(&bare).now_or_never().is_some(), "nothing to look for");
}

#[test]
fn no_more_roots_than_a_session_has_are_looked_at() {
    let Fixture { bus, folder, _folder } = fixture();
    let sessions = Sessions::open(&bus, vec![folder.clone()]).unwrap();
    let given: Vec<PathBuf> = (0..=MAX_ROOTS).map(|number| folder.join(format!("root{number}"))).collect();
    given.iter().for_each(|root| std::fs::create_dir(root).unwrap());
    let resolved =
        |id, given: &[PathBuf]| sessions.resolve(&SessionHint { id: Some(id), agent: None, cwd: None, roots: given });
    assert_eq!(resolved("all", &given).roots, given.get(..MAX_ROOTS).unwrap());
    let mut late = vec![folder.join("missing"); MAX_ROOTS];
    late.extend(given.clone());
    assert!(resolved("late", &late).roots.is_empty());
}

#[test]
fn where_a_session_is_shown_outlives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let bus = open_bus(folder.path());
    let sessions = Sessions::open(&bus, Vec::new()).unwrap();
    sessions.place("s1", Some("v1"), None);
    sessions.bind_chat("s1", "c1", None);
    let placed = sessions.place("s1", None, Some("r1"));
    assert_eq!((placed.village.as_deref(), placed.repo.as_deref(), &*placed.chat_id), (Some("v1"), Some("r1"), "c1"));
    assert_eq!(sessions.place("s1", Some("v2"), None).village.as_deref(), Some("v2"), "it can move");
    tokio::runtime::Runtime::new().unwrap().block_on(bus.close());
    let again = Sessions::open(&open_bus(folder.path()), Vec::new()).unwrap().get("s1").unwrap();
    assert_eq!((again.village.as_deref(), again.repo.as_deref()), (Some("v2"), Some("r1")));
}
