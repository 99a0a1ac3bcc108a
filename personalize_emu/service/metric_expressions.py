"""What a metric measures: `SUM(DatasetType.COLUMN)` or `SAMPLECOUNT()` (spec 12 section 2)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from personalize_emu.data.avro import Schema
from personalize_emu.data.dataset_types import INTERACTIONS

NUMERIC = frozenset({"int", "long", "float", "double"})
_EXPRESSION = re.compile(
    r"[ \t]*(?:SAMPLECOUNT[ \t]*\([ \t]*\)"
    r"|SUM[ \t]*\([ \t]*(ITEMS|INTERACTIONS)[ \t]*\.[ \t]*([A-Z_][A-Z0-9_]*)[ \t]*\))[ \t]*",
    re.IGNORECASE | re.ASCII,
)


class InvalidMetric(Exception):
    """An expression without a meaning to the datasets of its group; the text is for the client."""


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
    """Whether the datasets of a group, by type, have what an expression sums. Raises InvalidMetric (MA-12)."""
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
