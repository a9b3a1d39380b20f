//! The one writer: a thread that commits what queued while its last commit ran.
//!
//! Owns the writing connection, the queue in front of it and the write-ahead log's size. No timer: a lone
//! draft is not delayed, and a crowd shares one commit; between two, retention takes a batch. Knows nothing of subscribers but the sink.

use super::failure::WriteFailure;
use super::mark::Mark;
use super::reader::Readers;
use super::retain::{NotRetained, Retaining};
use super::rows::Tip;
use super::schema::{LOCK_WAIT, Opened};
use super::types::JournalError;
use super::work::{Done, Work, apply};
use super::{Sink, lock};
use crate::event::Event;
use rusqlite::TransactionBehavior;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};

/// Most drafts in one commit, unless one batch alone has more: enough to share an fsync among a crowd,
/// few enough that the first of them does not wait for long.
pub const GROUP_DRAFTS: usize = 256;
/// Most KiB that wait for the writer (a draft counts at least one): a second or two of a busy disk.
const QUEUE_KIB: usize = 64 * 1024;
/// Above this many KiB of uncommitted completions, subscribers get no further events.
const COMPLETIONS_KIB: usize = 32 * 1024;
/// Above this many KiB a completion is refused: only a subscriber that ignores its backpressure gets here.
const MAX_COMPLETIONS_KIB: usize = 512 * 1024;
/// The write-ahead log is written back once it passes this.
pub const WAL_BYTES: u64 = 64 * 1024 * 1024;
/// A checkpoint that a reader held up is tried again after this much more.
const WAL_RETRY_BYTES: u64 = 16 * 1024 * 1024;
/// How long a checkpoint waits for other processes that read.
const CHECKPOINT_WAIT: Duration = Duration::from_millis(250);

/// The answer to one request.
pub(crate) type Reply = oneshot::Receiver<Result<Done, JournalError>>;

struct Job {
    work: Work,
    reply: oneshot::Sender<Result<Done, JournalError>>,
    /// Gives its room back once the job is done.
    _room: Room,
}

/// The room that a job takes in the queue.
enum Room {
    Waited { _permit: OwnedSemaphorePermit },
    Unwaited { kib: usize, shared: Arc<Shared> },
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Self::Unwaited { kib, shared } = self {
            shared.unwaited.fetch_sub(*kib, Ordering::SeqCst);
            shared.relieved.notify_waiters();
        }
    }
}

struct Shared {
    queue: Mutex<Queue>,
    arrived: Condvar,
    room: Arc<Semaphore>,
    /// KiB of jobs that were queued without waiting for room.
    unwaited: AtomicUsize,
    relieved: Notify,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    closed: bool,
}

/// Handle of the writer thread; dropping it commits what is queued and waits for the thread.
pub(super) struct Writer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(
        opened: Opened,
        path: &Path,
        readers: Arc<Readers>,
        head: Arc<AtomicU64>,
        sink: Sink,
    ) -> Result<Self, JournalError> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            arrived: Condvar::new(),
            room: Arc::new(Semaphore::new(QUEUE_KIB)),
            unwaited: AtomicUsize::new(0),
            relieved: Notify::new(),
        });
        let state = State {
            connection: opened.connection,
            tip: opened.tip,
            epoch: opened.epoch,
            mark: opened.mark,
            head,
            sink,
            readers,
            logged: opened.logged,
            checkpoint_at: WAL_BYTES,
            retaining: None,
            broken: None,
        };
        let stop = StopOnExit(Arc::clone(&shared));
        let thread = std::thread::Builder::new().name("journal".to_owned()).spawn(move || state.run(&stop.0)).map_err(
            |error| JournalError::Open { path: path.to_owned(), reason: format!("no writer thread: {error}") },
        )?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Queues `work`, waiting for room where there is none.
    pub(super) async fn submit(&self, work: Work) -> Result<Reply, JournalError> {
        let weight = u32::try_from(work.weight().min(QUEUE_KIB)).unwrap_or(u32::MAX);
        let permit =
            Arc::clone(&self.shared.room).acquire_many_owned(weight).await.map_err(|_| JournalError::Closed)?;
        self.push(work, Room::Waited { _permit: permit })
    }

    /// Queues `work` at once. What bounds it is [`Writer::relieved`], for which subscribers wait.
    pub(super) fn submit_now(&self, work: Work) -> Result<Reply, JournalError> {
        let kib = work.weight();
        let before = self.shared.unwaited.fetch_add(kib, Ordering::SeqCst);
        let room = Room::Unwaited { kib, shared: Arc::clone(&self.shared) };
        if before > MAX_COMPLETIONS_KIB {
            return Err(JournalError::Write("too much is uncommitted already".to_owned()));
        }
        self.push(work, room)
    }

    fn push(&self, work: Work, room: Room) -> Result<Reply, JournalError> {
        let (reply, answer) = oneshot::channel();
        let mut queue = lock(&self.shared.queue);
        if queue.closed {
            drop(queue);
            return Err(JournalError::Closed);
        }
        queue.jobs.push_back(Job { work, reply, _room: room });
        drop(queue);
        self.shared.arrived.notify_one();
        Ok(answer)
    }

    #[cfg(test)]
    pub(super) fn queued(&self) -> usize {
        lock(&self.shared.queue).jobs.len()
    }

    /// Waits until few enough completions are uncommitted.
    pub(super) async fn relieved(&self) {
        loop {
            let relieved = self.shared.relieved.notified();
            tokio::pin!(relieved);
            relieved.as_mut().enable();
            if self.shared.unwaited.load(Ordering::SeqCst) <= COMPLETIONS_KIB {
                return;
            }
            relieved.await;
        }
    }

    /// Refuses further work and hands out the thread to wait for; what is queued is still committed.
    pub(super) fn stop(&self) -> Option<JoinHandle<()>> {
        lock(&self.shared.queue).closed = true;
        self.shared.room.close();
        self.shared.arrived.notify_one();
        lock(&self.thread).take()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(thread) = self.stop() {
            // A writer that panicked has dropped its jobs already, and their callers know.
            let _panicked = thread.join();
        }
    }
}

/// However the thread ends, nobody waits for it in vain.
struct StopOnExit(Arc<Shared>);

impl Drop for StopOnExit {
    fn drop(&mut self) {
        let abandoned = {
            let mut queue = lock(&self.0.queue);
            queue.closed = true;
            std::mem::take(&mut queue.jobs)
        };
        self.0.room.close();
        drop(abandoned);
    }
}

struct State {
    connection: rusqlite::Connection,
    tip: Tip,
    epoch: u64,
    mark: Mark,
    head: Arc<AtomicU64>,
    sink: Sink,
    readers: Arc<Readers>,
    /// Bytes of the write-ahead log since it began anew. Its file keeps the space for the next round: writing over
    /// what is there takes the disk half the time of making a file longer.
    logged: Arc<AtomicU64>,
    /// How many of them there may be until the next checkpoint is tried.
    checkpoint_at: u64,
    /// None where everything is kept.
    retaining: Option<Retaining>,
    /// Set by the first failure after which the disk is not to be trusted.
    broken: Option<String>,
}

impl State {
    fn run(mut self, shared: &Shared) {
        loop {
            let before = self.tip.seq;
            // A journal that is read-only keeps all it has.
            let retaining = self.retaining.as_ref().filter(|_| self.broken.is_none());
            match take_group(shared, retaining.map(Retaining::wait)) {
                Taken::Group(group) => self.write(group),
                Taken::Nothing => {}
                Taken::Closed => break,
            }
            self.retain(self.tip.seq - before);
            self.checkpoint();
        }
        if self.broken.is_none() {
            self.mark.close(&self.connection, self.epoch, self.tip);
            self.write_back();
        }
    }

    /// Leaves everything in the one file, so that whoever copies that of a stopped host has all of it.
    fn write_back(&self) {
        match self.log_back("TRUNCATE") {
            Ok(false) => {}
            Ok(true) => tracing::warn!("another process reads journal.db: its newest events stay in journal.db-wal"),
            Err(error) => tracing::warn!(%error, "the newest events stay in journal.db-wal"),
        }
    }

    /// Commits a group and answers it. Where it fails for what is in it, each gets its own try.
    fn write(&mut self, group: VecDeque<Job>) {
        match self.commit(&group) {
            Ok(done) => group.into_iter().zip(done).for_each(|(job, done)| answer(job, done)),
            Err(Failed::Within(WriteFailure::Full | WriteFailure::Passing(_))) if group.len() > 1 => {
                self.write_each(group);
            }
            Err(Failed::Within(failure) | Failed::ToBegin(failure)) => self.refuse(group, &failure),
        }
    }

    fn write_each(&mut self, mut jobs: VecDeque<Job>) {
        while let Some(job) = jobs.pop_front() {
            let one = VecDeque::from([job]);
            match self.commit(&one) {
                Ok(done) => one.into_iter().zip(done).for_each(|(job, done)| answer(job, done)),
                Err(Failed::Within(failure)) => self.refuse(one, &failure),
                // One wait for another process's lock is enough for all of them.
                Err(Failed::ToBegin(failure)) => return self.refuse(one.into_iter().chain(jobs), &failure),
            }
        }
    }

    fn refuse(&mut self, jobs: impl IntoIterator<Item = Job>, failure: &WriteFailure) {
        if let WriteFailure::Fatal(said) = failure
            && self.broken.is_none()
        {
            tracing::error!(cause = %said, "the journal is read-only from now on");
            self.broken = Some(said.clone());
        }
        jobs.into_iter().for_each(|job| answer(job, Err(failure.clone().into())));
    }

    fn commit(&mut self, group: &VecDeque<Job>) -> Result<Vec<Result<Done, JournalError>>, Failed> {
        if let Some(said) = &self.broken {
            return Err(Failed::ToBegin(WriteFailure::Fatal(said.clone())));
        }
        for job in group {
            match &job.work {
                Work::LimitPages(pages) => self
                    .connection
                    .pragma_update(None, "max_page_count", pages)
                    .map_err(|error| Failed::ToBegin((&error).into()))?,
                Work::Retain(retention, clock) => {
                    let retaining = || Retaining::new(*retention, clock.clone());
                    self.retaining = (!retention.keeps_all()).then(retaining);
                }
                _ => {}
            }
        }
        let mut tip = self.tip;
        let mut committed = Vec::new();
        let mut done = Vec::with_capacity(group.len());
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| Failed::ToBegin((&error).into()))?;
        for job in group {
            // Dropping the transaction rolls the whole group back.
            let applied = apply(&transaction, &mut tip, &job.work, &mut committed);
            done.push(applied.map_err(|error| Failed::Within(error.into()))?);
        }
        transaction.commit().map_err(|error| Failed::Within((&error).into()))?;
        self.tip = tip;
        self.hand_over(&committed);
        Ok(done)
    }

    fn hand_over(&self, committed: &[Arc<Event>]) {
        if !committed.is_empty() {
            self.head.store(self.tip.seq, Ordering::SeqCst);
            (self.sink)(committed);
        }
    }

    /// Lets a batch of what is over the retention go, where it is time to look.
    fn retain(&mut self, recorded: u64) {
        let recorded = usize::try_from(recorded).unwrap_or(usize::MAX);
        let Some(retaining) = self.retaining.as_mut().filter(|_| self.broken.is_none()) else { return };
        if !retaining.is_due(recorded) {
            return;
        }
        let mut tip = self.tip;
        let mut committed = Vec::new();
        match retaining.step(&mut self.connection, &mut tip, &mut committed) {
            Ok(()) => {
                self.tip = tip;
                self.hand_over(&committed);
            }
            Err(NotRetained::Apply(error)) => match WriteFailure::from(error) {
                WriteFailure::Fatal(said) => self.refuse([], &WriteFailure::Fatal(said)),
                failure => tracing::warn!(error = %JournalError::from(failure), "nothing was pruned"),
            },
            Err(NotRetained::Given(error)) => {
                tracing::error!(%error, "retention is off until the next start");
                self.retaining = None;
            }
        }
    }

    /// Writes the log back and has it begin anew; whether another process holds that up.
    fn log_back(&self, mode: &str) -> rusqlite::Result<bool> {
        // Most is written back beside the readers; they pause for the rest, or those that never rest, each
        // beginning before another ends, would keep the log from ever beginning anew.
        self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        let _pause = self.readers.pause();
        self.connection.busy_timeout(CHECKPOINT_WAIT)?;
        let held_up = self.connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| row.get(0));
        self.connection.busy_timeout(LOCK_WAIT)?;
        held_up
    }

    /// Writes the log back once it is large. Only the writer does: a checkpointer beside a busy writer
    /// never finds the log idle, and it grows without end.
    fn checkpoint(&mut self) {
        let size = self.logged.load(Ordering::Relaxed);
        if size < self.checkpoint_at || self.broken.is_some() {
            return;
        }
        self.checkpoint_at = match self.log_back("RESTART") {
            Ok(false) => {
                self.logged.store(0, Ordering::Relaxed);
                WAL_BYTES
            }
            Ok(true) => {
                // The host's own readers take a page at a time, so this is another process that stays in a transaction.
                tracing::warn!(
                    bytes = size,
                    "a reader of journal.db holds up its write-ahead log, which grows until it ends"
                );
                size.saturating_add(WAL_RETRY_BYTES)
            }
            Err(error) => match WriteFailure::from(&error) {
                WriteFailure::Fatal(said) => {
                    tracing::error!(cause = %said, "the journal is read-only from now on");
                    self.broken = Some(said);
                    WAL_BYTES
                }
                WriteFailure::Full | WriteFailure::Passing(_) => size.saturating_add(WAL_RETRY_BYTES),
            },
        };
    }
}

/// How far a group came that was not committed.
enum Failed {
    /// Not to its own work: another one would fare the same.
    ToBegin(WriteFailure),
    /// To what is in it.
    Within(WriteFailure),
}

/// A caller that no longer waits loses the answer only: its request is committed.
fn answer(job: Job, result: Result<Done, JournalError>) {
    let Job { reply, _room: room, .. } = job;
    drop(room);
    let _not_awaited = reply.send(result);
}

/// What there is to do.
enum Taken {
    Group(VecDeque<Job>),
    /// No work came in time.
    Nothing,
    /// The queue is closed and empty.
    Closed,
}

/// Waits for work, this long where a time is given, and takes what a commit takes.
fn take_group(shared: &Shared, wait: Option<Duration>) -> Taken {
    let until = wait.map(|wait| Instant::now() + wait);
    let mut queue = lock(&shared.queue);
    while queue.jobs.is_empty() {
        if queue.closed {
            return Taken::Closed;
        }
        queue = match until.map(|until| until.saturating_duration_since(Instant::now())) {
            Some(Duration::ZERO) => return Taken::Nothing,
            Some(left) => shared.arrived.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0,
            None => shared.arrived.wait(queue).unwrap_or_else(PoisonError::into_inner),
        };
    }
    let mut drafts = 0;
    let mut group = VecDeque::new();
    while let Some(job) = queue.jobs.front() {
        let more = job.work.drafts();
        if !group.is_empty() && drafts + more > GROUP_DRAFTS {
            break;
        }
        drafts += more;
        group.extend(queue.jobs.pop_front());
    }
    Taken::Group(group)
}
