"""The embedded KMS as dataset groups use it: no HTTP and no client, because requests ask for the state of a key."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from moto.core.exceptions import ServiceException
from moto.kms.models import KmsBackend, kms_backends

from personalize_emu.edge.moto_adapter.resetting import using_services
from personalize_emu.kms_keys import ENABLED, DataKey, EncryptionContext, KeyState, KeyUnavailable

_BY_ID = ("disable_key", "enable_key", "cancel_key_deletion", "schedule_key_deletion")
"""Operations that find a key by its id only, although clients may give its ARN."""


class EmbeddedKeys:
    """See `KeyService`."""

    def answers_at_once(self, _arn: str) -> bool:
        return True

    def state(self, arn: str) -> KeyState:
        key = _key(arn)
        if key is None:
            return None
        # Stacks make keys that are disabled only there.
        return "Disabled" if key.key_state == ENABLED and not key.enabled else str(key.key_state)

    def new_data_key(self, arn: str, context: EncryptionContext) -> DataKey | None:
        key_state = self.state(arn)
        if key_state is None:
            return None
        if key_state != ENABLED:
            raise KeyUnavailable(f"its state is {key_state}")
        store, key_id = _store(arn), arn.rpartition("/")[2]
        with using_services("kms"):
            try:
                plain, wrapped, _ = store.generate_data_key(key_id, dict(context), 0, "AES_256")
            except ServiceException as error:
                raise KeyUnavailable(str(error)) from error
        return DataKey(plain, wrapped)

    def decrypted(self, arn: str, wrapped: bytes, context: EncryptionContext) -> bytes:
        key_state = self.state(arn)
        if key_state != ENABLED:
            raise KeyUnavailable("it does not exist" if key_state is None else f"its state is {key_state}")
        with using_services("kms"):
            try:
                plain, _ = _store(arn).decrypt(wrapped, dict(context), arn.rpartition("/")[2])
            except ServiceException as error:
                raise KeyUnavailable(str(error)) from error
        return bytes(plain)


def _store(arn: str) -> Any:
    """The store of the account and region of a key, without making one; None if there is none."""
    _, _, _, region, account, _ = arn.split(":", 5)
    stores = dict.get(kms_backends, account)
    return None if stores is None else dict.get(stores, region)


def _key(arn: str) -> Any:
    store = _store(arn)
    return None if store is None else store.keys.get(arn.rpartition("/")[2])


@cache
def find_keys_by_arn() -> None:
    """Let the operations that change the state of a key accept its ARN, as AWS does. Applied once per process."""
    for name in _BY_ID:
        setattr(KmsBackend, name, _by_id(getattr(KmsBackend, name)))


def _by_id(original: Callable[..., Any]) -> Callable[..., Any]:
    def change(store: Any, key_id: str, *args: Any, **named: Any) -> Any:
        return original(store, store.get_key_id(key_id), *args, **named)

    return change
