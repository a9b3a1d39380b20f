//! Query strings: which events a reader wants, and from where on. Every parameter is named when it is wrong.

use crate::caller::Caller;
use crate::error::ApiError;
use crate::frames::Format;
use crate::reach::Reach;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use std::sync::Arc;
use tollgate_core::events::PatternSet;
use tollgate_core::journal::{Cursor, Query};
use tollgate_core::time::Timestamp;

/// Events in one answer where the query names no limit.
const DEFAULT_LIMIT: usize = 100;
/// Most events in one answer; `next` says where the rest begins.
pub(crate) const MAX_LIMIT: usize = 10_000;
/// Most characters of patterns in one query: some hundred patterns.
pub(crate) const MAX_PATTERNS_BYTES: usize = 16 * 1024;
/// The longest wait for a person, in milliseconds.
pub(crate) const MAX_PERSON_MS: u64 = 3_600_000;
/// The longest wait for plugins to be done with an event, in milliseconds: their calls take a second unless granted
/// more, and each who waits holds a connection. Below the minute after which the command line takes a daemon that
/// keeps still for gone.
pub const MAX_PLUGINS_MS: u64 = 45_000;

/// From where on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// After this position of this very journal.
    Cursor(Cursor),
    /// After this seq.
    Seq(u64),
    /// At or after this time.
    Time(Timestamp),
}

/// What a reader asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    pub(crate) patterns: Option<PatternSet>,
    pub(crate) entity: Option<(String, String)>,
    pub(crate) session: Option<Arc<str>>,
    pub(crate) since: Option<Since>,
    pub(crate) until: Option<Timestamp>,
    pub(crate) limit: usize,
    pub(crate) newest: bool,
    pub(crate) format: Format,
    /// Whether the query names the format, which counts before what the headers say.
    pub(crate) names_format: bool,
    /// The types that the caller may read; none: all.
    pub(crate) readable: Option<PatternSet>,
    /// The sessions that are the caller's; none: all.
    pub(crate) reach: Option<Arc<Reach>>,
}

impl Wanted {
    /// Reads `type` (or `filter`), `entity`, `session`, `since`, `until`, `limit`, `newest`, `format`.
    pub(crate) fn parse(query: Option<&str>, now: Timestamp) -> Result<Self, ApiError> {
        Self::of(pairs(query)?, now)
    }

    /// The same, of parameters that are taken apart.
    pub(crate) fn of(pairs: Vec<(String, String)>, now: Timestamp) -> Result<Self, ApiError> {
        let mut wanted = Self { limit: DEFAULT_LIMIT, ..Self::default() };
        for (name, value) in pairs {
            match name.as_str() {
                "type" | "filter" => wanted.patterns = Some(patterns(&name, &value)?),
                "entity" => wanted.entity = Some(entity(&value)?),
                "session" => wanted.session = Some(value.into()),
                "since" => wanted.since = Some(since(&value, now)?),
                "until" => wanted.until = Some(time(&name, &value, now)?),
                "limit" => wanted.limit = limit(&value)?,
                "newest" => wanted.newest = flag(&name, &value)?,
                "format" => {
                    wanted.format = format(&value)?;
                    wanted.names_format = true;
                }
                _ => {
                    let known = "type, filter, entity, session, since, until, limit, newest, format";
                    return Err(bad(&name, &format!("no such parameter; known are {known}")));
                }
            }
        }
        if wanted.newest && wanted.entity.is_some() {
            return Err(bad("newest", "cannot be joined with entity; leave one of them out"));
        }
        Ok(wanted)
    }

    /// The same, in the format that the headers accept where the query names none.
    pub(crate) fn accepting(mut self, headers: &HeaderMap) -> Self {
        if !self.names_format && accepts(headers, CLOUD_EVENTS) {
            self.format = Format::CloudEvent;
        }
        self
    }

    /// The same, less what this caller may not read.
    pub(crate) fn readable_by(mut self, caller: &Caller) -> Self {
        self.readable.clone_from(&caller.scopes.read);
        // Where no types are named, those that may be read are meant: the journal can look for them.
        self.patterns = self.patterns.or_else(|| caller.scopes.read.clone());
        self.reach = Some(Arc::clone(&caller.reach));
        self
    }

    /// Whether an event that the journal's query let through is wanted: what the journal has no index for.
    pub(crate) fn takes(&self, event: &tollgate_core::event::Event) -> bool {
        let entity = self.entity.as_ref().is_none_or(|(kind, id)| {
            event.entity.as_ref().is_some_and(|entity| *entity.kind == **kind && *entity.id == **id)
        });
        let readable = self.readable.as_ref().is_none_or(|readable| readable.matches(&event.event_type));
        let reached = self.reach.as_ref().is_none_or(|reach| reach.session(event.session.as_deref()));
        entity
            && readable
            && reached
            && self.session.as_ref().is_none_or(|session| event.session.as_ref() == Some(session))
    }

    /// The journal's query for one page.
    pub(crate) fn page(&self, after: u64, limit: usize) -> Query {
        Query {
            after,
            patterns: self.patterns.clone(),
            session: self.session.clone(),
            since: match self.since {
                Some(Since::Time(at)) => Some(at),
                _ => None,
            },
            until: self.until,
            limit,
            newest: self.newest,
        }
    }
}

/// `wait_ms` of a request that waits for somebody, for `most` milliseconds.
pub(crate) fn wait_ms(query: Option<&str>, most: u64) -> Result<Option<u64>, ApiError> {
    let mut wait = None;
    for (name, value) in pairs(query)? {
        match (name.as_str(), value.parse()) {
            ("wait_ms", Ok(ms)) if ms <= most => wait = Some(ms),
            ("wait_ms", _) => return Err(bad(&name, &format!("must be whole milliseconds, 0 to {most}"))),
            _ => return Err(bad(&name, "no such parameter; known is wait_ms")),
        }
    }
    Ok(wait)
}

/// `last` of a plugin's logs.
pub(crate) fn last(query: Option<&str>, default: usize, max: usize) -> Result<usize, ApiError> {
    let mut last = default;
    for (name, value) in pairs(query)? {
        match (name.as_str(), value.parse::<usize>()) {
            ("last", Ok(count)) if count > 0 => last = count.min(max),
            ("last", _) => return Err(bad(&name, "must be a whole number, at least 1")),
            _ => return Err(bad(&name, "no such parameter; known is last")),
        }
    }
    Ok(last)
}

/// `<epoch>.<seq>`, a seq, an RFC 3339 time, or how long ago (`10m`).
pub(crate) fn since(text: &str, now: Timestamp) -> Result<Since, ApiError> {
    if let Some(cursor) = cursor(text) {
        return Ok(Since::Cursor(cursor));
    }
    if let Ok(seq) = text.parse() {
        return Ok(Since::Seq(seq));
    }
    time("since", text, now).map(Since::Time)
}

/// A cursor as clients keep it.
pub(crate) fn cursor(text: &str) -> Option<Cursor> {
    let (epoch, seq) = text.split_once('.')?;
    let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if epoch.len() != 16 || !epoch.bytes().all(lower_hex) || !seq.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(Cursor { epoch: u64::from_str_radix(epoch, 16).ok()?, seq: seq.parse().ok()? })
}

/// What a client gets to resume with after `seq`.
pub(crate) fn cursor_text(epoch: u64, seq: u64) -> String {
    format!("{epoch:016x}.{seq}")
}

/// A query's parameters, all of them among `known`.
pub(crate) fn fields(query: Option<&str>, known: &[&str]) -> Result<Vec<(String, String)>, ApiError> {
    let pairs = pairs(query)?;
    match pairs.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        Some((name, _)) => Err(bad(name, &format!("no such parameter; known are {}", known.join(", ")))),
        None => Ok(pairs),
    }
}

fn pairs(query: Option<&str>) -> Result<Vec<(String, String)>, ApiError> {
    let uri: axum::http::Uri = format!("/?{}", query.unwrap_or(""))
        .parse()
        .map_err(|_| ApiError::bad_request("bad_query", "not a query string"))?;
    axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri)
        .map(|axum::extract::Query(pairs)| pairs)
        .map_err(|error| ApiError::bad_request("bad_query", error.body_text()))
}

fn patterns(name: &str, value: &str) -> Result<PatternSet, ApiError> {
    if value.len() > MAX_PATTERNS_BYTES {
        return Err(bad(name, &format!("more than {MAX_PATTERNS_BYTES} bytes of patterns")));
    }
    PatternSet::parse(value.split(',').map(str::trim)).map_err(|error| bad(name, &error.to_string()))
}

fn entity(value: &str) -> Result<(String, String), ApiError> {
    match value.split_once([':', '/']) {
        Some((kind, id)) if !kind.is_empty() && !id.is_empty() => Ok((kind.to_owned(), id.to_owned())),
        _ => Err(bad("entity", "must be kind:id, such as task:abc")),
    }
}

fn limit(value: &str) -> Result<usize, ApiError> {
    match value.parse::<usize>() {
        Ok(limit) if limit > 0 => Ok(limit.min(MAX_LIMIT)),
        _ => Err(bad("limit", "must be a whole number, at least 1")),
    }
}

pub(crate) fn flag(name: &str, value: &str) -> Result<bool, ApiError> {
    match value {
        "true" | "1" | "" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(bad(name, "must be true or false")),
    }
}

fn format(value: &str) -> Result<Format, ApiError> {
    match value {
        "envelope" => Ok(Format::Envelope),
        "cloudevents" => Ok(Format::CloudEvent),
        _ => Err(bad("format", "known are envelope and cloudevents")),
    }
}

/// Media types of CloudEvents: one, and a list of them.
pub(crate) const CLOUD_EVENTS: &str = "application/cloudevents+json";
pub(crate) const CLOUD_EVENTS_BATCH: &str = "application/cloudevents-batch+json";

/// Whether a media type is among those that are accepted by name; `*/*` names none.
pub(crate) fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = values.flat_map(|value| value.split(',')).filter_map(|one| one.split(';').next());
    types.any(|one| one.trim().eq_ignore_ascii_case(media_type))
}

fn time(name: &str, value: &str, now: Timestamp) -> Result<Timestamp, ApiError> {
    let position = if name == "since" { "a cursor, a seq, " } else { "" };
    let mend = || format!("must be {position}a time such as 2026-01-27T10:21:33Z, or how long ago such as 10m");
    Timestamp::parse_when(value, now).map_err(|_| bad(name, &mend()))
}

pub(crate) fn bad(name: &str, reason: &str) -> ApiError {
    ApiError::bad_request("bad_query", format!("`{name}`: {reason}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000);

    #[test]
    fn since_takes_every_form() {
        let check = |text: &str, expected: Since| assert_eq!(since(text, NOW).unwrap(), expected, "{text}");
        check("00000000000000ff.12", Since::Cursor(Cursor { epoch: 255, seq: 12 }));
        check("12", Since::Seq(12));
        check("10m", Since::Time(Timestamp(NOW.0 - 600_000)));
        check("250ms", Since::Time(Timestamp(NOW.0 - 250)));
        check("1970-01-01T00:00:01Z", Since::Time(Timestamp(1_000)));
    }

    #[test]
    fn a_query_is_read_whole() {
        let wanted =
            Wanted::parse(Some("type=tool.*,hook.*&entity=task:abc&session=s%201&since=7&until=1h&limit=5"), NOW)
                .unwrap();
        assert_eq!(wanted.patterns, Some(PatternSet::parse(["tool.*", "hook.*"]).unwrap()));
        assert_eq!(wanted.entity, Some(("task".to_owned(), "abc".to_owned())));
        assert_eq!(wanted.session.as_deref(), Some("s 1"));
        assert_eq!(wanted.since, Some(Since::Seq(7)));
        assert_eq!(wanted.until, Some(Timestamp(NOW.0 - 3_600_000)));
        assert_eq!(wanted.limit, 5);
    }

    #[test]
    fn a_limit_is_bounded() {
        assert_eq!(Wanted::parse(Some("limit=100000"), NOW).unwrap().limit, MAX_LIMIT);
        assert_eq!(Wanted::parse(None, NOW).unwrap().limit, DEFAULT_LIMIT);
    }

    #[test]
    fn bad_parameters_are_named() {
        let check = |query: &str, says: &str| {
            let error = Wanted::parse(Some(query), NOW).unwrap_err();
            assert!(error.message().contains(says), "{query} said {}", error.message());
        };
        check("typ=a.b", "`typ`: no such parameter");
        check("type=a.B", "`type`: `a.B` has a bad segment");
        check("filter=", "`filter`: ");
        check("entity=task", "`entity`: must be kind:id");
        check("since=yesterday", "`since`: must be a cursor");
        check("since=ABCDEF0123456789.1", "`since`: must be a cursor");
        check("since=99999999999999999999d", "`since`: must be a cursor");
        check("limit=0", "`limit`: must be a whole number");
        check("format=xml", "`format`: known are envelope and cloudevents");
        check("newest=perhaps", "`newest`: must be true or false");
        check("newest=1&entity=a:b", "`newest`: cannot be joined");
    }

    #[test]
    fn a_cursor_reads_back() {
        let cursor = Cursor { epoch: 0x0123_4567_89ab_cdef, seq: 42 };
        assert_eq!(super::cursor(&cursor_text(cursor.epoch, cursor.seq)), Some(cursor));
    }
}
