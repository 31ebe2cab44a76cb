//! The `aws-chunked` encoding, in which the SDKs upload: chunks, then trailers with a checksum.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html>

use axum::http::HeaderMap;
use bytes::{Bytes, BytesMut};

use crate::platform::ApiError;

/// A decoded upload: its bytes, and its unparsed trailers.
#[derive(Debug)]
pub(super) struct DecodedUpload {
    pub(super) bytes: Bytes,
    trailers: String,
}

impl DecodedUpload {
    pub(super) fn trailer(&self, name: &str) -> Option<&str> {
        let mut trailers = self.trailers.lines().filter_map(|line| line.split_once(':'));
        trailers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

pub(super) fn decode(headers: &HeaderMap, body: Bytes) -> Result<DecodedUpload, ApiError> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !text("x-amz-content-sha256").starts_with("STREAMING-") {
        return Ok(DecodedUpload { bytes: body, trailers: String::new() });
    }
    let malformed = || ApiError::new(400, "IncompleteBody", "The aws-chunked body is cut or malformed.");
    let upload = unchunk(&body).ok_or_else(malformed)?;
    let declared = text("x-amz-decoded-content-length").parse::<usize>();
    if declared.is_ok_and(|length| length == upload.bytes.len()) { Ok(upload) } else { Err(malformed()) }
}

/// Parses `length[;extension]\r\n…bytes…\r\n` up to the chunk of length 0, then trailers.
fn unchunk(mut body: &[u8]) -> Option<DecodedUpload> {
    let mut bytes = BytesMut::new();
    loop {
        let end = body.windows(2).position(|window| window == b"\r\n")?;
        let head = std::str::from_utf8(&body[..end]).ok()?;
        let length = usize::from_str_radix(head.split(';').next()?, 16).ok()?;
        body = &body[end + 2..];
        if length == 0 {
            let trailers = String::from_utf8(body.to_vec()).ok()?;
            return Some(DecodedUpload { bytes: bytes.freeze(), trailers });
        }
        bytes.extend_from_slice(body.get(..length)?);
        body = body.get(length..)?.strip_prefix(b"\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_and_trailers_are_separated() {
        let upload = unchunk(b"3;chunk-signature=x\r\nabc\r\n2\r\n\r\n\r\n0\r\nx-amz-checksum-crc32:AA==\r\n\r\n");
        let upload = upload.expect("a sound body");
        assert_eq!(&upload.bytes[..], b"abc\r\n");
        assert_eq!(upload.trailer("X-Amz-Checksum-Crc32"), Some("AA=="));
        assert_eq!(upload.trailer("x-amz-checksum-sha256"), None);
    }

    #[test]
    fn a_cut_body_is_refused() {
        for body in
            [&b""[..], b"3\r\nab", b"3\r\nabc", b"3\r\nabcd\r\n0\r\n\r\n", b"x\r\n\r\n", b"ffffffffffffffff\r\nx"]
        {
            assert!(unchunk(body).is_none(), "{body:?}");
        }
    }
}
