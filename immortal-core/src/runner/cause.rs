//! The cause of an error, in words that may be logged.

use std::error::Error;

/// An error and its causes, one after the other, without the URLs that some name: a presigned one is a secret.
pub(super) fn without_urls(error: &dyn Error) -> String {
    let mut chain = vec![scrub(&error.to_string())];
    let mut source = error.source();
    while let Some(cause) = source {
        let text = scrub(&cause.to_string());
        if chain.last() != Some(&text) {
            chain.push(text);
        }
        source = cause.source();
    }
    chain.join(": ")
}

fn scrub(text: &str) -> String {
    let is_url = |word: &str| word.contains("://") || word.contains("X-Amz-");
    text.split(' ').map(|word| if is_url(word) { "(url)" } else { word }).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("could not get (https://bucket.s3/key?X-Amz-Signature=secret)")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("connection to bucket refused for X-Amz-Credential=secret")]
    struct Inner;

    #[test]
    fn urls_are_left_out_all_along_the_chain() {
        let text = without_urls(&Outer(Inner));
        assert_eq!(text, "could not get (url): connection to bucket refused for (url)");
    }
}
