"""Routes of faults: /_emu/faults for requests, /_emu/job-faults for jobs. POST declares, GET lists, DELETE removes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from personalize_emu.doubles.fault_list import FaultList
from personalize_emu.doubles.faults import RequestFault, request_fault
from personalize_emu.doubles.job_faults import JobFault, job_fault
from personalize_emu.edge.admin.requests import json_body, refused
from personalize_emu.emulator import Emulator

FAULT_EXAMPLE = '{"operation": "PutEvents", "error": "ThrottlingException", "times": 2}'
JOB_FAULT_EXAMPLE = '{"kind": "solution-version", "reason": "The training failed."}'


def add_fault_routes(routes: Blueprint, emulator: Emulator) -> None:
    def faults() -> FaultList[RequestFault]:
        return emulator.doubles.faults

    def job_faults() -> FaultList[JobFault]:
        return emulator.doubles.job_faults

    _add_routes(routes, "faults", "faults", faults, request_fault, FAULT_EXAMPLE)
    _add_routes(routes, "job-faults", "jobFaults", job_faults, job_fault, JOB_FAULT_EXAMPLE)


def _add_routes(
    routes: Blueprint,
    path: str,
    member: str,
    current: Callable[[], FaultList[Any]],
    parsed: Callable[[Mapping[str, Any]], Any],
    example: str,
) -> None:
    """current: the list of faults, which a reset replaces. member: of the answer with the list."""

    def declare() -> ResponseReturnValue:
        try:
            declared = current().add(parsed(json_body()))
        except ValueError as error:
            return refused(400, f"send a JSON object such as {example}: {error}")
        return jsonify(declared.members()), 201

    def listed() -> ResponseReturnValue:
        return jsonify({member: [each.members() for each in current().listed()]})

    def clear() -> ResponseReturnValue:
        faults = current()
        removed = [each.number for each in faults.listed()]
        faults.clear()
        return jsonify({"removed": removed})

    def remove(number: int) -> ResponseReturnValue:
        if not current().remove(number):
            return refused(404, f"there is no fault {number}; GET {path} lists those there are")
        return jsonify({"removed": [number]})

    routes.add_url_rule(f"/{path}", f"declare {path}", declare, methods=["POST"])
    routes.add_url_rule(f"/{path}", f"list {path}", listed, methods=["GET"])
    routes.add_url_rule(f"/{path}", f"clear {path}", clear, methods=["DELETE"])
    routes.add_url_rule(f"/{path}/<int:number>", f"remove {path}", remove, methods=["DELETE"])
