//! `tollgate approvals`, `grants`, `pause` and `resume`: a person's side of the gate.

use super::{encode, parse, rows, tail};
use crate::args::{ApprovalsArgs, ApprovalsCommand, GrantsCommand, TailArgs};
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::output::{self, Colour, colours, paint};
use serde_json::{Value, json};
use std::time::Duration;
use tollgate_core::events::Pattern;
use tollgate_core::home::Home;

/// Shows what waits, or answers it.
///
/// # Errors
/// When no daemon answers, there is no such question, the answer does not fit it, or the approver token is not its.
pub fn run(home: &Home, args: ApprovalsArgs) -> Result<Exit, Failure> {
    match args.command {
        None => list(home, false, args.json),
        Some(ApprovalsCommand::List { all, json }) => list(home, all, json || args.json),
        Some(ApprovalsCommand::Watch) => watch(home, args.json),
        Some(ApprovalsCommand::Show { id }) => {
            let found = parse(&Client::of(home).get(&format!("/api/interactions/{}", encode(&id)))?)?;
            output::line(serde_json::to_string_pretty(&found).map_err(|error| Failure::at("the answer", error))?)?;
            Ok(Exit::Done)
        }
        Some(ApprovalsCommand::Approve { id, all }) => {
            answer(home, &id, &json!({"decision": if all { "approve_all" } else { "approve" }}))
        }
        Some(ApprovalsCommand::Reject { id, reason }) => {
            let said = Some(reason).filter(|reason| !reason.is_empty());
            answer(home, &id, &json!({"decision": "reject", "answer": said}))
        }
        Some(ApprovalsCommand::Answer { id, text }) => answer(home, &id, &json!({ "answer": text })),
    }
}

fn list(home: &Home, all: bool, json: bool) -> Result<Exit, Failure> {
    let text = Client::of(home).get(if all { "/api/interactions" } else { "/api/interactions?state=pending" })?;
    if json {
        output::line(text)?;
        return Ok(Exit::Done);
    }
    let keys = ["id", "kind", "state", "session", "expires_at", "text"];
    let rows = rows(&parse(&text)?, "interactions", &keys);
    if rows.is_empty() {
        output::line("nothing waits for an answer")?;
    } else {
        output::write(&output::table(&["ID", "KIND", "STATE", "SESSION", "UNTIL", "QUESTION"], &rows))?;
    }
    Ok(Exit::Done)
}

fn watch(home: &Home, json: bool) -> Result<Exit, Failure> {
    list(home, false, json)?;
    let pattern = Pattern::parse("interaction.*").map_err(|error| Failure::Failed(error.to_string()))?;
    let args = TailArgs {
        patterns: vec![pattern],
        types: Vec::new(),
        session: None,
        since: None,
        lines: Some(0),
        no_follow: false,
        json,
    };
    tail::run(home, &args)
}

fn answer(home: &Home, id: &str, answer: &Value) -> Result<Exit, Failure> {
    let path = format!("/api/interactions/{}", encode(id));
    let resolution = parse(&Client::approver_of(home).post(&path, answer.to_string().as_bytes())?)?;
    let text = |key: &str| {
        let value = resolution.get("interaction").and_then(|ended| ended.get(key));
        value.and_then(Value::as_str).unwrap_or("-").to_owned()
    };
    if resolution.get("first").and_then(Value::as_bool).unwrap_or_default() {
        output::line(format_args!("{id}: {} {}", text("state"), text("decision")))?;
        return Ok(Exit::Done);
    }
    // Told, not hidden: whoever answered first decided.
    let words = format!("it was {} before, by {}: {}", text("state"), text("resolved_by"), text("decision"));
    output::line(format_args!("{id}: {}", paint(colours(), Colour::Warn, words)))?;
    Ok(Exit::Failed)
}

/// Shows or takes back session grants.
///
/// # Errors
/// As [`run`].
pub fn grants(home: &Home, command: &GrantsCommand) -> Result<Exit, Failure> {
    match command {
        GrantsCommand::List { session, json } => {
            let query = session.as_ref().map_or_else(String::new, |session| format!("?session={}", encode(session)));
            let text = Client::of(home).get(&format!("/api/grants{query}"))?;
            if *json {
                output::line(text)?;
                return Ok(Exit::Done);
            }
            let rows = rows(&parse(&text)?, "grants", &["session", "key", "given_by", "given_at"]);
            if rows.is_empty() {
                output::line("no grants; `approvals approve ID --all` gives one")?;
            } else {
                output::write(&output::table(&["SESSION", "KEY", "GIVEN BY", "AT"], &rows))?;
            }
            Ok(Exit::Done)
        }
        GrantsCommand::Revoke { session, key } => {
            let body = json!({"session": session, "key": key}).to_string();
            let answer = parse(&Client::approver_of(home).post("/api/grants/revoke", body.as_bytes())?)?;
            if answer.get("revoked").and_then(Value::as_bool).unwrap_or_default() {
                output::line(format_args!("{session}: `{key}` is asked about again"))?;
                return Ok(Exit::Done);
            }
            Err(Failure::Failed(format!("session {session} has no grant `{key}`; `tollgate grants list` shows them")))
        }
    }
}

/// Lifts the protection of Tollgate's own files.
///
/// # Errors
/// As [`run`], and where `duration` is too long.
pub fn pause(home: &Home, duration: Duration) -> Result<Exit, Failure> {
    let body = json!({"duration_ms": u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)}).to_string();
    let answer = parse(&Client::approver_of(home).post("/api/pause", body.as_bytes())?)?;
    let until = answer.get("paused_until").and_then(Value::as_str).unwrap_or("-").to_owned();
    output::line(format_args!("calls may change Tollgate's own files until {until}; `tollgate resume` ends it"))?;
    Ok(Exit::Done)
}

/// Puts it in force again.
///
/// # Errors
/// As [`run`].
pub fn resume(home: &Home) -> Result<Exit, Failure> {
    let answer = parse(&Client::approver_of(home).post("/api/resume", b"")?)?;
    let was = answer.get("was_paused").and_then(Value::as_bool).unwrap_or_default();
    output::line(if was { "protection is in force again" } else { "protection was in force" })?;
    Ok(Exit::Done)
}
