//! A small HTTP/1.1 client over the unix socket: blocking, so that a hook's process starts nothing it does not need.
//!
//! Knows how to find a home's socket and how to frame a request; knows no route.

mod body;
mod stream;

pub use body::Body;

use stream::Stream;

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tollgate_core::home::Home;

/// The longest status or header line, in bytes.
const MAX_LINE_BYTES: u64 = 16 * 1024;
/// Most header lines.
const MAX_HEADERS: usize = 100;
/// The largest answer that is read whole: the server's own bound, with room to spare.
const MAX_ANSWER_BYTES: u64 = 64 * 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nothing listens.
    #[error("no daemon at {socket}: {source}; start one with `tollgate run`")]
    Away {
        /// Where it would be.
        socket: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// It went away, kept still, or does not speak HTTP.
    #[error("the daemon at {socket} did not answer: {source}")]
    Broken {
        /// Where it is.
        socket: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// It answered with a refusal.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its own words.
        message: String,
    },
}

impl ClientError {
    /// Whether no daemon was there at all.
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Away { .. })
    }
}

/// A way to one home's daemon.
pub struct Client {
    socket: PathBuf,
    bearer: Option<String>,
    until: Option<Instant>,
    silence: Duration,
}

impl Client {
    /// A client of the daemon of `home`, which may be away.
    pub fn of(home: &Home) -> Self {
        Self { socket: socket_of(home), bearer: None, until: None, silence: stream::SILENCE }
    }

    /// The same, with the approver token of `home`, where it can be read.
    pub fn approver_of(home: &Home) -> Self {
        let token = std::fs::read_to_string(home.approver_token()).ok();
        Self { bearer: token.map(|token| token.trim().to_owned()), ..Self::of(home) }
    }

    /// The same, with a time at which every exchange is over: connecting, asking and reading together.
    pub fn until(self, deadline: Instant) -> Self {
        Self { until: Some(deadline), ..self }
    }

    /// The same, for answers that may keep still for so long.
    pub fn patient(self, silence: Duration) -> Self {
        Self { silence, ..self }
    }

    /// `GET path`, the whole answer as text.
    ///
    /// # Errors
    /// When there is no answer or it is a refusal.
    pub fn get(&self, path: &str) -> Result<String, ClientError> {
        self.exchange("GET", path, None)
    }

    /// `POST path` with a body, the whole answer as text.
    ///
    /// # Errors
    /// When there is no answer or it is a refusal.
    pub fn post(&self, path: &str, body: &[u8]) -> Result<String, ClientError> {
        self.exchange("POST", path, Some(body))
    }

    /// `GET path` of a stream: the body, to be read line by line as it comes.
    ///
    /// # Errors
    /// When there is no answer or it is a refusal.
    pub fn open(&self, path: &str, last_event_id: Option<&str>) -> Result<Body, ClientError> {
        let header = last_event_id.map_or_else(String::new, |id| format!("last-event-id: {id}\r\n"));
        self.send("GET", path, &header, None)
    }

    fn exchange(&self, method: &str, path: &str, body: Option<&[u8]>) -> Result<String, ClientError> {
        let mut text = String::new();
        let answer = self.send(method, path, "connection: close\r\n", body)?;
        answer.take(MAX_ANSWER_BYTES).read_to_string(&mut text).map_err(|source| self.broken(source))?;
        Ok(text)
    }

    fn send(&self, method: &str, path: &str, headers: &str, body: Option<&[u8]>) -> Result<Body, ClientError> {
        let away = |source| ClientError::Away { socket: self.socket.clone(), source };
        let mut stream =
            Stream::connect(&self.socket, self.until, self.silence).map_err(|source| match source.kind() {
                ErrorKind::WouldBlock => self.broken(source),
                _ => away(source),
            })?;
        let bearer =
            self.bearer.as_ref().map_or_else(String::new, |token| format!("authorization: Bearer {token}\r\n"));
        let body = body.unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\n{bearer}{headers}content-length: {}\r\n\r\n",
            body.len()
        );
        // A refusal may come before the body was taken whole: the answer counts, not the write.
        let written = stream.write_all(&[head.as_bytes(), body].concat());
        let answer = read_head(BufReader::new(stream)).or_else(|error| written.and(Err(error)));
        let (status, body) = answer.map_err(|source| self.broken(source))?;
        if (200..300).contains(&status) {
            return Ok(body);
        }
        let mut text = String::new();
        body.take(MAX_ANSWER_BYTES).read_to_string(&mut text).map_err(|source| self.broken(source))?;
        Err(ClientError::Refused { status, message: refusal(status, &text) })
    }

    fn broken(&self, source: io::Error) -> ClientError {
        let source = match source.kind() {
            ErrorKind::WouldBlock => io::Error::new(ErrorKind::TimedOut, "it took too long"),
            _ => source,
        };
        ClientError::Broken { socket: self.socket.clone(), source }
    }
}

/// The home's own socket, or the one that `run/socket` names.
fn socket_of(home: &Home) -> PathBuf {
    match std::fs::read(home.socket_pointer()) {
        Ok(path) if !path.is_empty() => OsString::from_vec(path).into(),
        _ => home.socket(),
    }
}

fn read_head(mut reader: BufReader<Stream>) -> io::Result<(u16, Body)> {
    let status_line = read_line(&mut reader)?;
    let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "no HTTP status line"))?;
    let mut length = None;
    let mut chunked = false;
    for _ in 0..MAX_HEADERS {
        let line = read_line(&mut reader)?;
        let Some((name, value)) = line.split_once(':') else {
            return Ok((status, if chunked { Body::chunked(reader) } else { Body::sized(reader, length) }));
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok();
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            chunked = value.trim().eq_ignore_ascii_case("chunked");
        }
    }
    Err(io::Error::new(ErrorKind::InvalidData, "too many headers"))
}

/// One line without its end; an empty one ends the head.
fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    let read = reader.take(MAX_LINE_BYTES).read_line(&mut line)?;
    if read == 0 {
        return Err(io::Error::new(ErrorKind::UnexpectedEof, "it closed the connection"));
    }
    line.truncate(line.trim_end().len());
    Ok(line)
}

/// The message of `{"error":{"message","request_id"}}`, else the status. Where the host is at fault its log says more
/// under the id.
fn refusal(status: u16, text: &str) -> String {
    let answer = serde_json::from_str::<serde_json::Value>(text).unwrap_or_default();
    let part = |name: &str| answer.get("error")?.get(name)?.as_str();
    match (part("message"), part("request_id")) {
        (Some(message), Some(id)) if status >= 500 => format!("{message} (request {id})"),
        (Some(message), _) => message.to_owned(),
        (None, _) => format!("the daemon answered with status {status}"),
    }
}

#[cfg(test)]
mod tests;
