"""Prints every identity policy of a CloudFormation template, one per line: its name, a tab, and the policy as JSON.

Intrinsic functions are resolved as in an account, as far as a linter of policies needs it.
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
PARAMETERS = {
    "OnSuccess": "arn:aws:sqs:eu-central-1:111111111111:results",
    "KmsKey": "arn:aws:kms:eu-central-1:111111111111:key/00000000-0000-0000-0000-000000000000",
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
    """Resolves a name in `Ref`, `GetAtt` or `Sub`."""
    if name in PSEUDO:
        return PSEUDO[name]
    if name in PARAMETERS:
        return PARAMETERS[name]
    if name in template["Parameters"]:
        return template["Parameters"][name].get("Default") or name.lower()
    resource, _, attribute = name.partition(".")
    if attribute == "Arn":
        return ARNS[template["Resources"][resource]["Type"]].format(resource.lower())
    if attribute:
        raise SystemExit(f"can't resolve {name}")
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
            text, own = (argument, {}) if isinstance(argument, str) else argument
            own = resolve(template, own)
            return re.sub(r"\$\{([^}]+)\}", lambda name: own.get(name[1]) or value(template, name[1]), text)
        if function == "Fn::If":
            return resolve(template, argument[1])
        if function.startswith("Fn::"):
            raise SystemExit(f"can't resolve {function} in a policy")
    return {key: resolve(template, item) for key, item in node.items()}


def main(path):
    template, problems = decode(path)
    if problems:
        raise SystemExit(str(problems))
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        of_kind = {
            "AWS::IAM::ManagedPolicy": [properties],
            "AWS::IAM::Policy": [properties],
            "AWS::IAM::Role": properties.get("Policies", []),
        }
        for policy in of_kind.get(resource["Type"], []):
            document = resolve(template, policy["PolicyDocument"])
            print(f"{name}/{resolve(template, policy.get('PolicyName', name))}", json.dumps(document), sep="\t")


main(sys.argv[1])
