//! Runs one suite: the program through `process`, its lines to the parser, its end to the judge.

use crate::detect::Suite;
use crate::framework::QUIET;
use crate::lines::Lines;
use crate::parse::{self, Parse};
use crate::report::{Counts, Evidence, Outcome, Status, judge};
use crate::{reports, text};
use std::collections::VecDeque;
use std::time::Instant;
use tollgate_sdk::process::{self, Command, OutputStream, ProcessError};

/// Most lines kept of the end of an output, for the person who has to make sense of it.
const TAIL_LINES: usize = 12;
/// The longest of these lines, in bytes.
const TAIL_LINE_BYTES: usize = 200;

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Single tests seen so far.
    pub seen: Counts,
    /// How much is done, from 0 to 1, where the framework says.
    pub done: Option<f64>,
}

/// The last lines of an output.
#[derive(Debug, Default)]
struct Tail(VecDeque<String>);

impl Tail {
    fn push(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        if self.0.len() >= TAIL_LINES {
            self.0.pop_front();
        }
        self.0.push_back(text::cut(line, TAIL_LINE_BYTES).into_owned());
    }

    fn text(self) -> String {
        Vec::from(self.0).join("\n")
    }
}

/// Runs `suite` for at most `timeout_ms`; `heed` hears of progress after each piece of output.
pub fn run(
    suite: &Suite,
    environment: &[(String, String)],
    timeout_ms: u32,
    mut heed: impl FnMut(Progress),
) -> Outcome {
    let Some((program, args)) = suite.command.split_first() else {
        return Outcome::without_run(Status::NotStarted, "there is no command");
    };
    let command = Command {
        program: program.clone(),
        args: args.to_vec(),
        cwd: (!suite.directory.is_empty()).then(|| suite.directory.clone()),
        env: variables(environment),
        stdin: None,
        timeout_ms,
    };
    let begun = Instant::now();
    let child = match process::start(&command) {
        Ok(child) => child,
        Err(error) => return Outcome::without_run(Status::NotStarted, not_started(&error, &suite.command)),
    };
    let mut parser = parse::parser(suite.framework);
    let (mut stdout, mut stderr, mut tail) = (Lines::default(), Lines::default(), Tail::default());
    while let Some(chunk) = child.next_output() {
        let lines = if chunk.source == OutputStream::Stdout { &mut stdout } else { &mut stderr };
        lines.push(&chunk.bytes, |line| take(line, chunk.source, parser.as_mut(), &mut tail));
        heed(Progress { seen: parser.seen(), done: parser.done() });
    }
    stdout.end(|line| take(line, OutputStream::Stdout, parser.as_mut(), &mut tail));
    stderr.end(|line| take(line, OutputStream::Stderr, parser.as_mut(), &mut tail));
    let exit = child.wait();
    if parser.wants_reports() {
        reports::read(&suite.directory, |xml| parser.report(xml));
    }
    let seen = parser.seen();
    judge(Evidence {
        exit,
        reading: parser.end(),
        seen,
        tail: &tail.text(),
        measured_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        limit_ms: timeout_ms,
    })
}

fn take(line: &str, from: OutputStream, parser: &mut dyn Parse, tail: &mut Tail) {
    parser.line(from, line);
    tail.push(line);
}

/// What keeps output plain, then what the workspace asks for, which wins.
fn variables(environment: &[(String, String)]) -> Vec<(String, String)> {
    let own = QUIET.iter().filter(|(name, _)| !environment.iter().any(|(other, _)| other == name));
    let own = own.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    own.chain(environment.iter().cloned()).collect()
}

fn not_started(error: &ProcessError, command: &[String]) -> String {
    let program = command.first().map_or("", String::as_str);
    match error {
        ProcessError::Denied => format!(
            "`{}` is not granted: `tollgate plugin grant {}` shows what is",
            text::command_line(command.iter().map(String::as_str)),
            crate::NAME
        ),
        ProcessError::NoSession => "this chat has no session with a workspace to run in".to_owned(),
        ProcessError::NotFound => format!("there is no program `{program}` in the daemon's PATH"),
        ProcessError::Failed(reason) => format!("`{program}` could not be started: {reason}"),
    }
}
