//! From a line's syntax tree to its simple commands.
//!
//! Owns the walk over lists, pipes, groups, loops, functions and substitutions, and the bounds of it. Redirects are
//! in `redirects`; what a program does with its arguments is `wrappers`' and `programs`' knowledge.

use super::channels::Channels;
use super::context::Context;
use super::input::{Facts, Input};
use super::nesting::{self, Nesting};
use super::printed::{Place, Words};
use super::redirects::Redirects;
use super::renamed::Meaning;
use super::settled::{HeldValue, Shifted, has_name};
use super::word::{self, Scanned};
use super::{ELSEWHERE, fetched, follow, values};
use super::{MAX_COMMANDS, MAX_DEPTH, MAX_LINE_BYTES, MAX_WORDS, NotUnderstood, Parsed, wrappers};
use crate::gate::call::{Redirect, RedirectKind, ShellCommand, Word};
use brush_parser::ast::{
    AssignmentName, AssignmentValue, Command, CommandPrefixOrSuffixItem as Item, FunctionBody, Pipeline, SimpleCommand,
};
use brush_parser::{Parser, ParserOptions};
use std::collections::{BTreeSet, HashMap};
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
        shifted: Shifted::default(),
        defaults: Vec::new(),
        trusted: HashMap::new(),
        defined: Vec::new(),
        repeated: 0,
        deferred: false,
        unsure_names: false,
        told_steps: 0,
        channels: Channels::default(),
        renamed: HashMap::new(),
        problem: None,
        too_much: None,
        needs_large_stack: false,
        last: None,
    };
    walk.code(line, &Context::default());
    walk.look_back();
    if walk.needs_large_stack {
        return Err(NeedsLargeStack);
    }
    Ok(Parsed { commands: walk.commands, problem: walk.problem })
}

/// Most functions whose calls are followed with their arguments; a line defines few.
pub(in crate::gate) const MAX_FUNCTIONS: usize = 64;

pub(super) struct Walk {
    stack: Stack,
    pub(super) commands: Vec<ShellCommand>,
    /// One for each command.
    pub(super) facts: Vec<Facts>,
    /// Words taken so far, over all commands.
    pub(super) words: usize,
    pub(super) problem: Option<NotUnderstood>,
    /// What was too much to be looked at, in code or in what may be code.
    pub(super) too_much: Option<NotUnderstood>,
    needs_large_stack: bool,
    /// Code in which two brackets stand apart, which the parser takes for `((`.
    pub(super) apart: Option<String>,
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
    /// By how many.
    pub(super) shifted: Shifted,
    /// Variables that expansions fill, with what.
    pub(super) defaults: Vec<(String, String)>,
    /// Variables that were taken for what they held, where they may hold more when that runs again.
    pub(super) trusted: HashMap<String, BTreeSet<HeldValue>>,
    /// Positions of what the bodies of functions run, as they are defined: each call is walked again.
    pub(super) defined: Vec<Range<u32>>,
    /// In how many loops the walk is.
    pub(super) repeated: usize,
    /// A function's body runs something that only its calls tell.
    pub(super) deferred: bool,
    /// It fills a variable whose name only running it tells.
    pub(super) unsure_names: bool,
    /// Steps taken so far to tell what variables hold.
    pub(super) told_steps: usize,
    /// What stands open between commands.
    pub(super) channels: Channels,
    /// Programs by other names.
    pub(super) renamed: HashMap<String, Meaning>,
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
        self.note_defaults(code);
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
            Ok(Ok(program)) => self.lists(&program.complete_commands, context),
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

    pub(super) fn command(&mut self, command: &Command, context: &Context) {
        match command {
            Command::Simple(simple) => self.simple(simple, context),
            Command::Compound(compound, redirects) => {
                self.redirected(redirects.as_ref(), context, |walk, inner| walk.compound(compound, inner));
            }
            Command::Function(function) => {
                let body = Rc::new(function.body.clone());
                let followed = self.functions.len() < MAX_FUNCTIONS;
                if followed {
                    self.functions.insert(function.fname.value.clone(), body.clone());
                }
                let from = self.position();
                self.body(&body, &Context { defining: followed, ..context.clone() });
                if followed {
                    self.defined.push(from..self.position());
                }
            }
            Command::ExtendedTest(test, redirects) => {
                self.redirected(redirects.as_ref(), context, |walk, inner| walk.test(&test.expr, inner));
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
                    let before = code.len();
                    let scanned = self.take(word::scan(&raw.value), &mut code);
                    redirects.slots.note(Place::Arg(argv.len()), before, &scanned);
                    argv.extend(scanned.words);
                }
                (Some(Item::AssignmentWord(assignment, _)), _) => {
                    let name = match &assignment.name {
                        AssignmentName::VariableName(name) | AssignmentName::ArrayElementName(name, _) => name.clone(),
                    };
                    let mut key = "";
                    if let AssignmentName::ArrayElementName(_, index) = &assignment.name {
                        self.take(word::scan_expanded(index), &mut code);
                        key = index;
                    }
                    let value = match &assignment.value {
                        AssignmentValue::Scalar(value) => {
                            let before = code.len();
                            let scanned = self.take(word::scan(&value.value), &mut code);
                            if argv.is_empty() && !assignment.append {
                                redirects.slots.note(Place::Assignment(assignments.len()), before, &scanned);
                            }
                            scanned.single()
                        }
                        AssignmentValue::Array(values) => {
                            let mut words = Vec::new();
                            for (key, value) in values {
                                let held = self.take(word::scan(&value.value), &mut code).words;
                                if let (Some(key), [only]) = (key, held.as_slice()) {
                                    self.note_table(&name, &key.value, only);
                                }
                                words.extend(held);
                            }
                            Word { literal: false, ..Word::joined(&words) }
                        }
                    };
                    self.note_table(&name, key, &value);
                    let value = match assignment.append {
                        true if matches!(assignment.value, AssignmentValue::Array(_)) => {
                            Word { text: format!("${{{name}}} {}", value.text), literal: false }
                        }
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
        let (own, mut fed) = self.inputs(&redirects, context);
        fed.extend(self.descriptors(&argv));
        let from = self.position();
        let feeds = redirects.feeds();
        let standing = matches!(argv.as_slice(), [only] if only.text == "exec");
        let prompts = self.as_prompts(&argv);
        let input = if feeds { own.read_by(from..from + 1) } else { own.clone() };
        let call = argv.split_first().and_then(|(name, args)| self.called(name, args, &input));
        let slots = std::mem::take(&mut redirects.slots);
        let list = std::mem::take(&mut redirects.list);
        let words = Words { argv, assignments, redirects: list };
        let again = (!slots.is_empty()).then(|| words.clone());
        self.emit(words.argv, words.assignments, words.redirects, &own, &fed);
        // What a pipe reads is the command itself (or what its wrappers run), not the substitutions in it.
        let last = self.position().checked_sub(1);
        let readers = self.position();
        self.outputs(&redirects.readers, from, context);
        let readers = readers..self.position();
        let (reader, own, inner) = (own, from..last.map_or(from, |last| last + 1), self.position());
        let spans = self.substitutions(code, context);
        let inner = inner..self.position();
        if let Some(words) = again {
            self.with_printed(words, &slots, &spans, &reader, &fed);
        }
        self.fill(own.clone(), inner, context);
        let lasting = |descriptor: &u32| standing || *descriptor > 2;
        self.note_opened(&redirects.opens.iter().copied().filter(lasting).collect::<Vec<_>>(), &own);
        self.flows(&own, redirects.sends);
        if standing && !readers.is_empty() {
            self.note_sink(readers);
        }
        for text in prompts {
            self.expanded(&text, context);
        }
        if let Some((body, context)) = call {
            self.body(&body, &context);
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
        let mut told = Vec::new();
        if !program.literal && !has_name(&program.text) {
            match self.programs(&program, &args, context) {
                Some(programs) => told = programs,
                None => self.dynamic(context),
            }
        }
        let Context { stdin, sources, .. } = context;
        let input = Input { stdin, sources, commands: &self.commands, facts: &self.facts };
        assignments.extend(values::assigned(&program.text, &args, &input));
        self.told_assignments(&mut assignments, context);
        self.note_arguments(&program.text, &args, context);
        self.note_names(&program, &args);
        self.note_unsure_name(&program.text, &args);
        let input = Input { stdin, sources, commands: &self.commands, facts: &self.facts };
        let ran = wrappers::runs(&program, &args, &assignments, &input);
        let expanded = values::expanded(&program.text, &args);
        let prompts = assignments.iter().filter(|(name, _)| matches!(name.as_str(), "PS0" | "PS1" | "PS2" | "PS4"));
        let counted = assignments.iter().filter(|(_, value)| value.literal && values::is_element(&value.text));
        let more = prompts.chain(counted).map(|(_, value)| value.clone());
        let expanded: Vec<Word> = expanded.into_iter().chain(more).collect();
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
            certain_to: 0,
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
        let at = self.commands.len();
        self.commands.push(command);
        self.facts.push(Facts { wraps: !(ran.argvs.is_empty() && ran.code.is_empty()), stdin: context.stdin.clone() });
        if ran.unknown {
            self.trouble(NotUnderstood::Dynamic);
        }
        for (argv, assignments) in ran.argvs {
            self.emit(argv, assignments, fed_by_file.clone(), &inner, fed);
        }
        if !ran.arguments.is_empty() {
            inner.bound = follow::bound(context, &self.handed_on(&ran.arguments, context), 0);
        }
        // What is trapped runs later, when variables may hold something else.
        let outer = self.repeated;
        self.repeated += usize::from(program.text == "trap");
        let shifted = std::mem::take(&mut self.shifted);
        self.shifted =
            if ran.arguments.is_empty() { shifted } else { Shifted { depth: inner.depth, ..Shifted::default() } };
        for code in ran.code {
            if code.literal {
                self.code(&code.text, &inner);
                continue;
            }
            match self.told(&code.text, context) {
                Some(texts) => texts.iter().for_each(|text| self.code(text, &inner)),
                None => {
                    // The best reading there is, for the rules that deny; never enough for one that allows.
                    self.dynamic(context);
                    self.code(&code.text, &inner);
                }
            }
        }
        (self.repeated, self.shifted) = (outer, shifted);
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
        self.by_other_names(at, context, fed);
        let other = Context { maybe: true, ..inner };
        for argv in told {
            self.reading(argv, Vec::new(), &Context { wrappers: context.wrappers.clone(), ..other.clone() }, fed);
        }
        for argv in ran.maybe {
            let problem = self.problem;
            self.emit(argv, Vec::new(), fed_by_file.clone(), &other, fed);
            self.forget(problem);
        }
    }

    /// Walks the substitutions in a word that is no argument; hands back what it comes to.
    pub(super) fn word(&mut self, raw: &str, context: &Context) -> Vec<Word> {
        let mut code = Vec::new();
        let scanned = self.take(word::scan(raw), &mut code);
        self.substitutions(code, context);
        scanned.words
    }

    /// An operand of `[[`: where it is taken for a number or a variable, bash expands an index in it, quoted or not.
    pub(super) fn operand(&mut self, raw: &str, context: &Context) {
        for word in self.word(raw, context) {
            if word.text.contains('[') && word.text.contains(['$', '`']) {
                self.expanded(&word.text, context);
            }
        }
    }

    pub(super) fn expanded(&mut self, raw: &str, context: &Context) {
        let mut code = Vec::new();
        self.take(word::scan_expanded(raw), &mut code);
        self.substitutions(code, context);
    }

    /// Walks the code of substitutions; says where the commands of each stand.
    pub(super) fn substitutions(&mut self, code: Vec<String>, context: &Context) -> Vec<Range<u32>> {
        let mut spans = Vec::with_capacity(code.len());
        for substitution in code {
            let from = self.position();
            self.code(&substitution, &context.substituted());
            spans.push(from..self.position());
        }
        spans
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
