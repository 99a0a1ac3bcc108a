"""Flask routes below /_emu: health, state, metrics and clock of the emulator, and those of other modules."""

from __future__ import annotations

from flask import Blueprint, current_app, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from personalize_emu.edge.admin.answers import add_answer_routes
from personalize_emu.edge.admin.explanations import add_explanation_routes
from personalize_emu.edge.admin.faults import add_fault_routes
from personalize_emu.edge.admin.requests import WrongBody, json_body, refused, require_no_members
from personalize_emu.edge.admin.whole_state import ResetServices, add_state_routes
from personalize_emu.emulator import Emulator
from personalize_emu.service.usage import WrongPrices
from personalize_emu.state.clock import ClockOutOfRange
from personalize_emu.state.commit_lock import NotWritten
from personalize_emu.state.durations import parse_duration

PREFIX = "/_emu"
FIRST_PAGE = "console.overview"
"""Endpoint of the console's page that links to the others."""


def admin_routes(emulator: Emulator, reset_services: ResetServices) -> Blueprint:
    """The blueprint of all routes below /_emu.

    A reset is atomic: concurrent requests wait until it is done.
    """
    routes = Blueprint("emu", __name__, url_prefix=PREFIX)
    add_answer_routes(routes, emulator)
    add_fault_routes(routes, emulator)
    add_explanation_routes(routes, emulator)

    @routes.get("/health")
    def health() -> ResponseReturnValue:
        return jsonify(emulator.health()), health_status(emulator)

    @routes.get("/state")
    def state() -> ResponseReturnValue:
        return jsonify(emulator.shown_state())

    @routes.get("/logs")
    def logs() -> ResponseReturnValue:
        arn = request.args.get("arn", "")
        if not arn:
            return refused(400, "send ?arn= with the ARN of a resource that has a status, such as a solution version")
        found = emulator.job_log(arn)
        return refused(404, f"no resource with a status has the ARN {arn}") if found is None else jsonify(found)

    @routes.get("/usage")
    def usage() -> ResponseReturnValue:
        return jsonify(emulator.usage())

    @routes.post("/usage")
    def usage_at_other_prices() -> ResponseReturnValue:
        try:
            return jsonify(emulator.usage(json_body()))
        except WrongPrices as error:
            return refused(400, str(error))

    @routes.get("/metrics")
    def metrics() -> ResponseReturnValue:
        # Imported lazily: most emulators never serve this route.
        from personalize_emu.edge.admin.prometheus import CONTENT_TYPE, metrics_text

        return metrics_text(emulator), 200, {"content-type": CONTENT_TYPE}

    add_state_routes(routes, emulator, reset_services)

    @routes.post("/clock")
    def clock() -> ResponseReturnValue:
        try:
            seconds = parse_duration(json_body().get("advance"))
        except WrongBody as error:
            return refused(400, f'send {{"advance": "2h"}} or another duration such as \'1d12h\': {error}')
        except ValueError as error:
            return refused(400, f'send {{"advance": "2h"}}: {error}')
        try:
            emulator.advance(seconds)
        except ClockOutOfRange as error:
            return refused(400, str(error))
        return jsonify({"advanced": seconds, "now": emulator.clock.now()})

    @routes.before_request
    def require_meant_deletion() -> None:
        if request.method == "DELETE":
            require_no_members()

    @routes.errorhandler(WrongBody)
    def refuse_wrong_body(error: WrongBody) -> ResponseReturnValue:
        return refused(400, str(error))

    @routes.errorhandler(HTTPException)
    def refuse_http_error(error: HTTPException) -> ResponseReturnValue:
        return refused(error.code or 500, error.description or error.name)

    @routes.errorhandler(NotWritten)
    def refuse_unwritten(error: NotWritten) -> ResponseReturnValue:
        return refused(error.status, error.message)

    return routes


def health_status(emulator: Emulator) -> int:
    """The HTTP status of /_emu/health: 503 while the start files are being applied."""
    return 503 if emulator.is_starting else 200


def no_such_route(status: int) -> ResponseReturnValue:
    """The response to an unknown path or method below /_emu; names those that exist."""
    rules = sorted(current_app.url_map.iter_rules(), key=lambda rule: rule.rule)
    rules = [rule for rule in rules if not rule.endpoint.startswith("console.") or rule.endpoint == FIRST_PAGE]
    known = [
        f"{method} {rule.rule.removeprefix(PREFIX + '/')}"
        for rule in rules
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]
    return refused(status, f"below {PREFIX} there are {', '.join(known[:-1])} and {known[-1]}")
