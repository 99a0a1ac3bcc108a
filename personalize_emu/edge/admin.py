"""Routes under /_emu: what a test or a person does to the emulator, not to the service."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from personalize_emu.edge.durations import parse_duration
from personalize_emu.emulator import Emulator
from personalize_emu.state.clock import TooFar

PREFIX = "/_emu"


ResetServices = Callable[[Callable[[], None]], None]
"""Forgets the state of the embedded AWS services, and calls what it is given while nobody uses them."""


def admin_routes(emulator: Emulator, reset_services: ResetServices) -> Blueprint:
    """The blueprint of `GET health`, `GET state`, `GET metrics`, `POST reset` and `POST clock`.

    A reset is one step to everybody else: who asks for something meanwhile waits for the new state.
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
        # Not at start: most emulators are never asked.
        from personalize_emu.edge.prometheus import CONTENT_TYPE, metrics_text

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
        except TooFar as error:
            return _refusal(400, str(error))
        return jsonify({"advanced": seconds, "now": emulator.clock.now()})

    @routes.errorhandler(HTTPException)
    def refused(error: HTTPException) -> ResponseReturnValue:
        return _refusal(error.code or 500, error.description or error.name)

    return routes


def no_such_route(status: int) -> ResponseReturnValue:
    """The answer to a path or method that is not here."""
    routes = "GET health, GET state, GET metrics, POST reset and POST clock"
    return _refusal(status, f"below {PREFIX} there are {routes}")


def _member(name: str) -> Any:
    # Depth and length of a body are its sender's choice, and the reader of JSON has limits of its own.
    try:
        body = json.loads(request.get_data())
    except (ValueError, RecursionError):
        return None
    return body.get(name) if isinstance(body, dict) else None


def _refusal(status: int, message: str) -> ResponseReturnValue:
    return jsonify({"error": message}), status
