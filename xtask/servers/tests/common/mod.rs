//! What the tests of other programs share.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;

use millrace_servers::cache;

/// A Python that has `packages`, installed once under `name`.
pub fn python(name: &str, packages: &[&str]) -> Result<PathBuf, String> {
    // One test at a time makes it.
    static MAKING: Mutex<()> = Mutex::new(());
    let _making = MAKING.lock();
    let venv = cache().join(format!("{name}-venv"));
    let python = venv.join("bin/python");
    let run = |command: &mut Command| match command.stdin(Stdio::null()).output() {
        Ok(done) if done.status.success() => Ok(()),
        Ok(done) => Err(String::from_utf8_lossy(&done.stderr).trim().to_owned()),
        Err(error) => Err(format!("{}: {error}", command.get_program().display())),
    };
    let (installed, wanted) = (venv.join("installed.txt"), packages.join("\n"));
    if fs::read_to_string(&installed).is_ok_and(|there| there == wanted) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run(Command::new(&python).args(pip).args(packages))?;
    fs::write(&installed, wanted).map_err(|error| error.to_string())?;
    Ok(python)
}

/// What a command said that must have succeeded.
pub fn well(what: &str, done: &Output) -> String {
    let said = String::from_utf8_lossy(&[done.stdout.as_slice(), &done.stderr].concat()).into_owned();
    assert!(done.status.success(), "{what}: {said}");
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// A directory of its own, removed when dropped.
pub struct Directory(pub PathBuf);

impl Directory {
    /// An empty one.
    pub fn new(name: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("millrace-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a directory can be made");
        Directory(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
