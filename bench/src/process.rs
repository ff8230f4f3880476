//! What the system tells of this process's memory; none where it doesn't tell.

/// Resident memory, in bytes.
pub fn resident_bytes() -> Option<usize> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

/// From now on the peak is counted anew.
pub fn forget_peak() {
    // Where that is not possible the figure is of the whole run, which is only too high.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// The most resident memory so far, in bytes.
pub fn peak_bytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: usize = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
