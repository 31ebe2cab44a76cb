//! Downloads of code by presigned URL: expiry, ranges, and the faults of a download.

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
const URL_LIFETIME: Duration = Duration::from_mins(10);

impl LambdaService {
    /// Creates a presigned URL for a package.
    pub(super) fn presigned_url(&self, package: &CodePackage) -> String {
        let (token, signature) = (self.platform.ids.hex(32), self.platform.ids.hex(64));
        let expires = self.platform.now() + URL_LIFETIME;
        lock(&self.downloads).insert(token.clone(), CodeDownload { zip: package.zip.clone(), expires });
        let lifetime = URL_LIFETIME.as_secs();
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
            _ => ByteRange::from_headers(&headers, download.zip.len())?,
        };
        let mut response = match fault {
            Some(FaultKind::Corrupt) => range.response(&corrupted_copy(&download.zip, range)),
            _ => range.response(&download.zip),
        };
        match fault {
            Some(FaultKind::NoRanges) => drop(response.headers_mut().remove(header::ACCEPT_RANGES)),
            Some(FaultKind::Stall) => response = half_response(response, range, &download.zip, BodyEnd::Nothing),
            Some(FaultKind::Truncated) => response = half_response(response, range, &download.zip, BodyEnd::Flush),
            Some(FaultKind::RateLimited(rate)) => {
                let (head, _) = response.into_parts();
                let paced =
                    PacedBody { left: range.slice(&download.zip), rate, pause: Box::pin(sleep(Duration::ZERO)) };
                response = Response::from_parts(head, Body::new(paced));
            }
            _ => {}
        }
        Ok(response.into())
    })
    .await
}

/// The zip with one byte of the range changed.
fn corrupted_copy(zip: &Bytes, range: ByteRange) -> Bytes {
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

/// The same response with half of the bytes.
fn half_response(response: Response, range: ByteRange, zip: &Bytes, end: BodyEnd) -> Response {
    let part = range.slice(zip);
    let (head, _) = response.into_parts();
    Response::from_parts(head, Body::new(PartialBody { first: Some(part.slice(..part.len() / 2)), end }))
}

#[derive(Clone, Copy)]
enum BodyEnd {
    Nothing,
    Flush,
    Close,
}

/// A body that ends before its declared length.
struct PartialBody {
    first: Option<Bytes>,
    end: BodyEnd,
}

impl HttpBody for PartialBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match (self.first.take(), self.end) {
            (Some(bytes), _) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            // It is never woken: it is dropped with its connection.
            (None, BodyEnd::Nothing) => Poll::Pending,
            // While the body is pending, hyper flushes what it has; an immediate error would discard it.
            (None, BodyEnd::Flush) => {
                self.end = BodyEnd::Close;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            (None, BodyEnd::Close) => Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into()))),
        }
    }
}

/// A body that is sent at a limited number of bytes per second.
struct PacedBody {
    left: Bytes,
    rate: u32,
    pause: Pin<Box<Sleep>>,
}

impl PacedBody {
    /// Large enough for the timer's resolution of a millisecond, and small compared with a range.
    const CHUNK: usize = 256 * 1024;
}

impl HttpBody for PacedBody {
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
        let chunk = Self::CHUNK.min(self.left.len());
        let taken = f64::from(u32::try_from(chunk).unwrap_or(u32::MAX)) / f64::from(self.rate);
        // Counted from the previous deadline, so that delays of the timer don't add up.
        let next = self.pause.deadline() + Duration::from_secs_f64(taken);
        self.pause.as_mut().reset(next);
        Poll::Ready(Some(Ok(Frame::data(self.left.split_to(chunk)))))
    }
}
