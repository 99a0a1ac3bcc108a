"""Classes of resources as moto expects them: the types of Personalize, bucket policies, and those without effect."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from moto.cloudformation.exceptions import UnformattedGetAttTemplateException, ValidationError
from moto.cloudformation.models import cloudformation_backends
from moto.core.common_models import CloudFormationModel
from moto.s3.models import s3_backends
from moto.utilities.utils import get_partition

from personalize_emu.edge.cloudformation.resource_types import RESOURCE_TYPES, ResourceType
from personalize_emu.edge.cloudformation.resources import Call, ManagedResource
from personalize_emu.edge.moto_adapter.services.emulators import emulator_in_use
from personalize_emu.edge.operation_calls import call_operation

WITHOUT_EFFECT = frozenset(
    {"AWS::CDK::Metadata", "AWS::CloudFormation::WaitCondition", "AWS::CloudFormation::WaitConditionHandle"}
)


class PersonalizeResource(CloudFormationModel):
    """One resource of Personalize in a stack; each type has a subclass."""

    kind: ResourceType

    def __init__(self, managed: ManagedResource) -> None:
        self.managed = managed

    @property
    def physical_resource_id(self) -> str:
        return self.managed.arn

    @staticmethod
    def cloudformation_name_type() -> str:
        return "Name"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::Personalize"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr in cls.kind.readable

    def get_cfn_attribute(self, attribute_name: str) -> str:
        if attribute_name not in self.kind.readable:
            raise UnformattedGetAttTemplateException
        return self.managed.attribute(attribute_name)

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,  # noqa: ARG003
        cloudformation_json: Mapping[str, Any],
        account_id: str,
        region_name: str,
        **named: Any,
    ) -> PersonalizeResource:
        """Create the resource; it becomes ready later. Raises as `ManagedResource.created`."""
        stack = cloudformation_backends[account_id][region_name].stacks.get(str(named.get("StackId")))
        properties = cloudformation_json.get("Properties") or {}
        call = _calls_in(account_id, region_name)
        return cls(ManagedResource.created(call, cls.kind, properties, stack.tags if stack else {}))


def _calls_in(account: str, region: str) -> Call:
    emulator = emulator_in_use()
    assert emulator is not None, "resources of Personalize are created for an emulator only"

    def call(operation_name: str, params: Mapping[str, Any]) -> dict[str, Any]:
        return call_operation(emulator, operation_name, params, region=region, account=account)

    return call


class NullResource(CloudFormationModel):
    """A resource without effect, such as the metadata that CDK adds."""

    def __init__(self, name: str) -> None:
        self.physical_resource_id = name

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::Null"

    @classmethod
    def create_from_cloudformation_json(cls, resource_name: str, *_args: Any, **_named: Any) -> NullResource:
        return cls(resource_name)

    def get_cfn_attribute(self, _attribute_name: str) -> str:
        return "{}"

    def delete(self, *_account_and_region: str) -> None:
        """Nothing exists."""


class BucketPolicy(CloudFormationModel):
    """The policy of a bucket, with which buckets let Personalize read them; moto has no such type."""

    def __init__(self, bucket: str) -> None:
        self.physical_resource_id = bucket

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::S3::BucketPolicy"

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,  # noqa: ARG003
        cloudformation_json: Mapping[str, Any],
        account_id: str,
        region_name: str,
        **_named: Any,
    ) -> BucketPolicy:
        properties = cloudformation_json["Properties"]
        document = properties["PolicyDocument"]
        text = document if isinstance(document, str) else json.dumps(document)
        backend = s3_backends[account_id][get_partition(region_name)]
        backend.put_bucket_policy(properties["Bucket"], text.encode())
        return cls(properties["Bucket"])

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: BucketPolicy,
        new_resource_name: str,
        cloudformation_json: Mapping[str, Any],
        account_id: str,
        region_name: str,
    ) -> BucketPolicy:
        if cloudformation_json["Properties"]["Bucket"] != original_resource.physical_resource_id:
            original_resource.delete(account_id, region_name)
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)

    def delete(self, account_id: str, region_name: str) -> None:
        s3_backends[account_id][get_partition(region_name)].delete_bucket_policy(self.physical_resource_id)


_OTHERS: Mapping[str, Any] = {
    "AWS::S3::BucketPolicy": BucketPolicy,
    **dict.fromkeys(WITHOUT_EFFECT, NullResource),
}
_CLASSES: Mapping[str, type[PersonalizeResource]] = {
    name: type(f"Personalize{kind.word}", (PersonalizeResource,), {"kind": kind})
    for name, kind in RESOURCE_TYPES.items()
}


def class_of(resource_type: str, known: Mapping[str, Any]) -> Any:
    """The class of a resource type. known: moto's classes by type.

    Raises:
        ValidationError: nothing here creates such resources.
    """
    if resource_type in _CLASSES:
        return _CLASSES[resource_type]
    if resource_type in _OTHERS:
        return _OTHERS[resource_type]
    if resource_type not in known:
        raise ValidationError(message=f"personalize-emu does not create resources of type {resource_type}")
    return known[resource_type]
