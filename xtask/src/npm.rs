//! Fetches programs that others wrote with npm, once, into a cache of the user's. Runs no script of a package, and
//! takes nothing but what is pinned.

use crate::agents::{Agent, Program};
use crate::process::Running;
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How long npm may take: some hundred megabytes over a slow line.
const FETCH: Duration = Duration::from_secs(900);

/// Where what others wrote is kept.
#[derive(Debug, clap::Args)]
pub struct Cache {
    /// Where others' programs are kept [default: $XDG_CACHE_HOME/tollgate/agents, else ~/.cache/…]
    #[arg(long, value_name = "FOLDER")]
    cache: Option<PathBuf>,
}

impl Cache {
    /// The folder, which may not be there.
    ///
    /// # Errors
    /// When there is no folder to keep anything in.
    pub fn resolve(&self) -> Result<PathBuf> {
        Ok(std::path::absolute(self.cache.clone().map_or_else(default_cache, Ok)?)?)
    }
}

/// The user's cache folder for agents.
///
/// # Errors
/// Where the environment names none.
fn default_cache() -> Result<PathBuf> {
    let named = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = named("XDG_CACHE_HOME").or_else(|| Some(named("HOME")?.join(".cache")));
    Ok(cache.context("neither XDG_CACHE_HOME nor HOME is set: say --cache FOLDER")?.join("tollgate/agents"))
}

/// The agent's program in `cache`, fetched where it is not there.
///
/// # Errors
/// When npm is missing or fails, or brings something else than what is pinned.
pub fn program(agent: &Agent, cache: &Path) -> Result<PathBuf> {
    let Some(first) = agent.parts_here().next().filter(|_| cfg!(target_os = "linux")) else {
        bail!("{} is known here for Linux on x86_64 and aarch64 alone", agent.name);
    };
    let package = format!("{}@{}", first.name, agent.version);
    let folder = cache.join(&package);
    let inside = match agent.program {
        Program::File(file) => Path::new("node_modules").join(first.name).join(file),
        Program::Linked(name) => Path::new("node_modules/.bin").join(name),
    };
    let pins: Vec<_> = agent.parts_here().map(|part| (part.name, part.integrity)).collect();
    fetch(&package, &folder, &pins)?;
    let program = folder.join(inside);
    ensure!(program.exists(), "{} is not there: remove {}", program.display(), folder.display());
    Ok(program)
}

/// One package of the registry, in the version and with the integrity that are named here.
#[derive(Debug, Clone, Copy)]
pub struct Package {
    /// What npm calls it.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// What npm calls its integrity; of what it needs, npm takes what fits.
    pub integrity: &'static str,
    /// What it needs and is held against an integrity of its own, too.
    pub with: &'static [(&'static str, &'static str)],
}

impl Package {
    /// Where in `cache` it is kept.
    pub fn folder(&self, cache: &Path) -> PathBuf {
        cache.join(format!("{}@{}", self.name, self.version))
    }

    /// Its `node_modules` in `cache`, fetched where it is not there.
    ///
    /// # Errors
    /// As [`fetch`].
    pub fn modules(&self, cache: &Path) -> Result<PathBuf> {
        let folder = self.folder(cache);
        let pins = [&[(self.name, self.integrity)], self.with].concat();
        fetch(&format!("{}@{}", self.name, self.version), &folder, &pins)?;
        Ok(folder.join("node_modules"))
    }
}

/// Has `package` in `folder`, fetched where it is not there, with what npm calls the integrity of each of `pins`.
///
/// # Errors
/// When npm is missing or fails, or brought something else than what is pinned.
pub fn fetch(package: &str, folder: &Path, pins: &[(&str, &str)]) -> Result<()> {
    if !folder.exists() {
        bring(package, folder)?;
    }
    check(folder, pins).with_context(|| format!("{}: remove it, and it is fetched anew", folder.display()))
}

/// Fetches a package; aside and renamed, so that half of one is never taken for all of it.
fn bring(package: &str, folder: &Path) -> Result<()> {
    let parent = folder.parent().context("the cache has no folder")?;
    fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
    let aside = tempfile::Builder::new().prefix(".fetch-").tempdir_in(parent)?;
    let _ = writeln!(std::io::stderr(), "fetching {package} with npm into {} …", folder.display());
    let mut npm = Command::new("npm");
    npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"]).arg(aside.path()).arg(package);
    let log = aside.path().join("npm.log");
    let running = Running::start("npm", &mut npm, &log).context("npm is needed; it comes with Node.js")?;
    running.succeed(FETCH).with_context(|| {
        format!("npm could not fetch {package}; without a network, say --cache with a folder that has it")
    })?;
    fs::rename(aside.path(), folder).with_context(|| format!("renaming to {}", folder.display()))?;
    Ok(())
}

/// Whether what npm brought is what is pinned.
fn check(folder: &Path, pins: &[(&str, &str)]) -> Result<()> {
    let lock: Value = serde_json::from_slice(&fs::read(folder.join("package-lock.json"))?)?;
    for (name, integrity) in pins {
        let found = lock.get("packages").and_then(|packages| packages.get(format!("node_modules/{name}")));
        let found = found.and_then(|package| package.get("integrity")).and_then(Value::as_str);
        ensure!(found == Some(*integrity), "{name} is not what is pinned here, but {found:?}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::agents::AGENTS;
    use serde_json::json;

    #[test]
    fn a_package_that_is_not_the_pinned_one_is_not_run() {
        for agent in AGENTS {
            let folder = tempfile::tempdir().unwrap();
            let first = agent.parts_here().next().unwrap();
            let inside = folder.path().join(format!("{}@{}", first.name, agent.version));
            let write = |changed: Option<&str>| {
                let package = |part: &crate::agents::Part| {
                    let integrity = if changed == Some(part.name) { "sha512-other" } else { part.integrity };
                    (format!("node_modules/{}", part.name), json!({ "integrity": integrity }))
                };
                let packages: serde_json::Map<_, _> = agent.parts_here().map(package).collect();
                fs::create_dir_all(&inside).unwrap();
                fs::write(inside.join("package-lock.json"), json!({ "packages": packages }).to_string()).unwrap();
            };
            write(None);
            let error = format!("{:#}", program(agent, folder.path()).unwrap_err());
            assert!(error.contains("is not there"), "its program alone is missing: {error}");
            for part in agent.parts_here() {
                write(Some(part.name));
                let error = format!("{:#}", program(agent, folder.path()).unwrap_err());
                assert!(error.contains("is not what is pinned") && error.contains("remove it"), "{error}");
            }
        }
    }
}
