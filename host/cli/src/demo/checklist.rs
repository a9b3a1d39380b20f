//! What the demonstration expected and whether it held, told as it goes: lines for people, a bar on a terminal.
//! Owns how a line looks; knows no scene.

use crate::output::tame;
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use std::io::{IsTerminal as _, Write as _};

/// The widest line of the narration, in characters: an ordinary terminal.
const WIDTH: usize = 80;
/// The longest title beside the bar, in characters: what is left of [`WIDTH`] by the bar, its counts and the time.
const BAR_TITLE: usize = 40;

/// One expectation and whether it held.
#[derive(Debug, Clone)]
struct Expectation {
    what: String,
    held: bool,
}

/// A scene that was not played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Its title.
    pub scene: String,
    /// Why it could not be.
    pub reason: String,
}

/// The expectations so far, and their teller.
pub struct Checklist {
    expectations: Vec<Expectation>,
    scene: String,
    skipped: Vec<Skipped>,
    quiet: bool,
    bar: ProgressBar,
}

impl Checklist {
    /// An empty list for so many scenes; `quiet` tells nothing.
    pub fn new(scenes: usize, quiet: bool) -> Self {
        let bar = if quiet || !std::io::stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            ProgressBar::new(scenes as u64).with_finish(ProgressFinish::AndClear)
        };
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {elapsed} {msg}") {
            bar.set_style(style);
        }
        Self { expectations: Vec::new(), scene: String::new(), skipped: Vec::new(), quiet, bar }
    }

    /// What happens before the first scene, which takes a while.
    pub fn begin(&self, what: &str) {
        self.say("", what);
    }

    /// A scene begins.
    pub fn scene(&mut self, title: &str) {
        title.clone_into(&mut self.scene);
        self.bar.set_message(tame(title, BAR_TITLE));
        self.say("", "");
        self.say("", title);
    }

    /// The scene cannot be played here, which breaks no expectation.
    pub fn skip(&mut self, reason: &str) {
        self.say("  – skipped: ", reason);
        self.skipped.push(Skipped { scene: self.scene.clone(), reason: reason.to_owned() });
    }

    /// A scene is over.
    pub fn scene_over(&self) {
        self.bar.inc(1);
    }

    /// Facts worth telling, one a line.
    pub fn tell(&self, facts: &str) {
        facts.lines().for_each(|fact| self.say(if fact.is_empty() { "" } else { "    " }, fact));
    }

    /// States an expectation and whether it held.
    pub fn expect(&mut self, what: impl Into<String>, held: bool) {
        let what = what.into();
        self.say(if held { "  ✓ " } else { "  ✗ " }, &what);
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

    /// The scenes that were not played.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// What did not hold.
    pub fn broken(&self) -> impl Iterator<Item = &str> {
        self.expectations.iter().filter(|expectation| !expectation.held).map(|expectation| expectation.what.as_str())
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Writes `text` after `lead`, folded; what is said again below it is set in as far.
    fn say(&self, lead: &str, text: &str) {
        if self.quiet {
            return;
        }
        let lines = folded(lead, &tame(text, text.len()));
        // `suspend` keeps the bar below the words. A reader that went away misses them; the play goes on to its end,
        // since what it made has to go.
        self.bar.suspend(|| drop(writeln!(std::io::stdout(), "{lines}")));
    }
}

/// `text` after `lead` in lines of at most [`WIDTH`] characters, broken between words where that is possible. Further
/// lines begin where the text's first word does.
fn folded(lead: &str, text: &str) -> String {
    let words = text.trim_start();
    let indent = lead.chars().count() + (text.len() - words.len());
    let mut lines = format!("{lead}{:width$}", "", width = text.len() - words.len());
    let mut column = indent;
    for (number, word) in words.split(' ').enumerate() {
        let length = word.chars().count();
        if number > 0 && column + 1 + length > WIDTH && column > indent {
            lines.push('\n');
            lines.push_str(&" ".repeat(indent));
            column = indent;
        } else if number > 0 {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += length;
    }
    lines
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that finds nothing has failed")]
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
    #[test]
    fn a_scene_that_was_skipped_breaks_nothing() {
        let mut list = Checklist::new(1, true);
        list.expect("a", true);
        list.scene("Tests");
        list.skip("no `cargo` on PATH");
        assert!(list.held());
        let skipped = Skipped { scene: "Tests".to_owned(), reason: "no `cargo` on PATH".to_owned() };
        assert_eq!((list.skipped(), list.score()), ([skipped].as_slice(), (1, 1)));
    }

    #[test]
    fn lines_are_folded_between_words_and_keep_their_indent() {
        let words = "word ".repeat(20);
        let lines = folded("  ✓ ", words.trim());
        assert_eq!(lines.lines().count(), 2, "{lines}");
        assert!(lines.lines().all(|line| line.chars().count() <= WIDTH), "{lines}");
        assert!(lines.lines().nth(1).unwrap().starts_with("    word"), "{lines}");
        assert_eq!(folded("    ", "  left:  2"), "      left:  2", "columns stay");
        let long = "x".repeat(WIDTH);
        assert_eq!(folded("", &format!("a {long}")), format!("a\n{long}"), "a word is not cut");
        assert_eq!(folded("", ""), "");
    }
}
