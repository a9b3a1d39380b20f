//! A program and what it started: one process group, killed as a whole and reaped, whatever ends it.
//!
//! The group's id is its leader's, which stays taken as long as the leader is not reaped: so a leader that has
//! ended is left unreaped until the group was killed, and no signal ever reaches a stranger. What leaves the
//! group (`setsid`) is out of reach. Knows nothing of guests.

use crate::limits::MAX_PROGRAMS;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process_group, waitid};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Why the host killed a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KilledFor {
    /// The guest asked for it, dropped it, or its call ended.
    Asked,
    /// Its time was up.
    Timeout,
    /// It wrote too much.
    Output,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With this code.
    Code(i32),
    /// Killed by this signal.
    Signal(i32),
    /// Killed when its time was up.
    TimedOut,
    /// Killed when it had written too much.
    OutputLimit,
}

/// One process group.
pub(crate) struct Group {
    leader: Pid,
    state: Mutex<State>,
    killed: Notify,
}

#[derive(Default)]
struct State {
    /// The first reason.
    killed: Option<KilledFor>,
    /// The leader's id is free again: nothing is sent to it any more.
    reaped: bool,
}

impl Group {
    /// Kills the program and all that it started and that is still in its group; nothing once it is gone.
    pub(crate) fn kill(&self, why: KilledFor) {
        let mut state = self.state();
        if state.reaped {
            return;
        }
        state.killed.get_or_insert(why);
        self.signal();
        drop(state);
        self.killed.notify_one();
    }

    /// Whether nothing of it has to be killed any more.
    pub(crate) fn is_over(&self) -> bool {
        let state = self.state();
        state.reaped || state.killed.is_some()
    }

    /// Returns when it was killed, before or while this waits.
    pub(super) async fn was_killed(&self) {
        self.killed.notified().await;
    }

    /// Waits until the leader has ended, and leaves it unreaped.
    pub(super) async fn ended(&self) -> End {
        let leader = self.leader;
        let waited = tokio::task::spawn_blocking(move || wait(leader, WaitIdOptions::NOWAIT)).await;
        let killed = self.state().killed;
        match waited {
            Ok(Ok(Some(status))) => end_of(&status, killed),
            // Only where someone else reaps this process's children.
            Ok(Ok(None) | Err(_)) | Err(_) => {
                tracing::warn!(pid = leader.as_raw_pid(), "process.wait: the program's end was not seen");
                End::Signal(Signal::KILL.as_raw())
            }
        }
    }

    /// Kills what is left and reaps the leader. Where it does not die at once, a thread waits for it.
    fn end(&self) {
        let mut state = self.state();
        self.signal();
        state.reaped = true;
        if let Ok(None) = wait(self.leader, WaitIdOptions::NOHANG) {
            let leader = self.leader;
            let reaper = std::thread::Builder::new().name("tollgate-reap".into());
            if let Err(error) = reaper.spawn(move || wait(leader, WaitIdOptions::empty())) {
                tracing::warn!(pid = leader.as_raw_pid(), %error, "process.reap");
            }
        }
    }

    fn signal(&self) {
        match kill_process_group(self.leader, Signal::KILL) {
            // Gone, or no one left in it.
            Ok(()) | Err(Errno::SRCH) => {}
            // A program that runs as another user (`sudo`) ends when it likes.
            Err(error) => tracing::warn!(pid = self.leader.as_raw_pid(), %error, "process.kill"),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for the leader's end; with `NOWAIT` it can be waited for again.
fn wait(leader: Pid, options: WaitIdOptions) -> Result<Option<WaitIdStatus>, Errno> {
    loop {
        match waitid(WaitId::Pid(leader), WaitIdOptions::EXITED | options) {
            Err(Errno::INTR) => {}
            other => return other,
        }
    }
}

fn end_of(status: &WaitIdStatus, killed: Option<KilledFor>) -> End {
    if let Some(code) = status.exit_status() {
        return End::Code(code);
    }
    let signal = status.terminating_signal().unwrap_or_default();
    match killed {
        Some(KilledFor::Timeout) if signal == Signal::KILL.as_raw() => End::TimedOut,
        Some(KilledFor::Output) if signal == Signal::KILL.as_raw() => End::OutputLimit,
        _ => End::Signal(signal),
    }
}

/// Every program that runs, so that none outlives the host.
#[derive(Default)]
pub(crate) struct Programs(Mutex<Running>);

#[derive(Default)]
struct Running {
    stopped: bool,
    next: u64,
    /// None: it is being started.
    groups: HashMap<u64, Option<Arc<Group>>>,
}

impl Programs {
    /// Room for one more.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn reserve(self: &Arc<Self>) -> Result<Slot, &'static str> {
        let mut running = self.running();
        if running.stopped {
            return Err("the host is stopping");
        }
        if running.groups.len() >= MAX_PROGRAMS {
            return Err("as many programs run as the host allows");
        }
        running.next += 1;
        let number = running.next;
        running.groups.insert(number, None);
        Ok(Slot { programs: Arc::clone(self), number })
    }

    /// Kills every program and starts no other.
    pub(crate) fn stop(&self) {
        let mut running = self.running();
        running.stopped = true;
        running.groups.values().flatten().for_each(|group| group.kill(KilledFor::Asked));
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.running().groups.len()
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room for one program.
pub(super) struct Slot {
    programs: Arc<Programs>,
    number: u64,
}

impl Slot {
    /// Takes hold of a program that was just started as the leader of a group of its own.
    pub(super) fn hold(self, leader: Pid) -> Leash {
        let group = Arc::new(Group { leader, state: Mutex::default(), killed: Notify::new() });
        let mut running = self.programs.running();
        running.groups.insert(self.number, Some(Arc::clone(&group)));
        if running.stopped {
            group.kill(KilledFor::Asked);
        }
        drop(running);
        Leash { group, _slot: self }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.programs.running().groups.remove(&self.number);
    }
}

/// Holds a group: dropped, it is killed and reaped, and its slot is free.
pub(super) struct Leash {
    pub(super) group: Arc<Group>,
    _slot: Slot,
}

impl Drop for Leash {
    fn drop(&mut self) {
        self.group.end();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
    #![expect(clippy::zombie_processes, reason = "the leash reaps")]
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    fn start(programs: &Arc<Programs>, script: &str) -> Leash {
        let slot = programs.reserve().unwrap();
        let mut command = Command::new("sh");
        let child = command.args(["-c", script]).process_group(0).stdout(Stdio::null()).spawn().unwrap();
        slot.hold(Pid::from_child(&child))
    }

    fn exists(pid: Pid) -> bool {
        rustix::process::test_kill_process(pid).is_ok()
    }

    #[tokio::test]
    async fn a_program_that_ended_keeps_its_id_until_the_leash_is_dropped() {
        let programs = Arc::new(Programs::default());
        let leash = start(&programs, "exit 3");
        let leader = leash.group.leader;
        assert_eq!(leash.group.ended().await, End::Code(3));
        assert_eq!(leash.group.ended().await, End::Code(3), "it can be asked again");
        assert!(exists(leader) && programs.count() == 1);
        drop(leash);
        assert!(!exists(leader), "reaped");
        assert_eq!(programs.count(), 0);
    }

    #[tokio::test]
    async fn a_kill_says_what_it_was_for_unless_the_program_was_faster() {
        let programs = Arc::new(Programs::default());
        for (script, why, expected) in [
            ("sleep 60", KilledFor::Asked, End::Signal(9)),
            ("sleep 60", KilledFor::Timeout, End::TimedOut),
            ("sleep 60", KilledFor::Output, End::OutputLimit),
        ] {
            let leash = start(&programs, script);
            leash.group.kill(why);
            leash.group.kill(KilledFor::Asked);
            leash.group.was_killed().await;
            assert_eq!(leash.group.ended().await, expected);
        }
        let leash = start(&programs, "kill -TERM $$");
        assert_eq!(leash.group.ended().await, End::Signal(15));
        leash.group.kill(KilledFor::Timeout);
        assert_eq!(leash.group.ended().await, End::Signal(15));
    }

    #[tokio::test]
    async fn a_leash_that_is_dropped_early_leaves_no_zombie() {
        let programs = Arc::new(Programs::default());
        let leash = start(&programs, "sleep 60");
        let leader = leash.group.leader;
        drop(leash);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while exists(leader) {
            assert!(std::time::Instant::now() < deadline, "it is there still");
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn the_host_runs_a_bounded_number_and_none_once_it_stops() {
        let programs = Arc::new(Programs::default());
        let slots: Vec<Slot> = (0..MAX_PROGRAMS).map(|_| programs.reserve().unwrap()).collect();
        assert_eq!(programs.reserve().err(), Some("as many programs run as the host allows"));
        drop(slots);
        let leash = start(&programs, "sleep 60");
        let late = programs.reserve().unwrap();
        programs.stop();
        assert_eq!(leash.group.ended().await, End::Signal(9));
        assert_eq!(programs.reserve().err(), Some("the host is stopping"));
        let child = Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
        assert_eq!(late.hold(Pid::from_child(&child)).group.ended().await, End::Signal(9), "started meanwhile");
    }
}
