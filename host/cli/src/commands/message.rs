//! `tollgate message`: a user's words to an agent, or a command for the plugins.

use super::parse;
use crate::args::MessageArgs;
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::output;
use serde_json::{Value, json};
use tollgate_core::home::Home;

/// Says it.
///
/// # Errors
/// When no daemon answers, or it does not take the message.
pub fn run(home: &Home, args: &MessageArgs) -> Result<Exit, Failure> {
    let cwd = match &args.cwd {
        Some(folder) => std::path::absolute(folder).map_err(|error| Failure::at(folder.display(), error))?,
        None => std::env::current_dir().map_err(|error| Failure::at("the working folder", error))?,
    };
    let chat = args.chat.clone().unwrap_or_else(|| format!("cli:{}", cwd.display()));
    let said = json!({"chat_id": chat, "text": args.text, "session_id": args.session, "cwd": cwd});
    let text = Client::of(home).post("/api/messages", said.to_string().as_bytes())?;
    if args.json {
        output::line(text)?;
        return Ok(Exit::Done);
    }
    let answer = parse(&text)?;
    let of = |key: &str| match answer.get(key) {
        Some(Value::String(text)) => text.clone(),
        other => other.map(ToString::to_string).unwrap_or_default(),
    };
    output::line(match of("outcome").as_str() {
        "command" => format!("{chat}: {}; `tollgate tail` shows what comes of it", of("event")),
        "queued" => match of("before").as_str() {
            "0" => format!("{chat}: queued, to be run next"),
            "1" => format!("{chat}: queued behind another"),
            before => format!("{chat}: queued behind {before} others"),
        },
        _ => format!("{chat}: handed to the engine"),
    })?;
    Ok(Exit::Done)
}
