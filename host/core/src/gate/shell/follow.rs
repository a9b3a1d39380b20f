//! The walk's part about what the commands of a line make for one another: functions, files, variables.

use super::context::Context;
use super::fetched::{self, Made};
use super::input::{Facts, Input, Stdin};
use super::walk::Walk;
use super::{MAX_COMMANDS, NotUnderstood, wrappers};
use crate::gate::call::{ShellCommand, Word, base_name, is_argument};
use brush_parser::ast::FunctionBody;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

/// How often a line is followed into files that it wrote itself: each is parsed anew, and one may run the next.
pub(in crate::gate) const MAX_REPLAYS: usize = 16;

/// Most commands that are told apart as makers of one file or variable; each of its users keeps the list.
pub(in crate::gate) const MAX_SPANS: usize = 8;

/// What is bound in code that is given these arguments, the first of them numbered so.
pub(super) fn bound(context: &Context, args: &[Word], first: usize) -> Arc<[(String, Word)]> {
    let others = context.bound.iter().filter(|(name, _)| !is_argument(name));
    let numbered = args.iter().enumerate().map(|(at, arg)| ((at + first).to_string(), arg.clone()));
    let behind = args.get(1 - first.min(1)..).unwrap_or_default();
    let all = Word::joined(behind);
    let all = ["@", "*"].map(|name| (name.to_owned(), all.clone()));
    others.cloned().chain(numbered).chain(all.into_iter().filter(|_| !behind.is_empty())).collect()
}

/// The program of `#!/usr/bin/env python3`.
fn interpreter_of(line: &str) -> &str {
    let mut words = line.split_whitespace().map(base_name);
    match words.next() {
        Some("env") => words.find(|word| !word.starts_with('-')).unwrap_or("sh"),
        other => other.unwrap_or("sh"),
    }
}

impl Walk {
    /// The function that a command calls, and what surrounds its body there. One that calls itself is not followed.
    pub(super) fn called(&self, name: &Word, args: &[Word], context: &Context) -> Option<(Rc<FunctionBody>, Context)> {
        let follows = name.literal && !context.calls.contains(&name.text) && self.commands.len() < MAX_COMMANDS;
        let body = self.functions.get(&name.text).filter(|_| follows)?;
        let mut inner = Context { calls: context.calls.clone(), ..context.deeper() };
        inner.calls.push(name.text.clone());
        inner.bound = bound(context, args, 1);
        Some((body.clone(), inner))
    }

    /// Notes what fills the words of the commands at `own`, and what they write for others to run.
    pub(super) fn fill(&mut self, own: Range<u32>, inner: Range<u32>, context: &Context) {
        let mut run = Vec::new();
        for at in own.clone().filter_map(|at| usize::try_from(at).ok()) {
            let Some(command) = self.commands.get_mut(at) else { continue };
            if !inner.is_empty() {
                if fetched::takes_code(command) {
                    command.runs.push(inner.clone());
                }
                command.filled.push(inner.clone());
            }
            // Most lines make nothing that is taken up again.
            let taken = if self.made.is_empty() { Vec::new() } else { fetched::taken(command) };
            for (made, runs) in taken {
                let Some(spans) = self.made.get(&made) else { continue };
                if runs && matches!(made, Made::File(_)) {
                    run.extend(spans.iter().map(|span| (command.program.clone(), span.clone())));
                }
                let found = if runs { &mut command.runs } else { &mut command.filled };
                found.extend(spans.iter().cloned());
            }
            // A word that names a file many times takes it up once.
            for spans in [&mut command.runs, &mut command.filled] {
                spans.sort_unstable_by_key(|span| (span.start, span.end));
                spans.dedup();
            }
            let span = own.start..own.end.max(inner.end);
            for made in fetched::made(command) {
                let spans = self.made.entry(made).or_default();
                let full = spans.len() >= MAX_SPANS;
                match spans.last_mut().filter(|_| full) {
                    // Too many to tell apart: all from here on.
                    Some(last) => last.end = span.end,
                    None => spans.push(span.clone()),
                }
            }
        }
        for (program, span) in run {
            self.replay(&program, span, context);
        }
    }

    /// What is in a file that the line wrote itself, as the program would read it. What it is not known to hold is
    /// as unknown as in any other file.
    fn replay(&mut self, program: &Word, span: Range<u32>, context: &Context) {
        if self.replays >= MAX_REPLAYS {
            return self.trouble(NotUnderstood::TooMany);
        }
        self.replays += 1;
        let sources = [span];
        let input = Input { stdin: &Stdin::Piped, sources: &sources, commands: &self.commands, facts: &self.facts };
        let named = base_name(&program.text);
        let first = input.code().texts.first().map(|text| text.text.lines().next().unwrap_or_default().to_owned());
        let by_line = first.as_deref().and_then(|line| line.strip_prefix("#!")).map(interpreter_of);
        let runs_code = fetched::is_interpreter(named);
        let name = if runs_code { named } else { by_line.unwrap_or("sh") };
        let ran = wrappers::runs(&Word { text: name.to_owned(), literal: true }, &[], &[], &input);
        let mut inner = context.deeper();
        inner.wrappers.push(ran.wrapper);
        inner.stdin = Stdin::Empty;
        let problem = self.problem;
        for (argv, assignments) in ran.argvs {
            self.emit(argv, assignments, Vec::new(), &inner, &[]);
        }
        ran.code.iter().chain(&ran.foreign).for_each(|code| self.code(&code.text, &inner));
        for said in ran.says {
            self.say(Word { text: name.to_owned(), literal: true }, said, &inner);
        }
        self.forget(problem);
    }

    /// What was read as code may be none: only that it was too much counts.
    pub(super) fn forget(&mut self, problem: Option<NotUnderstood>) {
        self.problem = problem.or(self.too_much);
        if self.commands.len() >= MAX_COMMANDS || self.replays >= MAX_REPLAYS {
            self.trouble(NotUnderstood::TooMany);
        }
    }

    /// Records what a program reads as if it were its argument, on one line.
    pub(super) fn say(&mut self, program: Word, said: Word, context: &Context) {
        if self.commands.len() >= MAX_COMMANDS {
            return self.trouble(NotUnderstood::TooMany);
        }
        let text = said.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let args = vec![Word { text, literal: said.literal }];
        let wrappers = context.wrappers.clone();
        self.commands.push(ShellCommand { program, args, wrappers, ..ShellCommand::default() });
        self.facts.push(Facts::default());
    }

    /// `( (a) )` is no arithmetic. Where it cannot be read as code it may well be: `(( (1 + 2) * 3 ))`.
    pub(super) fn subshells(&mut self, code: &str, context: &Context) {
        let problem = self.problem;
        self.code(code, &context.deeper());
        if self.problem == Some(NotUnderstood::Syntax) {
            self.forget(problem);
        }
    }
}
