"""What a check finds: refusals, warnings and figures, in the order in which they were found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Level = Literal["refused", "warning", "note"]
"""refused: the service would not take it. warning: it would, with worse results. note: a figure."""


@dataclass(frozen=True)
class Finding:
    """subject: a file, a dataset type or a recipe. text: a sentence or figure, with a fact number if any."""

    level: Level
    subject: str
    text: str


@dataclass
class Report:
    """The findings of one check."""

    findings: list[Finding] = field(default_factory=list)

    def refuse(self, subject: str, text: str) -> None:
        self.findings.append(Finding("refused", subject, text))

    def warn(self, subject: str, text: str) -> None:
        self.findings.append(Finding("warning", subject, text))

    def note(self, subject: str, text: str) -> None:
        self.findings.append(Finding("note", subject, text))

    @property
    def refused(self) -> bool:
        """Whether the service would refuse any of it."""
        return any(finding.level == "refused" for finding in self.findings)

    def lines(self) -> Iterator[str]:
        """For people: one line a finding, and a last one that sums up."""
        for finding in self.findings:
            yield f"{finding.level:8} {finding.subject}: {finding.text}"
        refused, warnings = (self._count(level) for level in ("refused", "warning"))
        yield f"{refused} refused, {warnings} warnings" if refused or warnings else "nothing to object to"

    def members(self) -> dict[str, Any]:
        """For programs, as JSON."""
        shown = [{"level": each.level, "subject": each.subject, "text": each.text} for each in self.findings]
        return {"refused": self.refused, "findings": shown}

    def _count(self, level: str) -> int:
        return sum(finding.level == level for finding in self.findings)


def share(part: int, whole: int) -> str:
    """`12 of 50 (24.0 %)`."""
    return f"{part:,} of {whole:,} ({100 * part / whole:.1f} %)" if whole else "0 of 0"
