//! From a line's syntax tree to its simple commands.
//!
//! Owns the walk over lists, pipes, groups, loops, functions and substitutions, and the bounds of it. Redirects are
//! in `redirects`; what a program does with its arguments is `wrappers`' and `programs`' knowledge.

use super::context::Context;
use super::input::{Facts, Input};
use super::nesting::{self, Nesting};
use super::redirects::Redirects;
use super::word::{self, Scanned};
use super::{ELSEWHERE, fetched, follow, values};
use super::{MAX_COMMANDS, MAX_DEPTH, MAX_LINE_BYTES, MAX_WORDS, NotUnderstood, Parsed, wrappers};
use crate::gate::call::{Redirect, RedirectKind, ShellCommand, Word};
use brush_parser::ast::{
    AssignmentName, AssignmentValue, Command, CommandPrefixOrSuffixItem as Item, CompoundCommand, ExtendedTestExpr,
    FunctionBody, Pipeline, SimpleCommand,
};
use brush_parser::{Parser, ParserOptions};
use std::collections::HashMap;
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;

/// What the walk runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stack {
    /// A caller's: only lines that cannot nest deep.
    Small,
    /// The parser thread's.
    Large,
}

/// The line may nest too deep for a small stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NeedsLargeStack;

/// All commands of `line`. Unwinds of the parser are caught: they count as bad syntax.
pub(super) fn parse(line: &str, stack: Stack) -> Result<Parsed, NeedsLargeStack> {
    let mut walk = Walk {
        stack,
        commands: Vec::new(),
        facts: Vec::new(),
        words: 0,
        apart: None,
        functions: HashMap::new(),
        made: HashMap::new(),
        replays: 0,
        arguments: Vec::new(),
        shifts: false,
        problem: None,
        too_much: None,
        needs_large_stack: false,
        last: None,
    };
    walk.code(line, &Context::default());
    if walk.needs_large_stack {
        return Err(NeedsLargeStack);
    }
    Ok(Parsed { commands: walk.commands, problem: walk.problem })
}

/// Most functions whose calls are followed with their arguments; a line defines few.
pub(in crate::gate) const MAX_FUNCTIONS: usize = 64;

/// `"$DIR/bin/tool"`: where it lies is not known, what it is called is.
fn has_name(program: &str) -> bool {
    let unknown = ['$', '*', '?', '[', '{', '`', '(', '<'];
    program.rsplit_once('/').is_some_and(|(folder, name)| {
        folder.starts_with('$') && !folder.contains("$(") && !name.is_empty() && !name.contains(unknown)
    })
}

pub(super) struct Walk {
    stack: Stack,
    pub(super) commands: Vec<ShellCommand>,
    /// One for each command.
    pub(super) facts: Vec<Facts>,
    /// Words taken so far, over all commands.
    words: usize,
    pub(super) problem: Option<NotUnderstood>,
    /// What was too much to be looked at, in code or in what may be code.
    pub(super) too_much: Option<NotUnderstood>,
    needs_large_stack: bool,
    /// Code in which two brackets stand apart, which the parser takes for `((`.
    apart: Option<String>,
    /// The functions defined so far.
    pub(super) functions: HashMap<String, Rc<FunctionBody>>,
    /// Files and variables that commands so far have made, and which commands.
    pub(super) made: HashMap<fetched::Made, Vec<Range<u32>>>,
    /// How often it was followed into a file that it wrote.
    pub(super) replays: usize,
    /// What the line itself set its arguments to.
    pub(super) arguments: Vec<(String, Word)>,
    /// It moves its arguments, so that each may be one behind it.
    pub(super) shifts: bool,
    /// Position of the command that the next one of a pipe reads.
    pub(super) last: Option<u32>,
}

impl Walk {
    pub(super) fn trouble(&mut self, problem: NotUnderstood) {
        if matches!(problem, NotUnderstood::TooMany | NotUnderstood::TooLong | NotUnderstood::TooDeep) {
            self.too_much.get_or_insert(problem);
        }
        self.problem.get_or_insert(problem);
    }

    /// Parses and walks code at `context`'s depth. Code that comes out of an expansion has no length of its own
    /// to trust: brace lists multiply it, so the bound on lines holds here too.
    pub(super) fn code(&mut self, code: &str, context: &Context) {
        if code.len() > MAX_LINE_BYTES {
            return self.trouble(NotUnderstood::TooLong);
        }
        self.read(code, context);
        if nesting::hides_blanks(code) {
            // Both readings: as bash takes it, and as it looks. A rule that denies must see what it looks like.
            let plain: String = code.chars().map(|c| if nesting::is_hidden_blank(c) { ' ' } else { c }).collect();
            self.read(&plain, context);
            self.trouble(NotUnderstood::Hidden);
        }
    }

    fn read(&mut self, code: &str, context: &Context) {
        if context.depth > MAX_DEPTH {
            return self.trouble(NotUnderstood::TooDeep);
        }
        let nesting = Nesting::of(code);
        if nesting.is_too_deep() {
            return self.trouble(NotUnderstood::TooDeep);
        }
        if self.stack == Stack::Small && !nesting.fits_small_stack() {
            self.needs_large_stack = true;
            return;
        }
        let outer = std::mem::replace(&mut self.apart, nesting::has_brackets_apart(code).then(|| code.to_owned()));
        let parsed = std::panic::catch_unwind(AssertUnwindSafe(|| {
            Parser::new(code.as_bytes(), &ParserOptions::default()).parse_program()
        }));
        match parsed {
            Ok(Ok(program)) => {
                for list in &program.complete_commands {
                    self.list(list, context);
                }
            }
            Ok(Err(_)) | Err(_) => self.trouble(NotUnderstood::Syntax),
        }
        self.apart = outer;
    }

    pub(super) fn pipeline(&mut self, pipeline: &Pipeline, context: &Context) {
        let mut inner = context.clone();
        for command in &pipeline.seq {
            let from = self.position();
            self.command(command, &inner);
            let last = self.last;
            inner = Context { piped_from: last, ..context.fed_by(from..self.position()) };
        }
    }

    /// The position of the next command.
    pub(super) fn position(&self) -> u32 {
        u32::try_from(self.commands.len()).unwrap_or(u32::MAX)
    }

    fn command(&mut self, command: &Command, context: &Context) {
        match command {
            Command::Simple(simple) => self.simple(simple, context),
            Command::Compound(compound, redirects) => {
                self.redirected(redirects.as_ref(), context, |walk, inner| walk.compound(compound, inner));
            }
            Command::Function(function) => {
                let FunctionBody(body, redirects) = &function.body;
                if self.functions.len() < MAX_FUNCTIONS {
                    self.functions.insert(function.fname.value.clone(), Rc::new(function.body.clone()));
                }
                self.redirected(redirects.as_ref(), context, |walk, inner| walk.compound(body, inner));
            }
            Command::ExtendedTest(test, redirects) => {
                self.redirected(redirects.as_ref(), context, |walk, inner| walk.test(&test.expr, inner));
            }
        }
    }

    fn compound(&mut self, compound: &CompoundCommand, context: &Context) {
        let inner = context.deeper();
        match compound {
            CompoundCommand::Arithmetic(arithmetic) => {
                self.expanded(&arithmetic.expr.value, context);
                if self.apart.as_ref().is_some_and(|code| !nesting::is_arithmetic(code, &arithmetic.expr.value)) {
                    self.subshells(&arithmetic.expr.value, context);
                }
            }
            CompoundCommand::ArithmeticForClause(clause) => {
                for expr in [&clause.initializer, &clause.condition, &clause.updater].into_iter().flatten() {
                    self.expanded(&expr.value, context);
                }
                self.list(&clause.body.list, &inner);
            }
            CompoundCommand::BraceGroup(group) => self.list(&group.list, &inner),
            CompoundCommand::Subshell(subshell) => self.list(&subshell.list, &inner),
            CompoundCommand::ForClause(clause) => {
                let mut bound = inner.bound.to_vec();
                if clause.values.is_none() {
                    // `for x; do`: what the line or the function is called with.
                    bound.push((clause.variable_name.clone(), Word { text: "$@".to_owned(), literal: false }));
                }
                for value in clause.values.iter().flatten() {
                    let words = self.word(&value.value, context);
                    self.words += words.len();
                    if self.words > MAX_WORDS {
                        return self.trouble(NotUnderstood::TooMany);
                    }
                    bound.extend(words.into_iter().map(|word| (clause.variable_name.clone(), word)));
                }
                self.list(&clause.body.list, &Context { bound: bound.into(), ..inner });
            }
            CompoundCommand::CaseClause(clause) => {
                self.word(&clause.value.value, context);
                for case in &clause.cases {
                    for pattern in &case.patterns {
                        self.word(&pattern.value, context);
                    }
                    if let Some(list) = &case.cmd {
                        self.list(list, &inner);
                    }
                }
            }
            CompoundCommand::IfClause(clause) => {
                self.list(&clause.condition, &inner);
                self.list(&clause.then, &inner);
                for other in clause.elses.iter().flatten() {
                    if let Some(condition) = &other.condition {
                        self.list(condition, &inner);
                    }
                    self.list(&other.body, &inner);
                }
            }
            CompoundCommand::WhileClause(clause) | CompoundCommand::UntilClause(clause) => {
                self.list(&clause.0, &inner);
                self.list(&clause.1.list, &inner);
            }
            CompoundCommand::Coprocess(coprocess) => {
                if inner.depth > MAX_DEPTH {
                    return self.trouble(NotUnderstood::TooDeep);
                }
                self.command(&coprocess.body, &inner);
            }
        }
    }

    fn test(&mut self, expr: &ExtendedTestExpr, context: &Context) {
        match expr {
            ExtendedTestExpr::And(left, right) | ExtendedTestExpr::Or(left, right) => {
                self.test(left, context);
                self.test(right, context);
            }
            ExtendedTestExpr::Not(inner) | ExtendedTestExpr::Parenthesized(inner) => self.test(inner, context),
            ExtendedTestExpr::UnaryTest(_, word) => self.operand(&word.value, context),
            ExtendedTestExpr::BinaryTest(_, left, right) => {
                self.operand(&left.value, context);
                self.operand(&right.value, context);
            }
        }
    }

    fn simple(&mut self, simple: &SimpleCommand, context: &Context) {
        let mut argv = Vec::new();
        let mut assignments = Vec::new();
        let mut redirects = Redirects::default();
        // Substitutions are walked after the command, so that it keeps its place in front of them.
        let mut code = Vec::new();
        let prefix = simple.prefix.iter().flat_map(|prefix| &prefix.0);
        let suffix = simple.suffix.iter().flat_map(|suffix| &suffix.0);
        let name = simple.word_or_name.iter().map(|name| (None, Some(name)));
        let items = prefix.map(|item| (Some(item), None)).chain(name).chain(suffix.map(|item| (Some(item), None)));
        for item in items {
            if self.words + argv.len() > MAX_WORDS {
                self.trouble(NotUnderstood::TooMany);
                break;
            }
            match item {
                (_, Some(raw)) | (Some(Item::Word(raw)), _) => {
                    argv.extend(self.take(word::scan(&raw.value), &mut code).words)
                }
                (Some(Item::AssignmentWord(assignment, _)), _) => {
                    let name = match &assignment.name {
                        AssignmentName::VariableName(name) | AssignmentName::ArrayElementName(name, _) => name.clone(),
                    };
                    if let AssignmentName::ArrayElementName(_, index) = &assignment.name {
                        self.take(word::scan_expanded(index), &mut code);
                    }
                    let value = match &assignment.value {
                        AssignmentValue::Scalar(value) => self.take(word::scan(&value.value), &mut code).single(),
                        AssignmentValue::Array(values) => {
                            let mut words = Vec::new();
                            for (_, value) in values {
                                words.extend(self.take(word::scan(&value.value), &mut code).words);
                            }
                            Word { literal: false, ..Word::joined(&words) }
                        }
                    };
                    let value = match assignment.append {
                        true => Word { text: format!("${{{name}}}{}", value.text), literal: false },
                        false => value,
                    };
                    // Behind a program it is an argument; what `export` makes of it is told in `emit`.
                    if argv.is_empty() {
                        assignments.push((name, value));
                    } else {
                        argv.push(Word { text: format!("{name}={}", value.text), literal: value.literal });
                    }
                }
                (Some(Item::IoRedirect(redirect)), _) => self.redirect(redirect, &mut redirects, &mut code),
                (Some(Item::ProcessSubstitution(kind, subshell)), _) => {
                    argv.push(Word { text: "<()".to_owned(), literal: false });
                    redirects.substitution(kind, &subshell.list);
                }
                (None, None) => {}
            }
        }
        let (own, fed) = self.inputs(&redirects, context);
        let from = self.position();
        let prompts = self.as_prompts(&argv);
        let call = argv.split_first().and_then(|(name, args)| self.called(name, args, &own));
        self.emit(argv, assignments, redirects.list, &own, &fed);
        // What a pipe reads is the command itself (or what its wrappers run), not the substitutions in it.
        let last = self.position().checked_sub(1);
        self.outputs(&redirects.readers, from, context);
        let (own, inner) = (from..last.map_or(from, |last| last + 1), self.position());
        self.substitutions(code, context);
        self.fill(own, inner..self.position(), context);
        for text in prompts {
            self.expanded(&text, context);
        }
        if let Some((body, context)) = call {
            let FunctionBody(body, redirects) = &*body;
            self.redirected(redirects.as_ref(), &context, |walk, inner| walk.compound(body, inner));
        }
        self.last = last;
    }

    /// Records a command, which reads what those at `fed` print besides its input, and what it runs in turn.
    pub(super) fn emit(
        &mut self,
        argv: Vec<Word>,
        mut assignments: Vec<(String, Word)>,
        redirects: Vec<Redirect>,
        context: &Context,
        fed: &[Range<u32>],
    ) {
        if context.depth > MAX_DEPTH {
            return self.trouble(NotUnderstood::TooDeep);
        }
        self.words += argv.len();
        if self.commands.len() >= MAX_COMMANDS || self.words > MAX_WORDS {
            return self.trouble(NotUnderstood::TooMany);
        }
        let mut argv = argv.into_iter();
        let program = argv.next().unwrap_or(Word { text: String::new(), literal: true });
        let args: Vec<Word> = argv.collect();
        if !program.literal && !has_name(&program.text) {
            self.trouble(NotUnderstood::Dynamic);
        }
        let Context { stdin, sources, .. } = context;
        let input = Input { stdin, sources, commands: &self.commands, facts: &self.facts };
        assignments.extend(values::assigned(&program.text, &args, &input));
        self.note_arguments(&program.text, &args);
        let input = Input { stdin, sources, commands: &self.commands, facts: &self.facts };
        let ran = wrappers::runs(&program, &args, &assignments, &input);
        let expanded = values::expanded(&program.text, &args);
        let prompts = assignments.iter().filter(|(name, _)| matches!(name.as_str(), "PS0" | "PS1" | "PS2" | "PS4"));
        let expanded: Vec<Word> = expanded.into_iter().chain(prompts.map(|(_, value)| value.clone())).collect();
        let mut command = ShellCommand {
            program: program.clone(),
            args,
            assignments,
            redirects,
            wrappers: context.wrappers.clone(),
            piped_from: context.piped_from,
            reads: context.sources.iter().chain(fed).cloned().collect(),
            filled: Vec::new(),
            runs: Vec::new(),
            bound: self.bound(context),
            arrived: context.arrived,
            maybe: context.maybe,
        };
        for path in ran.writes {
            command.redirects.push(Redirect { kind: RedirectKind::Output, target: path });
        }
        // What a wrapper is fed, the program reads that it runs.
        let feeds = |redirect: &&Redirect| redirect.kind == RedirectKind::Input && !ELSEWHERE.contains(&command.name());
        let fed_by_file: Vec<Redirect> = command.redirects.iter().filter(feeds).cloned().collect();
        let mut inner = context.deeper();
        inner.wrappers.push(ran.wrapper);
        self.commands.push(command);
        self.facts.push(Facts { wraps: !(ran.argvs.is_empty() && ran.code.is_empty()), stdin: context.stdin.clone() });
        if ran.unknown {
            self.trouble(NotUnderstood::Dynamic);
        }
        for (argv, assignments) in ran.argvs {
            self.emit(argv, assignments, fed_by_file.clone(), &inner, fed);
        }
        if !ran.arguments.is_empty() {
            inner.bound = follow::bound(context, &ran.arguments, 0);
        }
        for code in ran.code {
            if code.literal {
                self.code(&code.text, &inner);
            } else {
                // The best reading there is, for the rules that deny; never enough for one that allows.
                self.trouble(NotUnderstood::Dynamic);
                self.code(&code.text, &inner);
            }
        }
        for code in ran.foreign {
            let problem = self.problem;
            self.code(&code.text, &inner);
            self.forget(problem);
        }
        for said in ran.says {
            self.say(program.clone(), said, &inner);
        }
        for word in expanded.iter().filter(|word| word.text.contains(['$', '`'])) {
            self.expanded(&word.text, &inner);
        }
        let other = Context { maybe: true, ..inner };
        for argv in ran.maybe {
            let problem = self.problem;
            self.emit(argv, Vec::new(), fed_by_file.clone(), &other, fed);
            self.forget(problem);
        }
    }

    /// Walks the substitutions in a word that is no argument; hands back what it comes to.
    fn word(&mut self, raw: &str, context: &Context) -> Vec<Word> {
        let mut code = Vec::new();
        let scanned = self.take(word::scan(raw), &mut code);
        self.substitutions(code, context);
        scanned.words
    }

    /// An operand of `[[`: where it is taken for a number or a variable, bash expands an index in it, quoted or not.
    fn operand(&mut self, raw: &str, context: &Context) {
        for word in self.word(raw, context) {
            if word.text.contains('[') && word.text.contains(['$', '`']) {
                self.expanded(&word.text, context);
            }
        }
    }

    fn expanded(&mut self, raw: &str, context: &Context) {
        let mut code = Vec::new();
        self.take(word::scan_expanded(raw), &mut code);
        self.substitutions(code, context);
    }

    pub(super) fn substitutions(&mut self, code: Vec<String>, context: &Context) {
        for substitution in code {
            self.code(&substitution, &context.substituted());
        }
    }

    pub(super) fn take(&mut self, scanned: Result<Scanned, NotUnderstood>, code: &mut Vec<String>) -> Scanned {
        match scanned {
            Ok(mut scanned) => {
                if scanned.split_by_ifs {
                    self.trouble(NotUnderstood::Hidden);
                }
                code.append(&mut scanned.substitutions);
                scanned
            }
            Err(problem) => {
                self.trouble(problem);
                Scanned { words: vec![Word { text: String::new(), literal: false }], ..Scanned::default() }
            }
        }
    }
}
