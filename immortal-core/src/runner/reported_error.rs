//! The type and message of an error that a runtime reports.

use crate::runtime_api::ReportedError;

/// An error in one line: its type, and its message where it has one.
pub(super) fn summary(failure: &ReportedError) -> String {
    const MOST: usize = 2000;
    // The type of a boxed error, as `lambda_runtime` reports it, is that of the box, and says nothing.
    let error_type = error_type(failure).filter(|error_type| !error_type.starts_with('&'));
    let error_type = error_type.unwrap_or_else(|| "an error".into());
    let message = reported(failure, "errorMessage").unwrap_or_default();
    let repeats_type = message.strip_prefix(&*error_type).is_some_and(|rest| rest.starts_with(':'));
    let summary = if repeats_type { message } else { format!("{error_type}: {message}") };
    let summary: String = summary.chars().take(MOST).collect();
    summary.trim_end_matches([':', ' ']).replace(char::is_control, " ")
}

/// The type of an error, as its report says it, or its header.
pub(super) fn error_type(failure: &ReportedError) -> Option<String> {
    reported(failure, "errorType").or_else(|| failure.error_type.clone())
}

/// A text in the JSON of a runtime's error.
fn reported(failure: &ReportedError, key: &str) -> Option<String> {
    let report: serde_json::Value = serde_json::from_slice(&failure.body).ok()?;
    report.get(key)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_in_a_few_summary() {
        for (error_type, body, expected) in [
            (Some("unhandled"), r#"{"errorType":"Bad","errorMessage":"line\r\nbreak\u001b"}"#, "Bad: line  break "),
            (Some("unhandled"), "no json", "unhandled"),
            (None, r#"{"errorType":"Immortal.X","errorMessage":"Immortal.X: no"}"#, "Immortal.X: no"),
            (None, r#"{"errorType":"&alloc::boxed::Box<dyn core::error::Error>","errorMessage":"no"}"#, "an error: no"),
            (None, "", "an error"),
        ] {
            let failure = ReportedError { error_type: error_type.map(str::to_owned), body: body.to_owned().into() };
            assert_eq!(summary(&failure), expected);
        }
    }
}
