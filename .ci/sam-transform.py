"""Prints the CloudFormation template, as JSON, into which AWS's own library transforms a SAM template."""

import json
import sys

from samtranslator.parser.parser import Parser
from samtranslator.public.translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform
from samcli.yamlhelper import yaml_parse


class NoPolicies(ManagedPolicyLoader):
    """SAM would look up managed policies in IAM; the tested templates use only Lambda's own."""

    def __init__(self):
        pass

    def load(self):
        name = "AWSLambdaBasicExecutionRole"
        return {name: f"arn:aws:iam::aws:policy/service-role/{name}"}


with open(sys.argv[1]) as file:
    template = yaml_parse(file.read())
json.dump(transform(template, {}, NoPolicies()), sys.stdout, indent=2)
