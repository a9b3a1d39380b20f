//! `process`: programs in a session's workspace. Not offered yet: every start answers `denied`, no trap, so a
//! plugin that can do without runs today.

use super::GuestState;
use crate::bindings::tollgate::plugin::process::{Chunk, Command, Exit, Host, HostChild, ProcessError};
use wasmtime::component::Resource;

/// A running program; there is none yet.
pub enum Child {}

impl Host for GuestState {
    fn start(&mut self, command: Command) -> wasmtime::Result<Result<Resource<Child>, ProcessError>> {
        self.charge(command.program.len())?;
        Ok(Err(ProcessError::Denied))
    }
}

impl HostChild for GuestState {
    fn next_output(&mut self, child: Resource<Child>) -> wasmtime::Result<Option<Chunk>> {
        match *self.table.get(&child)? {}
    }

    fn wait(&mut self, child: Resource<Child>) -> wasmtime::Result<Exit> {
        match *self.table.get(&child)? {}
    }

    fn kill(&mut self, child: Resource<Child>) -> wasmtime::Result<()> {
        match *self.table.get(&child)? {}
    }

    fn drop(&mut self, child: Resource<Child>) -> wasmtime::Result<()> {
        match self.table.delete(child)? {}
    }
}
