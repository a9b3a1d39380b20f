//! The walk's part about lists: what runs only behind the success of a move into another folder, and for which commands an
//! assignment has happened for certain.

use super::context::Context;
use super::values::keeps;
use super::walk::{MAX_FUNCTIONS, Walk};
use super::{MAX_DEPTH, NotUnderstood};
use brush_parser::ast::{
    AndOr, AndOrList, Command, CommandPrefixOrSuffixItem as Item, CompoundCommand, CompoundList, CompoundListItem,
    IoRedirect, Pipeline, PipelineOperator, SeparatorOperator,
};

impl Walk {
    /// Walks lists that run one after another in the same shell.
    pub(super) fn lists(&mut self, lists: &[CompoundList], context: &Context) {
        let mut given = Vec::new();
        for list in lists {
            self.items(list, context, &mut given);
        }
        self.are_certain(&given);
    }

    pub(super) fn list(&mut self, list: &CompoundList, context: &Context) {
        self.lists(std::slice::from_ref(list), context);
    }

    /// Notes that what the commands at these positions assign is held by all behind them, as far as the walk is.
    fn are_certain(&mut self, given: &[u32]) {
        let end = self.position();
        for at in given {
            if let Some(command) = usize::try_from(*at).ok().and_then(|at| self.commands.get_mut(at)) {
                command.certain_to = end;
            }
        }
    }

    /// Walks a list; notes in `given` where its assignments stand that happen whenever it runs.
    fn items(&mut self, list: &CompoundList, context: &Context, given: &mut Vec<u32>) {
        if context.depth > MAX_DEPTH {
            return self.trouble(NotUnderstood::TooDeep);
        }
        let mut moved: Option<Context> = None;
        for CompoundListItem(item, separator) in &list.0 {
            // A list that runs in the background has a shell of its own.
            if matches!(separator, SeparatorOperator::Sequence) && assigns(&item.first) {
                given.push(self.position());
            }
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
        let mut given = Vec::new();
        for (operator, pipeline) in list {
            only_and &= matches!(operator, PipelineOperator::And);
            let at = self.position();
            if only_and && assigns(pipeline) {
                given.push(at);
            } else if !only_and {
                self.are_certain(&given);
                given.clear();
            }
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
        self.are_certain(&given);
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

/// Whether it does nothing but fill variables of the shell that it runs in: `D=x`, `export D=x`.
fn assigns(pipeline: &Pipeline) -> bool {
    let [Command::Simple(simple)] = pipeline.seq.as_slice() else { return false };
    let prefix = simple.prefix.iter().flat_map(|prefix| &prefix.0);
    let mut items = prefix.chain(simple.suffix.iter().flat_map(|suffix| &suffix.0));
    let keeps = match &simple.word_or_name {
        Some(name) => simple.prefix.is_none() && keeps(&name.value),
        None => simple.prefix.is_some(),
    };
    // What else feeds it may stand in front of it.
    keeps
        && items.all(|item| match item {
            Item::Word(_) | Item::AssignmentWord(..) => true,
            Item::IoRedirect(redirect) => {
                matches!(redirect, IoRedirect::HereDocument(..) | IoRedirect::HereString(..))
            }
            Item::ProcessSubstitution(..) => false,
        })
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
