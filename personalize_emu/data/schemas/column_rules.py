"""Rules for the values of a column, whatever file they come from: nulls, lengths, finite numbers, event types.

Also warns of timestamps in milliseconds, which the service reads as seconds (D-62).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from personalize_emu.data.schemas.avro import Field, Schema
from personalize_emu.data.schemas.columns import (
    CREATION_TIMESTAMP,
    EVENT_TYPE,
    STRING,
    TIMESTAMP,
    arrow_schema,
    character_limit,
)
from personalize_emu.data.schemas.dataset_types import ACTION_INTERACTIONS
from personalize_emu.data.schemas.values import LONGEST_CHINESE_OR_JAPANESE_TEXT, kept_text

NULL_REFUSED = "a value is required"
NOT_A_NUMBER = "the value is not a finite number"
NUL_CHARACTER = "the value contains a NUL character"
UNKNOWN_EVENT_TYPE = "the event type is none of Viewed, Taken, Not Taken"

_ACTION_EVENT_TYPES = frozenset({"VIEWED", "TAKEN", "NOT_TAKEN"})


@dataclass(frozen=True, eq=False)
class Fault:
    """A violated rule. rows: bool[rows]. problem: None = too long (D-64)."""

    rows: NDArray[np.bool_]
    field: Field
    problem: str | None


def action_event_type(text: str) -> str | None:
    """VIEWED, TAKEN or NOT_TAKEN for any accepted spelling (D-119, EV-74), else None."""
    name = text.upper().replace(" ", "_")
    return name if name in _ACTION_EVENT_TYPES else None


def faults(table: pa.Table, schema: Schema, dataset_type: str) -> list[Fault]:
    """The violated rules by column, in schema order."""
    found = []
    for field, column in zip(schema.fields, table.itercolumns(), strict=True):
        for chunk, start in _chunks(column):
            for mask, problem in _broken(chunk, field, dataset_type):
                rows = np.zeros(table.num_rows, np.bool_)
                rows[start : start + len(chunk)] = mask
                found.append(Fault(rows, field, problem))
    return found


def normalised(table: pa.Table, schema: Schema, dataset_type: str) -> pa.Table:
    """A conforming table as it is stored: long texts cut (D-65), event types of actions normalised."""
    columns = []
    for field, column in zip(schema.fields, table.itercolumns(), strict=True):
        if field.textual:
            columns.append(_cut(column))
        elif _is_action_event_type(field, dataset_type):
            columns.append(_normalised_event_types(column))
        else:
            columns.append(column)
    return pa.Table.from_arrays(columns, schema=arrow_schema(schema))


def _chunks(column: pa.ChunkedArray) -> list[tuple[pa.Array, int]]:
    starts = np.cumsum([0, *(len(chunk) for chunk in column.chunks)])
    return list(zip(column.chunks, starts.tolist(), strict=False))


def _broken(chunk: pa.Array, field: Field, dataset_type: str) -> list[tuple[NDArray[np.bool_], str | None]]:
    """For each violated rule of a chunk bool[rows], most serious rule first."""
    found: list[tuple[pa.Array, str | None]] = []
    if chunk.null_count and not field.nullable:
        found.append((chunk.is_null(), NULL_REFUSED))
    if pa.types.is_floating(chunk.type):
        bad = pc.invert(pc.is_finite(chunk))
        if pc.any(bad).as_py():
            found.append((bad, NOT_A_NUMBER))
    if pa.types.is_dictionary(chunk.type):
        for bad_words, problem in _bad_words(chunk.dictionary, field, dataset_type):
            if pc.any(bad_words).as_py():
                found.append((bad_words.take(chunk.indices), problem))
    return [(np.asarray(mask.fill_null(False)), problem) for mask, problem in found]


def _bad_words(words: pa.Array, field: Field, dataset_type: str) -> list[tuple[pa.Array, str | None]]:
    """For each rule on strings a bool array over the dictionary: True violates the rule."""
    rules: list[tuple[pa.Array, str | None]] = [(pc.match_substring(words, "\0"), NUL_CHARACTER)]
    limit = character_limit(field)
    if limit is not None:
        rules.append((pc.greater(pc.utf8_length(words), limit), None))
    if _is_action_event_type(field, dataset_type):
        known = [action_event_type(word) is not None for word in words.to_pylist()]
        rules.append((pc.invert(pa.array(known, pa.bool_())), UNKNOWN_EVENT_TYPE))
    return rules


def _is_action_event_type(field: Field, dataset_type: str) -> bool:
    return dataset_type == ACTION_INTERACTIONS and field.name == EVENT_TYPE


def _cut(column: pa.ChunkedArray) -> pa.ChunkedArray:
    lengths = [pc.max(pc.utf8_length(chunk.dictionary)).as_py() or 0 for chunk in column.chunks]
    if max(lengths, default=0) <= LONGEST_CHINESE_OR_JAPANESE_TEXT:
        return column
    return pa.chunked_array(
        [
            _with_dictionary(chunk, [kept_text(word) for word in chunk.dictionary.to_pylist()])
            for chunk in column.chunks
        ],
        type=STRING,
    )


def _normalised_event_types(column: pa.ChunkedArray) -> pa.ChunkedArray:
    chunks = [
        _with_dictionary(chunk, [action_event_type(word) for word in chunk.dictionary.to_pylist()])
        for chunk in column.chunks
    ]
    return pa.chunked_array(chunks, type=STRING)


def _with_dictionary(chunk: pa.DictionaryArray, words: list[str] | list[str | None]) -> pa.Array:
    """The chunk with another dictionary, whose entries may have become equal."""
    return pa.array(words, pa.string()).take(chunk.indices).dictionary_encode()


_TIMES = (TIMESTAMP, CREATION_TIMESTAMP, "EXPIRATION_TIMESTAMP", "ACTION_EXPIRATION_TIMESTAMP")
_LEAST = 10**11
"""As seconds this is the year 5138, as milliseconds 1973."""


def millisecond_warnings(table: pa.Table) -> list[str]:
    """One warning for every timestamp column with values that are probably milliseconds."""
    found = []
    for name in _TIMES:
        if name in table.column_names:
            column = table.column(name)
            large = column.filter(pc.greater_equal(column, _LEAST))
            if len(large):
                found.append(
                    f"{name}: {len(large)} of {table.num_rows} values look like milliseconds, the first "
                    f"{int(large[0].as_py())}; they are read as seconds, as the service does"
                )
    return found
