//! The walk's part about what the commands of a line make for one another: functions, files, variables.

use super::context::Context;
use super::fetched::{self, Made};
use super::input::{Facts, Input, Stdin};
use super::settled::Shifted;
use super::walk::Walk;
use super::wrappers::Runs;
use super::{MAX_COMMANDS, NotUnderstood, builds, consoles, wrappers};
use crate::gate::call::{ShellCommand, Word, base_name, is_argument};
use brush_parser::ast::FunctionBody;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

/// How often a line is followed into files that it wrote itself: each is parsed anew, and one may run the next.
pub(in crate::gate) const MAX_REPLAYS: usize = 16;

/// Most commands that are told apart as makers of one file or variable; each of its users keeps the list.
pub(in crate::gate) const MAX_SPANS: usize = 8;

/// Most arguments that a line sets for itself and that are followed.
pub(in crate::gate) const MAX_ARGUMENTS: usize = 64;

/// How far in front an argument is looked for that `shift` may have moved: scripts name the first few.
const MAX_SHIFTED: usize = 8;

/// What is bound in code that is given these arguments, the first of them numbered so.
pub(super) fn bound(context: &Context, args: &[Word], first: usize) -> Arc<[(String, Word)]> {
    let others = context.bound.iter().filter(|(name, _)| !is_argument(name));
    let numbered = args.iter().enumerate().map(|(at, arg)| ((at + first).to_string(), arg.clone()));
    let behind = args.get(1 - first.min(1)..).unwrap_or_default();
    let all = Word::joined(behind);
    let all = ["@", "*"].map(|name| (name.to_owned(), all.clone()));
    others.cloned().chain(numbered).chain(all.into_iter().filter(|_| !behind.is_empty())).collect()
}

/// What a script that the line made is called with: the words behind its name.
fn behind_script(command: &ShellCommand, made: &Made) -> Vec<Word> {
    let is_it = |word: &Word| matches!(made, Made::File(name) if base_name(&word.text) == name);
    let from = command.args.iter().position(is_it).map_or(0, |at| at + 1);
    command.args.get(from..).unwrap_or_default().to_vec()
}

/// The program of `#!/usr/bin/env python3`.
fn interpreter_of(line: &str) -> &str {
    let mut words = line.split_whitespace().map(base_name);
    match words.next() {
        Some("env") => words.find(|word| !word.starts_with('-')).unwrap_or("sh"),
        other => other.unwrap_or("sh"),
    }
}

/// What the code runs that a compiler, or a tool of a language, takes up.
fn compiled(language: &str, input: &Input<'_>) -> Runs {
    let mut ran = Runs { wrapper: language.to_owned(), ..Runs::default() };
    input.code().texts.iter().for_each(|text| builds::compiled(text, &mut ran));
    ran
}

impl Walk {
    /// Notes what `set -- a b` makes the arguments of the line, and that `shift` moves them.
    pub(super) fn note_arguments(&mut self, program: &str, args: &[Word], context: &Context) {
        match program {
            "shift" => {
                self.shifts = true;
                self.note_shift(args, context);
            }
            "set" => {
                let from = args.iter().position(|arg| arg.text == "--").map(|at| at + 1);
                let from = from.or_else(|| args.iter().position(|arg| !arg.text.starts_with(['-', '+'])));
                let given = from.and_then(|from| args.get(from..)).unwrap_or_default();
                if !given.is_empty() && self.arguments.len() + given.len() <= MAX_ARGUMENTS {
                    self.arguments.extend(bound(&Context::default(), given, 1).iter().cloned());
                } else if !given.is_empty() {
                    self.trouble(NotUnderstood::TooMany);
                }
            }
            _ => {}
        }
    }

    /// What is bound where a command stands.
    pub(super) fn bound(&self, context: &Context) -> Arc<[(String, Word)]> {
        if self.arguments.is_empty() && !self.shifts {
            return context.bound.clone();
        }
        let mut all: Vec<(String, Word)> = context.bound.iter().cloned().collect();
        all.extend(self.arguments.iter().cloned());
        if self.shifts {
            let numbered: Vec<(usize, Word)> =
                all.iter().filter_map(|(name, value)| Some((name.parse().ok()?, value.clone()))).collect();
            for (number, value) in numbered.iter().take(MAX_ARGUMENTS) {
                all.extend((1..(*number).min(MAX_SHIFTED)).map(|front| (front.to_string(), value.clone())));
            }
        }
        all.into()
    }

    /// The values of variables that a word expands as prompts are: `${x@P}` runs what stands in it.
    pub(super) fn as_prompts(&self, argv: &[Word]) -> Vec<String> {
        let mut found = Vec::new();
        for (before, _) in
            argv.iter().flat_map(|word| word.text.match_indices("@P}").map(|(at, _)| word.text.split_at(at)))
        {
            let name = before.rsplit("${").next().unwrap_or_default();
            let assigned = self.commands.iter().flat_map(|command| &command.assignments);
            found.extend(assigned.filter(|(own, _)| own == name).map(|(_, value)| value.text.clone()));
        }
        found.truncate(MAX_SPANS);
        found
    }

    /// The function that a command calls, and what surrounds its body there. One that calls itself is not followed.
    pub(super) fn called(
        &mut self,
        name: &Word,
        args: &[Word],
        context: &Context,
    ) -> Option<(Rc<FunctionBody>, Context)> {
        let body = self.functions.get(&name.text).filter(|_| name.literal)?.clone();
        if context.calls.contains(&name.text) {
            // Called by itself it may run something else than the call that is followed.
            if self.deferred {
                self.trouble(NotUnderstood::Dynamic);
            }
            return None;
        }
        if self.commands.len() >= MAX_COMMANDS {
            return None;
        }
        let mut inner = Context { calls: context.calls.clone(), ..context.deeper() };
        inner.calls.push(name.text.clone());
        inner.bound = bound(context, &self.handed_on(args, context), 1);
        Some((body, inner))
    }

    /// Notes that a variable holds what the commands from `from` on print.
    pub(super) fn note_printed(&mut self, variable: &str, from: u32) {
        let span = from..self.position();
        if span.is_empty() {
            return;
        }
        self.note_made(Made::Variable(variable.to_owned()), span);
    }

    /// Notes that a variable holds what those hold of which it is made.
    pub(super) fn hand_on(&mut self, value: &str, variable: &str) {
        if self.made.is_empty() {
            return;
        }
        let made = |name: &str| Made::Variable(name.to_owned());
        let others = fetched::variables(value).into_iter().filter(|name| *name != variable);
        let spans: Vec<_> = others.filter_map(|name| self.made.get(&made(name))).flatten().cloned().collect();
        spans.into_iter().for_each(|span| self.note_made(made(variable), span));
    }

    /// Notes that the commands at `body` fill the files of the group's redirects at `own`.
    pub(super) fn write(&mut self, own: &Range<u32>, body: &Range<u32>) {
        let commands = own.clone().filter_map(|at| self.commands.get(usize::try_from(at).ok()?));
        let made: Vec<Made> = commands.flat_map(fetched::made).collect();
        made.into_iter().for_each(|made| self.note_made(made, body.clone()));
    }

    fn note_made(&mut self, made: Made, span: Range<u32>) {
        let spans = self.made.entry(made).or_default();
        let full = spans.len() >= MAX_SPANS;
        match spans.last_mut().filter(|_| full) {
            // Too many to tell apart: all from here on.
            Some(last) => last.end = span.end,
            None => spans.push(span),
        }
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
            let made = fetched::made(command);
            let (taken, made) = (self.with_values(taken, |(made, _)| made), self.with_values(made, |made| made));
            let Some(command) = self.commands.get_mut(at) else { continue };
            for (made, runs) in taken {
                let Some(spans) = self.made.get(&made) else { continue };
                if runs && matches!(made, Made::File(_)) {
                    let given = behind_script(command, &made);
                    let (program, args) = (&command.program, &command.args);
                    run.extend(spans.iter().map(|span| (program.clone(), args.clone(), given.clone(), span.clone())));
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
            // What is put into another variable goes on in that.
            let names = command.assignments.iter().filter(|(_, value)| !value.literal);
            let names: Vec<(String, String)> = names.map(|(name, value)| (name.clone(), value.text.clone())).collect();
            for made in made {
                self.note_made(made, span.clone());
            }
            for (name, value) in names {
                self.hand_on(&value, &name);
            }
        }
        self.note_copies(&own, &inner);
        for (program, args, given, span) in run {
            self.replay((&program, &args), &given, span, context);
        }
    }

    /// These, and those that are files named by a variable also as files of the names that the line puts into it.
    fn with_values<T: Clone>(&self, mut all: Vec<T>, made: impl Fn(&mut T) -> &mut Made) -> Vec<T> {
        let mut more = Vec::new();
        for one in &mut all {
            let Some(variable) = fetched::variable_of(made(one)).map(str::to_owned) else { continue };
            let assigned = self.commands.iter().flat_map(|command| &command.assignments);
            for (_, value) in assigned.filter(|(name, _)| *name == variable).take(MAX_SPANS) {
                if let Some(file) = fetched::file_of(&value.text) {
                    let mut other = one.clone();
                    *made(&mut other) = file;
                    more.push(other);
                }
            }
        }
        all.extend(more);
        all
    }

    /// What is in a file that the line wrote itself, as the program with these arguments would read it; `given` are those
    /// that are the file's own. What it is not known to hold is as unknown as in any other file.
    fn replay(&mut self, (program, args): (&Word, &[Word]), given: &[Word], span: Range<u32>, context: &Context) {
        if self.replays >= MAX_REPLAYS {
            return self.trouble(NotUnderstood::TooMany);
        }
        self.replays += 1;
        let sources = [span];
        let input = Input { stdin: &Stdin::Piped, sources: &sources, commands: &self.commands, facts: &self.facts };
        let named = base_name(&program.text);
        let first = input.code().texts.first().map(|text| text.text.lines().next().unwrap_or_default().to_owned());
        let by_line = first.as_deref().and_then(|line| line.strip_prefix("#!")).map(interpreter_of);
        let builds = builds::kind(named).is_some() || builds::is_compiler(named);
        let runs_code = fetched::is_interpreter(named) || consoles::is_database(named) || builds;
        let name = if runs_code { named } else { by_line.unwrap_or("sh") };
        let ran = match builds::kind(name) {
            Some(builds::Kind::Code(language)) => compiled(language, &input),
            None if builds => compiled(name, &input),
            Some(_) => {
                let found = input
                    .code()
                    .texts
                    .iter()
                    .flat_map(|text| builds::commands(name, args, &text.text))
                    .collect::<Vec<_>>();
                let foreign = found.into_iter().map(|text| Word { text, literal: true }).collect();
                Runs { wrapper: name.to_owned(), foreign, ..Runs::default() }
            }
            None => wrappers::runs(&Word { text: name.to_owned(), literal: true }, &[], &[], &input),
        };
        let mut inner = context.deeper();
        inner.wrappers.push(ran.wrapper);
        inner.stdin = Stdin::Empty;
        inner.bound = bound(context, &[std::slice::from_ref(program), given].concat(), 0);
        let shifted = std::mem::replace(&mut self.shifted, Shifted { depth: inner.depth, ..Shifted::default() });
        let problem = self.problem;
        for (argv, assignments) in ran.argvs {
            self.emit(argv, assignments, Vec::new(), &inner, &[]);
        }
        ran.code.iter().chain(&ran.foreign).for_each(|code| self.code(&code.text, &inner));
        for said in ran.says {
            self.say(Word { text: name.to_owned(), literal: true }, said, &inner);
        }
        self.shifted = shifted;
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
