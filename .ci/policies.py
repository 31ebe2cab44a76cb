"""Prints every identity policy of a CloudFormation template, one per line: its name, a tab, and the policy as JSON.

Intrinsic functions become what they would be in an account, as far as a policy's linter looks at it.
"""

import json
import re
import sys

from cfnlint.decode.decode import decode

PSEUDO = {
    "AWS::AccountId": "111111111111",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::StackName": "hello",
}
ARNS = {
    "AWS::ECS::Cluster": "arn:aws:ecs:eu-central-1:111111111111:cluster/{}",
    "AWS::IAM::Role": "arn:aws:iam::111111111111:role/{}",
    "AWS::Lambda::Function": "arn:aws:lambda:eu-central-1:111111111111:function:{}",
    "AWS::Logs::LogGroup": "arn:aws:logs:eu-central-1:111111111111:log-group:{}:*",
    "AWS::S3::Bucket": "arn:aws:s3:::{}",
    "AWS::SQS::Queue": "arn:aws:sqs:eu-central-1:111111111111:{}",
}


def value(template, name):
    """What a name in `Ref`, `GetAtt` or `Sub` stands for."""
    if name in PSEUDO:
        return PSEUDO[name]
    if name in template["Parameters"]:
        return template["Parameters"][name].get("Default") or name.lower()
    resource, _, attribute = name.partition(".")
    if attribute == "Arn":
        return ARNS[template["Resources"][resource]["Type"]].format(resource.lower())
    if attribute:
        raise SystemExit(f"don't know what {name} is")
    return resource.lower()


def resolve(template, node):
    if isinstance(node, list):
        return [resolve(template, item) for item in node]
    if not isinstance(node, dict):
        return node
    if len(node) == 1:
        (function, argument), = node.items()
        if function == "Ref":
            return value(template, argument)
        if function == "Fn::GetAtt":
            return value(template, argument if isinstance(argument, str) else ".".join(argument))
        if function == "Fn::Sub":
            return re.sub(r"\$\{([^}]+)\}", lambda name: value(template, name[1]), argument)
        if function.startswith("Fn::"):
            raise SystemExit(f"don't know what {function} is in a policy")
    return {key: resolve(template, item) for key, item in node.items()}


def policies(resource):
    """The inline policies, those of either branch of a condition too."""
    for policy in resource["Properties"].get("Policies", []):
        branches = policy["Fn::If"][1:] if "Fn::If" in policy else [policy]
        yield from (branch for branch in branches if "PolicyDocument" in branch)


def main(path):
    template, problems = decode(path)
    if problems:
        raise SystemExit(str(problems))
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::IAM::Role":
            for policy in policies(resource):
                document = resolve(template, policy["PolicyDocument"])
                print(f"{name}/{policy['PolicyName']}", json.dumps(document), sep="\t")


main(sys.argv[1])
