"""What is wrong with a line of CSV: read value by value, slowly, to name the first column to blame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from personalize_emu.data.avro import Field, Schema
from personalize_emu.data.column_rules import NULL_REFUSED, UNKNOWN_EVENT_TYPE, action_event_type
from personalize_emu.data.columns import EVENT_TYPE, character_limit
from personalize_emu.data.csv_rows import BrokenQuote, split_row
from personalize_emu.data.dataset_types import ACTION_INTERACTIONS
from personalize_emu.data.rejection import too_long
from personalize_emu.data.values import value_of


@dataclass(frozen=True, eq=False)
class Layout:
    """What the lines of a file should look like.

    columns: how many values a line has. places: of the columns of the schema among them, in schema order.
    """

    file: str
    columns: int
    places: tuple[int, ...]
    schema: Schema
    dataset_type: str

    @cached_property
    def fields_by_place(self) -> dict[int, Field]:
        return dict(zip(self.places, self.schema.fields, strict=True))


def line_fault(line: bytes, number: int, layout: Layout) -> str | None:
    """Why a line does not conform to the schema, None when it does. number: of the line, from 1.

    Raises:
        RejectedData: a value is too long, or its quotes are broken (D-64, D-57).
    """
    where = f"{layout.file}, line {number}"
    if b"\0" in line:
        return f"{where}: NUL bytes are not text"
    try:
        values = split_row(line.decode())
    except UnicodeDecodeError:
        return f"{where}: not UTF-8 text"
    except BrokenQuote as broken:
        return _broken_quote(where, broken.index, layout)
    if len(values) != layout.columns:
        return f"{where}: {len(values)} values, the header has {layout.columns}"
    for place, field in zip(layout.places, layout.schema.fields, strict=True):
        problem = _value_fault(field, values[place], f"{where}, column {field.name}", layout.dataset_type)
        if problem is not None:
            return f"{where}, column {field.name}: {problem}"
    return None


def _value_fault(field: Field, text: str, where: str, dataset_type: str) -> str | None:
    if not text:
        return None if field.nullable else NULL_REFUSED
    try:
        value_of(field, text)
    except ValueError as error:
        return str(error)
    limit = character_limit(field)
    if limit is not None and len(text) > limit:
        raise too_long(limit, field.name, where)
    if dataset_type == ACTION_INTERACTIONS and field.name == EVENT_TYPE and action_event_type(text) is None:
        return UNKNOWN_EVENT_TYPE
    return None


def _broken_quote(where: str, index: int, layout: Layout) -> str:
    """A length error of the next column that has a limit (D-57); without one the row does not conform."""
    problem = f"{where}, value {index + 1}: quotes are not closed in front of a comma or the end of the line"
    for place in (*range(index + 1, layout.columns), *range(index + 1)):
        field = layout.fields_by_place.get(place)
        limit = None if field is None else character_limit(field)
        if field is not None and limit is not None:
            raise too_long(limit, field.name, problem)
    return problem
