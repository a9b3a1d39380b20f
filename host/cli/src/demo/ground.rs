//! What the demonstration makes to work on: a cargo workspace with a bug, a git repository with conflicts.
//!
//! Owns their files and their making. Knows nothing of the host, and of the user's own settings only that they must
//! not count: a hook of theirs must not run here, nor a build land in a folder of theirs. What it starts is out of reach of
//! a terminal's Ctrl-C, which is the demonstration's own to hear.

use anyhow::{Context, bail};
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// The chat's cargo workspace: four tests, of which [`FAILING_TEST`] finds a bug. No dependency, so nothing is fetched;
/// the folder's own settings keep its builds in it whatever the user's say.
const SHOP: [(&str, &str); 6] = [
    (".cargo/config.toml", "[build]\ntarget-dir = \"target\"\n\n[net]\noffline = true\n"),
    ("Cargo.toml", "[workspace]\nresolver = \"2\"\nmembers = [\"basket\", \"till\"]\n\n[profile.dev]\ndebug = false\n"),
    (
        "basket/Cargo.toml",
        "[package]\nname = \"basket\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[lib]\ndoctest = false\n",
    ),
    (
        "basket/src/lib.rs",
        "//! Prices, in cents.

/// What `count` pieces cost; from ten pieces on, a tenth less.
pub fn price(count: u32, each: u32) -> u32 {
    let whole = count * each;
    if count > 10 { whole - whole / 10 } else { whole }
}

#[test]
fn one_piece_has_its_price() {
    assert_eq!(price(1, 250), 250);
}

#[test]
fn ten_pieces_cost_a_tenth_less() {
    assert_eq!(price(10, 250), 2_250);
}
",
    ),
    (
        "till/Cargo.toml",
        "[package]\nname = \"till\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[lib]\ndoctest = false\n",
    ),
    (
        "till/src/lib.rs",
        "//! Change, in cents.

/// What is given back; nothing where too little was paid.
pub fn change(paid: u32, due: u32) -> Option<u32> {
    paid.checked_sub(due)
}

#[test]
fn change_is_given() {
    assert_eq!(change(500, 250), Some(250));
}

#[test]
fn too_little_is_refused() {
    assert_eq!(change(200, 250), None);
}
",
    ),
];
/// The test that fails until the bug is gone.
pub const FAILING_TEST: &str = "ten_pieces_cost_a_tenth_less";
/// How many of the shop's tests pass.
pub const PASSING_TESTS: u64 = 3;

/// One file of the repository: as both branches found it, as `main` has it, as `feature` has it.
struct Versions {
    path: &'static str,
    base: &'static str,
    main: &'static str,
    feature: &'static str,
}

const SITE: [Versions; 3] = [
    Versions {
        path: "CHANGELOG.md",
        base: "# Changelog\n\n## Unreleased\n\n- The first page.\n",
        main: "# Changelog\n\n## Unreleased\n\n- The first page.\n- A dark theme.\n",
        feature: "# Changelog\n\n## Unreleased\n\n- The first page.\n- German texts.\n",
    },
    Versions {
        path: "greeting.py",
        base: "def greet(name):\n    return \"Hello, \" + name\n",
        main: "def greet(name):\n    return \"Good evening, \" + name\n",
        feature: "def greet(name):\n    return \"Guten Tag, \" + name\n",
    },
    Versions {
        path: "settings.json",
        base: "{\n  \"name\": \"shop\",\n  \"port\": 8080\n}\n",
        main: "{\n  \"name\": \"shop\",\n  \"port\": 8080,\n  \"theme\": \"dark\"\n}\n",
        feature: "{\n  \"name\": \"shop\",\n  \"port\": 8080,\n  \"language\": \"de\"\n}\n",
    },
];
/// What `git status --short` says once the conflicts that can be resolved are: two files staged, one left.
pub const SITE_MERGED: [&str; 3] = ["M  CHANGELOG.md", "UU greeting.py", "M  settings.json"];

/// Why `program` is of no use here; none where it answers.
pub fn missing(program: &str) -> Option<String> {
    // A proxy of rustup's would fetch a compiler that is not there.
    let mut command = Command::new(program);
    command.arg("--version").env("RUSTUP_AUTO_INSTALL", "0").stdin(Stdio::null());
    let answer = command.process_group(0).output();
    match answer {
        Ok(answer) if answer.status.success() => None,
        Ok(answer) => {
            let words = String::from_utf8_lossy(&answer.stderr);
            let first = words.lines().find(|line| !line.trim().is_empty()).unwrap_or("it says nothing");
            Some(format!("`{program} --version` fails here: {}", crate::output::tame(first.trim(), 120)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(format!("no `{program}` on PATH")),
        Err(error) => Some(format!("`{program}` does not start: {error}")),
    }
}

/// Writes the cargo workspace.
pub fn make_shop(folder: &Path) -> anyhow::Result<()> {
    for (path, content) in SHOP {
        write(&folder.join(path), content)?;
    }
    Ok(())
}

/// Makes the repository: `main` is checked out, and `feature` conflicts with it in every file.
pub fn make_site(folder: &Path) -> anyhow::Result<()> {
    let commit = |message: &str, version: fn(&Versions) -> &'static str| -> anyhow::Result<()> {
        for file in &SITE {
            write(&folder.join(file.path), version(file))?;
        }
        git(folder, &["add", "."])?;
        git(folder, &["commit", "--quiet", "-m", message]).map(drop)
    };
    git(folder, &["init", "--quiet"])?;
    // `init -b` is younger than many a git.
    git(folder, &["symbolic-ref", "HEAD", "refs/heads/main"])?;
    for (key, value) in [("user.name", "demo"), ("user.email", "demo@example.org"), ("core.autocrlf", "false")] {
        git(folder, &["config", key, value])?;
    }
    commit("A page", |file| file.base)?;
    git(folder, &["checkout", "--quiet", "-b", "feature"])?;
    commit("German", |file| file.feature)?;
    git(folder, &["checkout", "--quiet", "main"])?;
    commit("Dark", |file| file.main)
}

/// `git status --short`, line by line.
pub fn site_status(folder: &Path) -> anyhow::Result<Vec<String>> {
    Ok(git(folder, &["status", "--short"])?.lines().map(str::to_owned).collect())
}

/// Runs git without any settings or variables of the user's.
fn git(folder: &Path, args: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new("git");
    command.args(args).current_dir(folder).stdin(Stdio::null()).env_clear().env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", folder);
    command.process_group(0);
    let ended = command.output().context("git")?;
    if !ended.status.success() {
        bail!("git {}: {}", args.join(" "), String::from_utf8_lossy(&ended.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
}

fn write(file: &Path, content: &str) -> anyhow::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, content).with_context(|| file.display().to_string())
}
