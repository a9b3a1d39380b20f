//! What the demonstration expected and whether it held, told as it goes: lines for people, a bar on a terminal.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;

/// One expectation and whether it held.
#[derive(Debug, Clone)]
struct Expectation {
    what: String,
    held: bool,
}

/// The expectations so far, and their teller.
pub struct Checklist {
    expectations: Vec<Expectation>,
    quiet: bool,
    bar: ProgressBar,
}

impl Checklist {
    /// An empty list for so many scenes; `quiet` tells nothing.
    pub fn new(scenes: usize, quiet: bool) -> Self {
        let bar = if quiet || !std::io::stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            ProgressBar::new(scenes as u64)
        };
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {elapsed} {msg}") {
            bar.set_style(style);
        }
        Self { expectations: Vec::new(), quiet, bar }
    }

    /// A scene begins.
    pub fn scene(&self, title: &str) {
        self.bar.set_message(title.to_owned());
        self.say(&format!("\n{title}"));
    }

    /// A scene is over.
    pub fn scene_over(&self) {
        self.bar.inc(1);
    }

    /// A fact worth telling.
    pub fn tell(&self, fact: &str) {
        self.say(&format!("    {fact}"));
    }

    /// States an expectation and whether it held.
    pub fn expect(&mut self, what: impl Into<String>, held: bool) {
        let what = what.into();
        self.say(&format!("  {} {what}", if held { "✓" } else { "✗" }));
        self.expectations.push(Expectation { what, held });
    }

    /// Whether every expectation held, and there was one.
    pub fn held(&self) -> bool {
        !self.expectations.is_empty() && self.expectations.iter().all(|expectation| expectation.held)
    }

    /// How many held, of how many.
    pub fn score(&self) -> (usize, usize) {
        (self.expectations.iter().filter(|expectation| expectation.held).count(), self.expectations.len())
    }

    /// What did not hold.
    pub fn broken(&self) -> impl Iterator<Item = &str> {
        self.expectations.iter().filter(|expectation| !expectation.held).map(|expectation| expectation.what.as_str())
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn say(&self, line: &str) {
        if !self.quiet {
            // `suspend` keeps the bar below the words.
            self.bar.suspend(|| println!("{line}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_broken_expectation_breaks_the_whole() {
        let mut list = Checklist::new(1, true);
        assert!(!list.held(), "nothing was expected");
        list.expect("a", true);
        assert!(list.held());
        list.expect("b", false);
        assert!(!list.held());
        assert_eq!(list.score(), (1, 2));
        assert_eq!(list.broken().collect::<Vec<_>>(), ["b"]);
    }
}
