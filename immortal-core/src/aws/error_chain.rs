//! An error and its causes as one line of text.

use std::error::Error;

/// An error and its causes in one line, each once, without the URLs that some name: a presigned one is a secret.
pub fn error_chain(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    for cause in causes(error) {
        let text = without_urls(&cause.to_string());
        if !texts.last().is_some_and(|last| last.ends_with(&text)) {
            texts.push(text);
        }
    }
    texts.join(": ")
}

pub(super) fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

fn without_urls(text: &str) -> String {
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
        assert_eq!(error_chain(&Outer(Inner)), "could not get (url): connection to bucket refused for (url)");
    }
}
