//! The faults that were injected, and which of them strikes a call.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Mutex,
};

use super::{
    faults::{Fault, FaultCounts, FaultKind, FaultedCalls, InjectedFault},
    locking::lock,
};

/// What a call is about, as far as that is known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FaultSubject<'a> {
    /// The request whose event it concerns.
    pub(crate) request_id: Option<&'a str>,
    /// The queue's name.
    pub(crate) queue: Option<&'a str>,
}

impl<'a> FaultSubject<'a> {
    pub(crate) fn from_request(request_id: Option<&'a str>) -> Self {
        Self { request_id, queue: None }
    }
}

/// Which calls of its operation a fault can strike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FaultScope {
    Everything,
    /// Those about the event of this request.
    Request(String),
    /// Those about this queue.
    Queue(String),
}

impl FaultScope {
    fn includes(&self, subject: FaultSubject<'_>) -> bool {
        match self {
            Self::Everything => true,
            Self::Request(request_id) => subject.request_id == Some(request_id.as_str()),
            Self::Queue(queue) => subject.queue == Some(queue.as_str()),
        }
    }
}

/// The faults that were injected so far.
#[derive(Debug)]
pub(crate) struct FaultScript {
    seed: u64,
    state: Mutex<FaultState>,
}

#[derive(Debug, Default)]
struct FaultState {
    /// By their [`InjectedFault`].
    faults: Vec<ScriptedFault>,
    counts: FaultCounts,
}

#[derive(Debug)]
struct ScriptedFault {
    fault: Fault,
    scope: FaultScope,
    ended: bool,
    /// The calls since its injection that it could have struck.
    seen: u32,
    struck: u64,
    /// Of a probability: the calls about each request, and those about none.
    seen_of: HashMap<Option<String>, u64>,
}

impl FaultScript {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, state: Mutex::default() }
    }

    pub(crate) fn inject(&self, fault: Fault, scope: FaultScope) -> InjectedFault {
        assert!(
            Fault::OPERATIONS.contains(&fault.operation),
            "unknown operation {}; use one of {:?}",
            fault.operation,
            Fault::OPERATIONS
        );
        let faults = &mut lock(&self.state).faults;
        faults.push(ScriptedFault { fault, scope, ended: false, seen: 0, struck: 0, seen_of: HashMap::new() });
        InjectedFault(faults.len() - 1)
    }

    /// Ends one fault.
    pub(crate) fn end(&self, InjectedFault(index): InjectedFault) {
        lock(&self.state).faults[index].ended = true;
    }

    /// Ends the faults of this operation.
    pub(crate) fn remove(&self, operation: &str) {
        let mut state = lock(&self.state);
        for scripted in state.faults.iter_mut().filter(|scripted| scripted.fault.operation == operation) {
            scripted.ended = true;
        }
    }

    pub(crate) fn struck(&self, InjectedFault(index): InjectedFault) -> u64 {
        lock(&self.state).faults[index].struck
    }

    pub(crate) fn counts(&self) -> FaultCounts {
        lock(&self.state).counts
    }

    /// Counts a call of this operation, and returns how it is to fail.
    pub(crate) fn fault_for_call(&self, operation: &str, subject: FaultSubject<'_>) -> Option<FaultKind> {
        let mut state = lock(&self.state);
        let mut striking = None;
        for (index, scripted) in state.faults.iter_mut().enumerate() {
            if scripted.can_strike(operation, subject)
                && scripted.strikes(self.seed, index, subject.request_id, striking.is_some())
            {
                striking.get_or_insert(index);
            }
        }
        state.counts.calls += 1;
        let scripted = &mut state.faults[striking?];
        scripted.struck += 1;
        let kind = scripted.fault.kind.clone();
        state.counts.struck += 1;
        Some(kind)
    }
}

impl ScriptedFault {
    fn can_strike(&self, operation: &str, subject: FaultSubject<'_>) -> bool {
        !self.ended && self.fault.operation == operation && self.scope.includes(subject)
    }

    /// Counts a call that this fault can strike, and says whether it does.
    fn strikes(&mut self, seed: u64, index: usize, request_id: Option<&str>, is_struck: bool) -> bool {
        let strikes = match self.fault.calls {
            // Another fault strikes this call, so this one isn't used up.
            FaultedCalls::Next(_) if is_struck => return false,
            FaultedCalls::Next(calls) => self.seen < calls,
            FaultedCalls::Nth(call) => self.seen + 1 == call,
            FaultedCalls::Probability(share) => {
                let of_request = self.seen_of.entry(request_id.map(str::to_owned)).or_default();
                *of_request += 1;
                draw(seed, index, request_id, *of_request) < share
            }
            FaultedCalls::All => true,
        };
        self.seen += 1;
        strikes
    }
}

/// A number from 0 to 1 for one call.
fn draw(seed: u64, fault: usize, request_id: Option<&str>, call: u64) -> f64 {
    // Two processes of one build have the same hasher.
    let mut hasher = DefaultHasher::new();
    (seed, fault, request_id, call).hash(&mut hasher);
    fastrand::Rng::with_seed(hasher.finish()).f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERYTHING: FaultScope = FaultScope::Everything;

    fn about(request_id: &str) -> FaultSubject<'_> {
        FaultSubject::from_request(Some(request_id))
    }

    fn strikes(calls: &[FaultedCalls], times: usize) -> Vec<Option<u16>> {
        let faults = FaultScript::new(7);
        for (status, calls) in (500..).zip(calls) {
            faults.inject(Fault { operation: "RunTask", kind: FaultKind::Status(status), calls: *calls }, EVERYTHING);
        }
        let status = |kind| match kind {
            FaultKind::Status(status) => status,
            other => panic!("{other:?} was never injected"),
        };
        (0..times).map(|_| faults.fault_for_call("RunTask", about("r-1")).map(status)).collect()
    }

    #[test]
    fn a_fault_strikes_the_calls_it_names() {
        assert_eq!(strikes(&[FaultedCalls::Next(2)], 3), [Some(500), Some(500), None]);
        assert_eq!(strikes(&[FaultedCalls::Nth(2)], 3), [None, Some(500), None]);
        assert_eq!(strikes(&[FaultedCalls::Next(1), FaultedCalls::Next(1)], 3), [Some(500), Some(501), None]);
        assert_eq!(strikes(&[FaultedCalls::Nth(2), FaultedCalls::All], 3), [Some(501), Some(500), Some(501)]);
        assert!(FaultScript::new(0).fault_for_call("RunTask", FaultSubject::default()).is_none());
    }

    #[test]
    fn a_fault_of_one_request_leaves_the_others_alone() {
        let faults = FaultScript::new(0);
        let second = Fault { operation: "RunTask", kind: FaultKind::Empty, calls: FaultedCalls::Nth(2) };
        faults.inject(second, FaultScope::Request("r-1".to_owned()));
        let is_struck = |request_id| faults.fault_for_call("RunTask", about(request_id)).is_some();
        assert_eq!(["r-1", "r-2", "r-2", "r-1"].map(is_struck), [false, false, false, true]);
        assert!(faults.fault_for_call("RunTask", FaultSubject::default()).is_none());
    }

    #[test]
    fn a_fault_of_one_queue_leaves_the_others_alone() {
        let faults = FaultScript::new(0);
        let all = Fault { operation: "SendMessage", kind: FaultKind::Throttle, calls: FaultedCalls::All };
        let injected = faults.inject(all, FaultScope::Queue("dead-letters".to_owned()));
        let is_struck = |queue| {
            let subject = FaultSubject { request_id: Some("r-1"), queue };
            faults.fault_for_call("SendMessage", subject).is_some()
        };
        assert_eq!([Some("results"), Some("dead-letters"), None].map(is_struck), [false, true, false]);
        assert_eq!(faults.struck(injected), 1);
    }

    #[test]
    fn removing_the_faults_of_an_operation_keeps_those_of_others() {
        let faults = FaultScript::new(0);
        for operation in ["RunTask", "ListTasks"] {
            faults.inject(Fault { operation, kind: FaultKind::Empty, calls: FaultedCalls::All }, EVERYTHING);
        }
        faults.remove("RunTask");
        assert!(
            faults.fault_for_call("RunTask", FaultSubject::default()).is_none()
                && faults.fault_for_call("ListTasks", FaultSubject::default()).is_some()
        );
    }

    #[test]
    fn what_strikes_a_request_does_not_depend_on_others() {
        let faults = || {
            let faults = FaultScript::new(7);
            faults.inject(
                Fault { operation: "RunTask", kind: FaultKind::Empty, calls: FaultedCalls::Probability(0.5) },
                EVERYTHING,
            );
            faults
        };
        let (alone, among_others) = (faults(), faults());
        let is_struck = |faults: &FaultScript, request| faults.fault_for_call("RunTask", about(request)).is_some();
        for _ in 0..100 {
            let expected = is_struck(&alone, "r-1");
            is_struck(&among_others, "r-2");
            assert_eq!(is_struck(&among_others, "r-1"), expected);
        }
    }

    #[test]
    fn strikes_are_counted_until_the_end_of_a_fault() {
        let faults = FaultScript::new(0);
        let first = faults
            .inject(Fault { operation: "RunTask", kind: FaultKind::Empty, calls: FaultedCalls::Nth(2) }, EVERYTHING);
        let second = faults
            .inject(Fault { operation: "RunTask", kind: FaultKind::Throttle, calls: FaultedCalls::All }, EVERYTHING);
        for _ in 0..3 {
            faults.fault_for_call("RunTask", FaultSubject::default());
        }
        faults.end(second);
        assert!(faults.fault_for_call("RunTask", FaultSubject::default()).is_none());
        assert_eq!((faults.struck(first), faults.struck(second)), (1, 2));
        assert_eq!(faults.counts(), FaultCounts { calls: 4, struck: 3 });
    }

    #[test]
    fn a_probability_is_met_and_repeats_with_the_seed() {
        let first = strikes(&[FaultedCalls::Probability(0.2)], 1000);
        let count = first.iter().flatten().count();
        assert!((150..250).contains(&count), "{count}");
        assert_eq!(first, strikes(&[FaultedCalls::Probability(0.2)], 1000));
    }
}
