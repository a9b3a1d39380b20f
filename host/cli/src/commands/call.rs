//! A call made of a command's flags or of standard input, and a verdict shown to people.

use super::read_stdin;
use crate::args::CallArgs;
use crate::exit::{Exit, Failure};
use crate::output::{self, Colour, colours, paint, tame};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// Columns of a command shown to a person.
const COMMAND_WIDTH: usize = 100;

/// The call as JSON text, by flags or from standard input.
pub(super) fn text(args: &CallArgs) -> Result<String, Failure> {
    let Some(tool) = &args.tool else { return Ok(in_session(read_stdin()?, own_session())) };
    let input = match (&args.command, &args.input) {
        (Some(command), _) => json!({"command": command}),
        (None, Some(input)) => serde_json::from_str(input).map_err(|error| {
            Failure::Failed(format!("--input is not JSON: {error}; it is an object such as {{\"file_path\":\"/a\"}}"))
        })?,
        (None, None) => {
            return Err(Failure::Usage(format!("what shall `{tool}` do? say --command LINE or --input JSON")));
        }
    };
    let cwd = match &args.cwd {
        Some(cwd) => absolute(cwd)?,
        None => std::env::current_dir().map_err(|error| Failure::at("the working directory", error))?,
    };
    let roots = args.roots.iter().map(|root| absolute(root)).collect::<Result<Vec<_>, _>>()?;
    let mut call = Map::new();
    call.insert("tool_name".to_owned(), json!(tool));
    call.insert("tool_input".to_owned(), input);
    call.insert("cwd".to_owned(), json!(cwd));
    call.insert("roots".to_owned(), json!(roots));
    call.insert("session_id".to_owned(), json!(args.session.clone().or_else(own_session)));
    call.insert("can_ask".to_owned(), json!(args.can_ask));
    Ok(Value::Object(call).to_string())
}

/// The runner's session that this runs in, if it does: what runs there asks in it.
fn own_session() -> Option<String> {
    std::env::var(tollgate_runner::SESSION_VARIABLE).ok().filter(|session| !session.is_empty())
}

/// The call `text` in the session `own` where it names none; what is no call is left to who reads it.
fn in_session(text: String, own: Option<String>) -> String {
    let Some(own) = own else { return text };
    match serde_json::from_str(&text) {
        Ok(Value::Object(mut call)) if call.get("session_id").is_none_or(Value::is_null) => {
            call.insert("session_id".to_owned(), json!(own));
            Value::Object(call).to_string()
        }
        _ => text,
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| Failure::at(path.display(), error))
}

/// Shows a verdict and says how to exit.
pub(super) fn show(verdict: &Value, as_json: bool) -> Result<Exit, Failure> {
    let text = |name: &str| verdict.get(name).and_then(Value::as_str).unwrap_or("");
    let exit = match text("decision") {
        "allow" | "abstain" => Exit::Done,
        "ask" => Exit::Ask,
        _ => Exit::Denied,
    };
    if as_json {
        output::line(verdict)?;
        return Ok(exit);
    }
    let on = colours();
    let colour = match exit {
        Exit::Done => Colour::Good,
        Exit::Ask => Colour::Warn,
        _ => Colour::Bad,
    };
    let mut by = Vec::new();
    for name in ["cause", "decided_by"] {
        if !text(name).is_empty() {
            by.push(text(name));
        }
    }
    let by = if by.is_empty() { String::new() } else { paint(on, Colour::Faint, format!("  ({})", by.join(", "))) };
    output::line(format_args!("{}{by}", paint(on, colour, text("decision"))))?;
    if !text("reason").is_empty() {
        output::line(format_args!("  {}", tame(text("reason"), 1_000)))?;
    }
    if let Some(input) = verdict.get("rewritten_input").filter(|input| !input.is_null()) {
        output::line(format_args!("  to be run with: {}", tame(&input.to_string(), 1_000)))?;
    }
    for command in verdict.get("commands").and_then(Value::as_array).into_iter().flatten() {
        output::line(paint(on, Colour::Faint, format!("  runs: {}", tame(&rendered(command), COMMAND_WIDTH))))?;
    }
    if verdict.get("understood") == Some(&Value::Bool(false)) {
        output::line(paint(on, Colour::Warn, "  not understood whole"))?;
    }
    Ok(exit)
}

/// A parsed command on one line, its wrappers first.
pub(super) fn rendered(command: &Value) -> String {
    let word = |word: &Value| word.get("text").and_then(Value::as_str).unwrap_or("").to_owned();
    let list = |name: &str| command.get(name).and_then(Value::as_array).into_iter().flatten();
    let wrappers = list("wrappers").filter_map(Value::as_str).map(|wrapper| format!("{wrapper} → "));
    let program = command.get("program").map(word).into_iter();
    let args = list("args").map(|arg| format!(" {}", word(arg)));
    wrappers.chain(program).chain(args).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_names_no_session_is_in_its_runners() {
        let own = || Some("own".to_owned());
        for (text, own, expected) in [
            ("{\"tool_name\":\"x\"}", own(), "{\"tool_name\":\"x\",\"session_id\":\"own\"}"),
            ("{\"session_id\":null}", own(), "{\"session_id\":\"own\"}"),
            ("{\"session_id\":\"s\"}", own(), "{\"session_id\":\"s\"}"),
            ("{ }", None, "{ }"),
            ("[ ]", own(), "[ ]"),
            ("{", own(), "{"),
        ] {
            assert_eq!(in_session(text.to_owned(), own), expected);
        }
    }
}
