//! What a shell's own commands put into variables, and which of their words they expand once more.

use super::input::{self, Input};
use super::wrappers::{Assignments, assignment};
use crate::gate::call::Word;
use crate::gate::options::{is_cluster_with, scan, values, words};

/// Commands that declare: their words are assignments.
const DECLARING: [&str; 5] = ["export", "declare", "typeset", "local", "readonly"];

/// What fills a variable that the line does not tell: what another command prints, or a file says.
pub(super) const PRINTED: &str = "$()";

/// What a command of this name puts into variables by its arguments.
pub(super) fn assigned(program: &str, args: &[Word], input: &Input<'_>) -> Assignments {
    match program {
        _ if DECLARING.contains(&program) => {
            // `declare -n r=x` makes `r` another name of `x`.
            let names = args.iter().any(|arg| is_cluster_with(&arg.text, 'n')) && program != "export";
            let named = |(name, value): (String, Word)| match names {
                true => (name, Word { text: format!("${}", value.text), literal: false }),
                false => (name, value),
            };
            args.iter().filter_map(assignment).map(named).collect()
        }
        "read" | "mapfile" | "readarray" => {
            let valued: &[&str] = match program {
                "read" => &["-a", "-d", "-i", "-n", "-N", "-p", "-t", "-u"],
                _ => &["-d", "-n", "-O", "-s", "-u", "-C", "-c"],
            };
            if !input.is_fed() {
                return Vec::new();
            }
            let items = scan(args, valued);
            let array = if program == "read" { values(&items, &["-a"]) } else { Vec::new() };
            let mut names: Vec<String> =
                words(&items).into_iter().chain(&array).map(|name| name.text.clone()).collect();
            if names.is_empty() {
                names.push(if program == "read" { "REPLY" } else { "MAPFILE" }.to_owned());
            }
            let read = input.code();
            let text = read.texts.into_iter().next();
            let value = text.unwrap_or_else(|| Word { text: PRINTED.to_owned(), literal: false });
            names.into_iter().map(|name| (name, value.clone())).collect()
        }
        "printf" => {
            let items = scan(args, &["-v"]);
            let said = input::formatted(&words(&items).into_iter().cloned().collect::<Vec<_>>());
            let names = values(&items, &["-v"]);
            said.iter().flat_map(|said| names.iter().map(|name| (name.text.clone(), said.clone()))).collect()
        }
        _ => Vec::new(),
    }
}

/// The words of a command of this name that are expanded once more: an index of an array, a list of words.
pub(super) fn expanded(program: &str, args: &[Word]) -> Vec<Word> {
    let index = |arg: &&Word| arg.text.contains('[') && arg.text.contains(['$', '`']);
    match program {
        "let" | "unset" | "read" | "mapfile" | "readarray" | "test" | "[" | "getopts" | "wait" => {
            args.iter().filter(index).cloned().collect()
        }
        _ if DECLARING.contains(&program) => args.iter().filter(index).cloned().collect(),
        "printf" => values(&scan(args, &["-v"]), &["-v"]).iter().filter(index).cloned().collect(),
        "compgen" | "complete" => values(&scan(args, &["-A", "-W", "-C", "-F", "-G", "-P", "-S", "-X", "-o"]), &["-W"]),
        _ => Vec::new(),
    }
}

/// The words of a command of this name that are code: `mapfile -C code`, `compgen -C code`, `bind -x '"k": code'`.
pub(super) fn code(program: &str, args: &[Word]) -> Vec<Word> {
    match program {
        "mapfile" | "readarray" => values(&scan(args, &["-C", "-c", "-d", "-n", "-O", "-s", "-u"]), &["-C"]),
        "compgen" | "complete" => values(&scan(args, &["-A", "-W", "-C", "-F", "-G", "-P", "-S", "-X", "-o"]), &["-C"]),
        "bind" => {
            let bound = values(&scan(args, &["-x", "-f", "-m", "-q", "-r", "-u"]), &["-x"]);
            let code =
                |word: &Word| Some(Word { text: word.text.split_once(':')?.1.trim().to_owned(), ..word.clone() });
            bound.iter().filter_map(code).collect()
        }
        _ => Vec::new(),
    }
}
