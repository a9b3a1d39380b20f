//! Every bound of the runner, with its reason.

use std::time::Duration;
use tollgate_core::event::MAX_PAYLOAD_BYTES;
use tollgate_core::redact::MAX_GROWTH;
use tollgate_core::time::Timestamp;

/// Most approvals that one session asks for: more than a person answers in a working day.
pub const MAX_APPROVALS: usize = 256;
/// Most sessions whose programs the host runs at a time: each has a terminal, and its program works on the machine.
pub const MAX_PROGRAMS: usize = 16;
/// Most sessions at a time whose events come from outside.
pub const MAX_OUTSIDE: usize = 256;
/// Ended sessions kept in memory, the newest: so that what still comes for them is told that they have ended.
pub const KEPT_ENDED: usize = 1_000;
/// Calls that wait for one session; further ones wait outside.
pub(crate) const MAILBOX: usize = 32;

/// Most bytes of one `terminal.chunk` as they come from the terminal: written as JSON, each may take six, and
/// redaction may make more of that.
pub const MAX_CHUNK_BYTES: usize = 8 * 1_024;
const _: () = assert!(MAX_CHUNK_BYTES * 6 * MAX_GROWTH < MAX_PAYLOAD_BYTES);
/// Most chunks of one session in a second: more often than a person sees a change.
pub const MAX_CHUNKS_PER_SECOND: u32 = 20;
/// Most bytes of output of one session in a second: a flood takes a hundredth of what the journal can write.
pub const MAX_OUTPUT_PER_SECOND: usize = 96 * 1_024;
/// Most bytes that wait for the next second; of more, the oldest go, since the last lines say how it ended.
pub const MAX_HELD_BYTES: usize = 32 * 1_024;
/// How long output is gathered into one chunk: not felt by who types.
pub(crate) const GATHER: Duration = Duration::from_millis(40);
/// Bytes read from a terminal at a time.
pub(crate) const READ_BYTES: usize = 8 * 1_024;

/// Most bytes of one input, and of all that a program has not read yet.
pub const MAX_INPUT_BYTES: usize = 64 * 1_024;
/// Most columns and rows of a terminal: what no screen has, and no program refuses.
pub const MAX_CELLS: u16 = 1_000;

/// How long a program has to end once it is told to, before it is killed.
pub const STOP_GRACE: Duration = Duration::from_secs(5);
/// How long what a program started may go on once the program itself has ended: long enough to write out what it
/// was told, too short to be a service.
pub(crate) const LINGER: Duration = Duration::from_millis(500);
/// How long a session from outside has to say that it has ended, once it must.
pub const OUTSIDE_STOP: Duration = Duration::from_secs(60);
/// How long a session from outside may say nothing before it counts as lost.
pub const OUTSIDE_IDLE: Duration = Duration::from_secs(24 * 3_600);
/// Most events that a session from outside tells of at once: with the moves that follow from them, one batch.
pub const MAX_TAKEN: usize = 400;
/// Ids of events from outside that a session remembers, so that a request that is sent again is the same one.
pub const MAX_REMEMBERED: usize = 1_024;
/// The longest sleep while something waits: a timer stands still while the machine sleeps, and the clock does not.
pub(crate) const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// How long to wait for the clock to come to `due`, at a time.
pub(crate) fn sleep_until_due(now: Timestamp, due: Option<Timestamp>) -> Duration {
    due.map_or(LONGEST_SLEEP, |due| now.until(due)).min(LONGEST_SLEEP)
}

/// How often `usage.tick` is told.
pub const TICK_EVERY: Duration = Duration::from_secs(30);
/// How often the workspace is looked at for changed files.
pub const SCAN_EVERY: Duration = Duration::from_secs(5);
/// Most files and folders that one look takes in: a second's work on a slow disk.
pub const MAX_SCANNED: usize = 20_000;
/// The deepest folder that is looked into.
pub(crate) const MAX_SCAN_DEPTH: usize = 32;
/// Most `file.touched` of one look; how many more there were is told with the last.
pub const MAX_TOUCHED: usize = 100;

/// How long git may take for the summary at the end.
pub(crate) const GIT_TIMEOUT: Duration = Duration::from_secs(10);
/// Most bytes that git may say.
pub(crate) const MAX_GIT_BYTES: usize = 1024 * 1024;
/// Most files that a `diff.summary` names; it counts them all.
pub const MAX_DIFF_FILES: usize = 500;

/// Starts of the past that are read at a time after a restart, to find those without an end, and their bytes: the last
/// page of the journal's that is read is whole.
pub(crate) const STARTS_READ: usize = 1_000;
pub(crate) const STARTS_BYTES: usize = 1_024 * 1_024;
/// Most providers in the table.
pub const MAX_PROVIDERS: usize = 64;
