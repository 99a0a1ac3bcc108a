"""Routes of declared answers and recorded calls: /_emu/answers and /_emu/calls."""

from __future__ import annotations

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from personalize_emu.edge.admin.requests import json_body, refused
from personalize_emu.emulator import Emulator

EXAMPLES = (
    '{"campaignArn": "arn:...", "userId": "u1", "items": ["a", "b"]}, '
    '{"campaign": "home-page", "items": ["a", "b"]} or {"strict": true}'
)


def add_answer_routes(routes: Blueprint, emulator: Emulator) -> None:
    @routes.post("/answers")
    def declare_answer() -> ResponseReturnValue:
        try:
            return jsonify(emulator.declare(json_body())), 201
        except ValueError as error:
            return refused(400, f"send a JSON object such as {EXAMPLES}: {error}")

    @routes.get("/answers")
    def list_answers() -> ResponseReturnValue:
        strict = emulator.doubles.answers.strict
        return jsonify({"strict": strict, "answers": [each.members() for each in emulator.answers()]})

    @routes.delete("/answers")
    def clear_answers() -> ResponseReturnValue:
        removed = [each.number for each in emulator.answers()]
        emulator.clear_answers()
        return jsonify({"removed": removed})

    @routes.delete("/answers/<int:number>")
    def remove_answer(number: int) -> ResponseReturnValue:
        if not emulator.doubles.answers.remove(number):
            return refused(404, f"there is no answer {number}; GET answers lists those there are")
        return jsonify({"removed": [number]})

    @routes.get("/calls")
    def list_calls() -> ResponseReturnValue:
        try:
            calls = emulator.calls(request.args.get("operation"))
        except ValueError as error:
            return refused(400, str(error))
        return jsonify({"calls": [each.members() for each in calls]})

    @routes.delete("/calls")
    def clear_calls() -> ResponseReturnValue:
        emulator.clear_calls()
        return jsonify({"status": "ok"})
