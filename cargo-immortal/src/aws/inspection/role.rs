//! IAM: what a role may do.

use aws_sdk_iam::{
    Client,
    types::{ContextEntry, ContextKeyTypeEnum, PolicyEvaluationDecisionType},
};

use crate::aws::{AwsConnection, CallError};

/// What a role is to be able to do, as IAM simulates it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SimulatedAction {
    /// The role's ARN.
    pub(crate) role: String,
    pub(crate) actions: Vec<&'static str>,
    /// An ARN, or `*`.
    pub(crate) resource: String,
    /// The keys and values of the request's context, which conditions ask for.
    pub(crate) context: Vec<(&'static str, String)>,
}

/// Whether an action is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ActionDecision {
    pub(crate) action: String,
    pub(crate) is_allowed: bool,
}

impl AwsConnection {
    /// Whether a role may do this: its own policies, and its boundary.
    ///
    /// Policies of a resource aren't looked at:
    /// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>
    pub(crate) async fn simulate(&self, simulated: &SimulatedAction) -> Result<Vec<ActionDecision>, CallError> {
        let SimulatedAction { role, actions, resource, context } = simulated;
        let entry = |(key, value): &(&str, String)| {
            let entry = ContextEntry::builder().context_key_name(*key).context_key_values(value);
            entry.context_key_type(ContextKeyTypeEnum::String).build()
        };
        let call = Client::new(&self.config).simulate_principal_policy().policy_source_arn(role);
        let call = call.set_action_names(Some(actions.iter().map(|action| (*action).to_owned()).collect()));
        let call = call.resource_arns(resource).set_context_entries(Some(context.iter().map(entry).collect()));
        let mut pages = call.into_paginator().items().send();
        let mut decisions = Vec::new();
        while let Some(result) = pages.next().await {
            let failed = |error| CallError::new("iam:SimulatePrincipalPolicy", role, error);
            let result = result.map_err(failed)?;
            decisions.push(ActionDecision {
                action: result.eval_action_name,
                is_allowed: result.eval_decision == PolicyEvaluationDecisionType::Allowed,
            });
        }
        Ok(decisions)
    }
}
