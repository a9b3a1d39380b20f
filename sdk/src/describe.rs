//! Building a description step by step. The record itself is `wit/lifecycle.wit`'s.

use crate::{Capability, Description, ProcessPattern};

impl Description {
    /// A plugin that asks for nothing. `name` must equal the file's stem: `[a-z0-9-]`, 1 to 64 bytes.
    #[must_use]
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            summary: String::new(),
            subscriptions: Vec::new(),
            gates: Vec::new(),
            needs: Vec::new(),
            wants: Vec::new(),
            config_schema: None,
        }
    }

    /// One line for an operator.
    #[must_use]
    pub fn summary(mut self, text: impl Into<String>) -> Self {
        self.summary = text.into();
        self
    }

    /// Handles the events that any of these patterns matches.
    #[must_use]
    pub fn subscribe<S: Into<String>>(mut self, patterns: impl IntoIterator<Item = S>) -> Self {
        self.subscriptions.extend(patterns.into_iter().map(Into::into));
        self
    }

    /// Decides the calls of these tools, by canonical name; `*` for all.
    #[must_use]
    pub fn gate<S: Into<String>>(mut self, tools: impl IntoIterator<Item = S>) -> Self {
        self.gates.extend(tools.into_iter().map(Into::into));
        self
    }

    /// Cannot do without this: the plugin waits until it is granted.
    #[must_use]
    pub fn need(mut self, capability: Capability) -> Self {
        self.needs.push(capability);
        self
    }

    /// Can do without this: its use answers `denied` until it is granted.
    #[must_use]
    pub fn want(mut self, capability: Capability) -> Self {
        self.wants.push(capability);
        self
    }

    /// JSON Schema that the configuration must fit before `init` sees it.
    #[must_use]
    pub fn config_schema(mut self, schema: impl Into<String>) -> Self {
        self.config_schema = Some(schema.into());
        self
    }
}

impl Capability {
    /// To emit events whose type matches `pattern`.
    #[must_use]
    pub fn emit(pattern: impl Into<String>) -> Self {
        Self::Emit(pattern.into())
    }

    /// To run `program` with arguments that fit these globs; a last `**` is the rest.
    #[must_use]
    pub fn process<S: Into<String>>(program: impl Into<String>, args: impl IntoIterator<Item = S>) -> Self {
        Self::Process(ProcessPattern { program: program.into(), args: args.into_iter().map(Into::into).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_adds_to_the_description() {
        let made = Description::new("x", "1.0.0")
            .summary("s")
            .subscribe(["a.*", "b.c"])
            .gate(["Bash"])
            .need(Capability::emit("x.*"))
            .want(Capability::process("cargo", ["test", "**"]))
            .config_schema("{}");
        assert_eq!(made.subscriptions, ["a.*", "b.c"]);
        assert_eq!(made.gates, ["Bash"]);
        assert_eq!(made.needs, [Capability::Emit("x.*".into())]);
        assert_eq!(made.wants.len(), 1);
        assert_eq!(made.config_schema.as_deref(), Some("{}"));
    }
}
