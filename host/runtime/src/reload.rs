//! A plugin loaded anew because somebody asks, though its files did not change: what was read, kept and refused.

use crate::component::Rejection;
use crate::plugin::{PluginState, PluginStatus};
use crate::{Runtime, RuntimeError};

/// Why a plugin was not loaded anew. What served before serves still, unless it says otherwise.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReloadRefusal {
    /// It is switched off.
    #[error("`{0}` is disabled: `tollgate plugin enable {0}` lets it run")]
    Disabled(String),
    /// Its component or its grant file is refused.
    #[error("`{plugin}` is {rejection}; {}", kept(.serving.as_deref()))]
    Rejected {
        /// Which.
        plugin: String,
        /// Where it failed and why.
        rejection: Rejection,
        /// What the version that serves instead calls itself; none where nothing serves.
        serving: Option<String>,
    },
    /// It needs what its grant file does not give.
    #[error("`{plugin}` waits for a grant that it needs: `tollgate plugin grant {plugin}` shows it; {}",
        kept(.serving.as_deref()))]
    NeedsGrant {
        /// Which.
        plugin: String,
        /// As above.
        serving: Option<String>,
    },
    /// The host ends.
    #[error("`{0}` is not loaded: the host is shutting down")]
    Ending(String),
}

fn kept(serving: Option<&str>) -> String {
    match serving {
        Some(version) => format!("the last version that worked ({version}) serves"),
        None => "nothing of it serves".to_owned(),
    }
}

impl Runtime {
    /// Reads a plugin's component and grant file again and starts it from a clean state: fresh guests, and no fault
    /// held against these bytes, so that it leaves quarantine. Its store, its cursor and what waits for it stay. It
    /// is done between two events, and waits for the call in flight. Where the files do not work, the last version
    /// that did keeps serving, in quarantine if it was.
    ///
    /// # Errors
    /// When there is no such plugin, the folder cannot be read, or what is there does not work.
    pub async fn reload(&self, name: &str) -> Result<PluginStatus, RuntimeError> {
        self.carry_out_again(name).await?;
        let Some(managed) = self.find(name) else { return Err(RuntimeError::Unknown(name.to_owned())) };
        let plugin = name.to_owned();
        let status = managed.plugin.status(self.bus().journal());
        let (serving, waits) = {
            let face = managed.plugin.face();
            (face.serving.as_ref().map(|version| version.description.version.clone()), face.waiting.is_some())
        };
        Err(match (status.state, &status.rejected) {
            (PluginState::Disabled, _) => ReloadRefusal::Disabled(plugin),
            (_, Some(rejection)) => ReloadRefusal::Rejected { plugin, rejection: rejection.clone(), serving },
            _ if waits => ReloadRefusal::NeedsGrant { plugin, serving },
            _ if serving.is_some() => return Ok(status),
            _ => ReloadRefusal::Ending(plugin),
        }
        .into())
    }
}
