"""Tags of resources of Personalize in the embedded Resource Groups Tagging API."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from moto.core.resource_tagging import TaggedResource
from moto.resourcegroupstaggingapi import models
from moto.resourcegroupstaggingapi.models import ResourceGroupsTaggingAPIBackend

from personalize_emu.edge.moto_adapter.services.emulators import emulator_in_use
from personalize_emu.edge.moto_adapter.services.extensions import replace_while_in_use
from personalize_emu.edge.operation_calls import OperationRefused, call_operation
from personalize_emu.emulator import Emulator

Failures = dict[str, dict[str, Any]]
"""ARN -> why it could not be changed."""
_CODES = {"InvalidInputException": "InvalidParameterException", "ValidationException": "InvalidParameterException"}


@cache
def extend() -> None:
    """Let the service find and tag resources of Personalize. Applied once per process."""
    backends: Any = vars(models)["iter_taggable_backends"]
    tag: Any = ResourceGroupsTaggingAPIBackend.tag_resources
    untag: Any = ResourceGroupsTaggingAPIBackend.untag_resources

    def with_ours(account_id: str, region_name: str) -> Iterator[Any]:
        yield from backends(account_id, region_name)
        emulator = emulator_in_use()
        assert emulator is not None, "replaced functions run while an emulator is in use"
        yield _Tagged(emulator, account_id, region_name)

    def tag_resources(backend: Any, resource_arns: Sequence[str], tags: dict[str, str]) -> Failures:
        wire = [{"tagKey": key, "tagValue": value} for key, value in tags.items()]
        failed = _changed(backend, resource_arns, "TagResource", {"tags": wire})
        return {**failed, **tag(backend, _of_others(resource_arns), tags)}

    def untag_resources(backend: Any, resource_arn_list: Sequence[str], tag_keys: Sequence[str]) -> Failures:
        failed = _changed(backend, resource_arn_list, "UntagResource", {"tagKeys": list(tag_keys)})
        return {**failed, **untag(backend, _of_others(resource_arn_list), tag_keys)}

    replaced: tuple[tuple[Any, Callable[..., Any]], ...] = (
        (ResourceGroupsTaggingAPIBackend, tag_resources),
        (ResourceGroupsTaggingAPIBackend, untag_resources),
    )
    for owner, function in replaced:
        replace_while_in_use(owner, function.__name__, function)
    replace_while_in_use(models, "iter_taggable_backends", with_ours)


@dataclass(frozen=True)
class _Tagged:
    """The resources of one account and region, as moto asks services for them."""

    emulator: Emulator
    account: str
    region: str

    def owns_arn(self, arn: str) -> bool:
        return arn.startswith(f"arn:aws:personalize:{self.region}:{self.account}:")

    def iter_tagged_resources(self) -> Iterator[TaggedResource]:
        store = self.emulator.state.store
        for record in store.records():
            if record.taggable and self.owns_arn(record.arn):
                yield TaggedResource(record.arn, dict(store.tags(record.arn)), f"personalize:{record.type_word}")


def _is_ours(arn: str) -> bool:
    return arn.split(":")[2:3] == ["personalize"]


def _of_others(arns: Sequence[str]) -> list[str]:
    return [arn for arn in arns if not _is_ours(arn)]


def _changed(backend: Any, arns: Sequence[str], operation_name: str, params: dict[str, Any]) -> Failures:
    """Call an operation for each of our resources; returns those for which it was refused."""
    emulator = emulator_in_use()
    assert emulator is not None, "replaced functions run while an emulator is in use"
    failed: Failures = {}
    for arn in filter(_is_ours, arns):
        sent = {"resourceArn": arn, **params}
        try:
            call_operation(emulator, operation_name, sent, region=backend.region_name, account=backend.account_id)
        except OperationRefused as error:
            code = _CODES.get(error.code, error.code)
            failed[arn] = {"StatusCode": error.status, "ErrorCode": code, "ErrorMessage": error.message}
    return failed
