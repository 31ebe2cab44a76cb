//! Parameters in query strings and forms.

/// The decoded parameters of a form.
pub(crate) fn form_parameters(form: &[u8]) -> impl Iterator<Item = (String, String)> + '_ {
    let pairs = form.split(|byte| *byte == b'&').map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        (&pair[..at], pair.get(at + 1..).unwrap_or_default())
    });
    pairs.map(|(name, value)| (decode(name), decode(value)))
}

/// A decoded parameter of a query string.
pub(crate) fn query_parameter(query: Option<&str>, name: &str) -> Option<String> {
    form_parameters(query?.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value)
}

fn decode(text: &[u8]) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = hex.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(if *first == b'+' { b' ' } else { *first }));
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
        assert_eq!(query_parameter(query, "Arn").as_deref(), Some("arn:aws:x"));
        assert_eq!(query_parameter(query, "Qualifier").as_deref(), Some("$LATEST"));
        assert_eq!(query_parameter(query, "odd").as_deref(), Some("%2"));
        assert_eq!(query_parameter(query, "none"), None);
        let form: Vec<_> = form_parameters(b"Action=Publish&Message=a+b%2Bc%0A&empty").collect();
        let expected = [("Action", "Publish"), ("Message", "a b+c\n"), ("empty", "")];
        assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
