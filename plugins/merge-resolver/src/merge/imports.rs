//! Import lines, and the names that each binds. A line that is not understood whole is no import here.

use super::kind::Language;

/// The names that `line` binds where it is one whole import of `language`, whose place among others does not
/// matter; none where it is anything else, or binds names that it does not say (`*`).
#[must_use]
pub fn bound_names(language: Language, line: &str) -> Option<Vec<String>> {
    let line = line.trim_end();
    let text = line.trim_start();
    match language {
        Language::C => None,
        Language::Rust => rust(text),
        // Indented, it may belong to a block that runs or does not.
        Language::Python => (text == line).then(|| python(text)).flatten(),
        Language::JavaScript => (text == line).then(|| javascript(text)).flatten(),
        Language::Java => java(text),
        Language::CSharp => c_sharp(text),
        Language::Swift => Some(vec![text.strip_prefix("import ").filter(|it| is_path(it, "."))?.to_owned()]),
        Language::Go => go(text),
    }
}

/// Whether imports may stand after these lines without another meaning: what is above a line, such as an attribute, may
/// be of that line alone, and in Go a line is an import by the block that it stands in.
#[must_use]
pub fn may_follow(language: Language, before: &[&str]) -> bool {
    match (language, before.last()) {
        (Language::Go, _) => in_block(before, "import ("),
        (_, None) => true,
        (_, Some(line)) => line.trim().is_empty() || bound_names(language, line).is_some(),
    }
}

/// Whether the last block opened by these lines is opened by the line `opening` and still open.
#[must_use]
pub fn in_block(before: &[&str], opening: &str) -> bool {
    let edge = before.iter().rev().map(|line| line.trim()).find(|line| line.ends_with('(') || *line == ")");
    edge == Some(opening)
}

fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|it| it.is_alphabetic() || it == '_' || it == '$')
        && characters.all(|it| it.is_alphanumeric() || it == '_' || it == '$')
}

fn is_path(text: &str, separator: &str) -> bool {
    text.split(separator).all(is_name)
}

fn rust(text: &str) -> Option<Vec<String>> {
    let item = text.strip_suffix(';')?;
    let item = match item.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(") ")?.1,
        Some(rest) => rest.strip_prefix(' ')?,
        None => item,
    };
    if let Some(module) = item.strip_prefix("mod ").or_else(|| item.strip_prefix("extern crate ")) {
        return is_name(module).then(|| vec![module.to_owned()]);
    }
    let mut names = Vec::new();
    let tree = item.strip_prefix("use ")?;
    use_tree(tree.strip_prefix("::").unwrap_or(tree), "", &mut names)?;
    Some(names)
}

/// The names of `a::b`, `a::b as c` and `a::{b, c}`; `parent` is what `self` stands for.
fn use_tree(tree: &str, parent: &str, names: &mut Vec<String>) -> Option<()> {
    let tree = tree.trim();
    if let Some((path, inside)) = tree.split_once('{') {
        let path = path.strip_suffix("::").unwrap_or(path);
        // One level of braces: what is deeper is not understood.
        let inside = inside.strip_suffix('}').filter(|inside| !inside.contains(['{', '}']))?;
        let last = path.rsplit("::").next().unwrap_or_default();
        return inside
            .split(',')
            .filter(|part| !part.trim().is_empty())
            .try_for_each(|part| use_tree(part, last, names));
    }
    let (path, name) = tree.split_once(" as ").map_or((tree, None), |(path, name)| (path, Some(name.trim())));
    let last = path.rsplit("::").next().unwrap_or_default();
    let bound = name.unwrap_or(if last == "self" { parent } else { last });
    let understood = is_path(path.trim(), "::") && is_name(bound);
    // `_` binds nothing.
    names.extend((bound != "_").then(|| bound.to_owned()));
    understood.then_some(())
}

fn python(text: &str) -> Option<Vec<String>> {
    let renamed = |part: &str, separator: &str| -> Option<String> {
        let (path, name) = part.split_once(" as ").map_or((part, None), |(path, name)| (path, Some(name)));
        let first = path.trim().split('.').next()?;
        let bound = name.unwrap_or(first).trim();
        (is_path(path.trim(), separator) && is_name(bound)).then(|| bound.to_owned())
    };
    if let Some(modules) = text.strip_prefix("import ") {
        return modules.split(',').map(|part| renamed(part, ".")).collect();
    }
    let (module, names) = text.strip_prefix("from ")?.split_once(" import ")?;
    let path = module.trim_start_matches('.');
    // `__future__` must stand first.
    let understood = (path.is_empty() && module != path || is_path(path, ".")) && module != "__future__";
    understood.then(|| names.split(',').map(|part| renamed(part, "\0")).collect())?
}

/// `var NAME = require('MODULE').PART;`
fn required(text: &str) -> Option<Vec<String>> {
    let words = ["var ", "let ", "const "];
    let (name, rest) = words.iter().find_map(|word| text.strip_prefix(word))?.split_once(" = require(")?;
    let quote = rest.chars().next().filter(|it| matches!(it, '"' | '\''))?;
    let (module, rest) = rest.get(1..)?.split_once(quote)?;
    let rest = rest.strip_prefix(')')?;
    let part = rest.strip_suffix(';').unwrap_or(rest);
    let whole = part.is_empty() || part.strip_prefix('.').is_some_and(|part| is_path(part, "."));
    (whole && !module.is_empty() && is_name(name)).then(|| vec![name.to_owned()])
}

fn javascript(text: &str) -> Option<Vec<String>> {
    if let Some(names) = required(text) {
        return Some(names);
    }
    let item = text.strip_suffix(';').unwrap_or(text).strip_prefix("import ")?;
    let (bindings, module) = item.rsplit_once(" from ")?;
    let quote = module.chars().next().filter(|it| matches!(it, '"' | '\''))?;
    let path = module.strip_prefix(quote)?.strip_suffix(quote)?;
    if path.is_empty() || path.contains(quote) {
        return None;
    }
    let bindings = bindings.strip_prefix("type ").unwrap_or(bindings).trim();
    let (whole, inside) = match bindings.split_once('{') {
        Some((whole, inside)) => (whole.trim(), Some(inside.strip_suffix('}')?)),
        None => (bindings, None),
    };
    let mut names = Vec::new();
    for part in whole.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        names.push(part.strip_prefix("* as ").unwrap_or(part).trim().to_owned());
    }
    for part in inside.unwrap_or_default().split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let part = part.strip_prefix("type ").unwrap_or(part);
        names.push(part.split_once(" as ").map_or(part, |(_, name)| name).trim().to_owned());
    }
    (!names.is_empty() && names.iter().all(|name| is_name(name))).then_some(names)
}

fn java(text: &str) -> Option<Vec<String>> {
    let item = text.strip_suffix(';').unwrap_or(text).strip_prefix("import ")?;
    let item = item.strip_prefix("static ").unwrap_or(item);
    let (path, name) = item.split_once(" as ").map_or((item, None), |(path, name)| (path, Some(name)));
    let bound = name.or_else(|| path.rsplit('.').next())?;
    (is_path(path, ".") && is_name(bound)).then(|| vec![bound.to_owned()])
}

fn c_sharp(text: &str) -> Option<Vec<String>> {
    let item = text.strip_suffix(';')?;
    let item = item.strip_prefix("global ").unwrap_or(item).strip_prefix("using ")?;
    match item.split_once('=') {
        Some((name, path)) if is_name(name.trim()) && is_path(path.trim(), ".") => Some(vec![name.trim().to_owned()]),
        None if is_path(item, ".") => Some(vec![item.to_owned()]),
        _ => None,
    }
}

const GO_KEYWORDS: [&str; 25] = [
    "break",
    "case",
    "chan",
    "const",
    "continue",
    "default",
    "defer",
    "else",
    "fallthrough",
    "for",
    "func",
    "go",
    "goto",
    "if",
    "import",
    "interface",
    "map",
    "package",
    "range",
    "return",
    "select",
    "struct",
    "switch",
    "type",
    "var",
];

/// A line inside `import (…)`: a path in quotes, maybe with a name before it.
fn go(text: &str) -> Option<Vec<String>> {
    let (name, path) = text.split_once('"')?;
    let path = path.strip_suffix('"').filter(|path| !path.is_empty() && !path.contains(['"', ' ', '\\']))?;
    match name.trim() {
        "" => Some(vec![path.rsplit('/').next()?.to_owned()]),
        "_" => Some(Vec::new()),
        name => (is_name(name) && !GO_KEYWORDS.contains(&name)).then(|| vec![name.to_owned()]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(language: Language, cases: &[(&str, Option<&[&str]>)]) {
        for (line, expected) in cases {
            let names = bound_names(language, line);
            let names = names.as_ref().map(|names| names.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(names.as_deref(), *expected, "{line}");
        }
    }

    #[test]
    fn imports_and_what_they_bind() {
        check(
            Language::Rust,
            &[
                ("use a::b;\n", Some(&["b"])),
                ("    pub(crate) use a::{self, b, c as d};", Some(&["a", "b", "d"])),
                ("use a::Trait as _;", Some(&[])),
                ("pub mod x;", Some(&["x"])),
                ("use a::*;", None),
                ("use a::{b::{c}, d};", None),
                ("use a::b; // why", None),
                ("use a::{", None),
                ("let a = b;", None),
            ],
        );
        check(
            Language::Python,
            &[
                ("import os.path", Some(&["os"])),
                ("import numpy as np, re", Some(&["np", "re"])),
                ("from . import x", Some(&["x"])),
                ("from a.b import c, d as e", Some(&["c", "e"])),
                ("from a import *", None),
                ("from a import (b,", None),
                ("from __future__ import annotations", None),
                ("    import os", None),
                ("importos", None),
            ],
        );
        check(
            Language::JavaScript,
            &[
                ("import a from 'a';", Some(&["a"])),
                ("import a, { b, c as d } from \"./a\"", Some(&["a", "b", "d"])),
                ("import * as ns from 'x';", Some(&["ns"])),
                ("import type { T } from 'x';", Some(&["T"])),
                ("import './polyfill';", None),
                ("export * from './a';", None),
            ],
        );
        check(
            Language::Java,
            &[
                ("import a.b.C;", Some(&["C"])),
                ("import static a.B.c;", Some(&["c"])),
                ("import a.B as C", Some(&["C"])),
                ("import a.*;", None),
            ],
        );
        check(
            Language::Go,
            &[
                ("\t\"a/b\"", Some(&["b"])),
                ("\tx \"a/b\"", Some(&["x"])),
                ("\t. \"a\"", None),
                ("\treturn \"a\"", None),
                ("\tcase \"a\"", None),
            ],
        );
        check(Language::Go, &[("\t_ \"a/b\"", Some(&[])), ("\t\"a\", \"b\"", None), ("\t\"a\",", None)]);
        check(
            Language::CSharp,
            &[("using A.B;", Some(&["A.B"])), ("using X = A.B;", Some(&["X"])), ("using (a);", None)],
        );
        check(Language::Swift, &[("import Foundation", Some(&["Foundation"])), ("import a-b", None)]);
        check(Language::C, &[("#include <a.h>", None)]);
    }
}
