//! `tollgate man`: the manual pages, made of what `--help` says.

use crate::args::Arguments;
use crate::exit::{Exit, Failure};
use crate::output;
use clap::CommandFactory as _;
use std::path::Path;

/// Writes the first page to standard output, or a page for each command into `folder`.
///
/// # Errors
/// When the folder or a page in it cannot be written.
pub fn run(folder: Option<&Path>) -> Result<Exit, Failure> {
    let command = Arguments::command();
    let Some(folder) = folder else {
        let mut page = Vec::new();
        let rendered = clap_mangen::Man::new(command).render(&mut page);
        rendered.map_err(|error| Failure::at("the manual", error))?;
        output::write(&String::from_utf8_lossy(&page))?;
        return Ok(Exit::Done);
    };
    std::fs::create_dir_all(folder).map_err(|error| Failure::at(folder.display(), error))?;
    clap_mangen::generate_to(command, folder).map_err(|error| Failure::at(folder.display(), error))?;
    output::line(format_args!("{}: the pages are written; `man -M` or MANPATH finds them", folder.display()))?;
    Ok(Exit::Done)
}
