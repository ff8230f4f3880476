//! A process that ends with us.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// Starts its arguments after the first, tells the id, waits for the end of its input, and ends what it
/// started; then removes the directory that is its first argument, unless the input said `keep`.
const KEEPER: &str = r#"dir=$1; shift; "$@" </dev/null >"$OUTPUT" 2>&1 & pid=$!; echo $pid
said=$(cat); kill -9 $pid 2>/dev/null; wait $pid 2>/dev/null; [ "$said" = keep ] || rm -rf "$dir""#;

/// A server's process.
pub struct Kept {
    keeper: Child,
    /// Closed, it ends the server.
    pipe: Option<ChildStdin>,
    pid: u32,
}

impl Kept {
    /// Starts it; what it prints goes to `output`. `remove` is removed after its end.
    pub fn start(command: &Command, output: &Path, remove: &Path) -> io::Result<Kept> {
        File::create(output)?;
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "keeper"]).arg(remove);
        keeper.arg(command.get_program()).args(command.get_args());
        keeper
            .env("OUTPUT", output)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut keeper = keeper.stderr(Stdio::null()).spawn()?;
        let pipe = keeper.stdin.take();
        let mut line = String::new();
        if let Some(output) = keeper.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let bad = |_| io::Error::other(format!("the keeper told {line:?} instead of an id"));
        let pid = line.trim().parse().map_err(bad)?;
        Ok(Kept { keeper, pipe, pid })
    }

    /// The server's id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Ends it, and waits until it has ended; its directory stays if it is to `keep`.
    pub fn end(&mut self, keep: bool) {
        if let Some(mut pipe) = self.pipe.take()
            && keep
        {
            // A keeper that is gone has removed nothing.
            let _ = pipe.write_all(b"keep");
        }
        let _ = self.keeper.wait();
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.end(false);
    }
}
