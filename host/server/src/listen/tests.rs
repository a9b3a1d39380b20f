//! Where the socket is.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
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
async fn a_port_that_is_taken_is_named_with_the_mend() {
    let taken = bind_tcp("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = taken.local_addr().unwrap();
    let error = bind_tcp(address).await.unwrap_err().to_string();
    assert!(error.contains(&address.to_string()) && error.contains("[server] listen"), "{error}");
}
