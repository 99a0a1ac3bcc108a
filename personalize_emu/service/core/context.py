"""What a handler may use: state, clock, identifiers, other AWS services; and the account and region of the call."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, TypeVar

from personalize_emu.recipes.training.training_process import TrainingProcesses
from personalize_emu.service.core.aws_reads import AwsReads, PendingRead
from personalize_emu.service.core.quotas import refuse_over_quota
from personalize_emu.service.state.emulator_state import EmulatorState
from personalize_emu.settings import Settings
from personalize_emu.state.clock import Clock
from personalize_emu.state.identifiers import Identifiers, make_arn, parse_arn
from personalize_emu.state.jobs import attempt
from personalize_emu.state.resources import Resource
from personalize_emu.wire.errors import (
    InvalidInputException,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
)
from personalize_emu.wire.pages import issue, redeem

R = TypeVar("R", bound=Resource)
Q = TypeVar("Q", bound=Resource)
Params = Mapping[str, Any]
DEFAULT_PAGE = 100
"""Size of a page when the request names none (P-65)."""


class MustWait(Exception):
    """The operation would wait for a lock, or compute for long, and `Context.may_wait` is false.

    Raised before anything is changed, so that the operation can be called again in a thread that may wait.
    """


@dataclass(frozen=True)
class Context:
    """One request's view of the emulator: resources of other accounts and regions are invisible (P-20).

    A handler runs under the store's lock. What it passes to `afterwards` runs without the lock, before the answer is
    sent, so that slow work never holds up other requests. Reads of `aws_services` are done without the lock, too, and
    restart the handler (aws_reads.py), so they come before its changes.
    """

    state: EmulatorState
    settings: Settings
    clock: Clock
    identifiers: Identifiers
    aws_services: AwsReads
    page_secret: bytes
    account: str
    region: str
    publishes_metrics: bool = False
    """Whether the service's own metrics go to CloudWatch."""
    training_processes: TrainingProcesses = field(default_factory=TrainingProcesses)
    deferred: list[Callable[[], None]] = field(default_factory=list)
    in_background: bool = False
    """Whether creations go on in the background, also with the pace `instant`."""
    may_wait: bool = True
    """False in the event loop of the server, which answers nobody while a handler waits or computes."""

    def arn(self, resource_type: str, resource_name: str) -> str:
        return make_arn(self.region, self.account, resource_type, resource_name)

    def afterwards(self, action: Callable[[], None]) -> None:
        self.deferred.append(action)

    def run_deferred(self, patience: float | None = None) -> None:
        """Run what handlers, or the ends of jobs, have passed to `afterwards`.

        Each action runs even if another one raises. What is raised is logged: the change before it has been made.

        patience: seconds after which this returns although the actions go on, in a thread of their own; None waits
        for their end.
        """
        actions, self.deferred[:] = self.deferred[:], []
        if not actions:
            return
        if patience is None:
            _run_all(actions)
            return
        worker = ThreadPoolExecutor(1, thread_name_prefix="personalize-emu-deferred")
        future = worker.submit(_run_all, actions)
        worker.shutdown(wait=False)
        wait([future], patience)

    def find(self, kind: type[R], arn: str) -> R | None:
        """The record, or None when it does not exist in this account and region.

        Raises:
            InvalidInputException: the ARN is of another resource type (R-GEN-7).
        """
        parsed = parse_arn(arn)
        if parsed is None or parsed.resource_type != kind.type_word:
            raise InvalidInputException(f"Resource Arn {arn} is not of type {kind.kind}.")
        if (parsed.account, parsed.region) != (self.account, self.region):
            return None
        return self.state.store.get(kind, arn)

    def get(self, kind: type[R], arn: str) -> R:
        """As `find`, but what does not exist is a ResourceNotFoundException (R-GEN-6)."""
        record = self.find(kind, arn)
        if record is None:
            raise ResourceNotFoundException(f"Resource Arn {arn} does not exist.")
        return record

    def get_two(self, first: tuple[type[R], str], second: tuple[type[Q], str]) -> tuple[R, Q]:
        """As `get` for kinds and their ARNs; the types of both are looked at before either is missed (P-56)."""
        self.find(*first)
        self.find(*second)
        return self.get(*first), self.get(*second)

    def all(self, kind: type[R]) -> list[R]:
        """Every record of a kind in this account and region, oldest first."""
        prefix = self.arn(kind.type_word, "")
        return [record for record in self.state.store.all(kind) if record.arn.startswith(prefix)]

    def insert(self, record: Resource, tags: Sequence[Mapping[str, str]] | None = None) -> None:
        """The end of every Create, after all other checks of the request (P-56).

        Raises:
            ResourceAlreadyExistsException: the ARN is taken (R-GEN-4).
            LimitExceededException: a quota is used up.
        """
        with self.state.store.lock:
            if self.state.store.get(type(record), record.arn) is not None:
                raise already_exists(record.arn)
            refuse_over_quota(self.state.store, record, self.settings.quotas)
            self.state.store.insert(record)
        if tags:
            self.state.store.set_tags(record.arn, {tag["tagKey"]: tag["tagValue"] for tag in tags})

    def list_page(
        self,
        records: Sequence[Resource],
        params: Params,
        result_member: str,
        *,
        query: str,
        newest_first: bool = True,
    ) -> dict[str, Any]:
        """One page of records, given in order of creation (P-73)."""
        ordinal = self.state.store.ordinal
        keyed = [(_ordinal_key(ordinal(record), newest_first), record) for record in records]
        keyed.sort(key=lambda entry: entry[0])
        items = [record.members() | {"_key": key} for key, record in keyed]
        return self.page(items, params, result_member, query=query, key=lambda item: str(item["_key"]))

    def page(
        self,
        items: Sequence[dict[str, Any]],
        params: Params,
        result_member: str,
        *,
        query: str,
        key: Callable[[dict[str, Any]], str],
        default_size: int = DEFAULT_PAGE,
    ) -> dict[str, Any]:
        """Cut one page out of `items`, which are sorted by `key`, and add a token when more follow (P-66).

        default_size: of a page when the request names no size. The token names the last item of the page, so items
        created meanwhile do not shift later pages.

        Raises:
            InvalidNextTokenException: the token is not ours or belongs to another query (P-69).
        """
        bound = self._bound_query(query, params)
        token = params.get("nextToken")
        if token:
            last = redeem(self.page_secret, token, bound)
            items = [item for item in items if key(item) > last]
        size = min(params.get("maxResults", default_size), self.settings.page_size)
        answer: dict[str, Any] = {result_member: list(items[:size])}
        if len(items) > size:
            answer["nextToken"] = issue(self.page_secret, bound, key(items[size - 1]))
        return answer

    def _bound_query(self, query: str, params: Params) -> str:
        arguments = {name: value for name, value in params.items() if name not in ("nextToken", "maxResults")}
        return json.dumps([query, self.account, self.region, arguments], sort_keys=True)


def _run_all(actions: Sequence[Callable[[], None]]) -> None:
    for action in actions:
        attempt("after a change", action)


Handler = Callable[[Context, Params], "dict[str, Any] | None"]


def read_at_once(handler: Handler, context: Context, params: Params) -> dict[str, Any] | None:
    """Run a handler that changes nothing and waits for nothing. Raises MustWait if another thread has the lock."""
    lock = context.state.store.lock
    if not lock.acquire(blocking=False):
        raise MustWait
    try:
        return handler(context, params)
    except PendingRead as pending:
        raise MustWait from pending
    finally:
        lock.release()


def handled(handler: Handler, context: Context, params: Params) -> dict[str, Any] | None:
    """Run a handler under the store's lock.

    When it needs data of another service, the request is made without the lock and the handler is run again.
    """
    while True:
        try:
            with context.state.store.all_or_nothing():
                answer = handler(context, params)
        except PendingRead as pending:
            context.deferred.clear()
            pending.perform()
        else:
            context.aws_services.release()
            return answer


def already_exists(arn: str) -> ResourceAlreadyExistsException:
    return ResourceAlreadyExistsException(f"Another resource with Arn {arn} already exists.")


def _ordinal_key(ordinal: int, newest_first: bool) -> str:
    return f"{10**15 - ordinal if newest_first else ordinal:016d}"
