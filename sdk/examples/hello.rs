//! The smallest plugin with a test. `cargo build --example hello --target wasm32-wasip2` makes the component,
//! `cargo test --example hello` tests it natively.

use tollgate_sdk::{Description, Event, Failure, Plugin, export_observer, log, payload::Message};

#[derive(Default)]
struct Hello;

impl Plugin for Hello {
    fn describe() -> Description {
        Description::new("hello", "0.1.0").subscribe(["message.in"])
    }

    fn handle(&mut self, event: &Event) -> Result<(), Failure> {
        let message: Message = event.payload()?;
        log::info(&format!("{} said {}", message.user_id, message.text));
        Ok(())
    }
}

export_observer!(Hello);

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use tollgate_sdk::{Level, mock};

    #[test]
    fn it_says_who_said_what() {
        let event = mock::event("message.in", r#"{"user_id":"ann","chat_id":"c","text":"hi"}"#);
        Hello.handle(&event).unwrap();
        assert_eq!(mock::logs(), [(Level::Info, "ann said hi".to_owned())]);
    }
}
