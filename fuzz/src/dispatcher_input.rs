//! The dispatcher's input: whoever writes it chooses an event, and never the code that runs or a line of the log.

use super::{
    event_form::JobEvent,
    failure_cause::FailureCause,
    input::{self, DispatcherInput, RecordContent, RecordReading},
    invocation_failure::{InvocationFailure, RefusedRecord},
};
use crate::{
    context::is_printable,
    fixtures::{UPLOADS, assert_one_line, functions, json},
    order::{EventForm, Order},
};

pub fn check(bytes: &[u8]) {
    let Ok(payload) = str::from_utf8(bytes) else { return };
    for source_queues in [&[][..], &[UPLOADS]] {
        let first = readings(payload, source_queues);
        let second = readings(payload, source_queues);
        assert_eq!(first.len(), second.len());
        for (record, again) in first.into_iter().flatten().zip(second.into_iter().flatten()) {
            match (record, again) {
                (Ok(RecordContent::Failure(failure)), Ok(RecordContent::Failure(again))) => {
                    assert!(failure.event == again.event, "the same bytes are the same event");
                    check_failure(*failure, source_queues);
                }
                (Ok(RecordContent::Task { task, .. }), Ok(RecordContent::Task { task: again, .. })) => {
                    assert_eq!(task, again);
                    assert!(is_printable(&task.arn) && is_printable(&task.status));
                }
                (Err(RefusedRecord(why)), Err(_)) => assert_one_line(&why),
                (one, other) => panic!("{one:?} was {other:?} before"),
            }
        }
    }
}

pub(super) fn readings(payload: &str, source_queues: &[&str]) -> Vec<RecordReading> {
    match input::read(payload, &functions(source_queues)) {
        DispatcherInput::Batch(records) => records.into_iter().map(|(_, reading)| reading).collect(),
        DispatcherInput::Single(reading) => vec![reading],
    }
}

fn check_failure(failure: InvocationFailure, source_queues: &[&str]) {
    let functions = functions(source_queues);
    let InvocationFailure { event, context, cause, series, source, .. } = failure;
    assert!(functions.foreign_name(&context).is_none(), "{context:?}");
    assert_eq!(context.function_name, functions.primary.name);
    assert_eq!(series > 0, cause == FailureCause::Redriven, "only a redrive begins another series");
    let event = match event {
        JobEvent::Text(text) => {
            assert!(json(&text).is_some(), "an event is JSON");
            EventForm::Inline(text)
        }
        JobEvent::Formed(form @ EventForm::S3(_)) if series > 0 => form,
        JobEvent::Formed(form) => panic!("{form:?}, which no record can name"),
    };
    let order = Order {
        event,
        context,
        handler_path: None,
        attempt: 1,
        interruptions: 0,
        limit: None,
        series,
        source,
        failed_at: None,
    };
    let variables = order.to_variables(&order.event);
    let lookup = |wanted: &str| variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.clone());
    let read = Order::from_variables(lookup).expect("the runner can read the order of each failure");
    assert_eq!(read.to_variables(&read.event), variables);
}
