"""AWS managed policies in the embedded IAM: parsed when IAM is first asked for a policy, once per process.

moto parses more than a thousand policies for each account whenever it makes the account's store of IAM: at the first
call of any service that looks up access keys, and again after each reset.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import copy
from functools import cache
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.iam import aws_managed_policies
from moto.iam.models import AWSManagedPolicy, IAMBackend
from moto.settings import load_iam_aws_managed_policies


@cache
def parse_policies_on_demand() -> None:
    """Make stores of moto's IAM read AWS managed policies when they are first used. Applied once per process."""
    store_class: Any = IAMBackend
    store_class._init_aws_policies = lambda _store: _unread if load_iam_aws_managed_policies() else []
    store_class._init_managed_policies = lambda _store: _unread if load_iam_aws_managed_policies() else {}
    store_class.aws_managed_policies = _ReadOnDemand("aws_managed_policies", _own_policies)
    store_class.managed_policies = _ReadOnDemand("managed_policies", _by_arn)


_unread = object()
"""The value of an attribute whose policies have not been needed yet."""


class _ReadOnDemand:
    """An attribute of a store whose value is made when it is first read."""

    def __init__(self, name: str, make: Callable[[Any], Any]) -> None:
        self._name = name
        self._make = make

    def __set__(self, store: Any, value: Any) -> None:
        vars(store)[self._name] = value

    def __get__(self, store: Any, _owner: Any) -> Any:
        value = vars(store)[self._name]
        if value is _unread:
            value = vars(store)[self._name] = self._make(store)
        return value


def _own_policies(store: Any) -> list[Any]:
    return [_copy_of(policy, store.account_id) for policy in parsed_policies(store.region_name)]


def _by_arn(store: Any) -> dict[str, Any]:
    return {policy.arn: policy for policy in store.aws_managed_policies}


@cache
def parsed_policies(partition: str) -> list[Any]:
    """The policies of a partition; all stores copy them, because copying takes a tenth of the time."""
    documents = json.loads(aws_managed_policies.aws_managed_policies_data)
    return [AWSManagedPolicy.from_data(name, DEFAULT_ACCOUNT_ID, partition, facts) for name, facts in documents.items()]


def _copy_of(policy: Any, account_id: str) -> Any:
    """Shares nothing that can be changed: versions may be added, and tags."""
    own = copy(policy)
    own.account_id = account_id
    own.versions = [copy(version) for version in policy.versions]
    own.tags = dict(policy.tags)
    return own
