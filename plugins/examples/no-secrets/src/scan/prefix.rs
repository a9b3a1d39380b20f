//! Tokens that their issuer gave a prefix to. The table is the rule.

use super::{Kind, placeholder, run, starts_word};

struct Token {
    prefix: &'static str,
    kind: Kind,
    /// Fewest and most bytes after the prefix.
    tail: (usize, usize),
    allowed: fn(u8) -> bool,
}

const fn token(prefix: &'static str, kind: &'static str, tail: (usize, usize), allowed: fn(u8) -> bool) -> Token {
    Token { prefix, kind: Kind(kind), tail, allowed }
}

const AWS: &str = "an AWS access key id";
const GITHUB: &str = "a GitHub token";
const SLACK: &str = "a Slack token";
const STRIPE: &str = "a Stripe live key";
const OPENAI: &str = "an OpenAI API key";
const LONG: usize = 512;

/// Longer prefixes first where one begins another.
const TOKENS: [Token; 26] = [
    token("AKIA", AWS, (16, 16), upper),
    token("ASIA", AWS, (16, 16), upper),
    token("ghp_", GITHUB, (36, LONG), alphanumeric),
    token("gho_", GITHUB, (36, LONG), alphanumeric),
    token("ghu_", GITHUB, (36, LONG), alphanumeric),
    token("ghs_", GITHUB, (36, LONG), alphanumeric),
    token("ghr_", GITHUB, (36, LONG), alphanumeric),
    token("github_pat_", GITHUB, (22, LONG), word),
    token("glpat-", "a GitLab token", (20, LONG), dashed),
    token("xoxb-", SLACK, (20, LONG), dashed),
    token("xoxp-", SLACK, (20, LONG), dashed),
    token("xoxa-", SLACK, (20, LONG), dashed),
    token("xoxr-", SLACK, (20, LONG), dashed),
    token("xoxs-", SLACK, (20, LONG), dashed),
    token("xapp-", SLACK, (20, LONG), dashed),
    token("sk_live_", STRIPE, (16, LONG), alphanumeric),
    token("rk_live_", STRIPE, (16, LONG), alphanumeric),
    token("whsec_", "a Stripe webhook secret", (24, LONG), alphanumeric),
    token("sk-ant-", "an Anthropic API key", (20, LONG), dashed),
    token("sk-proj-", OPENAI, (20, LONG), dashed),
    token("sk-svcacct-", OPENAI, (20, LONG), dashed),
    token("sk-", OPENAI, (32, LONG), alphanumeric),
    token("AIza", "a Google API key", (35, 35), dashed),
    token("npm_", "an npm token", (36, 36), alphanumeric),
    token("hf_", "a Hugging Face token", (34, 40), alphanumeric),
    token("dop_v1_", "a DigitalOcean token", (64, 64), alphanumeric),
];

fn upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn dashed(byte: u8) -> bool {
    word(byte) || byte == b'-'
}

/// The first token of the table, at the beginning of a word.
///
/// The key that AWS prints in its documentation is found like any other: it has the exact shape, and a text that
/// wants to show a key can show `AKIA…`.
pub fn find(text: &str) -> Option<Kind> {
    let starts = text.bytes().enumerate().filter(|(_, byte)| b"Aaghnrsxwd".contains(byte));
    starts.filter(|(at, _)| starts_word(text, *at)).find_map(|(at, _)| {
        let rest = text.get(at..)?;
        TOKENS.iter().find(|token| token.begins(rest)).map(|token| token.kind)
    })
}

impl Token {
    fn begins(&self, text: &str) -> bool {
        let Some(rest) = text.strip_prefix(self.prefix) else { return false };
        let tail = run(rest, self.allowed);
        (self.tail.0..=self.tail.1).contains(&tail.len()) && !placeholder::is_monotonous(tail)
    }
}
