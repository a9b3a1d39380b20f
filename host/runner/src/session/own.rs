//! A session whose program the host runs: from its workspace to its last event.
//!
//! One loop over what the program, people, the clock and the workspace do; one thing at a time, so what is told is
//! in order. Looks at the process table (a few milliseconds) are taken here; looks at the disk are not.

use super::gated::{Gate, Gated};
use super::outside::HOST_STOPPED;
use super::{Ending, Request, Session, answer};
use crate::error::RunnerError;
use crate::limits::{
    GATHER, LINGER, MAX_HELD_BYTES, MAX_INPUT_BYTES, READ_BYTES, SCAN_EVERY, STOP_GRACE, TICK_EVERY, sleep_until_due,
};
use crate::output::Output;
use crate::program::{Exit, Order, Program, Usage, launch};
use crate::state::State;
use crate::workspace::{self, Snapshot};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::future::{Future, pending};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until};
use tollgate_core::bus::EmitError;
use tollgate_core::event::Draft;
use tollgate_core::interactions::Interaction;
use tollgate_core::time::Timestamp;

/// Prepares, starts and runs the session's program, and ends the session; returns also when the runner is gone,
/// which takes the program along.
pub(crate) async fn run(mut session: Session, order: Order, mailbox: mpsc::Receiver<Request>) {
    let folder = order.folder.clone();
    let ending = match begin(&mut session, order).await {
        Ok(live) => live.run(&mut session, mailbox).await,
        Err(ending) => Some(ending),
    };
    let Some((ending, base)) = ending.map(|ending| (ending.ending, ending.base)) else { return };
    if let Some(base) = base {
        let summary = spawn_blocking(move || workspace::summary(&folder, &base)).await;
        if let Ok(Some(summary)) = summary {
            session.tell_diff(summary).await;
        }
    }
    session.finish(ending).await;
}

/// How it ends, and the commit that it began at.
struct Ended {
    ending: Ending,
    base: Option<String>,
}

/// Up to RUNNING.
async fn begin(session: &mut Session, order: Order) -> Result<Live, Ended> {
    let failed = |reason: String| Ended { ending: Ending::failed(reason), base: None };
    let unrecorded = |error: RunnerError| failed(format!("its state could not be recorded: {error}"));
    session.go(State::PreparingWorkspace, None).await.map_err(unrecorded)?;
    let folder = order.folder.clone();
    let prepare = spawn_blocking(move || (workspace::scan(&folder), workspace::base(&folder)));
    let (before, base) = prepare.await.map_err(|error| failed(format!("its workspace was not looked at: {error}")))?;
    session.go(State::StartingProvider, None).await.map_err(unrecorded)?;
    let folder = order.folder.clone();
    // Before its program is there to ask anything.
    let gate = Gate::of(&session.context.bus, &session.who.id);
    let program = launch(order).await.map_err(|error| failed(error.to_string()))?;
    let process = program.processes.identity().and_then(|identity| serde_json::to_value(identity).ok());
    session.run(process).await.map_err(unrecorded)?;
    Ok(Live::new(program, folder, before, base, session.now(), gate))
}

/// A program that runs, and what is known of it.
struct Live {
    program: Program,
    folder: PathBuf,
    base: Option<String>,
    output: Output,
    /// When what was read is told.
    tell_at: Option<Instant>,
    /// What was typed and not read.
    input: VecDeque<u8>,
    /// Nobody has the terminal open any more.
    closed: bool,
    before: Snapshot,
    scan: Option<JoinHandle<Snapshot>>,
    scan_at: Timestamp,
    ticked_at: Timestamp,
    /// The processor time that ticks told of.
    ticked_cpu: u64,
    cpu_ms: u64,
    most_resident: u64,
    /// When it is killed.
    kill_at: Option<Timestamp>,
    /// It had to be killed.
    killed: bool,
    exit: Option<Exit>,
    /// Until when what it started may write.
    linger: Option<Instant>,
    gate: Gate,
}

enum Happened {
    Request(Option<Request>),
    Read(io::Result<usize>),
    Wrote(io::Result<usize>),
    Tell,
    Exited(Exit),
    Lingered,
    Settled(Arc<str>, Box<Interaction>),
    Gated(Gated),
    Scanned(Result<Snapshot, JoinError>),
    Clock,
}

impl Live {
    fn new(
        program: Program,
        folder: PathBuf,
        before: Snapshot,
        base: Option<String>,
        now: Timestamp,
        gate: Gate,
    ) -> Self {
        Self {
            program,
            folder,
            base,
            output: Output::new(Instant::now()),
            tell_at: None,
            input: VecDeque::new(),
            closed: false,
            before,
            scan: None,
            scan_at: now.after(SCAN_EVERY),
            ticked_at: now,
            ticked_cpu: 0,
            cpu_ms: 0,
            most_resident: 0,
            kill_at: None,
            killed: false,
            exit: None,
            linger: None,
            gate,
        }
    }

    /// Until the program has ended; none where the runner is gone.
    async fn run(mut self, session: &mut Session, mut mailbox: mpsc::Receiver<Request>) -> Option<Ended> {
        let mut bytes = [0; READ_BYTES];
        while self.exit.is_none() || !(self.closed || self.linger.is_none()) {
            match self.next(session, &mut mailbox, &mut bytes).await {
                Happened::Request(None) => return None,
                Happened::Request(Some(request)) => self.handle(session, request).await,
                Happened::Read(read) => self.read(read, &bytes),
                Happened::Wrote(Ok(count)) => drop(self.input.drain(..count.min(self.input.len()))),
                // Nobody will read it.
                Happened::Wrote(Err(_)) => self.input.clear(),
                Happened::Tell => self.tell_output(session).await,
                Happened::Exited(exit) => {
                    self.count(self.program.processes.usage());
                    (self.exit, self.linger) = (Some(exit), Some(Instant::now() + LINGER));
                }
                Happened::Lingered => self.linger = None,
                Happened::Settled(id, how) => {
                    if let Err(error) = session.settled(&id, &how).await {
                        session.doom(&format!("an answer could not be recorded: {error}"));
                        self.end(session);
                    } else if session.state() == State::Stopping {
                        self.end(session);
                    }
                }
                Happened::Gated(gated) => {
                    if let Err(error) = session.gated(&gated).await {
                        tracing::warn!(session = %session.who().id, %error, "runner.gate: that it waits is not recorded");
                    }
                }
                Happened::Scanned(Ok(now)) => self.scanned(session, now).await,
                Happened::Scanned(Err(error)) => {
                    tracing::warn!(session = %session.who().id, %error, "runner.scan");
                    (self.scan, self.scan_at) = (None, session.now().after(SCAN_EVERY));
                }
                Happened::Clock => self.clock(session).await,
            }
        }
        Some(self.over(session).await)
    }

    async fn next(
        &mut self,
        session: &mut Session,
        mailbox: &mut mpsc::Receiver<Request>,
        bytes: &mut [u8],
    ) -> Happened {
        let clock = session.context.bus.clock().clone();
        let due = [Some(self.ticked_at.after(TICK_EVERY)), self.scan.is_none().then_some(self.scan_at), self.kill_at];
        let left = sleep_until_due(clock.now(), due.into_iter().flatten().min());
        let Program { terminal, processes } = &mut self.program;
        let (typed, _) = self.input.as_slices();
        tokio::select! {
            request = mailbox.recv() => Happened::Request(request),
            (id, how) = session.next_settled() => Happened::Settled(id, Box::new(how)),
            read = terminal.read(bytes), if !self.closed => Happened::Read(read),
            wrote = terminal.write(typed), if !typed.is_empty() => Happened::Wrote(wrote),
            gated = self.gate.next() => Happened::Gated(gated),
            () = at(self.tell_at) => Happened::Tell,
            exit = processes.ended(), if self.exit.is_none() => Happened::Exited(exit),
            () = at(self.linger) => Happened::Lingered,
            scanned = done(self.scan.as_mut()) => Happened::Scanned(scanned),
            () = clock.sleep(left) => Happened::Clock,
        }
    }

    async fn handle(&mut self, session: &mut Session, request: Request) {
        match request {
            Request::Input { bytes, reply } => answer(reply, self.typed(session, &bytes)),
            Request::Resize { size, reply } => {
                let resized = self.program.terminal.resize(size).map_err(|_| RunnerError::size());
                answer(reply, resized);
            }
            Request::Stop { by, reply } => {
                let stopped = session.go(State::Stopping, Some(&format!("stopped by {by}"))).await;
                if stopped.is_ok() {
                    self.end(session);
                }
                answer(reply, stopped);
            }
            Request::Pause { by, reply } => {
                let paused = session.go(State::PausedByHuman, Some(&format!("paused by {by}"))).await;
                if paused.is_ok() {
                    self.program.processes.stop();
                }
                answer(reply, paused);
            }
            Request::Resume { by, reply } => {
                let resumed = session.resume(&format!("resumed by {by}")).await;
                if resumed.is_ok() {
                    self.program.processes.signal(Signal::CONT);
                }
                answer(reply, resumed);
            }
            Request::Ask { what, reply } => answer(reply, session.ask(what).await),
            Request::Take { drafts, may_approve, reply } => {
                let taken = session.take(drafts, may_approve, true).await;
                if session.state() == State::Stopping {
                    self.end(session);
                }
                answer(reply, taken);
            }
            Request::Close => {
                session.doom(HOST_STOPPED);
                if let Err(error) = session.go(State::Stopping, Some(HOST_STOPPED)).await {
                    tracing::warn!(session = %session.who().id, %error, "runner.close: not told of before it ends");
                }
                self.end(session);
            }
        }
    }

    fn typed(&mut self, session: &Session, bytes: &[u8]) -> Result<(), RunnerError> {
        session.machine.lives()?;
        if self.input.len() + bytes.len() > MAX_INPUT_BYTES {
            return Err(RunnerError::InputFull(self.input.len()));
        }
        self.input.extend(bytes);
        Ok(())
    }

    /// Tells the program to end, once; it is killed where it does not in time.
    fn end(&mut self, session: &Session) {
        if self.kill_at.is_none() && !self.killed {
            self.kill_at = Some(session.now().after(STOP_GRACE));
            self.program.processes.signal(Signal::TERM);
            // What is stopped hears nothing.
            self.program.processes.signal(Signal::CONT);
        }
    }

    fn read(&mut self, read: io::Result<usize>, bytes: &[u8]) {
        match read {
            Ok(0) | Err(_) => self.closed = true,
            Ok(count) => {
                self.output.push(bytes.get(..count).unwrap_or(bytes));
                self.tell_at.get_or_insert_with(|| Instant::now() + GATHER);
            }
        }
    }

    async fn tell_output(&mut self, session: &Session) {
        let now = Instant::now();
        while let Some(chunk) = self.output.take(now) {
            let bytes = u64::try_from(chunk.text.len()).unwrap_or(u64::MAX).saturating_add(chunk.dropped);
            if !session.tell_passing(session.who().chunk(chunk).map(|draft| vec![draft])).await {
                self.output.lose(bytes);
            }
        }
        self.tell_at = self.output.ready_at().map(|at| at.max(now + GATHER));
    }

    async fn clock(&mut self, session: &mut Session) {
        let now = session.now();
        if let Err(error) = session.go_on("the gate has its answer").await {
            tracing::warn!(session = %session.who().id, %error, "runner.gate: that it goes on is not recorded");
        }
        if self.kill_at.is_some_and(|at| now >= at) && !self.killed {
            self.killed = true;
            self.kill_at = None;
            self.program.processes.kill();
        }
        if now >= self.ticked_at.after(TICK_EVERY) {
            let usage = self.program.processes.usage();
            self.count(usage);
            let units = json!({
                "cpuMs": self.cpu_ms.saturating_sub(self.ticked_cpu),
                "residentBytes": usage.resident_bytes,
                "processes": usage.processes,
            });
            let interval = self.ticked_at.until(now);
            session.tell_passing(session.who().tick(&units, interval).map(|draft| vec![draft])).await;
            (self.ticked_at, self.ticked_cpu) = (now, self.cpu_ms);
        }
        if now >= self.scan_at && self.scan.is_none() {
            let folder = self.folder.clone();
            self.scan = Some(spawn_blocking(move || workspace::scan(&folder)));
        }
    }

    async fn scanned(&mut self, session: &Session, now: Snapshot) {
        (self.scan, self.scan_at) = (None, session.now().after(SCAN_EVERY));
        session.tell_passing(session.who().touched(now.since(&self.before))).await;
        self.before = now;
    }

    /// What was used only grows: of processes that nobody waited for, the system does not say any more.
    fn count(&mut self, usage: Usage) {
        self.cpu_ms = self.cpu_ms.max(usage.cpu_ms);
        self.most_resident = self.most_resident.max(usage.resident_bytes);
    }

    /// Kills what is left, tells what it wrote last, and says how it ended.
    async fn over(mut self, session: &mut Session) -> Ended {
        self.program.processes.kill();
        let mut bytes = [0; READ_BYTES];
        // What a terminal holds is less; whoever left its session may write on for ever.
        for _ in 0..MAX_HELD_BYTES / 64 {
            match self.program.terminal.read_now(&mut bytes) {
                Ok(0) | Err(_) => break,
                Ok(count) => self.output.push(bytes.get(..count).unwrap_or_default()),
            }
        }
        for chunk in self.output.finish() {
            session.tell_passing(session.who().chunk(chunk).map(|draft| vec![draft])).await;
        }
        if let Some(scan) = self.scan.take() {
            scan.abort();
        }
        let folder = self.folder.clone();
        if let Ok(now) = spawn_blocking(move || workspace::scan(&folder)).await {
            self.scanned(session, now).await;
        }
        let usage = self.usage();
        let (last, reason, exit_code) = self.judge(session);
        let Self { program, base, .. } = self;
        drop(program);
        Ended { ending: Ending { last, reason, exit_code, usage: Some(usage) }, base }
    }

    fn usage(&self) -> Value {
        json!({
            "cpuMs": self.cpu_ms,
            "maxResidentBytes": self.most_resident,
            "outputBytes": self.output.total(),
            "droppedBytes": self.output.total_dropped(),
        })
    }

    fn judge(&self, session: &Session) -> (State, Option<String>, Option<i64>) {
        let stopped = session.state() == State::Stopping;
        let (text, code) = match self.exit {
            Some(Exit::Code(code)) => (format!("its program ended with code {code}"), Some(i64::from(code))),
            Some(Exit::Signal(signal)) => (format!("its program was ended by signal {signal}"), None),
            None => ("its program's end was not seen".to_owned(), None),
        };
        if self.killed {
            let grace = STOP_GRACE.as_secs();
            return (State::Failed, Some(format!("it was told to stop, and killed after {grace} s")), code);
        }
        match (stopped, code) {
            // Why, its move to STOPPING has said.
            (true, _) => (State::Completed, session.status.borrow().reason.clone(), code),
            (false, Some(0)) => (State::Completed, Some(text), code),
            (false, _) => (State::Failed, Some(text), code),
        }
    }
}

impl Session {
    /// Tells what may get lost; whether it was told.
    async fn tell_passing(&self, drafts: Result<Vec<Draft>, EmitError>) -> bool {
        let told = match drafts {
            Ok(drafts) if drafts.is_empty() => return true,
            Ok(drafts) => self.tell(drafts).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &told {
            tracing::warn!(session = %self.who.id, %error, "runner.tell: something of a session is not recorded");
        }
        told.is_ok()
    }

    /// Tells `diff.summary`; where its files are too much for one event, their counts.
    async fn tell_diff(&self, mut summary: workspace::Summary) {
        let told = match self.who.diff(&summary) {
            Ok(draft) => self.tell(vec![draft]).await,
            Err(error) => Err(error),
        };
        if matches!(told, Err(EmitError::TooLarge(_))) {
            summary.files.clear();
            summary.partial = true;
            self.tell_passing(self.who.diff(&summary).map(|draft| vec![draft])).await;
        } else if let Err(error) = told {
            tracing::warn!(session = %self.who.id, %error, "runner.diff: the summary of a session is not recorded");
        }
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}

async fn done<T>(task: Option<&mut (impl Future<Output = T> + Unpin)>) -> T {
    match task {
        Some(task) => task.await,
        None => pending().await,
    }
}
