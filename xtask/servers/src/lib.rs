//! Real servers for tests and benchmarks: found, started on free ports of loopback, stopped by their own id.
//!
//! Nothing is installed by a test. What is not there is said by name ([`skipped`]), and the test that needs
//! it passes without a word of praise; `cargo xtask services --install` brings it.
//!
//! Invariant: a server ends with the process that started it, however that ends. Each runs under a shell
//! that waits on a pipe: when the pipe closes, as it does when its other end dies, the server is killed and
//! its directory removed. A static that is never dropped, a test that panics and a SIGKILL are all the same.

pub mod kafka;
mod kept;
pub mod proxy;
pub mod tls;

use std::io::Write as _;
use std::net::TcpListener;
use std::path::PathBuf;

/// Ports of loopback that are free at the moment.
///
/// # Errors
/// If the system gives none.
pub fn free_ports<const N: usize>() -> std::io::Result<[u16; N]> {
    // All are held until all are chosen, so that they differ.
    let mut held = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// Where what was installed for tests lies: `millrace` in the user's cache folder.
#[must_use]
pub fn cache() -> PathBuf {
    let home = std::env::var_os("HOME").map_or_else(std::env::temp_dir, PathBuf::from);
    home.join(".cache").join("millrace")
}

/// Says that a test did not run. Past the harness, which hides what a test prints that passes.
pub fn skipped(test: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {why}");
}
