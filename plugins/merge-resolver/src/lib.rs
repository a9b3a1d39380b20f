//! Merges a branch in the session's workspace and resolves the conflicts that it can prove safe.
//!
//! `request` is what is asked for, `git` what is asked of git, `merge` the merge of one file, `lock` what becomes of a
//! lock file, `work` the whole from begin to end, `report` and `prompt` what is said of it. Nothing is committed unless configured, no file is
//! touched that was not in conflict, and whatever is in doubt stays a conflict.

mod cut;
mod folder;
mod git;
mod lock;
mod merge;
mod prompt;
mod report;
mod request;
mod settings;
mod work;

use report::{Report, Status};
use request::Request;
use serde_json::json;
use settings::Settings;
use tollgate_sdk::payload::{COMMAND_MERGE, COMMAND_TEST, MERGE_COMPLETED, MERGE_STARTED, MESSAGE_OUT};
use tollgate_sdk::{Capability, Config, Description, Event, Failure, Plugin, bus, export_observer, log, session};

/// This plugin's name.
pub const NAME: &str = "merge-resolver";

/// The plugin: its configuration. What a merge has reached is in the repository alone.
#[derive(Debug, Default)]
pub struct MergeResolver {
    settings: Settings,
}

impl Plugin for MergeResolver {
    fn describe() -> Description {
        let mut description = Description::new(NAME, env!("CARGO_PKG_VERSION"))
            .summary("Merges a branch and resolves the conflicts that it can prove safe")
            .subscribe([COMMAND_MERGE])
            .need(Capability::emit(MERGE_STARTED))
            .need(Capability::emit(MERGE_COMPLETED))
            .need(Capability::emit(MESSAGE_OUT))
            .need(Capability::WorkspaceRead("**".to_owned()))
            .need(Capability::WorkspaceWrite("**".to_owned()))
            .want(Capability::SessionEffects)
            .want(Capability::emit(COMMAND_TEST))
            .want(git::capability(git::COMMIT))
            .config_schema(settings::SCHEMA);
        for pattern in git::NEEDED {
            description = description.need(git::capability(pattern));
        }
        lock::capabilities().fold(description, Description::want)
    }

    fn init(&mut self, config: &Config) -> Result<(), String> {
        self.settings = Settings::read(config)?;
        Ok(())
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        let (request, wrong) = Request::read(event)?;
        // At once, since a merge takes its time; a retry's is the same event.
        bus::emit_now(MERGE_STARTED, &json!({"chat_id": request.chat_id}))?;
        let report = match wrong {
            Some(why) => Report::not(Status::Refused, why),
            None => work::run(&request, &self.settings),
        };
        let mut message = report.message();
        if self.settings.prompt
            && let Some(text) = prompt::prompt(&report, &request.branch)
        {
            message.push_str(match session::prompt(&text) {
                Ok(()) => "\nThe session's agent is asked to resolve what is left.",
                Err(error) => {
                    log::warn(&format!("the session's agent is not asked: {error:?}"));
                    "\nWhat is left is yours: the session's agent could not be asked."
                }
            });
        }
        if let Some(args) = &self.settings.test
            && matches!(report.status, Status::Resolved | Status::Clean | Status::FastForward)
        {
            bus::emit(COMMAND_TEST, &json!({"chat_id": request.chat_id, "args": args}))?;
        }
        let (user_id, chat_id) = (&request.user_id, &request.chat_id);
        bus::emit(MESSAGE_OUT, &json!({"user_id": user_id, "chat_id": chat_id, "text": message}))?;
        bus::emit(MERGE_COMPLETED, &report.completed(chat_id))?;
        Ok(())
    }
}

export_observer!(MergeResolver);

#[cfg(test)]
mod tests;
