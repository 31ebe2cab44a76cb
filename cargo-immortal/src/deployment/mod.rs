//! A deployed function with all that its attempts on Fargate need: found by its stack, or by what is named by hand.
//!
//! `stack` and `parts` decide; the calls are here.

mod parts;
mod queue;
mod stack;

use crate::{
    aws::{AwsArgs, AwsConnection},
    failure::CommandError,
    package::{self, PackageSelection},
};

pub(crate) use self::{parts::Deployment, queue::QueueAddress};
use self::{parts::DeploymentParts, stack::StackSearch};

/// Which deployed function is meant.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct DeploymentArgs {
    /// The stack of `cargo immortal template` [default: called as the package's function]
    #[arg(long, value_name = "NAME")]
    pub(crate) stack: Option<String>,
    /// The package with the handler, as NAME or NAME@VERSION
    #[arg(short, long)]
    pub(crate) package: Option<String>,
    /// Its binary, where it has more than one
    #[arg(long)]
    pub(crate) bin: Option<String>,
    #[command(flatten)]
    pub(crate) aws: AwsArgs,
    #[command(flatten)]
    pub(crate) parts: PartArgs,
}

/// What is named by hand. What isn't is derived from the stack, else from the dispatcher and the function.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Without a stack of the template, or in place of what it says")]
pub(crate) struct PartArgs {
    /// The Lambda function, as NAME or NAME:QUALIFIER
    #[arg(long, value_name = "FUNCTION")]
    pub(crate) function: Option<String>,
    /// The dispatcher
    #[arg(long, value_name = "FUNCTION")]
    pub(crate) dispatcher: Option<String>,
    /// The ECS cluster of the tasks, by name or ARN
    #[arg(long, value_name = "CLUSTER")]
    pub(crate) cluster: Option<String>,
    /// The tasks' definition: its family, or its ARN
    #[arg(long, value_name = "DEFINITION")]
    pub(crate) task_definition: Option<String>,
    /// The runner's container in it
    #[arg(long, value_name = "NAME")]
    pub(crate) container: Option<String>,
    /// The failure queue, by name, URL or ARN
    #[arg(long, value_name = "QUEUE")]
    pub(crate) failure_queue: Option<String>,
    /// The dead-letter queue, by name, URL or ARN
    #[arg(long, value_name = "QUEUE")]
    pub(crate) dead_letter_queue: Option<String>,
    /// The UUID of the event source mapping from the failure queue to the dispatcher
    #[arg(long, value_name = "UUID")]
    pub(crate) mapping: Option<String>,
}

impl DeploymentArgs {
    /// Connects to the account, and finds the deployment in it.
    pub(crate) async fn open(&self) -> Result<(AwsConnection, Deployment), CommandError> {
        let stack = self.stack_name()?;
        let aws = AwsConnection::open(&self.aws).await?;
        let deployment = find(&self.parts, stack, &aws).await?;
        Ok((aws, deployment))
    }

    /// The stack to look in; `None` where function or dispatcher are named by hand.
    fn stack_name(&self) -> Result<Option<String>, CommandError> {
        if self.stack.is_some() {
            return Ok(self.stack.clone());
        }
        if self.parts.function.is_some() || self.parts.dispatcher.is_some() {
            return Ok(None);
        }
        let selection =
            PackageSelection { package: self.package.clone(), bin: self.bin.clone(), ..PackageSelection::default() };
        let found = package::find(&selection).map_err(|error| match error {
            CommandError::WrongUse(text) => {
                CommandError::WrongUse(format!("{text}; or name the deployment with --stack or --function"))
            }
            other => other,
        })?;
        Ok(Some(found.name))
    }
}

/// Finds all parts of a deployment; what can't be found is reported at once.
pub(crate) async fn find(
    args: &PartArgs,
    stack: Option<String>,
    aws: &AwsConnection,
) -> Result<Deployment, CommandError> {
    let mut parts = DeploymentParts::from_args(args)?;
    if let Some(stack) = &stack {
        parts = parts.or(stack_parts(stack, aws).await?);
    }
    if parts.dispatcher.is_none() {
        parts = parts.or(function_parts(args, aws).await?);
    }
    if let Some(dispatcher) = parts.dispatcher.clone() {
        let configuration = aws.function_details(&dispatcher, None).await?;
        parts = parts.or(DeploymentParts::from_dispatcher(&configuration));
        if parts.mapping.is_none() || parts.failure_queue.is_none() {
            let mappings = aws.queue_mappings(Some(&dispatcher), None).await?;
            parts = parts.with_mapping(&mappings);
        }
    }
    if let Some(function) = parts.function.clone() {
        let configuration = aws.function_details(&function, parts.qualifier.as_deref()).await?;
        parts = parts.or(DeploymentParts::from_primary(&configuration));
    }
    let queues = parts.queues(stack.as_deref()).map_err(CommandError::WrongUse)?;
    let failure_queue = QueueAddress::find(queues.failure, aws).await?;
    let dead_letter_queue = match queues.dead_letters {
        Some(queue) => Some(QueueAddress::find(queue, aws).await?),
        None => None,
    };
    parts.complete(stack.as_deref(), failure_queue, dead_letter_queue).map_err(CommandError::WrongUse)
}

/// What the template's resources say, in the stack itself or in the one nested stack that has them.
async fn stack_parts(stack: &str, aws: &AwsConnection) -> Result<DeploymentParts, CommandError> {
    let resources = aws.stack_resources(stack).await?;
    let nested = match stack::search(&resources) {
        StackSearch::Found(parts) => return Ok(*parts),
        StackSearch::Nested(nested) => nested,
        StackSearch::Several(dispatchers) => return Err(several(stack, &dispatchers)),
    };
    let mut found = Vec::new();
    for (name, id) in nested {
        match stack::search(&aws.stack_resources(&id).await?) {
            StackSearch::Found(parts) => found.push((name, *parts)),
            StackSearch::Several(dispatchers) => return Err(several(&name, &dispatchers)),
            StackSearch::Nested(_) => {}
        }
    }
    let names: Vec<_> = found.iter().map(|(name, _)| name.clone()).collect();
    match (found.pop(), found.is_empty()) {
        (Some((_, parts)), true) => Ok(parts),
        (None, _) => Err(CommandError::WrongUse(format!(
            "the stack {stack} in {} has no dispatcher of `cargo immortal template` in it; name another one with --stack, or the \
             parts by hand, with --function and --dispatcher",
            aws.region()
        ))),
        (Some(_), false) => Err(several(stack, &names)),
    }
}

fn several(stack: &str, names: &[String]) -> CommandError {
    CommandError::WrongUse(format!(
        "the stack {stack} has more than one immortal function in it; choose with --dispatcher or --stack: {}",
        names.join(", ")
    ))
}

/// The dispatcher of a function that is named alone: of its name, or behind the queue that its failures go to.
async fn function_parts(args: &PartArgs, aws: &AwsConnection) -> Result<DeploymentParts, CommandError> {
    let named = DeploymentParts::from_args(args)?;
    let Some(function) = &named.function else { return Ok(DeploymentParts::default()) };
    let suffixed = format!("{function}{}", immortal_core::names::DISPATCHER_SUFFIX);
    match aws.function_details(&suffixed, None).await {
        Ok(_) => return Ok(DeploymentParts { dispatcher: Some(suffixed), ..DeploymentParts::default() }),
        Err(error) if error.is_not_found() || error.is_denied() => {}
        Err(error) => return Err(error.into()),
    }
    let settings = aws.invoke_settings(function, named.qualifier.as_deref()).await?;
    let destination = match settings.and_then(|settings| settings.on_failure) {
        Some(destination) => Some(destination),
        None => aws.function_details(function, named.qualifier.as_deref()).await?.dead_letter_target,
    };
    let Some(queue) = destination.filter(|arn| arn.split(':').nth(2) == Some("sqs")) else {
        return Ok(DeploymentParts::default());
    };
    let mappings = aws.queue_mappings(None, Some(&queue)).await?;
    Ok(DeploymentParts { failure_queue: Some(queue), ..DeploymentParts::from_mappings(&mappings) })
}
