"""Declared answers, recorded calls, faults and the clock of a server, from a test in another process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode

from personalize_emu.doubles.answers.declared_answers import AnswerHandle
from personalize_emu.doubles.controls import Controls
from personalize_emu.doubles.recorded_calls import RecordedCall
from personalize_emu.edge.endpoints import admin_call, export_server, refusal_reason, reset_server
from personalize_emu.state.resources import member_name


class ServerControl(Controls):
    """What an `Emulator` offers to tests, for the server at a URL.

    Methods raise ValueError if the server does not accept what is declared, and URLError if there is no server.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def reset(self, region: str | None = None) -> None:
        """Delete all resources, declarations and recorded calls, and reset the clock.

        region: delete the resources of this region only.
        """
        with _reasons():
            reset_server(self.url, region)

    def export(self, path: str | Path) -> int:
        """Write everything to one file, as `Emulator.export` does, with buckets, roles and keys; returns its size."""
        with _reasons():
            return export_server(self.url, Path(path))

    def advance(self, duration: float | str) -> None:
        """Advance the clock by seconds, or by a duration such as `2h`."""
        self._call("POST", "clock", {"advance": duration})

    def fail(self, operation: str, error: str | None = None, **members: Any) -> dict[str, Any]:
        """Declare a fault of requests as `Emulator.fail` does; returns it as JSON, with its id."""
        return self._call("POST", "faults", {"operation": operation, "error": error, **_on_the_wire(members)})

    def fail_job(self, kind: str, reason: str | None = None, **members: Any) -> dict[str, Any]:
        """Declare a fault of jobs as `Emulator.fail_job` does; returns it as JSON, with its id."""
        return self._call("POST", "job-faults", {"kind": kind, "reason": reason, **_on_the_wire(members)})

    def clear_faults(self) -> None:
        """Remove all faults, also of jobs."""
        self._call("DELETE", "faults")
        self._call("DELETE", "job-faults")

    def strict_answers(self, on: bool = True) -> None:
        self._call("POST", "answers", {"strict": on})

    def answers(self) -> list[AnswerHandle]:
        return [self._handle(shown) for shown in self._call("GET", "answers")["answers"]]

    def clear_answers(self) -> None:
        self._call("DELETE", "answers")

    def calls(self, operation: str | None = None) -> list[RecordedCall]:
        query = "" if operation is None else f"?{urlencode({'operation': operation})}"
        return [RecordedCall(**shown) for shown in self._call("GET", f"calls{query}")["calls"]]

    def clear_calls(self) -> None:
        self._call("DELETE", "calls")

    def _declare(self, document: Mapping[str, Any]) -> AnswerHandle:
        return self._handle(self._call("POST", "answers", document))

    def _declare_deployment(self, document: Mapping[str, Any]) -> str:
        return str(next(iter(self._call("POST", "answers", document).values())))

    def _handle(self, shown: dict[str, Any]) -> AnswerHandle:
        number = shown["id"]

        def members() -> dict[str, Any]:
            """As it is now, or as it was declared if it has been removed."""
            listed = self._call("GET", "answers")["answers"]
            return next((each for each in listed if each["id"] == number), shown)

        return AnswerHandle(number, members, self._remove_answer)

    def _remove_answer(self, number: int) -> None:
        if any(each["id"] == number for each in self._call("GET", "answers")["answers"]):
            self._call("DELETE", f"answers/{number}")

    def _call(self, method: str, route: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        with _reasons():
            answer: dict[str, Any] = admin_call(self.url, method, route, body)
        return answer


@contextmanager
def _reasons() -> Iterator[None]:
    """Raises ValueError for requests that are refused."""
    try:
        yield
    except HTTPError as error:
        with error:
            text = error.read().decode(errors="replace")
        raise ValueError(refusal_reason(text) or text) from None


def _on_the_wire(members: Mapping[str, Any]) -> dict[str, Any]:
    """`wrong_json` is `wrongJson`."""
    return {member_name(name): value for name, value in members.items()}
