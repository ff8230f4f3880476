//! `cargo xtask schema`: writes the files that are generated from the contract.

use std::fs;

use contract::schema::files;

use crate::{Failure, Outcome, root};

/// Runs the command.
///
/// # Errors
/// If a file can't be written.
pub fn run() -> Outcome {
    for (path, content) in files() {
        let place = root().join(&path);
        if fs::read_to_string(&place).is_ok_and(|old| old == content) {
            println!("unchanged {path}");
            continue;
        }
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).map_err(Failure::of_file(folder))?;
        }
        fs::write(&place, content).map_err(Failure::of_file(&place))?;
        println!("written   {path}");
    }
    Ok(())
}
