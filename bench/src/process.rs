//! What the system tells of this process; nothing where it doesn't tell.

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

/// Processor time of all threads so far, in seconds.
pub fn cpu_seconds() -> f64 {
    cpu_seconds_of("self")
}

/// The same of another process, by its id.
pub fn cpu_seconds_of(process: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name of the command, in brackets, may hold anything.
    let after = stat.rsplit_once(") ").map_or("", |(_, after)| after);
    let ticks: Vec<f64> = after
        .split(' ')
        .skip(11)
        .take(2)
        .filter_map(|n| n.parse().ok())
        .collect();
    // A tick is a hundredth of a second wherever Linux shows it.
    ticks.iter().sum::<f64>() / 100.0
}

/// Processor time of the threads that are there now, in nanoseconds.
pub fn cpu_ns_of_threads() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten();
    let of = |task: std::fs::DirEntry| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    };
    tasks.filter_map(of).sum()
}
