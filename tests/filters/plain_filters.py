"""A slow reference implementation of filters: one record and one condition at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from personalize_emu.filters.expressions import (
    AnyEvent,
    Column,
    Condition,
    Expression,
    FilterExpression,
    Membership,
    Parameter,
)

Row = Mapping[str, Any]
CATEGORICAL = {"TAGS", "GROUPS"}


@dataclass(frozen=True)
class PlainShop:
    """items: rows by id, of which some ids have none. events: item and type. values: of parameters.

    user: None without a user or for an unknown one.
    """

    ids: tuple[str, ...]
    items: Mapping[str, Row]
    events: tuple[tuple[str, str | None], ...]
    user: Row | None
    current_item: str
    values: Mapping[str, tuple[str, ...]]

    def remaining(self, whole: FilterExpression) -> list[str]:
        includes = [e for e in whole.expressions if e.action == "INCLUDE" and self._in_effect(e)]
        excludes = [e for e in whole.expressions if e.action == "EXCLUDE" and self._in_effect(e)]
        return [
            item
            for item in self.ids
            if (not includes or any(self._matches(e, item) for e in includes))
            and not any(self._matches(e, item) for e in excludes)
        ]

    def _in_effect(self, expression: Expression) -> bool:
        conditions = (*expression.conditions, *expression.tests)
        named = [c.values if isinstance(c, Membership) else c.value for c in conditions]
        if any(isinstance(operand, Parameter) and operand.name not in self.values for operand in named):
            return False
        for test in expression.tests:
            if test.column.owner == "CurrentItem":
                row: Row | None = self._row(self.current_item)
            else:
                row = self.user
            if row is None or not self._holds(test, row.get(test.column.name)):
                return False
        return True

    def _matches(self, expression: Expression, item: str) -> bool:
        return any(all(self._condition(c, item) for c in part) for part in expression.alternatives)

    def _condition(self, condition: Condition, item: str) -> bool:
        if condition.column.owner != "Interactions":
            return self._holds(condition, self._row(item).get(condition.column.name))
        assert isinstance(condition, Membership)
        return any(self._event(condition, kind) for seen, kind in self.events if seen == item)

    def _event(self, condition: Membership, kind: str | None) -> bool:
        if isinstance(condition.values, AnyEvent):
            return not condition.negated
        wanted = [str(value).lower() for value in self._constants(condition.values)]
        return kind is not None and (kind.lower() in wanted) != condition.negated

    def _holds(self, condition: Condition, value: Any) -> bool:
        if isinstance(condition, Membership):
            wanted = [self._plain(constant) for constant in self._constants(condition.values)]
            found = value is not None and any(part in wanted for part in self._parts(condition.column, value))
            return found != condition.negated
        others = [self._plain(constant) for constant in self._constants(condition.value)]
        if value is None or not others:
            return condition.operator == "!="
        if isinstance(value, str):
            equal = any(part in others for part in self._parts(condition.column, value))
            return equal == (condition.operator == "=")
        (other,) = others
        if isinstance(value, float | int) and not isinstance(other, str):
            return {
                "=": value == other,
                "!=": value != other,
                "<": value < other,
                "<=": value <= other,
                ">": value > other,
                ">=": value >= other,
            }[condition.operator]
        raise AssertionError("a number was compared with a string")

    def _row(self, item: str) -> Row:
        return self.items.get(item, {}) | {"ITEM_ID": item}  # type: ignore[operator, no-any-return]

    def _constants(self, operand: Any) -> list[Any]:
        if isinstance(operand, Parameter):
            return [Decimal(t) if t.lstrip("-").replace(".", "").isdigit() else t for t in self.values[operand.name]]
        if isinstance(operand, Column):
            value = self._row(self.current_item).get(operand.name)
            return [] if value is None else self._parts(operand, value)
        return list(operand) if isinstance(operand, tuple) else [operand]

    def _parts(self, column: Column, value: Any) -> list[Any]:
        return value.split("|") if column.name in CATEGORICAL else [value]

    def _plain(self, constant: Any) -> Any:
        return float(constant) if isinstance(constant, Decimal) else constant
