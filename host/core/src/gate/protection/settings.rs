//! The agents' settings files that hold our hooks, as paths, as patterns, and as code spells them.

use super::wildcards::{Reach, Wild};
use std::path::Path;

/// Settings files: folder, beginning and end of the file's name.
const SETTINGS: [(&str, &str, &str); 5] = [
    (".claude", "settings", ".json"),
    (".codex", "hooks", ".json"),
    (".codex", "config", ".toml"),
    (".gemini", "settings", ".json"),
    (".cursor", "hooks", ".json"),
];

/// Whether a path is a settings file, or the folder of one: deleting or moving that takes the file with it.
pub(super) fn is_one(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
    is_file(folder, name) || is_one_of(name)
}

/// Whether a pattern below a folder of this name may come to a settings file or the folder of one. `hidden` says
/// that `*` takes names with a dot in front, as shells do not unless told to.
pub(super) fn may_match(folder: &str, pattern: &Wild, hidden: bool) -> bool {
    SETTINGS.iter().any(|(own, stem, end)| {
        let files = [format!("{stem}{end}"), format!("{stem}.local{end}")];
        files.iter().any(|file| {
            let in_it = folder == *own && pattern.ends_in(&[file], hidden) && pattern.len() == 1;
            in_it || pattern.ends_in(&[own, file], hidden)
        }) || pattern.ends_in(&[own], hidden)
    })
}

/// The folders of settings.
pub(super) fn folders() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|(own, _, _)| *own)
}

/// Whether a folder of settings has this name.
pub(super) fn is_one_of(name: &str) -> bool {
    folders().any(|own| own == name)
}

/// Whether a file of this name in a folder of that one is a settings file.
pub(super) fn is_file(folder: &str, name: &str) -> bool {
    SETTINGS.iter().any(|(own, stem, end)| folder == *own && name.starts_with(stem) && name.ends_with(end))
}

/// The names that settings files have.
fn files() -> impl Iterator<Item = (&'static str, &'static str, String)> {
    SETTINGS.iter().flat_map(|(own, stem, end)| {
        [format!("{stem}{end}"), format!("{stem}.local{end}")].map(|file| (*own, *stem, file))
    })
}

/// Whether a search for a name may find a settings file or the folder of one; says whether the name says so itself,
/// rather than something that many files are called.
pub(super) fn by_name(pattern: &str) -> Option<bool> {
    let wild = Wild::of(&pattern.to_ascii_lowercase());
    let folder = folders().any(|own| wild.ends_in(&[own], true));
    let found: Vec<&str> =
        files().filter(|(_, _, file)| wild.ends_in(&[file], true)).map(|(_, stem, _)| stem).collect();
    // `config.toml` is a common name.
    let says = found.iter().any(|stem| *stem != "config" && pattern.to_ascii_lowercase().contains(stem));
    (folder || !found.is_empty()).then_some(says || folder && is_one_of(pattern))
}

/// The same of a whole path, in which `*` takes slashes too, or of a regular expression.
pub(super) fn by_path(pattern: &str) -> Option<bool> {
    let flat = |text: &str| text.to_ascii_lowercase().replace('/', "\u{1}");
    let wild = Wild::of(&flat(&pattern.replace(".*", "*").replace('\\', "")));
    let mut paths = files().map(|(own, _, file)| format!("./{own}/{file}"));
    let may_be = paths.any(|path| {
        let below = [path.as_str(), path.trim_start_matches("./"), path.trim_start_matches('.')];
        below.into_iter().any(|path| wild.ends_in(&[&flat(path)], true))
    });
    may_be.then(|| by_letters(pattern) == Some(true))
}

/// The same of letters that stand somewhere in a name.
pub(super) fn by_letters(letters: &str) -> Option<bool> {
    let letters = letters.to_ascii_lowercase();
    let stem = |(own, stem, _): (&str, &str, String)| {
        letters.contains(own.trim_start_matches('.')) || stem != "config" && letters.contains(stem)
    };
    if files().any(stem) {
        return Some(true);
    }
    files().any(|(own, _, file)| file.contains(&letters) || own.contains(&letters)).then_some(false)
}

/// Whether code names one: `.claude/settings`, or `".claude", "settings.json"`.
pub(super) fn are_named(spelled: &str) -> bool {
    SETTINGS.iter().any(|(folder, stem, _)| spelled.contains(&format!("/{folder}/{stem}")))
}

/// Code with whatever stands between the parts of a path in it read as `/`: slashes, or quotes with commas, plus
/// signs, brackets and blanks.
pub(super) fn spelled(code: &str) -> String {
    let between = |c: char| " \t/\"',()[]{}+\\".contains(c);
    let mut spelled = String::from("/");
    let mut rest = code;
    while !rest.is_empty() {
        let word = rest.find(between).unwrap_or(rest.len());
        spelled.push_str(rest.get(..word).unwrap_or_default());
        rest = rest.get(word..).unwrap_or_default();
        let gap = rest.find(|c| !between(c)).unwrap_or(rest.len());
        let parted = rest.get(..gap).unwrap_or_default();
        // Blanks and brackets alone are between words, not between a path's parts.
        spelled.push(if parted.contains(['/', '"', '\'', ',']) { '/' } else { ' ' });
        rest = rest.get(gap..).unwrap_or_default();
    }
    spelled
}

/// What a pattern's reach into the home means, where it names a part of it that is only read.
pub(super) fn names_secret(reach: &Reach, secrets: &[&str]) -> bool {
    match reach {
        Reach::Inside(rest) => secrets.iter().any(|secret| {
            let parts: Vec<&str> = secret.split('/').collect();
            !matches!(rest.reach(&parts), Reach::Elsewhere | Reach::Above)
        }),
        Reach::At => true,
        Reach::Elsewhere | Reach::Above => false,
    }
}
