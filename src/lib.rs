#![doc = include_str!("../README.md")]

pub use immortal_core::start::run;
pub use immortal_macros::{immortal, main};
pub use lambda_runtime::{Context, Diagnostic, Error, LambdaEvent, service_fn};

/// Which attempt at its event this process is: 0 in Lambda, n in the nth Fargate task.
///
/// A later attempt sees the same event and the same context. What an earlier one wrote is still there, so a long job
/// can go on where that one was stopped:
///
/// ```
/// use immortal::{Error, LambdaEvent, immortal};
///
/// #[immortal(attempts = 5)]
/// async fn crawl(event: LambdaEvent<Vec<String>>) -> Result<usize, Error> {
///     let job = event.context.request_id;
///     let done = if immortal::attempt() > 0 { last_page(&job).await? } else { 0 };
///     for (page, address) in event.payload.iter().enumerate().skip(done) {
///         visit(address).await?;
///         save_last_page(&job, page + 1).await?;
///     }
///     Ok(event.payload.len())
/// }
/// # async fn last_page(_: &str) -> Result<usize, Error> { Ok(0) }
/// # async fn save_last_page(_: &str, _: usize) -> Result<(), Error> { Ok(()) }
/// # async fn visit(_: &str) -> Result<(), Error> { Ok(()) }
/// ```
#[must_use]
pub fn attempt() -> u32 {
    immortal_core::start::attempt()
}

/// What expansions of `#[immortal]` name; no part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use immortal_core::{
        handler::bounds::{
            EventPayload, HandlerError, HandlerEvent, HandlerOutput, HandlerResponse, InitOutput, StateInit,
        },
        manifest::{DispatchOn, Manifest},
        start::{async_main, is_crate_root, main, main_with_state, plain_main},
    };

    /// What stands in for the `main` that an attribute with a mistake doesn't write.
    pub mod stub {
        /// Never runs.
        pub fn main() {}
    }
}
