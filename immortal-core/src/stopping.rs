//! Being told to stop, as the handler hears of it: on Fargate by SIGTERM, in Lambda by the hand-over that is near.
//!
//! Nothing is registered, and no thread started, for a handler that doesn't ask.

use std::{
    io::{self, Read as _},
    os::unix::net::UnixStream,
    sync::OnceLock,
    thread,
    time::Instant,
};

use lambda_runtime::Diagnostic;
use tokio::sync::watch;

use crate::{handler, names::STOPPED, start::attempt, stderr};

/// Ends when this attempt is told to stop; see the facade.
///
/// What it waits for is decided by the call, so that SIGTERM is heeded from then on.
pub fn stopping() -> impl Future<Output = ()> + Send + use<> {
    let notice = if attempt() == 0 { StopNotice::Near(handler::stop_notice()) } else { StopNotice::Signal(signal()) };
    async move {
        let is_told = match notice {
            StopNotice::Near(None) | StopNotice::Signal(None) => false,
            StopNotice::Near(Some(at)) => {
                tokio::time::sleep_until(at.into()).await;
                true
            }
            StopNotice::Signal(Some(mut told)) => told.wait_for(|told| *told).await.is_ok(),
        };
        if !is_told {
            std::future::pending::<()>().await;
        }
    }
}

/// By what an attempt learns that it is to stop.
enum StopNotice {
    /// The moment that is half a grace before the hand-over; `None`: there is no hand-over.
    Near(Option<Instant>),
    /// SIGTERM; `None`: it can't be listened for.
    Signal(Option<watch::Receiver<bool>>),
}

/// Whether SIGTERM came, from the first call on.
fn signal() -> Option<watch::Receiver<bool>> {
    static TOLD: OnceLock<Option<watch::Receiver<bool>>> = OnceLock::new();
    let told = TOLD.get_or_init(|| match listen() {
        Ok(told) => Some(told),
        Err(error) => {
            stderr::line(format_args!("`immortal::stopping()` never ends, since SIGTERM can't be caught: {error}"));
            None
        }
    });
    told.clone()
}

/// A thread of its own needs no driver of the runtime, which may be the user's.
fn listen() -> io::Result<watch::Receiver<bool>> {
    let (mut reader, writer) = UnixStream::pair()?;
    let (sender, told) = watch::channel(false);
    thread::Builder::new().name("stopping".to_owned()).spawn(move || {
        if reader.read_exact(&mut [0]).is_ok() {
            sender.send_replace(true);
        }
    })?;
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGTERM, writer)?;
    Ok(told)
}

/// A handler's error when it ends early because it was told to stop: the next attempt goes on.
///
/// In Lambda it counts as a killed invocation, as a hand-over does. On Fargate the task ends with exit code 143, which is an
/// interruption, and not one of the event's attempts, where the platform stopped the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Immortal.Stopped: the handler ended early, because this attempt was told to stop")]
pub struct Stopped;

impl From<Stopped> for Diagnostic {
    fn from(stopped: Stopped) -> Self {
        Self { error_type: STOPPED.to_owned(), error_message: stopped.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn outside_of_an_invocation_nobody_is_told() {
        let mut stopping = std::pin::pin!(stopping());
        assert_eq!(stopping.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending);
    }

    #[test]
    fn the_message_begins_with_the_type() {
        assert!(Stopped.to_string().starts_with(&format!("{STOPPED}: ")));
    }
}
