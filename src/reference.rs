//! What is generated from the command line's definition: completions for shells, and the manual.

use std::fs;
use std::path::Path;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::{Failure, output};

/// The name that the program is called by.
const NAME: &str = "millrace";

/// `millrace completions`
pub fn completions(mut command: Command, shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, NAME, &mut script);
    output::print(&String::from_utf8_lossy(&script))
}

/// `millrace man`: all pages into a directory, or the first to stdout.
pub fn man(command: Command, dir: Option<&Path>) -> Result<(), Failure> {
    let Some(dir) = dir else {
        let mut page = Vec::new();
        let rendered = Man::new(command).render(&mut page);
        rendered.map_err(|error| Failure::Undone(error.to_string()))?;
        return output::print(&String::from_utf8_lossy(&page));
    };
    let failed = |error| Failure::Undone(format!("{}: {error}", dir.display()));
    fs::create_dir_all(dir).map_err(failed)?;
    clap_mangen::generate_to(command, dir).map_err(failed)?;
    output::print(&format!("the manual is in {}\n", dir.display()))
}
