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
    let file = |(own, stem, end): &(&str, &str, &str)| folder == *own && name.starts_with(stem) && name.ends_with(end);
    SETTINGS.iter().any(file) || SETTINGS.iter().any(|(own, _, _)| name == *own)
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
