"""The log of one resource: its state, the reason of a failure, and what its jobs have done."""

from __future__ import annotations

from dataclasses import dataclass

from personalize_emu.edge.console.overview import SETTLED_STATES, fingerprint_of, moment
from personalize_emu.emulator import Emulator
from personalize_emu.service.state.entries import LogLevel


@dataclass(frozen=True)
class ShownLine:
    """time: as text, in UTC."""

    time: str
    level: LogLevel
    text: str


@dataclass(frozen=True)
class LogPage:
    """lines: oldest first. is_running: whether more can be expected soon."""

    arn: str
    kind: str
    name: str
    status: str
    failure: str | None
    lines: tuple[ShownLine, ...]
    is_running: bool

    @property
    def fingerprint(self) -> str:
        return fingerprint_of((self.status, self.lines))


def log_page(emulator: Emulator, arn: str) -> LogPage | None:
    """None if no resource with a status has the ARN."""
    lines, record = emulator.state.logs.of(arn), emulator.state.store.find(arn)
    if lines is None or record is None:
        return None
    status = str(getattr(record, "status", ""))
    return LogPage(
        arn=arn,
        kind=record.kind.replace("-", " "),
        name=str(getattr(record, "name", None) or getattr(record, "job_name", arn)),
        status=status,
        failure=getattr(record, "failure_reason", None),
        lines=tuple(ShownLine(moment(line.time), line.level, line.text) for line in lines),
        is_running=status not in SETTLED_STATES,
    )
