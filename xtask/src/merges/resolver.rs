//! The merge resolver as its users have it: one daemon, and `/git merge` said to it for each merge.

use super::git::Copy;
use crate::process::{Running, wait_for};
use crate::tollgate::Tollgate;
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// How long one merge may take: the plugin's own bound, and what a loaded machine needs.
const MERGE: Duration = Duration::from_secs(960);
/// How long the plugin may take until it serves.
const SERVING: Duration = Duration::from_secs(120);
/// Its name.
const NAME: &str = "merge-resolver";
/// The chat that all of it is said in.
const CHAT: &str = "merges";

/// A daemon that resolves in a copy's work tree.
pub struct Resolver<'a> {
    tollgate: &'a Tollgate<'a>,
    completed: BufReader<fs::File>,
    line: String,
    _daemon: Running,
    _tail: Running,
}

/// Makes the home's settings; with `plugin` that component in the place of the bundled one, under the grant of this
/// checkout.
///
/// # Errors
/// When something cannot be read or written.
pub fn settle(tollgate: &Tollgate<'_>, copy: &Copy, plugin: Option<&Path>) -> Result<()> {
    let folder = copy.folder().display().to_string();
    tollgate.configure(&format!("[server]\nlisten = \"off\"\n\n[workspace]\nallow = [{folder:?}]\n"))?;
    if let Some(plugin) = plugin {
        let plugins = tollgate.home().join("plugins");
        fs::create_dir(&plugins)?;
        let grant = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins/merge-resolver/grant.toml"));
        for (from, extension) in [(grant, "toml"), (plugin, "wasm")] {
            let to = plugins.join(format!("{NAME}.{extension}"));
            fs::copy(from, to).with_context(|| format!("copying {}", from.display()))?;
        }
    }
    Ok(())
}

impl<'a> Resolver<'a> {
    /// Starts the daemon, and listens.
    ///
    /// # Errors
    /// When the plugin does not come to serve.
    pub fn start(tollgate: &'a Tollgate<'a>, root: &Path) -> Result<Self> {
        let daemon = tollgate.start()?;
        wait_for("the merge resolver to serve", SERVING, || {
            Ok(plugin(tollgate)?.filter(|it| it.get("state").is_some_and(|state| state == "serving")))
        })?;
        let (out, log) = (root.join("tail.out"), root.join("tail.log"));
        let mut tail = tollgate.command(&["tail", "--since", "0", "--json", "merge.completed"]);
        tail.stdin(Stdio::null()).stdout(fs::File::create(&out)?).stderr(fs::File::create(&log)?);
        let tail = Running::start_as_is("tollgate tail", &mut tail, &log)?;
        let completed = BufReader::new(fs::File::open(&out)?);
        Ok(Self { tollgate, completed, line: String::new(), _daemon: daemon, _tail: tail })
    }

    /// Has it merge the branch `theirs` in the copy's work tree: the payload of `merge.completed`.
    ///
    /// # Errors
    /// When the daemon does not answer.
    pub fn merge(&mut self, copy: &Copy) -> Result<Value> {
        let folder = copy.folder().to_str().context("a folder's name is not UTF-8")?;
        self.tollgate.run(&["message", "/git merge theirs", "--chat", CHAT, "--cwd", folder])?;
        let Self { completed, line, _tail: tail, .. } = self;
        wait_for("merge.completed", MERGE, || {
            if let Some(status) = tail.ended()? {
                bail!("tollgate tail ended with {status}: {}", tail.last_words());
            }
            // What is read of a line so far is kept.
            completed.read_line(line)?;
            if !line.ends_with('\n') {
                return Ok(None);
            }
            let event: Value = serde_json::from_str(&std::mem::take(line))?;
            Ok(Some(event.get("payload").cloned().context("an event without a payload")?))
        })
    }

    /// What the host measured of it.
    ///
    /// # Errors
    /// When the daemon does not answer.
    pub fn measured(&self) -> Result<Value> {
        plugin(self.tollgate)?.context("the merge resolver is gone")
    }
}

fn plugin(tollgate: &Tollgate<'_>) -> Result<Option<Value>> {
    let listed: Value = serde_json::from_str(&tollgate.run(&["plugin", "list", "--json"])?)?;
    let mut plugins = listed.get("plugins").and_then(Value::as_array).cloned().unwrap_or_default().into_iter();
    Ok(plugins.find(|plugin| plugin.get("name").is_some_and(|name| name == NAME)))
}
