"""Mistakes in what is launched."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from harness.mutate.mutator import Family, Rung
from harness.mutate.subject import Body, Change, Subject

FAMILY = Family()
INSTANCE = "AWS::EC2::Instance"
PROPERTY = "the instance's properties, compared as a whole"


def _instances(subject: Subject, change: Callable[[Body], object]) -> Iterator[Change]:
    """Change the properties of each instance."""
    for name in subject.of_type(INSTANCE):
        yield Change("", subject.changed(change, "Resources", name, "Properties"))


def _images(subject: Subject, old: str, new: str) -> Iterator[Change]:
    """Name another image by default."""
    for name, definition in subject.template.parameters.items():
        value = str(definition.get("Default", ""))
        if old in value:
            yield Change("", subject.placed(value.replace(old, new), "Parameters", name, "Default"))


@FAMILY.add(
    "region-for-zone", "took a region for an availability zone", "the rules of harness lint"
)
def _zone(subject: Subject) -> Iterator[Change]:
    yield from _instances(subject, lambda one: one.update(AvailabilityZone={"Ref": "AWS::Region"}))


@FAMILY.add("literal-zone", "hard-coded a zone that other regions lack", "cfn-lint in every region")
def _literal_zone(subject: Subject) -> Iterator[Change]:
    yield from _instances(subject, lambda one: one.update(AvailabilityZone="us-east-1a"))


@FAMILY.add("literal-image", "hard-coded an image that exists in one region", PROPERTY)
def _image(subject: Subject) -> Iterator[Change]:
    yield from _instances(subject, lambda one: one.update(ImageId="ami-0123456789abcdef0"))


@FAMILY.add("image-of-another-processor", "took the image for ARM", "the default image's name")
def _arm(subject: Subject) -> Iterator[Change]:
    yield from _images(subject, "amd64", "arm64")


@FAMILY.add(
    "image-out-of-support", "left an image that gets no updates", "the default image's name"
)
def _old(subject: Subject) -> Iterator[Change]:
    yield from _images(subject, "24.04", "18.04")


@FAMILY.add("image-nobody-has", "misspelt the image's parameter", "a simulation of the defaults")
def _nobody(subject: Subject) -> Iterator[Change]:
    yield from _images(subject, "ami-id", "ami_id")


@FAMILY.add(
    "type-of-another-processor", "took an instance type for ARM", "the allowed types' family"
)
def _arm_type(subject: Subject) -> Iterator[Change]:
    for name, definition in subject.template.parameters.items():
        if str(definition.get("Default", "")).startswith("t3."):
            allowed = [*definition.get("AllowedValues", []), "t4g.micro"]
            changed = {**definition, "Default": "t4g.micro", "AllowedValues": allowed}
            yield Change("", subject.placed(changed, "Parameters", name))


@FAMILY.add("type-too-large", "allowed a type that costs a hundred times as much", PROPERTY)
def _large(subject: Subject) -> Iterator[Change]:
    for name, definition in subject.template.parameters.items():
        if "AllowedValues" in definition:
            allowed = [*definition["AllowedValues"], "m7i.48xlarge"]
            yield Change("", subject.placed(allowed, "Parameters", name, "AllowedValues"))


@FAMILY.add("no-key-pair", "launched an instance that nobody can log in to", PROPERTY)
def _no_key(subject: Subject) -> Iterator[Change]:
    yield from _instances(subject, lambda one: one.pop("KeyName", None))


@FAMILY.add(
    "nobody-has-the-key",
    "launched an instance that nobody can log in to",
    "a login with the key pair that the stack was given",
    Rung.LOCAL,
)
def _no_key_local(subject: Subject) -> Iterator[Change]:
    yield from _instances(subject, lambda one: one.pop("KeyName", None))


@FAMILY.add("metadata-without-token", "left IMDSv1 on", PROPERTY)
def _imds(subject: Subject) -> Iterator[Change]:
    yield from _instances(subject, lambda one: one.pop("MetadataOptions", None))


@FAMILY.add(
    "metadata-for-anybody",
    "left IMDSv1 on",
    "a request inside the instance that brings no token",
    Rung.LOCAL,
)
def _imds_local(subject: Subject) -> Iterator[Change]:
    yield from _instances(
        subject, lambda one: one.update(MetadataOptions={"HttpTokens": "optional"})
    )


@FAMILY.add("metadata-off", "turned the metadata service off, which cloud-init reads", PROPERTY)
def _imds_off(subject: Subject) -> Iterator[Change]:
    yield from _instances(
        subject, lambda one: one.update(MetadataOptions={"HttpEndpoint": "disabled"})
    )


def _mappings(properties: Body) -> list[Body]:
    """The block device mappings that stand there as they are, not by a function."""
    mappings = properties.get("BlockDeviceMappings")
    named = mappings if isinstance(mappings, list) else []
    return [one for one in named if isinstance(one, dict) and "DeviceName" in one]


@FAMILY.add("plain-volume", "left the volume unencrypted", PROPERTY)
def _plain(subject: Subject) -> Iterator[Change]:
    def change(properties: Body) -> None:
        for mapping in _mappings(properties):
            if isinstance(mapping.get("Ebs"), dict):
                mapping["Ebs"].pop("Encrypted", None)

    yield from _instances(subject, change)


@FAMILY.add("second-volume", "named a device that is not the root", PROPERTY)
def _device(subject: Subject) -> Iterator[Change]:
    def change(properties: Body) -> None:
        for mapping in _mappings(properties):
            mapping["DeviceName"] = "/dev/xvdb"

    yield from _instances(subject, change)


@FAMILY.add("no-volume", "left the volume to the image's defaults", PROPERTY)
def _no_volume(subject: Subject) -> Iterator[Change]:
    yield from _instances(subject, lambda one: one.pop("BlockDeviceMappings", None))


@FAMILY.add("no-name", "left a resource without the tag that names it", "every resource's tags")
def _tags(subject: Subject) -> Iterator[Change]:
    for name, resource in subject.template.resources.items():
        if "Tags" in resource.properties:
            yield Change(name, subject.without("Resources", name, "Properties", "Tags"))


@FAMILY.add("circle", "made two resources wait for each other", "cfn-lint")
def _circle(subject: Subject) -> Iterator[Change]:
    for name in subject.of_type(INSTANCE):
        for other in [one for one in subject.template.resources if one != name][:1]:
            half = subject.placed(other, "Resources", name, "DependsOn")
            yield Change("", half.placed(name, "Resources", other, "DependsOn"))


@FAMILY.add("waits-for-nobody", "depends on a resource that was renamed", "cfn-lint")
def _nobody_there(subject: Subject) -> Iterator[Change]:
    for name in subject.of_type(INSTANCE):
        yield Change("", subject.placed("Old", "Resources", name, "DependsOn"))


@FAMILY.add("misspelt-type", "misspelt the type of a resource", "cfn-lint")
def _type(subject: Subject) -> Iterator[Change]:
    for name, resource in subject.template.resources.items():
        wrong = resource.type.replace("EC2", "Ec2")
        yield Change(name, subject.placed(wrong, "Resources", name, "Type"))


@FAMILY.add("misspelt-property", "wrote a property in another case", "cfn-lint")
def _property(subject: Subject) -> Iterator[Change]:
    def change(properties: Body) -> None:
        if "InstanceType" in properties:
            properties["Instancetype"] = properties.pop("InstanceType")

    yield from _instances(subject, change)
