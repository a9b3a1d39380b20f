//! Tollgate's hooks in Claude Code's settings, as JSON. Everything that is not ours stays as it is.

use serde_json::{Map, Value, json};

/// Seconds that a hook may take: longer than the hook's own deadline, which then denies by itself.
const TIMEOUT_SECONDS: u64 = 15;
/// The agent's name in the hook's command.
const AGENT: &str = "claude-code";
/// Events that gate: a hook that fails there must block.
const GATING: [&str; 2] = ["PreToolUse", "PermissionRequest"];
/// Events about a tool, which take a matcher.
const OF_TOOLS: [&str; 4] = ["PreToolUse", "PermissionRequest", "PostToolUse", "PostToolUseFailure"];
/// Every event that is hooked.
pub const EVENTS: [&str; 12] = [
    "PreToolUse",
    "PermissionRequest",
    "PostToolUse",
    "PostToolUseFailure",
    "UserPromptSubmit",
    "SessionStart",
    "SessionEnd",
    "Stop",
    "SubagentStart",
    "SubagentStop",
    "Notification",
    "PreCompact",
];

/// What runs: the program, and the words after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookCommand {
    /// An absolute path.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
}

impl HookCommand {
    /// `program hook claude-code`, with the home where it is not the default one.
    pub fn new(program: &str, home: Option<&str>) -> Self {
        let mut args = vec!["hook".to_owned(), AGENT.to_owned()];
        args.extend(home.map(|home| format!("--home={home}")));
        Self { program: program.to_owned(), args }
    }

    fn handler(&self, event: &str) -> Value {
        let mut handler = json!({
            "type": "command",
            "command": self.program,
            "args": self.args,
            "timeout": TIMEOUT_SECONDS,
        });
        if GATING.contains(&event)
            && let Some(fields) = handler.as_object_mut()
        {
            fields.insert("onFailure".to_owned(), json!("block"));
        }
        handler
    }
}

/// What of ours is in some settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Events that have our hook.
    pub events: Vec<&'static str>,
    /// What the hook of `PreToolUse` runs; of another event where that has none.
    pub command: Option<HookCommand>,
    /// `disableAllHooks` is set.
    pub switched_off: bool,
}

impl Found {
    /// The events of [`EVENTS`] that lack our hook.
    pub fn missing(&self) -> Vec<&'static str> {
        EVENTS.into_iter().filter(|event| !self.events.contains(event)).collect()
    }
}

/// Looks for our hooks.
pub fn find(settings: &Map<String, Value>) -> Found {
    let mut found = Found {
        switched_off: settings.get("disableAllHooks").and_then(Value::as_bool).unwrap_or_default(),
        ..Found::default()
    };
    for event in EVENTS {
        let groups = settings.get("hooks").and_then(|hooks| hooks.get(event)).and_then(Value::as_array);
        let handlers = groups.into_iter().flatten().filter_map(|group| group.get("hooks")?.as_array()).flatten();
        let Some(command) = handlers.filter_map(ours).next() else { continue };
        found.events.push(event);
        found.command.get_or_insert(command);
    }
    found
}

/// Puts our hook for every event in, in place of any other of ours; one that is there already stays where it is.
///
/// # Errors
/// Where the settings have another shape: what and where.
pub fn install(settings: &mut Map<String, Value>, command: &HookCommand) -> Result<(), String> {
    check_shape(settings)?;
    for event in EVENTS {
        let handler = command.handler(event);
        let hooks = settings.entry("hooks").or_insert_with(|| json!({}));
        let Some(groups) = hooks.as_object_mut().map(|hooks| hooks.entry(event).or_insert_with(|| json!([]))) else {
            continue;
        };
        let Some(groups) = groups.as_array_mut() else { continue };
        let wanted = if OF_TOOLS.contains(&event) {
            json!({"matcher": "*", "hooks": [handler]})
        } else {
            json!({"hooks": [handler]})
        };
        if groups.contains(&wanted) {
            continue;
        }
        remove_ours(groups);
        groups.push(wanted);
    }
    Ok(())
}

/// Takes everything of ours out, and what that leaves empty. Where that is what `before` says, but for what was empty
/// there already, it is `before`.
///
/// # Errors
/// As [`install`].
pub fn uninstall(settings: &mut Map<String, Value>, before: Option<&Map<String, Value>>) -> Result<(), String> {
    check_shape(settings)?;
    let Some(hooks) = settings.get_mut("hooks").and_then(Value::as_object_mut) else { return Ok(()) };
    let mut touched = false;
    hooks.retain(|_, groups| {
        let Some(groups) = groups.as_array_mut() else { return true };
        let removed = remove_ours(groups);
        touched |= removed;
        !(removed && groups.is_empty())
    });
    if !touched {
        return Ok(());
    }
    if hooks.is_empty() {
        settings.shift_remove("hooks");
    }
    if let Some(before) = before.filter(|before| without_empty(before) == without_empty(settings)) {
        settings.clone_from(before);
    }
    Ok(())
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

/// Takes our handlers out of an event's groups, and the groups that had nothing else; says whether there were any.
fn remove_ours(groups: &mut Vec<Value>) -> bool {
    let mut removed = false;
    groups.retain_mut(|group| {
        let Some(handlers) = group.get_mut("hooks").and_then(Value::as_array_mut) else { return true };
        let before = handlers.len();
        handlers.retain(|handler| ours(handler).is_none());
        let taken = handlers.len() < before;
        removed |= taken;
        !(taken && handlers.is_empty())
    });
    removed
}

/// What a handler runs, where it is ours: `tollgate` with `hook`, given apart or as one line.
fn ours(handler: &Value) -> Option<HookCommand> {
    let command = handler.get("command")?.as_str()?;
    let args = handler.get("args").and_then(Value::as_array).into_iter().flatten();
    let mut words: Vec<String> = args.filter_map(|arg| arg.as_str().map(str::to_owned)).collect();
    let mut program = command.to_owned();
    if words.is_empty() {
        let mut parts = command.split_whitespace().map(str::to_owned);
        program = parts.next()?;
        words = parts.collect();
    }
    let named = std::path::Path::new(&program).file_name().is_some_and(|name| name == "tollgate");
    let hook = words.first().is_some_and(|word| word == "hook") && words.get(1).is_some_and(|agent| agent == AGENT);
    (named && hook).then_some(HookCommand { program, args: words })
}

fn check_shape(settings: &Map<String, Value>) -> Result<(), String> {
    let Some(hooks) = settings.get("hooks") else { return Ok(()) };
    let hooks = hooks.as_object().ok_or("`hooks` is no object; mend it first")?;
    for (event, groups) in hooks {
        let groups = groups.as_array().ok_or_else(|| format!("`hooks.{event}` is no array; mend it first"))?;
        for (at, group) in groups.iter().enumerate() {
            if group.get("hooks").is_none_or(|handlers| !handlers.is_array()) {
                return Err(format!("`hooks.{event}[{at}]` has no array `hooks`; mend it first"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
    use super::*;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn command() -> HookCommand {
        HookCommand::new("/opt/bin/tollgate", None)
    }

    /// Somebody's settings, with hooks of their own.
    fn theirs() -> Map<String, Value> {
        object(&json!({
            "model": "x",
            "hooks": {
                "PreToolUse": [{"matcher": "Bash", "hooks": [{"type": "command", "command": "lint tollgate hook"}]}],
                "TeammateIdle": [],
            },
            "permissions": {"allow": ["Bash(ls:*)"]},
        }))
    }

    #[test]
    fn what_is_installed_is_found_and_goes_without_a_trace() {
        for before in [theirs(), Map::new(), object(&json!({"hooks": {}}))] {
            let mut settings = before.clone();
            install(&mut settings, &command()).unwrap();
            let found = find(&settings);
            assert_eq!((found.missing(), found.command), (Vec::new(), Some(command())));
            assert_eq!(
                settings["hooks"]["PreToolUse"].as_array().unwrap().last().unwrap()["hooks"][0]["onFailure"],
                "block"
            );
            assert_eq!(settings["hooks"]["Stop"][0]["hooks"][0].get("onFailure"), None);
            let once = settings.clone();
            install(&mut settings, &command()).unwrap();
            assert_eq!(settings, once, "a second time changes nothing");
            let mut unknown = settings.clone();
            uninstall(&mut settings, Some(&before)).unwrap();
            assert_eq!(settings, before);
            // Without knowing what was there, an empty `hooks` of theirs is as good as none.
            uninstall(&mut unknown, None).unwrap();
            assert_eq!(without_empty(&unknown), without_empty(&before));
            let mut other = before.clone();
            other.insert("theme".to_owned(), json!("dark"));
            let mut changed = other.clone();
            install(&mut changed, &command()).unwrap();
            uninstall(&mut changed, Some(&before)).unwrap();
            assert_eq!(without_empty(&changed), without_empty(&other), "what changed meanwhile stays");
        }
    }

    #[test]
    fn an_older_hook_of_ours_is_replaced_and_one_in_a_line_is_seen() {
        let old = json!({"type": "command", "command": "/old/tollgate hook claude-code", "timeout": 5});
        let mut settings = object(&json!({"hooks": {"PreToolUse": [{"matcher": "Bash", "hooks": [old]}]}}));
        let found = find(&settings);
        assert_eq!(found.events, ["PreToolUse"]);
        assert_eq!(found.command.unwrap().program, "/old/tollgate");
        install(&mut settings, &command()).unwrap();
        assert_eq!(settings["hooks"]["PreToolUse"].as_array().unwrap().len(), 1);
        assert_eq!(find(&settings).command, Some(command()));
    }

    #[test]
    fn settings_of_another_shape_are_left_alone() {
        for (settings, place) in [
            (json!({"hooks": []}), "`hooks`"),
            (json!({"hooks": {"Stop": {}}}), "`hooks.Stop`"),
            (json!({"hooks": {"Stop": [{"matcher": "*"}]}}), "`hooks.Stop[0]`"),
        ] {
            let mut changed = object(&settings);
            let error = install(&mut changed, &command()).unwrap_err();
            assert!(error.contains(place), "{error}");
            assert_eq!(Value::Object(changed), settings);
        }
    }
}
