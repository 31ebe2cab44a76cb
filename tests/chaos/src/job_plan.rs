//! What a job is: its event, how its attempts end, and how its failure reaches the dispatcher. All of it follows from the
//! seed and the job's number.

use std::fmt::Write as _;

/// How many bytes of text that no compression shortens make an event too long for an order, so that it goes through S3.
const PADDING_FOR_S3: usize = 20_000;
/// How many bytes are too long as they are, and fit when they are compressed.
const PADDING_FOR_GZIP: usize = 9_000;

/// How an attempt ends, where no fault ends it before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum HandlerEnd {
    /// With a response.
    Succeed,
    /// With an error.
    Fail,
    /// With the error that says that the event can't be read: the job is given up at once.
    Refuse,
    /// With an exit of its process, so that its answer is lost.
    LoseAnswer,
    /// With SIGKILL, as a process that memory kills.
    Kill,
    /// Not at all.
    Hang,
}

impl HandlerEnd {
    const ALL: [Self; 6] = [Self::Succeed, Self::Fail, Self::Refuse, Self::LoseAnswer, Self::Kill, Self::Hang];

    /// As an event and the handler's log name it.
    pub(crate) fn code(self) -> char {
        match self {
            Self::Succeed => 's',
            Self::Fail => 'f',
            Self::Refuse => 'r',
            Self::LoseAnswer => 'x',
            Self::Kill => 'k',
            Self::Hang => 'h',
        }
    }

    pub(crate) fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|end| code.chars().eq([end.code()]))
    }
}

/// How often an attempt in Lambda ends in which way, of 102.
const ENDS_IN_LAMBDA: [(HandlerEnd, u32); 6] = [
    (HandlerEnd::Succeed, 3),
    (HandlerEnd::Fail, 87),
    (HandlerEnd::Refuse, 4),
    (HandlerEnd::LoseAnswer, 4),
    (HandlerEnd::Kill, 2),
    (HandlerEnd::Hang, 2),
];
/// How often one on Fargate does, of 106. With those that Lambda refuses, a tenth of the jobs are given up by plan: enough
/// dead letters for each fault of `SendMessage`.
const ENDS_ON_FARGATE: [(HandlerEnd, u32); 6] = [
    (HandlerEnd::Succeed, 80),
    (HandlerEnd::Fail, 9),
    (HandlerEnd::Refuse, 6),
    (HandlerEnd::LoseAnswer, 5),
    (HandlerEnd::Kill, 4),
    (HandlerEnd::Hang, 2),
];

/// How a failure comes to the failure queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureRoute {
    /// The primary is invoked, fails, and Lambda sends the record.
    Invocation,
    /// As a message of a `DeadLetterConfig`, this many times; there is no attempt in Lambda.
    Message(u32),
}

/// How many jobs there are for one whose tasks are interrupted again and again.
const JOBS_PER_INTERRUPTED: u32 = 16;
/// How often in a row: after the second interruption, the next task waits for its time in the queue.
const INTERRUPTIONS_IN_A_ROW: u32 = 4;

/// A job to be done.
#[derive(Clone, Debug)]
pub(crate) struct JobPlan {
    pub(crate) event: String,
    pub(crate) route: FailureRoute,
    /// The request id of a message; Lambda gives an invocation its own.
    pub(crate) request_id: String,
    /// How many of its tasks are interrupted, one after the other, as where capacity comes and goes.
    pub(crate) interruptions: u32,
}

impl JobPlan {
    pub(crate) fn new(seed: u64, number: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number);
        // For attempt 0, 1, …: the handler succeeds in those beyond the list, and in those of later series.
        let handler_ends = [&ENDS_IN_LAMBDA, &ENDS_ON_FARGATE, &ENDS_ON_FARGATE, &ENDS_ON_FARGATE];
        let codes: String = handler_ends.map(|ends| one_of(&mut random, ends).code()).into_iter().collect();
        let route = match random.u32(..10) {
            0 => FailureRoute::Message(2),
            1 => FailureRoute::Message(1),
            _ => FailureRoute::Invocation,
        };
        let padding = match random.u32(..10) {
            0 | 1 => (0..PADDING_FOR_S3).map(|_| random.alphanumeric()).collect(),
            2 => "compressible ".repeat(PADDING_FOR_GZIP / 13),
            _ => String::new(),
        };
        let interruptions = if random.u32(..JOBS_PER_INTERRUPTED) == 0 { INTERRUPTIONS_IN_A_ROW } else { 0 };
        let mut event = format!(r#"{{"ends":"{codes}", "job":{number},"number":1.50e3,"text":"é\u00e9\n𝄞""#);
        if !padding.is_empty() {
            // Writing into a string can't fail.
            let _ = write!(event, r#","padding":"{padding}""#);
        }
        event.push('}');
        Self { event, route, request_id: format!("chaos-{seed}-{number}"), interruptions }
    }
}

/// One of the ends, each as often as its weight says.
fn one_of(random: &mut fastrand::Rng, weights: &[(HandlerEnd, u32)]) -> HandlerEnd {
    let total: u32 = weights.iter().map(|(_, weight)| weight).sum();
    let mut left = random.u32(..total);
    for (end, weight) in weights {
        match left.checked_sub(*weight) {
            Some(rest) => left = rest,
            None => return *end,
        }
    }
    HandlerEnd::Succeed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_follows_from_seed_and_number() {
        let text = |seed, number| format!("{:?}", JobPlan::new(seed, number));
        assert_eq!(text(1, 7), text(1, 7));
        assert_ne!(text(1, 7), text(1, 8));
        assert_ne!(text(1, 7), text(2, 7));
    }

    #[test]
    fn events_are_json_in_all_three_sizes() {
        let plans: Vec<_> = (0..200).map(|number| JobPlan::new(3, number)).collect();
        for plan in &plans {
            let event: serde_json::Value = serde_json::from_str(&plan.event).expect("JSON");
            let codes = event["ends"].as_str().expect("a text");
            let ends: Vec<_> = codes.split("").filter(|code| !code.is_empty()).map(HandlerEnd::from_code).collect();
            assert!(ends.len() == 4 && !ends.contains(&None), "{codes}");
        }
        for (least, most) in [(0, 200), (PADDING_FOR_GZIP - 13, PADDING_FOR_GZIP + 200), (PADDING_FOR_S3, usize::MAX)] {
            let count = plans.iter().filter(|plan| (least..most).contains(&plan.event.len())).count();
            assert!(count > 5, "{count} events of {least} to {most} bytes");
        }
    }

    #[test]
    fn a_tenth_of_the_jobs_are_refused_by_plan() {
        let is_refused = |number: &u64| {
            let plan = JobPlan::new(1, *number);
            let event: serde_json::Value = serde_json::from_str(&plan.event).expect("JSON");
            let codes = event["ends"].as_str().expect("a text");
            let first = usize::from(plan.route != FailureRoute::Invocation);
            codes[first..].trim_start_matches(|code| "fxk".contains(code)).starts_with('r')
        };
        let refused = (0..1000).filter(is_refused).count();
        assert!((70..160).contains(&refused), "{refused}");
    }

    #[test]
    fn only_a_code_names_an_end() {
        for end in HandlerEnd::ALL {
            assert_eq!(HandlerEnd::from_code(&end.code().to_string()), Some(end));
        }
        for other in ["", "y", "ss"] {
            assert_eq!(HandlerEnd::from_code(other), None);
        }
    }
}
