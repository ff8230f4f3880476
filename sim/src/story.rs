//! What happened in a run, line by line; its digest tells whether two runs were the same.

/// The story of a run.
#[derive(Debug)]
pub struct Story {
    lines: Vec<String>,
    keep_all: bool,
    digest: u64,
}

/// How many of the last lines are kept of a run that is not to be told in full.
const TAIL: usize = 30;

impl Story {
    /// A story that keeps all lines, or the last ones.
    #[must_use]
    pub fn new(keep_all: bool) -> Story {
        let lines = Vec::new();
        Story {
            lines,
            keep_all,
            digest: 0xcbf2_9ce4_8422_2325,
        }
    }

    /// Adds a line.
    pub fn tell(&mut self, line: String) {
        for byte in line.bytes() {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if !self.keep_all && self.lines.len() == 2 * TAIL {
            self.lines.drain(..TAIL);
        }
        self.lines.push(line);
    }

    /// The lines that were kept.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// A digest of all lines.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest
    }
}
