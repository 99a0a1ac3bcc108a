"""The AWS services embedded in the server, which are imported when a request or a job first needs one.

moto and its stores take a fifth of the start and of the memory of an idle server. Until it has been imported there are
no buckets, and no keys have been issued.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from personalize_emu.edge.auth.query_access import ANYBODY, ServiceAccess
from personalize_emu.kms_keys import DataKey, EncryptionContext, KeyService, KeyState
from personalize_emu.service.core.context import MustWait

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from personalize_emu.aws_services import ClientFactory
    from personalize_emu.durability.service_rows import ServiceRows
    from personalize_emu.edge.auth.callers import Caller
    from personalize_emu.emulator import Emulator

AccountOf = Callable[[str], "str | None"]
ADAPTER = "personalize_emu.edge.moto_adapter"


def _adapter() -> Any:
    """The package that imports moto, whole, also if another thread imports it now."""
    return import_module(ADAPTER)


def in_use() -> bool:
    """Whether the services have been imported, or are being imported now."""
    return ADAPTER in sys.modules


def client_factory(account: str) -> ClientFactory:
    """Clients of the embedded services for an emulator; `account` owns what they create."""

    @cache
    def clients() -> ClientFactory:
        made: ClientFactory = _adapter().EmbeddedClients(account)
        return made

    def client(service: str, region: str) -> Any:
        return clients()(service, region)

    return client


class EmbeddedKeys:
    """KMS keys of dataset groups; see `KeyService`."""

    def answers_at_once(self, _arn: str) -> bool:
        return in_use()

    def state(self, arn: str) -> KeyState:
        return _keys().state(arn) if in_use() else None

    def new_data_key(self, arn: str, context: EncryptionContext) -> DataKey | None:
        return _keys().new_data_key(arn, context) if in_use() else None

    def decrypted(self, arn: str, wrapped: bytes, context: EncryptionContext) -> bytes:
        return _keys().decrypted(arn, wrapped, context)


@cache
def _keys() -> KeyService:
    made: KeyService = _adapter().EmbeddedKeys()
    return made


def services_application(
    account: str, *, http_deliveries: bool, emulator: Emulator, access: ServiceAccess = ANYBODY
) -> WSGIApplication:
    """As `embedded_application` in moto_adapter."""
    making = threading.Lock()

    @cache
    def application() -> WSGIApplication:
        made: WSGIApplication = _adapter().embedded_application(
            account, http_deliveries=http_deliveries, emulator=emulator, access=access
        )
        return made

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with making:
            services = application()
        return services(environ, start_response)

    return answer


def account_of(access_key: str) -> str | None:
    """The account of a key issued by the embedded IAM or STS; None for any other key (P-20)."""
    if not in_use():
        return None
    account: str | None = _adapter().account_of(access_key)
    return account


def account_at_once(access_key: str) -> str | None:
    """As `account_of`, for an event loop. Raises MustWait while the services are imported or reset."""
    adapter = sys.modules.get(ADAPTER)
    if adapter is None:
        return None
    find: AccountOf | None = getattr(adapter, "account_at_once", None)
    if find is None:
        raise MustWait
    return find(access_key)


def caller_of(access_key: str) -> Caller | None:
    """The user or session to which the embedded IAM or STS issued a key."""
    if not in_use():
        return None
    caller: Caller | None = _adapter().caller_of(access_key)
    return caller


def keep_services(rows: ServiceRows) -> None:
    """Restore buckets, objects and identities, and keep them from now on. Raises UnusableDirectory."""
    _adapter().keep_services(rows)


def write_services(rows: ServiceRows) -> None:
    """Write what the services have, where nothing is kept. Raises NotWritten."""
    if in_use():
        _adapter().write_services(rows)


def reset_services(meanwhile: Callable[[], None]) -> None:
    """Delete all resources of the embedded services. meanwhile: called while they are locked."""
    if in_use():
        adapter = _adapter()
        adapter.reset_services(meanwhile, forget=adapter.forget_services)
    else:
        meanwhile()


def load_managed_policies() -> None:
    """Make AWS managed policies such as AmazonPersonalizeFullAccess available (S-6).

    For a process of its own only: every account of moto's IAM then has more than a thousand policies.
    """
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
