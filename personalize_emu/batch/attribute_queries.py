"""Parses and evaluates queries by item attributes: `ITEMS.genres = "Comedy" AND ITEMS.year = 1995` (B-26, B-29)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from personalize_emu.batch.lines import BadLine
from personalize_emu.data.schemas.avro import Field
from personalize_emu.filters.binding import held_number
from personalize_emu.filters.columns import Mask
from personalize_emu.filters.expressions import Constant
from personalize_emu.filters.grammar import unescaped
from personalize_emu.filters.parameters import number_of
from personalize_emu.filters.records import View
from personalize_emu.service.state.trained_version import having

_TERM = re.compile(
    r'\s*ITEMS\s*\.\s*(?P<column>\w+)\s*=\s*(?:"(?P<text>(?:\\.|[^"\\])*)"|(?P<number>[-+.\w]+))\s*', re.IGNORECASE
)
_AND = re.compile(r"AND\b", re.IGNORECASE)


def items_with(view: View, fields: Mapping[str, Field], text: str) -> NDArray[np.int32]:
    """int32[k]: numbers of the items of the view that have all the attributes.

    fields: the columns that may be used, by upper-case name.

    Raises:
        BadLine: the expression is malformed, or no item matched at training time (B-52).
    """
    masks: list[Mask] = []
    for column, value in _terms(text):
        field = fields.get(column.upper())
        if field is None:
            raise BadLine(f"itemAttributes names an unknown column: {column}")
        masks.append(having(view, field, _constant(field, value)))
        if not masks[-1].any():
            raise BadLine(f"No item had this value of {field.name} when the solution version was created")
    found = np.flatnonzero(np.logical_and.reduce(masks)).astype(np.int32)
    if not len(found):
        raise BadLine("No item had all of these attributes when the solution version was created")
    return found


def _terms(text: str) -> Iterator[tuple[str, str | Decimal]]:
    position = 0
    while True:
        term = _TERM.match(text, position)
        if term is None:
            raise BadLine("itemAttributes must be terms ITEMS.column = value, joined by AND")
        yield term["column"], _value(term)
        joint = _AND.match(text, term.end())
        if joint is None:
            break
        position = joint.end()
    if term.end() != len(text):
        raise BadLine("itemAttributes must be terms ITEMS.column = value, joined by AND")


def _value(term: re.Match[str]) -> str | Decimal:
    if term["text"] is not None:
        return unescaped(term["text"])
    try:
        return number_of(term["number"])
    except ValueError:
        raise BadLine("itemAttributes has a value that is neither a number nor in double quotes") from None


def _constant(field: Field, value: str | Decimal) -> Constant:
    if field.numeric != isinstance(value, Decimal):
        raise BadLine(f"itemAttributes compares {field.name} with a value of another type")
    return held_number(field, value) if isinstance(value, Decimal) else value
