//! Presigned downloads of code: ten minutes, ranges, and the ways in which a download goes wrong.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use super::{
    service::LambdaService,
    version::{CodeDownload, CodePackage},
};
use crate::platform::{ApiError, ByteRange, FaultKind, ServiceKind, answer, lock};
use axum::{
    body::{Body, HttpBody},
    extract::{Path, State},
    http::{HeaderMap, header},
    response::Response,
};
use bytes::Bytes;
use hyper::body::Frame;
use tokio::time::{Sleep, sleep};

/// Source: the `FunctionCodeLocation` shape of the Lambda API: "a presigned URL, valid for 10 minutes".
const LIFETIME: Duration = Duration::from_mins(10);

impl LambdaService {
    /// A new address for a package.
    pub(super) fn location(&self, package: &CodePackage) -> String {
        let (token, signature) = (self.platform.ids.hex(32), self.platform.ids.hex(64));
        let expires = self.platform.now() + LIFETIME;
        lock(&self.downloads).insert(token.clone(), CodeDownload { zip: package.zip.clone(), expires });
        let lifetime = LIFETIME.as_secs();
        format!("{}/_/code/{token}?X-Amz-Expires={lifetime}&X-Amz-Signature={signature}", self.platform.endpoint())
    }
}

pub(super) async fn download(
    State(lambda): State<Arc<LambdaService>>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Response {
    answer(&lambda.platform, ServiceKind::Download, "Download", async |fault| {
        let download = lock(&lambda.downloads).get(&token).cloned();
        let download = download.ok_or_else(|| ApiError::new(403, "AccessDenied", "Access Denied"))?;
        if matches!(fault, Some(FaultKind::Expired)) || lambda.platform.now() > download.expires {
            return Err(ApiError::new(403, "AccessDenied", "Request has expired"));
        }
        let range = match fault {
            Some(FaultKind::NoRanges) => ByteRange::Whole,
            _ => ByteRange::of(&headers, download.zip.len())?,
        };
        let mut response = match fault {
            Some(FaultKind::Corrupt) => range.response(&corrupted(&download.zip, range)),
            _ => range.response(&download.zip),
        };
        match fault {
            Some(FaultKind::NoRanges) => drop(response.headers_mut().remove(header::ACCEPT_RANGES)),
            Some(FaultKind::Stall) => response = half(response, range, &download.zip, Then::Nothing),
            Some(FaultKind::Cut) => response = half(response, range, &download.zip, Then::Flush),
            Some(FaultKind::Paced(rate)) => {
                let (head, _) = response.into_parts();
                let paced = Paced { left: range.of_bytes(&download.zip), rate, pause: Box::pin(sleep(Duration::ZERO)) };
                response = Response::from_parts(head, Body::new(paced));
            }
            _ => {}
        }
        Ok(response.into())
    })
    .await
}

/// With one byte of the range changed.
fn corrupted(zip: &Bytes, range: ByteRange) -> Bytes {
    let mut bytes = zip.to_vec();
    let at = match range {
        ByteRange::Whole => bytes.len() / 2,
        ByteRange::Part { first, last } => usize::midpoint(first, last),
    };
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 0xff;
    }
    bytes.into()
}

/// The same head, with half of the bytes.
fn half(response: Response, range: ByteRange, zip: &Bytes, then: Then) -> Response {
    let part = range.of_bytes(zip);
    let (head, _) = response.into_parts();
    Response::from_parts(head, Body::new(Broken { first: Some(part.slice(..part.len() / 2)), then }))
}

#[derive(Clone, Copy)]
enum Then {
    Nothing,
    Flush,
    Close,
}

/// A body that doesn't keep what its length promises.
struct Broken {
    first: Option<Bytes>,
    then: Then,
}

impl HttpBody for Broken {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match (self.first.take(), self.then) {
            (Some(bytes), _) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            // Nobody wakes it: it is gone with its connection.
            (None, Then::Nothing) => Poll::Pending,
            // What was given is flushed while the body has no more; an error at once would throw it away.
            (None, Then::Flush) => {
                self.then = Then::Close;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            (None, Then::Close) => Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into()))),
        }
    }
}

/// A body that comes no faster than so many bytes a second.
struct Paced {
    left: Bytes,
    rate: u32,
    pause: Pin<Box<Sleep>>,
}

impl Paced {
    /// Long enough for the timer's resolution of a millisecond, and short against a range.
    const PIECE: usize = 256 * 1024;
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        if self.pause.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        let piece = Self::PIECE.min(self.left.len());
        let taken = f64::from(u32::try_from(piece).unwrap_or(u32::MAX)) / f64::from(self.rate);
        // From the deadline before, not from now: what the timer is late doesn't add up.
        let next = self.pause.deadline() + Duration::from_secs_f64(taken);
        self.pause.as_mut().reset(next);
        Poll::Ready(Some(Ok(Frame::data(self.left.split_to(piece)))))
    }
}
