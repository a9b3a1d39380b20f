//! How `tar` reads its arguments: with dashes or, in its first word, without.

use super::call::Word;
use super::options::{Item, Name, given, scan_letters, values};

/// Letters of options that take a value.
const VALUED: &str = "bCfFgHIKLNTVX";

/// Long options that take one.
const VALUED_LONG: [&str; 36] = [
    "--file",
    "--directory",
    "--blocking-factor",
    "--to-command",
    "--use-compress-program",
    "--rsh-command",
    "--rmt-command",
    "--info-script",
    "--new-volume-script",
    "--checkpoint-action",
    "--exclude",
    "--exclude-from",
    "--files-from",
    "--format",
    "--transform",
    "--xform",
    "--strip-components",
    "--owner",
    "--group",
    "--mode",
    "--mtime",
    "--newer",
    "--after-date",
    "--starting-file",
    "--label",
    "--tape-length",
    "--listed-incremental",
    "--volno-file",
    "--sort",
    "--suffix",
    "--index-file",
    "--add-file",
    "--record-size",
    "--level",
    "--pax-option",
    "--quoting-style",
];

/// Options whose value is run.
const PROGRAMS: [&str; 7] =
    ["-I", "-F", "--to-command", "--use-compress-program", "--rsh-command", "--info-script", "--new-volume-script"];

/// The shell code that it is told to run.
pub(super) fn programs(items: &[Item<'_>]) -> Vec<Word> {
    let mut found = values(items, &PROGRAMS);
    for action in values(items, &["--checkpoint-action"]) {
        let code = action.text.split_once("exec=").map(|(_, code)| code.to_owned());
        found.extend(code.map(|text| Word { text, literal: action.literal }));
    }
    found
}

/// Whether a program is it.
pub(super) fn is_one(program: &str) -> bool {
    matches!(program, "tar" | "gtar" | "bsdtar")
}

/// Its arguments.
pub(super) fn items(args: &[Word]) -> Vec<Item<'_>> {
    let old = args
        .split_first()
        .filter(|(first, _)| !first.text.is_empty() && first.text.bytes().all(|byte| byte.is_ascii_alphabetic()));
    let Some((letters, mut rest)) = old else { return scan_letters(args, VALUED, &VALUED_LONG) };
    let mut items = Vec::with_capacity(args.len());
    // `tar cfI archive program …`: the values follow in the letters' order.
    for letter in letters.text.chars() {
        let value = match rest.split_first() {
            Some((value, tail)) if VALUED.contains(letter) => {
                rest = tail;
                Some(value.clone())
            }
            _ => None,
        };
        items.push(Item::Option(Name::Short(letter), value));
    }
    items.extend(scan_letters(rest, VALUED, &VALUED_LONG));
    items
}

/// Whether it packs files into an archive.
pub(super) fn packs(items: &[Item<'_>]) -> bool {
    given(items, &["-c", "-r", "-u", "-A", "--create", "--append", "--update", "--concatenate", "--catenate"])
}

/// The files and folders that it writes.
pub(super) fn written(items: &[Item<'_>]) -> Vec<Word> {
    let mut found = Vec::new();
    if packs(items) {
        found.extend(values(items, &["-f", "--file"]).into_iter().filter(|file| file.text != "-"));
    }
    if given(items, &["-x", "--extract", "--get"]) {
        found.extend(values(items, &["-C", "--directory"]));
    }
    found.extend(values(items, &["--index-file"]));
    found
}
