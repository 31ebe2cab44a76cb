//! What is counted of an attempt.

use std::time::Duration;

use crate::{context::Context, exit::RunnerExit, function::FunctionName, metrics::Metric, order::Order};

/// The function's name, of which an order may have the ARN alone.
pub(super) fn function_name(context: &Context) -> String {
    let of_arn = || context.invoked_function_arn.parse::<FunctionName>().ok().map(|function| function.name);
    Some(context.function_name.clone()).filter(|name| !name.is_empty()).or_else(of_arn).unwrap_or_default()
}

/// What an attempt that ends now, in Unix milliseconds, counts for. `ran` is how long its runner was at work.
pub(super) fn for_attempt(order: &Order, exit: RunnerExit, ran: Duration, now: i64) -> Vec<Metric> {
    let mut metrics = vec![Metric::Count("Attempts"), Metric::Seconds("TaskSeconds", ran.as_secs())];
    if exit == RunnerExit::Succeeded {
        metrics.push(Metric::Count("Succeeded"));
        let since = order.failed_at.and_then(|failed_at| u64::try_from(now.saturating_sub(failed_at)).ok());
        metrics.extend(since.map(|since| Metric::Milliseconds("TimeToSuccess", since)));
    }
    metrics
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::identity::tests::order;

    #[test]
    fn a_function_is_counted_by_its_bare_name() {
        let arn = "arn:aws:lambda:eu-central-1:123456789012:function:ingest:live";
        for (name, arn, expected) in [("ingest", "", "ingest"), ("", arn, "ingest"), ("", "?", "")] {
            let context =
                Context { function_name: name.into(), invoked_function_arn: arn.into(), ..Context::default() };
            assert_eq!(function_name(&context), expected);
        }
    }

    #[test]
    fn only_a_success_counts_as_one() {
        let order = Order { failed_at: Some(1_000), ..order(Context::default()) };
        let unknown = Order { failed_at: None, ..order.clone() };
        let ended = [Metric::Count("Attempts"), Metric::Seconds("TaskSeconds", 3)];
        let success = Metric::Count("Succeeded");
        for (order, exit, more) in [
            (&order, RunnerExit::Succeeded, vec![success, Metric::Milliseconds("TimeToSuccess", 6_000)]),
            (&unknown, RunnerExit::Succeeded, vec![success]),
            (&order, RunnerExit::HandlerFailed, vec![]),
            (&order, RunnerExit::Stopped, vec![]),
        ] {
            let metrics = for_attempt(order, exit, Duration::from_millis(3_999), 7_000);
            assert_eq!(metrics, [&ended[..], &more].concat(), "{exit:?}");
        }
    }
}
