"""The steps that process one Personalize request (STEPS), independent of the HTTP server.

OPTIONS ─▶ preflight
others  ─▶ route ─▶ credential scope ─▶ parse ─▶ access check ─▶ faults ─▶ validate ─▶ perform ─▶ render | render_error

The event loop of the server takes the steps that do not wait (`answer_at_once`); where one would, a thread goes on from
there (`finish`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from personalize_emu.doubles.faults import Injection
from personalize_emu.edge.auth.access_control import AccessCheck, allow_all
from personalize_emu.edge.http.faulty_response import with_fault
from personalize_emu.edge.request_log import log_call
from personalize_emu.edge.request_log import requests as _log
from personalize_emu.emulator import Emulator
from personalize_emu.service.core.context import MustWait
from personalize_emu.service.core.group_keys import names_encrypted, tells_of_key_only
from personalize_emu.service.service_metrics import AnsweredCall
from personalize_emu.wire.errors import AwsError, InternalFailure
from personalize_emu.wire.models import Operation
from personalize_emu.wire.parse import parse
from personalize_emu.wire.render import Response, preflight, render, render_error
from personalize_emu.wire.route import route
from personalize_emu.wire.sigv4 import CredentialScope, SignedRequest, credential_scope
from personalize_emu.wire.validate import validate

AccountOf = Callable[[str], str | None]
"""Access key id -> its account, None if the key was never issued (P-20)."""

LOOPBACK = "127.0.0.1"
"""The address of clients in the same process."""

NO_OPERATION = "unknown"
"""Operation name in the metrics for requests that name none."""


@dataclass
class RequestContext:
    """One request; each step adds its results."""

    emulator: Emulator
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    account_of: AccountOf
    access_check: AccessCheck
    patience: float | None = None
    scope: CredentialScope | None = None
    """Of the credentials, where it has been read already."""
    address: str = LOOPBACK
    """Of the client."""
    may_wait: bool = True
    request_id: str = field(init=False)
    started: float = field(default_factory=time.perf_counter)
    steps_done: int = 0
    operation: Operation | None = None
    region: str | None = None
    account: str | None = None
    params: dict[str, Any] = field(default_factory=dict)
    members: Mapping[str, Any] | None = None
    injection: Injection | None = None
    answered_at: float = 0.0
    """By the emulator's clock, seconds since the epoch."""

    def __post_init__(self) -> None:
        self.request_id = self.emulator.new_request_id()

    @property
    def known_operation(self) -> Operation:
        assert self.operation is not None, "find_operation is the first step"
        return self.operation

    @property
    def signed(self) -> SignedRequest:
        return SignedRequest(self.method, self.path, self.query, self.headers, self.body)

    def answered(self, status: int, seconds: float) -> AnsweredCall:
        name = self.operation.name if self.operation else NO_OPERATION
        settings = self.emulator.settings
        region, account = self.region or settings.region, self.account or settings.account
        return AnsweredCall(name, self.params, self.members, status, seconds, region, account, len(self.body))


def find_operation(context: RequestContext) -> None:
    context.operation = route(context.method, context.path, context.headers)


def read_credential_scope(context: RequestContext) -> None:
    """Region and account of the request; without credentials the defaults of the settings (P-19, P-20, P-21)."""
    scope = context.scope or credential_scope(context.headers, context.query)
    if scope is not None:
        context.region = scope.region
        context.account = context.account_of(scope.access_key)


def parse_body(context: RequestContext) -> None:
    context.params = parse(context.known_operation, context.body)


def check_access(context: RequestContext) -> None:
    context.access_check(context)


def inject_faults(context: RequestContext) -> None:
    """The effects of declared faults; an error comes before the checks of the service."""
    faults = context.emulator.doubles.faults
    if faults.active:
        context.injection = faults.hit(context.known_operation.name, context.params)
        if context.injection is not None and context.injection.error is not None:
            raise context.injection.error


def check_constraints(context: RequestContext) -> None:
    validate(context.known_operation, context.params)


def perform(context: RequestContext) -> None:
    context.members = context.emulator.call(
        context.known_operation.name,
        context.params,
        region=context.region,
        account=context.account,
        patience=context.patience,
        may_wait=context.may_wait,
    )


STEPS: tuple[Callable[[RequestContext], None], ...] = (
    find_operation,
    read_credential_scope,
    parse_body,
    check_access,
    inject_faults,
    check_constraints,
    perform,
)
"""In the order of P-56: routing, syntax and types, signature, constraints, then the checks of the operation."""


def default_account(_access_key: str) -> None:
    """Every access key belongs to the account of the settings."""


def answer(
    emulator: Emulator,
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    account_of: AccountOf = default_account,
    access_check: AccessCheck = allow_all,
    patience: float | None = None,
    address: str = LOOPBACK,
) -> Response:
    """Process one request. Never raises: every failure becomes an AWS error response.

    Args:
        path: percent-decoded, starting with a slash.
        query: the raw query string without its question mark.
        headers: names in lower case.
        patience: seconds after which the call returns although work it has started continues (`Emulator.call`); set
            for HTTP clients, which have time-outs, and None for clients in the same process.
        address: of the client.
    """
    if method == "OPTIONS":
        return preflight(headers.get("access-control-request-headers", "*"))
    parts = (emulator, method, path, query, headers, body, account_of, access_check, patience)
    return finish(RequestContext(*parts, address=address))


def answer_at_once(context: RequestContext) -> Response | None:
    """The response, if no step has to wait; otherwise None, and `finish` answers the request in another thread.

    context: of a request with another method than OPTIONS.
    """
    context.may_wait = False
    try:
        return _answered(context)
    except MustWait:
        return None


def finish(context: RequestContext) -> Response:
    """Answer a request with the steps that have not been done yet."""
    context.may_wait = True
    return _answered(context)


def _answered(context: RequestContext) -> Response:
    response, error = _run(context)
    seconds = time.perf_counter() - context.started
    answered, emulator = context.answered(response.status, seconds), context.emulator
    emulator.measure(answered)
    calls = emulator.doubles.calls
    if calls.most:
        calls.add(context.operation, context.body, response, context.answered_at, answered.region, answered.account)
    log_call(
        context.operation, context.params, response.status, seconds, context.request_id, error, answered.region,
        quotes=error is None or _may_be_logged(context, error),
    )  # fmt: skip
    return response if context.injection is None else with_fault(response, context.injection)


def _may_be_logged(context: RequestContext, error: AwsError) -> bool:
    """Whether the message of an error quotes no data of a dataset group with a key."""
    if context.operation is None or context.operation.service == "personalize" or tells_of_key_only(error.message):
        return True
    return not names_encrypted(context.emulator.state, context.params)


def refuse(emulator: Emulator, method: str, path: str, headers: Mapping[str, str], error: AwsError) -> Response:
    """The response with `error` to a request that is refused before its first step."""
    try:
        operation: Operation | None = route(method, path, headers)
    except AwsError:
        operation = None
    return render_error(operation, error, emulator.new_request_id(), emulator.clock.now())


def _run(context: RequestContext) -> tuple[Response, AwsError | None]:
    clock, request_id = context.emulator.clock, context.request_id
    try:
        for step in STEPS[context.steps_done :]:
            step(context)
            context.steps_done += 1
        context.answered_at = clock.now()
        return render(context.known_operation, context.members, request_id, context.answered_at), None
    except MustWait:
        raise
    except AwsError as error:
        failure: AwsError = error
    # Any fault inside the emulator: clients get an AWS error, the log the traceback (P-64).
    except Exception:  # noqa: BLE001
        _log.exception("request %s failed inside the emulator", request_id)
        failure = InternalFailure(f"The emulator failed; its log has the details under request {request_id}.")
    context.answered_at = clock.now()
    return render_error(context.operation, failure, request_id, context.answered_at), failure
