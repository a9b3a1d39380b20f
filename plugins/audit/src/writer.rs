//! The trail's files: finding the tail, repairing a torn line, appending, rotating. Knows the host's data folder
//! and the chain; knows nothing of what a line says.

use crate::settings::Settings;
use crate::trail::{self, BROKEN, GAP, Line, REPAIRED, START};
use crate::{clock, record};
use serde_json::json;
use tollgate_sdk::{DataError, Event, Failure, data, log};

/// How much of a file's end is read at a time while looking for the last line.
const CHUNK_BYTES: u32 = 64 << 10;
/// How much of a torn line is kept in the line that reports it.
const TORN_CHARS: usize = 500;

/// Appends lines. Remembers the tail, so that an event costs one append and no read.
#[derive(Debug, Default)]
pub struct Writer {
    tail: Option<Tail>,
    /// Whether it was said that events are passed over.
    said: bool,
    /// The event that was refused last and may come again.
    trying: Option<Refused>,
    /// Events that did not come again after they were refused: the host gave them up.
    missing: Option<Missing>,
}

#[derive(Debug)]
struct Refused {
    seq: u64,
    reason: String,
}

#[derive(Debug)]
struct Missing {
    count: u64,
    first: u64,
    last: u64,
    /// Why the last of them could not be written.
    reason: String,
}

/// Where the trail ends.
#[derive(Debug, Clone)]
struct Tail {
    /// The file written to; none before the first line.
    file: Option<OpenFile>,
    seq: u64,
    hash: String,
}

#[derive(Debug, Clone)]
struct OpenFile {
    name: String,
    bytes: u64,
    /// The day that it is for, as RFC 3339 writes it.
    day: String,
}

impl Writer {
    /// Appends the line for `event`, unless its seq is not above the tail's; before it a line that says which
    /// events before it were refused and did not come again. `now` is in milliseconds since 1970.
    ///
    /// # Errors
    /// What the data folder refuses, to be tried again.
    pub fn write(&mut self, event: &Event, settings: &Settings, now: u64) -> Result<(), Failure> {
        if let Some(refused) = self.trying.take_if(|refused| refused.seq != event.seq) {
            self.miss(refused);
        }
        let written = self.try_to_write(event, settings, &today(now)).map_err(unwritten);
        self.trying = written.as_ref().err().map(|reason| Refused { seq: event.seq, reason: reason.clone() });
        written.map_err(Failure::Retry)
    }

    fn miss(&mut self, Refused { seq, reason }: Refused) {
        let missing =
            self.missing.get_or_insert_with(|| Missing { count: 0, first: seq, last: seq, reason: String::new() });
        missing.count += 1;
        missing.last = seq;
        missing.reason = reason;
    }

    fn try_to_write(&mut self, event: &Event, settings: &Settings, today: &str) -> Result<(), DataError> {
        // Taken out, so that after any failure the files say where the trail ends.
        let mut tail = match self.tail.take() {
            Some(tail) => tail,
            None => recover(event, today)?,
        };
        if let Some(Missing { count, first, last, reason }) = &self.missing {
            let details = json!({"missing": count, "first_seq": first, "last_seq": last, "reason": reason});
            let seq = tail.seq;
            tail.append(record::note(GAP, event.time, details), seq, settings, today)?;
            self.missing = None;
        }
        if event.seq > tail.seq {
            let body = record::body(event, settings);
            tail.append(body, event.seq, settings, today)?;
        } else if !std::mem::replace(&mut self.said, true) {
            log::warn(&format!(
                "event {} is not written: the trail reaches to {} already. After a crash that is as it should be; \
                 after the journal was replaced, move the trail's files elsewhere",
                event.seq, tail.seq
            ));
        }
        self.tail = Some(tail);
        Ok(())
    }
}

fn unwritten(error: DataError) -> String {
    match error {
        DataError::Denied => "the audit trail cannot be written: no data grant".to_owned(),
        DataError::OverQuota => "the audit trail cannot be written: its data quota is used up".to_owned(),
        other => format!("the audit trail cannot be written: {other:?}"),
    }
}

fn today(now: u64) -> String {
    day_of(&clock::rfc3339(now)).to_owned()
}

fn day_of(timestamp: &str) -> &str {
    timestamp.get(..10).unwrap_or_default()
}

impl Tail {
    /// Appends one line, in a new file where size or a new day ask for one. The day is this plugin's own and only
    /// goes forwards: by the events' times, whoever emits could have a file for each of them, up to the host's bound.
    fn append(&mut self, body: String, seq: u64, settings: &Settings, today: &str) -> Result<(), DataError> {
        let mut file = match self.file.take() {
            Some(file) if file.bytes == 0 || (file.bytes < settings.max_file_bytes && *file.day >= *today) => file,
            // A line that stands beside the facts repeats a seq, which may be the name of the file that is full.
            Some(file) if trail::file_name(seq) == file.name => file,
            _ => OpenFile { name: trail::file_name(seq), bytes: 0, day: today.to_owned() },
        };
        let (line, hash) = trail::seal(body, seq, &self.hash);
        file.bytes = data::append(&file.name, line.as_bytes())?;
        if settings.sync_each {
            data::sync(&file.name)?;
        }
        *self = Self { file: Some(file), seq, hash };
        Ok(())
    }
}

/// Finds where the trail ends, and repairs a torn last line.
fn recover(event: &Event, today: &str) -> Result<Tail, DataError> {
    let mut names: Vec<String> = data::names()?.into_iter().filter(|name| trail::is_trail_file(name)).collect();
    names.sort();
    let mut tail = Tail { file: None, seq: 0, hash: START.to_owned() };
    let mut torn = None;
    while let Some(name) = names.pop() {
        let bytes = data::size(&name)?;
        let (complete, fragment) = last_line(&name, bytes)?;
        let newest = tail.file.is_none();
        if newest {
            tail.file = Some(OpenFile { name: name.clone(), bytes, day: today.to_owned() });
            torn = (!fragment.is_empty()).then_some(fragment);
        }
        let Some(line) = complete else { continue };
        match Line::read(&line) {
            Ok(line) => {
                // What its last line says, unless that is of the future: an emitter chose it.
                if let Some(file) = tail.file.as_mut().filter(|_| newest && day_of(&line.timestamp) < today) {
                    day_of(&line.timestamp).clone_into(&mut file.day);
                }
                tail.seq = line.seq;
                tail.hash = line.hash;
            }
            Err(reason) => return restart(&name, &reason.to_string(), event, today),
        }
        break;
    }
    if let Some(fragment) = torn {
        repair(&mut tail, &fragment, event)?;
    }
    Ok(tail)
}

/// Takes a torn last line out and says so, or ends it where only its newline is missing.
fn repair(tail: &mut Tail, fragment: &[u8], event: &Event) -> Result<(), DataError> {
    let Some(file) = tail.file.as_mut() else { return Ok(()) };
    if let Ok(whole) = Line::read(fragment)
        && whole.prev == tail.hash
    {
        file.bytes = data::append(&file.name, b"\n")?;
        tail.seq = whole.seq;
        tail.hash = whole.hash;
        return Ok(());
    }
    let torn_bytes = u64::try_from(fragment.len()).unwrap_or(u64::MAX);
    file.bytes = file.bytes.saturating_sub(torn_bytes);
    data::truncate(&file.name, file.bytes)?;
    log::warn(&format!("{}: a torn last line of {torn_bytes} bytes was taken out", file.name));
    let text: String = String::from_utf8_lossy(fragment).chars().take(TORN_CHARS).collect();
    let note = record::note(REPAIRED, event.time, json!({"removed_bytes": torn_bytes, "removed": text}));
    let seq = tail.seq;
    // In the same file, whatever its size and day: the repair stands where the tear was.
    let (line, hash) = trail::seal(note, seq, &tail.hash);
    file.bytes = data::append(&file.name, line.as_bytes())?;
    tail.hash = hash;
    Ok(())
}

/// Begins a new chain after a last line that someone altered: facts go on being recorded, and verification
/// names the altered line.
fn restart(file: &str, reason: &str, event: &Event, today: &str) -> Result<Tail, DataError> {
    log::error(&format!("{file}: the last line {reason}; a new chain begins"));
    let note = record::note(BROKEN, event.time, json!({"file": file, "reason": reason}));
    let seq = event.seq.saturating_sub(1);
    let (line, hash) = trail::seal(note, seq, START);
    let name = trail::file_name(event.seq);
    let bytes = data::append(&name, line.as_bytes())?;
    Ok(Tail { file: Some(OpenFile { name, bytes, day: today.to_owned() }), seq, hash })
}

/// The last complete line of a file, without its newline, and what follows it.
fn last_line(name: &str, bytes: u64) -> Result<(Option<Vec<u8>>, Vec<u8>), DataError> {
    let mut end = Vec::new();
    let mut start = bytes;
    // Stops at two newlines (the last line and the end of the one before), the file's start, or a line too long.
    while start > 0 && newlines(&end) < 2 && end.len() <= 2 * trail::MAX_LINE_BYTES {
        let length = u64::from(CHUNK_BYTES).min(start);
        start -= length;
        let mut chunk = data::read(name, start, u32::try_from(length).unwrap_or(CHUNK_BYTES))?;
        chunk.append(&mut end);
        end = chunk;
    }
    let Some(last) = end.iter().rposition(|byte| *byte == b'\n') else { return Ok((None, end)) };
    let fragment = end.split_off(last + 1);
    end.pop();
    let begin = end.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    Ok((Some(end.split_off(begin)), fragment))
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').take(2).count()
}
