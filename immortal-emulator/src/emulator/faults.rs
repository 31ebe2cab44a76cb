//! How tests make the emulator fail.

use super::Emulator;
use crate::platform::{Fault, FaultCounts, FaultScope, InjectedFault};

impl Emulator {
    /// Makes calls fail.
    ///
    /// # Panics
    ///
    /// If the emulator has no such operation: the fault would never take effect.
    pub fn inject(&self, fault: Fault) -> InjectedFault {
        self.platform.faults.inject(fault, FaultScope::Everything)
    }

    /// Makes calls fail that concern the event of one invocation: `RunTask` and `ListTasks` with this `startedBy`,
    /// `DescribeTasks` whose first task has it, `Task` and `TaskStateChange` of such a task, the operations of S3 on an
    /// object of the job, `Message` sent by Lambda or a rule about it, `SendMessage` with this id in the attribute
    /// `RequestID` or `ImmortalRequestId` or as the `requestContext.requestId` of its body, `DeleteMessage` and
    /// `ChangeMessageVisibility` of a message that Lambda or a rule sent about the event.
    ///
    /// # Panics
    ///
    /// If the emulator has no such operation: the fault would never take effect.
    pub fn inject_for(&self, request_id: &str, fault: Fault) -> InjectedFault {
        self.platform.faults.inject(fault, FaultScope::Request(request_id.to_owned()))
    }

    /// Makes calls fail that concern one queue: `Message`, and every operation of SQS whose request has its URL.
    ///
    /// # Panics
    ///
    /// If the emulator has no such operation: the fault would never take effect.
    pub fn inject_for_queue(&self, queue: &str, fault: Fault) -> InjectedFault {
        self.platform.faults.inject(fault, FaultScope::Queue(queue.to_owned()))
    }

    /// Ends one fault; what it did stays counted.
    pub fn end_fault(&self, fault: InjectedFault) {
        self.platform.faults.end(fault);
    }

    /// How many calls a fault has struck.
    #[must_use]
    pub fn struck_calls(&self, fault: InjectedFault) -> u64 {
        self.platform.faults.struck(fault)
    }

    /// How many calls, runs and deliveries there were, and how many of them a fault struck.
    #[must_use]
    pub fn fault_counts(&self) -> FaultCounts {
        self.platform.faults.counts()
    }

    /// Kills all sandboxes of a function, as if their hosts had failed.
    pub fn kill_sandboxes(&self, function: &str) {
        self.platform.processes.kill_all_of(function);
    }

    /// Removes all faults of an operation.
    pub fn end_faults(&self, operation: &str) {
        self.platform.faults.remove(operation);
    }
}
