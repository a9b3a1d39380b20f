//! Tollgate's hooks in an agent's settings, as JSON. Everything that is not ours stays as it is.

use super::command::HookCommand;
use super::known::{Agent, Event, Shape};
use serde_json::{Map, Value, json};

/// The version that a flat file has to name.
const FLAT_VERSION: u64 = 1;

/// What of ours is in some settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Events that have our hook.
    pub events: Vec<&'static str>,
    /// What the hook of the first event that gates runs; of another event where that has none.
    pub command: Option<HookCommand>,
    /// Events whose hook of ours runs something else than `command`.
    pub others: Vec<&'static str>,
    /// Events that gate and whose hook lets the tool run where it fails, though the agent knows a word against that.
    pub open: Vec<&'static str>,
    /// The shortest time that the agent waits for a hook that gates, in milliseconds.
    pub patience_ms: Option<u64>,
    /// The setting that keeps every hook silent, where one does.
    pub switched_off: Option<&'static str>,
}

impl Found {
    /// The agent's events that lack our hook.
    pub fn missing(&self, agent: &Agent) -> Vec<&'static str> {
        agent.events.iter().map(|event| event.name).filter(|event| !self.events.contains(event)).collect()
    }

    /// Whether a tool may run without a question.
    pub fn lets_past(&self, agent: &Agent) -> bool {
        agent.events.iter().any(|event| event.gates && !self.events.contains(&event.name))
    }
}

/// What keeps the hooks in some settings from working, as far as the settings show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// This setting keeps all of them silent.
    SwitchedOff(&'static str),
    /// The program that they run is not there.
    Gone(String),
    /// These events have none, or one for some tools only.
    Missing(Vec<&'static str>),
    /// Those of these events let the tool run where they fail.
    Open(Vec<&'static str>),
    /// Those of these events run another command than the rest.
    Differ(Vec<&'static str>),
}

impl Found {
    /// The worst that is wrong; none where all is well, or nothing is installed.
    pub fn trouble(&self, agent: &Agent) -> Option<Trouble> {
        let command = self.command.as_ref()?;
        if let Some(switch) = self.switched_off {
            return Some(Trouble::SwitchedOff(switch));
        }
        if !command.is_there() {
            return Some(Trouble::Gone(command.program.clone()));
        }
        let missing = self.missing(agent);
        let some = |events: &[&'static str]| (!events.is_empty()).then(|| events.to_vec());
        let lets_past = some(&missing).filter(|_| self.lets_past(agent)).map(Trouble::Missing);
        lets_past
            .or_else(|| some(&self.open).map(Trouble::Open))
            .or_else(|| some(&self.others).map(Trouble::Differ))
            .or_else(|| some(&missing).map(Trouble::Missing))
    }
}

/// Looks for our hooks.
pub fn find(agent: &Agent, settings: &Map<String, Value>) -> Found {
    let at = |pointer: &str| {
        let mut names = pointer.split('/').skip(1);
        let first = settings.get(names.next()?)?;
        names.try_fold(first, |value, name| value.get(name))
    };
    let off = agent.switches.iter().find(|(pointer, off)| at(pointer).and_then(Value::as_bool) == Some(*off));
    let mut found = Found { switched_off: off.map(|(pointer, _)| *pointer), ..Found::default() };
    for event in agent.events {
        let listed = settings.get("hooks").and_then(|hooks| hooks.get(event.name)).and_then(Value::as_array);
        let listed = listed.into_iter().flatten();
        // Each with whether it is asked about every tool.
        let handlers: Vec<(bool, &Value)> = match agent.shape {
            Shape::Flat => listed.map(|handler| (true, handler)).collect(),
            Shape::Words | Shape::Line => listed
                .filter_map(|group| Some((!event.of_tools || matches_all(group), group.get("hooks")?.as_array()?)))
                .flat_map(|(all, handlers)| handlers.iter().map(move |handler| (all, handler)))
                .collect(),
        };
        let ours =
            handlers.into_iter().filter_map(|(all, handler)| Some((all, HookCommand::of(agent, handler)?, handler)));
        // One that is asked about every tool counts before one that is not.
        let Some((all, command, handler)) = ours.max_by_key(|(all, ..)| *all) else { continue };
        if all {
            found.events.push(event.name);
        }
        if *found.command.get_or_insert_with(|| command.clone()) != command {
            found.others.push(event.name);
        }
        let closed = match agent.shape {
            Shape::Words => handler.get("onFailure").and_then(Value::as_str) == Some("block"),
            Shape::Flat => handler.get("failClosed") == Some(&Value::Bool(true)),
            Shape::Line => true,
        };
        if event.gates && !closed {
            found.open.push(event.name);
        }
        if let Some(timeout) = handler.get("timeout").and_then(Value::as_u64).filter(|_| event.gates) {
            let timeout_ms = timeout.saturating_mul(1_000) / agent.per_second;
            found.patience_ms = Some(found.patience_ms.map_or(timeout_ms, |least| least.min(timeout_ms)));
        }
    }
    found
}

/// Whether a group of hooks is asked about every tool.
fn matches_all(group: &Value) -> bool {
    match group.get("matcher") {
        None | Some(Value::Null) => true,
        Some(matcher) => matches!(matcher.as_str(), Some("" | "*")),
    }
}

/// Our hook of one event, as the agent wants it; `deadline_ms` is the hook's own.
fn wanted(agent: &Agent, event: &Event, command: &HookCommand, deadline_ms: u64) -> Value {
    let mut handler = Map::new();
    if agent.shape != Shape::Flat {
        handler.insert("type".to_owned(), json!("command"));
    }
    handler.extend(command.fields());
    handler.insert("timeout".to_owned(), json!(agent.timeout(event, deadline_ms)));
    // The hook that fails must block. The others know no such word: they are trusted to the hook's own exit.
    match agent.shape {
        Shape::Words if event.gates => drop(handler.insert("onFailure".to_owned(), json!("block"))),
        Shape::Flat if event.gates => drop(handler.insert("failClosed".to_owned(), json!(true))),
        _ => {}
    }
    match agent.shape {
        Shape::Flat => Value::Object(handler),
        _ if event.of_tools => json!({"matcher": "*", "hooks": [handler]}),
        _ => json!({"hooks": [handler]}),
    }
}

/// Puts our hook for every event in, in place of any other of ours; one that is there already stays where it is.
///
/// # Errors
/// Where the settings have another shape: what and where.
pub fn install(
    agent: &Agent,
    settings: &mut Map<String, Value>,
    command: &HookCommand,
    deadline_ms: u64,
) -> Result<(), String> {
    check_shape(agent, settings)?;
    if agent.shape == Shape::Flat {
        settings.entry("version").or_insert_with(|| json!(FLAT_VERSION));
    }
    for event in agent.events {
        let hooks = settings.entry("hooks").or_insert_with(|| json!({}));
        let Some(listed) = hooks.as_object_mut().map(|hooks| hooks.entry(event.name).or_insert_with(|| json!([])))
        else {
            continue;
        };
        let Some(listed) = listed.as_array_mut() else { continue };
        let wanted = wanted(agent, event, command, deadline_ms);
        if listed.contains(&wanted) {
            continue;
        }
        remove_ours(agent, listed);
        listed.push(wanted);
    }
    Ok(())
}

/// Takes everything of ours out, and what that leaves empty. Where that is what `before` says, but for what was empty
/// there already, it is `before`.
///
/// # Errors
/// As [`install`].
pub fn uninstall(
    agent: &Agent,
    settings: &mut Map<String, Value>,
    before: Option<&Map<String, Value>>,
) -> Result<(), String> {
    check_shape(agent, settings)?;
    let Some(hooks) = settings.get_mut("hooks").and_then(Value::as_object_mut) else { return Ok(()) };
    let mut touched = false;
    hooks.retain(|_, listed| {
        let Some(listed) = listed.as_array_mut() else { return true };
        let removed = remove_ours(agent, listed);
        touched |= removed;
        !(removed && listed.is_empty())
    });
    if !touched {
        return Ok(());
    }
    if hooks.is_empty() {
        settings.shift_remove("hooks");
    }
    if agent.shape == Shape::Flat {
        take_version(settings, before);
    }
    if let Some(before) = before.filter(|before| without_empty(before) == without_empty(settings)) {
        settings.clone_from(before);
    }
    Ok(())
}

/// Takes the version of a flat file out where it came with our hooks and nothing else needs it.
fn take_version(settings: &mut Map<String, Value>, before: Option<&Map<String, Value>>) {
    let mut without = settings.clone();
    without.shift_remove("version");
    let left = without_empty(&without);
    let ours = match before {
        Some(before) if before.contains_key("version") => false,
        Some(before) => left == without_empty(before) || !left.contains_key("hooks"),
        None => left.is_empty(),
    };
    if ours && settings.get("version").and_then(Value::as_u64) == Some(FLAT_VERSION) {
        *settings = without;
    }
}

/// The same without events that have no hooks, and without `hooks` where there are none.
fn without_empty(settings: &Map<String, Value>) -> Map<String, Value> {
    let mut settings = settings.clone();
    if let Some(hooks) = settings.get_mut("hooks").and_then(Value::as_object_mut) {
        hooks.retain(|_, groups| groups.as_array().is_none_or(|groups| !groups.is_empty()));
        if hooks.is_empty() {
            settings.shift_remove("hooks");
        }
    }
    settings
}

/// Takes our handlers out of an event's list, and the groups that had nothing else; says whether there were any.
fn remove_ours(agent: &Agent, listed: &mut Vec<Value>) -> bool {
    let take = |handlers: &mut Vec<Value>| {
        let before = handlers.len();
        handlers.retain(|handler| HookCommand::of(agent, handler).is_none());
        handlers.len() < before
    };
    if agent.shape == Shape::Flat {
        return take(listed);
    }
    let mut removed = false;
    listed.retain_mut(|group| {
        let Some(handlers) = group.get_mut("hooks").and_then(Value::as_array_mut) else { return true };
        let taken = take(handlers);
        removed |= taken;
        !(taken && handlers.is_empty())
    });
    removed
}

fn check_shape(agent: &Agent, settings: &Map<String, Value>) -> Result<(), String> {
    let version = settings.get("version").filter(|_| agent.shape == Shape::Flat);
    if let Some(other) = version.filter(|version| version.as_u64() != Some(FLAT_VERSION)) {
        return Err(format!("`version` is {other}, and only {FLAT_VERSION} is known; mend it first"));
    }
    let Some(hooks) = settings.get("hooks") else { return Ok(()) };
    let hooks = hooks.as_object().ok_or("`hooks` is no object; mend it first")?;
    for (event, listed) in hooks {
        let listed = listed.as_array().ok_or_else(|| format!("`hooks.{event}` is no array; mend it first"))?;
        for (at, one) in listed.iter().enumerate() {
            match agent.shape {
                Shape::Flat if !one.is_object() => {
                    return Err(format!("`hooks.{event}[{at}]` is no object; mend it first"));
                }
                Shape::Words | Shape::Line if one.get("hooks").is_none_or(|handlers| !handlers.is_array()) => {
                    return Err(format!("`hooks.{event}[{at}]` has no array `hooks`; mend it first"));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
