//! The plugins' way to people: the runtime's questions as the core's interactions.

use futures_util::future::BoxFuture;
use tollgate_core::interactions::{Ask, AskError, Interactions, Kind};
use tollgate_runtime::{AskRefusal, Asker, PluginQuestion};

/// Asks through the host's interactions.
pub struct PluginAsker(pub Interactions);

impl Asker for PluginAsker {
    fn ask(&self, question: PluginQuestion) -> BoxFuture<'_, Result<String, AskRefusal>> {
        Box::pin(async move {
            let asked = self.0.ask(ask(question)?).await.map_err(refusal)?;
            Ok(asked.id.to_string())
        })
    }
}

fn ask(question: PluginQuestion) -> Result<Ask, AskRefusal> {
    let invalid = |reason: String| AskRefusal::Invalid(reason);
    let kind = Kind::parse(&question.kind).filter(|kind| *kind != Kind::Approval);
    let kind = kind.ok_or_else(|| invalid(format!("`{}` is no kind that a plugin may ask", question.kind)))?;
    let details = match question.details.trim() {
        "" => None,
        text => Some(serde_json::from_str(text).map_err(|error| invalid(format!("details: {error}")))?),
    };
    let mut ask = Ask::new(kind, question.text, format!("plugin:{}", question.plugin));
    ask.id = Some(question.id);
    ask.session = Some(question.session);
    ask.chat_id = Some(question.chat_id);
    ask.options = question.options;
    ask.details = details;
    ask.ttl = question.ttl;
    ask.cause = question.cause;
    Ok(ask)
}

fn refusal(error: AskError) -> AskRefusal {
    match error {
        AskError::TooMany(_) => AskRefusal::OverBudget,
        AskError::Invalid { .. } | AskError::NoChat | AskError::Emit(_) => AskRefusal::Invalid(error.to_string()),
    }
}
