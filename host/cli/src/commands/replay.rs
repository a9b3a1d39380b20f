//! `tollgate replay`: hands a plugin events once more that lie behind it.

use super::{MAX_CALL, confirmed, encode, parse};
use crate::args::ReplayArgs;
use crate::client::{Client, ClientError};
use crate::exit::{Exit, Failure};
use crate::output;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};
use tollgate_core::home::Home;
use tollgate_core::time::{Clock, Timestamp, duration};

/// How long a plugin may be busy (with another event, or its fuel of the minute spent) before this gives up.
const MAX_BUSY: Duration = Duration::from_secs(90);
/// Pause before a plugin that is busy is asked again.
const BUSY_PAUSE: Duration = Duration::from_secs(1);
/// Most events that are told of by themselves; the others are counted.
const MAX_TOLD: usize = 20;
/// The longest words about one event, in characters.
const MAX_SENTENCE: usize = 300;

/// Gives them, with a bar on a terminal, and says what came of it.
///
/// # Errors
/// When no daemon answers, the plugin does not serve, or it stayed busy: what was given is told.
pub fn run(home: &Home, args: &ReplayArgs) -> Result<Exit, Failure> {
    let client = Client::approver_of(home).patient(MAX_CALL);
    let now = Clock::system().now();
    let (since, until) = (fixed(&args.since, now), args.until.as_deref().map(|until| fixed(until, now)));
    let mut asked = Asked { client: &client, args, from: since.clone(), until, upto: None };
    let count = asked.count()?;
    let name = &args.plugin;
    if args.dry_run {
        if args.json {
            output::line(json!({"plugin": name, "events": count, "dry_run": true}))?;
        } else {
            output::line(format_args!("{name} would be given {count} events once more"))?;
        }
        return Ok(Exit::Done);
    }
    if count > 0 && !args.yes {
        if args.json {
            return Err(Failure::Usage("with --json nobody is asked: say --dry-run, or --yes".to_owned()));
        }
        let question = format!("Give {name} {count} events once more, with all that it does for them?");
        if !confirmed(&question, "say `--yes`, or see with `--dry-run` how many it would be given")? {
            output::line("nothing was given")?;
            return Ok(Exit::Failed);
        }
    }
    asked.from = since;
    let bar = if std::io::stderr().is_terminal() && !args.json { bar(count) } else { ProgressBar::hidden() };
    let mut came = Came::default();
    let ended = asked.give(&mut came, &bar);
    bar.finish_and_clear();
    came.report(args)?;
    ended
        .map_err(|error| Failure::at(format!("{name} was given no more; go on with --since {}", asked.from), error))?;
    Ok(if came.left.is_empty() { Exit::Done } else { Exit::Failed })
}

fn bar(count: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} events, {per_sec}, {eta} left");
    let bar = ProgressBar::new(count);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// One stretch after another.
struct Asked<'a> {
    client: &'a Client,
    args: &'a ReplayArgs,
    /// Where the next stretch begins.
    from: String,
    until: Option<String>,
    /// The newest that was given when this began; so that it comes to an end.
    upto: Option<u64>,
}

/// What came of all stretches.
#[derive(Default)]
struct Came {
    events: u64,
    handled: u64,
    left: Vec<Value>,
}

impl Asked<'_> {
    /// How many it would be given.
    fn count(&mut self) -> Result<u64, Failure> {
        let mut count = 0;
        loop {
            let answer = parse(&self.client.post(&self.path(true), b"")?)?;
            count += number(&answer, "events");
            self.upto = answer.get("upto").and_then(Value::as_u64);
            match text(&answer, "next") {
                Some(next) => self.from = next,
                None => return Ok(count),
            }
        }
    }

    fn give(&mut self, came: &mut Came, bar: &ProgressBar) -> Result<(), Failure> {
        let mut moved = Instant::now();
        loop {
            let (busy, next) = match self.client.post(&self.path(false), b"") {
                Ok(answer) => {
                    let answer = parse(&answer)?;
                    if came.take(&answer) {
                        moved = Instant::now();
                    }
                    bar.set_position(came.events);
                    let next = text(&answer, "next");
                    match answer.get("stopped").filter(|stopped| !stopped.is_null()) {
                        None => (None, next),
                        Some(stopped) => {
                            let message = text(stopped, "message").unwrap_or_default();
                            if text(stopped, "code").as_deref() != Some("busy") {
                                return Err(Failure::Failed(message));
                            }
                            (Some(message), next)
                        }
                    }
                }
                Err(ClientError::Refused { status: 503, message }) => (Some(message), Some(self.from.clone())),
                Err(error) => return Err(error.into()),
            };
            match next {
                Some(next) => self.from = next,
                None => return Ok(()),
            }
            if let Some(why) = busy {
                if moved.elapsed() >= MAX_BUSY {
                    return Err(Failure::Failed(why));
                }
                std::thread::sleep(BUSY_PAUSE);
            }
        }
    }

    fn path(&self, dry_run: bool) -> String {
        let types: Vec<&str> = self.args.types.iter().map(|pattern| pattern.as_str()).collect();
        let mut path =
            format!("/api/plugins/{}/replay?dry_run={dry_run}&since={}", encode(&self.args.plugin), encode(&self.from));
        let mut add = |name: &str, value: &str| path.push_str(&format!("&{name}={}", encode(value)));
        if let Some(upto) = self.upto {
            add("upto", &upto.to_string());
        }
        if let Some(until) = &self.until {
            add("until", until);
        }
        if let Some(session) = &self.args.session {
            add("session", session);
        }
        if !types.is_empty() {
            add("type", &types.join(","));
        }
        path
    }
}

impl Came {
    /// Adds a stretch; whether anything was given in it.
    fn take(&mut self, answer: &Value) -> bool {
        let events = number(answer, "events");
        self.events += events;
        self.handled += number(answer, "handled");
        self.left.extend(answer.get("left").and_then(Value::as_array).into_iter().flatten().cloned());
        events > 0
    }

    fn report(&self, args: &ReplayArgs) -> Result<(), Failure> {
        let Self { events, handled, left } = self;
        if args.json {
            let told = json!({"plugin": args.plugin, "events": events, "handled": handled, "left": left});
            return output::line(told);
        }
        for one in left.iter().take(MAX_TOLD) {
            let (seq, of) = (number(one, "seq"), |key| text(one, key).unwrap_or_default());
            output::line(output::tame(&format!("event {seq}: {}: {}", of("cause"), of("message")), MAX_SENTENCE))?;
        }
        if let Some(more) = left.len().checked_sub(MAX_TOLD).filter(|more| *more > 0) {
            output::line(format_args!("and {more} more; --json has them all"))?;
        }
        output::line(format_args!("{}: {handled} of {events} events handled once more", args.plugin))
    }
}

/// The same moment whenever it is read: how long ago something was counts from the beginning.
fn fixed(when: &str, now: Timestamp) -> String {
    match duration(when) {
        Some(_) => Timestamp::parse_when(when, now).map_or_else(|_| when.to_owned(), |at| at.to_string()),
        None => when.to_owned(),
    }
}

fn number(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(Value::as_u64).unwrap_or_default()
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}
