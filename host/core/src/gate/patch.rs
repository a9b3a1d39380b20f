//! Which files a patch names: the agents' own format (`*** Update File: x`), and unified diffs.
//!
//! Pure text.

/// The program that takes patches in the agents' own format.
pub(super) const PROGRAMS: [&str; 2] = ["apply_patch", "applypatch"];

/// The files that a patch touches.
pub(super) fn paths(patch: &str) -> Vec<String> {
    let marks = ["*** Add File: ", "*** Update File: ", "*** Delete File: ", "*** Move to: "];
    let own = |line: &str| marks.iter().find_map(|mark| line.strip_prefix(mark)).map(|path| path.trim().to_owned());
    let found: Vec<String> = patch.lines().filter_map(|line| own(line.trim_start())).collect();
    if !found.is_empty() {
        return found;
    }
    let diff = |line: &str| {
        let path = line.strip_prefix("--- ").or_else(|| line.strip_prefix("+++ "))?;
        // A time may stand behind a tab.
        let path = path.split('\t').next().unwrap_or_default().trim();
        (path != "/dev/null")
            .then(|| ["a/", "b/"].iter().find_map(|side| path.strip_prefix(side)).unwrap_or(path).to_owned())
    };
    if patch.contains("\n+++ ") { patch.lines().filter_map(diff).collect() } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_in_both_formats() {
        assert_eq!(paths("*** Begin Patch\n*** Add File: a b\n+x\n  *** Move to: /c \n"), ["a b", "/c"]);
        assert_eq!(paths("--- a/x\n+++ b/../y\t2020\n@@\n"), ["x", "../y"]);
        assert_eq!(paths("--- /dev/null\n+++ /z\n"), ["/z"]);
        assert_eq!(paths("--- a rule\n--- another"), Vec::<String>::new());
    }
}
