//! The words behind `/test`: options, and the rest, which is the focus. Knows no workspace.

/// Longest text of arguments, in bytes: a person types a line, an agent a paragraph.
pub const MAX_ARGS_BYTES: usize = 16 * 1024;

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Where the application answers, for tests in a browser.
    pub url: Option<String>,
    /// How to start what answers there.
    pub server: Option<String>,
    /// Folder to test.
    pub directory: Option<String>,
    /// Framework to test with.
    pub framework: Option<String>,
    /// Whether unit tests were asked for, or asked away.
    pub unit: Option<bool>,
    /// The same of backend tests.
    pub backend: Option<bool>,
    /// The same of tests in a browser; never asked for by a word of its own.
    pub browser: Option<bool>,
    /// What to look at most.
    pub focus: Option<String>,
    /// What could not be taken, for the person who wrote it.
    pub notes: Vec<String>,
}

impl Options {
    /// Reads a line as written. One with bad quoting is focus as a whole.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let text = text.trim();
        let text = text
            .strip_prefix("/test")
            .filter(|rest| !rest.starts_with(|one: char| !one.is_whitespace()))
            .unwrap_or(text);
        match words(text) {
            Some(words) => Self::from_words(words),
            None => Self { focus: Some(text.trim().to_owned()), ..Self::default() },
        }
    }

    /// Reads words that were split already.
    #[must_use]
    pub fn from_words(words: impl IntoIterator<Item = String>) -> Self {
        let mut options = Self::default();
        let (mut focus, mut words) = (Vec::new(), words.into_iter().peekable());
        while let Some(word) = words.next() {
            if word == "--" {
                focus.extend(words.by_ref());
                break;
            }
            if options.switch(&word) {
                continue;
            }
            let (name, attached) = match word.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ => (word.as_str(), None),
            };
            let Some(slot) = options.slot(name) else {
                focus.push(word);
                continue;
            };
            // The next option is no value of this one.
            let value = attached.or_else(|| words.next_if(|next| !is_option(next)));
            match value.filter(|value| !value.trim().is_empty()) {
                Some(value) => *slot = Some(value),
                None => options.notes.push(format!("`{name}` has no value behind it and was left out")),
            }
        }
        let focus = focus.join(" ");
        options.focus = (!focus.trim().is_empty()).then_some(focus);
        options
    }

    fn switch(&mut self, word: &str) -> bool {
        match word {
            "--unit" => self.unit = Some(true),
            "--no-unit" => self.unit = Some(false),
            "--backend" => self.backend = Some(true),
            "--no-backend" => self.backend = Some(false),
            "--no-e2e" => self.browser = Some(false),
            _ => return false,
        }
        true
    }

    fn slot(&mut self, name: &str) -> Option<&mut Option<String>> {
        match name {
            "-u" | "--url" => Some(&mut self.url),
            "-s" | "--server" => Some(&mut self.server),
            "-d" | "--dir" => Some(&mut self.directory),
            "-f" | "--framework" => Some(&mut self.framework),
            _ => None,
        }
    }

    /// Whether suites of this kind were asked for: all are, unless one kind is named or this one is named away.
    #[must_use]
    pub fn wants(&self, backend: bool) -> bool {
        let (this, other) = if backend { (self.backend, self.unit) } else { (self.unit, self.backend) };
        this.unwrap_or(other != Some(true))
    }

    /// The focus where it can be handed to a program as part of a test's name: one plain word, no option.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        let plain = |one: char| one.is_alphanumeric() || "_:./-".contains(one);
        self.focus.as_deref().filter(|focus| {
            focus.starts_with(|first: char| first.is_alphanumeric() || first == '_') && focus.chars().all(plain)
        })
    }
}

fn is_option(word: &str) -> bool {
    let name = word.split('=').next().unwrap_or(word);
    word == "--" || Options::default().switch(word) || Options::default().slot(name).is_some()
}

/// Splits a line as a shell does, without expanding anything; none where a quote or a backslash is left open.
fn words(text: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut rest = text.chars();
    while let Some(one) = rest.next() {
        match (quote, one) {
            (None, one) if one.is_whitespace() => words.extend(word.take()),
            (None, '\'' | '"') => {
                quote = Some(one);
                word.get_or_insert_default();
            }
            (Some(open), one) if one == open => quote = None,
            (None, '\\') => word.get_or_insert_default().push(rest.next()?),
            (Some('"'), '\\') => {
                let escaped = rest.next()?;
                let word = word.get_or_insert_default();
                if !matches!(escaped, '"' | '\\' | '$' | '`') {
                    word.push('\\');
                }
                word.push(escaped);
            }
            (_, one) => word.get_or_insert_default().push(one),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}
