//! EventBridge: rules, and where they send.

use aws_sdk_eventbridge::Client;

use crate::aws::{AwsConnection, CallError};

/// A rule with its targets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RuleSettings {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) is_enabled: bool,
    /// As JSON.
    pub(crate) pattern: String,
    pub(crate) targets: Vec<RuleTarget>,
}

/// Where a rule sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RuleTarget {
    pub(crate) arn: String,
    pub(crate) has_dead_letter_queue: bool,
}

impl AwsConnection {
    fn events(&self) -> Client {
        Client::new(&self.config)
    }

    /// The names of the rules that send to a target.
    pub(crate) async fn rules_of_target(&self, target_arn: &str) -> Result<Vec<String>, CallError> {
        let (mut names, mut next) = (Vec::new(), None);
        loop {
            let call = self.events().list_rule_names_by_target().target_arn(target_arn).set_next_token(next);
            let output = call.send().await;
            let failed = |error| CallError::new("events:ListRuleNamesByTarget", target_arn, error);
            let output = output.map_err(failed)?;
            names.extend(output.rule_names.unwrap_or_default());
            next = output.next_token;
            if next.is_none() {
                return Ok(names);
            }
        }
    }

    /// A rule, by its name.
    pub(crate) async fn rule_settings(&self, name: &str) -> Result<RuleSettings, CallError> {
        let resource = format!("the rule {name}");
        let rule = self.events().describe_rule().name(name).send().await;
        let rule = rule.map_err(|error| CallError::new("events:DescribeRule", &resource, error))?;
        let (mut targets, mut next) = (Vec::new(), None);
        loop {
            let output = self.events().list_targets_by_rule().rule(name).set_next_token(next).send().await;
            let output = output.map_err(|error| CallError::new("events:ListTargetsByRule", &resource, error))?;
            targets.extend(output.targets.unwrap_or_default().into_iter().map(|target| RuleTarget {
                arn: target.arn,
                has_dead_letter_queue: target.dead_letter_config.is_some_and(|config| config.arn.is_some()),
            }));
            next = output.next_token;
            if next.is_none() {
                break;
            }
        }
        Ok(RuleSettings {
            name: name.to_owned(),
            arn: rule.arn.unwrap_or_default(),
            is_enabled: rule.state.is_some_and(|state| state.as_str().starts_with("ENABLED")),
            pattern: rule.event_pattern.unwrap_or_default(),
            targets,
        })
    }
}
