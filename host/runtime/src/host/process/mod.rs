//! `process`: granted programs in the workspace of the handled event's session. None outlives its call.
//!
//! What is asked for and granted is `capability`'s to say; how a program starts is `launch`, how it ends `group`,
//! and what a guest holds of it `child`.

mod child;
mod group;
mod launch;

pub use child::Child;
use group::End;
pub(crate) use group::{Group, KilledFor, Programs};

use super::GuestState;
use super::root::Root;
use crate::bindings::tollgate::plugin::process::{Chunk, Command, Exit, Host, HostChild, ProcessError};
use crate::capability::Denied;
use crate::limits::{FUEL_PER_START, MAX_PROGRAMS_PER_PLUGIN};
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasmtime::component::Resource;

/// The most of a call's time that is kept from its programs, so that the guest can still tell of a timeout; a
/// tenth of what is left where that is less.
const KEPT_FOR_THE_GUEST: Duration = Duration::from_millis(500);

impl Host for GuestState {
    async fn start(&mut self, command: Command) -> wasmtime::Result<Result<Resource<Child>, ProcessError>> {
        self.pay(FUEL_PER_START)?;
        self.charge(size(&command))?;
        Ok(match self.start_program(command).await {
            Ok(child) => Ok(self.table.push(child)?),
            Err(error) => Err(error),
        })
    }
}

impl HostChild for GuestState {
    async fn next_output(&mut self, child: Resource<Child>) -> wasmtime::Result<Option<Chunk>> {
        self.charge(0)?;
        let chunk = self.table.get_mut(&child)?.next_output().await;
        if let Some(chunk) = &chunk {
            self.charge(chunk.bytes.len())?;
        }
        Ok(chunk)
    }

    async fn wait(&mut self, child: Resource<Child>) -> wasmtime::Result<Exit> {
        self.charge(0)?;
        Ok(match self.table.get_mut(&child)?.wait().await {
            End::Code(code) => Exit::Code(code),
            End::Signal(signal) => Exit::Signal(signal),
            End::TimedOut => Exit::TimedOut,
            End::OutputLimit => Exit::OutputLimit,
        })
    }

    fn kill(&mut self, child: Resource<Child>) -> wasmtime::Result<()> {
        self.charge(0)?;
        self.table.get(&child)?.group().kill(KilledFor::Asked);
        Ok(())
    }

    fn drop(&mut self, child: Resource<Child>) -> wasmtime::Result<()> {
        self.table.delete(child)?;
        Ok(())
    }
}

impl GuestState {
    async fn start_program(&mut self, command: Command) -> Result<Child, ProcessError> {
        let session = self.session().ok_or(ProcessError::NoSession)?;
        let variables = command.env.iter().map(|(name, _)| name.as_str());
        let permit = self.capabilities.run(self.call.phase, &command.program, &command.args, variables);
        let permit = permit.map_err(|Denied| ProcessError::Denied)?;
        let root = Root::of(&session, &self.services.home).ok_or(ProcessError::NoSession)?;
        let Some(share) = self.usage.take_program() else {
            self.over_budget += 1;
            let why = format!("at most {MAX_PROGRAMS_PER_PLUGIN} programs of a plugin run at a time");
            return Err(ProcessError::Failed(why));
        };
        let slot = self.services.programs.reserve().map_err(|why| ProcessError::Failed(why.to_owned()))?;
        let deadline = deadline(Instant::now(), self.call.deadline, command.timeout_ms);
        let capabilities = Arc::clone(&self.capabilities);
        let launched =
            tokio::task::spawn_blocking(move || launch::launch(permit, command, &root, capabilities.env(), slot));
        let launched = launched.await.unwrap_or_else(|_| Err(ProcessError::Failed("the host is stopping".to_owned())));
        let child = Child::new(launched?, deadline.into(), share)?;
        if self.call.programs.len() >= MAX_PROGRAMS_PER_PLUGIN {
            self.call.programs.retain(|group| !group.is_over());
        }
        self.call.programs.push(Arc::clone(child.group()));
        Ok(child)
    }
}

/// When a program that starts `now` is killed: after its own time, and before the call's `end`.
fn deadline(now: Instant, end: Instant, timeout_ms: u32) -> Instant {
    let left = end.saturating_duration_since(now);
    let left = left.saturating_sub(KEPT_FOR_THE_GUEST.min(left / 10));
    now + left.min(Duration::from_millis(timeout_ms.into()))
}

/// Bytes that a command brings to the host.
fn size(command: &Command) -> usize {
    let Command { program, args, cwd, env, stdin, timeout_ms: _ } = command;
    let args: usize = args.iter().map(String::len).sum();
    let env: usize = env.iter().map(|(name, value)| name.len() + value.len()).sum();
    program.len() + args + cwd.as_ref().map_or(0, String::len) + env + stdin.as_ref().map_or(0, Vec::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_ends_before_its_call() {
        let now = Instant::now();
        for (call_ms, timeout_ms, expected_ms) in
            [(1_000, u32::MAX, 900), (1_000, 10, 10), (900_000, u32::MAX, 899_500), (0, 5, 0), (1_000, 0, 0)]
        {
            let found = deadline(now, now + Duration::from_millis(call_ms), timeout_ms);
            assert_eq!(found, now + Duration::from_millis(expected_ms), "{call_ms} {timeout_ms}");
        }
        assert_eq!(deadline(now, now, 7), now);
    }
}
