#![doc = include_str!("../README.md")]

pub use immortal_core::{start::run, stopping::Stopped};
pub use immortal_macros::{immortal, main};
pub use lambda_runtime::{Context, Diagnostic, Error, LambdaEvent, service_fn};

/// What a handler saves of its work, so that the event's next attempt goes on from there. Feature `progress`.
///
/// It is one object of JSON in `IMMORTAL_EVENT_BUCKET`: saved in Lambda, it is there on Fargate, and after a redrive too.
/// Only the job's latest attempt writes it; one that was thought dead and has a successor is told so by
/// [`ProgressError::Superseded`]. It is deleted when the job succeeds. One `save` is one PUT of S3, whatever its size.
///
/// ```
/// use immortal::{Error, LambdaEvent, Progress, Stopped, immortal};
///
/// #[immortal(spot = true)]
/// async fn crawl(event: LambdaEvent<Vec<String>>) -> Result<usize, Error> {
///     let mut progress = Progress::<usize>::open(&event.context).await?;
///     let mut done = progress.saved().copied().unwrap_or(0);
///     let mut stopping = std::pin::pin!(immortal::stopping());
///     for address in &event.payload[done..] {
///         tokio::select! {
///             visited = visit(address) => visited?,
///             () = &mut stopping => {
///                 progress.save(&done).await?;
///                 return Err(Stopped.into());
///             }
///         }
///         done += 1;
///         if done.is_multiple_of(100) {
///             progress.save(&done).await?;
///         }
///     }
///     Ok(done)
/// }
/// # async fn visit(_: &str) -> Result<(), Error> { Ok(()) }
/// ```
#[cfg(feature = "progress")]
pub use immortal_core::progress::Progress;
#[cfg(feature = "progress")]
pub use immortal_core::progress::ProgressError;

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

/// Ends when this attempt is told to stop: a Spot interruption, maintenance of the host, a person, or a hand-over that is
/// near.
///
/// On Fargate that is SIGTERM, which the process catches from the first call on; the task is killed when its stop timeout is
/// over, 30 seconds later by default. In Lambda it is half a `grace` before the hand-over, and never where `grace` is
/// `"0s"`. Call it in the handler: it is about the event at hand. It may be called more than once, and dropped. A handler
/// that doesn't call it pays nothing for it.
///
/// What is saved then isn't done again. A handler that returns [`Stopped`] is followed by the next attempt at once; one that
/// works on is handed over or killed as ever.
///
/// ```
/// use immortal::{Error, LambdaEvent, Stopped, immortal};
///
/// #[immortal(spot = true)]
/// async fn crawl(event: LambdaEvent<Vec<String>>) -> Result<usize, Error> {
///     let job = event.context.request_id;
///     let mut stopping = std::pin::pin!(immortal::stopping());
///     let mut done = last_page(&job).await?;
///     for address in &event.payload[done..] {
///         tokio::select! {
///             visited = visit(address) => visited?,
///             () = &mut stopping => {
///                 save_last_page(&job, done).await?;
///                 Err(Stopped)?;
///             }
///         }
///         done += 1;
///     }
///     Ok(done)
/// }
/// # async fn last_page(_: &str) -> Result<usize, Error> { Ok(0) }
/// # async fn save_last_page(_: &str, _: usize) -> Result<(), Error> { Ok(()) }
/// # async fn visit(_: &str) -> Result<(), Error> { Ok(()) }
/// ```
pub fn stopping() -> impl Future<Output = ()> + Send + use<> {
    immortal_core::stopping::stopping()
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
