//! Links that a command makes: what goes through one later goes to where it leads.

use crate::gate::call::{ShellCommand, Word, base_name};
use crate::gate::options::{given, scan, words};
use crate::gate::paths::{Look, Paths, resolve};
use std::path::Path;

/// A link that a command makes, or a copy of one.
pub struct Link<'a> {
    /// Where it leads, as written.
    pub target: &'a Word,
    /// Its own name, or the folder that it is made in; the working folder where none is given.
    at: Option<&'a Word>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Leads on from the folder it is in.
    Symbolic,
    /// From the working folder: hard links, `ln -sr`.
    Hard,
    /// The target is a link itself, if it is one, and stays one.
    Copy,
}

/// The links that a command makes, or copies as links.
#[must_use]
pub fn links(command: &ShellCommand) -> Vec<Link<'_>> {
    let program = command.name();
    if !matches!(program, "ln" | "link" | "cp" | "rsync") {
        return Vec::new();
    }
    let valued: &[&str] = if program == "rsync" {
        &["-e", "-f", "-B", "-M", "-T", "--rsh", "--exclude", "--include", "--filter"]
    } else {
        &["-t", "-S", "--target-directory", "--suffix"]
    };
    let items = scan(&command.args, valued);
    let copies = ["-a", "-d", "-P", "-r", "-R", "--archive", "--no-dereference", "--recursive"];
    let kind = match program {
        "ln" if given(&items, &["-r", "--relative"]) => Kind::Hard,
        "ln" if given(&items, &["-s", "--symbolic"]) => Kind::Symbolic,
        "ln" | "link" => Kind::Hard,
        "cp" if given(&items, &copies) => Kind::Copy,
        "rsync" if given(&items, &["-a", "-l", "--archive", "--links"]) => Kind::Copy,
        _ => return Vec::new(),
    };
    let words = words(&items);
    let folder = program != "rsync" && given(&items, &["-t", "--target-directory"]);
    let (targets, at) = match words.split_last() {
        Some((last, targets)) if !folder && !targets.is_empty() => (targets.to_vec(), Some(*last)),
        _ => (words, None),
    };
    targets.into_iter().map(|target| Link { target, at, kind }).collect()
}

impl Link<'_> {
    /// Where it leads, to be read from `folder`; none where nothing of it is known, or it is no link.
    #[must_use]
    pub fn leads_to(&self, folder: &Path, paths: &dyn Paths) -> Option<String> {
        let target = super::known_path(self.target)?;
        if self.kind == Kind::Copy {
            let place = resolve(paths, folder, &parent(&target)).ok()?;
            let name = base_name(&target);
            return (paths.look(&place.join(name)) == Look::Link).then_some(target);
        }
        let (Some(at), Kind::Symbolic, false) = (self.at, self.kind, target.starts_with(['/', '~'])) else {
            return Some(target);
        };
        let at = super::known_path(at)?;
        let within = at.ends_with('/') || resolve(paths, folder, &at).is_ok_and(|place| paths.is_folder(&place));
        let base = if within { at } else { parent(&at) };
        Some(format!("{base}/{target}"))
    }
}

/// The folder of a path, as written.
fn parent(path: &str) -> String {
    match path.trim_end_matches('/').rsplit_once('/') {
        Some(("", _)) => "/".to_owned(),
        Some((folder, _)) => folder.to_owned(),
        None => ".".to_owned(),
    }
}
