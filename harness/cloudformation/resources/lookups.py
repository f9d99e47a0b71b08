"""What exists in the account, for parameters that name AWS things."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from harness.cloudformation.refusal import RequestRefused
from harness.cloudformation.resources.api import Api, ApiError, Patience
from harness.cloudformation.resources.ec2_thing import find

PUBLIC: Final = "/aws/service/"
"""How the names of parameters begin that AWS and the publishers of images provide."""

_HOSTED_ZONE: Final = "AWS::Route53::HostedZone::Id"

_OF_EC2: Final[Mapping[str, tuple[str, str, str]]] = {
    "AWS::EC2::AvailabilityZone::Name": (
        "DescribeAvailabilityZones",
        "AvailabilityZones",
        "ZoneName",
    ),
    "AWS::EC2::Image::Id": ("DescribeImages", "Images", "ImageId"),
    "AWS::EC2::Instance::Id": ("DescribeInstances", "Reservations", "InstanceId"),
    "AWS::EC2::KeyPair::KeyName": ("DescribeKeyPairs", "KeyPairs", "KeyName"),
    "AWS::EC2::SecurityGroup::GroupName": (
        "DescribeSecurityGroups",
        "SecurityGroups",
        "GroupName",
    ),
    "AWS::EC2::SecurityGroup::Id": ("DescribeSecurityGroups", "SecurityGroups", "GroupId"),
    "AWS::EC2::Subnet::Id": ("DescribeSubnets", "Subnets", "SubnetId"),
    "AWS::EC2::VPC::Id": ("DescribeVpcs", "Vpcs", "VpcId"),
    "AWS::EC2::Volume::Id": ("DescribeVolumes", "Volumes", "VolumeId"),
}
"""Parameter type -> EC2's operation, the member that lists them, and what names one, of which the
plural is the operation's parameter for some of them."""


class AwsLookups:
    """Asks the services' APIs.

    Args:
        client: Makes the client of a service by its name; asked once for each.
        public_parameter: The value of a public SSM parameter, None where there is none; asked
            before the Parameter Store is.
    """

    def __init__(
        self,
        client: Callable[[str], Any],
        *,
        public_parameter: Callable[[str], str | None] = lambda _name: None,
    ) -> None:
        self._api = Api(client, Patience())
        self._public_parameter = public_parameter

    def exists(self, parameter_type: str, value: str) -> bool:
        """Whether there is such a thing.

        Raises:
            ResourceFailure: The service does not answer.
        """
        try:
            if parameter_type == _HOSTED_ZONE:
                answer = self._api.call("route53", "GetHostedZone", Id=value)
            else:
                operation, _, name = _OF_EC2[parameter_type]
                answer = self._api.call("ec2", operation, **{f"{name}s": [value]})
        except ApiError as error:
            if error.says_gone or "Invalid" in error.code:
                return False
            raise
        return any(bool(found) for member, found in answer.items() if member != "ResponseMetadata")

    def ssm_parameter(self, name: str) -> str | None:
        """The value of a parameter in the Parameter Store; None where there is none.

        Raises:
            RequestRefused: It is a secure string.
            ResourceFailure: The service does not answer.
        """
        if name.startswith(PUBLIC):
            public = self._public_parameter(name)
            if public is not None:
                return public
        found = self._parameter(name)
        if found is not None and found["Type"] == "SecureString":
            raise RequestRefused(
                f"Parameters [{name}] referenced by template have types not supported by "
                "CloudFormation."
            )
        return None if found is None else str(found["Value"])

    def secure_parameter(self, name: str) -> str | None:
        """The same, of secure strings too, decrypted."""
        found = self._parameter(name)
        return None if found is None else str(found["Value"])

    def secret(self, secret_id: str, *, stage: str = "", version_id: str = "") -> str | None:
        """The string that Secrets Manager holds; None where there is none.

        Raises:
            ResourceFailure: The service does not answer.
        """
        wanted = {"SecretId": secret_id, "VersionStage": stage, "VersionId": version_id}
        try:
            answer = self._api.call(
                "secretsmanager",
                "GetSecretValue",
                **{name: value for name, value in wanted.items() if value},
            )
        except ApiError as error:
            if error.says_gone:
                return None
            raise
        return str(answer.get("SecretString", ""))

    def things(self, parameter_type: str) -> Mapping[str, Mapping[str, str]] | None:
        """All that exist of a type, with the attributes that rules may ask for.

        Raises:
            ResourceFailure: The service does not answer.
        """
        if parameter_type not in _OF_EC2:
            return None
        operation, member, name = _OF_EC2[parameter_type]
        found = find(self._api, operation, member)
        if member == "Reservations":
            found = [instance for one in found for instance in one["Instances"]]
        return {
            str(one[name]): {
                **{key: str(one[key]) for key in ("AvailabilityZone", "VpcId") if key in one},
                **{f"Tags.{tag['Key']}": str(tag["Value"]) for tag in one.get("Tags", [])},
            }
            for one in found
        }

    def _parameter(self, name: str) -> Mapping[str, Any] | None:
        try:
            answer = self._api.call("ssm", "GetParameter", Name=name, WithDecryption=True)
        except ApiError as error:
            if error.says_gone or "Validation" in error.code:
                return None
            raise
        found: Mapping[str, Any] = answer["Parameter"]
        return found


def registering_images(
    client: Callable[[str], Any], is_image: Callable[[str], bool]
) -> Callable[[str], str | None]:
    """Answers public SSM parameters with images that are registered when they are asked for.

    For a simulation, where no image is booted and it is enough that there is one.

    Args:
        client: Makes the client of a service by its name.
        is_image: Whether a public parameter of that name holds the id of an image.
    """
    api = Api(client, Patience())
    known: dict[str, str] = {}

    def image_of(name: str) -> str | None:
        if not is_image(name):
            return None
        if name not in known:
            answer = api.call(
                "ec2",
                "RegisterImage",
                Name=name.removeprefix(PUBLIC),
                RootDeviceName="/dev/sda1",
                Architecture="arm64" if "arm64" in name else "x86_64",
                VirtualizationType="hvm",
            )
            known[name] = str(answer["ImageId"])
        return known[name]

    return image_of
