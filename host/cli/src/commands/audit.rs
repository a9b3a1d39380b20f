//! `tollgate audit`: the trail that the audit plugin writes, read natively: verified by the plugin's own reader, shown,
//! counted. The daemon need not run.

mod show;

use crate::args::AuditCommand;
use crate::exit::{Exit, Failure};
use crate::output;
use serde_json::json;
use std::path::Path;
use tollgate_core::home::Home;
use tollgate_plugin_audit::trail;

/// Checks, shows or counts the trail of `home`.
///
/// # Errors
/// When there is no trail, not even an empty one, or it cannot be read; a broken one is shown and exits with 1.
pub fn run(home: &Home, command: &AuditCommand) -> Result<Exit, Failure> {
    let folder = home.data("audit");
    match command {
        AuditCommand::Verify { json } => verify(&folder, *json),
        AuditCommand::Show(args) => show::show(&folder, args),
        AuditCommand::Stats { wanted, json } => show::stats(&folder, wanted, *json),
    }
}

fn verify(folder: &Path, as_json: bool) -> Result<Exit, Failure> {
    match trail::verify_folder(folder) {
        Ok(summary) if summary.files == 0 => {
            let reason = "no file of it is there: nothing was recorded yet, or all of it was removed";
            Err(Failure::at(format!("the audit trail in {}", folder.display()), reason))
        }
        Ok(summary) if as_json => {
            output::line(
                json!({"ok": true, "files": summary.files, "lines": summary.lines, "repaired": summary.repaired,
                "missing": summary.missing, "last_seq": summary.last_seq, "head": summary.head}),
            )?;
            Ok(Exit::Done)
        }
        Ok(summary) => {
            let repaired =
                if summary.repaired == 0 { String::new() } else { format!(", {} torn and said so", summary.repaired) };
            let whole = if summary.missing == 0 {
                "the audit trail is whole".to_owned()
            } else {
                format!("the audit trail is unaltered and says itself that {} events are missing", summary.missing)
            };
            output::line(format_args!(
                "{whole}: {} lines in {} files{repaired}, up to seq {}, head {}",
                summary.lines, summary.files, summary.last_seq, summary.head
            ))?;
            Ok(Exit::Done)
        }
        Err(broken) if as_json => {
            output::line(
                json!({"ok": false, "file": broken.file, "line": broken.line, "reason": broken.reason.to_string()}),
            )?;
            Ok(Exit::Failed)
        }
        Err(broken) => Err(Failure::at(format!("the audit trail in {}", folder.display()), broken)),
    }
}
