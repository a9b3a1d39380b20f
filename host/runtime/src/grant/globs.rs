//! The globs of grants and asks: paths of a workspace, and the arguments of a program. Which texts are globs at
//! all, which glob covers another, and what a set of them matches. Knows nothing of files or programs.

use globset::{Glob, GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};
use std::path::Path;

/// Longest glob, in bytes: each is compiled, and a plugin's own are its author's.
const MAX_GLOB_BYTES: usize = 512;
/// Most arguments of one pattern.
const MAX_PATTERN_ARGS: usize = 64;
/// As a whole glob: any path, or the rest of a program's arguments.
const EVERYTHING: &str = "**";
/// What makes a text a pattern and not itself.
const SPECIAL: [char; 8] = ['*', '?', '[', ']', '{', '}', '\\', '!'];

/// Globs of paths below a workspace's root. `X/**` covers the folder `X` too.
#[derive(Debug, Clone, Default)]
pub(crate) struct PathGlobs(GlobSet);

impl PathGlobs {
    /// Compiles globs that [`check_path_glob`] takes; one that it refuses matches nothing.
    pub(crate) fn new<'a>(globs: impl IntoIterator<Item = &'a str>) -> Self {
        let mut set = GlobSetBuilder::new();
        for glob in globs.into_iter().filter(|glob| check_path_glob(glob).is_ok()) {
            let folder = glob.strip_suffix("/**").filter(|folder| !folder.is_empty());
            for glob in [Some(glob), folder].into_iter().flatten().filter_map(|glob| path_glob(glob).ok()) {
                set.add(glob);
            }
        }
        Self(set.build().unwrap_or_default())
    }

    /// Whether one of them matches `path`, which is relative to the root and has neither `.` nor `..`; the root
    /// itself is the empty path.
    pub(crate) fn matches(&self, path: &Path) -> bool {
        self.0.is_match(if path.as_os_str().is_empty() { Path::new(".") } else { path })
    }
}

/// Patterns of a program's arguments: a glob for each, and `**` at the end for the rest.
#[derive(Debug, Clone)]
pub(crate) struct ArgGlobs {
    each: Vec<GlobMatcher>,
    rest: bool,
}

impl ArgGlobs {
    /// Compiles what [`check_args`] takes; none where it refuses.
    pub(crate) fn new(args: &[String]) -> Option<Self> {
        check_args(args).ok()?;
        let (each, rest) = split_rest(args);
        let each = each.iter().map(|arg| arg_glob(arg).map(|glob| glob.compile_matcher()));
        Some(Self { each: each.collect::<Result<_, _>>().ok()?, rest })
    }

    pub(crate) fn matches(&self, args: &[String]) -> bool {
        let counted = if self.rest { args.len() >= self.each.len() } else { args.len() == self.each.len() };
        counted && self.each.iter().zip(args).all(|(glob, arg)| glob.is_match(arg))
    }
}

fn path_glob(text: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(text).literal_separator(true).build()
}

/// An argument is no path: `*` matches `/` too, as in a branch's name.
fn arg_glob(text: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(text).literal_separator(false).build()
}

/// Whether `glob` can match a path of a workspace.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check_path_glob(glob: &str) -> Result<(), String> {
    bounded(glob)?;
    if glob.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(format!("`{glob}` is not relative to the first root, or has `.` or `..`: write `src/**`"));
    }
    path_glob(glob).map(drop).map_err(|error| error.to_string())
}

/// Whether `program` can be run at all: a bare name or an absolute path, so that it never means a file of a
/// workspace.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check_program(program: &str) -> Result<(), String> {
    let named = !program.contains('/') && !matches!(program, "" | "." | "..");
    if program.len() > MAX_GLOB_BYTES || program.contains('\0') || !(named || program.starts_with('/')) {
        return Err(format!("the program `{program}` is neither a bare name nor an absolute path"));
    }
    Ok(())
}

/// Whether `args` are globs, `**` standing last alone.
///
/// # Errors
/// What is wrong with the first that is not.
pub(crate) fn check_args(args: &[String]) -> Result<(), String> {
    if args.len() > MAX_PATTERN_ARGS {
        return Err(format!("{} arguments, at most {MAX_PATTERN_ARGS} are taken", args.len()));
    }
    let (each, _) = split_rest(args);
    for arg in each {
        if arg == EVERYTHING {
            return Err("`**` is the rest of the arguments: it stands last".to_owned());
        }
        bounded(arg)?;
        arg_glob(arg).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn bounded(glob: &str) -> Result<(), String> {
    if glob.len() > MAX_GLOB_BYTES || glob.contains('\0') {
        return Err(format!("a glob has over {MAX_GLOB_BYTES} bytes, or a NUL"));
    }
    Ok(())
}

fn split_rest(args: &[String]) -> (&[String], bool) {
    match args {
        [each @ .., last] if last == EVERYTHING => (each, true),
        each => (each, false),
    }
}

/// Whether every path that `asked` matches is surely matched by `granted`.
pub(super) fn path_covers(granted: &str, asked: &str) -> bool {
    if granted == asked || granted == EVERYTHING {
        return true;
    }
    let below = granted.strip_suffix("/**").filter(|folder| !folder.contains(SPECIAL));
    if below.is_some_and(|folder| asked.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))) {
        return true;
    }
    !asked.contains(SPECIAL) && PathGlobs::new([granted]).matches(Path::new(asked))
}

/// Whether all arguments that `asked` matches are surely matched by `granted`.
pub(super) fn args_cover(granted: &[String], asked: &[String]) -> bool {
    let ((granted, rest), (asked, more)) = (split_rest(granted), split_rest(asked));
    let counted = if rest { asked.len() >= granted.len() } else { !more && asked.len() == granted.len() };
    counted && granted.iter().zip(asked).all(|(granted, asked)| arg_covers(granted, asked))
}

fn arg_covers(granted: &str, asked: &str) -> bool {
    let literal = || !asked.contains(SPECIAL) && arg_glob(granted).is_ok_and(|it| it.compile_matcher().is_match(asked));
    granted == asked || granted == "*" || literal()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(args: &[&str]) -> Vec<String> {
        args.iter().map(|arg| (*arg).to_owned()).collect()
    }

    #[test]
    fn paths_are_matched_part_by_part() {
        for (glob, path, expected) in [
            ("**", "", true),
            ("**", "a/b", true),
            ("**", ".git/config", true),
            ("*", "", true),
            ("*", "a", true),
            ("*", "a/b", false),
            ("src/**", "src", true),
            ("src/**", "src/a/b", true),
            ("src/**", "srcs", false),
            ("src/**", "", false),
            ("src/*.rs", "src/a.rs", true),
            ("src/*.rs", "src/a/b.rs", false),
            ("**/*.rs", "a.rs", true),
            ("**/*.rs", "a/b/c.rs", true),
            ("{a,b}/**", "b", true),
            ("a\nb", "a\nb", true),
        ] {
            assert_eq!(PathGlobs::new([glob]).matches(Path::new(path)), expected, "{glob} {path}");
        }
        assert!(!PathGlobs::default().matches(Path::new("a")));
    }

    #[test]
    fn arguments_are_matched_one_by_one_and_a_last_one_may_be_the_rest() {
        for (globs, args, expected) in [
            (&["test", "**"] as &[&str], &["test"] as &[&str], true),
            (&["test", "**"], &["test", "--all", "x/y"], true),
            (&["test", "**"], &["build"], false),
            (&["test", "**"], &[], false),
            (&["**"], &[], true),
            (&[], &[], true),
            (&[], &["x"], false),
            (&["merge", "*"], &["merge", "feature/x"], true),
            (&["merge", "*"], &["merge"], false),
            (&["merge", "*"], &["merge", "a", "b"], false),
            (&["-p=*"], &["-p=a b\nc"], true),
            (&["a"], &["A"], false),
        ] {
            let found = ArgGlobs::new(&texts(globs)).is_some_and(|globs| globs.matches(&texts(args)));
            assert_eq!(found, expected, "{globs:?} {args:?}");
        }
    }

    #[test]
    fn what_is_no_glob_is_refused() {
        for glob in ["", "/etc/**", "../x", "a/../b", "a//b", "a/", "./a", "[", "a\0", &"x".repeat(MAX_GLOB_BYTES + 1)]
        {
            assert!(check_path_glob(glob).is_err(), "{glob}");
            assert!(!PathGlobs::new([glob]).matches(Path::new("a")), "{glob}");
        }
        for args in [&["**", "a"] as &[&str], &["["], &["x"; MAX_PATTERN_ARGS + 1]] {
            assert!(check_args(&texts(args)).is_err() && ArgGlobs::new(&texts(args)).is_none(), "{args:?}");
        }
        for (program, expected) in
            [("cargo", true), ("/bin/ls", true), ("./x", false), ("a/b", false), ("", false), ("..", false)]
        {
            assert_eq!(check_program(program).is_ok(), expected, "{program}");
        }
    }

    proptest! {
        #[test]
        fn a_path_that_is_covered_is_matched(
            granted in "(a|b|\\*|\\*\\*|\\{a,b\\})(/(a|b|\\*|\\*\\*)){0,2}",
            asked in "(a|b|\\*|\\*\\*|\\{a,b\\})(/(a|b|\\*|\\*\\*)){0,2}",
            path in "(a|b)(/(a|b)){0,3}",
        ) {
            if path_covers(&granted, &asked) && PathGlobs::new([&*asked]).matches(Path::new(&path)) {
                prop_assert!(PathGlobs::new([&*granted]).matches(Path::new(&path)));
            }
        }

        #[test]
        fn arguments_that_are_covered_are_matched(
            granted in proptest::collection::vec("a|b|\\*|\\?|\\*\\*|a\\*", 0..3),
            asked in proptest::collection::vec("a|b|\\*|\\?|\\*\\*|a\\*", 0..3),
            args in proptest::collection::vec("a|b|ab", 0..4),
        ) {
            let (Some(have), Some(want)) = (ArgGlobs::new(&granted), ArgGlobs::new(&asked)) else { return Ok(()) };
            if args_cover(&granted, &asked) && want.matches(&args) {
                prop_assert!(have.matches(&args));
            }
        }
    }
}
