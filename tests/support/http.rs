//! One HTTP/1.1 exchange over a unix socket or a port, with the headers that a test gives. Knows no route.

use super::DEADLINE;
use serde_json::Value;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// A status and a JSON body; a body that is no JSON is its text.
pub type Answer = (u16, Value);

/// A request with its own headers; those of its framing are added.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Such as `GET`.
    pub method: &'a str,
    /// With its query.
    pub path: &'a str,
    /// `Host` and whatever else the test is about.
    pub headers: &'a [(&'a str, &'a str)],
    /// As it stands.
    pub body: &'a str,
}

/// Over a unix socket.
pub fn over_socket(socket: &Path, request: Request<'_>) -> Result<Answer> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let reader = stream.try_clone()?;
    exchange(stream, reader, request)
}

/// Over TCP.
pub fn over_port(address: &str, request: Request<'_>) -> Result<Answer> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let reader = stream.try_clone()?;
    exchange(stream, reader, request)
}

fn exchange(mut to: impl Write, from: impl Read, request: Request<'_>) -> Result<Answer> {
    let Request { method, path, headers, body } = request;
    let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    to.write_all(format!("{head}\r\n{body}").as_bytes())?;
    let mut from = BufReader::new(from);
    let mut line = String::new();
    from.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| cut("no status line"))?;
    let mut length = None;
    loop {
        line.clear();
        from.read_line(&mut line)?;
        match line.trim().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().ok(),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length.ok_or_else(|| cut("no content-length"))?];
    from.read_exact(&mut body)?;
    let value = serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned().into());
    Ok((status, value))
}

fn cut(what: &str) -> Error {
    Error::new(ErrorKind::UnexpectedEof, what.to_owned())
}
