//! `tollgate token`: tokens for programs that speak HTTP, made and taken back by the daemon.

use super::{encode, parse, rows};
use crate::args::{TokenAddArgs, TokenCommand};
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::output;
use serde_json::{Value, json};
use std::io::Write as _;
use tollgate_core::home::Home;

/// Makes, lists or revokes.
///
/// # Errors
/// When no daemon answers, what is asked for is no token, or the approver token is not its.
pub fn run(home: &Home, command: TokenCommand) -> Result<Exit, Failure> {
    match command {
        TokenCommand::Add(args) => add(home, args),
        TokenCommand::List { json } => list(home, json),
        TokenCommand::Revoke { name, json } => {
            let answer = Client::approver_of(home).post(&format!("/api/tokens/{}/revoke", encode(&name)), b"")?;
            if json {
                output::line(answer)?
            } else {
                output::line(format_args!("{name}: revoked"))?
            }
            Ok(Exit::Done)
        }
    }
}

fn add(home: &Home, args: TokenAddArgs) -> Result<Exit, Failure> {
    let TokenAddArgs { name, scopes, sources, per_second, connections, json } = args;
    let wish = json!({"name": name, "scopes": scopes, "sources": sources, "per_second": per_second, "connections": connections});
    let answer = Client::approver_of(home).post("/api/tokens", wish.to_string().as_bytes())?;
    if json {
        output::line(answer)?;
        return Ok(Exit::Done);
    }
    let answer = parse(&answer)?;
    let token = answer.get("token").and_then(Value::as_str);
    output::line(token.ok_or_else(|| Failure::at("the daemon's answer", "has no token; is it another version?"))?)?;
    // Beside it, so that a script takes the token alone.
    let _ = writeln!(
        std::io::stderr(),
        "tollgate: keep it now, it is not shown again; `tollgate token revoke {name}` ends it"
    );
    Ok(Exit::Done)
}

fn list(home: &Home, json: bool) -> Result<Exit, Failure> {
    let text = Client::approver_of(home).get("/api/tokens")?;
    if json {
        output::line(text)?;
        return Ok(Exit::Done);
    }
    let rows = rows(&parse(&text)?, "tokens", &["name", "scopes", "sources", "per_second", "connections", "created"]);
    if rows.is_empty() {
        output::line("no tokens besides the home's own; `tollgate token add` makes one")?;
    } else {
        output::write(&output::table(&["NAME", "SCOPES", "SOURCES", "A SECOND", "LIVE", "MADE"], &rows))?;
    }
    Ok(Exit::Done)
}
