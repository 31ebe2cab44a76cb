//! What the deployment's roles may do, against what the template grants them: the same table of grants.

use crate::{
    aws::SimulatedAction,
    doctor::{
        finding::DoctorFinding,
        state::{DeployedState, ObservedPart, RolePermission},
    },
    template::grants::{self, PolicyGrant},
};

/// Without these a role does its work all the same, if not as well: docs/reference.md says how.
const HELPFUL: [&str; 4] = [
    "ecs:DescribeTaskDefinition",
    "lambda:GetFunctionEventInvokeConfig",
    "s3:ListBucket",
    "sqs:ChangeMessageVisibility",
];

/// What the template's expressions stand for in this deployment; what is `None` is not asked about.
#[derive(Clone, Debug, Default)]
pub(in crate::doctor) struct PermissionSubject {
    /// The ARN of the function, which has partition, region and account, too.
    pub(in crate::doctor) function_arn: String,
    pub(in crate::doctor) function_role: Option<String>,
    pub(in crate::doctor) dispatcher_role: Option<String>,
    pub(in crate::doctor) task_role: Option<String>,
    pub(in crate::doctor) execution_role: Option<String>,
    pub(in crate::doctor) failure_queue: Option<String>,
    pub(in crate::doctor) dead_letter_queue: Option<String>,
    pub(in crate::doctor) event_bucket: Option<String>,
    pub(in crate::doctor) cluster_arn: Option<String>,
    pub(in crate::doctor) dispatcher_logs: Option<String>,
    pub(in crate::doctor) runner_logs: Option<String>,
    /// Of this account's registry.
    pub(in crate::doctor) image_repository: Option<String>,
    /// The ARN of a customer's key.
    pub(in crate::doctor) key: Option<String>,
    pub(in crate::doctor) has_layers: bool,
    pub(in crate::doctor) saves_progress: bool,
}

/// What has to be simulated, and whose it is.
pub(in crate::doctor) fn wanted(subject: &PermissionSubject) -> Vec<(&'static str, SimulatedAction)> {
    let key = subject.key.as_ref().map_or(&[][..], |_| grants::KEY);
    let progress = |grants: &'static [PolicyGrant]| if subject.saves_progress { grants } else { &[] };
    let image = if subject.image_repository.is_some() { grants::IMAGE } else { &[] };
    let roles: [(_, &Option<String>, [&'static [PolicyGrant]; 4]); 4] = [
        (
            "the function's role",
            &subject.function_role,
            [grants::FUNCTION, key, progress(grants::PROGRESS), progress(grants::END_PROGRESS)],
        ),
        ("the dispatcher's role", &subject.dispatcher_role, [grants::DISPATCHER, key, &[], &[]]),
        ("the task role", &subject.task_role, [grants::RUNNER, key, progress(grants::PROGRESS), &[]]),
        ("the execution role", &subject.execution_role, [grants::EXECUTION, image, &[], &[]]),
    ];
    let mut wanted = Vec::new();
    for (whose, role, grants) in roles {
        let Some(role) = role else { continue };
        for grant in grants.into_iter().flatten() {
            if grant.actions.contains(&"lambda:GetLayerVersion") && !subject.has_layers {
                continue;
            }
            let context = grant.condition.and_then(|[_, key, value]| Some((key, subject.resolve(value)?)));
            for resource in grant.resources.iter().filter_map(|resource| subject.resolve(resource)) {
                let context = context.clone().into_iter().collect();
                let actions = grant.actions.to_vec();
                wanted.push((whose, SimulatedAction { role: role.clone(), actions, resource, context }));
            }
        }
    }
    wanted
}

impl PermissionSubject {
    /// What an expression of the template stands for, with an example in the place of each wildcard.
    fn resolve(&self, expression: &str) -> Option<String> {
        if expression == "'*'" {
            return Some("*".to_owned());
        }
        let text = match expression.strip_prefix("!GetAtt ") {
            Some(attribute) => self.attribute(attribute)?,
            None if expression == "!Ref KmsKey" => self.key.clone()?,
            None => {
                let text = expression.trim_start_matches("!Sub ").trim_start_matches("['");
                let text = text.split_once("', {").map_or(text, |(text, _)| text);
                self.filled(text)?
            }
        };
        let is_resolved = !text.contains("${") && !text.contains('@') && !text.contains('!');
        is_resolved.then(|| text.replace('*', "x"))
    }

    fn attribute(&self, attribute: &str) -> Option<String> {
        let log_group = |name: &Option<String>| {
            let [partition, region, account] = self.place()?;
            name.as_ref().map(|name| format!("arn:{partition}:logs:{region}:{account}:log-group:{name}:*"))
        };
        match attribute {
            "FailureQueue.Arn" => self.failure_queue.clone(),
            "DeadLetterQueue.Arn" => self.dead_letter_queue.clone(),
            "EventBucket.Arn" => self.bucket_arn(),
            "TaskRole.Arn" => self.task_role.clone(),
            "ExecutionRole.Arn" => self.execution_role.clone(),
            "DispatcherLogs.Arn" => log_group(&self.dispatcher_logs),
            "RunnerLogs.Arn" => log_group(&self.runner_logs),
            _ => None,
        }
    }

    fn filled(&self, text: &str) -> Option<String> {
        let [partition, region, account] = self.place()?;
        let function = self.function_arn.rsplit(':').next().unwrap_or_default();
        let cluster = self.cluster_arn.as_deref().unwrap_or_default();
        let bucket = self.bucket_arn();
        let values = [
            ("@primary_arn@", Some(self.function_arn.as_str())),
            ("@cluster_arn@", self.cluster_arn.as_deref()),
            ("${AWS::Partition}", Some(partition)),
            ("${AWS::Region}", Some(region)),
            ("${AWS::AccountId}", Some(account)),
            ("${@function@}", Some(function)),
            ("${Name}", cluster.rsplit_once('/').map(|(_, name)| name)),
            ("${EventBucket.Arn}", bucket.as_deref()),
            ("${ImageRepository}", self.image_repository.as_deref()),
        ];
        let mut text = text.to_owned();
        for (expression, value) in values {
            if text.contains(expression) {
                text = text.replace(expression, value?);
            }
        }
        Some(text)
    }

    fn bucket_arn(&self) -> Option<String> {
        let [partition, ..] = self.place()?;
        self.event_bucket.as_ref().map(|bucket| format!("arn:{partition}:s3:::{bucket}"))
    }

    /// Partition, region and account.
    fn place(&self) -> Option<[&str; 3]> {
        match self.function_arn.split(':').collect::<Vec<_>>().as_slice() {
            ["arn", partition, _, region, account, ..] => Some([partition, region, account]),
            _ => None,
        }
    }
}

pub(super) fn findings(state: &DeployedState) -> Vec<DoctorFinding> {
    const CHECK: &str = "permissions";
    if state.permissions.is_empty() {
        return vec![DoctorFinding::not_checked(CHECK, "the roles are not known")];
    }
    let mut findings = Vec::new();
    for permissions in state.permissions.chunk_by(|one, other| one.whose == other.whose) {
        let whose = permissions.first().map(|permission| permission.whose).unwrap_or_default();
        let unknown = permissions.iter().find_map(|permission| match &permission.decisions {
            ObservedPart::Known(_) => None,
            ObservedPart::Missing => Some(format!("{whose} is not there")),
            ObservedPart::Unknown(why) => Some(format!("from {whose} on, what the roles may do: {why}")),
        });
        if let Some(why) = unknown {
            // Once the simulation is refused, it is refused for all.
            findings.push(DoctorFinding::not_checked(CHECK, why));
            return findings;
        }
        findings.extend(role_findings(CHECK, whose, permissions));
    }
    findings
}

fn role_findings(check: &'static str, whose: &str, permissions: &[RolePermission]) -> Vec<DoctorFinding> {
    let mut findings = Vec::new();
    let mut allowed = 0;
    for RolePermission { simulated, decisions, .. } in permissions {
        for decision in decisions.known().into_iter().flatten() {
            if decision.is_allowed {
                allowed += 1;
            } else {
                findings.push(denied(check, whose, simulated, &decision.action));
            }
        }
    }
    if findings.is_empty() {
        findings.push(DoctorFinding::ok(
            check,
            format!("{whose} may do what it needs: {allowed} actions, as IAM simulates them"),
        ));
    }
    findings
}

fn denied(check: &'static str, whose: &str, simulated: &SimulatedAction, action: &str) -> DoctorFinding {
    let SimulatedAction { role, resource, .. } = simulated;
    let name = super::name(role);
    let policy = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": action, "Resource": resource }],
    });
    let fix = format!(
        "aws iam put-role-policy --role-name {name} --policy-name immortal-{} --policy-document '{policy}', or see what denies it",
        action.replace(':', "-")
    );
    let text = format!("{whose} {name} may not {action} on {resource}");
    if HELPFUL.contains(&action) {
        DoctorFinding::warning(check, text, fix)
    } else {
        DoctorFinding::fault(check, text, fix)
    }
}

#[cfg(test)]
#[path = "permissions_tests.rs"]
mod tests;
