//! Which pipelines move a line into another folder, and which end it.

use brush_parser::ast::{Command, CommandPrefixOrSuffixItem as Item, CompoundCommand, CompoundListItem, Pipeline};

/// Whether it is nothing but `cd` or `pushd`, so that what is behind its success runs where that leads.
pub(super) fn is_move(pipeline: &Pipeline) -> bool {
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
pub(super) fn leaves(pipeline: &Pipeline) -> bool {
    match pipeline.seq.as_slice() {
        [Command::Simple(simple)] => {
            let words = simple.suffix.iter().flat_map(|suffix| &suffix.0);
            let plain = words.into_iter().all(|item| matches!(item, Item::Word(_)));
            let leaves = |name: &str| matches!(name, "exit" | "return");
            plain && simple.prefix.is_none() && simple.word_or_name.as_ref().is_some_and(|name| leaves(&name.value))
        }
        [Command::Compound(CompoundCommand::BraceGroup(group), _)] => {
            let last = group.list.0.last();
            last.is_some_and(|CompoundListItem(last, _)| last.additional.is_empty() && leaves(&last.first))
        }
        _ => false,
    }
}
