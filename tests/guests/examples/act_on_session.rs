//! Has the effects on the session that a `demo.*` event lists, emits what each answered, and fails where the event
//! says so: then none of them must be seen.

use serde::Deserialize;
use tollgate_sdk::session::EffectError;
use tollgate_sdk::{Capability, Description, Event, Failure, Plugin, bus, export_observer, session};

#[derive(Default)]
struct ActOnSession;

#[derive(Deserialize)]
struct Order {
    effects: Vec<(String, String)>,
    #[serde(default)]
    fail: bool,
}

impl Plugin for ActOnSession {
    fn describe() -> Description {
        Description::new("act-on-session", "0.1.0")
            .subscribe(["demo.*"])
            .need(Capability::emit("test_guest.*"))
            .want(Capability::emit("session.*"))
            .want(Capability::SessionEffects)
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        let Order { effects, fail } = event.payload()?;
        let answers: Vec<String> = effects.iter().map(|(effect, value)| act(effect, value)).collect();
        bus::emit("test_guest.acted", &serde_json::json!({"answers": answers}))?;
        if fail { Err(Failure::Failed("as it was told".to_owned())) } else { Ok(()) }
    }
}

fn act(effect: &str, value: &str) -> String {
    let acted = match effect {
        "prompt" => session::prompt(value),
        // As large as it says.
        "fill" => session::prompt(&"x".repeat(value.parse().unwrap_or_default())),
        "mode" => session::set_mode(value),
        "grant" => session::grant(value),
        _ => {
            let draft = serde_json::json!({"chat_id": "c", "text": value, "mode": value, "key": value});
            return format!("{:?}", bus::emit(effect, &draft));
        }
    };
    match acted {
        Ok(()) => "ok".to_owned(),
        Err(EffectError::Denied) => "denied".to_owned(),
        Err(EffectError::NoSession) => "no session".to_owned(),
        Err(EffectError::OverBudget) => "over budget".to_owned(),
    }
}

export_observer!(ActOnSession);
