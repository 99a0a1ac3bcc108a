"""Metric expressions, `SUM(DatasetType.COLUMN)` or `SAMPLECOUNT()`, and the sums that are not yet sent (spec 12)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

from personalize_emu.data.schemas.avro import Schema
from personalize_emu.data.schemas.dataset_types import INTERACTIONS

NUMERIC = frozenset({"int", "long", "float", "double"})
_EXPRESSION = re.compile(
    r"[ \t]*(?:SAMPLECOUNT[ \t]*\([ \t]*\)"
    r"|SUM[ \t]*\([ \t]*(ITEMS|INTERACTIONS)[ \t]*\.[ \t]*([A-Z_][A-Z0-9_]*)[ \t]*\))[ \t]*",
    re.IGNORECASE | re.ASCII,
)


class InvalidMetric(Exception):
    """An expression that does not fit the datasets of its group; the text is for the client."""


@dataclass(frozen=True)
class MetricExpression:
    """dataset_type and column are empty for SAMPLECOUNT. column: in upper case, as names ignore case (MA-11)."""

    dataset_type: str = ""
    column: str = ""

    @property
    def function(self) -> str:
        """As reports name it (MA-42)."""
        return "sum" if self.column else "samplecount"

    def column_in(self, schema: Schema) -> str | None:
        """The name of the summed column as the schema of its dataset has it."""
        return next((name for name in schema.names if name.upper() == self.column), None)


@lru_cache(maxsize=1024)
def parsed_expression(text: str) -> MetricExpression:
    """Raises InvalidMetric (MA-10, MA-11)."""
    found = _EXPRESSION.fullmatch(text)
    if found is None:
        raise InvalidMetric(f"Invalid metric expression: {text}. Use SUM(DatasetType.COLUMN_NAME) or SAMPLECOUNT().")
    dataset_type, column = found.groups(default="")
    return MetricExpression(dataset_type.upper(), column.upper())


def measured_types(metrics: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The types of the datasets that metrics, given as members, are computed from."""
    return frozenset({INTERACTIONS, *(parsed_expression(metric["expression"]).dataset_type for metric in metrics)})


def check_expression(text: str, schemas: Mapping[str, Schema]) -> None:
    """Raises InvalidMetric when the datasets of a group, by type, lack the column of an expression (MA-12)."""
    expression = parsed_expression(text)
    if not expression.column:
        return
    schema = schemas.get(expression.dataset_type)
    name = expression.column_in(schema) if schema else None
    field = schema.field(name) if schema and name else None
    if field is None:
        raise InvalidMetric(f"{text}: there is no column {expression.column} in the {expression.dataset_type} dataset.")
    if field.type not in NUMERIC:
        raise InvalidMetric(f"{text}: column {field.name} is not numeric.")


WINDOW_SECONDS = 900
"""MA-30."""
MOST_SOURCES = 100
"""MA-21, Q-18."""
MOST_SENT_SUMS = 20_000
"""Of one ledger, kept to be shown; about 4 MB."""
UNDEFINED_SOURCE = "SOURCE_NAME_UNDEFINED"
"""Source of events that name none and follow no recommendation (MA-20)."""


class TooManySources(Exception):
    """The text is for the client (EV-52)."""

    def __init__(self) -> None:
        super().__init__(f"More than {MOST_SOURCES} distinct event attribution sources.")


@dataclass(frozen=True)
class Metric:
    """One metric of an attribution, as its request named it."""

    event_type: str
    name: str
    expression: str


@dataclass(frozen=True)
class SumKey:
    """What a sum is of. window: its start in seconds since the epoch (MA-31)."""

    metric: Metric
    source: str
    window: int


Sums = Mapping[SumKey, float]


@dataclass(frozen=True)
class KeptLedger:
    """The contents of a ledger."""

    sources: tuple[str, ...]
    sums: tuple[tuple[SumKey, float], ...]
    latest_report: int


class Ledger:
    """Sums of one attribution that is ACTIVE, and the event sources seen so far."""

    def __init__(self, attribution_arn: str, group_arn: str) -> None:
        self.attribution_arn = attribution_arn
        self.group_arn = group_arn
        self._sources: set[str] = set()
        self._sums: dict[SumKey, float] = {}
        self._history: dict[SumKey, float] = {}
        self._additions = 0
        self._latest_report = 0
        self._lock = Lock()

    def kept(self) -> KeptLedger:
        """A copy that `restore` makes a ledger of again."""
        with self._lock:
            return KeptLedger(tuple(sorted(self._sources)), tuple(self._sums.items()), self._latest_report)

    def restore(self, kept: KeptLedger) -> None:
        """Fill a new ledger."""
        with self._lock:
            self._sources, self._sums = set(kept.sources), dict(kept.sums)
            self._history = dict(kept.sums)
            self._latest_report = kept.latest_report

    def admit(self, sources: Iterable[str]) -> None:
        """Remember the sources of events: all of them, or none. Raises TooManySources.

        UNDEFINED_SOURCE does not count.
        """
        with self._lock:
            known = self._sources.union(sources) - {UNDEFINED_SOURCE}
            if len(known) > MOST_SOURCES:
                raise TooManySources
            self._sources = known

    def add(self, sums: Sums) -> bool:
        """Add to the sums. True when there was nothing to send before, and there is now."""
        with self._lock:
            first = not self._sums and bool(sums)
            self._additions += 1
            for key, value in sums.items():
                self._sums[key] = self._sums.get(key, 0.0) + value
                self._history[key] = self._history.get(key, 0.0) + value
            if len(self._history) > MOST_SENT_SUMS:
                self._history = _newest_half(self._history)
            return first

    def history(self) -> Sums:
        """All sums, sent or not, to be shown; of the newest windows if there are many."""
        with self._lock:
            return dict(self._history)

    @property
    def additions(self) -> int:
        """How often sums have been added."""
        return self._additions

    def restore_history(self, sums: Sums) -> None:
        """Fill the history of a new ledger, whose other contents have been restored."""
        with self._lock:
            self._history.update(sums)

    def take(self) -> Sums:
        """Remove and return everything that is to be sent."""
        with self._lock:
            taken, self._sums = self._sums, {}
            return taken

    def report_second(self, now: float) -> int:
        """The time a new report is named after: a second later if that one is taken, so no report is lost (MA-40)."""
        with self._lock:
            self._latest_report = max(int(now), self._latest_report + 1)
            return self._latest_report


def _newest_half(sums: Sums) -> dict[SumKey, float]:
    """By window, so that the costs of sorting are spread over as many additions."""
    newest = sorted(sums, key=lambda key: key.window)[len(sums) // 2 :]
    return {key: sums[key] for key in newest}
