//! Tokens that are made, found, taken back and kept, and what is refused.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use super::*;
use std::os::unix::fs::PermissionsExt as _;

const NOW: Timestamp = Timestamp(1_000);

fn wish(name: &str) -> Wish {
    Wish {
        name: name.to_owned(),
        scopes: vec!["read".to_owned()],
        sources: Vec::new(),
        per_second: None,
        connections: None,
    }
}

fn home() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.json");
    (folder, path)
}

#[test]
fn a_token_is_told_once_and_kept_as_a_hash() {
    let (_folder, path) = home();
    let tokens = Tokens::open(&path).unwrap();
    let (made, text) = tokens.add(wish("board"), NOW).unwrap();
    assert_eq!(&*made.sources[0], "token:board");
    assert!(text.starts_with(PREFIX) && text.len() == PREFIX.len() + 2 * TOKEN_BYTES, "{text}");
    let file = fs::read_to_string(&path).unwrap();
    assert!(!file.contains(&text[PREFIX.len()..]) && file.contains(&hash_of(&text)), "{file}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    for tokens in [&tokens, &Tokens::open(&path).unwrap()] {
        assert_eq!(&*tokens.find(&text).unwrap().name, "board");
        for wrong in ["", "board", &text[1..], &format!("{text}0"), &hash_of(&text)] {
            assert!(tokens.find(wrong).is_none(), "{wrong}");
        }
    }
}

#[test]
fn a_token_taken_back_is_gone_and_ends_what_is_live() {
    let (_folder, path) = home();
    let tokens = Tokens::open(&path).unwrap();
    let (_, kept) = tokens.add(wish("kept"), NOW).unwrap();
    let (made, text) = tokens.add(wish("board"), NOW).unwrap();
    let ended = made.allowance.ended();
    assert!(matches!(tokens.add(wish("board"), NOW), Err(TokenError::Taken(_))));
    tokens.revoke("board").unwrap();
    assert!(*ended.borrow());
    assert!(matches!(tokens.revoke("board"), Err(TokenError::Absent(_))));
    for tokens in [&tokens, &Tokens::open(&path).unwrap()] {
        assert!(tokens.find(&text).is_none() && tokens.find(&kept).is_some());
    }
}

#[test]
fn tokens_are_bounded() {
    let (_folder, path) = home();
    let tokens = Tokens::open(&path).unwrap();
    for count in 0..MAX_TOKENS {
        tokens.add(wish(&format!("t{count}")), NOW).unwrap();
    }
    assert!(matches!(tokens.add(wish("more"), NOW), Err(TokenError::Full)));
    tokens.revoke("t0").unwrap();
    tokens.add(wish("more"), NOW).unwrap();
}

#[test]
fn what_is_no_token_is_named() {
    let (_folder, path) = home();
    let tokens = Tokens::open(&path).unwrap();
    let check = |wish: Wish, says: &str| {
        let error = tokens.add(wish, NOW).unwrap_err().to_string();
        assert!(error.contains(says), "said: {error}\nnot:  {says}");
    };
    check(wish("Board"), "name: 1 to 64");
    check(wish(&"x".repeat(65)), "name: 1 to 64");
    check(Wish { scopes: vec!["all".to_owned()], ..wish("a") }, "scopes: `all` is no scope");
    check(Wish { sources: vec!["plugin:audit".to_owned()], ..wish("a") }, "sources: `plugin:audit`");
    check(Wish { sources: vec!["x".to_owned(); MAX_SOURCES + 1], ..wish("a") }, "sources: at most 64");
    check(Wish { per_second: Some(0), ..wish("a") }, "per_second: 1 to");
    check(Wish { per_second: Some(MAX_PER_SECOND + 1), ..wish("a") }, "per_second: 1 to");
    check(Wish { connections: Some(MAX_STREAMS + 1), ..wish("a") }, &format!("connections: 1 to {MAX_STREAMS}"));
    assert!(!path.exists(), "nothing of that is kept");
}

#[test]
fn a_broken_file_is_no_empty_one() {
    let (_folder, path) = home();
    for text in ["", "{", "{\"tokens\":[{\"name\":\"a\"}]}", "{\"other\":[]}"] {
        fs::write(&path, text).unwrap();
        let error = Tokens::open(&path).unwrap_err().to_string();
        assert!(error.contains("tokens.json") && error.contains("mend it"), "{text}: {error}");
    }
}
