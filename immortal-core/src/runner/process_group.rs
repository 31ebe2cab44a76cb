//! The processes of a group, as `/proc` tells of them, and which of them are to get SIGTERM.
//!
//! A process that neither catches nor blocks SIGTERM dies of it, or ignores it. So the handler's process gets it early
//! only if it makes something of it; under a shell that started the handler without `exec`, that is another process
//! than the first.
//!
//! A look may deceive: a process blocks signals while it starts another one, and that one has its parent's handlers
//! until its `exec`. So a process heeds the signal if it did so at two looks, one after the other.

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
pub(super) enum SignalRecipients {
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

/// Which processes of a group get the signal now: of those that heed it the ones that did so at the look `before`.
///
/// Each gets it once, since many take a second one for impatience.
pub(super) fn to_signal(
    group: &[GroupMember],
    before: &HashSet<Pid>,
    signalled: &HashSet<Pid>,
    recipients: SignalRecipients,
) -> Vec<Pid> {
    let gets_it = |member: &&GroupMember| {
        let heeds = member.heeds && before.contains(&member.pid);
        (heeds || recipients == SignalRecipients::All) && !signalled.contains(&member.pid)
    };
    group.iter().filter(gets_it).map(|member| member.pid).collect()
}

/// Those of a group that heed the signal.
pub(super) fn heeding(group: &[GroupMember]) -> HashSet<Pid> {
    group.iter().filter(|member| member.heeds).map(|member| member.pid).collect()
}

/// Whether a process that got the signal, and heeded it then, is still at work: many heed no second one.
pub(super) fn is_one_at_work(group: &[GroupMember], asked: &HashSet<Pid>) -> bool {
    group.iter().any(|member| asked.contains(&member.pid))
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
        let (heeding, all) = (SignalRecipients::Heeding, SignalRecipients::All);
        assert_eq!(super::heeding(&group), [6, 7].map(pid).into());
        for (recipients, before, signalled, expected) in [
            (heeding, &[][..], &[][..], &[][..]),
            (heeding, &[6], &[], &[6]),
            (heeding, &[6, 7], &[], &[6, 7]),
            (heeding, &[5, 6, 7], &[6], &[7]),
            (heeding, &[6, 7], &[6, 7], &[]),
            (all, &[], &[], &[5, 6, 7]),
            (all, &[6, 7], &[6], &[5, 7]),
            (all, &[], &[8, 9], &[5, 6, 7]),
        ] {
            let [before, signalled] = [before, signalled].map(|raw| raw.iter().copied().map(pid).collect());
            let expected: Vec<_> = expected.iter().copied().map(pid).collect();
            let pids = to_signal(&group, &before, &signalled, recipients);
            assert_eq!(pids, expected, "{recipients:?} {before:?} {signalled:?}");
        }
    }

    #[test]
    fn who_was_asked_is_at_work_until_it_is_gone() {
        let group = [(5, false), (6, true)].map(|(raw, heeds)| GroupMember { pid: pid(raw), heeds });
        for (asked, expected) in [(&[][..], false), (&[6], true), (&[5], true), (&[8, 5], true), (&[8, 9], false)] {
            let asked = asked.iter().copied().map(pid).collect();
            assert_eq!(is_one_at_work(&group, &asked), expected, "{asked:?}");
        }
    }
}
