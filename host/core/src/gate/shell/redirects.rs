//! The walk's part about redirects and process substitutions: what they name, and what feeds whom.

use super::context::Context;
use super::input::Stdin;
use super::printed::{Place, Slots};
use super::walk::Walk;
use super::word;
use crate::gate::call::{Redirect, RedirectKind, Word};
use brush_parser::ast::{
    CompoundList, IoFileRedirectKind, IoFileRedirectTarget, IoRedirect, ProcessSubstitutionKind, RedirectList,
};
use std::ops::Range;

/// A command's redirects and process substitutions, in the order of the line.
#[derive(Default)]
pub(super) struct Redirects<'t> {
    pub list: Vec<Redirect>,
    /// What `<(…)` runs, whose output the command reads.
    pub feeders: Vec<&'t CompoundList>,
    /// What `>(…)` runs, which reads the command's output.
    pub readers: Vec<&'t CompoundList>,
    /// Substitutions in the names of files.
    pub slots: Slots,
    /// The descriptors that are opened for reading.
    pub opens: Vec<u32>,
    /// It writes to a descriptor that was opened somewhere.
    pub sends: bool,
    /// What the last redirect of the standard input makes it.
    stdin: Option<NewInput>,
}

enum NewInput {
    Known(Stdin),
    /// The output of the feeder at this position.
    Feeder(usize),
    /// Another descriptor.
    Descriptor(u32),
}

impl<'t> Redirects<'t> {
    /// Whether the standard input is another one than before.
    pub fn feeds(&self) -> bool {
        self.stdin.is_some()
    }

    pub fn substitution(&mut self, kind: &ProcessSubstitutionKind, list: &'t CompoundList) {
        match kind {
            ProcessSubstitutionKind::Read => self.feeders.push(list),
            ProcessSubstitutionKind::Write => self.readers.push(list),
        }
    }
}

impl Walk {
    pub(super) fn redirect<'t>(
        &mut self,
        redirect: &'t IoRedirect,
        redirects: &mut Redirects<'t>,
        code: &mut Vec<String>,
    ) {
        let (fd, kind, target) = match redirect {
            IoRedirect::OutputAndError(word, append) => {
                let kind = if *append { RedirectKind::Append } else { RedirectKind::Output };
                (None, kind, self.take(word::scan(&word.value), code).single())
            }
            IoRedirect::HereString(fd, word) => {
                (*fd, RedirectKind::HereDocument, self.take(word::scan(&word.value), code).single())
            }
            IoRedirect::HereDocument(fd, document) => {
                let target = if document.requires_expansion {
                    let mut scanned = self.take(word::scan_expanded(&document.doc.value), code).single();
                    scanned.literal &= !document.doc.value.contains(['$', '`']);
                    scanned
                } else {
                    Word { text: document.doc.value.clone(), literal: true }
                };
                (*fd, RedirectKind::HereDocument, target)
            }
            IoRedirect::File(fd, file_kind, target) => {
                let kind = match file_kind {
                    IoFileRedirectKind::Read | IoFileRedirectKind::DuplicateInput => RedirectKind::Input,
                    IoFileRedirectKind::Append => RedirectKind::Append,
                    IoFileRedirectKind::Write
                    | IoFileRedirectKind::ReadAndWrite
                    | IoFileRedirectKind::Clobber
                    | IoFileRedirectKind::DuplicateOutput => RedirectKind::Output,
                };
                let reads = kind == RedirectKind::Input || matches!(file_kind, IoFileRedirectKind::ReadAndWrite);
                let stdin = fd.map_or(reads, |fd| fd == 0);
                let number = fd.map_or(0, |fd| u32::try_from(fd).unwrap_or(u32::MAX));
                match target {
                    IoFileRedirectTarget::Fd(from) => {
                        let from = u32::try_from(*from).unwrap_or(u32::MAX);
                        if stdin {
                            redirects.stdin = Some(NewInput::Descriptor(from));
                        }
                        redirects.sends |= !reads && from > 2;
                        return;
                    }
                    IoFileRedirectTarget::ProcessSubstitution(kind, subshell) => {
                        redirects.substitution(kind, &subshell.list);
                        if stdin {
                            redirects.stdin = Some(match (kind, redirects.feeders.len().checked_sub(1)) {
                                (ProcessSubstitutionKind::Read, Some(last)) => NewInput::Feeder(last),
                                _ => NewInput::Known(Stdin::File),
                            });
                        }
                        return;
                    }
                    IoFileRedirectTarget::Filename(word) => {
                        let before = code.len();
                        let scanned = self.take(word::scan(&word.value), code);
                        redirects.slots.note(Place::Redirect(redirects.list.len()), before, &scanned);
                        let target = scanned.single();
                        if stdin {
                            redirects.stdin = opened(&target).map(NewInput::Known).or(redirects.stdin.take());
                        }
                        if reads {
                            redirects.opens.push(number);
                        }
                        redirects.list.push(Redirect { kind, target });
                        return;
                    }
                    IoFileRedirectTarget::Duplicate(word) => {
                        let target = self.take(word::scan(&word.value), code).single();
                        let number = target.text.trim_end_matches('-');
                        let is_number = target.literal && number.bytes().all(|byte| byte.is_ascii_digit());
                        if stdin && !(is_number && number == "0") {
                            redirects.stdin = Some(match number.parse() {
                                Ok(number) if is_number => NewInput::Descriptor(number),
                                _ if is_number => NewInput::Known(Stdin::Empty),
                                _ => NewInput::Known(Stdin::File),
                            });
                        }
                        redirects.sends |= !reads && number.parse().is_ok_and(|number: u32| number > 2);
                        // `2>&1`, `>&-`: no file.
                        if !is_number {
                            redirects.list.push(Redirect { kind, target });
                        }
                        return;
                    }
                }
            }
        };
        if kind == RedirectKind::HereDocument && fd.is_none_or(|fd| fd == 0) {
            redirects.stdin = Some(NewInput::Known(Stdin::Document(target.clone())));
        }
        redirects.list.push(Redirect { kind, target });
    }

    /// Walks what feeds a command by `<(…)`: the context of the command, and the positions of what feeds it.
    pub(super) fn inputs(&mut self, redirects: &Redirects<'_>, context: &Context) -> (Context, Vec<Range<u32>>) {
        let mut fed = Vec::with_capacity(redirects.feeders.len());
        for list in &redirects.feeders {
            let from = self.position();
            self.list(list, &context.substituted());
            fed.push(from..self.position());
        }
        let own = match &redirects.stdin {
            None => self.standing(context),
            Some(NewInput::Descriptor(number)) => {
                self.opened(*number).map_or_else(|| context.with_input(Stdin::File), |span| context.fed_by(span))
            }
            Some(NewInput::Known(stdin)) => context.with_input(stdin.clone()),
            Some(NewInput::Feeder(at)) => {
                fed.get(*at).map_or_else(|| context.with_input(Stdin::File), |span| context.fed_by(span.clone()))
            }
        };
        (own, fed)
    }

    /// Walks what reads by `>(…)` the output of the commands from position `from` on.
    pub(super) fn outputs(&mut self, readers: &[&CompoundList], from: u32, context: &Context) {
        let written = from..self.position();
        for list in readers {
            self.list(list, &context.substituted().fed_by(written.clone()));
        }
    }

    /// Walks a group with its redirects. What these read and write is recorded as a command without a program.
    pub(super) fn redirected(
        &mut self,
        list: Option<&RedirectList>,
        context: &Context,
        walk: impl FnOnce(&mut Self, &Context),
    ) {
        let Some(RedirectList(list)) = list else { return walk(self, context) };
        let (mut redirects, mut code) = (Redirects::default(), Vec::new());
        for redirect in list {
            self.redirect(redirect, &mut redirects, &mut code);
        }
        let (mut inner, fed) = self.inputs(&redirects, context);
        let mut files = std::mem::take(&mut redirects.list);
        // Of documents only what they print matters here.
        files.retain(|redirect| redirect.kind != RedirectKind::HereDocument || !redirect.target.literal);
        let (opens, at) = (!files.is_empty(), self.position());
        if opens {
            self.emit(Vec::new(), Vec::new(), files, context, &fed);
        }
        let own = at..self.position();
        self.substitutions(code, context);
        if opens {
            self.fill(own.clone(), own.end..self.position(), context);
            self.note_opened(&redirects.opens.iter().copied().filter(|number| *number > 2).collect::<Vec<_>>(), &own);
            if redirects.feeds() {
                inner = inner.read_by(own.clone());
            }
        }
        let from = self.position();
        walk(self, &inner);
        let last = self.last;
        self.outputs(&redirects.readers, from, context);
        let body = from..self.position();
        if !body.is_empty() {
            self.write(&own, &body);
            self.flows(&body, redirects.sends || self.sends(&own));
        }
        self.last = last;
    }
}

/// What a file is as the standard input; none where it is what that was before.
fn opened(file: &Word) -> Option<Stdin> {
    match file.text.as_str() {
        "/dev/stdin" | "/dev/fd/0" if file.literal => None,
        "/dev/null" if file.literal => Some(Stdin::Empty),
        _ => Some(Stdin::File),
    }
}
