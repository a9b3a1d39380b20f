//! Does to the workspace what a `demo.*` event says, step by step, and emits what each step answered. Asks for
//! every file.

use serde::Deserialize;
use tollgate_sdk::workspace::WorkspaceError;
use tollgate_sdk::{Capability, Description, Event, Failure, Plugin, bus, export_observer, workspace};

#[derive(Default)]
struct UseWorkspace;

#[derive(Deserialize)]
struct Order {
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
enum Step {
    Read {
        path: String,
        offset: u64,
        length: u32,
    },
    Write {
        path: String,
        offset: u64,
        text: String,
        truncate: bool,
    },
    /// Writes this many bytes.
    Fill {
        path: String,
        length: usize,
    },
    Remove {
        path: String,
    },
    Names {
        path: String,
    },
    Stat {
        path: String,
    },
}

impl Plugin for UseWorkspace {
    fn describe() -> Description {
        Description::new("use-workspace", "0.1.0")
            .subscribe(["demo.*"])
            .need(Capability::emit("test_guest.*"))
            .want(Capability::WorkspaceRead("**".to_owned()))
            .want(Capability::WorkspaceWrite("**".to_owned()))
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        let Order { steps } = event.payload()?;
        let answers: Vec<String> =
            steps.into_iter().map(|step| carry_out(step).unwrap_or_else(|error| refusal(&error))).collect();
        Ok(bus::emit("test_guest.used", &serde_json::json!({"answers": answers}))?)
    }
}

fn carry_out(step: Step) -> Result<String, WorkspaceError> {
    Ok(match step {
        Step::Read { path, offset, length } => {
            let bytes = workspace::read(&path, offset, length)?;
            if bytes.len() > 100 { format!("{} bytes", bytes.len()) } else { String::from_utf8_lossy(&bytes).into() }
        }
        Step::Write { path, offset, text, truncate } => {
            done(workspace::write(&path, offset, text.as_bytes(), truncate)?)
        }
        Step::Fill { path, length } => done(workspace::write(&path, 0, &vec![b'x'; length], false)?),
        Step::Remove { path } => done(workspace::remove(&path)?),
        Step::Names { path } => {
            let names = workspace::names(&path)?;
            if names.len() > 100 { format!("{} names", names.len()) } else { names.join(" ") }
        }
        Step::Stat { path } => {
            let about = workspace::stat(&path)?;
            format!("{} {} {}", about.size, about.is_directory, about.modified > 0)
        }
    })
}

fn done((): ()) -> String {
    "done".to_owned()
}

fn refusal(error: &WorkspaceError) -> String {
    match error {
        WorkspaceError::Denied => "denied".to_owned(),
        WorkspaceError::NoSession => "no session".to_owned(),
        WorkspaceError::NotFound => "not found".to_owned(),
        WorkspaceError::TooLarge => "too large".to_owned(),
        WorkspaceError::Failed(why) => format!("failed: {why}"),
    }
}

export_observer!(UseWorkspace);
