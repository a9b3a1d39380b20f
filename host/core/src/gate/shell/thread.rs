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

static POOL: Pool =
    Pool::new(|line| walk::parse(line, Stack::Large).unwrap_or_else(|_| Parsed::refused(NotUnderstood::TooDeep)));

pub(super) async fn parse(line: &str) -> Parsed {
    let (sender, receiver) = oneshot::channel();
    let Some(generation) = POOL.submit(line, Box::new(move |parsed| drop(sender.send(parsed)))) else {
        return Parsed::refused(NotUnderstood::Busy);
    };
    match tokio::time::timeout(DEADLINE, receiver).await {
        Ok(Ok(parsed)) => parsed,
        Ok(Err(_)) => Parsed::refused(NotUnderstood::Busy),
        Err(_) => POOL.given_up(generation),
    }
}

pub(super) fn parse_blocking(line: &str) -> Parsed {
    POOL.parse_blocking(line, DEADLINE)
}

struct Job {
    line: String,
    answer: Box<dyn FnOnce(Parsed) + Send>,
}

/// One thread at work, and those that were given up.
struct Pool {
    threads: Mutex<Threads>,
    work: fn(&str) -> Parsed,
}

struct Threads {
    /// The way to the thread of this generation; none where there is none.
    jobs: Option<SyncSender<Job>>,
    /// Counts the threads started.
    generation: u64,
    lost: usize,
}

impl Pool {
    const fn new(work: fn(&str) -> Parsed) -> Self {
        Self { threads: Mutex::new(Threads { jobs: None, generation: 0, lost: 0 }), work }
    }

    fn parse_blocking(&'static self, line: &str, deadline: Duration) -> Parsed {
        let (sender, receiver) = sync_channel(1);
        let Some(generation) = self.submit(line, Box::new(move |parsed| drop(sender.try_send(parsed)))) else {
            return Parsed::refused(NotUnderstood::Busy);
        };
        match receiver.recv_timeout(deadline) {
            Ok(parsed) => parsed,
            Err(RecvTimeoutError::Disconnected) => Parsed::refused(NotUnderstood::Busy),
            Err(RecvTimeoutError::Timeout) => self.given_up(generation),
        }
    }

    /// Hands a line to the thread, started with the first, and says which thread it is; none where it cannot take one.
    fn submit(&'static self, line: &str, answer: Box<dyn FnOnce(Parsed) + Send>) -> Option<u64> {
        let mut threads = self.threads.lock().ok()?;
        if threads.jobs.is_none() && threads.lost < MAX_LOST_THREADS {
            let (sender, receiver) = sync_channel(QUEUE_LINES);
            let generation = threads.generation + 1;
            let builder = std::thread::Builder::new().name("shell-parser".to_owned()).stack_size(STACK_BYTES);
            if builder.spawn(move || self.serve(generation, &receiver)).is_ok() {
                threads.jobs = Some(sender);
                threads.generation = generation;
            }
        }
        let job = Job { line: line.to_owned(), answer };
        threads.jobs.as_ref()?.try_send(job).ok()?;
        Some(threads.generation)
    }

    /// The thread is at work on a line past its deadline: let it end by itself, the next line gets a new one. Lines
    /// that waited behind that one come here too, when the new one is at work: it is not theirs to give up.
    fn given_up(&self, generation: u64) -> Parsed {
        if let Ok(mut threads) = self.threads.lock()
            && threads.generation == generation
            && threads.jobs.take().is_some()
        {
            threads.lost += 1;
        }
        Parsed::refused(NotUnderstood::Busy)
    }

    fn is_current(&self, generation: u64) -> bool {
        self.threads.lock().is_ok_and(|threads| threads.generation == generation && threads.jobs.is_some())
    }

    fn serve(&self, generation: u64, jobs: &Receiver<Job>) {
        while let Ok(job) = jobs.recv() {
            // The lines that waited behind one past its deadline are past theirs, or nearly.
            if self.is_current(generation) {
                (job.answer)((self.work)(&job.line));
            }
        }
        // Only a thread that was given up loses its queue; it is done now, so another may take its place.
        if let Ok(mut threads) = self.threads.lock() {
            threads.lost = threads.lost.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]
    use super::*;
    use std::sync::Condvar;
    use std::time::Instant;

    /// How long a test waits for what has to come.
    const PATIENCE: Duration = Duration::from_secs(10);

    /// Work that takes as long as the test wants it to: whether it may end, and how many lines are stuck in it.
    static STUCK: (Mutex<(bool, usize)>, Condvar) = (Mutex::new((false, 0)), Condvar::new());
    static TESTED: Pool = Pool::new(|line| {
        if line == "stuck" {
            STUCK.0.lock().unwrap().1 += 1;
            STUCK.1.notify_all();
            wait_until(|(free, _)| free);
        }
        Parsed::default()
    });

    fn wait_until(reached: impl Fn((bool, usize)) -> bool) {
        let state = STUCK.0.lock().unwrap();
        let state = STUCK.1.wait_timeout_while(state, PATIENCE, |state| !reached(*state)).unwrap().0;
        assert!(reached(*state));
    }

    fn lost() -> usize {
        TESTED.threads.lock().unwrap().lost
    }

    #[test]
    fn a_stuck_line_takes_its_own_thread_along_and_no_other() {
        let busy = |line| TESTED.parse_blocking(line, PATIENCE).problem == Some(NotUnderstood::Busy);
        let (sender, _behind) = sync_channel(1);
        let first = TESTED.submit("stuck", Box::new(drop)).unwrap();
        let behind = TESTED.submit("behind", Box::new(move |parsed| drop(sender.try_send(parsed)))).unwrap();
        assert_eq!(first, behind);
        wait_until(|(_, stuck)| stuck == 1);
        TESTED.given_up(first);
        assert!(!busy("well"), "the next line gets a new thread");
        // The line that waited behind the stuck one is given up too, later: the new thread stays.
        TESTED.given_up(behind);
        assert_eq!(lost(), 1);
        assert!(!busy("well"));
        assert_eq!(TESTED.threads.lock().unwrap().generation, first + 1);
        // No more threads than the bound are left behind, stuck.
        for stuck_before in 1..MAX_LOST_THREADS {
            assert_eq!(lost(), stuck_before);
            let generation = TESTED.submit("stuck", Box::new(drop)).unwrap();
            wait_until(|(_, stuck)| stuck == stuck_before + 1);
            TESTED.given_up(generation);
        }
        assert!(busy("well"), "a thread over the bound");
        // When they come free, their place is.
        STUCK.0.lock().unwrap().0 = true;
        STUCK.1.notify_all();
        let begun = Instant::now();
        while lost() > 0 {
            assert!(begun.elapsed() < PATIENCE, "threads that never end");
            std::thread::yield_now();
        }
        assert!(!busy("well"));
    }
}
