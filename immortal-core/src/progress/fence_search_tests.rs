//! The fence as an exhaustive search: every sequence in which the requests of a few attempts reach S3, every answer that
//! may be lost on its way, and every write that may arrive late.

use std::{
    collections::{BTreeSet, HashSet},
    rc::Rc,
};

use super::*;

/// The number of an attempt in its scenario.
type AttemptIndex = usize;

/// The one object of the job, and whose value it holds: who takes over keeps another's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct SearchedObject {
    stamp: SaveStamp,
    value: SaveStamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct SearchedPut {
    from: AttemptIndex,
    object: SearchedObject,
    condition: PutCondition,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum AttemptState {
    /// It reads the object.
    Opening,
    /// It writes another's value again, in its own name.
    TakingOver(SearchedPut),
    /// It saves next under this condition.
    Open(PutCondition),
    Saving(PendingSave),
    /// It was told that it is superseded, or has failed to open.
    Over,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct SearchedAttempt {
    writer: ProgressWriter,
    sequence: u64,
    saves_left: u32,
    state: AttemptState,
}

/// What can happen to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RequestFate {
    Answered,
    /// It takes effect, and its answer is lost: it is sent again.
    AnswerLost,
    /// It is lost for now, and sent again; it may arrive later, too.
    Delayed,
    /// The same, but it is not sent again: the handler is told that it failed.
    GivenUp,
}

#[derive(Clone, Copy, Debug)]
enum SearchStep {
    Request(AttemptIndex, RequestFate),
    /// The nth of the delayed writes arrives.
    Arrives(usize),
    /// The job has succeeded, and its progress is deleted.
    JobEnds,
}

/// Everything that what follows depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct SearchState {
    attempts: Vec<SearchedAttempt>,
    object: Option<SearchedObject>,
    delayed: Vec<SearchedPut>,
    faults_left: u32,
    is_ended: bool,
    /// The saves that have taken effect.
    written: BTreeSet<(AttemptIndex, u64)>,
    /// Those that wrote the object before another did.
    past_owners: BTreeSet<AttemptIndex>,
}

/// The entity tag, which S3 makes of the content.
fn tag(object: &SearchedObject) -> String {
    format!("{}/{}", object.stamp.writer.id, object.stamp.sequence)
}

fn check(is_right: bool, what: &str) -> Result<(), String> {
    if is_right { Ok(()) } else { Err(what.to_owned()) }
}

impl SearchedAttempt {
    fn next_stamp(&mut self) -> SaveStamp {
        self.sequence += 1;
        SaveStamp { writer: self.writer.clone(), sequence: self.sequence }
    }
}

impl SearchState {
    fn new(ranks: &[(u32, u32)], saves_left: u32, faults_left: u32) -> Self {
        let attempt = |(number, &(series, attempt)): (usize, &(u32, u32))| SearchedAttempt {
            writer: ProgressWriter { rank: AttemptRank { series, attempt }, id: format!("w{number}") },
            sequence: 0,
            saves_left,
            state: AttemptState::Opening,
        };
        Self {
            attempts: ranks.iter().enumerate().map(attempt).collect(),
            object: None,
            delayed: Vec::new(),
            faults_left,
            is_ended: false,
            written: BTreeSet::new(),
            past_owners: BTreeSet::new(),
        }
    }

    fn steps(&self) -> Vec<SearchStep> {
        use RequestFate::{AnswerLost, Answered, Delayed, GivenUp};
        let mut steps = Vec::new();
        for (index, attempt) in self.attempts.iter().enumerate() {
            let is_put = match &attempt.state {
                AttemptState::Over => continue,
                AttemptState::Open(_) if attempt.saves_left == 0 => continue,
                AttemptState::Opening => false,
                AttemptState::TakingOver(_) | AttemptState::Open(_) => true,
                AttemptState::Saving(save) => save.next() == NextRequest::Put,
            };
            // A read whose answer is lost changes nothing.
            let faults: &[_] = if is_put && self.faults_left > 0 { &[AnswerLost, Delayed, GivenUp] } else { &[] };
            steps.extend([Answered].iter().chain(faults).map(|fate| SearchStep::Request(index, *fate)));
        }
        steps.extend((0..self.delayed.len()).map(SearchStep::Arrives));
        steps.extend((!self.is_ended).then_some(SearchStep::JobEnds));
        steps
    }

    fn step(&mut self, step: SearchStep) -> Result<(), String> {
        match step {
            SearchStep::Request(index, fate) => self.request(index, fate),
            SearchStep::Arrives(nth) => {
                let put = self.delayed.remove(nth);
                self.put(&put).map(drop)
            }
            SearchStep::JobEnds => {
                (self.object, self.is_ended) = (None, true);
                Ok(())
            }
        }
    }

    fn request(&mut self, index: AttemptIndex, fate: RequestFate) -> Result<(), String> {
        self.faults_left -= u32::from(fate != RequestFate::Answered);
        match self.attempts[index].state.clone() {
            AttemptState::Over => {}
            AttemptState::Opening => self.open(index)?,
            AttemptState::TakingOver(put) => {
                let answer = self.send(&put, fate)?;
                self.attempts[index].state = match answer {
                    Some(PutAnswer::Written(tag)) => AttemptState::Open(PutCondition::Matches(tag)),
                    Some(PutAnswer::Refused) => AttemptState::Opening,
                    Some(PutAnswer::Missing) => self.superseded(index, SupersededBy::EndOfJob)?,
                    None if fate == RequestFate::GivenUp => AttemptState::Over,
                    None => return Ok(()),
                };
            }
            AttemptState::Open(condition) => {
                let attempt = &mut self.attempts[index];
                attempt.saves_left -= 1;
                let save = PendingSave::new(attempt.next_stamp(), condition);
                self.save(index, save, fate)?;
            }
            AttemptState::Saving(save) => self.save(index, save, fate)?,
        }
        Ok(())
    }

    fn open(&mut self, index: AttemptIndex) -> Result<(), String> {
        let attempt = &mut self.attempts[index];
        let step = open_step(&attempt.writer, self.object.as_ref().map(|object| &object.stamp));
        self.attempts[index].state = match (step, self.object.clone()) {
            (OpenStep::Superseded(by), _) => self.superseded(index, by)?,
            (OpenStep::TakeOver, Some(found)) => {
                let condition = PutCondition::Matches(tag(&found));
                let object = SearchedObject { stamp: attempt.next_stamp(), value: found.value };
                AttemptState::TakingOver(SearchedPut { from: index, object, condition })
            }
            (_, Some(found)) => AttemptState::Open(PutCondition::Matches(tag(&found))),
            (_, None) => AttemptState::Open(PutCondition::IsNew),
        };
        Ok(())
    }

    fn save(&mut self, index: AttemptIndex, mut save: PendingSave, fate: RequestFate) -> Result<(), String> {
        let begun_under = save.condition().clone();
        let end = match save.next() {
            NextRequest::Put => {
                let object = SearchedObject { stamp: save.stamp.clone(), value: save.stamp.clone() };
                match self.send(&SearchedPut { from: index, object, condition: begun_under.clone() }, fate)? {
                    Some(answer) => save.put(answer),
                    None => None,
                }
            }
            NextRequest::Get => {
                save.got(self.object.as_ref().map(|object| FoundSave { tag: tag(object), stamp: object.stamp.clone() }))
            }
        };
        self.attempts[index].state = match end {
            Some(SaveEnd::Saved(tag)) => {
                check(
                    self.written.contains(&(index, save.stamp.sequence)),
                    "what is said to be saved was not written",
                )?;
                AttemptState::Open(PutCondition::Matches(tag))
            }
            Some(SaveEnd::Superseded(by)) => self.superseded(index, by)?,
            None if fate == RequestFate::GivenUp => AttemptState::Open(begun_under),
            None => AttemptState::Saving(save),
        };
        Ok(())
    }

    /// An attempt is told that it is superseded: it must be true.
    fn superseded(&self, index: AttemptIndex, by: SupersededBy) -> Result<AttemptState, String> {
        let own = &self.attempts[index].writer;
        let is_true = match by {
            SupersededBy::EndOfJob => self.is_ended,
            SupersededBy::Attempt(rank) => {
                let is_rival = |(other, _): &(AttemptIndex, u64)| {
                    *other != index && self.attempts[*other].writer.rank == rank && rank >= own.rank
                };
                self.written.iter().any(is_rival)
            }
        };
        check(is_true, "an attempt is superseded by nobody")?;
        Ok(AttemptState::Over)
    }

    /// Sends a write; `None` where there is no answer.
    fn send(&mut self, put: &SearchedPut, fate: RequestFate) -> Result<Option<PutAnswer>, String> {
        match fate {
            RequestFate::Answered => self.put(put).map(Some),
            RequestFate::AnswerLost => self.put(put).map(|_| None),
            RequestFate::Delayed | RequestFate::GivenUp => {
                self.delayed.push(put.clone());
                Ok(None)
            }
        }
    }

    /// S3: writes where the condition holds. Whoever writes is the only owner from then on.
    fn put(&mut self, put: &SearchedPut) -> Result<PutAnswer, String> {
        match (&put.condition, self.object.as_ref().map(tag)) {
            (PutCondition::IsNew, Some(_)) => return Ok(PutAnswer::Refused),
            (PutCondition::Matches(_), None) => return Ok(PutAnswer::Missing),
            (PutCondition::Matches(wanted), Some(present)) if *wanted != present => return Ok(PutAnswer::Refused),
            _ => {}
        }
        let stamp = &put.object.stamp;
        if let Some(before) = &self.object {
            let (old, new) = (&before.stamp.writer, &stamp.writer);
            check(old.rank <= new.rank, "an earlier attempt wrote over a later one")?;
            if old == new {
                check(before.stamp.sequence < stamp.sequence, "an older save wrote over a newer one")?;
            } else {
                check(old.rank < new.rank || before.value == put.object.value, "who took over lost what was there")?;
                // After the end an attempt that found nothing can begin anew: no attempt reads it, and it expires.
                let came_back = self.past_owners.contains(&put.from) && !self.is_ended;
                check(!came_back, "one that was replaced wrote again")?;
                let owner = self.attempts.iter().position(|attempt| attempt.writer == *old);
                self.past_owners.extend(owner);
            }
        } else {
            check(self.written.is_empty() || self.is_ended, "the object is gone before the end of the job")?;
        }
        self.written.insert((put.from, stamp.sequence));
        self.object = Some(put.object.clone());
        Ok(PutAnswer::Written(tag(&put.object)))
    }

    /// An attempt that is alone, and whose requests are answered, comes to an end.
    fn check_progress(&self, index: AttemptIndex) -> Result<(), String> {
        /// Read, take over, be refused, read, take over; then a save that is refused, read, and written.
        const MOST_REQUESTS: usize = 8;
        let mut alone = self.clone();
        for _ in 0..MOST_REQUESTS {
            match alone.attempts[index].state {
                AttemptState::Over | AttemptState::Open(_) => return Ok(()),
                _ => alone.request(index, RequestFate::Answered)?,
            }
        }
        Err("an attempt that is alone never ends".to_owned())
    }
}

/// The worlds that were visited, each with the place of the one before it and the step between them.
type VisitedWorlds = Vec<(Rc<SearchState>, Option<(usize, SearchStep)>)>;

/// Visits every world that can be reached, nearest first, and returns how many there are.
fn search(first: SearchState) -> usize {
    let mut worlds: VisitedWorlds = vec![(Rc::new(first), None)];
    let mut known: HashSet<_> = [Rc::clone(&worlds[0].0)].into();
    let mut at = 0;
    while let Some((world, _)) = worlds.get(at).cloned() {
        for step in world.steps() {
            let mut next = SearchState::clone(&world);
            let stepped = next.step(step);
            let next = Rc::new(next);
            let is_new = known.insert(Rc::clone(&next));
            let alone = || (0..next.attempts.len()).filter(|_| is_new).try_for_each(|index| next.check_progress(index));
            if let Err(what) = stepped.and_then(|()| alone()) {
                panic!("{what}, after {:?}: {next:#?}", history(&worlds, at, step));
            }
            if is_new {
                worlds.push((next, Some((at, step))));
            }
        }
        at += 1;
    }
    worlds.len()
}

/// The shortest history that ends with a step from a world.
fn history(worlds: &VisitedWorlds, mut at: usize, last: SearchStep) -> Vec<SearchStep> {
    let mut steps = vec![last];
    while let Some((before, step)) = worlds[at].1 {
        steps.push(step);
        at = before;
    }
    steps.reverse();
    steps
}

#[test]
fn no_history_breaks_the_fence() {
    // The attempts by series and number, how often each saves, and how many requests aren't answered.
    let table = [
        (vec![(0, 0), (0, 0)], 2, 2),
        (vec![(0, 0), (0, 1)], 2, 3),
        (vec![(0, 1), (0, 1), (0, 2)], 1, 1),
        (vec![(0, 0), (0, 1), (1, 1)], 1, 2),
    ];
    for (ranks, saves, faults) in table {
        let states = search(SearchState::new(&ranks, saves, faults));
        println!("attempts {ranks:?}, {saves} saves each, {faults} faults: {states} states");
    }
}
