//! What cargo and the compiler complain of, on standard error, before or after any test runs.

use super::message::Message;

/// The first complaint, with the lines that belong to it.
#[derive(Debug, Default)]
pub struct Complaint {
    message: Message,
    gathering: bool,
}

/// Errors that say no more than the tests' own results.
const ECHOES: [&str; 4] = [
    "error: test failed, to rerun",
    "error: doctest failed, to rerun",
    "error: test run failed",
    "error: no tests to run",
];

impl Complaint {
    /// Looks at one line of standard error.
    pub fn line(&mut self, line: &str) {
        let echo = ECHOES.iter().any(|echo| line.starts_with(echo))
            || (line.starts_with("error: ") && line.ends_with("failed:") && line.contains(" target"));
        let error = !echo && (line.starts_with("error: ") || line.starts_with("error["));
        let exit = line.trim_start().starts_with("process didn't exit successfully");
        match (self.message.is_empty(), error || exit) {
            (true, true) => {
                self.message.push(line);
                self.gathering = !exit;
            }
            _ if line.trim().is_empty() => self.gathering = false,
            _ if self.gathering => self.message.push(line),
            _ => {}
        }
    }

    /// The complaint, where there was one.
    pub fn take(&mut self) -> Option<String> {
        (!self.message.is_empty()).then(|| self.message.take())
    }
}
