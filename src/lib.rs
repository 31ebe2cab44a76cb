//! An AWS Lambda invocation that dies gets another life on AWS Fargate, without a time limit.

pub use immortal_core::start::{attempt, run};
pub use immortal_macros::immortal;
pub use lambda_runtime::{Context, Diagnostic, Error, LambdaEvent, service_fn};

/// What expansions of `#[immortal]` name; no part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use immortal_core::{
        handler::bounds::{Event, Failure, Init, Made, Outcome, Payload, Response},
        manifest::{Manifest, On},
        start::{main, main_with_state},
    };
}
