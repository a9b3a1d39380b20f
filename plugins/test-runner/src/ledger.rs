//! What a request has told and done so far, in a file of the data folder: so that a retry after a crash tells
//! nothing twice and runs nothing twice that has ended.
//!
//! The host makes the ids of emits from their ordinal. A retry must therefore emit what was committed at once
//! before it in the same order before it emits anything else: the ledger holds those drafts and repeats them, and
//! the host knows each by its id. Each line is on disk before its draft is emitted. Where the folder cannot be
//! written, everything is staged instead, which a retry cannot double.

use crate::plan::Plan;
use crate::report::Outcome;
use serde::{Deserialize, Serialize};
use tollgate_sdk::{DataError, Draft, Event, Failure, bus, data, log};

/// Bytes that the plugin asks for: two ledgers, the last request's and this one's.
pub const DATA_BYTES: u64 = 2 * MAX_LEDGER_BYTES as u64;
/// Largest ledger, in bytes: all suites with all failures kept, which a test reaches. Past it, events are staged.
pub const MAX_LEDGER_BYTES: usize = 2 << 20;
/// How often suites are begun for one request. The host tries three times; the last one says what happened.
pub const MAX_RUNS: usize = 2;
/// Bytes of one read from the data folder.
const READ_BYTES: u32 = 1 << 20;

/// What a draft of the ledger tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The request began.
    Started,
    /// A suite began.
    SuiteStarted,
    /// How far it is; left out where it cannot be told at once.
    Progress,
    /// A suite ended.
    SuiteFinished,
}

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    /// A try at this event began.
    Begun(String),
    /// What it will do.
    Plan(Box<Plan>),
    /// The next suite's outcome.
    Finished(Box<Outcome>),
    /// A draft that is committed at once.
    Told(Role, Stored),
    /// The draft before was refused, and took no ordinal.
    Refused,
}

/// A draft as the ledger keeps it.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    #[serde(rename = "type")]
    event_type: String,
    entity: Option<(String, String)>,
    payload: String,
}

/// The ledger of one request.
#[derive(Debug, Default)]
pub struct Ledger {
    /// None where nothing can be kept (any more).
    file: Option<String>,
    bytes: usize,
    runs: usize,
    plan: Option<Plan>,
    outcomes: Vec<Outcome>,
    told: Vec<Role>,
}

impl Ledger {
    /// Opens the ledger of `event`, and repeats what was told before.
    ///
    /// # Errors
    /// When the host refuses what it took before.
    pub fn open(event: &Event) -> Result<Self, Failure> {
        let file = format!("run-{:020}.jsonl", event.seq);
        let mut ledger = Self::default();
        let text = match prepare(&file) {
            Ok(text) => text,
            Err(error) => {
                log::warn(&format!("no ledger ({error:?}): events are told when all is done"));
                return Ok(ledger);
            }
        };
        ledger.bytes = text.len();
        ledger.file = Some(file.clone());
        let entries: Option<Vec<Entry>> = text.lines().map(|line| serde_json::from_str(line).ok()).collect();
        let own = |entries: &Vec<Entry>| match entries.first() {
            Some(Entry::Begun(of)) => *of == event.id,
            Some(_) => false,
            None => true,
        };
        let Some(entries) = entries.filter(own) else {
            // Of another journal, or not ours: nothing of it was told for this event.
            log::warn(&format!("{file} does not belong to this event: begun anew"));
            ledger.bytes = 0;
            if let Err(error) = data::truncate(&file, 0) {
                log::warn(&format!("{file}: {error:?}"));
                ledger.file = None;
            }
            ledger.begin(event);
            return Ok(ledger);
        };
        let mut entries = entries.into_iter().peekable();
        while let Some(entry) = entries.next() {
            if !matches!(entries.peek(), Some(Entry::Refused)) {
                ledger.repeat(entry)?;
            }
        }
        ledger.begin(event);
        Ok(ledger)
    }

    fn begin(&mut self, event: &Event) {
        self.runs += 1;
        self.keep(&Entry::Begun(event.id.clone()));
    }

    fn repeat(&mut self, entry: Entry) -> Result<(), Failure> {
        match entry {
            Entry::Begun(_) => self.runs += 1,
            Entry::Plan(plan) => self.plan = Some(*plan),
            Entry::Finished(outcome) => self.outcomes.push(*outcome),
            Entry::Told(role, stored) => {
                self.told.push(role);
                bus::emit_draft_now(&stored.draft())?;
            }
            Entry::Refused => {}
        }
        Ok(())
    }

    /// Which try this is, from 1.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.runs
    }

    /// The plan of an earlier try.
    pub fn take_plan(&mut self) -> Option<Plan> {
        self.plan.take()
    }

    /// Outcomes of earlier tries, in the plan's order.
    pub fn take_outcomes(&mut self) -> Vec<Outcome> {
        std::mem::take(&mut self.outcomes)
    }

    /// How often this was told.
    #[must_use]
    pub fn told(&self, role: Role) -> usize {
        self.told.iter().filter(|told| **told == role).count()
    }

    /// Keeps the plan.
    pub fn keep_plan(&mut self, plan: &Plan) {
        self.keep(&Entry::Plan(Box::new(plan.clone())));
    }

    /// Keeps the next suite's outcome.
    pub fn keep_outcome(&mut self, outcome: &Outcome) {
        self.keep(&Entry::Finished(Box::new(outcome.clone())));
    }

    /// Tells at once where that can be kept, else together with the rest; progress then not at all.
    ///
    /// # Errors
    /// When the host refuses the draft; never for progress.
    pub fn tell(&mut self, role: Role, draft: &Draft) -> Result<(), Failure> {
        self.told.push(role);
        let at_once = self.keep(&Entry::Told(role, Stored::of(draft))) && self.sync();
        if role == Role::Progress {
            if let Some(Err(error)) = at_once.then(|| bus::emit_draft_now(draft)) {
                log::debug(&format!("progress was not told: {error:?}"));
                self.keep(&Entry::Refused);
            }
        } else if at_once {
            bus::emit_draft_now(draft)?;
        } else {
            bus::emit_draft(draft)?;
        }
        Ok(())
    }

    /// Adds a line; false where it is not kept, and then no later one is either.
    fn keep(&mut self, entry: &Entry) -> bool {
        let Some(file) = &self.file else { return false };
        let result = match serde_json::to_string(entry) {
            Ok(line) if self.bytes.saturating_add(line.len() + 1) <= MAX_LEDGER_BYTES => {
                self.bytes += line.len() + 1;
                data::append(file, format!("{line}\n").as_bytes()).map(drop).map_err(|error| format!("{error:?}"))
            }
            Ok(_) => Err(format!("over {MAX_LEDGER_BYTES} bytes")),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = result {
            log::warn(&format!("{file}: {error}: further events are told when all is done"));
            self.file = None;
            return false;
        }
        true
    }

    fn sync(&mut self) -> bool {
        let Some(file) = &self.file else { return false };
        if let Err(error) = data::sync(file) {
            log::warn(&format!("{file}: {error:?}: further events are told when all is done"));
            self.file = None;
            return false;
        }
        true
    }
}

impl Stored {
    fn of(draft: &Draft) -> Self {
        let entity = draft.entity.as_ref().map(|entity| (entity.kind.clone(), entity.id.clone()));
        Self { event_type: draft.type_.clone(), entity, payload: draft.payload.clone() }
    }

    fn draft(self) -> Draft {
        let draft = Draft { type_: self.event_type, entity: None, payload: self.payload };
        match self.entity {
            Some((kind, id)) => draft.about(kind, id),
            None => draft,
        }
    }
}

/// Removes the ledgers of requests before the last one, and reads this one's whole lines; a torn last one is cut.
fn prepare(file: &str) -> Result<String, DataError> {
    let names = data::names()?;
    let others: Vec<&String> = names.iter().filter(|name| name.starts_with("run-") && *name != file).collect();
    // The last one's event may not be committed yet.
    for old in others.iter().take(others.len().saturating_sub(1)) {
        data::remove(old)?;
    }
    if !names.iter().any(|name| name == file) {
        return Ok(String::new());
    }
    let mut bytes = Vec::new();
    loop {
        let offset = u64::try_from(bytes.len()).map_err(|_| DataError::OverQuota)?;
        let piece = data::read(file, offset, READ_BYTES)?;
        if piece.is_empty() || bytes.len() > MAX_LEDGER_BYTES {
            break;
        }
        bytes.extend_from_slice(&piece);
    }
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    if whole < bytes.len() {
        bytes.truncate(whole);
        data::truncate(file, u64::try_from(whole).map_err(|_| DataError::OverQuota)?)?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
