"""Checks filter expressions against the schemas of a group: columns, types, combinations (spec 08 section 2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from types import MappingProxyType

from personalize_emu.data.schemas.avro import Field, Schema
from personalize_emu.data.schemas.columns import EVENT_TYPE
from personalize_emu.filters.errors import InvalidExpression
from personalize_emu.filters.expressions import (
    ACTION_INTERACTIONS,
    ACTIONS,
    CURRENT_ITEM,
    CURRENT_USER,
    INTERACTIONS,
    ITEMS,
    USERS,
    AnyEvent,
    Column,
    Condition,
    Constant,
    Entity,
    Expression,
    FilterExpression,
    Membership,
    Parameter,
    column_text,
)
from personalize_emu.filters.parameters import number_of

Schemas = Mapping[str, Schema]
"""Dataset type (`ITEMS`) -> schema of the group's dataset of that type."""

EVENTS = frozenset({INTERACTIONS, ACTION_INTERACTIONS})
"""Datasets for which only the event type can be tested (F-34)."""

_DATASETS_OF: Mapping[Entity, frozenset[str]] = MappingProxyType(
    {
        "ItemID": frozenset({ITEMS, INTERACTIONS}),
        "UserID": frozenset({USERS, INTERACTIONS}),
        "ActionID": frozenset({ACTIONS, ACTION_INTERACTIONS, INTERACTIONS}),
    }
)
_AUTOMATIC = frozenset({"EXPIRATION_TIMESTAMP", "ACTION_EXPIRATION_TIMESTAMP", "REPEAT_FREQUENCY"})
"""Columns of Actions that the service applies itself (F-35)."""

_RECORDS: Mapping[str, str] = MappingProxyType({CURRENT_USER: USERS, CURRENT_ITEM: ITEMS})


@dataclass(frozen=True)
class CheckedFilter:
    """An expression whose columns have the names, and whose constants the types, of the schemas.

    columns: what its conditions compare, by column; event types are plain strings.
    """

    entity: Entity
    expressions: tuple[Expression, ...]
    columns: Mapping[Column, Field]

    @cached_property
    def fields(self) -> frozenset[tuple[str, str]]:
        """Distinct dataset fields as the quotas count them (F-5)."""
        return frozenset((_dataset(column), field.name) for column, field in self.columns.items())

    @cached_property
    def needs_user(self) -> bool:
        """Whether a request for items or actions must have a user (F-83)."""
        return self.entity != "UserID" and any(column.owner in EVENTS | {CURRENT_USER} for column in self.columns)

    @cached_property
    def needs_item(self) -> bool:
        """Whether a request must have an item (F-14)."""
        return any(column.owner == CURRENT_ITEM for column in self.columns)


def check(whole: FilterExpression, schemas: Schemas) -> CheckedFilter:
    """Check an expression and resolve its columns. Raises InvalidExpression (F-90)."""
    entity = whole.expressions[0].entity
    if any(expression.entity != entity for expression in whole.expressions):
        raise InvalidExpression("all expressions of a filter must have the same entity")
    expressions = tuple(_checked(expression, schemas) for expression in whole.expressions)
    columns = {column: _field(column, schemas) for column in _columns(expressions)}
    return CheckedFilter(entity, expressions, columns)


def _checked(expression: Expression, schemas: Schemas) -> Expression:
    entity = expression.entity
    owners = list(dict.fromkeys(condition.column.owner for condition in expression.conditions))
    if owners[0] not in _DATASETS_OF[entity]:
        raise InvalidExpression(f"{owners[0]} cannot be used with {entity}")
    if len(owners) > 1:
        raise InvalidExpression(f"{' and '.join(owners)} cannot be combined without a pipe")
    for test in expression.tests:
        if test.column.owner not in _RECORDS:
            raise InvalidExpression("only CurrentUser can be tested after IF")
    resolved = replace(
        expression,
        alternatives=tuple(
            tuple(_condition(condition, schemas) for condition in part) for part in expression.alternatives
        ),
        tests=tuple(_condition(test, schemas) for test in expression.tests),
    )
    if entity != "ItemID" and any(column.owner == CURRENT_ITEM for column in _columns([resolved])):
        raise InvalidExpression(f"CurrentItem cannot be used with {entity}")
    return resolved


def _condition(condition: Condition, schemas: Schemas) -> Condition:
    field = _field(condition.column, schemas)
    column = replace(condition.column, name=field.name)
    if isinstance(condition, Membership):
        return replace(condition, column=column, values=_values(condition, field, schemas))
    if column.owner in EVENTS:
        raise InvalidExpression(f"{column_text(column)} can be used with IN and NOT IN only")
    if not field.numeric and condition.operator not in ("=", "!="):
        raise InvalidExpression(f"{condition.operator} cannot be used with the string column {column_text(column)}")
    value = condition.value
    if isinstance(value, Column):
        return replace(condition, column=column, value=_current_item(value, column, field, schemas))
    if isinstance(value, Parameter):
        return replace(condition, column=column)
    return replace(condition, column=column, value=_constant(value, column, field))


def _values(
    condition: Membership, field: Field, schemas: Schemas
) -> tuple[str | Decimal, ...] | Parameter | Column | AnyEvent:
    values, column = condition.values, condition.column
    if isinstance(values, Column):
        return _current_item(values, column, field, schemas)
    if isinstance(values, AnyEvent) and column.owner not in EVENTS:
        raise InvalidExpression(f'"*" can be used with EVENT_TYPE only, not with {column_text(column)}')
    if isinstance(values, tuple):
        return tuple(_constant(value, column, field) for value in values)
    return values


def _current_item(value: Column, column: Column, field: Field, schemas: Schemas) -> Column:
    """A column on the right must belong to CurrentItem and have a compatible type (F-14)."""
    if value.owner != CURRENT_ITEM or column.owner in EVENTS:
        raise InvalidExpression(f"{column_text(column)} cannot be compared with {column_text(value)}")
    other = _field(value, schemas)
    if other.numeric != field.numeric:
        raise InvalidExpression(f"{column_text(column)} and {column_text(value)} are not of one type")
    return replace(value, name=other.name)


def _constant(value: Constant, column: Column, field: Field) -> Constant:
    """A constant of the column's type. A number may be quoted, as in requests (F-73)."""
    if isinstance(value, Decimal) == field.numeric:
        return value
    if isinstance(value, Decimal):
        raise InvalidExpression(f"{column_text(column)} can be compared with quoted strings only")
    try:
        return number_of(value)
    except ValueError:
        raise InvalidExpression(f"{column_text(column)} can be compared with numbers only") from None


def _field(column: Column, schemas: Schemas) -> Field:
    """The column of the schema, ignoring case (F-25)."""
    schema = schemas.get(_dataset(column).upper())
    fields = schema.fields if schema else ()
    found = next((field for field in fields if field.name.upper() == column.name.upper()), None)
    if found is None:
        raise InvalidExpression(f"unknown column {column_text(column)}")
    if column.owner in EVENTS and found.name != EVENT_TYPE:
        raise InvalidExpression(f"only EVENT_TYPE of {column.owner} can be used, not {column.name}")
    if column.owner == ACTIONS and found.name in _AUTOMATIC:
        raise InvalidExpression(f"{column_text(column)} is applied automatically")
    if found.type == "boolean" or found.textual:
        sort = "textual" if found.textual else "boolean"
        raise InvalidExpression(f"{column_text(column)} is {sort}")
    return found


def _dataset(column: Column) -> str:
    return _RECORDS.get(column.owner, column.owner)


def _columns(expressions: Iterable[Expression]) -> Iterator[Column]:
    for expression in expressions:
        for condition in (*expression.conditions, *expression.tests):
            yield condition.column
            operand = condition.values if isinstance(condition, Membership) else condition.value
            if isinstance(operand, Column):
                yield operand
