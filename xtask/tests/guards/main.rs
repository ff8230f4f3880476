//! What the compiler does not guard: which crate may know which, who does no I/O, and what must not be
//! checked in.

mod hygiene;
mod layers;
mod metadata;
mod pure;

use std::path::{Path, PathBuf};

/// The workspace's root.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the workspace")
}

/// Folders that are not ours or not checked in, by name.
const NOT_OURS: &[&str] = &[
    "target",
    ".git",
    "node_modules",
    "corpus",
    "artifacts",
    "millrace-data",
    "millrace-demo",
];

/// All files below a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder of the workspace can be read");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a folder's entry can be read").path())
        .collect();
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        if path.is_file() {
            files.push(path);
        } else if path
            .file_name()
            .is_some_and(|name| !NOT_OURS.iter().any(|not_ours| name == *not_ours))
        {
            files.extend(self::files(&path));
        }
    }
    files
}

/// A file's path from the workspace's root.
fn short(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}
