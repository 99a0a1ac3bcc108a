"""Quotas of the emulator in the embedded Service Quotas; a request for more is granted at once.

Codes of quotas are our own: those of AWS are not published. Names and what is adjustable are those of the AWS guide
(spec 04 section 1).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any, TypeVar
from uuid import uuid4

from moto.core.exceptions import JsonRESTError
from moto.servicequotas.models import servicequotas_backends
from moto.servicequotas.responses import ServiceQuotasResponse

from personalize_emu.edge.moto_adapter.services.emulators import emulator_in_use
from personalize_emu.edge.moto_adapter.services.extensions import replace_while_in_use
from personalize_emu.emulator import Emulator
from personalize_emu.settings import quota_limits

SERVICE = "personalize"
SERVICE_NAME = "Amazon Personalize"
UNLIMITED = 1e9
"""Shown with the option `quotas=off`."""
MOST_RESULTS = 100
RATE = "Count/Second"

T = TypeVar("T")


@dataclass(frozen=True)
class ServiceQuota:
    """key: the name in the option `quotas`."""

    key: str
    name: str
    adjustable: bool = False
    unit: str = "None"

    @property
    def code(self) -> str:
        return "L-" + sha256(f"{SERVICE}/{self.key}".encode()).hexdigest()[:8].upper()


QUOTAS = (
    ServiceQuota("schemas", "Active schemas"),
    ServiceQuota("dataset-groups", "Active dataset groups", adjustable=True),
    ServiceQuota("dataset-import-jobs", "Pending or in progress dataset import jobs"),
    ServiceQuota("data-deletion-jobs", "Pending data deletion jobs per dataset group", adjustable=True),
    ServiceQuota("batch-inference-jobs", "Pending or in progress batch inference jobs", adjustable=True),
    ServiceQuota("batch-segment-jobs", "Pending or in progress batch segment jobs"),
    ServiceQuota("solution-versions", "Pending or in progress solution versions", adjustable=True),
    ServiceQuota("solutions", "Active solutions per dataset group", adjustable=True),
    ServiceQuota("campaigns", "Active campaigns per dataset group", adjustable=True),
    ServiceQuota("recommenders", "Recommenders per dataset group"),
    ServiceQuota("filters", "Filters per dataset group", adjustable=True),
    ServiceQuota("metric-attributions", "Metric attributions per dataset group"),
    ServiceQuota("full-import-bytes", "Data per import with FULL import mode", unit="Bytes"),
    ServiceQuota("incremental-import-bytes", "Data per import with INCREMENTAL import mode", True, "Bytes"),
    ServiceQuota("runtime-tps", "Rate of runtime requests", unit=RATE),
    ServiceQuota("campaign-tps", "Rate of requests to a campaign", unit=RATE),
    ServiceQuota("put-events-tps", "Rate of PutEvents requests per dataset group", adjustable=True, unit=RATE),
    ServiceQuota("put-action-interactions-tps", "Rate of PutActionInteractions requests per dataset group", unit=RATE),
    ServiceQuota("put-records-tps", "Rate of PutItems, PutUsers and PutActions requests per dataset group", unit=RATE),
)


@cache
def extend() -> None:
    """Let the service answer for Personalize. Applied once per process."""
    for name, answer in _ANSWERS.items():
        replace_while_in_use(ServiceQuotasResponse, name, _handler(name, answer))


@dataclass(frozen=True)
class _Request:
    emulator: Emulator
    params: Mapping[str, Any]
    account: str
    region: str

    def arn(self, quota: ServiceQuota, account: str) -> str:
        return f"arn:aws:servicequotas:{self.region}:{account}:{SERVICE}/{quota.code}"

    def value(self, quota: ServiceQuota, option: str) -> float:
        return float(quota_limits(option).get(quota.key, UNLIMITED))

    def quota(self) -> ServiceQuota:
        """The one with the code of the request."""
        for quota in QUOTAS:
            if quota.code == self.params.get("QuotaCode"):
                return quota
        raise JsonRESTError(
            "NoSuchResourceException", f"There is no quota {self.params.get('QuotaCode')} of {SERVICE}."
        )

    def history(self) -> list[dict[str, Any]]:
        """Granted requests; kept with moto's store, so that a reset clears them."""
        found: list[dict[str, Any]] = vars(servicequotas_backends[self.account][self.region]).setdefault("granted", [])
        return found


def _described(request: _Request, quota: ServiceQuota, *, applied: bool) -> dict[str, Any]:
    """applied: the value in force, not the default of the service."""
    option = request.emulator.settings.quotas if applied else "default"
    return {
        "ServiceCode": SERVICE,
        "ServiceName": SERVICE_NAME,
        "QuotaArn": request.arn(quota, request.account if applied else ""),
        "QuotaCode": quota.code,
        "QuotaName": quota.name,
        "Value": request.value(quota, option),
        "Unit": quota.unit,
        "Adjustable": quota.adjustable,
        "GlobalQuota": False,
        "QuotaAppliedAtLevel": "ACCOUNT",
    }


def _list(request: _Request, *, applied: bool) -> dict[str, Any]:
    code = request.params.get("QuotaCode")
    return _page(
        request, "Quotas", [_described(request, each, applied=applied) for each in QUOTAS if code in (None, each.code)]
    )


def _get(request: _Request, *, applied: bool) -> dict[str, Any]:
    return {"Quota": _described(request, request.quota(), applied=applied)}


def _increase(request: _Request) -> dict[str, Any]:
    quota, wanted = request.quota(), request.params.get("DesiredValue")
    if (
        not isinstance(wanted, int | float)
        or wanted != int(wanted)
        or wanted <= request.value(quota, request.emulator.settings.quotas)
    ):
        raise JsonRESTError(
            "IllegalArgumentException", "The desired value must be a whole number above the current value of the quota."
        )
    if not quota.adjustable:
        raise JsonRESTError("IllegalArgumentException", f"The quota {quota.name!r} is not adjustable.")
    request.emulator.raise_quota(quota.key, int(wanted))
    now = time.time()
    granted = {
        "Id": uuid4().hex,
        "ServiceCode": SERVICE,
        "ServiceName": SERVICE_NAME,
        "QuotaCode": quota.code,
        "QuotaName": quota.name,
        "DesiredValue": float(wanted),
        "Status": "APPROVED",
        "Created": now,
        "LastUpdated": now,
        "QuotaArn": request.arn(quota, request.account),
        "GlobalQuota": False,
        "Unit": quota.unit,
        "QuotaRequestedAtLevel": "ACCOUNT",
    }
    request.history().append(granted)
    return {"RequestedQuota": granted}


def _history(request: _Request) -> dict[str, Any]:
    code, status = request.params.get("QuotaCode"), request.params.get("Status")
    granted = [each for each in request.history() if code in (None, each["QuotaCode"])]
    return _page(request, "RequestedQuotas", [each for each in granted if status in (None, each["Status"])])


def _page(request: _Request, member: str, items: list[Any]) -> dict[str, Any]:
    token = str(request.params.get("NextToken") or "0")
    if not token.isdecimal():
        raise JsonRESTError("InvalidPaginationTokenException", "The token is not valid.")
    begin, size = int(token), int(request.params.get("MaxResults") or MOST_RESULTS)
    following = {"NextToken": str(begin + size)} if len(items) > begin + size else {}
    return {member: items[begin : begin + size], **following}


_ANSWERS: Mapping[str, Callable[[_Request], dict[str, Any]]] = {
    "list_service_quotas": lambda request: _list(request, applied=True),
    "list_aws_default_service_quotas": lambda request: _list(request, applied=False),
    "get_service_quota": lambda request: _get(request, applied=True),
    "get_aws_default_service_quota": lambda request: _get(request, applied=False),
    "request_service_quota_increase": _increase,
    "list_requested_service_quota_change_history": _history,
    "list_requested_service_quota_change_history_by_quota": _history,
}


def _handler(name: str, answer: Callable[[_Request], dict[str, Any]]) -> Callable[[Any], str]:
    original = getattr(ServiceQuotasResponse, name, None)

    def handler(response: Any) -> str:
        emulator, params = emulator_in_use(), json.loads(response.body)
        if params.get("ServiceCode", SERVICE) != SERVICE:
            if original is None:
                raise NotImplementedError(f"only the quotas of {SERVICE} are known")
            text: str = original(response)
            return text
        assert emulator is not None, "replaced functions run while an emulator is in use"
        return json.dumps(answer(_Request(emulator, params, response.current_account, response.region)))

    return handler
