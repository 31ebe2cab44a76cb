//! Text of others as a page shows it: every character can be seen, and no credentials are in it.

use std::fmt::Write as _;

/// Names whose values give access: presigned URLs', and those of credentials.
const SECRET_NAMES: [&str; 7] = [
    "x-amz-signature",
    "x-amz-credential",
    "x-amz-security-token",
    "aws_secret_access_key",
    "aws_session_token",
    "secretaccesskey",
    "sessiontoken",
];
const MASK: &str = "(left out)";

/// The text with control characters, and those that change the direction of writing, as signs of themselves. Tabs and line
/// breaks stay.
pub(super) fn visible(text: &str) -> String {
    let text = without_secrets(text);
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' | '\n' => shown.push(character),
            // Unicode has a picture of each.
            '\0'..='\x1f' => shown.extend(char::from_u32(0x2400 + u32::from(character))),
            '\x7f' => shown.push('\u{2421}'),
            '\u{80}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' => {
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
            }
            _ => shown.push(character),
        }
    }
    shown
}

/// The text without the values that stand behind one of the names, as in `NAME=value&…` or `"NAME": "value"`.
fn without_secrets(text: &str) -> String {
    let lowercase = text.to_ascii_lowercase();
    let mut kept = String::with_capacity(text.len());
    let mut from = 0;
    while let Some(end) = SECRET_NAMES.iter().filter_map(|name| Some(lowercase[from..].find(name)? + name.len())).min()
    {
        let end = from + end;
        let value = end + separator(&text[end..]);
        let is_value_end =
            |c: char| c.is_whitespace() || matches!(c, '&' | '"' | '\'' | ',' | ';' | '<' | '>' | '}' | ')');
        let length = text[value..].find(is_value_end).unwrap_or(text.len() - value);
        kept.push_str(&text[from..value]);
        from = if value == end || length == 0 {
            value
        } else {
            kept.push_str(MASK);
            value + length
        };
    }
    kept.push_str(&text[from..]);
    kept
}

/// How long what stands between a name and its value is; 0 where none follows.
fn separator(text: &str) -> usize {
    let length = text.find(|c| !matches!(c, '"' | '\'' | '\\' | ' ' | '=' | ':' | '(')).unwrap_or(text.len());
    if text[..length].contains(['=', ':', '(']) { length } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_shown_as_a_sign() {
        let table = [
            ("tab\tand\nline", "tab\tand\nline"),
            ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
            ("\0\r\x7f", "␀␍␡"),
            ("\u{85}\u{202e}txt.exe\u{feff}", "\\u{85}\\u{202e}txt.exe\\u{feff}"),
            ("Åda 😀 <script>", "Åda 😀 <script>"),
        ];
        for (text, expected) in table {
            assert_eq!(visible(text), expected);
        }
    }

    #[test]
    fn credentials_are_left_out() {
        let table = [
            (
                "GET https://b/k?X-Amz-Credential=AKIA%2F1&X-Amz-Date=1&X-Amz-Signature=ab12 done",
                "GET https://b/k?X-Amz-Credential=(left out)&X-Amz-Date=1&X-Amz-Signature=(left out) done",
            ),
            (r#"{"SessionToken": "IQo=", "a": 1}"#, r#"{"SessionToken": "(left out)", "a": 1}"#),
            ("AWS_SECRET_ACCESS_KEY=wJal/K+7", "AWS_SECRET_ACCESS_KEY=(left out)"),
            ("no value of aws_session_token here", "no value of aws_session_token here"),
            ("AWS_SESSION_TOKEN=", "AWS_SESSION_TOKEN="),
            ("Å x-amz-signature=Å&x", "Å x-amz-signature=(left out)&x"),
            ("nothing", "nothing"),
        ];
        for (text, expected) in table {
            assert_eq!(visible(text), expected);
        }
    }
}
