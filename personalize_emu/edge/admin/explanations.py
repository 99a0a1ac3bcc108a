"""Routes of explanations: /_emu/explanations, with GET from the query string or POST from a JSON object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from personalize_emu.edge.admin.requests import json_body, refused
from personalize_emu.emulator import Emulator
from personalize_emu.wire.errors import AwsError, ResourceNotFoundException

MEMBERS = ("campaignArn", "userId", "itemId")


def add_explanation_routes(routes: Blueprint, emulator: Emulator) -> None:
    @routes.get("/explanations")
    def explanation() -> ResponseReturnValue:
        return _explained(emulator, request.args)

    @routes.post("/explanations")
    def explanation_of_body() -> ResponseReturnValue:
        return _explained(emulator, json_body())


def _explained(emulator: Emulator, given: Mapping[str, Any]) -> ResponseReturnValue:
    values = [given.get(name) for name in MEMBERS]
    if not all(isinstance(value, str) and value for value in values):
        return refused(400, f"send {', '.join(MEMBERS)}, all of them texts that are not empty")
    try:
        return jsonify(emulator.explain(*map(str, values)).members())
    except ResourceNotFoundException as error:
        return refused(404, str(error))
    except (AwsError, ValueError) as error:
        return refused(400, str(error))
