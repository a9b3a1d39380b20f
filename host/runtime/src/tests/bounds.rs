//! Bounds of single host calls, reached through the imports themselves.

use super::World;
use super::charges::{EMITS_PER_MINUTE, state};
use crate::bindings::tollgate::plugin::bus::EmitError;
use crate::bindings::tollgate::plugin::data::DataError;
use crate::bindings::tollgate::plugin::store::StoreError;
use crate::bindings::tollgate::plugin::types::Draft;
use crate::bindings::tollgate::plugin::workspace::WorkspaceError;
use crate::bindings::tollgate::plugin::{bus, data, store, workspace};
use crate::host::data::MAX_READ_BYTES;
use crate::limits::{MAX_STORE_BYTES, MAX_STORE_KEY_BYTES};

#[tokio::test(flavor = "multi_thread")]
async fn a_store_holds_a_bounded_number_of_bytes() {
    let world = World::new();
    let state = &mut state(&world, u64::MAX);
    let most = usize::try_from(MAX_STORE_BYTES).unwrap();
    let full = store::Host::set(state, "a".into(), vec![0; most - 1]).await.unwrap();
    assert!(full.is_ok(), "exactly as much as may be");
    let over = store::Host::set(state, "b".into(), Vec::new()).await.unwrap();
    assert!(matches!(over, Err(StoreError::OverQuota)));
    assert_eq!(state.over_budget, 1);
    // What there is too much of may always become less.
    assert!(store::Host::set(state, "a".into(), vec![0; 10]).await.unwrap().is_ok());
    let key = |bytes: usize| "k".repeat(bytes);
    assert!(store::Host::set(state, key(MAX_STORE_KEY_BYTES), Vec::new()).await.unwrap().is_ok());
    let long = store::Host::set(state, key(MAX_STORE_KEY_BYTES + 1), Vec::new()).await.unwrap();
    assert!(matches!(long, Err(StoreError::KeyTooLong)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_holds_a_bounded_number_of_files_and_a_read_a_bounded_number_of_bytes() {
    let world = World::new();
    let state = &mut state(&world, u64::MAX);
    let most = usize::try_from(MAX_READ_BYTES).unwrap();
    data::Host::append(state, "f0".into(), vec![1; most + 10]).unwrap().unwrap();
    assert_eq!(data::Host::read(state, "f0".into(), 0, u32::MAX).unwrap().unwrap().len(), most);
    for file in 1..1_000 {
        data::Host::append(state, format!("f{file}"), Vec::new()).unwrap().unwrap();
    }
    let over = data::Host::append(state, "one-more".into(), Vec::new()).unwrap();
    assert!(matches!(over, Err(DataError::OverQuota)), "{over:?}");
    assert!(data::Host::append(state, "f7".into(), vec![1]).unwrap().is_ok(), "one that is there");
    // Whoever else puts files there does not make a list without end.
    std::fs::write(world.home.data("p").join("one-more"), "").unwrap();
    assert_eq!(data::Host::names(state).unwrap().unwrap().len(), 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minute_has_room_for_a_bounded_number_of_emits() {
    let world = World::new();
    let state = &mut state(&world, u64::MAX);
    let mut emit = || {
        let draft = Draft { type_: "demo.x".into(), entity: None, payload: "{}".into() };
        bus::Host::emit(state, draft).unwrap()
    };
    let passed = (0..EMITS_PER_MINUTE).filter(|_| emit().is_ok()).count();
    assert_eq!(passed, usize::try_from(EMITS_PER_MINUTE).unwrap());
    assert!(matches!(emit(), Err(EmitError::OverBudget)), "an event has room for more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_has_a_bounded_number_of_bytes() {
    let world = World::new();
    let state = &mut state(&world, u64::MAX);
    // Short names all: a single long one is the file system's to refuse.
    let path = "a/".repeat(2_049);
    let refused = workspace::Host::stat(state, path).await.unwrap();
    assert!(matches!(refused, Err(WorkspaceError::Denied)), "{refused:?}");
}
