//! `workspace`: files of the handled event's session. Not offered yet: every call answers `no-session` where
//! the event has none, else `denied`, no trap.

use super::GuestState;
use crate::bindings::tollgate::plugin::workspace::{FileInfo, Host, WorkspaceError};

type Answer<T> = wasmtime::Result<Result<T, WorkspaceError>>;

impl Host for GuestState {
    fn read(&mut self, _path: String, _offset: u64, _length: u32) -> Answer<Vec<u8>> {
        refuse(self)
    }

    fn write(&mut self, _path: String, _offset: u64, _bytes: Vec<u8>, _truncate: bool) -> Answer<()> {
        refuse(self)
    }

    fn remove(&mut self, _path: String) -> Answer<()> {
        refuse(self)
    }

    fn names(&mut self, _directory: String) -> Answer<Vec<String>> {
        refuse(self)
    }

    fn stat(&mut self, _path: String) -> Answer<FileInfo> {
        refuse(self)
    }
}

fn refuse<T>(state: &mut GuestState) -> Answer<T> {
    state.charge(0)?;
    let in_session = state.call.session.is_some();
    Ok(Err(if in_session { WorkspaceError::Denied } else { WorkspaceError::NoSession }))
}
