//! Tells the handler that it must stop: on Fargate at SIGTERM, in Lambda before the hand-over.
//!
//! Nothing is registered, and no thread started, for a handler that doesn't ask.

use std::{
    io::{self, Read as _},
    os::unix::net::UnixStream,
    process,
    sync::{OnceLock, mpsc},
    thread,
    time::{Duration, Instant},
};

use lambda_runtime::Diagnostic;
use tokio::sync::watch;

use crate::{exit::RunnerExit, handler, names::STOPPED, start::attempt, stderr};

/// Resolves when this attempt must stop; see the facade.
///
/// The call itself, not the first poll, decides what to wait for, so that SIGTERM is caught from then on.
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

/// How an attempt learns that it must stop.
enum StopNotice {
    /// At this time, half a grace before the hand-over; `None`: there is no hand-over.
    Near(Option<Instant>),
    /// At SIGTERM; `None`: it can't be caught.
    Signal(Option<watch::Receiver<bool>>),
}

/// How long other handlers of SIGTERM have after the response: as long as in Lambda.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown>
const SHUTDOWN: Duration = Duration::from_millis(300);

/// The handler of SIGTERM in this process, installed at the first call; `None` inside if it can't be.
static LISTENER: OnceLock<Option<SignalListener>> = OnceLock::new();

struct SignalListener {
    told: watch::Receiver<bool>,
    answered: mpsc::Sender<()>,
}

fn signal() -> Option<watch::Receiver<bool>> {
    let listener = LISTENER.get_or_init(|| match listen() {
        Ok(listener) => Some(listener),
        Err(error) => {
            stderr::line(format_args!(
                "`immortal::stopping()` never resolves, because SIGTERM can't be caught: {error}"
            ));
            None
        }
    });
    listener.as_ref().map(|listener| listener.told.clone())
}

/// Marks the event as answered: from then on SIGTERM ends the process, as if it weren't caught.
pub(crate) fn answered() {
    if let Some(Some(listener)) = LISTENER.get() {
        // The thread has ended, so the process is ending, too.
        let _ = listener.answered.send(());
    }
}

/// A separate thread doesn't depend on a driver of the runtime, which may be the user's.
fn listen() -> io::Result<SignalListener> {
    let (mut reader, writer) = UnixStream::pair()?;
    let ((sender, told), (answered, end)) = (watch::channel(false), mpsc::channel());
    thread::Builder::new().name("stopping".to_owned()).spawn(move || {
        if reader.read_exact(&mut [0]).is_ok() {
            sender.send_replace(true);
            // A task's process has one event.
            if end.recv().is_ok() {
                thread::sleep(SHUTDOWN);
                process::exit(i32::from(u8::from(RunnerExit::Stopped)));
            }
        }
    })?;
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGTERM, writer)?;
    Ok(SignalListener { told, answered })
}

/// A handler's error when it ends early because it must stop: the next attempt continues its work.
///
/// In Lambda it counts as a killed invocation, as a hand-over does. On Fargate the task ends with exit code 143, which
/// is an interruption, and not one of the event's attempts, where the platform stopped the task.
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
