//! Reads the body of a request with a limit.

use bytes::{Bytes, BytesMut};
use hyper::{
    HeaderMap,
    body::{Body, Frame},
};

use std::{future::poll_fn, pin::Pin};

/// The parts of a body that are kept: its start, its end and its length.
#[derive(Debug, Default)]
pub(super) struct CollectedBody {
    pub(super) bytes: Bytes,
    pub(super) length: u64,
    /// The last bytes of a body that wasn't kept whole, also those that were kept; of others, nothing.
    pub(super) tail: Bytes,
    pub(super) trailers: HeaderMap,
}

/// How much of a body's end is kept: it may contain a stream's error report, which can be long.
const TAIL: usize = 1024 * 1024;

/// Reads a body to its end and keeps at most `keep` bytes of it.
///
/// The rest is read, too: a client that is still writing when its connection is closed never sees the response.
pub(super) async fn collect<B>(body: B, keep: usize) -> Result<CollectedBody, B::Error>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut body = body;
    let mut collected = CollectedBody::default();
    let (mut bytes, mut tail) = (BytesMut::new(), BytesMut::new());
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        match frame?.into_data().map_err(Frame::into_trailers) {
            Ok(mut data) => {
                collected.length += data.len() as u64;
                let room = data.len().min(keep - bytes.len());
                bytes.extend_from_slice(&data.split_to(room));
                if !data.is_empty() && tail.is_empty() {
                    tail.extend_from_slice(&bytes[bytes.len().saturating_sub(TAIL)..]);
                }
                tail.extend_from_slice(&data);
                if tail.len() > 2 * TAIL {
                    tail = BytesMut::from(&tail[tail.len() - TAIL..]);
                }
            }
            Err(Ok(trailers)) => collected.trailers.extend(trailers),
            Err(Err(_)) => {}
        }
    }
    Ok(CollectedBody { bytes: bytes.freeze(), tail: tail.freeze(), ..collected })
}

#[cfg(test)]
mod tests {
    use std::{
        collections::VecDeque,
        convert::Infallible,
        task::{Context, Poll},
    };

    use super::*;

    struct ChunkedBody(VecDeque<Bytes>);

    impl Body for ChunkedBody {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(|chunk| Ok(Frame::data(chunk))))
        }
    }

    #[tokio::test]
    async fn keeps_the_start_and_the_end_and_counts_all() {
        for (chunks, keep, bytes, tail, length) in [
            (vec![], 4, "", "", 0),
            (vec!["ab", "cd"], 4, "abcd", "", 4),
            (vec!["ab", "cdef", "g"], 4, "abcd", "abcdefg", 7),
            (vec!["abcdef"], 0, "", "abcdef", 6),
        ] {
            let body = ChunkedBody(chunks.iter().map(|chunk| Bytes::from(*chunk)).collect());
            let collected = collect(body, keep).await.expect("can't fail");
            assert_eq!((&*collected.bytes, &*collected.tail), (bytes.as_bytes(), tail.as_bytes()), "{chunks:?}");
            assert_eq!(collected.length, length, "{chunks:?}");
        }
    }

    #[tokio::test]
    async fn a_long_body_takes_little_memory() {
        let body = ChunkedBody((0..1000).map(|_| Bytes::from(vec![7; 8 * 1024])).collect());
        let collected = collect(body, 10).await.expect("can't fail");
        assert_eq!((collected.bytes.len(), collected.length), (10, 8 * 1024 * 1000));
        assert!(collected.tail.len() <= 2 * TAIL + 8 * 1024 && collected.tail.len() >= TAIL);
    }
}
