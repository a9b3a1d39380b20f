//! The thread with the large stack, on which deep lines are parsed.
//!
//! Deep nesting recurses in the parser and would overflow a small stack, which aborts the process. Knows the
//! walk only as a function from text to commands.

use super::walk::{self, Stack};
use super::{NotUnderstood, Parsed};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;
use tokio::sync::oneshot;

/// Reserved, not used: only pages that are touched cost memory. Over 16 KiB per byte of the longest line.
const STACK_BYTES: usize = 512 * 1024 * 1024;
/// Lines that wait; more at once means that someone floods the gate, and is not understood.
const QUEUE_LINES: usize = 64;
/// Longest wait for an answer. A line that takes longer was written to take longer.
const DEADLINE: Duration = Duration::from_millis(500);
/// Threads given up on (each still at work on a line past its deadline) before no new one is started.
const MAX_LOST_THREADS: usize = 4;

struct Job {
    line: String,
    answer: Box<dyn FnOnce(Parsed) + Send>,
}

struct Threads {
    jobs: Option<SyncSender<Job>>,
    lost: usize,
}

static THREADS: Mutex<Threads> = Mutex::new(Threads { jobs: None, lost: 0 });

pub(super) async fn parse(line: &str) -> Parsed {
    let (sender, receiver) = oneshot::channel();
    if !submit(line, Box::new(move |parsed| drop(sender.send(parsed)))) {
        return Parsed::refused(NotUnderstood::Busy);
    }
    match tokio::time::timeout(DEADLINE, receiver).await {
        Ok(Ok(parsed)) => parsed,
        Ok(Err(_)) => Parsed::refused(NotUnderstood::Busy),
        Err(_) => given_up(),
    }
}

pub(super) fn parse_blocking(line: &str) -> Parsed {
    let (sender, receiver) = sync_channel(1);
    if !submit(line, Box::new(move |parsed| drop(sender.try_send(parsed)))) {
        return Parsed::refused(NotUnderstood::Busy);
    }
    match receiver.recv_timeout(DEADLINE) {
        Ok(parsed) => parsed,
        Err(RecvTimeoutError::Disconnected) => Parsed::refused(NotUnderstood::Busy),
        Err(RecvTimeoutError::Timeout) => given_up(),
    }
}

/// Hands a line to the thread, started with the first; false where it cannot take one.
fn submit(line: &str, answer: Box<dyn FnOnce(Parsed) + Send>) -> bool {
    let Ok(mut threads) = THREADS.lock() else { return false };
    if threads.jobs.is_none() && threads.lost < MAX_LOST_THREADS {
        let (sender, receiver) = sync_channel(QUEUE_LINES);
        let builder = std::thread::Builder::new().name("shell-parser".to_owned()).stack_size(STACK_BYTES);
        threads.jobs = builder.spawn(move || serve(&receiver)).is_ok().then_some(sender);
    }
    let job = Job { line: line.to_owned(), answer };
    threads.jobs.as_ref().is_some_and(|jobs| jobs.try_send(job).is_ok())
}

/// The thread is at work on a line past its deadline: let it end by itself, the next line gets a new one.
fn given_up() -> Parsed {
    if let Ok(mut threads) = THREADS.lock()
        && threads.jobs.take().is_some()
    {
        threads.lost += 1;
    }
    Parsed::refused(NotUnderstood::Busy)
}

fn serve(jobs: &Receiver<Job>) {
    while let Ok(job) = jobs.recv() {
        let parsed =
            walk::parse(&job.line, Stack::Large).unwrap_or_else(|_| Parsed::refused(NotUnderstood::TooDeep));
        (job.answer)(parsed);
    }
}
