//! The trail's format and its verification. Pure: it reads lines and knows nothing of hosts or guests.
//!
//! A line is a JSON object whose last three members are `seq`, `prev` and `hash`, and nothing else follows:
//! `…,"seq":12,"prev":"<64 hex>","hash":"<64 hex>"}`. `hash` is the SHA-256 of every byte of the line before
//! `,"hash":`, so it covers `prev`, and any changed byte shows. The first line's `prev` is 64 zeros. `seq`
//! ascends; a [`REPAIRED`], [`BROKEN`] or [`GAP`] line stands beside the facts and repeats the seq before it.
//!
//! What a chain cannot show is a missing end: compare [`Summary::head`] with one noted elsewhere.

use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// `prev` of the first line.
pub const START: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// `event` of the line that says that a torn line was taken out.
pub const REPAIRED: &str = "trail_repaired";
/// `event` of the line that says that the line before could not be read.
pub const BROKEN: &str = "trail_broken";
/// `event` of the line that says that facts could not be written and were given up; its `details` have `missing`,
/// their number.
pub const GAP: &str = "trail_gap";
/// The longest line: a payload of 256 KiB, escaped, and the rest.
pub const MAX_LINE_BYTES: usize = 2 << 20;
/// Bytes of `,"hash":"<64 hex>"}`.
const SUFFIX_BYTES: usize = 75;

/// What a verified trail holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Files read.
    pub files: usize,
    /// Lines read.
    pub lines: u64,
    /// Torn lines that were taken out and said so.
    pub repaired: u64,
    /// Facts that the trail itself says are missing.
    pub missing: u64,
    /// `seq` of the last line; 0 of an empty trail.
    pub last_seq: u64,
    /// `hash` of the last line; [`START`] of an empty trail.
    pub head: String,
}

impl Default for Summary {
    /// Of an empty trail.
    fn default() -> Self {
        Self { files: 0, lines: 0, repaired: 0, missing: 0, last_seq: 0, head: START.to_owned() }
    }
}

/// The first line that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {reason}")]
pub struct Broken {
    /// File name.
    pub file: String,
    /// Line in the file, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The file or folder cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// The line does not end with a newline: the writer stopped in the middle of it.
    #[error("is torn; the next start of the audit plugin repairs it")]
    Torn,
    /// Not of the trail's format.
    #[error("is not a line of the trail")]
    Foreign,
    /// The hash does not fit the line.
    #[error("was altered: its hash does not fit")]
    Altered,
    /// `prev` is not the hash of the line before.
    #[error("does not follow the line before: lines are missing or out of order")]
    Unchained,
    /// `seq` does not ascend.
    #[error("seq {found} does not follow {last}")]
    Order {
        /// `seq` of the line.
        found: u64,
        /// `seq` of the line before.
        last: u64,
    },
}

/// What the chain needs to know of a line.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Line {
    pub(crate) timestamp: String,
    pub(crate) event: String,
    pub(crate) seq: u64,
    pub(crate) prev: String,
    pub(crate) hash: String,
    /// Of a [`GAP`]: how many facts are missing.
    #[serde(skip)]
    pub(crate) missing: u64,
}

#[derive(Deserialize)]
struct GapLine {
    details: Gap,
}

#[derive(Deserialize)]
struct Gap {
    missing: u64,
}

impl Line {
    /// Reads a line without its newline, and checks its hash.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Reason> {
        let mut line: Self = serde_json::from_slice(bytes).map_err(|_| Reason::Foreign)?;
        if line.event == GAP {
            line.missing = serde_json::from_slice::<GapLine>(bytes).map_err(|_| Reason::Foreign)?.details.missing;
        }
        let body = bytes.len().checked_sub(SUFFIX_BYTES).and_then(|at| bytes.get(..at)).ok_or(Reason::Foreign)?;
        let hash = sha256_hex(body);
        // The line must end with exactly this, or the parsed hash would be another member's.
        if hash == line.hash && bytes.ends_with(suffix(&hash).as_bytes()) { Ok(line) } else { Err(Reason::Altered) }
    }
}

/// Ends `body`, a JSON object without its closing brace, as a line of the chain. Returns line and hash.
pub(crate) fn seal(mut body: String, seq: u64, prev: &str) -> (String, String) {
    body.push_str(&format!(r#","seq":{seq},"prev":"{prev}""#));
    let hash = sha256_hex(body.as_bytes());
    body.push_str(&suffix(&hash));
    body.push('\n');
    (body, hash)
}

fn suffix(hash: &str) -> String {
    format!(r#","hash":"{hash}"}}"#)
}

fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether `name` is one of the trail's files.
#[must_use]
pub fn is_trail_file(name: &str) -> bool {
    name.strip_prefix("audit-")
        .and_then(|rest| rest.strip_suffix(".jsonl"))
        .is_some_and(|digits| digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The file whose first line has this seq.
#[must_use]
pub fn file_name(seq: u64) -> String {
    format!("audit-{seq:020}.jsonl")
}

/// Verifies the trail in `files`: name and content, in name order.
///
/// # Errors
/// The first line that was altered, is missing, out of order, torn or unreadable.
pub fn verify<R: BufRead>(files: impl IntoIterator<Item = (String, R)>) -> Result<Summary, Broken> {
    let mut summary = Summary::default();
    for (file, reader) in files {
        read_on(&mut summary, &file, reader)?;
    }
    Ok(summary)
}

/// Takes one more file into `summary`.
fn read_on(summary: &mut Summary, file: &str, mut reader: impl BufRead) -> Result<(), Broken> {
    summary.files += 1;
    let mut number = 0;
    loop {
        number += 1;
        let broken = |reason| Broken { file: file.to_owned(), line: number, reason };
        let Some(bytes) = next_line(&mut reader).map_err(broken)? else { return Ok(()) };
        follow(summary, Line::read(&bytes).map_err(broken)?).map_err(broken)?;
    }
}

/// Verifies the trail in `folder`, the plugin's data folder.
///
/// # Errors
/// As [`verify`].
pub fn verify_folder(folder: &Path) -> Result<Summary, Broken> {
    let mut summary = Summary::default();
    for file in names(folder)? {
        read_on(&mut summary, &file, open(folder, &file)?)?;
    }
    Ok(summary)
}

/// Hands over every line of the trail in `folder`, in order and without its newline: as it stands, nothing of it is
/// verified. A torn last line, which may be one that is being written, is left out.
///
/// # Errors
/// A file that cannot be read, or a line that is too long for one of the trail.
pub fn each_line(folder: &Path, mut take: impl FnMut(&[u8])) -> Result<(), Broken> {
    for file in names(folder)? {
        let mut reader = open(folder, &file)?;
        let mut number = 0;
        loop {
            number += 1;
            match next_line(&mut reader) {
                Ok(Some(line)) => take(&line),
                Ok(None) | Err(Reason::Torn) => break,
                Err(reason) => return Err(Broken { file, line: number, reason }),
            }
        }
    }
    Ok(())
}

/// The names of the trail's files, in order.
fn names(folder: &Path) -> Result<Vec<String>, Broken> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
        let entry = entry.map_err(|error| unreadable(folder, &error))?;
        names.extend(entry.file_name().to_str().filter(|name| is_trail_file(name)).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// One file of the trail, opened as its turn comes: a trail may have more files than a process may have open.
fn open(folder: &Path, name: &str) -> Result<BufReader<File>, Broken> {
    let path = folder.join(name);
    File::open(&path).map(BufReader::new).map_err(|error| unreadable(&path, &error))
}

fn unreadable(file: &Path, error: &std::io::Error) -> Broken {
    Broken { file: file.display().to_string(), line: 0, reason: Reason::Unreadable(error.to_string()) }
}

/// The next line without its newline; none at the end.
fn next_line(reader: &mut impl BufRead) -> Result<Option<Vec<u8>>, Reason> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_LINE_BYTES).unwrap_or(u64::MAX);
    reader.take(limit).read_until(b'\n', &mut bytes).map_err(|error| Reason::Unreadable(error.to_string()))?;
    match bytes.pop() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(bytes)),
        Some(_) if bytes.len() + 1 >= MAX_LINE_BYTES => Err(Reason::Foreign),
        Some(_) => Err(Reason::Torn),
    }
}

/// Takes one more line into `summary`.
fn follow(summary: &mut Summary, line: Line) -> Result<(), Reason> {
    if line.prev != summary.head {
        return Err(Reason::Unchained);
    }
    let beside = [REPAIRED, BROKEN, GAP].contains(&line.event.as_str());
    let ascends = if beside { line.seq >= summary.last_seq } else { line.seq > summary.last_seq };
    if !ascends {
        return Err(Reason::Order { found: line.seq, last: summary.last_seq });
    }
    summary.lines += 1;
    summary.repaired += u64::from(line.event == REPAIRED);
    summary.missing = summary.missing.saturating_add(line.missing);
    summary.last_seq = line.seq;
    summary.head = line.hash;
    Ok(())
}
