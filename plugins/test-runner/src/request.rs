//! One `command.test` from its event to its last draft. Owns the order of events: `test.started`, then for each
//! suite `test_run.started`, progress, `test_run.finished`, then `test.completed` and `message.out`.

use crate::detect::Suite;
use crate::file::TestFile;
use crate::ledger::{Ledger, MAX_RUNS, Role};
use crate::message;
use crate::pace::Pace;
use crate::plan::Plan;
use crate::report::{self, Counts, Outcome, Status};
use crate::run::{self, Progress};
use crate::settings::Settings;
use crate::text;
use serde::Serialize;
use serde_json::{Value, json};
use std::time::Instant;
use tollgate_sdk::payload::{
    self, CommandTest, Message, Percent, TaskProgress, TestCompleted, TestRunFinished, TestRunStarted, TestStarted,
};
use tollgate_sdk::{Draft, Event, Failure, bus};

/// Least time that a suite is begun with, in milliseconds: with less, nothing could even start.
const LEAST_MS: u64 = 100;

/// `test_run.started`, with which suite it is.
#[derive(Serialize)]
struct SuiteStarted<'a> {
    #[serde(flatten)]
    own: TestRunStarted,
    framework: &'a str,
    directory: &'a str,
}

/// `test_run.finished`, with which suite it is, how it ended and what failed.
#[derive(Serialize)]
struct SuiteFinished<'a> {
    #[serde(flatten)]
    own: TestRunFinished,
    framework: &'a str,
    directory: &'a str,
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// The first failures; `failed` says how many there are.
    failures: &'a [report::Failure],
}

/// `test.completed`, with each suite's part.
#[derive(Serialize)]
struct Completed {
    #[serde(flatten)]
    own: TestCompleted,
    suites: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    browser: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Handles `event`.
///
/// # Errors
/// A payload that is no `command.test`; what the host refuses to emit.
pub fn handle(event: &Event, settings: &Settings) -> Result<(), Failure> {
    let begun = Instant::now();
    handle_by(event, settings, &move || u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX))
}

/// Handles `event`, which began when `elapsed_ms` was 0.
///
/// # Errors
/// As [`handle`].
pub fn handle_by(event: &Event, settings: &Settings, elapsed_ms: &dyn Fn() -> u64) -> Result<(), Failure> {
    let asked: CommandTest = event.payload()?;
    let mut ledger = Ledger::open(event)?;
    let plan = ledger.take_plan().unwrap_or_else(|| {
        let plan = Plan::make(asked.args.get());
        ledger.keep_plan(&plan);
        plan
    });
    let config = serde_json::value::to_raw_value(&plan.config).map_err(|error| error.to_string())?;
    if ledger.told(Role::Started) == 0 {
        let started = TestStarted { chat_id: asked.chat_id.clone(), config };
        ledger.tell(Role::Started, &Draft::new(payload::TEST_STARTED, &started)?.about("chat", &asked.chat_id))?;
    }
    let outcomes = Runs { event, settings, plan: &plan, ledger, elapsed_ms }.all()?;
    finish(&asked.chat_id, asked.user_id.unwrap_or_default(), settings, &plan, &outcomes)
}

/// The suites of one request, one after another.
struct Runs<'a> {
    event: &'a Event,
    settings: &'a Settings,
    plan: &'a Plan,
    ledger: Ledger,
    elapsed_ms: &'a dyn Fn() -> u64,
}

impl Runs<'_> {
    fn all(mut self) -> Result<Vec<Outcome>, Failure> {
        let mut pace = Pace::after(self.ledger.told(Role::Progress));
        let mut outcomes = self.ledger.take_outcomes();
        outcomes.truncate(self.plan.suites.len());
        // Read again rather than kept: values may be secrets. A plan was made of it, so it can be read.
        let environment = TestFile::open().map(|file| file.environment.0).unwrap_or_default();
        for (at, suite) in self.plan.suites.iter().enumerate() {
            if self.ledger.told(Role::SuiteStarted) <= at {
                self.ledger.tell(Role::SuiteStarted, &started(suite)?)?;
            }
            if outcomes.len() <= at {
                let outcome = if self.ledger.runs() > MAX_RUNS {
                    let words = format!("stopped in the middle {MAX_RUNS} times; ask again for another try");
                    Outcome::without_run(Status::Interrupted, words)
                } else {
                    self.one(at, suite, &environment, &mut pace)
                };
                self.ledger.keep_outcome(&outcome);
                outcomes.push(outcome);
            }
            if let Some(outcome) = outcomes.get(at).filter(|_| self.ledger.told(Role::SuiteFinished) <= at) {
                self.ledger.tell(Role::SuiteFinished, &finished(suite, outcome)?)?;
            }
        }
        Ok(outcomes)
    }

    /// Runs the suite at `at`, within what is left of the request's time.
    fn one(&mut self, at: usize, suite: &Suite, environment: &[(String, String)], pace: &mut Pace) -> Outcome {
        let Some(timeout_ms) = time_left(self.settings, (self.elapsed_ms)()) else {
            let words = format!("the request's {} are spent", text::duration(u64::from(self.settings.timeout_ms)));
            return Outcome::without_run(Status::NotStarted, words);
        };
        let (event, suites, elapsed_ms) = (self.event, self.plan.suites.len(), self.elapsed_ms);
        let ledger = &mut self.ledger;
        run::run(suite, environment, timeout_ms, |progress| {
            if pace.due(elapsed_ms()) {
                // Progress is worth no failure: `tell` says in the log what it could not tell.
                if let Ok(draft) = progressed(event, suite, progress, at, suites) {
                    let _ = ledger.tell(Role::Progress, &draft);
                }
            }
        })
    }
}

/// How long a suite may take that begins so long after its request; none where that is too little to begin with.
fn time_left(settings: &Settings, elapsed_ms: u64) -> Option<u32> {
    let left = u64::from(settings.timeout_ms).saturating_sub(elapsed_ms);
    let left = u32::try_from(left).ok().filter(|_| left >= LEAST_MS)?;
    Some(settings.suite_timeout_ms.min(left))
}

fn started(suite: &Suite) -> Result<Draft, Failure> {
    // Which files a framework picks is known to it alone.
    let own = TestRunStarted {
        command: text::command_line(suite.command.iter().map(String::as_str)),
        test_files: Vec::new(),
    };
    let told = SuiteStarted { own, framework: suite.framework.name(), directory: &suite.directory };
    Ok(Draft::new(payload::TEST_RUN_STARTED, &told)?)
}

fn progressed(event: &Event, suite: &Suite, progress: Progress, at: usize, suites: usize) -> Result<Draft, Failure> {
    #[expect(clippy::cast_precision_loss, reason = "a handful of suites")]
    let share = (at as f64 + progress.done.unwrap_or_default()) / suites.max(1) as f64;
    let percent = Percent::new((share * 100.0).floor().clamp(0.0, 100.0)).ok_or("progress: no percentage")?;
    let message = format!("{}: {} so far", suite.framework.name(), message::counts(progress.seen));
    let told = TaskProgress { progress: percent, message };
    Ok(Draft::new(payload::TASK_PROGRESS, &told)?.about("task", format!("test-{}", event.id)))
}

fn finished(suite: &Suite, outcome: &Outcome) -> Result<Draft, Failure> {
    let Counts { passed, failed, skipped } = outcome.told_counts();
    let own = TestRunFinished {
        exit_code: outcome.exit_code.map(i64::from),
        passed,
        failed,
        skipped,
        duration: outcome.duration_ms.into(),
    };
    let told = SuiteFinished {
        own,
        framework: suite.framework.name(),
        directory: &suite.directory,
        status: outcome.status.word(),
        reason: outcome.detail.as_deref(),
        failures: outcome.failures.told(),
    };
    Ok(Draft::new(payload::TEST_RUN_FINISHED, &told)?)
}

/// Says what came of all: staged, so that it is told once, together with the event's end.
fn finish(
    chat_id: &str,
    user_id: String,
    settings: &Settings,
    plan: &Plan,
    outcomes: &[Outcome],
) -> Result<(), Failure> {
    let unable = plan.unable.iter().map(|unable| Outcome::without_run(Status::NotStarted, unable.reason.as_str()));
    let refused = plan.refused.iter().map(|reason| Outcome::without_run(Status::NotStarted, reason.as_str()));
    let all: Vec<Outcome> = outcomes.iter().cloned().chain(unable).chain(refused).collect();
    let status = report::overall(&all);
    let total = all.iter().fold(Counts::default(), |total, outcome| total.and(outcome.told_counts()));
    let duration_ms = all.iter().fold(0_u64, |sum, outcome| sum.saturating_add(outcome.duration_ms));
    let headline = match &plan.refused {
        Some(_) => "nothing was run".to_owned(),
        None => message::headline(status, &all),
    };
    let handed = plan.browser.as_ref().map(|browser| browser.hand_over(settings, &headline));
    let only_browser = all.is_empty() && handed.is_some();
    let headline = if only_browser { "none but in a browser".to_owned() } else { headline };
    let words = handed.as_ref().map(|handed| match handed {
        Ok(()) => "handed to the agent, which answers here itself",
        Err(reason) => reason.as_str(),
    });
    let told = Completed {
        own: TestCompleted {
            chat_id: chat_id.to_owned(),
            passed: total.passed,
            failed: total.failed,
            skipped: total.skipped,
            duration_ms: duration_ms.into(),
            status: match &handed {
                Some(Ok(())) if only_browser => "handed_over",
                Some(Err(_)) if only_browser => Status::NotStarted.word(),
                _ => status.word(),
            }
            .to_owned(),
        },
        suites: plan.suites.iter().zip(outcomes).map(|(suite, outcome)| summary(suite, outcome)).collect(),
        browser: handed.as_ref().map(|handed| if handed.is_ok() { "handed_over" } else { "refused" }),
        reason: plan.refused.clone().or_else(|| handed.clone().and_then(Result::err)),
    };
    bus::emit_draft(&Draft::new(payload::TEST_COMPLETED, &told)?.about("chat", chat_id))?;
    let text = message::write(plan, outcomes, &headline, words);
    let answer = Message { user_id, chat_id: chat_id.to_owned(), text };
    bus::emit_draft(&Draft::new(payload::MESSAGE_OUT, &answer)?.about("chat", chat_id))?;
    Ok(())
}

fn summary(suite: &Suite, outcome: &Outcome) -> Value {
    let Counts { passed, failed, skipped } = outcome.told_counts();
    json!({
        "framework": suite.framework.name(), "directory": suite.directory, "status": outcome.status.word(),
        "passed": passed, "failed": failed, "skipped": skipped, "duration_ms": outcome.duration_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_share_the_requests_time() {
        let settings = Settings { timeout_ms: 10_000, suite_timeout_ms: 6_000, ..Settings::default() };
        let left = [0, 5_000, 9_900, 9_901, 20_000].map(|elapsed| time_left(&settings, elapsed));
        assert_eq!(left, [Some(6_000), Some(5_000), Some(100), None, None]);
    }

    #[test]
    fn progress_is_a_share_of_all_suites() {
        let event = tollgate_sdk::mock::event("command.test", "{}");
        let suite = Suite::new(crate::framework::Framework::Pytest, "", None);
        let seen = Counts { passed: 3, failed: 1, skipped: 0 };
        let payload = |done, at| progressed(&event, &suite, Progress { seen, done }, at, 4).map(|draft| draft.payload);
        assert_eq!(
            payload(Some(0.5), 1),
            Ok(r#"{"progress":37.0,"message":"pytest: 3 passed, 1 failed so far"}"#.to_owned())
        );
        assert!(payload(None, 3).is_ok_and(|payload| payload.starts_with(r#"{"progress":75.0"#)));
    }
}
