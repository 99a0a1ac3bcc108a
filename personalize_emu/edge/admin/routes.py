"""Flask routes below /_emu: health, state, metrics, reset and clock of the emulator; parsing of durations."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from personalize_emu.emulator import Emulator
from personalize_emu.state.clock import ClockOutOfRange

PREFIX = "/_emu"


ResetServices = Callable[[Callable[[], None]], None]
"""Resets the embedded AWS services and calls its argument while no request uses them."""


def admin_routes(emulator: Emulator, reset_services: ResetServices) -> Blueprint:
    """The blueprint of `GET health`, `GET state`, `GET metrics`, `POST reset` and `POST clock`.

    A reset is atomic: concurrent requests wait until it is done.
    """
    routes = Blueprint("emu", __name__, url_prefix=PREFIX)

    @routes.get("/health")
    def health() -> ResponseReturnValue:
        return jsonify(emulator.health())

    @routes.get("/state")
    def state() -> ResponseReturnValue:
        return jsonify(emulator.shown_state())

    @routes.get("/metrics")
    def metrics() -> ResponseReturnValue:
        # Imported lazily: most emulators never serve this route.
        from personalize_emu.edge.admin.prometheus import CONTENT_TYPE, metrics_text

        return metrics_text(emulator), 200, {"content-type": CONTENT_TYPE}

    @routes.post("/reset")
    def reset() -> ResponseReturnValue:
        reset_services(emulator.reset)
        return jsonify({"status": "ok"})

    @routes.post("/clock")
    def clock() -> ResponseReturnValue:
        try:
            seconds = parse_duration(_member("advance"))
        except ValueError as error:
            return _refusal(400, f'send {{"advance": "2h"}}: {error}')
        try:
            emulator.advance(seconds)
        except ClockOutOfRange as error:
            return _refusal(400, str(error))
        return jsonify({"advanced": seconds, "now": emulator.clock.now()})

    @routes.errorhandler(HTTPException)
    def refused(error: HTTPException) -> ResponseReturnValue:
        return _refusal(error.code or 500, error.description or error.name)

    return routes


def no_such_route(status: int) -> ResponseReturnValue:
    """The response to an unknown path or method below /_emu."""
    routes = "GET health, GET state, GET metrics, POST reset and POST clock"
    return _refusal(status, f"below {PREFIX} there are {routes}")


def _member(name: str) -> Any:
    # A client may send a body that exceeds the limits of the JSON parser.
    try:
        body = json.loads(request.get_data())
    except (ValueError, RecursionError):
        return None
    return body.get(name) if isinstance(body, dict) else None


def _refusal(status: int, message: str) -> ResponseReturnValue:
    return jsonify({"error": message}), status


SECONDS = MappingProxyType({"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 7 * 86_400.0})
LONGEST = 100 * 365 * 86_400.0
"""Seconds (a hundred years), so that times stay representable."""

_PART = r"(\d{1,12}(?:\.\d{1,6})?)\s*(ms|s|m|h|d|w)"
_PARTS = re.compile(_PART)
_WHOLE = re.compile(rf"(?:{_PART}\s*)+")


def parse_duration(value: object) -> float:
    """Parse a duration such as `90s`, `2h`, `1d12h`, `1.5h` or a number of seconds; returns seconds.

    Raises:
        ValueError: not a duration, negative or too long; the message says what is accepted.
    """
    seconds = _seconds(value)
    if seconds is None or not 0 <= seconds <= LONGEST:
        raise ValueError(
            "a duration is a number of seconds or a text such as '90s', '30m', '2h', '1d12h', '1w', "
            f"from 0 to 100 years, not {value!r}"
        )
    return seconds


def _seconds(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if abs(value) <= LONGEST else None
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip().lower()):
        parts = _PARTS.findall(value.strip().lower())
        return sum(float(number) * SECONDS[unit] for number, unit in parts)
    return None
