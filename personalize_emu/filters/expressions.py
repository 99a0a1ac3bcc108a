"""Filter expressions as values, and their text.

    FilterExpression ─ Expression ─┬─ alternatives: any of them ─ conditions: all of them
                                   └─ tests of the current user: all of them

What was written in other letters or with other blanks has the same form; names of columns stay as written.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

ITEMS = "Items"
INTERACTIONS = "Interactions"
USERS = "Users"
ACTIONS = "Actions"
ACTION_INTERACTIONS = "Action_Interactions"
CURRENT_USER = "CurrentUser"
CURRENT_ITEM = "CurrentItem"
DATASETS = (ITEMS, INTERACTIONS, USERS, ACTIONS, ACTION_INTERACTIONS)

Action = Literal["INCLUDE", "EXCLUDE"]
Entity = Literal["ItemID", "UserID", "ActionID"]
Operator = Literal["=", "!=", "<", "<=", ">", ">="]
Constant = str | Decimal


@dataclass(frozen=True)
class Column:
    """`owner` is a dataset, CurrentUser or CurrentItem."""

    owner: str
    name: str


@dataclass(frozen=True)
class Parameter:
    """`$NAME`: the values are given by the request."""

    name: str


@dataclass(frozen=True)
class AnyEvent:
    """`"*"`: every interaction (F-16)."""


@dataclass(frozen=True)
class Membership:
    """`column IN (...)` or `column NOT IN (...)`. A Column among the values is one of CurrentItem."""

    column: Column
    values: tuple[Constant, ...] | Parameter | Column | AnyEvent
    negated: bool = False


@dataclass(frozen=True)
class Comparison:
    """`column < value`. A Column as value is one of CurrentItem."""

    column: Column
    operator: Operator
    value: Constant | Parameter | Column


Condition = Membership | Comparison


@dataclass(frozen=True)
class Expression:
    """One expression between two pipes."""

    action: Action
    entity: Entity
    alternatives: tuple[tuple[Condition, ...], ...]
    tests: tuple[Condition, ...] = ()

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The conditions of all alternatives, without the tests."""
        return tuple(condition for conjunction in self.alternatives for condition in conjunction)


@dataclass(frozen=True)
class FilterExpression:
    expressions: tuple[Expression, ...]


def parameter_names(expression: Expression) -> tuple[str, ...]:
    """In order of first use."""
    operands = [_operand(condition) for condition in (*expression.conditions, *expression.tests)]
    return tuple(dict.fromkeys(operand.name for operand in operands if isinstance(operand, Parameter)))


def formatted(whole: FilterExpression) -> str:
    """The text that parses to `whole`."""
    return " | ".join(_expression_text(expression) for expression in whole.expressions)


def column_text(column: Column) -> str:
    return f"{column.owner}.{column.name}"


def _operand(condition: Condition) -> object:
    return condition.values if isinstance(condition, Membership) else condition.value


def _expression_text(expression: Expression) -> str:
    alternatives = (" AND ".join(map(_condition_text, part)) for part in expression.alternatives)
    text = f"{expression.action} {expression.entity} WHERE {' OR '.join(alternatives)}"
    return f"{text} IF {' AND '.join(map(_condition_text, expression.tests))}" if expression.tests else text


def _condition_text(condition: Condition) -> str:
    column = column_text(condition.column)
    if isinstance(condition, Comparison):
        return f"{column} {condition.operator} {_value_text(condition.value)}"
    values = condition.values
    listed = ", ".join(map(_value_text, values)) if isinstance(values, tuple) else _value_text(values)
    return f"{column} {'NOT IN' if condition.negated else 'IN'} ({listed})"


def _value_text(value: Constant | Parameter | Column | AnyEvent) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Parameter):
        return f"${value.name}"
    return '"*"' if isinstance(value, AnyEvent) else column_text(value)
