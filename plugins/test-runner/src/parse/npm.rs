//! What `npm` and `npx` say around a framework's output: that the script or the framework is not there.

use super::{Parse, Reading};
use crate::report::Counts;
use tollgate_sdk::process::OutputStream;

/// A framework that npm starts.
#[derive(Debug)]
pub struct Npm<P> {
    inner: P,
    said: Option<String>,
}

impl<P: Parse> Npm<P> {
    /// `inner` reads what the framework writes.
    pub fn new(inner: P) -> Self {
        Self { inner, said: None }
    }
}

impl<P: Parse> Parse for Npm<P> {
    fn line(&mut self, from: OutputStream, line: &str) {
        if from == OutputStream::Stderr && self.said.is_none() && is_complaint(line) {
            self.said = Some(line.to_owned());
        }
        self.inner.line(from, line);
    }

    fn seen(&self) -> Counts {
        self.inner.seen()
    }

    fn done(&self) -> Option<f64> {
        self.inner.done()
    }

    fn end(&mut self) -> Reading {
        match (self.inner.end(), self.said.take()) {
            (Reading::Unclear, Some(said)) => Reading::NotRun(said),
            (reading, _) => reading,
        }
    }
}

fn is_complaint(line: &str) -> bool {
    let shell = line.starts_with("sh: ") && (line.ends_with(": not found") || line.ends_with(": command not found"));
    let own =
        ["npm error Missing script", "npm ERR! Missing script", "npm ERR! missing script", "npm error npx canceled"];
    shell || own.iter().any(|own| line.starts_with(own)) || line.starts_with("npm error could not determine executable")
}
