//! The owner and the order of a task, read from its event or from `DescribeTasks`.

use super::{
    config::DispatcherConfig,
    invocation_failure::{KnownFunctions, RefusedRecord, another_function, refuse_unprintable},
    task::Task,
};
use crate::{
    aws::error_chain,
    context::Context,
    job_object,
    names::env,
    order::{EventForm, Order},
    task_definition::family,
};

/// What a task reveals about its order.
#[derive(Debug)]
pub(crate) enum TaskOrder {
    /// An order of the primary.
    Ours(Box<Order>),
    /// The task belongs to another function: another family or container.
    OtherTask(&'static str),
    /// The task has this dispatcher's family, but its order names another function.
    OtherFunction(RefusedRecord),
    /// The task may be this dispatcher's, but its order is missing, truncated or masked.
    Unreadable(String),
}

/// Reads the order of a task.
#[must_use]
pub(crate) fn read(task: &Task, config: &DispatcherConfig, functions: &KnownFunctions) -> TaskOrder {
    let container = config.container.as_str();
    let of_another_family = |definition| family(definition) != family(&config.task_definition);
    if task.definition.as_deref().is_some_and(of_another_family) {
        return TaskOrder::OtherTask("it is of another task definition family");
    }
    let mut names = task.containers.iter().map(|one| &one.name).chain(task.overrides.iter().map(|one| &one.name));
    let is_unnamed = names.clone().next().is_none();
    if !is_unnamed && names.all(|name| name != container) {
        return TaskOrder::OtherTask("it has no container of the runner's name");
    }
    let Some(environment) = task.environment(container) else {
        return TaskOrder::Unreadable(format!("it doesn't say with which variables its container {container} started"));
    };
    let value = |name: &str| environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let context = value(env::CONTEXT).and_then(|json| serde_json::from_str::<Context>(&json).ok());
    if let Some(context) = context
        && let Some(name) = functions.foreign_name(&context)
    {
        return TaskOrder::OtherFunction(another_function(&context.aws_request_id, name, functions));
    }
    if let Some((name, _)) = environment.iter().find(|(_, value)| value.starts_with(MASK)) {
        return TaskOrder::Unreadable(format!("its variable {name:?} is masked"));
    }
    match Order::from_variables(value) {
        Ok(order) => match whole(&order.event) {
            Ok(()) => TaskOrder::Ours(Box::new(order)),
            Err(problem) => TaskOrder::Unreadable(problem),
        },
        Err(problems) => TaskOrder::Unreadable(problems.to_string()),
    }
}

/// The placeholder of AWS's services for hidden values (`HIDDEN_DUE_TO_SECURITY_REASONS`).
const MASK: &str = "HIDDEN_";

/// Whether an event is there to its end, as far as its form shows it.
fn whole(event: &EventForm) -> Result<(), String> {
    match event {
        EventForm::Gzip(_) => event.text().map(drop).map_err(|error| error_chain(&error)),
        EventForm::S3(uri) if !uri.starts_with("s3://") => Err(format!("{} is cut", env::EVENT_S3)),
        EventForm::Inline(_) | EventForm::S3(_) => Ok(()),
    }
}

/// Refuses request ids and versions that could forge lines of the log.
pub(crate) fn refuse_forged(order: &Order) -> Result<(), RefusedRecord> {
    refuse_unprintable("request id", &order.context.aws_request_id)?;
    refuse_unprintable("version", &order.context.function_version)
}

/// An order that came through a queue or a topic, without what only ECS itself may say: whoever may write there chooses
/// the event, never the code, the handler, or an object of another's.
pub(crate) fn restrict(
    order: Order,
    config: &DispatcherConfig,
    functions: &KnownFunctions,
) -> Result<Order, RefusedRecord> {
    let object = match &order.event {
        EventForm::S3(uri) => Some(uri.as_str()),
        EventForm::Inline(_) | EventForm::Gzip(_) => None,
    };
    refuse_other_object(object, &order.context.aws_request_id, config, functions)?;
    Ok(Order { handler_path: None, ..order })
}

/// Refuses an event in an object that this dispatcher didn't put there for this request.
pub(crate) fn refuse_other_object(
    event_object: Option<&str>,
    request_id: &str,
    config: &DispatcherConfig,
    functions: &KnownFunctions,
) -> Result<(), RefusedRecord> {
    let Some(uri) = event_object else { return Ok(()) };
    let function = &functions.primary.name;
    let is_own = |bucket| job_object::is_event_object(uri, bucket, function, request_id);
    if config.transport.bucket().is_some_and(is_own) {
        return Ok(());
    }
    Err(RefusedRecord::new(format!(
        "what came of request {request_id} through a queue or a topic names the object {uri:?}, which is not one that \
         this dispatcher put there for it; it may only name one under immortal/{function}/{}/ in the bucket of {}",
        job_object::started_by(request_id),
        env::EVENT_BUCKET
    )))
}

#[cfg(test)]
#[path = "task_order_tests.rs"]
mod tests;
