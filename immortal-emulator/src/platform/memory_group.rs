//! Linux control groups, by which the kernel enforces the memory limit of a sandbox or a task.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// A control group with a memory limit. Dropping it removes the group once its processes have ended.
#[derive(Debug)]
pub(super) struct MemoryGroup {
    directory: PathBuf,
}

/// The file of the limit, in version 2 and in version 1.
///
/// Sources: <https://docs.kernel.org/admin-guide/cgroup-v2.html#memory>,
/// <https://docs.kernel.org/admin-guide/cgroup-v1/memory.html>
const LIMITS: [&str; 2] = ["memory.max", "memory.limit_in_bytes"];

/// The file that counts kills, in version 2 and in version 1.
const KILLS: [&str; 2] = ["memory.events", "memory.oom_control"];

impl MemoryGroup {
    /// Creates a group of this name below the group of this process; `None` if the kernel has no memory controller or
    /// this process lacks the permission.
    pub(super) fn create(name: &str, mebibytes: u32) -> Option<Self> {
        let own_groups = fs::read_to_string("/proc/self/cgroup").ok()?;
        Self::create_in(&directory_of(&own_groups)?, name, mebibytes)
    }

    fn create_in(parent: &Path, name: &str, mebibytes: u32) -> Option<Self> {
        let group = Self { directory: parent.join(name) };
        fs::create_dir(&group.directory).ok()?;
        let bytes = (u64::from(mebibytes) << 20).to_string();
        let is_limited = LIMITS.iter().any(|file| group.write(file, &bytes));
        // No swap, and a kill ends the whole group.
        for (file, value) in
            [("memory.swap.max", "0"), ("memory.memsw.limit_in_bytes", &bytes), ("memory.oom.group", "1")]
        {
            group.write(file, value);
        }
        is_limited.then_some(group)
    }

    /// Moves a process into the group. Processes that it starts later belong to the group, too.
    pub(super) fn add_process(&self, pid: i32) {
        // A process that has ended needs no limit.
        self.write("cgroup.procs", &pid.to_string());
    }

    /// Whether the kernel killed a process of the group because of its memory.
    pub(super) fn has_killed(&self) -> bool {
        KILLS.iter().any(|file| fs::read_to_string(self.directory.join(file)).is_ok_and(|text| has_kills(&text)))
    }

    /// Writes to a file that the kernel provides; a missing file is not created.
    fn write(&self, file: &str, value: &str) -> bool {
        let file = OpenOptions::new().write(true).open(self.directory.join(file));
        file.is_ok_and(|mut file| file.write_all(value.as_bytes()).is_ok())
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // A killed process stays in the group for a moment.
        for _ in 0..100 {
            if fs::remove_dir(&self.directory).is_ok() || !self.directory.exists() {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The directory of a process's group, from its `/proc/PID/cgroup`: the memory controller's, or the only one in version
/// 2.
///
/// Source: <https://man7.org/linux/man-pages/man7/cgroups.7.html>
fn directory_of(groups: &str) -> Option<PathBuf> {
    let group = |controller: &str| {
        let mut lines = groups.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
        lines.find(|(controllers, _)| controllers.split(',').any(|one| one == controller)).map(|(_, path)| path)
    };
    let below = |root: &str, path: &str| Path::new(root).join(path.trim_start_matches('/'));
    group("memory")
        .map(|path| below("/sys/fs/cgroup/memory", path))
        .or_else(|| group("").map(|path| below("/sys/fs/cgroup", path)))
}

fn has_kills(events: &str) -> bool {
    let kills = |line: &str| line.strip_prefix("oom_kill ")?.trim().parse::<u64>().ok();
    events.lines().filter_map(kills).any(|kills| kills > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_below_the_processs_own() {
        let table = [
            ("0::/user.slice/a.scope\n", Some("/sys/fs/cgroup/user.slice/a.scope")),
            ("0::/\n", Some("/sys/fs/cgroup/")),
            ("5:cpu,cpuacct:/c\n4:memory:/m/x\n0::/\n", Some("/sys/fs/cgroup/memory/m/x")),
            ("3:blkio,memory:/m\n", Some("/sys/fs/cgroup/memory/m")),
            ("1:name=systemd:/\n", None),
            ("", None),
        ];
        for (groups, expected) in table {
            assert_eq!(directory_of(groups), expected.map(PathBuf::from), "{groups}");
        }
    }

    #[test]
    fn where_the_kernel_has_no_limit_there_is_no_group_and_nothing_is_left() {
        let plain = tempfile::tempdir().expect("a directory");
        assert!(MemoryGroup::create_in(plain.path(), "sandbox", 128).is_none());
        assert!(MemoryGroup::create_in(&plain.path().join("gone"), "sandbox", 128).is_none());
        assert_eq!(fs::read_dir(plain.path()).expect("there").count(), 0);
    }

    #[test]
    fn kills_are_counted_in_both_versions() {
        let table = [
            ("low 0\nhigh 0\nmax 7\noom 1\noom_kill 1\noom_group_kill 0\n", true),
            ("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n", true),
            ("oom_kill_disable 1\nunder_oom 0\noom_kill 0\n", false),
            ("", false),
        ];
        for (events, expected) in table {
            assert_eq!(has_kills(events), expected, "{events}");
        }
    }
}
