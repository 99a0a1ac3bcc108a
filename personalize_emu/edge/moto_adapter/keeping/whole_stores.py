"""Stores of embedded services that are small, so that one row holds all that an account has.

identities   users, groups, roles, policies and access keys of IAM
kms          keys of a region with their material, state, policies, grants, aliases and tags
sessions     of assumed roles and session tokens, until they end
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from moto.core.utils import utcnow
from moto.iam.models import AWSManagedPolicy, iam_backends
from moto.kms.models import kms_backends
from moto.sts.models import sts_backends

from personalize_emu.edge.moto_adapter.accounts import TOKENS
from personalize_emu.edge.moto_adapter.keeping.object_trees import TreeReader, TreeWriter
from personalize_emu.state.commit_lock import NotWritten

_TRIES = 10
_OF_IDENTITIES = (
    "instance_profiles", "roles", "certificates", "groups", "users", "account_aliases", "saml_providers",
    "open_id_providers", "virtual_mfa_devices", "account_password_policy", "inline_policies", "access_keys",
)  # fmt: skip


@dataclass(frozen=True)
class WholeStore:
    """One service.

    kind: the first word in the name of a row. services: whose requests may change the stores; None for requests
    without a signature. backends: moto's stores by account and by partition or region. held: the state of a store.
    fill: put such a state into an empty store.
    """

    kind: str
    services: frozenset[str | None]
    backends: Any
    held: Callable[[Any], Mapping[str, Any]]
    fill: Callable[[Any, dict[str, Any]], None]

    def rows(self) -> Iterator[tuple[str, Any]]:
        """Name and node of the row of each store. Raises NotWritten."""
        for account, partition, store in stores(self.backends):
            node = {"account": account, "partition": partition, "state": self._node(store)}
            yield f"{self.kind} {account} {partition}", node

    def restore(self, node: Any, reader: TreeReader) -> None:
        self.fill(self.backends[node["account"]][node["partition"]], reader.value(node["state"]))

    def _node(self, store: Any) -> Any:
        for _ in range(_TRIES):
            try:
                return TreeWriter().node(self.held(store))
            except RuntimeError as error:
                # Another request has changed it meanwhile.
                changed = error
        text = f"The change could not be written to the data directory: others change {self.kind}."
        raise NotWritten(text) from changed


def stores(backends: Any) -> Iterator[tuple[str, str, Any]]:
    for account, held in list(backends.items()):
        for partition, store in list(held.items()):
            yield account, partition, store


def managed_policy(node: Any) -> Callable[[str], Any]:
    """The policy of AWS with an ARN, for a reader of a row with that node."""
    return lambda arn: iam_backends[node["account"]][node["partition"]].managed_policies[arn]


def _identities(store: Any) -> Mapping[str, Any]:
    """All but AWS's own policies."""
    own = {arn: policy for arn, policy in _policies(store).items() if not isinstance(policy, AWSManagedPolicy)}
    held = {name: getattr(store, name) for name in _OF_IDENTITIES}
    return {**held, "tags": store.tagger.tags, "managed_policies": own}


def _policies(store: Any) -> dict[str, Any]:
    """Policies of a store, without reading those of AWS if nobody has yet."""
    held = vars(store)["managed_policies"]
    return held if isinstance(held, dict) else {}


def _fill_identities(store: Any, held: dict[str, Any]) -> None:
    store.tagger.tags.update(held.pop("tags"))
    own = held.pop("managed_policies")
    if own:
        store.managed_policies.update(own)
    vars(store).update(held)
    owners: tuple[Any, ...] = (*store.roles.values(), *store.users.values(), *store.groups.values())
    for owner in owners:
        for policy in owner.managed_policies.values():
            if policy.arn not in own:
                policy.attachment_count += 1


def _keys(store: Any) -> Mapping[str, Any]:
    return {"keys": store.keys, "tags": store.tagger.tags}


def _fill_keys(store: Any, held: dict[str, Any]) -> None:
    for key_id, key in held["keys"].items():
        # In a mock inside mock_aws the key may be there.
        store.keys.setdefault(key_id, key)
    store.tagger.tags.update(held["tags"])


def _sessions(store: Any) -> Mapping[str, Any]:
    now = utcnow()
    roles = [session for session in store.assumed_roles if session.expiration > now]
    tokens = {key: token for key, token in vars(store).get(TOKENS, {}).items() if token.expiration > now}
    return {"assumed_roles": roles, "tokens": tokens}


def _fill_sessions(store: Any, held: dict[str, Any]) -> None:
    store.assumed_roles.extend(held["assumed_roles"])
    vars(store).setdefault(TOKENS, {}).update(held["tokens"])


WHOLE_STORES: Mapping[str, WholeStore] = MappingProxyType(
    {
        each.kind: each
        for each in (
            WholeStore(
                "identities",
                frozenset({"iam", "sts", "cloudformation", "tagging", None}),
                iam_backends,
                _identities,
                _fill_identities,
            ),
            WholeStore("kms", frozenset({"kms", "cloudformation", "tagging"}), kms_backends, _keys, _fill_keys),
            WholeStore("sessions", frozenset({"sts", None}), sts_backends, _sessions, _fill_sessions),
        )
    }
)
"""By kind."""
