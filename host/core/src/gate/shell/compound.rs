//! The walk's part about compound commands: groups, loops, conditions, tests, coprocesses.

use super::context::Context;
use super::input::Stdin;
use super::walk::Walk;
use super::{MAX_DEPTH, MAX_WORDS, NotUnderstood, nesting};
use crate::gate::call::Word;
use brush_parser::ast::{CompoundCommand, ExtendedTestExpr};

impl Walk {
    pub(super) fn compound(&mut self, compound: &CompoundCommand, context: &Context) {
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
                self.repeat(|walk| walk.list(&clause.body.list, &inner));
            }
            CompoundCommand::BraceGroup(group) => self.list(&group.list, &inner),
            CompoundCommand::Subshell(subshell) => self.list(&subshell.list, &inner),
            CompoundCommand::ForClause(clause) => {
                let mut bound = inner.bound.to_vec();
                if clause.values.is_none() {
                    // `for x; do`: what the line or the function is called with.
                    bound.push((clause.variable_name.clone(), Word { text: "$@".to_owned(), literal: false }));
                }
                let from = self.position();
                for value in clause.values.iter().flatten() {
                    let words = self.word(&value.value, context);
                    self.words += words.len();
                    if self.words > MAX_WORDS {
                        return self.trouble(NotUnderstood::TooMany);
                    }
                    for word in words.iter().filter(|word| !word.literal) {
                        self.hand_on(&word.text, &clause.variable_name);
                    }
                    bound.extend(words.into_iter().map(|word| (clause.variable_name.clone(), word)));
                }
                self.note_printed(&clause.variable_name, from);
                self.repeat(|walk| walk.list(&clause.body.list, &Context { bound: bound.into(), ..inner }));
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
                self.repeat(|walk| {
                    walk.list(&clause.0, &inner);
                    walk.list(&clause.1.list, &inner);
                });
            }
            CompoundCommand::Coprocess(coprocess) => {
                if inner.depth > MAX_DEPTH {
                    return self.trouble(NotUnderstood::TooDeep);
                }
                // It reads what other commands send it by its descriptors.
                let from = self.position();
                self.command(&coprocess.body, &inner.with_input(Stdin::File));
                self.note_process(from..self.position());
            }
        }
    }

    pub(super) fn test(&mut self, expr: &ExtendedTestExpr, context: &Context) {
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

    /// Walks what may run many times, in which a variable may hold by the next time what it is given behind its use.
    pub(super) fn repeat(&mut self, walk: impl FnOnce(&mut Self)) {
        self.repeated += 1;
        walk(self);
        self.repeated -= 1;
    }
}
