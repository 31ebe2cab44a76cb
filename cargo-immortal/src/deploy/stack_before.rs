//! What a deployment finds in AWS: the stack as it stands, and the bucket that its packages are in.

use std::collections::BTreeMap;

use super::{
    args::DeployArgs,
    packaged_template::bucket_of,
    stack_status::{StackReadiness, obstacle, readiness},
};
use crate::{
    aws::{AwsConnection, PackageBucket},
    failure::CommandError,
};

/// The stack that is there.
#[derive(Clone, Debug, Default)]
pub(super) struct StackBefore {
    pub(super) is_new: bool,
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) template: String,
}

/// The bucket of the packages.
#[derive(Clone, Debug)]
pub(super) struct BucketChoice {
    pub(super) name: String,
    /// The account it must belong to, where its name was not chosen by a person.
    owner: Option<String>,
    pub(super) is_there: bool,
}

impl BucketChoice {
    pub(super) fn package_bucket(&self) -> PackageBucket<'_> {
        PackageBucket { name: &self.name, owner: self.owner.as_deref() }
    }
}

pub(super) async fn stack_before(aws: &AwsConnection, stack: &str) -> Result<StackBefore, CommandError> {
    let description = aws.stack(stack).await?;
    let status = description.as_ref().map(|stack| stack.status.as_str());
    if let Some(obstacle) = obstacle(stack, status) {
        return Err(CommandError::Failed(obstacle));
    }
    match description {
        Some(description) if readiness(Some(&description.status)) == StackReadiness::Ready => Ok(StackBefore {
            is_new: false,
            parameters: description.parameters,
            template: aws.stack_template(stack).await?,
        }),
        _ => Ok(StackBefore { is_new: true, ..StackBefore::default() }),
    }
}

pub(super) async fn bucket(
    args: &DeployArgs,
    account: &str,
    before: &StackBefore,
    aws: &AwsConnection,
) -> Result<BucketChoice, CommandError> {
    let of_stack = || bucket_of(&before.template).or_else(|| before.parameters.get("CodeBucket").cloned());
    let chosen = args.bucket.clone().or_else(of_stack);
    let own = format!("immortal-deployments-{account}-{}", aws.region());
    let owner = chosen.as_ref().is_none_or(|chosen| *chosen == own).then(|| account.to_owned());
    let name = chosen.unwrap_or(own);
    let is_there = aws.has_bucket(PackageBucket { name: &name, owner: owner.as_deref() }).await?;
    if !is_there && owner.is_none() {
        return Err(CommandError::WrongUse(format!(
            "there is no bucket {name}; make it, or name another one with --bucket"
        )));
    }
    Ok(BucketChoice { name, owner, is_there })
}
