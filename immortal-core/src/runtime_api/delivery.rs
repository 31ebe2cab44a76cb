//! Whether the client of a connection has received its whole invocation.
//!
//! An invocation is offered again if its connection broke before the whole response was written, and never after that:
//! then the runtime may be working on it. hyper doesn't say when a response is
//! written, but it flushes a socket only when nothing is left to write: so the response is written at the first flush
//! after its body was taken.

use std::{
    convert::Infallible,
    io::{self, IoSlice},
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::state::OfferedInvocation;

/// The invocations that one connection has handed out, and how much of them was written.
#[derive(Clone, Debug, Default)]
pub(super) struct EventDelivery(Arc<Mutex<DeliveryProgress>>);

#[derive(Debug, Default)]
enum DeliveryProgress {
    /// Nothing was handed out, or all that was is written.
    #[default]
    Written,
    /// The body of this offer isn't in the connection's buffer yet.
    HandedOut(Arc<OfferedInvocation>),
    /// It is, and no flush came after it.
    Buffered(Arc<OfferedInvocation>),
}

impl EventDelivery {
    /// The body of a response that hands out this offer.
    pub(super) fn body(&self, offer: Arc<OfferedInvocation>) -> ResponseBody {
        let content = Full::new(offer.invocation.event.clone());
        *self.progress() = DeliveryProgress::HandedOut(offer);
        if content.is_end_stream() {
            self.note_taken();
        }
        ResponseBody { content, delivery: Some(self.clone()) }
    }

    /// What the client doesn't have, for its connection has ended.
    pub(super) fn take_unwritten(&self) -> Option<Arc<OfferedInvocation>> {
        match mem::take(&mut *self.progress()) {
            DeliveryProgress::Written => None,
            DeliveryProgress::HandedOut(offer) | DeliveryProgress::Buffered(offer) => Some(offer),
        }
    }

    fn note_taken(&self) {
        let mut progress = self.progress();
        *progress = match mem::take(&mut *progress) {
            DeliveryProgress::HandedOut(offer) => DeliveryProgress::Buffered(offer),
            other => other,
        };
    }

    fn note_flush(&self) {
        let mut progress = self.progress();
        if let DeliveryProgress::Buffered(_) = *progress {
            *progress = DeliveryProgress::Written;
        }
    }

    fn progress(&self) -> MutexGuard<'_, DeliveryProgress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A whole body, which says when it is taken if it is an invocation's.
#[derive(Debug)]
pub(super) struct ResponseBody {
    content: Full<Bytes>,
    delivery: Option<EventDelivery>,
}

impl From<Bytes> for ResponseBody {
    fn from(content: Bytes) -> Self {
        Self { content: Full::new(content), delivery: None }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = Pin::new(&mut self.content).poll_frame(cx);
        if let Some(delivery) = &self.delivery
            && self.content.is_end_stream()
        {
            delivery.note_taken();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}

/// A socket that tells a [`EventDelivery`] of each flush.
#[derive(Debug)]
pub(super) struct WatchedSocket<S> {
    pub(super) socket: S,
    pub(super) delivery: EventDelivery,
}

impl<S: AsyncRead + Unpin> AsyncRead for WatchedSocket<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WatchedSocket<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.socket).poll_flush(cx);
        if let Poll::Ready(Ok(())) = flushed {
            self.delivery.note_flush();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime_api::Invocation;

    fn offer(event: &'static str) -> Arc<OfferedInvocation> {
        let invocation = Invocation { event: Bytes::from_static(event.as_bytes()), ..Invocation::default() };
        Arc::new(OfferedInvocation { invocation, id: "i-1".into() })
    }

    fn take(body: &mut ResponseBody) {
        let _ = Pin::new(body).poll_frame(&mut Context::from_waker(std::task::Waker::noop()));
    }

    #[test]
    fn it_is_written_at_the_first_flush_after_the_body_was_taken() {
        type Step = fn(&EventDelivery, &mut ResponseBody);
        let (flush, taken): (Step, Step) = (|delivery, _| delivery.note_flush(), |_, body| take(body));
        for (event, steps, unwritten) in [
            ("1", vec![], true),
            ("1", vec![flush], true),
            ("1", vec![taken], true),
            ("1", vec![flush, taken], true),
            ("1", vec![taken, flush], false),
            ("", vec![], true),
            ("", vec![flush], false),
        ] {
            let delivery = EventDelivery::default();
            let mut body = delivery.body(offer(event));
            for step in &steps {
                step(&delivery, &mut body);
            }
            assert_eq!(delivery.take_unwritten().is_some(), unwritten, "{event:?}, {} steps", steps.len());
            assert!(delivery.take_unwritten().is_none(), "once");
        }
    }
}
