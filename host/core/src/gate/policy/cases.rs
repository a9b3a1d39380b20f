//! Tests of a policy as a whole: a list of calls, each with what the rules have to say of it.
//!
//! A file of its own, beside the policy files. Knows nothing of protection, sandbox and guards: it is the rules
//! that are tested.

use super::At;
use super::evaluate::Action;
use super::examples::{EXAMPLE_ROOT, ExampleCall};
use super::fields::{Fields, Problems, shown};
use super::file::{DEFAULTS, version};
use super::yaml::{self, Kind, Node};
use super::{DefaultAction, Policy, PolicyError, PolicySource};

const FILE_KEYS: [&str; 4] = ["version", "description", "policies", "cases"];
const CASE_KEYS: [&str; 7] = ["tool", "command", "path", "cwd", "roots", "expect", "rule"];

/// The test cases of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cases {
    policies: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Case {
    at: At,
    call: ExampleCall,
    cwd: String,
    roots: Vec<String>,
    expect: Action,
    rule: Option<String>,
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseResult {
    /// Line of the case, from 1.
    pub line: usize,
    /// Column of the case, from 1.
    pub column: usize,
    /// The call, for a sentence.
    pub call: String,
    /// What the rules had to say.
    pub expected: Action,
    /// Who had to decide, where the case says so.
    pub expected_rule: Option<String>,
    /// What the rules say.
    pub action: Action,
    /// Who decides: `policy/rule`, `policy/default` or `shell`.
    pub decided_by: String,
}

impl CaseResult {
    /// Whether it came as expected.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.action == self.expected && self.expected_rule.as_ref().is_none_or(|rule| *rule == self.decided_by)
    }
}

impl Cases {
    /// Whether a file is one of test cases: it has the key.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        matches!(yaml::parse(text), Ok(Node { kind: Kind::Table(entries), .. })
            if entries.iter().any(|(key, _)| key.name == "cases"))
    }

    /// Reads a file of test cases.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn read(source: PolicySource<'_>) -> Result<Self, Vec<PolicyError>> {
        let mut problems = Problems::of(source.name);
        let cases = match yaml::parse(source.text) {
            Ok(root) => read_root(&root, &mut problems),
            Err((at, message)) => {
                problems.at(at, message);
                None
            }
        };
        match cases {
            Some(cases) if problems.len() == 0 => Ok(cases),
            _ => Err(problems.into_sorted()),
        }
    }

    /// The policies that the file is about, in order: presets by name, files by a path from the file's own folder.
    #[must_use]
    pub fn policies(&self) -> &[String] {
        &self.policies
    }

    /// What `policy` says of each case.
    #[must_use]
    pub fn run(&self, policy: &Policy) -> Vec<CaseResult> {
        let run = |case: &Case| {
            let verdict = policy.judge(&case.call, &case.cwd, &case.roots);
            CaseResult {
                line: case.at.line,
                column: case.at.column,
                call: case.call.shown(),
                expected: case.expect,
                expected_rule: case.rule.clone(),
                action: verdict.action,
                decided_by: verdict.decided_by,
            }
        };
        self.cases.iter().map(run).collect()
    }
}

fn read_root(root: &Node, problems: &mut Problems<'_>) -> Option<Cases> {
    let fields = Fields::of(root, "a file of test cases", &FILE_KEYS, problems)?;
    version(&fields, problems);
    fields.text("description", problems);
    let policies = fields.texts("policies", problems).into_iter().map(|(_, name)| name.to_owned()).collect();
    let cases = fields.items("cases", problems).iter();
    let cases = cases.filter_map(|node| read_case(node, problems)).collect();
    Some(Cases { policies, cases })
}

fn read_case(node: &Node, problems: &mut Problems<'_>) -> Option<Case> {
    let fields = Fields::of(node, "a case", &CASE_KEYS, problems)?;
    let call = ExampleCall::read(&fields, problems);
    if fields.get("expect").is_none() {
        problems.at(node.at, "a case needs an `expect`: allow, deny, require_approval or abstain");
    }
    let expect = fields.choice("expect", &DEFAULTS, problems).map(|expect| match expect {
        DefaultAction::Allow => Action::Allow,
        DefaultAction::Deny => Action::Deny,
        DefaultAction::RequireApproval => Action::Ask,
        DefaultAction::Abstain => Action::Abstain,
    });
    let roots = absolute("roots", &fields, problems);
    let cwd = absolute("cwd", &fields, problems).pop();
    let roots = match (roots.is_empty(), &cwd) {
        (false, _) => roots,
        (true, Some(cwd)) => vec![cwd.clone()],
        (true, None) => vec![EXAMPLE_ROOT.to_owned()],
    };
    let cwd = cwd.or_else(|| roots.first().cloned()).unwrap_or_default();
    let rule = fields.text("rule", problems).map(str::to_owned);
    Some(Case { at: node.at, call: call?, cwd, roots, expect: expect?, rule })
}

fn absolute(key: &str, fields: &Fields<'_>, problems: &mut Problems<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (at, path) in fields.texts(key, problems) {
        if path.starts_with('/') {
            found.push(path.to_owned());
        } else {
            problems.at(at, format!("`{key}`: `{}` is not absolute", shown(path)));
        }
    }
    found
}
