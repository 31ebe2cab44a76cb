//! What ECS says of a stopped task, to the next step: whoever writes it chooses an event, and attempts are bounded.

use super::{
    next_step::{MOST_INTERRUPTIONS, NextAttempt, NextStep, is_interrupted, next_order, next_step},
    task::Task,
    task_order::{self, TaskOrder},
};
use crate::{
    fixtures::{BUCKET, CONTAINER, assert_one_line, config, functions},
    manifest::{DispatchOn, Manifest},
    order::{EventForm, Order},
};

const DEFAULTS: Manifest = Manifest::new("ingest", "ingest", "0.1.0");
/// The largest task of a job that may grow.
const MEMORY_MAX: u32 = 8192;

pub fn check(bytes: &[u8]) {
    let Ok(detail) = str::from_utf8(bytes) else { return };
    let task = match Task::from_event(detail) {
        Ok(task) => task,
        Err(error) => return assert_one_line(&error.to_string()),
    };
    assert_one_line(&task.arn);
    let order = match task_order::read(&task, &config(), &functions(&[])) {
        TaskOrder::Ours(order) => *order,
        TaskOrder::OtherTask(why) => return assert_one_line(why),
        TaskOrder::OtherFunction(refusal) => return assert_one_line(&refusal.0),
        TaskOrder::Unreadable(problem) => return assert_one_line(&problem),
    };
    assert!(functions(&[]).foreign_name(&order.context).is_none(), "{:?}", order.context);
    task_order::refuse_forged(&order).expect("the order was refused where it was read");
    match task_order::restrict(order.clone(), &config(), &functions(&[])) {
        Ok(order) => {
            assert!(order.handler_path.is_none());
            if let EventForm::S3(uri) = &order.event {
                assert!(uri.starts_with(&format!("s3://{BUCKET}/immortal/ingest/")), "{uri}");
            }
        }
        Err(refusal) => assert_one_line(&refusal.0),
    }
    let growing =
        Manifest { spot: true, on: DispatchOn::Killed, ..DEFAULTS.task_size(1024, 2048).memory_max(MEMORY_MAX) };
    for manifest in [DEFAULTS, growing] {
        match next_step(&task, CONTAINER, &order, &manifest) {
            NextStep::Done | NextStep::Superseded => {}
            NextStep::GiveUp(why) => assert_one_line(&why),
            NextStep::Attempt(next) => check_next(&task, &order, &next, &manifest),
        }
    }
}

fn check_next(task: &Task, order: &Order, next: &NextAttempt, manifest: &Manifest) {
    assert_eq!(next.attempt, order.attempt.saturating_add(1));
    if is_interrupted(task) {
        assert_eq!(next.interruptions, order.interruptions + 1);
        assert!(next.interruptions <= MOST_INTERRUPTIONS);
    } else {
        assert_eq!(next.interruptions, order.interruptions);
        assert!(next.attempt.saturating_sub(next.interruptions) <= manifest.attempts, "{next:?}");
        assert!(next.delay.is_zero());
    }
    assert!(manifest.spot || !next.spot);
    assert_eq!(next.size.is_some(), manifest.memory.is_some(), "without `memory` the definition has the size");
    if let (Some(size), Some(before)) = (next.size, task.size) {
        assert!(size.memory >= before.memory, "{size:?} after {before:?}");
        assert!(size.memory <= MEMORY_MAX.max(before.memory), "{size:?} after {before:?}");
    }
    let following = next_order(order, next);
    let variables = following.to_variables(&following.event);
    let lookup = |wanted: &str| variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.clone());
    let read = Order::from_variables(lookup).expect("the runner can read the next order");
    assert!(read.event == order.event, "each attempt has the same event");
}
