//! `tollgate policy check`: all that is wrong with policy files, each with file, line and column.

use crate::exit::{Exit, Failure};
use crate::output::{self, tame};
use crate::policies::{self, Text};
use serde_json::{Value, json};
use std::path::PathBuf;
use tollgate_core::gate::policy::{Policy, PolicyError};

/// Columns of one problem.
const PROBLEM_WIDTH: usize = 1_000;

/// One thing that is wrong.
struct Problem {
    file: String,
    /// Line and column; none where the file cannot be read.
    place: Option<(usize, usize)>,
    message: String,
}

/// Checks the files as they would be used together; exits with 1 when something is wrong.
///
/// # Errors
/// When standard output is gone.
pub(super) fn run(files: &[PathBuf], json: bool) -> Result<Exit, Failure> {
    let mut problems = Vec::new();
    let mut texts: Vec<Text> = Vec::new();
    for file in files {
        match policies::read(file) {
            Ok(text) => texts.push(text),
            Err(failure) => problems.push(unread(file.display().to_string(), &failure)),
        }
    }
    problems.extend(Policy::check(policies::sources(&texts)).into_iter().map(Problem::from));
    let exit = if problems.is_empty() { Exit::Done } else { Exit::Failed };
    let counts = texts.iter().map(|text| (text.0.as_str(), rules(text)));
    if json {
        let files: Vec<Value> = counts.map(|(file, rules)| json!({"file": file, "rules": rules})).collect();
        let problems: Vec<Value> = problems.iter().map(Problem::to_json).collect();
        output::line(json!({"files": files, "problems": problems}))?;
        return Ok(exit);
    }
    for problem in &problems {
        output::line(problem.shown())?;
    }
    if problems.is_empty() {
        for (file, rules) in counts {
            let rules = rules.unwrap_or(0);
            output::line(format_args!("{file} is right: {rules} {}", if rules == 1 { "rule" } else { "rules" }))?;
        }
    }
    Ok(exit)
}

/// How many rules a file has by itself; none where it is wrong.
fn rules(text: &Text) -> Option<usize> {
    Policy::load(policies::sources(std::slice::from_ref(text))).ok().map(|policy| policy.len())
}

fn unread(file: String, failure: &Failure) -> Problem {
    let message = failure.to_string();
    let message = message.strip_prefix(&format!("{file}: ")).unwrap_or(&message).to_owned();
    Problem { file, place: None, message }
}

impl From<PolicyError> for Problem {
    fn from(error: PolicyError) -> Self {
        match error {
            PolicyError::File { file, line, column, message } => Self { file, place: Some((line, column)), message },
            PolicyError::Preset { .. } => Self { file: String::new(), place: None, message: error.to_string() },
        }
    }
}

impl Problem {
    fn to_json(&self) -> Value {
        let (line, column) = self.place.unzip();
        json!({"file": self.file, "line": line, "column": column, "message": self.message})
    }

    fn shown(&self) -> String {
        let place = self.place.map_or_else(String::new, |(line, column)| format!(":{line}:{column}"));
        tame(&format!("{}{place}: {}", self.file, self.message), PROBLEM_WIDTH)
    }
}
