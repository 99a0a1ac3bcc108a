"""The newest requests that an emulator has answered, with their answers.

A call is kept as the bytes of its bodies, which are a tenth of the parsed values, and parsed when it is looked at.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from personalize_emu.doubles.fault_errors import check_operation
from personalize_emu.wire.errors import SerializationException
from personalize_emu.wire.models import Operation
from personalize_emu.wire.parse import parse
from personalize_emu.wire.render import Response

MOST_BYTES = 64 * 2**20
"""Of all bodies together; the oldest calls are dropped first."""
SUCCESS = 200
UNKNOWN = "unknown"
"""Operation of a request that names none."""


@dataclass(frozen=True)
class RecordedCall:
    """A request to Personalize and its answer.

    params: the request by member name, timestamps as seconds since the epoch; empty if the body is malformed.
    answer: the members of the response as JSON; None if the request was refused. error, message: of the refusal.
    time: of the answer by the emulator's clock, seconds since the epoch.
    """

    operation: str
    params: dict[str, Any]
    answer: dict[str, Any] | None
    error: str | None
    message: str | None
    status: int
    time: float
    region: str
    account: str

    def members(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


_Entry = tuple[Operation | None, bytes, int, bytes, float, str, str]


class RecordedCalls:
    """The newest `most` calls, and at most MOST_BYTES of them; none if `most` is 0. Thread-safe."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._lock = threading.Lock()
        self._entries: deque[_Entry] = deque()
        self._bytes = 0

    def add(
        self, operation: Operation | None, body: bytes, response: Response, time: float, region: str, account: str
    ) -> None:
        """Takes about a microsecond. body: of the request."""
        entry = (operation, body, response.status, response.body, time, region, account)
        with self._lock:
            self._entries.append(entry)
            self._bytes += len(body) + len(response.body)
            while len(self._entries) > self.most or self._bytes > MOST_BYTES:
                dropped = self._entries.popleft()
                self._bytes -= len(dropped[1]) + len(dropped[3])

    def calls(self, operation: str | None = None) -> list[RecordedCall]:
        """Oldest first. operation: only those.

        Raises:
            ValueError: there is no such operation.
        """
        if operation not in (None, UNKNOWN):
            check_operation(str(operation))
        return list(self._recorded(operation))

    def newest(self, most: int) -> list[RecordedCall]:
        """The newest `most` calls, oldest first; parses no others."""
        with self._lock:
            entries = list(islice(reversed(self._entries), most))
        return [_call(entry) for entry in reversed(entries)]

    def of_account(self, account: str) -> RecordedCalls:
        """A copy with the calls of one account."""
        return self._copy_of(lambda entry: entry[-1] == account)

    def without(self, is_hidden: Callable[[Operation | None, bytes, bytes], bool]) -> RecordedCalls:
        """A copy without the calls whose operation, body of the request and body of the answer are hidden."""
        return self._copy_of(lambda entry: not is_hidden(entry[0], entry[1], entry[3]))

    def _copy_of(self, is_wanted: Callable[[_Entry], bool]) -> RecordedCalls:
        twin = RecordedCalls(self.most)
        with self._lock:
            entries = list(self._entries)
        twin._entries.extend(filter(is_wanted, entries))
        return twin

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
            self._bytes = 0

    def _recorded(self, operation: str | None) -> Iterator[RecordedCall]:
        with self._lock:
            entries = list(self._entries)
        for entry in entries:
            if operation in (None, "*", _name(entry)):
                yield _call(entry)


def _name(entry: _Entry) -> str:
    return entry[0].name if entry[0] is not None else UNKNOWN


def _call(entry: _Entry) -> RecordedCall:
    operation, body, status, answer, time, region, account = entry
    members = json.loads(answer) if answer else {}
    refused = status != SUCCESS
    return RecordedCall(
        operation=_name(entry),
        params=_params(operation, body),
        answer=None if refused else members,
        error=members.get("__type") if refused else None,
        message=members.get("message", members.get("Message", "")) if refused else None,
        status=status,
        time=time,
        region=region,
        account=account,
    )


def _params(operation: Operation | None, body: bytes) -> dict[str, Any]:
    if operation is None:
        return {}
    try:
        return parse(operation, body)
    except SerializationException:
        return {}
