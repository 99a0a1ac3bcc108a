"""Routes of the state as a whole: /_emu/reset, of everything or of one region, and /_emu/export, an archive of it.

Both are POST, which web pages of other sites cannot send: an archive has the secrets of access keys.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from personalize_emu.durability.directory import UnusableDirectory
from personalize_emu.edge.admin.requests import refused, require_no_members
from personalize_emu.emulator import Emulator

ARCHIVE = "application/gzip"
REGION = re.compile(r"[a-z]{2,4}(-[a-z]{2,12}){1,3}-\d{1,2}")

ResetServices = Callable[[Callable[[], None]], None]
"""Resets the embedded AWS services and calls its argument while no request uses them."""


def add_state_routes(routes: Blueprint, emulator: Emulator, reset_services: ResetServices) -> None:
    @routes.post("/reset")
    def reset() -> ResponseReturnValue:
        require_no_members()
        region = request.args.get("region")
        if region is None:
            reset_services(emulator.reset)
        elif REGION.fullmatch(region):
            # The embedded services stay: buckets and roles belong to no region.
            emulator.reset(region)
        else:
            return refused(400, f"region must be one such as us-east-1, not {region!r}")
        return jsonify({"status": "ok"})

    @routes.post("/export")
    def export() -> ResponseReturnValue:
        with TemporaryDirectory(prefix="personalize-emu-export-") as folder:
            file = Path(folder) / "state"
            try:
                emulator.export(file)
            except (OSError, UnusableDirectory) as error:
                return refused(500, f"the state cannot be exported: {error}")
            return file.read_bytes(), 200, {"content-type": ARCHIVE}
