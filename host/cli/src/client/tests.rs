//! The client against a listener that answers as a daemon might, or might not.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use std::os::unix::net::UnixListener;
use std::thread;
use std::time::Duration;

/// What a client makes of a server that answers with these bytes and hangs up.
fn answered_with(bytes: &'static [u8]) -> Result<String, ClientError> {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path());
    std::fs::create_dir(home.run()).unwrap();
    let listener = UnixListener::bind(home.socket()).unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = BufReader::new(stream.try_clone().unwrap());
        while !read_line(&mut head).unwrap().is_empty() {}
        stream.write_all(bytes).unwrap();
    });
    let answer = Client::of(&home).get("/");
    server.join().unwrap();
    answer
}

#[test]
fn answers_of_every_framing_are_read() {
    let check = |bytes, text: &str| assert_eq!(answered_with(bytes).unwrap(), text);
    check(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", "hi");
    check(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi and more", "hi");
    check(b"HTTP/1.1 200 OK\r\n\r\nto the end", "to the end");
    check(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=1\r\n0123456789\r\n0\r\n\r\n",
        "abc0123456789",
    );
}

#[test]
fn broken_answers_are_said() {
    let check = |bytes, says: &str| {
        let error = answered_with(bytes).unwrap_err();
        assert!(matches!(error, ClientError::Broken { .. }));
        assert!(error.to_string().contains(says), "{error}");
    };
    check(b"", "it closed the connection");
    check(b"nonsense\r\n", "no HTTP status line");
    check(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi", "within its answer");
    check(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nab", "within its answer");
    check(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "a chunk without a size");
}

#[test]
fn a_refusal_is_said_in_the_daemon_s_words() {
    let error = answered_with(b"HTTP/1.1 400 Bad Request\r\n\r\n{\"error\":{\"code\":\"x\",\"message\":\"not good\"}}");
    assert!(matches!(error, Err(ClientError::Refused { status: 400, message }) if message == "not good"));
}

#[test]
fn no_daemon_is_told_with_the_mend() {
    let folder = tempfile::tempdir().unwrap();
    let error = Client::of(&Home::at(folder.path())).get("/").unwrap_err();
    assert!(error.is_away());
    assert!(error.to_string().ends_with("start one with `tollgate run`"), "{error}");
}

/// What the error of a client that gives up after a moment says, and that it gave up then.
fn given_up(home: &Home) {
    let (begun, patience) = (Instant::now(), Duration::from_millis(50));
    let error = Client::of(home).until(begun + patience).post("/", &[b'x'; 1024 * 1024]).unwrap_err();
    assert!(matches!(error, ClientError::Broken { .. }), "{error}");
    assert!(error.to_string().contains("took too long"), "{error}");
    assert!((patience..stream::SILENCE).contains(&begun.elapsed()));
}

#[test]
fn an_exchange_is_over_at_its_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path());
    std::fs::create_dir(home.run()).unwrap();
    let listener = UnixListener::bind(home.socket()).unwrap();
    // Nobody accepts: the kernel takes the connection, and some of the body.
    given_up(&home);
    // No room for another connection beside that one: the kernel does not even take it.
    rustix::net::listen(&listener, 0).unwrap();
    given_up(&home);
    drop(listener);
    // One who answers byte by byte, for ever.
    std::fs::remove_file(home.socket()).unwrap();
    let listener = UnixListener::bind(home.socket()).unwrap();
    let trickle = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = BufReader::new(stream.try_clone().unwrap());
        while !read_line(&mut head).unwrap().is_empty() {}
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        // Until the client hangs up.
        while stream.write_all(b"x").is_ok() {}
    });
    let begun = Instant::now();
    let error = Client::of(&home).until(begun + Duration::from_millis(50)).get("/").unwrap_err();
    assert!(error.to_string().contains("took too long"), "{error}");
    trickle.join().unwrap();
}

#[test]
fn a_socket_elsewhere_is_found_by_its_pointer() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path());
    std::fs::create_dir(home.run()).unwrap();
    assert_eq!(socket_of(&home), home.socket());
    std::fs::write(home.socket_pointer(), "/run/user/7/tollgate-0.sock").unwrap();
    assert_eq!(socket_of(&home), PathBuf::from("/run/user/7/tollgate-0.sock"));
}
