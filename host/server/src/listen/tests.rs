//! Connections that stall, flood or come from another user.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::router::tests::{Fixture, fixture};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;

struct Served {
    path: PathBuf,
    stop: oneshot::Sender<()>,
    done: tokio::task::JoinHandle<()>,
    _fixture: Fixture,
}

async fn served() -> Served {
    let fixture = fixture().await;
    fs::create_dir_all(fixture.home.run()).unwrap();
    let listener = bind(&fixture.home, None).unwrap();
    let (stop, stopped) = oneshot::channel();
    let done = tokio::spawn(serve(listener, fixture.state.clone(), async move {
        let _ = stopped.await;
    }));
    Served { path: fixture.home.socket(), stop, done, _fixture: fixture }
}

#[test]
fn the_socket_is_in_the_home_unless_its_path_is_too_long() {
    let short = Home::at("/home/dev/.local/state/tollgate");
    assert_eq!(socket_path(&short, None).unwrap(), short.socket());
    let long = Home::at(format!("/{}", "x".repeat(MAX_SOCKET_PATH_BYTES)));
    let elsewhere = socket_path(&long, Some(Path::new("/run/user/7"))).unwrap();
    let name = elsewhere.file_name().unwrap().to_str().unwrap();
    assert!(elsewhere.starts_with("/run/user/7") && name.starts_with("tollgate-") && name.ends_with(".sock"), "{name}");
    assert!(socket_path(&long, None).unwrap_err().to_string().contains("XDG_RUNTIME_DIR"));
    assert!(socket_path(&long, Some(Path::new("relative"))).is_err());
}

#[tokio::test]
async fn a_socket_elsewhere_is_written_down_and_private() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("y".repeat(MAX_SOCKET_PATH_BYTES)));
    fs::create_dir_all(home.run()).unwrap();
    let _listener = bind(&home, Some(folder.path())).unwrap();
    let path = socket_path(&home, Some(folder.path())).unwrap();
    assert_eq!(fs::read(home.socket_pointer()).unwrap(), path.as_os_str().as_bytes());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_socket_left_behind_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path());
    fs::create_dir_all(home.run()).unwrap();
    drop(bind(&home, None).unwrap());
    assert!(home.socket().exists());
    let _listener = bind(&home, None).unwrap();
    assert_eq!(fs::metadata(home.socket()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_request_over_the_socket_is_answered_and_a_stream_ends_with_the_server() {
    let served = served().await;
    let mut client = UnixStream::connect(&served.path).await.unwrap();
    client.write_all(b"GET /api/events/stream HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 15];
    client.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    served.stop.send(()).unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(DRAIN_TIMEOUT, client.read_to_end(&mut rest)).await.unwrap().unwrap();
    served.done.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_no_head_is_closed() {
    let served = served().await;
    let mut client = UnixStream::connect(&served.path).await.unwrap();
    client.write_all(b"GET /healthz HT").await.unwrap();
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(HEAD_TIMEOUT * 2, client.read_to_end(&mut rest)).await;
    assert!(closed.is_ok(), "still open after twice the timeout");
}
