//! The policy while the daemon runs: looked at again now and then and on SIGHUP, replaced when all of it is right.
//!
//! A file that is wrong, or half written, changes nothing: the last good policy stays, and the log says why. Of
//! the rest of the configuration it says what needs a restart.

use crate::config::Config;
use crate::policies::{self, Stamps};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::Signal;
use tollgate_core::gate::Gatekeeper;
use tollgate_core::home::Home;
use toml::{Table, Value};

/// How long files must have been still before they are read: an editor writes in pieces, and a policy whose end
/// is missing may be a policy.
const STILLNESS: Duration = Duration::from_millis(250);
/// How often stillness is waited for before the next look has to do: files that never rest block nothing.
const MAX_LOOKS: usize = 8;

/// What is in force, and of which files.
pub struct Reloading {
    home: Home,
    gatekeeper: Arc<Gatekeeper>,
    /// The configuration that the daemon was started with.
    started: Config,
    /// The last good one.
    config: Config,
    seen: Stamps,
}

impl Reloading {
    /// Goes on from the policy that was loaded of `config` after `seen` was taken.
    pub fn new(home: Home, gatekeeper: Arc<Gatekeeper>, config: Config, seen: Stamps) -> Self {
        Self { home, gatekeeper, started: config.clone(), config, seen }
    }

    /// Follows the files until it is dropped.
    pub async fn follow(mut self, mut hangup: Signal) {
        loop {
            let rescan = Duration::from_millis(self.config.gate.rescan_ms);
            tokio::select! {
                received = hangup.recv() => match received {
                    Some(()) => self.reload().await,
                    None => return,
                },
                () = tokio::time::sleep(rescan), if self.config.gate.watch => self.look().await,
            }
        }
    }

    /// Reads everything again if a file changed.
    async fn look(&mut self) {
        if stamps(self.home.clone()).await.is_some_and(|stamps| stamps != self.seen) {
            self.reload().await;
        }
    }

    /// Reads everything again once it is still, and puts it in force if it is right.
    async fn reload(&mut self) {
        let look = || stamps(self.home.clone());
        let reading = || {
            let (home, last) = (self.home.clone(), self.config.clone());
            tokio::task::spawn_blocking(move || read(&home, &last))
        };
        match while_still(STILLNESS, look, reading).await {
            Some((seen, read)) => {
                self.seen = seen;
                match read {
                    Ok(read) => self.put_in_force(read),
                    Err(error) => tracing::error!(%error, "policy.reload: failed; the last good policy stays"),
                }
            }
            None => {
                tracing::warn!("policy.reload: the files keep changing; the last good policy stays until they rest")
            }
        }
    }

    fn put_in_force(&mut self, read: Read) {
        match read.config {
            Ok(config) => {
                let keys = needs_restart(&self.started, &config);
                if !keys.is_empty() && config != self.config {
                    tracing::warn!(keys = keys.join(", "), "config.reload: these count after a restart of the daemon");
                }
                self.config = config;
            }
            Err(error) => tracing::error!(error, "config.reload: refused; the last good configuration stays"),
        }
        match read.policy {
            Ok(policy) => {
                let (rules, presets) = (policy.len(), self.config.gate.presets.join(", "));
                self.gatekeeper.set_policy(Arc::new(policy));
                tracing::info!(rules, presets, "policy.reload: in force");
            }
            Err(error) => tracing::error!(error, "policy.reload: refused; the last good policy stays"),
        }
    }
}

async fn stamps(home: Home) -> Option<Stamps> {
    tokio::task::spawn_blocking(move || Stamps::of(&home)).await.ok()
}

/// Reads what stays as it is while it is read, and for `stillness` before; none when it never rests.
async fn while_still<S: PartialEq, L: Future<Output = Option<S>>, R: Future>(
    stillness: Duration,
    mut look: impl FnMut() -> L,
    mut read: impl FnMut() -> R,
) -> Option<(S, R::Output)> {
    for _ in 0..MAX_LOOKS {
        let before = look().await?;
        tokio::time::sleep(stillness).await;
        if look().await.as_ref() == Some(&before) {
            let read = read().await;
            if look().await.as_ref() == Some(&before) {
                return Some((before, read));
            }
        }
    }
    None
}

/// What the files say now.
struct Read {
    config: Result<Config, String>,
    policy: Result<tollgate_core::gate::policy::Policy, String>,
}

/// A policy goes with the configuration that is right, or with the last that was.
fn read(home: &Home, last: &Config) -> Read {
    let config = Config::load(home).map_err(|error| error.to_string());
    let policy = policies::load(home, config.as_ref().unwrap_or(last)).map_err(|failure| failure.to_string());
    // A preset that there is not is the configuration's fault: it is refused as a whole.
    match (config, policy) {
        (Ok(config), Err(error)) if config.gate.presets != last.gate.presets => {
            let policy = policies::load(home, last).map_err(|failure| failure.to_string());
            match policy {
                Ok(policy) => Read { config: Err(error), policy: Ok(policy) },
                Err(error) => Read { config: Ok(config), policy: Err(error) },
            }
        }
        (config, policy) => Read { config, policy },
    }
}

/// Tables of the configuration that processes read when they start: hooks are processes of their own.
const READ_ANEW: [&str; 1] = ["hooks"];
/// Keys that count while the daemon runs.
const LIVE: [(&str, &str); 3] = [("gate", "presets"), ("gate", "watch"), ("gate", "rescan_ms")];

/// The keys in which two configurations differ and which count only from the start on.
fn needs_restart(started: &Config, now: &Config) -> Vec<String> {
    let (Ok(started), Ok(now)) = (Table::try_from(started), Table::try_from(now)) else { return Vec::new() };
    let mut keys = Vec::new();
    for (table, values) in now.iter().filter(|(table, _)| !READ_ANEW.contains(&table.as_str())) {
        let before = started.get(table).and_then(Value::as_table);
        for (key, value) in values.as_table().into_iter().flatten() {
            let same = before.and_then(|before| before.get(key)) == Some(value);
            if !same && !LIVE.contains(&(table.as_str(), key.as_str())) {
                keys.push(format!("[{table}] {key}"));
            }
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use std::fs;

    #[test]
    fn only_what_counts_from_the_start_needs_a_restart() {
        let read = |text: &str| {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("tollgate.toml"), text).unwrap();
            Config::read(&folder.path().join("tollgate.toml"), []).unwrap()
        };
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(needs_restart(&Config::default(), &read(text)), expected, "{text}");
        };
        check("", &[]);
        check("[gate]\npresets = [\"strict\"]\nwatch = false\nrescan_ms = 100", &[]);
        check("[hooks.codex]\ntimeout_ms = 2_000", &[]);
        check("[gate]\nallowed_extras = []", &["[gate] allowed_extras"]);
        check(
            "[journal]\ndurability = \"memory\"\n[plugins]\nwatch = false",
            &["[journal] durability", "[plugins] watch"],
        );
    }

    #[tokio::test]
    async fn only_what_is_still_is_read() {
        // What each look sees in turn, and then for ever; how often it is read, and with what.
        async fn check(looks: &[usize], last: Option<usize>, reads: usize, expected: Option<usize>) {
            let (mut looked, mut read) = (0, 0);
            let look = || {
                looked += 1;
                std::future::ready(looks.get(looked - 1).copied().or(last))
            };
            let reading = || {
                read += 1;
                std::future::ready(())
            };
            let found = while_still(Duration::ZERO, look, reading).await;
            assert_eq!((found.map(|(seen, ())| seen), read), (expected, reads), "{looks:?}");
        }
        check(&[], Some(7), 1, Some(7)).await;
        check(&[1, 2, 3, 4], Some(5), 1, Some(5)).await;
        check(&[1, 1, 2], Some(3), 2, Some(3)).await;
        check(&[1], None, 0, None).await;
        let restless: Vec<usize> = (0..2 * MAX_LOOKS).collect();
        check(restless.get(2..).unwrap(), Some(7), 1, Some(7)).await;
        check(&restless, Some(7), 0, None).await;
    }

    #[test]
    fn a_good_policy_goes_with_the_last_good_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        crate::home::create(&home).unwrap();
        let last = Config::default();
        let rules = read(&home, &last).policy.unwrap().len();
        fs::write(home.config(), "[gate]\npresets = [\"strictt\"]").unwrap();
        fs::write(home.policies().join("a.yaml"), "version: 1\nname: a\nrules: [{name: r, tool: X, action: deny}]")
            .unwrap();
        let now = read(&home, &last);
        let error = now.config.err().unwrap();
        assert!(error.contains("did you mean `strict`?"), "{error}");
        assert_eq!(now.policy.unwrap().len(), rules + 1);
        fs::write(home.config(), "[gate").unwrap();
        let now = read(&home, &last);
        assert!(now.config.is_err() && now.policy.unwrap().len() == rules + 1);
        fs::write(home.config(), "[gate]\npresets = [\"strict\"]").unwrap();
        fs::write(home.policies().join("a.yaml"), "version: 1\nname: a\nrule: []").unwrap();
        let now = read(&home, &last);
        assert_eq!(now.config.unwrap().gate.presets, ["strict"]);
        assert!(now.policy.err().unwrap().contains("a.yaml:3:1: "));
    }
}
