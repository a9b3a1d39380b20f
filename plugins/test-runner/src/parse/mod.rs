//! What the frameworks write, line by line, into counts. One file a framework; all share the rule that counts
//! come from the framework's own summary and never from the absence of complaints: output without one is
//! [`Reading::Unclear`]. Knows nothing of processes or events.

mod ctest;
mod dotnet;
mod go;
mod gradle;
mod jest;
mod junit_xml;
mod libtest;
mod maven;
mod message;
mod mix;
mod mocha;
mod nextest;
mod node;
mod npm;
mod phpunit;
mod place;
mod pytest;
mod rspec;
mod rustc;
mod tally;
mod unittest;
mod vitest;

use crate::framework::Framework;
use crate::report::{Counts, Failures};
#[cfg(test)]
pub use junit_xml::Report as JunitReport;
#[cfg(test)]
pub use message::{MAX_MESSAGE_LINE_BYTES, MAX_MESSAGE_LINES};
#[cfg(test)]
pub use place::MAX_PLACE_BYTES;
use tollgate_sdk::process::OutputStream;

/// Reads one framework's output.
pub trait Parse {
    /// The next line, clean and without its end.
    fn line(&mut self, from: OutputStream, line: &str);

    /// What was counted so far, as far as single tests show.
    fn seen(&self) -> Counts;

    /// How much of the run is done, from 0 to 1, where the framework says.
    fn done(&self) -> Option<f64> {
        None
    }

    /// Whether the framework's report files are wanted: its output alone does not tell.
    fn wants_reports(&self) -> bool {
        false
    }

    /// One report file's text; none for one that could not be read. Called after the last line.
    fn report(&mut self, xml: Option<&str>) {
        let _ = xml;
    }

    /// What the whole output says. Called once, after the last line and the last report.
    fn end(&mut self) -> Reading;
}

/// What an output says.
#[derive(Debug, PartialEq)]
pub enum Reading {
    /// The framework's own summary was there.
    Counted(Counted),
    /// The framework says that it did not begin; in its words.
    NotRun(String),
    /// No summary was found.
    Unclear,
}

/// A summary.
#[derive(Debug, Default, PartialEq)]
pub struct Counted {
    /// The framework's counts.
    pub counts: Counts,
    /// The failures that it names.
    pub failures: Failures,
    /// How long the tests took, in its words, in milliseconds.
    pub stated_ms: Option<u64>,
    /// False where a part of the tests began and never came to its end.
    pub whole: bool,
    /// Whether the framework says itself that there was nothing to run: then its exit code is no complaint.
    pub said_none: bool,
    /// What else went wrong, in its words: a build error, an error outside any test.
    pub trouble: Option<String>,
}

/// The parser of what `framework` writes.
#[must_use]
pub fn parser(framework: Framework) -> Box<dyn Parse> {
    match framework {
        Framework::Cargo => Box::<libtest::Libtest>::default(),
        Framework::Nextest => Box::<nextest::Nextest>::default(),
        Framework::Pytest => Box::<pytest::Pytest>::default(),
        Framework::Unittest => Box::<unittest::Unittest>::default(),
        Framework::Go => Box::<go::Go>::default(),
        Framework::Vitest => Box::new(npm::Npm::new(vitest::Vitest::default())),
        Framework::Jest => Box::new(npm::Npm::new(jest::Jest::default())),
        Framework::Mocha => Box::new(npm::Npm::new(mocha::Mocha::default())),
        Framework::Node => Box::new(npm::Npm::new(node::Node::default())),
        Framework::Maven => Box::<maven::Maven>::default(),
        Framework::Gradle => Box::<gradle::Gradle>::default(),
        Framework::Dotnet => Box::<dotnet::Dotnet>::default(),
        Framework::Ctest => Box::<ctest::Ctest>::default(),
        Framework::Rspec => Box::<rspec::Rspec>::default(),
        Framework::Phpunit => Box::<phpunit::Phpunit>::default(),
        Framework::Mix => Box::<mix::Mix>::default(),
    }
}
