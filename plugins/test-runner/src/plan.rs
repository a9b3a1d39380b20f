//! What one request will do: its arguments over the workspace's file over what the workspace holds.

use crate::args::{MAX_ARGS_BYTES, Options};
use crate::browser::Browser;
use crate::detect::{self, Found, MAX_SUITES, Search, Suite, Unable};
use crate::file::TestFile;
use crate::framework::{BROWSER_FRAMEWORKS, Framework};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What will be done. Kept over an interruption, so that a retry does the same.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What `test.started` carries.
    pub config: Value,
    /// What runs, in this order.
    pub suites: Vec<Suite>,
    /// What was found and cannot run.
    pub unable: Vec<Unable>,
    /// What an agent is to do in a browser.
    pub browser: Option<Browser>,
    /// What the person should know.
    pub notes: Vec<String>,
    /// Why nothing can be done at all.
    pub refused: Option<String>,
}

/// What the arguments and the file come to together.
#[derive(Debug, Default)]
struct Choice {
    options: Options,
    framework: Option<Framework>,
    directory: String,
    browser: Option<Browser>,
    variables: Vec<String>,
}

impl Plan {
    /// Makes the plan for `args`, the payload's JSON.
    #[must_use]
    pub fn make(args: &str) -> Self {
        let options = match read_args(args) {
            Ok(options) => options,
            Err(reason) => return Self::refuse(&Choice::default(), reason),
        };
        let file = match TestFile::open() {
            Ok(file) => file,
            Err(reason) => return Self::refuse(&Choice { options, ..Choice::default() }, reason),
        };
        let (choice, wrong) = Choice::make(options, file);
        if let Some(reason) = wrong {
            return Self::refuse(&choice, reason);
        }
        // A browser's framework is no suite's: only the agent can work with it.
        let only_browser = choice.browser.as_ref().is_some_and(|browser| browser.framework.is_some());
        let search = Search { start: &choice.directory, framework: choice.framework, only: choice.options.name() };
        let found = if only_browser { Ok(Found::default()) } else { detect::find(search) };
        match found {
            Ok(found) => choice.plan(found),
            Err(reason) => Self::refuse(&choice, reason),
        }
    }

    fn refuse(choice: &Choice, reason: String) -> Self {
        let notes = choice.options.notes.clone();
        Self { config: choice.config(&[]), notes, refused: Some(reason), ..Self::default() }
    }
}

impl Choice {
    /// Both together, where the command line wins; and what is wrong with them.
    fn make(mut options: Options, file: TestFile) -> (Self, Option<String>) {
        let TestFile { url, server, framework, directory, preconditions, focus_areas, environment } = file;
        let kind_named = options.unit == Some(true) || options.backend == Some(true);
        let asked_here = options.url.is_some() || options.server.is_some();
        options.url = options.url.or(url.map(|text| text.0));
        options.server = options.server.or(server.map(|text| text.0));
        let named = options.framework.clone().or(framework.map(|text| text.0));
        let variables = environment.0.into_iter().map(|(name, _)| name).collect();
        let mut choice = Self { options, variables, ..Self::default() };

        let directory = match choice.options.directory.as_deref().map(detect::safe_path) {
            Some(Ok(directory)) => directory,
            Some(Err(reason)) => return (choice, Some(format!("-d: {reason}"))),
            None => directory.map(|text| text.0).unwrap_or_default(),
        };
        choice.directory = directory;
        let lower = named.as_deref().map(str::to_ascii_lowercase);
        let browser_framework = lower.filter(|name| BROWSER_FRAMEWORKS.contains(&name.as_str()));
        if let (Some(name), None) = (&named, &browser_framework) {
            choice.framework = Framework::named(name);
            if choice.framework.is_none() {
                let name = name.escape_debug().to_string();
                let known = format!("{}; in a browser: {}", Framework::all_names(), BROWSER_FRAMEWORKS.join(", "));
                return (choice, Some(format!("the framework `{name}` is not known; known are {known}")));
            }
        }
        // Naming a kind of suites asks for nothing but it; so what the file says of a browser waits.
        let options = &choice.options;
        let from_file =
            !kind_named && (options.url.is_some() || options.server.is_some() || browser_framework.is_some());
        let asked = asked_here || from_file || (options.framework.is_some() && browser_framework.is_some());
        choice.browser = (asked && options.browser != Some(false)).then(|| Browser {
            url: options.url.clone(),
            server: options.server.clone(),
            framework: browser_framework,
            directory: choice.directory.clone(),
            focus: options.focus.clone(),
            focus_areas: focus_areas.0,
            preconditions: preconditions.0,
            variables: choice.variables.clone(),
        });
        (choice, None)
    }

    fn plan(self, found: Found) -> Plan {
        let mut notes = self.options.notes.clone();
        notes.extend(found.notes);
        let before = found.suites.len();
        let mut suites: Vec<Suite> =
            found.suites.into_iter().filter(|suite| self.options.wants(suite.is_backend())).collect();
        if suites.len() < before {
            notes.push(format!(
                "{} of {before} suites were asked away by --unit, --backend or --no-…",
                before - suites.len()
            ));
        }
        if suites.len() > MAX_SUITES {
            let left: Vec<String> = suites
                .split_off(MAX_SUITES)
                .iter()
                .take(MAX_SUITES)
                .map(|suite| format!("{} in {}", suite.framework.name(), detect::place(&suite.directory)))
                .collect();
            notes.push(format!("more than {MAX_SUITES} suites; not run, name a folder with -d: {}", left.join(", ")));
        }
        if self.options.focus.is_some() && self.options.name().is_none() && !suites.is_empty() {
            notes.push("the focus is more than a test's name: all tests were run".to_owned());
        }
        let config = self.config(&suites);
        Plan { config, suites, unable: found.unable, browser: self.browser, notes, refused: None }
    }

    /// What `test.started` carries: everything but the values of variables, which may be secrets.
    fn config(&self, suites: &[Suite]) -> Value {
        let options = &self.options;
        let suites: Vec<Value> = suites
            .iter()
            .map(|suite| {
                let command = crate::text::command_line(suite.command.iter().map(String::as_str));
                json!({"framework": suite.framework.name(), "directory": suite.directory, "command": command})
            })
            .collect();
        let areas = |of: fn(&Browser) -> &Vec<String>| self.browser.as_ref().map(of);
        json!({
            "url": options.url, "server": options.server, "directory": self.directory,
            "framework": self.framework.map(Framework::name), "focus": options.focus,
            "focus_areas": areas(|browser| &browser.focus_areas),
            "preconditions": areas(|browser| &browser.preconditions),
            "unit": options.wants(false), "backend": options.wants(true), "browser": self.browser.is_some(),
            "environment": self.variables, "suites": suites,
        })
    }
}

/// The payload's `args`: a line, a list of words, or nothing.
fn read_args(args: &str) -> Result<Options, String> {
    if args.len() > MAX_ARGS_BYTES {
        return Err(format!("the arguments have {} bytes, at most {MAX_ARGS_BYTES} are taken", args.len()));
    }
    match serde_json::from_str(args) {
        Ok(Value::Null) => Ok(Options::default()),
        Ok(Value::String(line)) => Ok(Options::from_text(&line)),
        Ok(Value::Array(words)) => {
            let words: Option<Vec<String>> = words.into_iter().map(|word| word.as_str().map(str::to_owned)).collect();
            words.map(Options::from_words).ok_or_else(|| "args: a list of anything but texts".to_owned())
        }
        _ => Err("args: neither a text nor a list of texts".to_owned()),
    }
}
