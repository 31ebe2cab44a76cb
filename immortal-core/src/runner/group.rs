//! The processes of a group, as `/proc` tells of them, and which of them are to get SIGTERM.
//!
//! A process that neither catches nor blocks SIGTERM dies of it, or ignores it. So the handler's process gets it early
//! only if it makes something of it; under a shell that started the handler without `exec`, that is another process
//! than the first.

use std::{collections::HashSet, fs};

use rustix::process::{Pid, Signal};

/// A living process of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GroupMember {
    pub(super) pid: Pid,
    /// Whether it catches SIGTERM, or blocks it to take it by `sigwait` or a `signalfd`.
    pub(super) heeds: bool,
}

/// Who gets the signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recipients {
    /// Those that heed it.
    Heeding,
    /// All of the group.
    All,
}

/// The living processes of the group that `leader` leads or led.
pub(super) fn members(leader: Pid) -> Vec<GroupMember> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = processes.flatten().filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?));
    pids.filter_map(|pid| {
        // It may have ended since.
        let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).ok()?;
        member(pid, leader, &status)
    })
    .collect()
}

/// Which processes of a group get the signal now; each gets it once, since many take a second one for impatience.
pub(super) fn to_signal(group: &[GroupMember], signalled: &HashSet<Pid>, recipients: Recipients) -> Vec<Pid> {
    let gets_it =
        |member: &&GroupMember| (member.heeds || recipients == Recipients::All) && !signalled.contains(&member.pid);
    group.iter().filter(gets_it).map(|member| member.pid).collect()
}

/// Whether a process that heeds the signal, and has got it, is still at work.
pub(super) fn is_one_at_work(group: &[GroupMember], signalled: &HashSet<Pid>) -> bool {
    group.iter().any(|member| member.heeds && signalled.contains(&member.pid))
}

/// Reads `/proc/PID/status`: a process of this group that hasn't ended.
///
/// Source: <https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>
fn member(pid: Pid, leader: Pid, status: &str) -> Option<GroupMember> {
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(line.trim())
    };
    // Of nested namespaces the first id is the one that this `/proc` shows.
    let group = field("NSpgid")?.split_whitespace().next()?;
    let ended = field("State")?.starts_with(['Z', 'X']);
    if ended || group != leader.as_raw_nonzero().to_string() {
        return None;
    }
    let holds = |name| {
        let mask = field(name).and_then(|mask| u64::from_str_radix(mask, 16).ok()).unwrap_or_default();
        mask & (1 << (Signal::TERM.as_raw() - 1)) != 0
    };
    Some(GroupMember { pid, heeds: holds("SigCgt") || holds("SigBlk") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pid(raw: i32) -> Pid {
        Pid::from_raw(raw).expect("not zero")
    }

    fn status(state: &str, group: &str, blocked: &str, caught: &str) -> String {
        format!(
            "Name:\tsh\nState:\t{state}\nNSpid:\t7\nNSpgid:\t{group}\nSigBlk:\t{blocked}\nSigIgn:\tffffffffffffffff\n\
             SigCgt:\t{caught}\n"
        )
    }

    #[test]
    fn a_status_says_who_belongs_to_the_group_and_heeds_the_signal() {
        const NONE: &str = "0000000000000000";
        const TERM: &str = "0000000000004000";
        const OTHERS: &str = "ffffffffffffbfff";
        let heeding = |heeds| Some(GroupMember { pid: pid(7), heeds });
        for (text, expected) in [
            (status("S (sleeping)", "5", NONE, NONE), heeding(false)),
            (status("S (sleeping)", "5", NONE, TERM), heeding(true)),
            (status("R (running)", "5", TERM, NONE), heeding(true)),
            (status("R (running)", "5", OTHERS, OTHERS), heeding(false)),
            (status("R (running)", "5\t1", NONE, TERM), heeding(true)),
            (status("Z (zombie)", "5", NONE, TERM), None),
            (status("S (sleeping)", "50", NONE, TERM), None),
            ("Name:\tkthreadd\n".to_owned(), None),
        ] {
            assert_eq!(member(pid(7), pid(5), &text), expected, "{text}");
        }
    }

    #[test]
    fn each_gets_the_signal_once_and_those_that_would_only_die_of_it_at_the_end() {
        let group = [(5, false), (6, true), (7, true)].map(|(raw, heeds)| GroupMember { pid: pid(raw), heeds });
        let (heeding, all) = (Recipients::Heeding, Recipients::All);
        for (recipients, signalled, expected, at_work) in [
            (heeding, &[][..], &[6, 7][..], false),
            (heeding, &[6], &[7], true),
            (heeding, &[6, 7], &[], true),
            (all, &[], &[5, 6, 7], false),
            (all, &[6], &[5, 7], true),
            // It got it when all did, and doesn't heed it.
            (heeding, &[5], &[6, 7], false),
            // Those are gone.
            (all, &[8, 9], &[5, 6, 7], false),
        ] {
            let signalled: HashSet<_> = signalled.iter().copied().map(pid).collect();
            let expected: Vec<_> = expected.iter().copied().map(pid).collect();
            assert_eq!(to_signal(&group, &signalled, recipients), expected, "{recipients:?} {signalled:?}");
            assert_eq!(is_one_at_work(&group, &signalled), at_work, "{signalled:?}");
        }
    }
}
