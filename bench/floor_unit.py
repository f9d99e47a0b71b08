"""What the unit rung cannot do without: cfn-lint on the template, and moto creating its stack.

A bare script: no pytest, no plugin, no assertion.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import boto3
from cfnlint.api import lint_file  # type: ignore[import-untyped]  # typed, but says so nowhere
from moto import mock_aws

REGION = "us-east-1"
PARAMETERS = {"KeyName": "floor", "SshCidr": "192.0.2.0/24"}
IMAGE = "/floor/image"


def main(template: Path) -> None:
    """Lint the template; create, describe and delete its stack."""
    print(f"{len(lint_file(template))} findings")
    with mock_aws():
        session: Any = boto3.Session(region_name=REGION)
        ec2 = session.client("ec2")
        ec2.create_key_pair(KeyName=PARAMETERS["KeyName"])
        image = ec2.describe_images()["Images"][0]["ImageId"]
        session.client("ssm").put_parameter(Name=IMAGE, Value=image, Type="String")
        body = json.loads(template.read_text())
        body["Parameters"]["ImageId"]["Default"] = IMAGE  # moto fails on Canonical's parameter
        cloudformation = session.client("cloudformation")
        cloudformation.create_stack(
            StackName="floor",
            TemplateBody=json.dumps(body),
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in PARAMETERS.items()
            ],
        )
        print(cloudformation.describe_stacks(StackName="floor")["Stacks"][0]["StackStatus"])
        cloudformation.delete_stack(StackName="floor")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
