//! What a process uses, as the kernel counts it.

use std::{fs, path::Path};

/// Threads, descriptors and memory of a process at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProcessUsage {
    pub(crate) threads: u64,
    pub(crate) descriptors: u64,
    /// Resident memory, in KiB.
    pub(crate) memory: u64,
}

impl ProcessUsage {
    /// Reads it from `/proc`.
    pub(crate) fn read(pid: u32) -> Self {
        let directory = Path::new("/proc").join(pid.to_string());
        let status = fs::read_to_string(directory.join("status")).expect("the process runs");
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the kernel writes it");
            line.trim().trim_end_matches(" kB").parse().expect("a number")
        };
        let descriptors = fs::read_dir(directory.join("fd")).expect("the process is ours").count() as u64;
        Self { threads: number("Threads:"), descriptors, memory: number("VmRSS:") }
    }
}

/// The processes that this one has started and that still run.
pub(crate) fn children() -> Vec<u32> {
    let own = std::process::id();
    let processes = fs::read_dir("/proc").expect("Linux").flatten();
    let pids = processes.filter_map(|process| process.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| parent_of(*pid) == Some(own)).collect()
}

/// `None` for a process that has ended meanwhile, or is a zombie.
fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold spaces and brackets.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    fields.next()?.parse().ok().filter(|_| state != "Z")
}

/// The median of a figure.
pub(crate) fn median(figures: impl Iterator<Item = u64>) -> u64 {
    let mut values: Vec<_> = figures.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}
