//! Has a configuration schema, and refuses in `init` what the schema cannot say: an odd `limit`.

use serde::Deserialize;
use tollgate_sdk::{Config, Description, Plugin, export_observer};

#[derive(Deserialize)]
struct Settings {
    limit: u32,
}

#[derive(Default)]
struct BadConfig;

impl Plugin for BadConfig {
    fn describe() -> Description {
        Description::new("bad-config-init-fails", "0.1.0").subscribe(["demo.*"]).config_schema(
            r#"{"type":"object","properties":{"limit":{"type":"integer","minimum":0}},"required":["limit"]}"#,
        )
    }

    fn init(&mut self, config: &Config) -> Result<(), String> {
        let settings: Settings = config.read()?;
        if settings.limit % 2 == 1 { Err(format!("limit is {}, it must be even", settings.limit)) } else { Ok(()) }
    }
}

export_observer!(BadConfig);
