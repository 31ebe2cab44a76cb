//! Lambda's errors for a process that ended before it responded.

use std::{os::unix::process::ExitStatusExt as _, process::ExitStatus};

use super::invocation::InvocationFailure;

/// The error for a runtime that exited.
pub(super) fn exit_failure(request_id: &str, status: ExitStatus) -> InvocationFailure {
    let cause = match (status.code(), status.signal()) {
        (Some(0), _) => "Runtime exited without providing a reason".to_owned(),
        (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
        (None, signal) => format!("Runtime exited with error: signal: {}", signal_name(signal.unwrap_or_default())),
    };
    InvocationFailure::new("Runtime.ExitError", format!("RequestId: {request_id} Error: {cause}"))
}

/// The error for a sandbox that exceeded the memory of its function.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html>
pub(super) fn out_of_memory_failure(request_id: &str) -> InvocationFailure {
    let message = format!("RequestId: {request_id} Error: Runtime exited with error: signal: killed");
    InvocationFailure::new("Runtime.OutOfMemory", message)
}

/// The name of a signal in Go's `syscall` package, which Lambda's messages use.
fn signal_name(signal: i32) -> String {
    match signal {
        4 => "illegal instruction".into(),
        6 => "aborted".into(),
        7 => "bus error".into(),
        8 => "floating point exception".into(),
        9 => "killed".into(),
        11 => "segmentation fault".into(),
        15 => "terminated".into(),
        other => format!("signal {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_is_reported_with_lambdas_message() {
        let table = [
            (0, "RequestId: r Error: Runtime exited without providing a reason"),
            (1 << 8, "RequestId: r Error: Runtime exited with error: exit status 1"),
            (9, "RequestId: r Error: Runtime exited with error: signal: killed"),
            (6, "RequestId: r Error: Runtime exited with error: signal: aborted"),
        ];
        for (raw, expected) in table {
            assert_eq!(exit_failure("r", ExitStatus::from_raw(raw)).message, expected);
        }
    }
}
