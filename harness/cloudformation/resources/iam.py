"""Identities ("AWS::IAM::Role", "…InstanceProfile", "…Policy", "…ManagedPolicy", "…User").

A guest gets the credentials of its profile's role; what they allow, nobody here enforces.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final

from harness.cloudformation.provider import ProvisionedResource, ResourceFailure
from harness.cloudformation.resources.api import Api, ApiError
from harness.cloudformation.resources.base import Handler, Job, generated_name
from harness.cloudformation.resources.tags import tag_list, tags_of
from harness.template import Node

NOT_ENFORCED: Final = "nobody here enforces what policies allow"
_LONGEST_NAME: Final = 64
_SAME_NAMES: Final = frozenset({"Description", "MaxSessionDuration", "Path", "PermissionsBoundary"})


_AWS_OWNED: Final = re.compile(r"arn:aws[\w-]*:iam::aws:policy/.+")


def _knows_aws_policies(api: Api) -> bool:
    """Whether the service has AWS's own policies at all; a simulation's has none of them."""
    return bool(api.call("iam", "ListPolicies", Scope="AWS", MaxItems=1)["Policies"])


def document(value: Node) -> str:
    """A policy document as the API takes it."""
    return value if isinstance(value, str) else json.dumps(value)


class _Identity(Handler):
    """A role or a user: it has policies of its own and managed ones attached to it."""

    kind: ClassVar[str]
    """``Role`` or ``User``, as operations have it."""

    def _named(self, name: str) -> dict[str, Node]:
        return {f"{self.kind}Name": name}

    def _call(self, api: Api, operation: str, name: str, **parameters: Node) -> dict[str, Any]:
        return api.call("iam", operation, **self._named(name), **parameters)

    def describe(self, api: Api, resource: ProvisionedResource) -> Mapping[str, Any]:
        """The identity."""
        found: Mapping[str, Any] = self._call(api, f"Get{self.kind}", resource.physical_id)
        described: Mapping[str, Any] = found[self.kind]
        return described

    def _put_policies(self, job: Job, name: str, before: Mapping[str, Node]) -> None:
        wanted = {str(one["PolicyName"]): one for one in job.get("Policies", [])}
        for one in wanted.values():
            text = document(one["PolicyDocument"])
            policy = {"PolicyName": one["PolicyName"], "PolicyDocument": text}
            self._call(job.api, f"Put{self.kind}Policy", name, **policy)
        arns = list(job.get("ManagedPolicyArns", []))
        for arn in arns:
            self._attach(job.api, name, str(arn))
        self._remove_policies(
            job.api,
            name,
            [one for one in _policy_names(before) if one not in wanted],
            [one for one in before.get("ManagedPolicyArns", []) if one not in arns],
        )

    def _attach(self, api: Api, name: str, arn: str) -> None:
        try:
            self._call(api, f"Attach{self.kind}Policy", name, PolicyArn=arn)
        except ApiError as error:
            if not (error.says_gone and _AWS_OWNED.fullmatch(arn)) or _knows_aws_policies(api):
                raise

    def _remove_policies(
        self, api: Api, name: str, policies: Sequence[str], arns: Sequence[str]
    ) -> None:
        for policy in policies:
            api.delete("iam", f"Delete{self.kind}Policy", **self._named(name), PolicyName=policy)
        for arn in arns:
            api.delete("iam", f"Detach{self.kind}Policy", **self._named(name), PolicyArn=arn)

    def _update_tags(self, job: Job, before: ProvisionedResource, name: str) -> None:
        old = tags_of(before.request, system=False)
        new = tags_of(job.request, system=False)
        obsolete = [key for key in old if key not in new]
        if obsolete:
            self._call(job.api, f"Untag{self.kind}", name, TagKeys=obsolete)
        if new:
            self._call(job.api, f"Tag{self.kind}", name, Tags=tag_list(new))

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Delete it with the policies that it was given."""
        properties = resource.request.properties
        name = resource.physical_id
        arns = properties.get("ManagedPolicyArns", [])
        self._remove_policies(api, name, _policy_names(properties), arns)
        api.delete("iam", f"Delete{self.kind}", **self._named(name))


def _policy_names(properties: Mapping[str, Node]) -> list[str]:
    return [str(one["PolicyName"]) for one in properties.get("Policies", [])]


class Role(_Identity):
    """``AWS::IAM::Role``."""

    acts_on = frozenset({"Path", "RoleName", "Tags"})
    without_effect: ClassVar[Mapping[str, str]] = dict.fromkeys(
        (
            "AssumeRolePolicyDocument",
            "Description",
            "ManagedPolicyArns",
            "MaxSessionDuration",
            "PermissionsBoundary",
            "Policies",
        ),
        NOT_ENFORCED,
    )
    required = ("AssumeRolePolicyDocument",)
    replacing = frozenset({"Path", "RoleName"})
    updating = (acts_on | without_effect.keys()) - replacing
    custom_name = "RoleName"
    attributes: ClassVar[Mapping[str, str]] = {"Arn": "Arn", "RoleId": "RoleId"}
    kind = "Role"

    def create(self, job: Job) -> ProvisionedResource:
        """Create it with its policies."""
        name = str(job.get("RoleName") or generated_name(job.request, longest=_LONGEST_NAME))
        self._call(
            job.api,
            "CreateRole",
            name,
            AssumeRolePolicyDocument=document(job.get("AssumeRolePolicyDocument")),
            Tags=tag_list(tags_of(job.request, system=False)),
            **job.pick(*_SAME_NAMES),
        )
        made = job.made(name)
        self._put_policies(job, name, {})
        return made

    def update(
        self, job: Job, resource: ProvisionedResource, changed: frozenset[str]
    ) -> ProvisionedResource:
        """Change what it trusts, its policies and its tags."""
        name = resource.physical_id
        if "AssumeRolePolicyDocument" in changed:
            text = document(job.get("AssumeRolePolicyDocument"))
            self._call(job.api, "UpdateAssumeRolePolicy", name, PolicyDocument=text)
        if changed & {"Description", "MaxSessionDuration"}:
            wanted = job.pick("Description", "MaxSessionDuration")
            self._call(job.api, "UpdateRole", name, **wanted)
        if "PermissionsBoundary" in changed:
            self._change_boundary(job, name)
        self._put_policies(job, name, resource.request.properties)
        if "Tags" in changed:
            self._update_tags(job, resource, name)
        return super().update(job, resource, changed)

    def _change_boundary(self, job: Job, name: str) -> None:
        boundary = job.get("PermissionsBoundary")
        if boundary:
            operation = "PutRolePermissionsBoundary"
            self._call(job.api, operation, name, PermissionsBoundary=boundary)
        else:
            self._call(job.api, "DeleteRolePermissionsBoundary", name)


class User(_Identity):
    """``AWS::IAM::User``."""

    acts_on = frozenset({"Groups", "Path", "Tags", "UserName"})
    without_effect: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("ManagedPolicyArns", "Policies"), NOT_ENFORCED
    )
    replacing = frozenset({"Path", "UserName"})
    updating = frozenset({"Groups", "ManagedPolicyArns", "Policies", "Tags"})
    custom_name = "UserName"
    attributes: ClassVar[Mapping[str, str]] = {"Arn": "Arn"}
    kind = "User"

    def create(self, job: Job) -> ProvisionedResource:
        """Create it with its policies, and put it into its groups."""
        name = str(job.get("UserName") or generated_name(job.request, longest=_LONGEST_NAME))
        tags = tag_list(tags_of(job.request, system=False))
        self._call(job.api, "CreateUser", name, Tags=tags, **job.pick("Path"))
        made = job.made(name)
        self._put_policies(job, name, {})
        self._join(job, name, [])
        return made

    def update(
        self, job: Job, resource: ProvisionedResource, changed: frozenset[str]
    ) -> ProvisionedResource:
        """Change its policies, its groups and its tags."""
        name = resource.physical_id
        self._put_policies(job, name, resource.request.properties)
        self._join(job, name, resource.request.properties.get("Groups", []))
        if "Tags" in changed:
            self._update_tags(job, resource, name)
        return super().update(job, resource, changed)

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Take it out of its groups, and delete it."""
        self._leave(api, resource.physical_id, resource.request.properties.get("Groups", []))
        super().delete(api, resource)

    def _join(self, job: Job, name: str, before: Sequence[str]) -> None:
        wanted = job.get("Groups", [])
        for group in wanted:
            self._call(job.api, "AddUserToGroup", name, GroupName=group)
        self._leave(job.api, name, [one for one in before if one not in wanted])

    def _leave(self, api: Api, name: str, groups: Sequence[str]) -> None:
        for group in groups:
            api.delete("iam", "RemoveUserFromGroup", UserName=name, GroupName=group)


@dataclass(frozen=True)
class MadeAccessKey(ProvisionedResource):
    """An access key.

    Args:
        secret: Its secret, which the service tells once, when the key is made.
    """

    secret: str = field(default="", repr=False)


class AccessKey(Handler):
    """``AWS::IAM::AccessKey``."""

    acts_on = frozenset({"Serial", "Status", "UserName"})
    required = ("UserName",)
    replacing = frozenset({"Serial", "UserName"})
    updating = frozenset({"Status"})
    attributes: ClassVar[Mapping[str, str]] = {"Id": "Id", "SecretAccessKey": "SecretAccessKey"}

    def create(self, job: Job) -> ProvisionedResource:
        """Create it."""
        found = job.api.call("iam", "CreateAccessKey", UserName=job.get("UserName"))["AccessKey"]
        key = str(found["AccessKeyId"])
        job.progress.announce(key)
        if "Status" in job.properties:
            self._set_status(job, key)
        return MadeAccessKey(job.request, key, key, secret=str(found["SecretAccessKey"]))

    def describe(self, api: Api, resource: ProvisionedResource) -> Mapping[str, Any]:
        """The key."""
        del api
        secret = resource.secret if isinstance(resource, MadeAccessKey) else ""
        return {"Id": resource.physical_id, "SecretAccessKey": secret}

    def update(
        self, job: Job, resource: ProvisionedResource, changed: frozenset[str]
    ) -> ProvisionedResource:
        """Switch it on or off."""
        del changed
        self._set_status(job, resource.physical_id)
        return replace(resource, request=job.request)

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Delete it."""
        api.delete(
            "iam",
            "DeleteAccessKey",
            UserName=resource.request.properties.get("UserName"),
            AccessKeyId=resource.physical_id,
        )

    @staticmethod
    def _set_status(job: Job, key: str) -> None:
        job.api.call(
            "iam",
            "UpdateAccessKey",
            UserName=job.get("UserName"),
            AccessKeyId=key,
            Status=job.get("Status", "Active"),
        )


class InstanceProfile(Handler):
    """``AWS::IAM::InstanceProfile``."""

    acts_on = frozenset({"InstanceProfileName", "Path", "Roles"})
    required = ("Roles",)
    replacing = frozenset({"InstanceProfileName", "Path"})
    updating = frozenset({"Roles"})
    custom_name = "InstanceProfileName"
    attributes: ClassVar[Mapping[str, str]] = {"Arn": "Arn"}

    def create(self, job: Job) -> ProvisionedResource:
        """Create it, and put its role into it."""
        name = str(job.get("InstanceProfileName") or generated_name(job.request, longest=128))
        job.api.call("iam", "CreateInstanceProfile", InstanceProfileName=name, **job.pick("Path"))
        made = job.made(name)
        for role in job.get("Roles"):
            job.api.call("iam", "AddRoleToInstanceProfile", InstanceProfileName=name, RoleName=role)
        return made

    def describe(self, api: Api, resource: ProvisionedResource) -> Mapping[str, Any]:
        """The profile."""
        name = resource.physical_id
        found = api.call("iam", "GetInstanceProfile", InstanceProfileName=name)
        profile: Mapping[str, Any] = found["InstanceProfile"]
        return profile

    def update(
        self, job: Job, resource: ProvisionedResource, changed: frozenset[str]
    ) -> ProvisionedResource:
        """Put another role into it; there is room for one."""
        name = resource.physical_id
        self._remove_roles(job.api, name, resource.request.properties["Roles"])
        for role in job.get("Roles"):
            job.api.call("iam", "AddRoleToInstanceProfile", InstanceProfileName=name, RoleName=role)
        return super().update(job, resource, changed)

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Take its role out, and delete it."""
        name = resource.physical_id
        self._remove_roles(api, name, resource.request.properties.get("Roles", []))
        api.delete("iam", "DeleteInstanceProfile", InstanceProfileName=name)

    @staticmethod
    def _remove_roles(api: Api, name: str, roles: Sequence[str]) -> None:
        for role in roles:
            api.delete(
                "iam", "RemoveRoleFromInstanceProfile", InstanceProfileName=name, RoleName=role
            )


_HOLDERS: Final = {"Groups": "Group", "Roles": "Role", "Users": "User"}
"""Property that names who gets a policy -> what operations call them."""


class Policy(Handler):
    """``AWS::IAM::Policy``: a policy of its own for each of those that it names."""

    acts_on = frozenset({"Groups", "PolicyName", "Roles", "Users"})
    without_effect: ClassVar[Mapping[str, str]] = {"PolicyDocument": NOT_ENFORCED}
    required = ("PolicyDocument", "PolicyName")
    updating = frozenset({"Groups", "PolicyDocument", "PolicyName", "Roles", "Users"})
    attributes: ClassVar[Mapping[str, str]] = {"Id": "Id"}

    def create(self, job: Job) -> ProvisionedResource:
        """Give it to all that it names."""
        if not any(job.get(name) for name in _HOLDERS):
            raise ResourceFailure("At least one of [Groups,Roles,Users] must be non-empty.")
        made = job.made(generated_name(job.request, longest=_LONGEST_NAME))
        self._put(job)
        return made

    def update(
        self, job: Job, resource: ProvisionedResource, changed: frozenset[str]
    ) -> ProvisionedResource:
        """Give it to those that it names now, and take it from the others."""
        self._put(job)
        before = resource.request.properties
        renamed = before["PolicyName"] != job.get("PolicyName")
        for name, kind in _HOLDERS.items():
            for holder in before.get(name, []):
                if renamed or holder not in job.get(name, []):
                    self._take(job.api, kind, holder, before["PolicyName"])
        return super().update(job, resource, changed)

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Take it from all that it names."""
        properties = resource.request.properties
        for name, kind in _HOLDERS.items():
            for holder in properties.get(name, []):
                self._take(api, kind, holder, properties["PolicyName"])

    @staticmethod
    def _put(job: Job) -> None:
        text = document(job.get("PolicyDocument"))
        for name, kind in _HOLDERS.items():
            for holder in job.get(name, []):
                job.api.call(
                    "iam",
                    f"Put{kind}Policy",
                    **{f"{kind}Name": holder},
                    PolicyName=job.get("PolicyName"),
                    PolicyDocument=text,
                )

    @staticmethod
    def _take(api: Api, kind: str, holder: Node, policy: Node) -> None:
        api.delete("iam", f"Delete{kind}Policy", **{f"{kind}Name": holder}, PolicyName=policy)


class ManagedPolicy(Handler):
    """``AWS::IAM::ManagedPolicy``; its physical id is its ARN."""

    acts_on = frozenset({"Groups", "ManagedPolicyName", "Path", "Roles", "Users"})
    without_effect: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("Description", "PolicyDocument"), NOT_ENFORCED
    )
    required = ("PolicyDocument",)
    replacing = frozenset({"Description", "ManagedPolicyName", "Path"})
    updating = frozenset({"Groups", "PolicyDocument", "Roles", "Users"})
    custom_name = "ManagedPolicyName"
    attributes: ClassVar[Mapping[str, str]] = {
        "AttachmentCount": "AttachmentCount",
        "CreateDate": "CreateDate",
        "DefaultVersionId": "DefaultVersionId",
        "IsAttachable": "IsAttachable",
        "PermissionsBoundaryUsageCount": "PermissionsBoundaryUsageCount",
        "PolicyArn": "Arn",
        "PolicyId": "PolicyId",
        "UpdateDate": "UpdateDate",
    }

    def create(self, job: Job) -> ProvisionedResource:
        """Create it, and attach it to all that it names."""
        name = job.get("ManagedPolicyName") or generated_name(job.request, longest=128)
        found = job.api.call(
            "iam",
            "CreatePolicy",
            PolicyName=name,
            PolicyDocument=document(job.get("PolicyDocument")),
            **job.pick("Description", "Path"),
        )
        made = job.made(str(found["Policy"]["Arn"]))
        self._attach(job, made.physical_id)
        return made

    def describe(self, api: Api, resource: ProvisionedResource) -> Mapping[str, Any]:
        """The policy, dates and numbers as attributes have them."""
        found = api.call("iam", "GetPolicy", PolicyArn=resource.physical_id)["Policy"]
        return {
            "PermissionsBoundaryUsageCount": "0",
            **{name: _as_attribute(value) for name, value in found.items()},
        }

    def update(
        self, job: Job, resource: ProvisionedResource, changed: frozenset[str]
    ) -> ProvisionedResource:
        """Replace its document, attach it to those that it names now."""
        arn = resource.physical_id
        if "PolicyDocument" in changed:
            former = self.describe(job.api, resource)["DefaultVersionId"]
            text = document(job.get("PolicyDocument"))
            job.api.call(
                "iam", "CreatePolicyVersion", PolicyArn=arn, PolicyDocument=text, SetAsDefault=True
            )
            job.api.call("iam", "DeletePolicyVersion", PolicyArn=arn, VersionId=former)
        self._attach(job, arn)
        gone = {
            name: [one for one in before if one not in job.get(name, [])]
            for name in _HOLDERS
            if (before := resource.request.properties.get(name))
        }
        self._detach(job.api, arn, gone)
        return super().update(job, resource, changed)

    def delete(self, api: Api, resource: ProvisionedResource) -> None:
        """Detach it from all that it names, and delete it."""
        self._detach(api, resource.physical_id, resource.request.properties)
        api.delete("iam", "DeletePolicy", PolicyArn=resource.physical_id)

    @staticmethod
    def _attach(job: Job, arn: str) -> None:
        for name, kind in _HOLDERS.items():
            for holder in job.get(name, []):
                job.api.call("iam", f"Attach{kind}Policy", **{f"{kind}Name": holder}, PolicyArn=arn)

    @staticmethod
    def _detach(api: Api, arn: str, holders: Mapping[str, Node]) -> None:
        for name, kind in _HOLDERS.items():
            for holder in holders.get(name, []):
                api.delete("iam", f"Detach{kind}Policy", **{f"{kind}Name": holder}, PolicyArn=arn)


def _as_attribute(value: Any) -> str:  # noqa: ANN401 - what the service answers
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::IAM::AccessKey": AccessKey(),
    "AWS::IAM::InstanceProfile": InstanceProfile(),
    "AWS::IAM::ManagedPolicy": ManagedPolicy(),
    "AWS::IAM::Policy": Policy(),
    "AWS::IAM::Role": Role(),
    "AWS::IAM::User": User(),
}
