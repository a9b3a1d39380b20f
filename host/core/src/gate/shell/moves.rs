//! The walk's part about lists: what runs only behind the success of a move into another folder.

use super::context::Context;
use super::walk::{MAX_FUNCTIONS, Walk};
use super::{MAX_DEPTH, NotUnderstood};
use brush_parser::ast::{
    AndOr, AndOrList, Command, CommandPrefixOrSuffixItem as Item, CompoundCommand, CompoundList, CompoundListItem,
    Pipeline, PipelineOperator, SeparatorOperator,
};

impl Walk {
    pub(super) fn list(&mut self, list: &CompoundList, context: &Context) {
        if context.depth > MAX_DEPTH {
            return self.trouble(NotUnderstood::TooDeep);
        }
        let mut moved: Option<Context> = None;
        for CompoundListItem(item, separator) in &list.0 {
            let arrived = self.and_or(item, moved.as_ref().unwrap_or(context));
            if arrived.is_some() && matches!(separator, SeparatorOperator::Sequence) {
                moved = Some(Context { arrived, ..context.clone() });
            }
        }
    }

    /// Walks a list of `&&` and `||`; says which `cd` in it has succeeded for certain behind it.
    fn and_or(&mut self, list: &AndOrList, context: &Context) -> Option<u32> {
        // As far as there is but `&&`, all in front has succeeded.
        let mut arrived = None;
        let mut only_and = true;
        let mut leaves = false;
        for (operator, pipeline) in list {
            only_and &= matches!(operator, PipelineOperator::And);
            let at = self.position();
            let shifted = self.shifted.by;
            match arrived.filter(|_| only_and) {
                Some(_) => self.pipeline(pipeline, &Context { arrived, ..context.clone() }),
                None => self.pipeline(pipeline, context),
            }
            // What stands in front of it may fail.
            self.shifted.unsure |= self.shifted.by != shifted && !std::ptr::eq(pipeline, &list.first);
            if only_and && is_move(pipeline) && self.functions.len() < MAX_FUNCTIONS {
                arrived = Some(at);
            }
            leaves = !only_and && !leaves && is_end(pipeline);
        }
        let one_or = list.additional.iter().filter(|more| matches!(more, AndOr::Or(_))).count() == 1;
        arrived.filter(|_| leaves && one_or)
    }
}

/// Whether it is nothing but `cd` or `pushd`, so that what is behind its success runs where that leads.
fn is_move(pipeline: &Pipeline) -> bool {
    let named = |name: &str| matches!(name, "cd" | "pushd");
    match pipeline.seq.as_slice() {
        [Command::Simple(simple)] if !pipeline.bang => {
            // `cd x > file` does the same; a variable such as CDPATH may lead elsewhere.
            let plain = simple.prefix.is_none();
            plain && simple.word_or_name.as_ref().is_some_and(|name| named(&name.value))
        }
        _ => false,
    }
}

/// Whether nothing of the list that it stands in runs after it: `exit`, `return`, `{ …; exit 1; }`.
fn is_end(pipeline: &Pipeline) -> bool {
    match pipeline.seq.as_slice() {
        [Command::Simple(simple)] => {
            let words = simple.suffix.iter().flat_map(|suffix| &suffix.0);
            let plain = words.into_iter().all(|item| matches!(item, Item::Word(_)));
            let leaves = |name: &str| matches!(name, "exit" | "return");
            plain && simple.prefix.is_none() && simple.word_or_name.as_ref().is_some_and(|name| leaves(&name.value))
        }
        [Command::Compound(CompoundCommand::BraceGroup(group), _)] => {
            let last = group.list.0.last();
            last.is_some_and(|CompoundListItem(last, _)| last.additional.is_empty() && is_end(&last.first))
        }
        _ => false,
    }
}
