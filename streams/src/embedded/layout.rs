//! Little-endian numbers and checksums, as all files of the log use them.

use contract::installation::Installation;

/// What the checksums of an installation's files start from, so that bytes from elsewhere don't pass for its
/// own.
pub(super) fn salt(installation: Installation) -> u32 {
    crc32fast::hash(&installation.bytes())
}

/// The checksum of `bytes`, started from `salt`.
#[inline]
pub(super) fn checksum(salt: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(salt);
    hasher.update(bytes);
    hasher.finalize()
}

/// `N` bytes at `at`; zeros where `bytes` ends earlier, which callers rule out.
#[inline]
pub(super) fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes
        .get(at..at + N)
        .and_then(|b| b.try_into().ok())
        .unwrap_or([0; N])
}

/// The number at `at`.
#[inline]
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes_at(bytes, at))
}

/// The number at `at`.
#[inline]
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes_at(bytes, at))
}

/// A window on a file, for reading it forwards.
#[derive(Debug, Default)]
pub(super) struct Window {
    buffer: Vec<u8>,
    at: u64,
    filled: usize,
}

impl Window {
    /// The file's bytes from `position` on: at least `need` unless `until` comes first, and what else is
    /// there. Reads `ahead` bytes at once where it reads.
    pub(super) fn want(
        &mut self,
        file: &dyn super::disk::File,
        position: u64,
        need: usize,
        ahead: usize,
        until: u64,
    ) -> std::io::Result<&[u8]> {
        let left = usize::try_from(until.saturating_sub(position)).unwrap_or(usize::MAX);
        let need = need.min(left);
        if self.have(position) < need || self.have(position) == 0 {
            let len = need.max(ahead).min(left);
            if self.buffer.len() < len {
                self.buffer.resize(len, 0);
            }
            // Nothing is there while it is being read, should that fail.
            self.filled = 0;
            self.filled = super::disk::read_full(file, &mut self.buffer[..len], position)?;
            self.at = position;
        }
        let from = self.filled - self.have(position);
        let to = (from + left).min(self.filled);
        Ok(&self.buffer[from..to])
    }

    /// Forgets what it holds: it goes on with another file.
    pub(super) fn clear(&mut self) {
        self.filled = 0;
    }

    /// How many bytes from `position` on it holds.
    fn have(&self, position: u64) -> usize {
        let from = position
            .checked_sub(self.at)
            .and_then(|n| usize::try_from(n).ok());
        from.map_or(0, |from| self.filled.saturating_sub(from))
    }

    /// Bytes that the last [`Window::want`] covered.
    pub(super) fn bytes(&self, position: u64, len: usize) -> &[u8] {
        let have = self.have(position);
        let from = self.filled - have;
        &self.buffer[from..from + len.min(have)]
    }
}
