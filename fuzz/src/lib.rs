//! External input that immortal reads, with the properties that hold for any of it.
//!
//! The sources are `immortal-core`'s own, at the same paths. Only those without a call are compiled, because with the
//! AWS SDK the build would take many minutes; the modules named `check` and those after `// Properties` are this
//! package's.
#![allow(dead_code, reason = "the roles use more of the sources")]

#[path = "../../immortal-core/src/batch_failures.rs"]
mod batch_failures;
#[path = "../../immortal-core/src/context.rs"]
mod context;
#[path = "../../immortal-core/src/event_gzip.rs"]
mod event_gzip;
#[path = "../../immortal-core/src/exit.rs"]
mod exit;
#[path = "../../immortal-core/src/function.rs"]
mod function;
#[path = "../../immortal-core/src/invocation_record.rs"]
mod invocation_record;
#[path = "../../immortal-core/src/job_object.rs"]
mod job_object;
#[path = "../../immortal-core/src/manifest.rs"]
mod manifest;
#[path = "../../immortal-core/src/metrics.rs"]
mod metrics;
#[path = "../../immortal-core/src/names.rs"]
mod names;
#[path = "../../immortal-core/src/order.rs"]
mod order;
#[path = "../../immortal-core/src/task_definition.rs"]
mod task_definition;
#[path = "../../immortal-core/src/task_end.rs"]
mod task_end;
#[path = "../../immortal-core/src/task_size.rs"]
mod task_size;

#[path = "../../immortal-core/src/aws"]
mod aws {
    mod error_chain;
    mod timestamp;

    pub(crate) use error_chain::error_chain;
    pub(crate) use timestamp::unix_milliseconds;
}

#[path = "../../immortal-core/src/dispatcher"]
pub mod dispatcher {
    pub(crate) mod config;
    pub(crate) mod dead_letter;
    pub(crate) mod event_form;
    pub(crate) mod failure_cause;
    pub(crate) mod handed_over;
    pub(crate) mod input;
    pub(crate) mod invocation_failure;
    mod json_object;
    mod message_attribute;
    pub(crate) mod next_step;
    mod queue_arn;
    pub(crate) mod task;
    pub(crate) mod task_order;
    pub(crate) mod task_overrides;

    // Properties.
    #[path = "../../../fuzz/src/dispatcher_input.rs"]
    pub mod dispatcher_input;
    #[path = "../../../fuzz/src/event_shapes.rs"]
    pub mod event_shapes;
    #[path = "../../../fuzz/src/source_message.rs"]
    pub mod source_message;
    #[path = "../../../fuzz/src/stopped_task.rs"]
    pub mod stopped_task;
}

#[path = "../../immortal-core/src/handler"]
pub mod handler {
    pub mod handover {
        mod message;

        // Properties.
        #[path = "../../../../fuzz/src/hand_over_message.rs"]
        mod properties;

        pub use properties::check;
    }
}

#[path = "../../immortal-core/src/runner"]
pub mod runner {
    pub mod destination {
        mod record;
        mod target;

        // Properties.
        #[path = "../../../../fuzz/src/destination_record.rs"]
        mod properties;

        pub use properties::check;
    }
}

// Properties.
mod fixtures;
pub mod function_name;
pub mod order_variables;
