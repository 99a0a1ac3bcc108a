"""Files with faults that are declared when an emulator starts (option `faults`).

    faults:
      - operation: PutEvents
        error: ThrottlingException
        times: 2
    jobFaults:
      - kind: solution-version
        reason: The training failed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from personalize_emu.doubles.faults import RequestFault, request_fault
from personalize_emu.doubles.job_faults import JobFault, job_fault
from personalize_emu.doubles.members import Members

T = TypeVar("T")


@dataclass(frozen=True)
class FaultFile:
    """What a file declares, in its order."""

    faults: tuple[RequestFault, ...] = ()
    job_faults: tuple[JobFault, ...] = ()


def read_fault_file(path: str) -> FaultFile:
    """Read a YAML file, or a JSON file if its name ends with .json. An empty path gives no faults.

    Raises:
        ValueError: the file cannot be read or declares something that is not allowed; the message names it.
    """
    if not path:
        return FaultFile()
    try:
        members = Members("a file of faults", _parsed(path) or {})
        found = FaultFile(
            _each(members, "faults", request_fault),
            _each(members, "jobFaults", job_fault),
        )
        members.refuse_others()
    except OSError as error:
        raise ValueError(f"faults: {path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ValueError(f"faults: {path}: {error}") from error
    return found


def _parsed(path: str) -> Any:
    text = Path(path).read_text("utf-8")
    if path.endswith(".json"):
        return json.loads(text)
    # Imported late: most emulators read no file.
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML: {error}") from error


def _each(members: Members, name: str, declare: Callable[[Mapping[str, Any]], T]) -> tuple[T, ...]:
    entries = members.value(name, [])
    if not isinstance(entries, list):
        raise ValueError(f"{name} must be a list, not {entries!r:.200}")
    found = []
    for place, entry in enumerate(entries, start=1):
        try:
            found.append(declare(entry))
        except ValueError as error:
            raise ValueError(f"entry {place} of {name}: {error}") from error
    return tuple(found)
