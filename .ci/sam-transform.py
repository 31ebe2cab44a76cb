"""Prints what CloudFormation makes of a SAM template, as JSON: the transform as AWS's own library has it."""

import json
import sys

from samtranslator.parser.parser import Parser
from samtranslator.public.translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform
from samcli.yamlhelper import yaml_parse


class NoPolicies(ManagedPolicyLoader):
    """SAM asks IAM for the managed policies by name; what is tested has none but Lambda's own."""

    def __init__(self):
        pass

    def load(self):
        name = "AWSLambdaBasicExecutionRole"
        return {name: f"arn:aws:iam::aws:policy/service-role/{name}"}


with open(sys.argv[1]) as file:
    template = yaml_parse(file.read())
json.dump(transform(template, {}, NoPolicies()), sys.stdout, indent=2)
