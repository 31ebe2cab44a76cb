//! The memory that a sandbox or a task uses, which its limit applies to.

use std::{fs, path::Path};

/// The memory in KiB that a process and its descendants use. Mapped files are left out: the kernel reclaims their pages
/// before it kills.
pub(super) fn memory_in_use_kib(pid: i32) -> u64 {
    let process = Path::new("/proc").join(pid.to_string());
    // A process that has ended uses nothing.
    let status = fs::read_to_string(process.join("status")).unwrap_or_default();
    let threads = fs::read_dir(process.join("task")).into_iter().flatten().flatten();
    let children = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let of_children: u64 = children
        .flat_map(|children| children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .map(memory_in_use_kib)
        .sum();
    own_kib(&status) + of_children
}

/// Source: <https://docs.kernel.org/filesystems/proc.html>, `/proc/PID/status`.
fn own_kib(status: &str) -> u64 {
    let kib = |line: &str| {
        let (name, value) = line.split_once(':')?;
        ["RssAnon", "RssShmem"].contains(&name).then(|| value.trim().strip_suffix(" kB")?.parse::<u64>().ok())?
    };
    status.lines().filter_map(kib).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_left_out() {
        let status = "Name:\tbootstrap\nVmRSS:\t    9000 kB\nRssAnon:\t    4000 kB\nRssFile:\t    4900 kB\nRssShmem:\t     100 kB\n";
        assert_eq!(own_kib(status), 4100);
        assert_eq!(own_kib(""), 0);
    }

    #[test]
    fn what_a_process_started_counts() {
        let own = i32::try_from(std::process::id()).expect("a process id");
        let before = memory_in_use_kib(own);
        assert!(before > 0);
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("there is a sleep");
        assert!(memory_in_use_kib(own) > memory_in_use_kib(child.id().try_into().expect("a process id")));
        child.kill().and_then(|()| child.wait()).expect("ours");
        assert_eq!(memory_in_use_kib(i32::MAX), 0);
    }
}
