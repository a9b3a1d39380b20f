//! How a bad file is refused: every problem, each with its place and its mend.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is the test's failure")]

use super::super::fields::MAX_PROBLEMS;
use super::super::file::MAX_REGEX_BYTES;
use super::super::flags::MAX_PHRASE;
use super::*;

/// All that is wrong with a text.
fn problems(text: &str) -> Vec<String> {
    Policy::check([PolicySource { name: "t", text }]).iter().map(ToString::to_string).collect()
}

/// The one thing that is wrong with a text.
fn refused(text: &str, expected: &str) {
    let problems = problems(text);
    assert!(problems.len() == 1 && problems.iter().all(|one| one.contains(expected)), "{text}\n{problems:#?}");
    let loaded = load(text).unwrap_err().to_string();
    assert!(loaded.contains(expected.trim_start_matches("t:")), "{loaded}");
}

/// A file of one rule, which begins in line 4.
fn rule(rest: &str) -> String {
    format!("version: 1\nname: p\nrules:\n  - name: r\n    tool: Bash\n{rest}")
}

#[test]
fn unknown_words_are_refused_with_the_nearest() {
    refused("version: 1\nname: p\nrule: []", "t:3:1: a policy file has no key `rule`; did you mean `rules`?");
    refused("version: 1\nname: p\nzzzzzz: []", "known are version, name, description, settings, rules");
    refused("version: 1\nname: p\nsettings:\n  default: deny", "t:4:3: `settings` has no key `default`");
    refused(
        "version: 1\nname: p\nsettings: {default_action: denied}",
        "t:3:28: `default_action` cannot be `denied`; did you mean `deny`?",
    );
    refused(&rule("    action: alow"), "t:6:13: `action` cannot be `alow`; did you mean `allow`?");
    refused(&rule("    action: abstain"), "t:6:13: `action` cannot be `abstain`");
    refused(&rule("    action: deny\n    reasn: x"), "t:7:5: a rule has no key `reasn`; did you mean `reason`?");
    refused(
        &rule("    action: deny\n    risk_level: hihg"),
        "t:7:17: `risk_level` cannot be `hihg`; did you mean `high`?",
    );
    refused(
        &rule("    action: deny\n    match: {flag_any: [-r]}"),
        "t:7:13: `match` has no key `flag_any`; did you mean `flags_any`?",
    );
    refused(
        &rule("    action: deny\n    examples: {matches: [x]}"),
        "t:7:16: `examples` has no key `matches`; did you mean `match`?",
    );
}

#[test]
fn what_is_missing_or_of_another_kind_is_refused() {
    refused(
        "",
        "t:1:1: a policy file must be a table (version, name, description, settings, rules), and this is nothing",
    );
    refused("- x", "t:1:1: a policy file must be a table");
    refused("name: p", "t:1:1: the file needs a `version`");
    refused("version: 2\nname: p", "t:1:10: `version` cannot be `2`");
    refused("version: 1", "t:1:1: a policy file needs a `name`");
    refused("version: 1\nname: ''", "t:2:7: `name` is empty");
    refused("version: 1\nname: a/b", "t:2:7: the name `a/b` holds a `/` or a blank");
    refused("version: 1\nname: p\nrules: {}", "t:3:8: `rules` must be a list");
    refused("version: 1\nname: p\nrules: [x]", "t:3:9: a rule must be a table");
    refused("version: 1\nname: p\nrules:\n- {tool: Bash, action: deny}", "t:4:3: a rule needs a `name`");
    refused("version: 1\nname: p\nrules:\n- {name: r, action: deny}", "t:4:10: rule `r`: say which `tool`");
    refused("version: 1\nname: p\nrules:\n- {name: r, tool: Bash}", "t:4:10: rule `r`: it needs an `action`");
    refused(&rule("    action: [deny]"), "t:6:13: `action` must be text here, and this is a list");
    refused(
        &rule("    action: deny\n    match: {args_glob: [~]}"),
        "t:7:25: `args_glob` holds nothing here; `~` alone means nothing in YAML, quote it: '~'",
    );
    for seconds in ["0", "86401", "-1", "x", "1.5"] {
        refused(
            &format!("version: 1\nname: p\nsettings: {{approval_timeout_seconds: {seconds}}}"),
            "t:3:38: `approval_timeout_seconds` must be a whole number from 1 to 86400",
        );
    }
    refused(
        &rule("    action: deny\n  - name: r\n    tool: Bash\n    action: deny"),
        "t:7:11: rule `p/r`: another rule of this file has this name",
    );
}

/// What would match everything, or nothing, without anyone meaning it.
#[test]
fn a_rule_that_cannot_mean_what_it_says_is_refused() {
    refused(&rule("    action: allow\n    command_patterns: []"), "t:7:23: `command_patterns` is an empty list");
    refused(&rule("    action: allow\n    match: {}"), "t:7:12: `match` is empty");
    refused(&rule("    action: allow\n    match: {program: []}"), "t:7:22: `program` is an empty list");
    refused("version: 1\nname: p\nrules:\n- {name: r, tools: [], action: deny}", "`tools` is an empty list");
    refused(
        &rule("    action: deny\n    match: {flags_any: [r]}"),
        "t:7:25: `r` is no flag: a flag begins with `-` and holds no blank; did you mean `-r`?",
    );
    refused(&rule("    action: deny\n    match: {flags_all: ['-r -f']}"), "is no flag");
    refused(&rule("    action: deny\n    match: {subcommand: ['-x push']}"), "is no subcommand");
    let words =
        |count: usize| rule(&format!("    action: deny\n    match: {{subcommand: ['{}']}}", "a ".repeat(count)));
    refused(&words(MAX_PHRASE + 1), "at most 16 words, this one has 17");
    assert!(load(&words(MAX_PHRASE)).is_ok());
    refused(&rule("    action: deny\n    match: {assigns: ['A=1']}"), "is no variable's name");
    refused("version: 1\nname: p\nrules:\n- {name: r, tool: 'a*b', action: deny}", "a `*` stands at a tool's end only");
    refused(
        "version: 1\nname: p\nrules:\n- {name: r, tool: Bsh, match: {program: rm}, action: deny}",
        "t:4:10: rule `r`: `match` and `command_patterns` look into shell commands, and no shell tool is among its tools; name `Bash`",
    );
}

#[test]
fn bad_patterns_are_refused_where_they_stand() {
    refused(&rule("    action: deny\n    command_patterns: [ok, '(']"), "t:7:28: bad regex `(`: ");
    refused(&rule("    action: deny\n    path_patterns: ['[z-a]']"), "t:7:21: bad regex");
    refused(&rule("    action: deny\n    match: {args_glob: ['[']}"), "t:7:25: bad glob `[`");
    refused(&rule("    action: deny\n    match: {redirects_to: ['{a']}"), "t:7:28: bad glob");
    refused(&rule("    action: deny\n    match: {program: 'a*[']}"), "t:7:");
}

#[test]
fn a_regex_is_bounded_in_what_it_compiles_to() {
    // Without a bound of ours the second compiles as well: the library's own is ten times as large.
    let text = |times: usize| rule(&format!("    action: deny\n    command_patterns: ['(?:\\w{{20}}){{{times}}}']"));
    assert_eq!(problems(&text(1)), [] as [String; 0]);
    refused(&text(8), &format!("t:7:24: the regex `(?:\\w{{20}}){{8}}` compiles to more than {MAX_REGEX_BYTES} bytes"));
}

#[test]
fn examples_are_held_against_their_rule() {
    let with =
        |examples: &str| rule(&format!("    match: {{program: rm}}\n    action: deny\n    examples:\n{examples}"));
    assert_eq!(
        problems(&with(
            "      match: [rm x, 'ls; rm y', {command: rm}]\n      not_match: [ls, {tool: Read, path: rm}]"
        )),
        [] as [String; 0]
    );
    refused(&with("      match: [rm x, ls y]"), "t:9:21: rule `r`: the example `ls y` under `match` does not match");
    refused(
        &with("      not_match:\n        - ls\n        - sudo rm x"),
        "t:11:11: rule `r`: the example `sudo rm x` under `not_match` matches",
    );
    refused(&with("      match: [{tool: Read, path: rm}]"), "the example `rm` under `match` does not match");
    refused(&with("      match: [{tool: Read, command: rm}]"), "`Read` is no shell tool, so it has no `command`");
    refused(&with("      match: [{path: rm}]"), "say which `tool` is called");
    refused(&with("      match: [{tool: Bash}]"), "a shell tool needs a `command`");
    refused(&with("      match: [{command: rm, expect: x}]"), "an example has no key `expect`");
    let file = "version: 1\nname: p\nrules:\n- {name: r, tools: [Write, Edit], path_patterns: ['^src/'], action: allow, examples: {match: [src/x], not_match: [src/../x, docs/x, {tool: Read, path: src/x}]}}";
    assert_eq!(problems(file), [] as [String; 0]);
}

#[test]
fn all_problems_are_said_at_once_in_order() {
    let text = "version: 1\nname: p\nsettings: {default_action: x}\nrules:\n\
        - {name: a, tool: Bash, action: alow}\n\
        - {name: b, tool: Bash, action: deny, command_patterns: ['('], match: {program: x}, examples: {match: [y]}}\n\
        - {name: c, tool: Bash, action: deny, match: {program: x}, examples: {match: [y, x, z]}}\n";
    let places: Vec<String> = problems(text).iter().map(|one| one.split(": ").next().unwrap().to_owned()).collect();
    // `b` is wrong by itself, so that its example says nothing of it.
    assert_eq!(places, ["t:3:28", "t:5:33", "t:6:58", "t:7:79", "t:7:85"]);
    let both =
        Policy::check([PolicySource { name: "x", text: "version: 3\nname: p" }, PolicySource { name: "t", text }]);
    assert_eq!(both.len(), 6);
}

#[test]
fn problems_rules_patterns_and_files_are_bounded() {
    let bad = format!("version: 1\nname: p\nrules: [{}]", "x, ".repeat(MAX_PROBLEMS + 1));
    assert_eq!(problems(&bad).len(), MAX_PROBLEMS);
    let many = |count: usize, rest: &str| {
        let rules: String = (0..count).map(|n| format!("- {{name: r{n}, tool: Bash, action: deny{rest}}}\n")).collect();
        format!("version: 1\nname: p\nrules:\n{rules}")
    };
    assert_eq!(problems(&many(MAX_RULES, "")), [] as [String; 0]);
    refused(&many(MAX_RULES + 1, ""), "more than 2000 rules");
    let patterns = format!(", command_patterns: [{}]", "x,".repeat(MAX_PATTERNS / 10));
    assert_eq!(problems(&many(10, &patterns)), [] as [String; 0]);
    refused(&many(11, &patterns), "more than 5000 patterns");
    refused(&" ".repeat(MAX_FILE_BYTES + 1), "at most 1048576 are read");
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "[-a-z0-9:{}\\[\\], \n'\"&*!|>%@]{0,80}") {
        drop(load(&text));
        drop(load(&format!("version: 1\nname: p\nrules:\n  - {text}")));
        drop(Cases::read(PolicySource { name: "c", text: &format!("version: 1\ncases:\n  - {text}") }));
    }
}
