//! The walk's part about what stands open between commands: descriptors, coprocesses, named pipes.
//!
//! Knows which commands may write into them and which read from there; what flows is others' to judge.

use super::context::Context;
use super::walk::Walk;
use crate::gate::call::{RedirectKind, Word, base_name};
use std::ops::Range;

/// Most descriptors, coprocesses and named pipes that are told apart. Few lines have one.
const MAX_CHANNELS: usize = 16;

/// What stands open so far.
#[derive(Debug, Default)]
pub(super) struct Channels {
    /// Descriptors that were opened on a file, and the command that did; the standard input by `exec` alone.
    opened: Vec<(u32, Range<u32>)>,
    /// Positions of the coprocesses.
    processes: Vec<Range<u32>>,
    /// Positions of what reads all that is printed from then on.
    sinks: Vec<Range<u32>>,
    /// The names of pipes, and the commands so far that use them.
    pipes: Vec<(String, Vec<u32>)>,
}

impl Walk {
    /// What reads a descriptor reads what the command at `span` opened it on.
    pub(super) fn note_opened(&mut self, descriptors: &[u32], span: &Range<u32>) {
        let opened = &mut self.channels.opened;
        opened.extend(descriptors.iter().map(|descriptor| (*descriptor, span.clone())));
        let over = opened.len().saturating_sub(MAX_CHANNELS);
        opened.drain(..over);
    }

    pub(super) fn note_process(&mut self, span: Range<u32>) {
        if self.channels.processes.len() < MAX_CHANNELS {
            self.channels.processes.push(span);
        }
    }

    /// `exec > >(…)`
    pub(super) fn note_sink(&mut self, span: Range<u32>) {
        if self.channels.sinks.len() < MAX_CHANNELS {
            self.channels.sinks.push(span);
        }
    }

    /// Which command opened a descriptor last.
    pub(super) fn opened(&self, descriptor: u32) -> Option<Range<u32>> {
        let found = self.channels.opened.iter().rev().find(|(own, _)| *own == descriptor);
        found.map(|(_, span)| span.clone())
    }

    /// A context that reads what `exec <` opened, where nothing else feeds it.
    pub(super) fn standing(&self, context: &Context) -> Context {
        let fed = context.stdin.is_inherited() && context.sources.is_empty();
        let opened = if fed { self.opened(0) } else { None };
        opened.map_or_else(|| context.clone(), |span| context.fed_by(span))
    }

    /// The commands that opened the descriptors which a command names: `read -u 3`, `cat /dev/fd/3`.
    pub(super) fn descriptors(&self, argv: &[Word]) -> Vec<Range<u32>> {
        if self.channels.opened.is_empty() {
            return Vec::new();
        }
        let reads = argv.first().is_some_and(|name| matches!(name.text.as_str(), "read" | "mapfile" | "readarray"));
        let named = argv.iter().enumerate().filter_map(|(at, word)| {
            let text = word.text.as_str();
            let number = ["/dev/fd/", "/proc/self/fd/"].iter().find_map(|folder| text.strip_prefix(folder));
            let attached =
                if reads { text.strip_prefix('-').and_then(|letters| letters.split_once('u')) } else { None };
            let attached = attached.map(|(_, number)| number).filter(|number| !number.is_empty());
            let behind = reads && at > 0 && argv.get(at - 1).is_some_and(|before| before.text.ends_with('u'));
            self.opened(number.or(attached).or_else(|| behind.then_some(text))?.parse().ok()?)
        });
        named.collect()
    }

    /// Whether a group's own redirects, at `own`, lead to where a variable says.
    pub(super) fn sends(&self, own: &Range<u32>) -> bool {
        let commands = own.clone().filter_map(|at| self.commands.get(usize::try_from(at).ok()?));
        let into = |kind| matches!(kind, RedirectKind::Output | RedirectKind::Append);
        let mut written = commands.flat_map(|command| &command.redirects).filter(|redirect| into(redirect.kind));
        written.any(|redirect| !redirect.target.literal && redirect.target.text.contains('$'))
    }

    /// Notes what the commands at `span` send to coprocesses and named pipes, and which of these they use.
    pub(super) fn flows(&mut self, span: &Range<u32>, to_descriptor: bool) {
        let at = |position: u32| usize::try_from(position).ok();
        let mut readers: Vec<u32> = Vec::new();
        for position in span.clone() {
            let Some(command) = at(position).and_then(|at| self.commands.get(at)) else { continue };
            readers.extend(self.channels.sinks.iter().flat_map(Clone::clone));
            if to_descriptor || self.sends(&(position..position + 1)) {
                readers.extend(self.channels.processes.iter().flat_map(Clone::clone));
            }
            if matches!(command.name(), "mkfifo" | "mknod") {
                let names = command.args.iter().map(|arg| base_name(&arg.text)).filter(|name| !name.starts_with('-'));
                let names = names.take(MAX_CHANNELS - self.channels.pipes.len().min(MAX_CHANNELS));
                self.channels.pipes.extend(names.map(|name| (name.to_owned(), Vec::new())));
                continue;
            }
            let words = command.args.iter().chain(command.redirects.iter().map(|redirect| &redirect.target));
            let names: Vec<&str> = words.map(|word| base_name(&word.text)).collect();
            for (name, users) in &mut self.channels.pipes {
                if names.contains(&name.as_str()) {
                    readers.extend(users.iter().copied());
                    users.push(position);
                }
            }
        }
        for reader in readers {
            if let Some(command) = at(reader).and_then(|at| self.commands.get_mut(at))
                && !command.reads.contains(span)
                && !span.contains(&reader)
            {
                command.reads.push(span.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse_blocking;
    use super::MAX_CHANNELS;
    use crate::gate::call::reached;

    /// Whether what the first `a` prints, or reads, reaches a `b`.
    fn flows(line: &str) -> bool {
        let commands = parse_blocking(line).commands;
        let from = commands.iter().position(|command| {
            command.name() == "a" || command.redirects.iter().any(|redirect| redirect.target.text == "a")
        });
        from.is_some_and(|from| reached(&commands, from).of(&commands).any(|command| command.name() == "b"))
    }

    #[test]
    fn what_stands_open_is_followed() {
        for line in [
            "coproc b; a >&${COPROC[1]}",
            "coproc C { x; b; }; a >&\"${C[1]}\"",
            "coproc b; { a; } >&${COPROC[1]}",
            "mkfifo p; b < p & a > p",
            "mkfifo p; b -f p & a | tee p",
            "exec < a; b",
            "exec < a; while read l; do b $l; done",
            "exec 3< a; b <&3",
            "exec 3< a; read -u 3 l; b $l",
            "exec 3< a; read -ru3 l; b $l",
            "exec 4< a; b /dev/fd/4",
            "while read -u 3 l; do b $l; done 3< a",
            "while read l; do b $l; done < a",
            "{ b; } < a",
            "(x; b) < a",
            "f() { b; }; f < a",
            "f() { b; } < a; f",
            "for l in $(a); do b $l; done",
            "while read l; do b $l; done <<< \"$(a)\"",
            "{ a; } > t; b < t",
            "exec > >(b); a",
            "exec 5> >(b); a >&5",
            "x=$(a); y=1$x; b $y",
            "mapfile -t x < a; for y in \"${x[@]}\"; do b $y; done",
        ] {
            assert!(flows(line), "{line}: {:?}", parse_blocking(line).commands);
        }
        for line in [
            "coproc b; a > x",
            "{ x; } < a; b",
            "x < a; b",
            "exec 3< a; b",
            "mkfifo p; b < q & a > p",
            "for l in $(a); do x $l; done; b",
        ] {
            assert!(!flows(line), "{line}");
        }
        let many = |count: usize| {
            format!("exec 3< a; {}b <&3", (0..count).map(|n| format!("exec {}< c; ", n + 5)).collect::<String>())
        };
        assert!(flows(&many(MAX_CHANNELS - 1)));
        assert!(!flows(&many(MAX_CHANNELS)));
    }
}
