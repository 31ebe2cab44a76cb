//! The fence as a table, and against a store that loses answers and delivers writes late.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn rank(series: u32, attempt: u32) -> AttemptRank {
    AttemptRank { series, attempt }
}

fn writer(rank: AttemptRank, id: &str) -> ProgressWriter {
    ProgressWriter { rank, id: id.to_owned() }
}

fn stamp(rank: AttemptRank, id: &str, sequence: u64) -> SaveStamp {
    SaveStamp { writer: writer(rank, id), sequence }
}

#[test]
fn who_opens_goes_on_or_takes_over_or_is_too_late() {
    let own = writer(rank(1, 2), "own");
    let table = [
        (None, OpenStep::Begin),
        (Some((rank(0, 0), "lambda")), OpenStep::GoOn),
        (Some((rank(0, 9), "task/9")), OpenStep::GoOn),
        (Some((rank(1, 1), "task/1")), OpenStep::GoOn),
        (Some((rank(1, 2), "own")), OpenStep::GoOn),
        (Some((rank(1, 2), "other")), OpenStep::TakeOver),
        (Some((rank(1, 3), "task/3")), OpenStep::Superseded(SupersededBy::Attempt(rank(1, 3)))),
        (Some((rank(2, 1), "task/4")), OpenStep::Superseded(SupersededBy::Attempt(rank(2, 1)))),
    ];
    for (found, expected) in table {
        let found = found.map(|(rank, id)| stamp(rank, id, 7));
        assert_eq!(open_step(&own, found.as_ref()), expected, "{found:?}");
    }
}

#[test]
fn what_is_there_after_a_refused_write_decides() {
    let superseded = |by| Some(SaveEnd::Superseded(by));
    let table = [
        (None, superseded(SupersededBy::EndOfJob)),
        (Some(stamp(rank(1, 2), "own", 4)), Some(SaveEnd::Saved("t".to_owned()))),
        (Some(stamp(rank(1, 2), "own", 3)), None),
        (Some(stamp(rank(1, 1), "task/1", 9)), None),
        (Some(stamp(rank(0, 9), "task/0", 9)), None),
        (Some(stamp(rank(1, 2), "other", 1)), superseded(SupersededBy::Attempt(rank(1, 2)))),
        (Some(stamp(rank(1, 3), "own", 4)), superseded(SupersededBy::Attempt(rank(1, 3)))),
        (Some(stamp(rank(2, 0), "task/2", 1)), superseded(SupersededBy::Attempt(rank(2, 0)))),
    ];
    for (found, expected) in table {
        let mut save = PendingSave::new(stamp(rank(1, 2), "own", 4), PutCondition::IsNew);
        assert_eq!(save.put(PutAnswer::Refused), None);
        assert_eq!(save.next(), NextRequest::Get);
        let found = found.map(|stamp| FoundSave { tag: "t".to_owned(), stamp });
        assert_eq!(save.got(found.clone()), expected, "{found:?}");
        if expected.is_none() {
            assert_eq!((save.next(), save.condition()), (NextRequest::Put, &PutCondition::Matches("t".to_owned())));
        }
    }
}

#[test]
fn a_write_that_is_answered_needs_no_reading() {
    let save = || PendingSave::new(stamp(rank(0, 0), "own", 1), PutCondition::Matches("t".to_owned()));
    assert_eq!(save().put(PutAnswer::Written("u".to_owned())), Some(SaveEnd::Saved("u".to_owned())));
    assert_eq!(save().put(PutAnswer::Missing), Some(SaveEnd::Superseded(SupersededBy::EndOfJob)));
}

/// An object, and whose value it is: who takes over keeps another's.
#[derive(Clone, Debug)]
struct StoredObject {
    tag: u64,
    stamp: SaveStamp,
    value: SaveStamp,
}

#[derive(Clone, Debug)]
struct PutRequest {
    stamp: SaveStamp,
    value: SaveStamp,
    condition: PutCondition,
}

/// S3 with one object, all that was ever written to it, and writes that are still on their way.
#[derive(Debug, Default)]
struct ModelStore {
    object: Option<StoredObject>,
    written: BTreeMap<u64, SaveStamp>,
    late: Vec<PutRequest>,
}

impl ModelStore {
    fn found(&self) -> Option<FoundSave> {
        self.object.as_ref().map(|it| FoundSave { tag: it.tag.to_string(), stamp: it.stamp.clone() })
    }

    /// Writes where the condition holds; whatever it replaces must be of no higher rank, and none of its own rank is lost.
    fn put(&mut self, put: PutRequest) -> Result<PutAnswer, TestCaseError> {
        let present = self.object.as_ref().map(|it| it.tag.to_string());
        match (&put.condition, &present) {
            (PutCondition::IsNew, Some(_)) => return Ok(PutAnswer::Refused),
            (PutCondition::Matches(_), None) => return Ok(PutAnswer::Missing),
            (PutCondition::Matches(tag), Some(present)) if tag != present => return Ok(PutAnswer::Refused),
            _ => {}
        }
        if let Some(before) = &self.object {
            prop_assert!(before.stamp.writer.rank <= put.stamp.writer.rank, "a successor was written over");
            if before.stamp.writer.rank == put.stamp.writer.rank && before.stamp.writer != put.stamp.writer {
                prop_assert_eq!(&before.value, &put.value, "who takes over keeps what is there");
                let was_here = |stamp: &SaveStamp| stamp.writer == put.stamp.writer;
                prop_assert!(!self.written.values().any(was_here), "who was taken over came back");
            }
            if before.stamp.writer == put.stamp.writer {
                prop_assert!(before.stamp.sequence < put.stamp.sequence, "an older save came after a newer one");
            }
        }
        let tag = self.written.len() as u64;
        self.written.insert(tag, put.stamp.clone());
        self.object = Some(StoredObject { tag, stamp: put.stamp, value: put.value });
        Ok(PutAnswer::Written(tag.to_string()))
    }
}

/// One run of an attempt.
#[derive(Debug)]
struct ModelAttempt {
    writer: ProgressWriter,
    sequence: u64,
    opened: Option<PutCondition>,
    save: Option<PendingSave>,
    is_over: bool,
}

impl ModelAttempt {
    fn new((number, rank): (usize, AttemptRank)) -> Self {
        let writer = writer(rank, &format!("w{number}"));
        Self { writer, sequence: 0, opened: None, save: None, is_over: false }
    }

    fn next_stamp(&mut self) -> SaveStamp {
        self.sequence += 1;
        SaveStamp { writer: self.writer.clone(), sequence: self.sequence }
    }

    fn open(&mut self, store: &mut ModelStore) -> Result<(), TestCaseError> {
        let found = store.object.clone();
        self.opened = match (open_step(&self.writer, found.as_ref().map(|it| &it.stamp)), found) {
            (OpenStep::Superseded(_), _) => {
                self.is_over = true;
                return Ok(());
            }
            (OpenStep::TakeOver, Some(found)) => {
                let condition = PutCondition::Matches(found.tag.to_string());
                let put = PutRequest { stamp: self.next_stamp(), value: found.value, condition };
                match store.put(put)? {
                    PutAnswer::Written(tag) => Some(PutCondition::Matches(tag)),
                    _ => None,
                }
            }
            (_, Some(found)) => Some(PutCondition::Matches(found.tag.to_string())),
            (_, None) => Some(PutCondition::IsNew),
        };
        Ok(())
    }

    /// Makes the next request of the save at hand, or begins the next save.
    fn step(&mut self, store: &mut ModelStore, fault: RequestFault) -> Result<(), TestCaseError> {
        let Some(condition) = self.opened.clone() else { return self.open(store) };
        if self.save.is_none() {
            let stamp = self.next_stamp();
            self.save = Some(PendingSave::new(stamp, condition));
        }
        let Some(save) = &mut self.save else { return Ok(()) };
        let end = match save.next() {
            NextRequest::Get if fault == RequestFault::None => save.got(store.found()),
            NextRequest::Get => None,
            NextRequest::Put => {
                let (stamp, condition) = (save.stamp.clone(), save.condition().clone());
                let put = PutRequest { value: stamp.clone(), stamp, condition };
                match fault {
                    RequestFault::None => save.put(store.put(put)?),
                    RequestFault::LostBefore => None,
                    RequestFault::LostAfter => {
                        store.put(put)?;
                        None
                    }
                    RequestFault::Late => {
                        store.late.push(put);
                        None
                    }
                    // The caller is told that it failed, and goes on with its next save.
                    RequestFault::GivenUp => {
                        store.late.push(put);
                        self.save = None;
                        return Ok(());
                    }
                }
            }
        };
        match end {
            None => {}
            Some(SaveEnd::Superseded(_)) => self.is_over = true,
            Some(SaveEnd::Saved(tag)) => {
                let written = tag.parse().ok().and_then(|tag: u64| store.written.get(&tag));
                prop_assert_eq!(written, Some(&save.stamp), "what is said to be saved was written");
                self.opened = Some(PutCondition::Matches(tag));
                self.save = None;
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RequestFault {
    None,
    LostBefore,
    LostAfter,
    Late,
    GivenUp,
}

#[derive(Clone, Copy, Debug)]
enum ScheduleStep {
    Request(usize, RequestFault),
    /// A write that was thought lost arrives.
    Arrives(usize),
    Killed(usize),
}

fn schedule() -> impl Strategy<Value = Vec<ScheduleStep>> {
    let fault = prop_oneof![
        6 => Just(RequestFault::None),
        1 => Just(RequestFault::LostBefore),
        1 => Just(RequestFault::LostAfter),
        1 => Just(RequestFault::Late),
        1 => Just(RequestFault::GivenUp),
    ];
    let step = prop_oneof![
        12 => (0..RANKS.len(), fault).prop_map(|(attempt, fault)| ScheduleStep::Request(attempt, fault)),
        2 => (0..8_usize).prop_map(ScheduleStep::Arrives),
        1 => (0..RANKS.len()).prop_map(ScheduleStep::Killed),
    ];
    proptest::collection::vec(step, 0..80)
}

/// Lambda's own attempt twice, the first task, the second one twice, and the first of the next series.
const RANKS: [AttemptRank; 6] = [
    AttemptRank { series: 0, attempt: 0 },
    AttemptRank { series: 0, attempt: 0 },
    AttemptRank { series: 0, attempt: 1 },
    AttemptRank { series: 0, attempt: 2 },
    AttemptRank { series: 0, attempt: 2 },
    AttemptRank { series: 1, attempt: 1 },
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn the_next_attempt_sees_the_newest_save_of_the_highest(schedule in schedule()) {
        let mut store = ModelStore::default();
        let mut attempts: Vec<_> = RANKS.into_iter().enumerate().map(ModelAttempt::new).collect();
        for step in schedule {
            match step {
                ScheduleStep::Request(at, fault) if !attempts[at].is_over => attempts[at].step(&mut store, fault)?,
                ScheduleStep::Arrives(at) if at < store.late.len() => {
                    let put = store.late.remove(at);
                    store.put(put)?;
                }
                ScheduleStep::Killed(at) => attempts[at].is_over = true,
                _ => {}
            }
        }
        let highest = store.written.values().map(|stamp| stamp.writer.rank).max();
        prop_assert_eq!(store.object.as_ref().map(|it| it.stamp.writer.rank), highest);
        // The next one begins where that ended, and whoever is left of those before it learns of it.
        let mut next = ModelAttempt::new((RANKS.len(), rank(2, 1)));
        let newest = store.object.as_ref().map(|it| it.value.clone());
        let last = store.written.values().last().cloned();
        prop_assert!(newest.is_none() || last.is_some_and(|last| last.writer.rank == highest.unwrap_or(rank(0, 0))));
        while next.sequence < 2 || next.save.is_some() {
            next.step(&mut store, RequestFault::None)?;
            prop_assert!(!next.is_over, "nobody is above it");
        }
        for attempt in &mut attempts {
            for _ in 0..4 {
                if !attempt.is_over {
                    attempt.step(&mut store, RequestFault::None)?;
                }
            }
            prop_assert!(attempt.is_over, "{attempt:?}");
        }
    }
}
