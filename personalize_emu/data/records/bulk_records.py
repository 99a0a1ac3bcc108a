"""Bulk records of a dataset, and the current records from bulk and individual ones (D-70 to D-84)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from personalize_emu.data.records.log_segments import Row
from personalize_emu.data.rejection import too_few_interactions
from personalize_emu.data.schemas.avro import Schema
from personalize_emu.data.schemas.columns import conformed, distinct_strings, encoded, rows_table, without_unused_words
from personalize_emu.data.schemas.dataset_types import ACTION_INTERACTIONS, INTERACTIONS

ImportMode = Literal["FULL", "INCREMENTAL"]
MINIMUM_INTERACTIONS = 1000


def check_enough_rows(
    rows: int, dataset_type: str, mode: ImportMode, minimum: int = MINIMUM_INTERACTIONS, *, left_out: int = 0
) -> None:
    """Refuse imports with too few rows (D-70 to D-72). left_out: nonconforming rows, which do not count.

    Raises:
        RejectedData: D-74.
    """
    counted = dataset_type == INTERACTIONS or (dataset_type == ACTION_INTERACTIONS and mode == "INCREMENTAL")
    if counted and rows < minimum:
        raise too_few_interactions(rows, minimum, left_out)


def merge_bulk(old: pa.Table | None, new: pa.Table, mode: ImportMode, id_column: str | None) -> pa.Table:
    """The bulk records after an import of `new` into `old`, with the columns of `new`.

    FULL replaces all records (D-78). INCREMENTAL adds records and replaces those with the same id (D-79); without an id
    column it only adds (D-81). Rows of one job that share an id are all kept (D-104), see `latest_records`.
    """
    if mode == "FULL" or old is None:
        return new
    if id_column is not None:
        ids = pc.cast(old.column(id_column), pa.string())
        old = old.filter(pc.invert(pc.is_in(ids, distinct_strings(new.column(id_column)))))
    joined = pa.concat_tables([old, new], promote_options="default").select(new.column_names)
    return joined.unify_dictionaries().combine_chunks()


def latest_records(table: pa.Table, id_column: str) -> pa.Table:
    """One row per id, the last one (D-83), in the order of the table."""
    ids = encoded(table.column(id_column))
    last = np.full(len(ids.dictionary), -1, np.int64)
    last[np.asarray(ids.indices)] = np.arange(len(ids))
    kept = np.sort(last[last >= 0])
    return table if len(kept) == len(ids) else table.take(pa.array(kept))


def without_rows(table: pa.Table, column: str, values: Collection[str]) -> pa.Table:
    """The rows that have none of `values` in a string column; dictionaries are cleaned as well.

    Returns the same table if nothing is removed.
    """
    coded = encoded(table.column(column))
    unwanted = pc.is_in(coded.dictionary, pa.array(values, pa.string()))
    if not pc.any(unwanted, min_count=0).as_py():
        return table
    return without_unused_words(table.filter(pc.invert(unwanted.take(coded.indices)))).combine_chunks()


def distinct_rows(table: pa.Table) -> pa.Table:
    """The first of the rows that are equal in all columns (D-82, D-102), in the order of the table."""
    group = np.zeros(table.num_rows, np.int64)
    for column in table.itercolumns():
        coded = encoded(column)
        codes = np.asarray(coded.indices.fill_null(-1), np.int64)
        group = np.unique(group * (len(coded.dictionary) + 1) + codes + 1, return_inverse=True)[1]
    first = np.unique(group, return_index=True)[1]
    return table if len(first) == table.num_rows else table.take(pa.array(np.sort(first)))


def superseded_by(
    before: Mapping[str, int], new: pa.Table, put_rows: Sequence[Row], mode: ImportMode, id_column: str
) -> dict[str, int]:
    """The number of individual records per id that an import of `new` supersedes (D-84).

    put_rows: all individual records when the import ends. before: the previous result. After a FULL import that lacks
    an id, its individual record is visible again.
    """
    imported = set(distinct_strings(new.column(id_column)).to_pylist())
    overruled = dict(Counter(record_id for row in put_rows if (record_id := str(row[id_column])) in imported))
    return overruled if mode == "FULL" else {**before, **overruled}


def current_records(
    bulk: pa.Table | None,
    put_rows: Sequence[Row],
    schema: Schema,
    id_column: str,
    superseded: Mapping[str, int],
) -> pa.Table:
    """One row per id, the newest of bulk and individual records (D-84), in schema order."""
    put: dict[str, Row] = {}
    seen: Counter[str] = Counter()
    for row in put_rows:
        record_id = str(row[id_column])
        seen[record_id] += 1
        if seen[record_id] > superseded.get(record_id, 0):
            put[record_id] = row
    individual = rows_table(schema, put.values())
    if bulk is None:
        return individual
    return merge_bulk(conformed(latest_records(bulk, id_column), schema), individual, "INCREMENTAL", id_column)
