//! Query strings.

/// One parameter of a query, decoded.
pub(super) fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| decode(value))
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = hex.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded() {
        let query = Some("find=LayerVersion&Arn=arn%3Aaws%3Ax&Qualifier=%24LATEST&odd=%2");
        assert_eq!(parameter(query, "Arn").as_deref(), Some("arn:aws:x"));
        assert_eq!(parameter(query, "Qualifier").as_deref(), Some("$LATEST"));
        assert_eq!(parameter(query, "odd").as_deref(), Some("%2"));
        assert_eq!(parameter(query, "none"), None);
    }
}
