//! The processes of a group, as listed in `/proc`, and which of them get SIGTERM.
//!
//! A process that neither catches nor blocks SIGTERM is killed by it or ignores it. So the handler's process gets it
//! early only if it handles it. If a shell started the handler without `exec`, that is another process than the first.
//!
//! A single check can be wrong: a process blocks signals while it starts another one, and that one has its parent's
//! handlers until its `exec`. So a process counts as handling the signal if two consecutive checks say so.

use std::{collections::HashSet, fs};

use rustix::process::{Pid, Signal};

/// A living process of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GroupMember {
    pub(super) pid: Pid,
    /// Whether it catches SIGTERM, or blocks it to receive it by `sigwait` or a `signalfd`.
    pub(super) handles: bool,
}

/// Which processes get the signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignalRecipients {
    /// Those that handle it.
    Handling,
    /// All of the group.
    All,
}

/// The living processes of the group that `leader` leads or led.
pub(super) fn members(leader: Pid) -> Vec<GroupMember> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = processes.flatten().filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?));
    pids.filter_map(|pid| {
        // It may have ended in the meantime.
        let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).ok()?;
        member(pid, leader, &status)
    })
    .collect()
}

/// The processes of a group that get the signal now; of those that handle it, only the ones that did at the check
/// `before`.
///
/// Each gets it once, because many programs exit at once on a second signal.
pub(super) fn to_signal(
    group: &[GroupMember],
    before: &HashSet<Pid>,
    signalled: &HashSet<Pid>,
    recipients: SignalRecipients,
) -> Vec<Pid> {
    let gets_it = |member: &&GroupMember| {
        let handles = member.handles && before.contains(&member.pid);
        (handles || recipients == SignalRecipients::All) && !signalled.contains(&member.pid)
    };
    group.iter().filter(gets_it).map(|member| member.pid).collect()
}

/// The processes of a group that handle the signal.
pub(super) fn pids_handling(group: &[GroupMember]) -> HashSet<Pid> {
    group.iter().filter(|member| member.handles).map(|member| member.pid).collect()
}

/// Whether a process that got the signal, and handled it then, is still running: many handle no second one.
pub(super) fn is_any_running(group: &[GroupMember], asked: &HashSet<Pid>) -> bool {
    group.iter().any(|member| asked.contains(&member.pid))
}

/// Parses `/proc/PID/status`; `None` if the process has ended or is not in this group.
///
/// Source: <https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>
fn member(pid: Pid, leader: Pid, status: &str) -> Option<GroupMember> {
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(line.trim())
    };
    // With nested namespaces, the first id is the one that this `/proc` uses.
    let group = field("NSpgid")?.split_whitespace().next()?;
    let ended = field("State")?.starts_with(['Z', 'X']);
    if ended || group != leader.as_raw_nonzero().to_string() {
        return None;
    }
    let holds = |name| {
        let mask = field(name).and_then(|mask| u64::from_str_radix(mask, 16).ok()).unwrap_or_default();
        mask & (1 << (Signal::TERM.as_raw() - 1)) != 0
    };
    Some(GroupMember { pid, handles: holds("SigCgt") || holds("SigBlk") })
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
    fn a_status_tells_whether_a_process_is_in_the_group_and_handles_the_signal() {
        const NONE: &str = "0000000000000000";
        const TERM: &str = "0000000000004000";
        const OTHERS: &str = "ffffffffffffbfff";
        let member_handling = |handles| Some(GroupMember { pid: pid(7), handles });
        for (text, expected) in [
            (status("S (sleeping)", "5", NONE, NONE), member_handling(false)),
            (status("S (sleeping)", "5", NONE, TERM), member_handling(true)),
            (status("R (running)", "5", TERM, NONE), member_handling(true)),
            (status("R (running)", "5", OTHERS, OTHERS), member_handling(false)),
            (status("R (running)", "5\t1", NONE, TERM), member_handling(true)),
            (status("Z (zombie)", "5", NONE, TERM), None),
            (status("S (sleeping)", "50", NONE, TERM), None),
            ("Name:\tkthreadd\n".to_owned(), None),
        ] {
            assert_eq!(member(pid(7), pid(5), &text), expected, "{text}");
        }
    }

    #[test]
    fn each_process_gets_the_signal_once_and_those_without_a_handler_at_the_end() {
        let group = [(5, false), (6, true), (7, true)].map(|(raw, handles)| GroupMember { pid: pid(raw), handles });
        let (handling, all) = (SignalRecipients::Handling, SignalRecipients::All);
        assert_eq!(super::pids_handling(&group), [6, 7].map(pid).into());
        for (recipients, before, signalled, expected) in [
            (handling, &[][..], &[][..], &[][..]),
            (handling, &[6], &[], &[6]),
            (handling, &[6, 7], &[], &[6, 7]),
            (handling, &[5, 6, 7], &[6], &[7]),
            (handling, &[6, 7], &[6, 7], &[]),
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
    fn a_signalled_process_is_running_until_it_has_ended() {
        let group = [(5, false), (6, true)].map(|(raw, handles)| GroupMember { pid: pid(raw), handles });
        for (asked, expected) in [(&[][..], false), (&[6], true), (&[5], true), (&[8, 5], true), (&[8, 9], false)] {
            let asked = asked.iter().copied().map(pid).collect();
            assert_eq!(is_any_running(&group, &asked), expected, "{asked:?}");
        }
    }
}
