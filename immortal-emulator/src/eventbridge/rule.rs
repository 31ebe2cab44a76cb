//! Rules and their targets.

/// An `EventBridge` rule on task state changes.
#[derive(Clone, Debug)]
pub struct TaskRule {
    /// The family of the task definition; `None`: every family.
    pub family: Option<String>,
    /// The values of `lastStatus` that match; empty: every status.
    pub last_status: Vec<String>,
    /// Where the events go.
    pub target: RuleTarget,
}

/// The target of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleTarget {
    /// A function by its name: it is invoked asynchronously with the event.
    Function(String),
    /// A queue by its ARN: the event's JSON is sent to it as a message's body.
    Queue(String),
}
