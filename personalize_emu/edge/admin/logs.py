"""Route of the log lines of jobs: GET /_emu/logs?arn=ARN."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from personalize_emu.edge.admin.requests import refused
from personalize_emu.emulator import Emulator


def add_log_routes(routes: Blueprint, emulator: Emulator) -> None:
    @routes.get("/logs")
    def logs() -> ResponseReturnValue:
        arn = request.args.get("arn", "")
        if not arn:
            return refused(400, "send ?arn= with the ARN of a resource that has a status, such as a solution version")
        found = shown_log(emulator, arn)
        return refused(404, f"no resource with a status has the ARN {arn}") if found is None else jsonify(found)


def shown_log(emulator: Emulator, arn: str) -> dict[str, Any] | None:
    """Status, failure reason and the newest log lines of a resource, oldest line first; None if there is none."""
    lines, record = emulator.state.logs.of(arn), emulator.state.store.find(arn)
    if lines is None or record is None:
        return None
    return {
        "arn": arn,
        "kind": record.kind,
        "status": getattr(record, "status", None),
        "failureReason": getattr(record, "failure_reason", None),
        "lines": [{"time": line.time, "level": line.level, "text": line.text} for line in lines],
    }
