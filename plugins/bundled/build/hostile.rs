//! The guests that misbehave, `hostile_*`, as a list that the tests must go through: an enum that they match on, and
//! a macro that makes one test of each. So a new file without a test does not compile.
//!
//! Knows nothing of what such a guest does or how it is tested.

use std::fmt::{Result, Write};

/// How the stem of a guest that misbehaves begins.
const PREFIX: &str = "hostile_";

/// The stems of `stems` that are hostile, without their prefix.
fn hostile(stems: &[String]) -> impl Iterator<Item = &str> {
    stems.iter().filter_map(|stem| stem.strip_prefix(PREFIX))
}

/// Writes the enum `Hostile`, for the module of all guests.
pub fn write_list(stems: &[String], into: &mut String) -> Result {
    let (mut variants, mut names, mut components) = (String::new(), String::new(), String::new());
    for what in hostile(stems) {
        let variant = camel(what);
        writeln!(variants, "        /// `{PREFIX}{what}`.\n        {variant},")?;
        writeln!(names, "                Self::{variant} => \"{}\",", format!("{PREFIX}{what}").replace('_', "-"))?;
        writeln!(components, "                Self::{variant} => {},", format!("{PREFIX}{what}").to_uppercase())?;
    }
    write!(
        into,
        "    /// A guest that misbehaves.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Hostile {{\n{variants}    }}
    impl Hostile {{
        /// Its plugin name.
        #[must_use]
        pub fn name(self) -> &'static str {{
            match self {{\n{names}            }}
        }}
        /// Its component.
        #[must_use]
        pub fn component(self) -> &'static [u8] {{
            match self {{\n{components}            }}
        }}
    }}\n"
    )
}

/// Writes the macro `hostile_tests!`, for the crate's root.
pub fn write_tests(stems: &[String], into: &mut String) -> Result {
    into.push_str("/// One test for each [`guests::Hostile`], named after it: it hands the guest to `$run`.\n");
    into.push_str("#[macro_export]\nmacro_rules! hostile_tests {\n    ($run:path) => {\n");
    for what in hostile(stems) {
        let variant = camel(what);
        writeln!(
            into,
            "        #[test]\n        fn {what}() {{\n            $run($crate::guests::Hostile::{variant});"
        )?;
        into.push_str("        }\n");
    }
    into.push_str("    };\n}\n");
    Ok(())
}

fn camel(snake: &str) -> String {
    let words = snake.split('_').map(|word| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
    });
    words.collect()
}
