//! What runs in one terminal session: signalled, counted and killed as a whole, and reaped.
//!
//! The session's id is its leader's, which stays taken as long as the leader is not reaped; so a leader that has
//! ended is left unreaped until the rest was killed. Each process is held by a descriptor and looked at again
//! before it is signalled, so no signal reaches a stranger. What leaves the session (`setsid`) is out of reach.

use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitIdStatus, pidfd_open, pidfd_send_signal, waitid,
};
use std::fs;
use std::os::fd::OwnedFd;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How often what is killed or stopped is looked for again: whatever starts faster than that is no program but a
/// fork bomb, and its end is the leader's terminal hanging up.
const ROUNDS: usize = 32;

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// With this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

/// What a session's processes used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    /// Processor time, with that of processes that have ended, in milliseconds.
    pub(crate) cpu_ms: u64,
    /// Memory that is there now, in bytes; what is shared counts for each.
    pub(crate) resident_bytes: u64,
    /// How many there are.
    pub(crate) processes: u64,
}

/// What tells a session's processes from any that come later, so that they are found after a restart of the host.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Identity {
    /// The leader.
    pub(crate) pid: i32,
    /// When it began, in clock ticks since the system did.
    pub(crate) ticks: u64,
    /// Which start of the system that was.
    pub(crate) boot: String,
}

/// The processes of one terminal session. Dropped, they are killed and the leader is reaped.
pub(crate) struct Processes {
    leader: Pid,
    exit: Option<Exit>,
    /// Waits for the leader's end and leaves it unreaped.
    waiter: JoinHandle<Result<Option<WaitIdStatus>, Errno>>,
}

impl Processes {
    /// Those of the session that `leader`, a child of this process, leads. Needs a running tokio runtime.
    pub(super) fn new(leader: Pid) -> Self {
        let waiter = tokio::task::spawn_blocking(move || wait(leader, WaitIdOptions::NOWAIT));
        Self { leader, exit: None, waiter }
    }

    /// Waits until the leader has ended, and leaves it unreaped. Cancel-safe.
    pub(crate) async fn ended(&mut self) -> Exit {
        if let Some(exit) = self.exit {
            return exit;
        }
        let exit = match (&mut self.waiter).await {
            Ok(Ok(Some(status))) => exit_of(&status),
            // Only where someone else reaps this process's children.
            Ok(Ok(None) | Err(_)) | Err(_) => {
                tracing::warn!(pid = self.leader.as_raw_pid(), "runner.wait: the program's end was not seen");
                Exit::Signal(Signal::KILL.as_raw())
            }
        };
        self.exit = Some(exit);
        exit
    }

    /// Sends `signal` to every process of the session. Blocks for a look at the process table.
    pub(crate) fn signal(&self, signal: Signal) {
        for member in members(self.leader) {
            member.send(signal, self.leader);
        }
    }

    /// Stops every process, and those that were started meanwhile. Blocks as [`Processes::signal`].
    pub(crate) fn stop(&self) {
        self.until_none(Signal::STOP, |member| member.lives() && !matches!(member.state, b'T' | b't'));
    }

    /// Kills every process, and those that were started meanwhile. Blocks as [`Processes::signal`].
    pub(crate) fn kill(&self) {
        self.until_none(Signal::KILL, Member::lives);
    }

    /// What they used so far. Blocks as [`Processes::signal`].
    pub(crate) fn usage(&self) -> Usage {
        let (hertz, page) = (rustix::param::clock_ticks_per_second().max(1), rustix::param::page_size());
        members(self.leader).iter().fold(Usage::default(), |sum, member| Usage {
            cpu_ms: sum.cpu_ms + member.cpu_ticks * 1_000 / hertz,
            resident_bytes: sum.resident_bytes + member.resident_pages * u64::try_from(page).unwrap_or(4_096),
            processes: sum.processes + u64::from(member.lives()),
        })
    }

    /// What they are found by after a restart of the host.
    pub(crate) fn identity(&self) -> Option<Identity> {
        let leader = member(self.leader)?;
        Some(Identity { pid: self.leader.as_raw_pid(), ticks: leader.began, boot: boot()? })
    }

    fn until_none(&self, signal: Signal, is_wanted: impl Fn(&Member) -> bool) {
        for round in 0..ROUNDS {
            let left: Vec<_> = members(self.leader).into_iter().filter(&is_wanted).collect();
            if left.is_empty() {
                return;
            }
            left.iter().for_each(|member| member.send(signal, self.leader));
            // What is in the kernel takes it when it comes out.
            std::thread::sleep(Duration::from_micros(50 << round.min(7)));
        }
        tracing::warn!(pid = self.leader.as_raw_pid(), ?signal, "runner.signal: some processes do not react to it yet");
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.kill();
        let leader = self.leader;
        if let Ok(None) = wait(leader, WaitIdOptions::NOHANG) {
            // It does not die at once: it is in the kernel, or another user's.
            let reap = move || wait(leader, WaitIdOptions::empty()).map(drop);
            if let Err(error) = std::thread::Builder::new().name("tollgate-reap".into()).spawn(reap) {
                tracing::warn!(pid = leader.as_raw_pid(), %error, "runner.reap");
            }
        }
    }
}

/// Kills what is left of a session whose host is gone; how many processes that were. Blocks for a look at the
/// process table.
pub(crate) fn kill_left_over(identity: &Identity) -> usize {
    let Some(leader) = Pid::from_raw(identity.pid).filter(|_| boot().as_ref() == Some(&identity.boot)) else {
        return 0;
    };
    // A leader that began at another time is a stranger, and so are those of its session. Where there is none, the
    // id is still the session's as long as it has a process.
    if member(leader).is_some_and(|found| found.began != identity.ticks) {
        return 0;
    }
    let is_left = |member: &Member| member.began >= identity.ticks && member.lives();
    let left: Vec<_> = members(leader).into_iter().filter(is_left).collect();
    left.iter().for_each(|member| member.send(Signal::KILL, leader));
    left.len()
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

fn exit_of(status: &WaitIdStatus) -> Exit {
    match status.exit_status() {
        Some(code) => Exit::Code(code),
        None => Exit::Signal(status.terminating_signal().unwrap_or_default()),
    }
}

/// A process as the system's table has it.
struct Member {
    pid: Pid,
    state: u8,
    session: i32,
    /// Its own time and that of its children that ended.
    cpu_ticks: u64,
    began: u64,
    resident_pages: u64,
}

impl Member {
    /// Whether it has not ended; what has may be unreaped.
    fn lives(&self) -> bool {
        !matches!(self.state, b'Z' | b'X')
    }

    /// Signals it, if it is still the one that was seen.
    fn send(&self, signal: Signal, session: Pid) {
        let Ok(held) = pidfd_open(self.pid, PidfdFlags::empty()) else { return };
        let is_same =
            member(self.pid).is_some_and(|now| now.began == self.began && now.session == session.as_raw_pid());
        if is_same {
            self.send_to(&held, signal);
        }
    }

    fn send_to(&self, held: &OwnedFd, signal: Signal) {
        match pidfd_send_signal(held, signal) {
            Ok(()) | Err(Errno::SRCH) => {}
            // A program that runs as another user (`sudo`) ends when it likes.
            Err(error) => tracing::warn!(pid = self.pid.as_raw_pid(), %error, "runner.signal"),
        }
    }
}

/// The processes of a session, those that ended and are not reaped too.
fn members(session: Pid) -> Vec<Member> {
    let Ok(table) = fs::read_dir("/proc") else {
        tracing::warn!("runner.processes: /proc cannot be read, so programs cannot be found");
        return Vec::new();
    };
    let pids = table.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let found = pids.filter_map(Pid::from_raw).filter_map(member);
    found.filter(|member| member.session == session.as_raw_pid()).collect()
}

fn member(pid: Pid) -> Option<Member> {
    let stat = fs::read(format!("/proc/{}/stat", pid.as_raw_pid())).ok()?;
    parse(pid, &String::from_utf8_lossy(&stat))
}

/// One line of the table. The second field is the program's name, in brackets, and may hold anything.
fn parse(pid: Pid, stat: &str) -> Option<Member> {
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    // Numbered from the third, as the manual numbers them.
    let field = |number: usize| fields.get(number - 3).copied();
    let number = |at: usize| field(at)?.parse::<u64>().ok();
    // Children's times are signed there.
    let times = (14..=17).map(number).try_fold(0, |sum, ticks| Some(sum + ticks?))?;
    Some(Member {
        pid,
        state: field(3)?.bytes().next()?,
        session: field(6)?.parse().ok()?,
        cpu_ticks: times,
        began: number(22)?,
        resident_pages: number(24)?,
    })
}

fn boot() -> Option<String> {
    Some(fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::*;

    #[tokio::test]
    async fn what_reacts_to_nothing_is_looked_for_so_often_and_then_left() {
        let folder = tempfile::tempdir().unwrap();
        let order = crate::program::Order {
            program: "sleep".to_owned(),
            args: vec!["600".to_owned()],
            env: Vec::new(),
            given: Vec::new(),
            folder: folder.path().to_owned(),
            size: crate::program::Size { cols: 80, rows: 24 },
        };
        let program = crate::program::launch(order).await.unwrap();
        let looked = tokio::task::spawn_blocking(move || {
            let rounds = std::cell::Cell::new(0);
            let leader = program.processes.leader;
            // What goes on is not what is asked for: it never is as wanted.
            program.processes.until_none(Signal::CONT, |member| {
                rounds.set(rounds.get() + usize::from(member.pid == leader));
                rounds.get() < 10 * ROUNDS
            });
            (rounds.get(), program)
        });
        let (rounds, program) = tokio::time::timeout(Duration::from_secs(30), looked).await.unwrap().unwrap();
        assert_eq!(rounds, ROUNDS);
        drop(program);
    }

    #[test]
    fn a_line_of_the_table_is_read_whatever_the_program_is_called() {
        let pid = Pid::from_raw(77).unwrap();
        let line =
            "77 (a) R 9 (b) S 1 70 71 34816 70 4194304 1 2 3 4 10 20 30 40 20 0 1 0 5555 1000 321 18446744073709551615";
        let found = parse(pid, line).unwrap();
        assert_eq!((found.state, found.session, found.cpu_ticks), (b'S', 71, 100));
        assert_eq!((found.began, found.resident_pages), (5_555, 321));
        for broken in ["", "77 (sh", "77 (sh) S 1", "77 (sh) S 1 70 x 34816"] {
            assert!(parse(pid, broken).is_none(), "{broken}");
        }
    }

    #[test]
    fn nothing_of_another_time_or_another_start_is_killed() {
        let me = rustix::process::getpid();
        let own = member(me).unwrap();
        let identity = Identity { pid: me.as_raw_pid(), ticks: own.began + 1, boot: boot().unwrap() };
        assert_eq!(kill_left_over(&identity), 0, "it began at another time");
        let identity = Identity { ticks: own.began, boot: "another".to_owned(), ..identity };
        assert_eq!(kill_left_over(&identity), 0, "the system has been started since");
        assert_eq!(kill_left_over(&Identity { pid: 0, ..identity }), 0);
    }
}
