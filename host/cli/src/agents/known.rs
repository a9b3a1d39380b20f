//! The agents whose settings can hold Tollgate's hooks: one description each. What differs between them is here, and
//! only here.

use tollgate_core::hooks::AgentHook;

/// Seconds that an agent waits for a hook that asks nothing, and for one whose agent asks its own user.
const SHORT: u64 = 15;
/// Seconds that an agent waits for a hook where a person may have to answer first.
const FOR_A_PERSON: u64 = 600;

/// An agent, as far as its settings go.
#[derive(Debug)]
pub struct Agent {
    /// The adapter that its hooks run.
    pub hook: AgentHook,
    /// The folder of its settings, below a project's root and below the user's home.
    pub folder: &'static str,
    /// The file in it.
    pub file: &'static str,
    /// The variable that names the user's folder where it is elsewhere.
    pub variable: Option<&'static str>,
    /// How an event's hooks are written.
    pub shape: Shape,
    /// Every event that is hooked.
    pub events: &'static [Event],
    /// Seconds that it waits for a hook that gates.
    pub patience: u64,
    /// What one second is in its unit of time.
    pub per_second: u64,
    /// Settings that keep every hook silent: where, and the value that does.
    pub switches: &'static [(&'static str, bool)],
    /// What its user has to know beside, in one sentence.
    pub note: Option<&'static str>,
}

/// How an event's hooks are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// In groups with a matcher; the program and its words apart, no shell in between.
    Words,
    /// In groups with a matcher; one line for a shell.
    Line,
    /// One after another, each one line for a shell, in a file that names its version.
    Flat,
}

/// An event that is hooked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// The agent's name of it.
    pub name: &'static str,
    /// Whether the agent waits for a verdict: a hook that fails there must block.
    pub gates: bool,
    /// Whether it is about a tool, and takes a matcher.
    pub of_tools: bool,
    /// The most seconds that the agent waits for it, where it takes no more and says so at every start.
    pub at_most: Option<u64>,
}

const fn gates(name: &'static str) -> Event {
    Event { name, gates: true, of_tools: true, at_most: None }
}

const fn of_tools(name: &'static str) -> Event {
    Event { name, gates: false, of_tools: true, at_most: None }
}

const fn tells(name: &'static str) -> Event {
    Event { name, gates: false, of_tools: false, at_most: None }
}

/// All of them, in the order that messages list them.
pub static AGENTS: [Agent; 4] = [
    Agent {
        hook: AgentHook::ClaudeCode,
        folder: ".claude",
        file: "settings.json",
        variable: Some("CLAUDE_CONFIG_DIR"),
        shape: Shape::Words,
        events: &[
            gates("PreToolUse"),
            gates("PermissionRequest"),
            of_tools("PostToolUse"),
            of_tools("PostToolUseFailure"),
            tells("UserPromptSubmit"),
            tells("SessionStart"),
            tells("SessionEnd"),
            tells("Stop"),
            tells("SubagentStart"),
            tells("SubagentStop"),
            tells("Notification"),
            tells("PreCompact"),
        ],
        patience: SHORT,
        per_second: 1,
        switches: &[("/disableAllHooks", true)],
        note: Some(
            "Claude Code reads its settings again while it works: git stash and git switch may take a project's hooks \
             away, those of the user (--user) stay; and it asks none about what a skill runs for its own text, unless \
             disableSkillShellExecution is true in its settings",
        ),
    },
    Agent {
        hook: AgentHook::Codex,
        folder: ".codex",
        file: "hooks.json",
        variable: Some("CODEX_HOME"),
        shape: Shape::Line,
        // Those that it was seen to send: its gate is PreToolUse alone.
        events: &[
            gates("PreToolUse"),
            of_tools("PostToolUse"),
            tells("UserPromptSubmit"),
            tells("SessionStart"),
            Event { at_most: Some(3), ..tells("SessionEnd") },
            tells("Stop"),
        ],
        patience: FOR_A_PERSON,
        per_second: 1,
        switches: &[],
        note: Some(
            "Codex skips hooks that its user has not trusted, in silence: see that it lists them as trusted; and it asks \
             none about what is typed into a running program, unless features.unified_exec_tty = false in its config.toml",
        ),
    },
    Agent {
        hook: AgentHook::Gemini,
        folder: ".gemini",
        file: "settings.json",
        variable: None,
        shape: Shape::Line,
        events: &[
            gates("BeforeTool"),
            of_tools("AfterTool"),
            tells("BeforeAgent"),
            tells("AfterAgent"),
            tells("SessionStart"),
            tells("SessionEnd"),
        ],
        patience: FOR_A_PERSON,
        per_second: 1_000,
        switches: &[("/hooksConfig/enabled", false), ("/tools/enableHooks", false)],
        note: None,
    },
    Agent {
        hook: AgentHook::Cursor,
        folder: ".cursor",
        file: "hooks.json",
        variable: None,
        shape: Shape::Flat,
        events: &[
            gates("preToolUse"),
            gates("beforeShellExecution"),
            gates("beforeMCPExecution"),
            gates("beforeReadFile"),
            of_tools("postToolUse"),
            of_tools("postToolUseFailure"),
            tells("beforeSubmitPrompt"),
            tells("afterAgentResponse"),
            tells("sessionStart"),
            tells("sessionEnd"),
            tells("stop"),
        ],
        patience: 30,
        per_second: 1,
        switches: &[],
        note: None,
    },
];

impl Agent {
    /// Its name on the command line.
    pub fn name(&self) -> &'static str {
        self.hook.as_str()
    }

    /// What it waits for a hook of `event`, in its own unit, where the hook's own deadline is `deadline_ms`: longer
    /// than that, so that the hook itself says what follows. One that asks nothing is answered at once or not missed.
    pub fn timeout(&self, event: &Event, deadline_ms: u64) -> u64 {
        let seconds = if event.gates { self.patience.max(deadline_ms.div_ceil(1_000) + 1) } else { SHORT };
        event.at_most.map_or(seconds, |most| seconds.min(most)) * self.per_second
    }

    /// The events that a canary call goes through: the first that gates.
    pub fn gate(&self) -> Option<&'static Event> {
        self.events.iter().find(|event| event.gates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_hook_says_itself_that_its_time_is_over_before_the_agent_gives_up() {
        for agent in &AGENTS {
            let config = Config::default();
            let deadline = config.hook(agent.hook).timeout_ms;
            for event in agent.events.iter().filter(|event| event.gates) {
                let given_ms = |deadline| agent.timeout(event, deadline) * 1_000 / agent.per_second;
                assert_eq!(given_ms(deadline), agent.patience * 1_000, "{} {}", agent.name(), event.name);
                assert!(given_ms(deadline) >= deadline + 1_000, "{} {}", agent.name(), event.name);
                assert!(given_ms(3_600_000) > 3_600_000, "{}: a longer deadline is given more", agent.name());
            }
        }
    }

    #[test]
    fn an_agent_is_not_given_more_than_it_takes_and_a_gate_never_less_than_it_needs() {
        for agent in &AGENTS {
            for event in agent.events {
                let (given, most) = (agent.timeout(event, 0) / agent.per_second, event.at_most);
                assert!(most.is_none_or(|most| given == most), "{} {}: {given} s", agent.name(), event.name);
                assert!(!event.gates || most.is_none(), "{} {}", agent.name(), event.name);
            }
        }
    }

    #[test]
    fn every_adapter_but_the_generic_one_is_described_once() {
        let described: Vec<AgentHook> = AGENTS.iter().map(|agent| agent.hook).collect();
        let adapters: Vec<AgentHook> =
            AgentHook::ALL.into_iter().filter(|agent| *agent != AgentHook::Generic).collect();
        assert_eq!(described, adapters);
        for agent in &AGENTS {
            assert!(agent.gate().is_some(), "{}", agent.name());
        }
    }
}
