//! What makes a run incomplete, so that it proves nothing.

use std::{collections::HashSet, fmt};

/// Why a run proves less than it was asked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RunProblem {
    /// Invocations, tasks or messages were still there when the wait for them ended.
    StillAtWork,
    /// Fewer jobs were sent than were asked for.
    TooFewSent { sent: usize, asked: usize },
    /// A message in one of the queues that are read at the end can't be read.
    UnreadableMessage { queue: &'static str, id: String, length: usize, attributes: Vec<String> },
    /// Something happened to a request that was never sent.
    UnknownRequest(String),
}

impl fmt::Display for RunProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StillAtWork => write!(formatter, "jobs are still at work after the longest wait"),
            Self::TooFewSent { sent, asked } => {
                write!(formatter, "only {sent} of {asked} jobs were sent, because no job ended for the longest wait")
            }
            Self::UnreadableMessage { queue, id, length, attributes } => {
                let what = if *queue == crate::deployment::DEAD_LETTERS { "dead letter" } else { "result" };
                write!(
                    formatter,
                    "a message in the queue {queue} can't be read as a {what}: {id}, {length} bytes, attributes {attributes:?}"
                )
            }
            Self::UnknownRequest(request) => {
                write!(
                    formatter,
                    "an attempt, a dead letter or a result names the request {request:?}, which was never sent"
                )
            }
        }
    }
}

/// The problems of a run in which so many jobs were asked for and these were sent.
pub(crate) fn problems_of_run<'a>(
    is_idle: bool,
    asked: usize,
    sent: &HashSet<&str>,
    heard_of: impl IntoIterator<Item = &'a str>,
) -> Vec<RunProblem> {
    let mut problems = Vec::new();
    if !is_idle {
        problems.push(RunProblem::StillAtWork);
    }
    if sent.len() < asked {
        problems.push(RunProblem::TooFewSent { sent: sent.len(), asked });
    }
    let unknown: HashSet<&str> = heard_of.into_iter().filter(|request| !sent.contains(request)).collect();
    problems.extend(unknown.into_iter().map(|request| RunProblem::UnknownRequest(request.to_owned())));
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incomplete_run_has_problems() {
        let sent = HashSet::from(["r-1", "r-2"]);
        let unknown = |request: &str| RunProblem::UnknownRequest(request.to_owned());
        let table: [(bool, usize, &[&str], Vec<RunProblem>); 5] = [
            (true, 2, &["r-1", "r-2", "r-1"], vec![]),
            (true, 1, &["r-1"], vec![]),
            (false, 2, &[], vec![RunProblem::StillAtWork]),
            (true, 3, &["r-2"], vec![RunProblem::TooFewSent { sent: 2, asked: 3 }]),
            (true, 2, &["r-3", "r-1", "r-3"], vec![unknown("r-3")]),
        ];
        for (is_idle, asked, heard_of, expected) in table {
            assert_eq!(problems_of_run(is_idle, asked, &sent, heard_of.iter().copied()), expected);
        }
    }
}
