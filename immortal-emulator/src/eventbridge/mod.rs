//! `EventBridge`: rules on the state changes of tasks, with functions and queues as targets; and buses that keep events.

mod bus;
mod events;
mod rule;

pub use self::rule::{RuleTarget, TaskRule};
pub(crate) use self::{
    bus::{EventBuses, call},
    events::{TaskChange, TaskEvents},
};
