"""What clients of a server that is killed know: changes for which they have had answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

OUTPUTS = "out/"
"""Prefix of the keys of all output of jobs."""


class Lost(AssertionError):
    """What was answered is not there, or what is there is half of a whole."""


@dataclass(frozen=True)
class Output:
    """What a job writes to S3. kind: as in the names of operations, such as `batch_inference_job`."""

    kind: str
    key: str
    lines: int


@dataclass
class Answered:
    """Each entry is changed by one thread.

    events: (user, item, timestamp). removed: users whose removal was answered as COMPLETED; unsure: users of a removal
    that was begun. exists: ARN to whether it is to exist; None while a call is under way. lasting: ARN to a status
    that was shown and lasts. objects: key to content; empty once deleted, None while a call is under way.
    outputs: ARN of a job that has been begun to what it writes. exported: events that were answered before the export
    to the archive that there is; None as long as there is none.
    """

    events: set[tuple[str, str, int]] = field(default_factory=set)
    items: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)
    exists: dict[str, bool | None] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    lasting: dict[str, str] = field(default_factory=dict)
    campaigns: dict[str, Any] = field(default_factory=dict)
    objects: dict[str, str | None] = field(default_factory=dict)
    roles: set[str] = field(default_factory=set)
    outputs: dict[str, Output] = field(default_factory=dict)
    exported: set[tuple[str, str, int]] | None = None
    exports: int = 0
    imports: int = 0
    killed_imports: int = 0

    def __str__(self) -> str:
        deleted = sum(exists is False for exists in self.exists.values())
        counts = {
            "events": len(self.events),
            "items": len(self.items),
            "resources made": len(self.exists),
            "deleted": deleted,
            "jobs and trainings": len(self.lasting),
            "outputs of batch jobs and exports": len(self.outputs),
            "campaigns": len(self.campaigns),
            "users removed": len(self.removed),
            "keys of objects": len(self.objects),
            "roles": len(self.roles),
            "archives written": self.exports,
            "archives read": self.imports,
            "of these first killed": self.killed_imports,
        }
        return ", ".join(f"{number:,} {what}" for what, number in counts.items())
