"""Faults of requests: errors, delays, dropped connections and broken bodies that tests declare.

request ─▶ Faults.hit ─▶ no fault declared for it: None
                     └─▶ Injection: the error to raise, and how the response is sent
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from personalize_emu.doubles.fault_errors import (
    ANY,
    ConnectionDropped,
    check_error,
    check_operation,
    injected_error,
)
from personalize_emu.doubles.fault_list import DeclaredFault, FaultList, names, subset_of
from personalize_emu.doubles.members import Members
from personalize_emu.state.durations import parse_duration
from personalize_emu.wire.errors import AwsError
from personalize_emu.wire.models import operations


@dataclass(frozen=True, kw_only=True)
class RequestFault:
    """What happens to which requests.

    operation: its name, or `*`. error: the code to answer with; empty for none. message, status: of the error; empty
    and None for those of the code. times: None for every request. probability: that a request is hit. latency: seconds
    of real time by which the answer is late. drop: the connection is closed without an answer. wrong_json: the body of
    the answer is cut off. where: members that the request must have. arn: must occur in the request; empty for any.

    A request with an error, or whose connection is dropped, is not carried out; with latency or wrong_json alone it is.
    """

    operation: str
    error: str = ""
    message: str = ""
    status: int | None = None
    times: int | None = None
    probability: float = 1.0
    latency: float = 0.0
    drop: bool = False
    wrong_json: bool = False
    where: Mapping[str, Any] = field(default_factory=dict)
    arn: str = ""

    @property
    def replaces_answer(self) -> bool:
        return bool(self.error) or self.drop or self.wrong_json

    def matches(self, operation: str, params: Mapping[str, Any]) -> bool:
        if self.operation not in (ANY, operation):
            return False
        return (not self.arn or names(params, self.arn)) and subset_of(self.where, params)

    def members(self) -> dict[str, Any]:
        shown = {
            "operation": self.operation,
            "error": self.error,
            "message": self.message,
            "status": self.status,
            "times": self.times,
            "probability": self.probability if self.probability < 1 else None,
            "latency": self.latency,
            "drop": self.drop,
            "wrongJson": self.wrong_json,
            "where": dict(self.where),
            "arn": self.arn,
        }
        return {name: value for name, value in shown.items() if value}


def request_fault(given: Mapping[str, Any]) -> RequestFault:
    """A fault from JSON members, with the names of `RequestFault.members`; None means not given.

    Raises:
        ValueError: the message says what is accepted.
    """
    members = Members("a fault", given)
    fault = RequestFault(
        operation=members.text("operation"),
        error=members.text("error", ""),
        message=members.text("message", ""),
        status=members.whole("status", 400, 599),
        times=members.whole("times", 1, 1_000_000_000),
        probability=members.share("probability"),
        latency=parse_duration(members.value("latency", 0)),
        drop=members.truth("drop"),
        wrong_json=members.truth("wrongJson"),
        where=members.mapping("where"),
        arn=members.text("arn", ""),
    )
    members.refuse_others()
    _check(fault)
    return fault


def _check(fault: RequestFault) -> None:
    check_operation(fault.operation)
    if fault.error:
        check_error(fault.error, fault.operation, fault.status)
    elif fault.status is not None or fault.message:
        raise ValueError("status and message need an error")
    if not (fault.replaces_answer or fault.latency):
        raise ValueError("a fault needs an error, latency, drop or wrongJson")
    if fault.drop and (fault.error or fault.wrong_json):
        raise ValueError("a dropped connection has no answer: give drop without error and wrongJson")
    for name in fault.where:
        if not _is_member(name, fault.operation):
            raise ValueError(f"requests of {fault.operation} have no member {name!r}")


def _is_member(name: str, operation: str) -> bool:
    shapes = [each.input_shape for key, each in operations().items() if operation in (ANY, key)]
    return any(shape is not None and name in shape.members for shape in shapes)


DeclaredRequestFault = DeclaredFault[RequestFault]


@dataclass(frozen=True)
class Injection:
    """The faults of one request together.

    error: raised instead of carrying out the request. delay: seconds. released: set when the faults are cleared; ends
    the delay of callers in the same process.
    """

    error: AwsError | None
    delay: float
    drop: bool
    wrong_json: bool
    released: threading.Event


class Faults(FaultList[RequestFault]):
    """The faults of requests of one emulator. seed: keys the draws of `probability`, with the number of the fault."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed
        self._draws: dict[int, Random] = {}
        self._released = threading.Event()

    def hit(self, operation: str, params: Mapping[str, Any]) -> Injection | None:
        """Choose and count the faults of a request; None if there is none.

        Delays add up. Of the faults that replace the answer only the first one counts, so faults with a number of times
        apply one after another.
        """
        with self.lock:
            chosen: list[RequestFault] = []
            replaced = False
            for declared in self.active:
                fault = declared.fault
                if (replaced and fault.replaces_answer) or not fault.matches(operation, params):
                    continue
                if self._is_drawn(declared):
                    chosen.append(fault)
                    replaced = replaced or fault.replaces_answer
                    self.count(declared)
            return self._injection(operation, chosen) if chosen else None

    def removed(self, faults: list[DeclaredFault[RequestFault]]) -> None:
        with self.lock:
            for each in faults:
                self._draws.pop(each.number, None)

    def clear(self) -> None:
        """Also ends the delays of callers in this process."""
        super().clear()
        with self.lock:
            released, self._released = self._released, threading.Event()
        released.set()

    def _is_drawn(self, declared: DeclaredFault[RequestFault]) -> bool:
        if declared.fault.probability >= 1:
            return True
        draws = self._draws.setdefault(declared.number, Random(f"{self._seed} fault {declared.number}"))
        return draws.random() < declared.fault.probability

    def _injection(self, operation: str, chosen: list[RequestFault]) -> Injection:
        error: AwsError | None = None
        for fault in chosen:
            if fault.drop:
                error = ConnectionDropped(f"A declared fault drops the connection of {operation}.")
            elif fault.error:
                error = injected_error(fault.error, operation, message=fault.message, status=fault.status)
        return Injection(
            error,
            sum(fault.latency for fault in chosen),
            any(fault.drop for fault in chosen),
            any(fault.wrong_json for fault in chosen),
            self._released,
        )
