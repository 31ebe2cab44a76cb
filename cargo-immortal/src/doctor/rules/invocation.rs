//! Whether a failed event comes to the failure queue, at once.

use super::{name, need};
use crate::doctor::{finding::DoctorFinding, state::DeployedState};

pub(super) fn findings(state: &DeployedState) -> Vec<DoctorFinding> {
    vec![retries(state), destination(state)]
}

fn retries(state: &DeployedState) -> DoctorFinding {
    const CHECK: &str = "retries";
    let function = state.function_name();
    let flags = state.function_flags();
    let queue = &state.deployment.failure_queue.arn;
    let missing = || {
        let text = format!("{function} has no asynchronous configuration: Lambda runs a failed event twice more first");
        let fix = format!(
            "aws lambda put-function-event-invoke-config {flags} --maximum-retry-attempts 0 \
             --destination-config OnFailure={{Destination={queue}}}"
        );
        in_doubt(state, CHECK, text, fix)
    };
    let settings = match need(CHECK, &state.invoke, missing) {
        Ok(settings) => settings,
        Err(findings) => return only(findings),
    };
    match settings.retries.unwrap_or(2) {
        0 => DoctorFinding::ok(CHECK, format!("{function} has no retries in Lambda")),
        retries => DoctorFinding::fault(
            CHECK,
            format!("Lambda runs a failed event of {function} {retries} more times before it goes to Fargate"),
            format!("aws lambda update-function-event-invoke-config {flags} --maximum-retry-attempts 0"),
        ),
    }
}

fn destination(state: &DeployedState) -> DoctorFinding {
    const CHECK: &str = "on-failure";
    let (function, queue) = (state.function_name(), &state.deployment.failure_queue);
    let configured = match &state.invoke {
        super::ObservedPart::Unknown(why) => return DoctorFinding::not_checked(CHECK, why),
        observed => observed.known().and_then(|settings| settings.on_failure.as_deref()),
    };
    let dead_letter_target = state.function.known().and_then(|function| function.dead_letter_target.as_deref());
    let fix = || {
        let verb = if state.invoke.known().is_some() { "update" } else { "put" };
        format!(
            "aws lambda {verb}-function-event-invoke-config {} --maximum-retry-attempts 0 \
             --destination-config OnFailure={{Destination={}}}",
            state.function_flags(),
            queue.arn
        )
    };
    let Some(target) = configured.or(dead_letter_target) else {
        let text = format!("what fails in {function} goes nowhere: it has no OnFailure destination");
        return in_doubt(state, CHECK, text, fix());
    };
    let how = if configured.is_some() { "OnFailure destination" } else { "DeadLetterConfig" };
    let is_dispatcher = state.dispatcher.known().is_some_and(|dispatcher| target.starts_with(&dispatcher.arn));
    match target.split(':').nth(2) {
        _ if target == queue.arn => DoctorFinding::ok(CHECK, format!("the {how} of {function} is {}", queue.name())),
        Some("lambda") if is_dispatcher => {
            DoctorFinding::ok(CHECK, format!("the {how} of {function} is the dispatcher itself"))
        }
        Some("sns" | "events") => DoctorFinding::not_checked(
            CHECK,
            format!("the {how} of {function} is {target}; whether that sends to {} is not asked", queue.name()),
        ),
        _ => DoctorFinding::fault(
            CHECK,
            format!("the {how} of {function} is {}, and not the failure queue {}", name(target), queue.name()),
            fix(),
        ),
    }
}

/// A fault, but for a function that queues trigger: they bring what failed by themselves.
fn in_doubt(state: &DeployedState, check: &'static str, text: String, fix: String) -> DoctorFinding {
    if state.source_queues.is_empty() {
        DoctorFinding::fault(check, text, fix)
    } else {
        DoctorFinding::warning(check, format!("{text}; what its source queues bring is safe"), fix)
    }
}

fn only(findings: Vec<DoctorFinding>) -> DoctorFinding {
    findings.into_iter().next().unwrap_or_else(|| DoctorFinding::not_checked("retries", "nothing is known"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        aws::{InvokeSettings, QueueSettings},
        doctor::{
            rules::fixture::{QUEUE, check, sound},
            state::ObservedPart,
        },
    };

    fn with(retries: Option<u32>, on_failure: Option<&str>) -> DeployedState {
        let settings = InvokeSettings { retries, on_failure: on_failure.map(str::to_owned) };
        DeployedState { invoke: ObservedPart::Known(settings), ..sound() }
    }

    fn with_dead_letter_target(invoke: ObservedPart<InvokeSettings>, target: &str) -> DeployedState {
        let mut state = DeployedState { invoke, ..sound() };
        if let ObservedPart::Known(function) = &mut state.function {
            function.dead_letter_target = Some(target.to_owned());
        }
        state
    }

    #[test]
    fn a_failed_event_goes_to_the_failure_queue_at_once() {
        let none = || DeployedState { invoke: ObservedPart::Missing, ..sound() };
        let source = ("arn:aws:sqs:r:1:source".to_owned(), ObservedPart::Known(QueueSettings::default()));
        let triggered = DeployedState { source_queues: [source].into(), ..none() };
        let denied = DeployedState { invoke: ObservedPart::Unknown("denied: lambda:GetX on hello".into()), ..sound() };
        let other = "arn:aws:sqs:eu-central-1:1:other";
        let table = vec![
            (with(Some(0), Some(QUEUE)), ["ok", "ok"], ""),
            (with(Some(0), Some("arn:aws:lambda:eu-central-1:1:function:helloDlq")), ["ok", "ok"], "dispatcher itself"),
            (
                with(None, Some(QUEUE)),
                ["fault", "ok"],
                "update-function-event-invoke-config --function-name hello --maximum-retry-attempts 0",
            ),
            (with(Some(1), Some(QUEUE)), ["fault", "ok"], "1 more times"),
            (with(Some(0), Some(other)), ["ok", "fault"], "is other, and not the failure queue failures"),
            (with(Some(0), None), ["ok", "fault"], "update-function-event-invoke-config"),
            (with(Some(0), Some("arn:aws:sns:eu-central-1:1:topic")), ["ok", "not-checked"], "arn:aws:sns:"),
            (none(), ["fault", "fault"], "put-function-event-invoke-config --function-name hello"),
            (triggered, ["warning", "warning"], "source queues bring is safe"),
            (denied, ["not-checked", "not-checked"], "lambda:GetX"),
            (with_dead_letter_target(with(Some(0), None).invoke, QUEUE), ["ok", "ok"], "DeadLetterConfig"),
            (with_dead_letter_target(with(Some(0), None).invoke, other), ["ok", "fault"], "DeadLetterConfig"),
        ];
        for (state, levels, words) in table {
            check(&findings(&state), &levels, words);
        }
    }

    #[test]
    fn the_qualifier_that_is_invoked_is_the_one_that_is_fixed() {
        let mut state = with(Some(2), None);
        state.deployment.qualifier = Some("live".into());
        check(
            &findings(&state),
            &["fault", "fault"],
            "--function-name hello --qualifier live --maximum-retry-attempts 0",
        );
    }
}
