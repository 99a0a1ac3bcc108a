"""KMS keys of dataset groups: what the emulator needs of KMS, embedded or elsewhere (spec 05 section 3).

KeyState            None for a key that KMS has under that ARN no more, or never had
EncryptionContext   what a data key is bound to
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

log = logging.getLogger("personalize_emu.aws")
KeyState = str | None
"""As KMS calls it, such as ENABLED or `PendingDeletion`."""
EncryptionContext = Mapping[str, str]
ENABLED = "Enabled"

REMEMBERED_SECONDS = 10.0
"""How long the state of a key in another KMS is taken to be the same."""
MOST_STATES = 1000
"""Keys of another KMS whose state is remembered; the oldest are asked for again."""
_UNUSABLE = frozenset({"DisabledException", "KMSInvalidStateException", "InvalidKeyUsageException"})


class KeyUnavailable(Exception):
    """The KMS key does not exist or cannot be used, or KMS does not respond."""


@dataclass(frozen=True)
class DataKey:
    """plain: 32 bytes. wrapped: as KMS has encrypted them."""

    plain: bytes = field(repr=False)
    wrapped: bytes


class KeyService(Protocol):
    """Keys by their ARN, of any account and region. Methods other than `state` raise KeyUnavailable."""

    def answers_at_once(self, arn: str) -> bool:
        """Whether `state` waits for nothing now."""
        ...

    def state(self, arn: str) -> KeyState:
        """ENABLED, too, if KMS does not respond."""
        ...

    def new_data_key(self, arn: str, context: EncryptionContext) -> DataKey | None:
        """None if there is no such key, or no KMS."""
        ...

    def decrypted(self, arn: str, wrapped: bytes, context: EncryptionContext) -> bytes:
        """The plain data key."""
        ...


class NoKeys:
    """There is no KMS."""

    def answers_at_once(self, _arn: str) -> bool:
        return True

    def state(self, _arn: str) -> KeyState:
        return None

    def new_data_key(self, _arn: str, _context: EncryptionContext) -> DataKey | None:
        return None

    def decrypted(self, arn: str, _wrapped: bytes, _context: EncryptionContext) -> bytes:
        raise KeyUnavailable(f"there is no KMS with {arn}")


class RemoteKeys:
    """Keys of a KMS behind boto3. client: for a region; may raise `refusal`.

    If that KMS does not respond, keys count as usable, and new groups as groups without a key: emulators of S3 alone
    are common.
    """

    def __init__(
        self,
        client: Callable[[str], Any],
        refusal: type[Exception] = OSError,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._errors = (BotoCoreError, ClientError, HTTPClientError, OSError, LookupError, refusal)
        self._now = now
        self._states: dict[str, tuple[float, KeyState]] = {}

    def answers_at_once(self, arn: str) -> bool:
        known = self._states.get(arn)
        return known is not None and self._now() < known[0]

    def state(self, arn: str) -> KeyState:
        known = self._states.get(arn)
        if known is not None and self._now() < known[0]:
            return known[1]
        found = self._described(arn)
        # Requests can name any number of keys, and several threads may come here at a time.
        while arn not in self._states and len(self._states) >= MOST_STATES:
            self._states.pop(next(iter(list(self._states)), ""), None)
        self._states[arn] = self._now() + REMEMBERED_SECONDS, found
        return found

    def _described(self, arn: str) -> KeyState:
        try:
            return str(self._client(_region(arn)).describe_key(KeyId=arn)["KeyMetadata"]["KeyState"])
        except self._errors as error:
            if _code(error) == "NotFoundException":
                return None
            log.warning("the state of KMS key %s is unknown, it counts as %s: %s", arn, ENABLED, error)
            return ENABLED

    def new_data_key(self, arn: str, context: EncryptionContext) -> DataKey | None:
        try:
            made = self._client(_region(arn)).generate_data_key(
                KeyId=arn, KeySpec="AES_256", EncryptionContext=dict(context)
            )
            return DataKey(made["Plaintext"], made["CiphertextBlob"])
        except self._errors as error:
            if _code(error) in _UNUSABLE:
                raise KeyUnavailable(str(error)) from error
            log.warning("KMS key %s cannot be used, nothing is encrypted with it: %s", arn, error)
            return None

    def decrypted(self, arn: str, wrapped: bytes, context: EncryptionContext) -> bytes:
        try:
            found = self._client(_region(arn)).decrypt(
                KeyId=arn, CiphertextBlob=wrapped, EncryptionContext=dict(context)
            )
            return bytes(found["Plaintext"])
        except self._errors as error:
            raise KeyUnavailable(str(error)) from error


def _region(arn: str) -> str:
    return arn.split(":")[3]


def _code(error: Exception) -> str:
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""
