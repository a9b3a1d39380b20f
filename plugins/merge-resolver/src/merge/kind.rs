//! What a file is, told from its path: which rules may be asked about it. Never from what it says.

use super::blocks::Blocks;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Compared by key, as JSON.
    Json,
    /// Compared by key, as TOML.
    Toml,
    /// Compared by key, as YAML.
    Yaml,
    /// Written by a tool alone.
    Lock,
    /// Sentences: two people's words in one line are not put together.
    Prose,
    /// A list of entries for people, newest changes.
    Changelog,
    /// Patterns of files to leave out.
    Ignore,
    /// `requirements.txt`.
    Requirements,
    /// `go.mod`.
    GoMod,
    /// `go.sum`.
    GoSum,
    /// Source in a language whose imports are known.
    Code(Language),
    /// Anything else.
    Other,
}

/// Languages whose imports or indentation are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// C and C++: the order of includes may matter, so no imports are known.
    C,
    /// C#.
    CSharp,
    /// Go.
    Go,
    /// Java, Kotlin.
    Java,
    /// JavaScript and TypeScript.
    JavaScript,
    /// Python.
    Python,
    /// Rust.
    Rust,
    /// Swift.
    Swift,
}

impl Kind {
    /// What shows where a block begins and ends.
    #[must_use]
    pub const fn blocks(self) -> Blocks {
        match self {
            Self::Code(Language::Python) => Blocks::Indentation,
            Self::Code(_) | Self::Ignore | Self::Requirements | Self::GoMod | Self::GoSum => Blocks::Brackets,
            Self::Json | Self::Toml | Self::Yaml | Self::Lock | Self::Prose | Self::Changelog | Self::Other => {
                Blocks::Unknown
            }
        }
    }
}

const LOCKS: [&str; 25] = [
    "Cargo.lock",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lock",
    "deno.lock",
    "composer.lock",
    "Gemfile.lock",
    "poetry.lock",
    "pdm.lock",
    "uv.lock",
    "Pipfile.lock",
    "pixi.lock",
    "conda-lock.yml",
    "flake.lock",
    "mix.lock",
    "pubspec.lock",
    "Podfile.lock",
    "Package.resolved",
    "packages.lock.json",
    "gradle.lockfile",
    "cabal.project.freeze",
    "stack.yaml.lock",
    ".terraform.lock.hcl",
];
const IGNORES: [&str; 7] =
    [".gitignore", ".dockerignore", ".npmignore", ".eslintignore", ".prettierignore", ".helmignore", ".ignore"];

/// The last part of a path.
#[must_use]
pub fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// What the file at `path` is.
#[must_use]
pub fn kind(path: &str) -> Kind {
    let name = file_name(path);
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let extension = extension.to_ascii_lowercase();
    let prose = matches!(extension.as_str(), "md" | "markdown" | "rst" | "txt" | "adoc" | "tex" | "org" | "");
    let stem = stem.to_ascii_lowercase();
    match extension.as_str() {
        _ if LOCKS.contains(&name) => Kind::Lock,
        _ if IGNORES.contains(&name) => Kind::Ignore,
        _ if name == "go.mod" => Kind::GoMod,
        _ if name == "go.sum" => Kind::GoSum,
        _ if name == "Pipfile" => Kind::Toml,
        _ if prose && matches!(stem.as_str(), "changelog" | "changes" | "history" | "news") => Kind::Changelog,
        "txt" if stem.starts_with("requirements") || stem.ends_with("requirements") => Kind::Requirements,
        "json" | "webmanifest" | "ipynb" | "geojson" => Kind::Json,
        "toml" => Kind::Toml,
        "yaml" | "yml" => Kind::Yaml,
        "c" | "h" | "cc" | "cpp" | "cxx" | "hh" | "hpp" => Kind::Code(Language::C),
        "cs" => Kind::Code(Language::CSharp),
        "go" => Kind::Code(Language::Go),
        "java" | "kt" | "kts" => Kind::Code(Language::Java),
        "js" | "jsx" | "mjs" | "cjs" | "ts" | "tsx" | "mts" | "cts" => Kind::Code(Language::JavaScript),
        "py" | "pyi" => Kind::Code(Language::Python),
        "rs" => Kind::Code(Language::Rust),
        "swift" => Kind::Code(Language::Swift),
        "html" | "htm" | "xhtml" | "po" => Kind::Prose,
        "" if !prose_without_extension(name) => Kind::Other,
        _ if prose => Kind::Prose,
        _ => Kind::Other,
    }
}

/// `README` and its like; other names without an extension are as often scripts.
fn prose_without_extension(name: &str) -> bool {
    matches!(name, "README" | "LICENSE" | "COPYING" | "AUTHORS" | "CONTRIBUTING" | "TODO" | "NOTICE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_by_name() {
        for (path, expected) in [
            ("a/package.json", Kind::Json),
            ("a/package-lock.json", Kind::Lock),
            ("pnpm-lock.yaml", Kind::Lock),
            ("Cargo.toml", Kind::Toml),
            (".github/workflows/ci.yml", Kind::Yaml),
            ("CHANGELOG.md", Kind::Changelog),
            ("NEWS", Kind::Changelog),
            ("docs/history.rs", Kind::Code(Language::Rust)),
            ("docs/a.md", Kind::Prose),
            ("LICENSE", Kind::Prose),
            ("Makefile", Kind::Other),
            ("docs/history.html", Kind::Prose),
            // Its blocks may have no brackets.
            ("a.scala", Kind::Other),
            (".gitignore", Kind::Ignore),
            (".gitattributes", Kind::Other),
            ("requirements-dev.txt", Kind::Requirements),
            ("x/dev-requirements.txt", Kind::Requirements),
            ("go.sum", Kind::GoSum),
            ("a.TSX", Kind::Code(Language::JavaScript)),
            ("", Kind::Other),
            ("a.json/b", Kind::Other),
        ] {
            assert_eq!(kind(path), expected, "{path}");
        }
    }
}
