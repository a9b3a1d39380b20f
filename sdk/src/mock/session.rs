//! Effects on the session into the mock.

use crate::session::EffectError;

/// One effect on the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// A prompt for the agent.
    Prompt(String),
    /// A mode for the agent.
    SetMode(String),
    /// A grant for the session.
    Grant(String),
}

fn effect(effect: Effect) -> Result<(), EffectError> {
    super::with(|host| match host.effect_error {
        Some(error) => Err(error),
        None => {
            host.effects.push(effect);
            Ok(())
        }
    })
}

pub(crate) fn prompt(text: &str) -> Result<(), EffectError> {
    effect(Effect::Prompt(text.to_owned()))
}

pub(crate) fn set_mode(mode: &str) -> Result<(), EffectError> {
    effect(Effect::SetMode(mode.to_owned()))
}

pub(crate) fn grant(key: &str) -> Result<(), EffectError> {
    effect(Effect::Grant(key.to_owned()))
}
