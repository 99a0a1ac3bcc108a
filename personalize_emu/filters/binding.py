"""Binds a checked filter to one request: parameters and CurrentItem become constants (spec 08 section 3.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from personalize_emu.data.schemas.avro import Field
from personalize_emu.filters.check import EVENTS, CheckedFilter
from personalize_emu.filters.errors import MissingValues, UnreadableValues
from personalize_emu.filters.expressions import (
    AnyEvent,
    Column,
    Condition,
    Constant,
    Expression,
    Membership,
    Operator,
    Parameter,
    parameter_names,
)
from personalize_emu.filters.parameters import number_of, split_values

Value = Decimal | frozenset[str]
"""A value of a record in a column: a number, or the set of its categories."""

ANY_EVENT = "*"


@dataclass(frozen=True)
class OneOf:
    """The column has one of `values`, or none of them if negated. None stands for every event type (F-16)."""

    column: str
    values: frozenset[Constant] | None
    negated: bool = False


@dataclass(frozen=True)
class Compared:
    """Compares the number in the column with `value`; None is a missing number (F-37)."""

    column: str
    operator: Operator
    value: Decimal | None


Bound = OneOf | Compared
Alternatives = tuple[tuple[Bound, ...], ...]


@dataclass(frozen=True)
class BoundTest:
    """`owner` is CurrentUser or CurrentItem."""

    owner: str
    condition: Bound


@dataclass(frozen=True)
class BoundExpression:
    """`owner` is the dataset of its conditions."""

    includes: bool
    owner: str
    alternatives: Alternatives
    tests: tuple[BoundTest, ...]


def bind(
    checked: CheckedFilter, texts: Mapping[str, str], current_item: Callable[[str], Value | None]
) -> tuple[BoundExpression, ...]:
    """Bind the parameters of a request; an EXCLUDE without values is dropped (F-71).

    texts: the values of each parameter as text. current_item: returns the value of the current item in a column.

    Raises:
        MissingValues: an INCLUDE has no values (F-70).
        UnreadableValues: F-95.
    """
    given = {name: _split(name, text) for name, text in texts.items() if name in _parameters(checked)}
    binder = _Binder(checked.columns, given, current_item)
    bound = []
    for expression in checked.expressions:
        missing = [name for name in parameter_names(expression) if not given.get(name)]
        if not missing:
            bound.append(binder.expression(expression))
        elif expression.action == "INCLUDE":
            raise MissingValues(missing)
    return tuple(bound)


def holds(condition: Bound, value: Value | None) -> bool:
    """Whether a value, or a missing one (F-37), satisfies a condition."""
    if isinstance(condition, Compared):
        if value is None or condition.value is None or not isinstance(value, Decimal):
            return condition.operator == "!="
        return _compare(condition.operator, value, condition.value)
    if value is None or condition.values is None:
        return condition.negated
    found = value in condition.values if isinstance(value, Decimal) else not value.isdisjoint(condition.values)
    return found != condition.negated


def held_number(field: Field, number: Decimal) -> Decimal:
    """`number` rounded to the column's type, so that 0.1 in a float column equals 0.1 in a filter."""
    if field.type not in ("float", "double"):
        return number
    with np.errstate(over="ignore"):
        held = np.float32(float(number)) if field.type == "float" else float(number)
    return Decimal(float(held))


class _Binder:
    """Replaces parameters in conditions by the values of one request."""

    def __init__(
        self,
        fields: Mapping[Column, Field],
        given: Mapping[str, tuple[str, ...]],
        current_item: Callable[[str], Value | None],
    ) -> None:
        self._fields = fields
        self._given = given
        self._current_item = current_item

    def expression(self, expression: Expression) -> BoundExpression:
        return BoundExpression(
            includes=expression.action == "INCLUDE",
            owner=expression.conditions[0].column.owner,
            alternatives=tuple(tuple(map(self._condition, part)) for part in expression.alternatives),
            tests=tuple(BoundTest(test.column.owner, self._condition(test)) for test in expression.tests),
        )

    def _condition(self, condition: Condition) -> Bound:
        column, field = condition.column, self._fields[condition.column]
        if isinstance(condition, Membership):
            values = self._values(condition.values, field)
            if column.owner in EVENTS and values is not None:
                values = None if ANY_EVENT in values else frozenset(str(value).casefold() for value in values)
            return OneOf(column.name, values, condition.negated)
        single = self._single(condition.value, field)
        if field.numeric:
            numbers = (value for value in single if isinstance(value, Decimal))
            return Compared(column.name, condition.operator, next(numbers, None))
        return OneOf(column.name, single, condition.operator == "!=")

    def _values(
        self, values: tuple[Constant, ...] | Parameter | Column | AnyEvent, field: Field
    ) -> frozenset[Constant] | None:
        if isinstance(values, AnyEvent):
            return None
        if isinstance(values, Column):
            return self._of_current_item(values, field)
        constants = self._constants(values, field) if isinstance(values, Parameter) else values
        return frozenset(_held(field, constant) for constant in constants)

    def _single(self, value: Constant | Parameter | Column, field: Field) -> frozenset[Constant]:
        if isinstance(value, Column):
            return self._of_current_item(value, field)
        if not isinstance(value, Parameter):
            return frozenset({_held(field, value)})
        constants = self._constants(value, field)
        if len(constants) != 1:
            raise UnreadableValues(value.name)
        return frozenset({_held(field, constants[0])})

    def _constants(self, parameter: Parameter, field: Field) -> tuple[Constant, ...]:
        texts = self._given[parameter.name]
        if not field.numeric:
            return texts
        try:
            return tuple(number_of(text) for text in texts)
        except ValueError:
            raise UnreadableValues(parameter.name) from None

    def _of_current_item(self, column: Column, field: Field) -> frozenset[Constant]:
        value = self._current_item(column.name)
        if value is None:
            return frozenset()
        return frozenset({_held(field, value)}) if isinstance(value, Decimal) else frozenset(value)


def _held(field: Field, constant: Constant) -> Constant:
    return held_number(field, constant) if isinstance(constant, Decimal) else constant


def _parameters(checked: CheckedFilter) -> frozenset[str]:
    return frozenset(name for expression in checked.expressions for name in parameter_names(expression))


def _split(name: str, text: str) -> tuple[str, ...]:
    try:
        return split_values(text)
    except ValueError:
        raise UnreadableValues(name) from None


def _compare(operator: Operator, left: Decimal, right: Decimal) -> bool:
    outcomes = {
        "=": left == right,
        "!=": left != right,
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
    }
    return outcomes[operator]
