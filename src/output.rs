//! What a command prints.

use std::io::Write as _;

use crate::Failure;

/// Prints to stdout. A reader that went away (`| head`) is no failure.
pub fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Undone(format!("stdout: {error}")))
        }
        _ => Ok(()),
    }
}
