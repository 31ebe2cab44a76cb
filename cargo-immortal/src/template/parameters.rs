//! What a stack is told when it is made: the source of the template's parameters, of their conditions, and of the test that
//! the docs have each.

use std::fmt::Write as _;

use super::plan::PrimaryOwner;

/// One parameter of the template.
#[derive(Debug)]
pub(crate) struct TemplateParameter {
    pub(crate) name: &'static str,
    kind: &'static str,
    description: &'static str,
    values: AllowedValues,
    default: Option<&'static str>,
    /// The condition of this name, and the condition.
    conditions: &'static [(&'static str, &'static str)],
    /// The one template that has it; `None`: both have.
    only: Option<PrimaryOwner>,
}

/// What a parameter may be.
#[derive(Debug)]
enum AllowedValues {
    Any,
    Listed(&'static str),
    Matching(&'static str),
}

const BOOLEAN: AllowedValues = AllowedValues::Listed("'true', 'false'");

/// A parameter that must be said.
const fn required(name: &'static str, description: &'static str) -> TemplateParameter {
    let values = AllowedValues::Matching(".+");
    TemplateParameter { name, kind: "String", description, values, default: None, conditions: &[], only: None }
}

/// A parameter that may be left out; the default is YAML.
const fn optional(name: &'static str, default: &'static str, description: &'static str) -> TemplateParameter {
    TemplateParameter { values: AllowedValues::Any, default: Some(default), ..required(name, description) }
}

const ATTACHED: Option<PrimaryOwner> = Some(PrimaryOwner::OtherStack);

/// All of them, in the order in which the template has them.
pub(crate) const PARAMETERS: &[TemplateParameter] = &[
    TemplateParameter {
        values: AllowedValues::Matching("[a-zA-Z0-9_-]{1,64}"),
        only: ATTACHED,
        ..required("FunctionName", "The name of the Lambda function, without a qualifier.")
    },
    TemplateParameter {
        values: AllowedValues::Matching(r"[\w+=,.@-]{1,64}"),
        only: ATTACHED,
        ..required("FunctionRole", "The name of its execution role, not the ARN.")
    },
    TemplateParameter {
        values: AllowedValues::Matching(r"\$LATEST|[a-zA-Z0-9_-]{1,128}"),
        only: ATTACHED,
        ..optional("Qualifier", "$LATEST", "The alias or version that is invoked.")
    },
    TemplateParameter {
        values: BOOLEAN,
        conditions: &[
            ("ManagesInvokeConfig", "!Equals [!Ref ManageInvokeConfig, 'true']"),
            ("LeavesInvokeConfig", "!Equals [!Ref ManageInvokeConfig, 'false']"),
        ],
        only: ATTACHED,
        ..optional(
            "ManageInvokeConfig",
            "'true'",
            "false where another stack has the function's asynchronous configuration; the output InvokeConfig is what it must say.",
        )
    },
    TemplateParameter {
        only: ATTACHED,
        ..required("CodeBucket", "The S3 bucket, in this region, of the dispatcher's package.")
    },
    TemplateParameter {
        only: ATTACHED,
        ..required("CodeKey", "The package's key, another one for each build. The function's own package will do.")
    },
    required(
        "Image",
        "The runner's image, with its tag or digest. One image serves any function, and any version of its code.",
    ),
    TemplateParameter {
        conditions: &[("HasImageRepository", "!Not [!Equals [!Ref ImageRepository, '']]")],
        ..optional(
            "ImageRepository",
            "@repository@",
            "The ECR repository of this account and region that holds the image; empty for a public image.",
        )
    },
    TemplateParameter {
        conditions: &[("OwnsCluster", "!Equals [!Ref Cluster, '']")],
        ..optional(
            "Cluster",
            "''",
            "The name of an ECS cluster of this account and region, which any number of functions may share; empty for an own one.",
        )
    },
    TemplateParameter {
        kind: "List<AWS::EC2::Subnet::Id>",
        values: AllowedValues::Any,
        ..required(
            "Subnets",
            "Where tasks run, with a way to the AWS APIs. Several, so that one zone without capacity is no outage.",
        )
    },
    TemplateParameter {
        kind: "CommaDelimitedList",
        conditions: &[("HasSecurityGroups", "!Not [!Equals [!Join ['', !Ref SecurityGroups], '']]")],
        ..optional("SecurityGroups", "''", "Security groups of the tasks; empty for the VPC's default.")
    },
    TemplateParameter {
        values: AllowedValues::Listed("ENABLED, DISABLED"),
        ..optional("AssignPublicIp", "ENABLED", "DISABLED for private subnets behind a NAT gateway or VPC endpoints.")
    },
    optional("TaskCpu", "'@cpu@'", "The tasks' CPU units, where the attribute says nothing else."),
    optional("TaskMemory", "'@memory@'", "The tasks' memory in MiB, where the attribute says nothing else."),
    TemplateParameter {
        kind: "CommaDelimitedList",
        conditions: &[("HasHandlerPolicies", "!Not [!Equals [!Join ['', !Ref HandlerPolicies], '']]")],
        ..optional("HandlerPolicies", "''", "@handler_policies@")
    },
    TemplateParameter {
        kind: "CommaDelimitedList",
        conditions: &[("HasPrimarySubnets", "!Not [!Equals [!Join ['', !Ref PrimarySubnets], '']]")],
        only: Some(PrimaryOwner::ThisStack),
        ..optional("PrimarySubnets", "''", "The function's own subnets; empty for a function outside any VPC.")
    },
    TemplateParameter {
        kind: "CommaDelimitedList",
        only: Some(PrimaryOwner::ThisStack),
        ..optional(
            "PrimarySecurityGroups",
            "''",
            "The function's own security groups; one at least where it has subnets.",
        )
    },
    TemplateParameter {
        values: BOOLEAN,
        ..optional(
            "InlineEvents",
            "'true'",
            "false sends every event through the bucket, since whoever may describe tasks can read their orders.",
        )
    },
    TemplateParameter {
        values: AllowedValues::Matching("([1-9][0-9]{0,5})?"),
        conditions: &[("HasMaxTasks", "!Not [!Equals [!Ref MaxTasks, '']]")],
        ..optional(
            "MaxTasks",
            "''",
            "About how many tasks run at a time, the rest waits in the failure queue; empty for as many as the account allows.",
        )
    },
    TemplateParameter {
        kind: "CommaDelimitedList",
        conditions: &[
            ("HasSourceQueues", "!Not [!Equals [!Join ['', !Ref SourceQueues], '']]"),
            (
                "HasManySourceQueues",
                "!Not [!Equals [!Select [@most_sources@, !Split [',', !Join ['', [!Join [',', !Ref SourceQueues], ',,,,,,,,,,']]]], '']]",
            ),
        ],
        ..optional(
            "SourceQueues",
            "''",
            "ARNs of the queues of other stacks that trigger the function and whose redrive policy names the failure queue; empty for none.",
        )
    },
    TemplateParameter {
        values: AllowedValues::Matching("(arn:.+)?"),
        conditions: &[("HasOnSuccess", "!Not [!Equals [!Ref OnSuccess, '']]")],
        ..optional(
            "OnSuccess",
            "''",
            "ARN of the queue, topic, event bus or function that gets the results, from Lambda and from Fargate; empty for none.",
        )
    },
    TemplateParameter {
        values: AllowedValues::Matching("(arn:.+:key/.+)?"),
        conditions: &[("HasKmsKey", "!Not [!Equals [!Ref KmsKey, '']]")],
        ..optional(
            "KmsKey",
            "''",
            "ARN of a KMS key for queues, bucket and logs, whose policy must let EventBridge and CloudWatch Logs use it; empty for keys of AWS.",
        )
    },
    TemplateParameter {
        values: AllowedValues::Matching("(arn:.+:policy/.+)?"),
        conditions: &[("HasPermissionsBoundary", "!Not [!Equals [!Ref PermissionsBoundary, '']]")],
        ..optional(
            "PermissionsBoundary",
            "''",
            "ARN of the policy that bounds all roles of this stack; empty for none.",
        )
    },
    TemplateParameter {
        values: BOOLEAN,
        conditions: &[("PropagatesTags", "!Equals [!Ref PropagateTags, 'true']")],
        ..optional(
            "PropagateTags",
            "'false'",
            "true gives each task the tags of the task definition, which has the stack's.",
        )
    },
    TemplateParameter {
        values: BOOLEAN,
        conditions: &[("ExecutesCommands", "!Equals [!Ref ExecuteCommand, 'true']")],
        ..optional(
            "ExecuteCommand",
            "'false'",
            "true allows `aws ecs execute-command` in tasks that start from then on.",
        )
    },
    TemplateParameter {
        values: AllowedValues::Listed("'on', 'off'"),
        conditions: &[("HasMetrics", "!Equals [!Ref Metrics, 'on']")],
        ..optional(
            "Metrics",
            "'on'",
            "off for no metrics of failures, tasks and successes, and no dashboard of them; the alarm OldFailures then stays silent.",
        )
    },
    TemplateParameter {
        conditions: &[("HasAlarmTopic", "!Not [!Equals [!Ref AlarmTopic, '']]")],
        ..optional("AlarmTopic", "''", "ARN of the SNS topic that the alarms notify; empty for none.")
    },
];

/// The parameters of a template.
pub(crate) fn for_owner(owner: PrimaryOwner) -> impl Iterator<Item = &'static TemplateParameter> {
    PARAMETERS.iter().filter(move |parameter| parameter.only.is_none_or(|only| only == owner))
}

/// The template's sections `Parameters` and `Conditions`.
pub(crate) fn yaml(owner: PrimaryOwner) -> String {
    let mut yaml = "Parameters:\n".to_owned();
    // Writing to a string can't fail.
    for TemplateParameter { name, kind, description, values, default, .. } in for_owner(owner) {
        let _ = write!(yaml, "  {name}:\n    Type: {kind}\n    Description: {description}\n");
        let _ = match values {
            AllowedValues::Any => Ok(()),
            AllowedValues::Listed(values) => writeln!(yaml, "    AllowedValues: [{values}]"),
            AllowedValues::Matching(pattern) => writeln!(yaml, "    AllowedPattern: '{pattern}'"),
        };
        let _ = default.map_or(Ok(()), |default| writeln!(yaml, "    Default: {default}"));
    }
    yaml.push_str("\nConditions:\n");
    for (name, condition) in for_owner(owner).flat_map(|parameter| parameter.conditions) {
        let _ = writeln!(yaml, "  {name}: {condition}");
    }
    yaml
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_docs_have_each() {
        const DEPLOY: &str = include_str!("../../../docs/deploy.md");
        for parameter in PARAMETERS {
            let row = format!("| `{}` |", parameter.name);
            assert_eq!(DEPLOY.matches(&row).count(), 1, "docs/deploy.md: {row}");
        }
    }
}
