//! Writes a hash-chained audit trail: one JSON line for each fact, in this plugin's data folder.
//!
//! Files are named `audit-<seq of the first line, 20 digits>.jsonl`, so name order is chain order; the last one
//! is written to. `trail` owns the format and its verification, `record` what a line says, `writer` the files.

mod clock;
mod record;
mod settings;
pub mod trail;
mod writer;

use settings::Settings;
use tollgate_sdk::{Capability, Config, Description, Event, Failure, Plugin, export_observer};
use writer::Writer;

/// This plugin's name.
pub const NAME: &str = "audit";
/// How much it asks to keep: a year or two of an engineer's days, at about 500 bytes a line.
pub const DATA_BYTES: u64 = 1 << 30;

/// What agents do and who let them; who changed what they may do, or the host's own guard; what was said and ordered;
/// and what happened to the record itself.
const SUBSCRIPTIONS: [&str; 14] = [
    "tool.*",
    "interaction.*",
    "command.*",
    "plugin.*",
    "message.*",
    "approval.*",
    "protection.*",
    "session.granted",
    "session.revoked",
    "session.mode_set",
    "session.prompted",
    "execution.interrupted",
    "alert.raised",
    "journal.*",
];

/// The plugin. Its state is the tail of the trail, remembered so that no event reads the file again.
#[derive(Debug, Default)]
pub struct Audit {
    settings: Settings,
    writer: Writer,
}

impl Plugin for Audit {
    fn describe() -> Description {
        Description::new(NAME, env!("CARGO_PKG_VERSION"))
            .summary("Writes a hash-chained audit trail")
            .subscribe(SUBSCRIPTIONS)
            .need(Capability::Data(DATA_BYTES))
            .config_schema(settings::SCHEMA)
    }

    fn init(&mut self, config: &Config) -> Result<(), String> {
        // The trail's tail is looked up by the first event, not here: while a candidate version is initialised
        // the serving one still writes.
        self.settings = Settings::read(config)?;
        Ok(())
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        self.record(event, clock::now())
    }
}

impl Audit {
    fn record(&mut self, event: &Event, now: u64) -> Result<(), Failure> {
        if record::is_own_fault(event) {
            return Ok(());
        }
        self.writer.write(event, &self.settings, now)
    }
}

export_observer!(Audit);

#[cfg(test)]
mod tests;
