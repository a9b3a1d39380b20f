//! Each of the host's interfaces, as a plugin's own test sees it: it works, it is remembered, and it can be refused.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::interactions::{AskError, Question};
use crate::session::EffectError;
use crate::workspace::WorkspaceError;
use crate::{DataError, EmitError, Failure, StoreError, bus, data, interactions, process, session, store, workspace};

fn question(details: &str) -> Question {
    Question {
        kind: "approval".to_owned(),
        text: "go on?".to_owned(),
        options: Vec::new(),
        details: details.to_owned(),
        ttl_ms: None,
    }
}

#[test]
fn a_test_sets_what_each_interface_answers() {
    let folder = tempfile::tempdir().unwrap();
    with(|host| {
        host.workspace = Some(folder.path().to_owned());
        host.programs = Programs::played_by(|_| Ok(Finished::new(0, b"", b"")));
    });
    let program = process::command("cargo", ["test"]);
    let all = || {
        [
            bus::emit("x.done", &serde_json::json!({})).map_err(|error| format!("{error:?}")),
            store::set("key", b"value").map_err(|error| format!("{error:?}")),
            data::append("file", b"bytes").map(drop).map_err(|error| format!("{error:?}")),
            workspace::write_all("file", b"bytes").map_err(|error| format!("{error:?}")),
            process::run(&program).map(drop).map_err(|error| format!("{error:?}")),
            interactions::ask(&question("")).map(drop).map_err(|error| format!("{error:?}")),
            session::prompt("go on").map_err(|error| format!("{error:?}")),
        ]
    };
    assert!(all().iter().all(Result::is_ok));
    with(|host| {
        host.emit_error = Some(EmitError::OverBudget);
        host.store_error = Some(StoreError::OverQuota);
        host.data_error = Some(DataError::OverQuota);
        host.workspace_error = Some(WorkspaceError::Denied);
        host.programs = Programs::played_by(|_| Err(process::ProcessError::Denied));
        host.ask_error = Some(AskError::Denied);
        host.effect_error = Some(EffectError::Denied);
    });
    let refused = all().map(|answer| answer.unwrap_err().rsplit("::").next().unwrap().to_owned());
    assert_eq!(refused, ["OverBudget", "OverQuota", "OverQuota", "Denied", "Denied", "Denied", "Denied"]);
    let counts = with(|host| (host.emits.len(), host.store.len(), host.questions.len(), host.effects.len()));
    assert_eq!(counts, (1, 1, 1, 1), "what is refused is not remembered");
    assert_eq!(store::get("key"), Err(StoreError::OverQuota));
    assert!(matches!(Failure::from(StoreError::OverQuota), Failure::Failed(_)));
}

#[test]
fn a_store_that_is_read_only_is_read() {
    store::set("a.1", b"one").unwrap();
    with(|host| host.read_only = true);
    assert_eq!(store::set("a.2", b"two"), Err(StoreError::Unavailable));
    assert_eq!(store::delete("a.1"), Err(StoreError::Unavailable));
    assert_eq!(store::keys("a."), Ok(vec!["a.1".to_owned()]));
    assert_eq!(store::get("a.1"), Ok(Some(b"one".to_vec())));
}

#[test]
fn questions_and_effects_are_remembered_in_order() {
    assert_eq!(interactions::ask(&question("")), Ok("interaction-1".to_owned()));
    assert!(matches!(interactions::ask(&question("[]")), Err(AskError::Invalid(_))));
    assert_eq!(interactions::ask(&question("{}")), Ok("interaction-2".to_owned()));
    session::set_mode("plan").unwrap();
    session::grant("cargo").unwrap();
    let effects = [Effect::SetMode("plan".to_owned()), Effect::Grant("cargo".to_owned())];
    assert_eq!(with(|host| host.effects.clone()), effects);
}
