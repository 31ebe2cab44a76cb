//! The gzipped form of an event: base64 of gzip, as an order carries it, for the roles that write and read it.

#[cfg(feature = "dispatcher")]
use std::io::Write as _;
use std::io::{self, Read as _};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use flate2::read::MultiGzDecoder;

use crate::names::{MAX_EVENT, env::EVENT_GZIP};

/// Why a gzipped event can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GzipError {
    /// The text is not valid base64.
    #[error("{EVENT_GZIP} is not valid base64")]
    Base64(#[from] base64::DecodeError),
    /// The gzip is damaged or truncated.
    #[error("{EVENT_GZIP} is not valid gzip")]
    Gzip(#[from] io::Error),
    /// It is larger than any event of Lambda.
    #[error("{EVENT_GZIP} holds more than {MAX_EVENT} bytes, which no event of Lambda does")]
    TooLarge,
    /// It is not UTF-8, which JSON requires.
    #[error("{EVENT_GZIP} is not UTF-8")]
    Encoding(#[from] std::string::FromUtf8Error),
}

/// Gzips an event. The header has no time and no name, so that equal events give equal bytes.
#[cfg(feature = "dispatcher")]
pub(crate) fn gzip(event: &str) -> String {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let written = encoder.write_all(event.as_bytes()).and_then(|()| encoder.finish());
    // Writing into a vector can't fail; and an empty order is refused by the runner.
    BASE64_STANDARD.encode(written.unwrap_or_default())
}

/// Decompresses a gzipped event with all its members, up to [`MAX_EVENT`] bytes.
pub(crate) fn gunzip(text: &str) -> Result<String, GzipError> {
    let zipped = BASE64_STANDARD.decode(text)?;
    let mut event = Vec::new();
    MultiGzDecoder::new(zipped.as_slice()).take(MAX_EVENT + 1).read_to_end(&mut event)?;
    if event.len() as u64 > MAX_EVENT {
        return Err(GzipError::TooLarge);
    }
    // It grew by doubling, and the dispatcher holds ten of them in a small function.
    event.shrink_to_fit();
    Ok(String::from_utf8(event)?)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn member(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    #[test]
    fn every_member_is_read() {
        let members = [member(b"{\"a\":"), member(b""), member("\"ä\"}".as_bytes())].concat();
        assert_eq!(gunzip(&BASE64_STANDARD.encode(members)).expect("an event"), "{\"a\":\"ä\"}");
    }

    #[test]
    #[cfg(feature = "dispatcher")]
    fn the_same_event_is_the_same_bytes_and_comes_back() {
        let event = "{ \"n\": 1.0, \"ä\": [] }";
        assert_eq!(gzip(event), gzip(event));
        assert_eq!(gunzip(&gzip(event)).expect("an event"), event);
    }

    #[test]
    fn what_is_broken_is_named() {
        let largest = vec![b' '; usize::try_from(MAX_EVENT).expect("small")];
        let whole = member(b"{}");
        let cut = whole.get(..whole.len() - 4).expect("longer");
        let behind = [whole.as_slice(), b"garbage"].concat();
        let table = [
            ("%".to_owned(), "not valid base64"),
            (BASE64_STANDARD.encode("no gzip"), "not valid gzip"),
            (BASE64_STANDARD.encode(cut), "not valid gzip"),
            (BASE64_STANDARD.encode(behind), "not valid gzip"),
            (BASE64_STANDARD.encode(member(b"\"\xff\"")), "not UTF-8"),
            (BASE64_STANDARD.encode(member(&[largest.as_slice(), b" "].concat())), "more than 8388608 bytes"),
            // Each member is small, and all together are not.
            (BASE64_STANDARD.encode(member(&largest).repeat(64)), "more than 8388608 bytes"),
        ];
        for (text, expected) in table {
            let broken = gunzip(&text).expect_err(expected).to_string();
            assert!(broken.starts_with(EVENT_GZIP) && broken.contains(expected), "{broken}");
        }
        assert_eq!(gunzip(&BASE64_STANDARD.encode(member(&largest))).expect("the largest").len(), largest.len());
    }
}
