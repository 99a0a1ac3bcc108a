"""What a dataset holds: rows, counts, the long tail, the time span, missing values, imports, and advice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from personalize_emu.data.schemas.avro import parse_schema
from personalize_emu.data.schemas.column_rules import millisecond_warnings
from personalize_emu.data.schemas.columns import ACTION_ID, ITEM_ID, TIMESTAMP, USER_ID, encoded
from personalize_emu.data.schemas.dataset_types import ACTION_INTERACTIONS, INTERACTIONS, ITEMS
from personalize_emu.data_check.columns import check_columns
from personalize_emu.data_check.files import ReadFile
from personalize_emu.data_check.findings import Finding, Report
from personalize_emu.data_check.interactions import (
    check_cold_items,
    check_enough_to_train,
    check_future,
    check_interactions,
)
from personalize_emu.edge.console.charts import Bar, bars, items_with_share, long_tail, over_time
from personalize_emu.edge.console.overview import moment
from personalize_emu.emulator import Emulator
from personalize_emu.service.state.emulator_state import EmulatorState
from personalize_emu.service.state.entries import ImportReport
from personalize_emu.state.resources import Dataset, DatasetGroup, DatasetImportJob, Schema

PREVIEW_ROWS = 10
MOST_ROWS = 1_000_000
"""That charts and advice are made from, so that a page does not take seconds."""
MOST_OF_INTERACTIONS = 0.8


@dataclass(frozen=True)
class ColumnFigures:
    """missing: rows without a value. percent: of the rows. distinct: different values."""

    name: str
    type: str
    missing: int
    percent: float
    distinct: int


@dataclass(frozen=True)
class Rows:
    """Some rows as text; None where there is no value."""

    header: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]


@dataclass(frozen=True)
class Chart:
    """title: what the bars are. text: the same in words, for those who do not see them. first, last: below the ends."""

    title: str
    text: str
    first: str
    last: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class ImportLine:
    """One import job and what its files had; report: None until they are read."""

    name: str
    status: str
    mode: str
    when: str
    report: ImportReport | None
    failure: str | None


@dataclass(frozen=True)
class DatasetPage:
    """imported, streamed: numbers of rows. shown_rows: of those that charts and advice are made from."""

    dataset: Dataset
    group: DatasetGroup | None
    imported: int
    streamed: int
    shown_rows: int
    columns: tuple[ColumnFigures, ...]
    preview: Rows
    newest: Rows
    charts: tuple[Chart, ...]
    imports: tuple[ImportLine, ...]
    findings: tuple[Finding, ...]


def dataset_page(emulator: Emulator, arn: str) -> DatasetPage | None:
    """None if there is no such dataset."""
    state = emulator.state
    dataset = state.store.get(Dataset, arn)
    if dataset is None:
        return None
    contents = state.contents(arn)
    bulk = None if contents is None else contents.bulk
    log = None if contents is None else contents.log
    newest = [] if log is None else log.rows(max(0, len(log) - PREVIEW_ROWS))
    file = _file_of(state, dataset)
    table = None if file is None else file.table
    return DatasetPage(
        dataset=dataset,
        group=state.store.get(DatasetGroup, dataset.dataset_group_arn),
        imported=0 if bulk is None else bulk.num_rows,
        streamed=0 if log is None else log.held,
        shown_rows=0 if table is None else table.num_rows,
        columns=() if table is None else tuple(_figures(table)),
        preview=_preview(table),
        newest=_preview(pa.Table.from_pylist([dict(row) for row in reversed(newest)])),
        charts=() if table is None else tuple(_charts(table)),
        imports=tuple(_imports(state, arn)),
        findings=() if file is None else tuple(_report(state, dataset, file, emulator.clock.now()).findings),
    )


def _file_of(state: EmulatorState, dataset: Dataset) -> ReadFile | None:
    """The first MOST_ROWS imported rows as the checks take them; of a dataset without imports, the streamed ones."""
    contents, schema = state.contents(dataset.arn), state.store.get(Schema, dataset.schema_arn)
    if contents is None or schema is None:
        return None
    table = contents.bulk if contents.bulk is not None else contents.streamed(len(contents.log))
    if not table.num_rows:
        return None
    parsed = parse_schema(schema.schema)
    missing = [field.name for field in parsed.fields if field.name not in table.column_names]
    for name in missing:
        table = table.append_column(name, pa.nulls(table.num_rows, pa.string()))
    return ReadFile(dataset.name, dataset.dataset_type, parsed, table.slice(0, MOST_ROWS))


def _report(state: EmulatorState, dataset: Dataset, file: ReadFile, now: float) -> Report:
    report = Report()
    check_columns(file, report)
    for warning in millisecond_warnings(file.table):
        report.warn(file.name, warning)
    if dataset.dataset_type in (INTERACTIONS, ACTION_INTERACTIONS):
        found = check_interactions(file, report)
        check_future(file, now, report)
        if dataset.dataset_type == INTERACTIONS:
            check_enough_to_train(file, found, report)
        items = _other(state, dataset, ITEMS)
        if items is not None and dataset.dataset_type == INTERACTIONS:
            check_cold_items(items, found, report)
    elif dataset.dataset_type == ITEMS:
        interactions = _other(state, dataset, INTERACTIONS)
        if interactions is not None:
            check_cold_items(file, check_interactions(interactions, Report()), report)
    return report


def _other(state: EmulatorState, dataset: Dataset, dataset_type: str) -> ReadFile | None:
    """The dataset of another type in the same group, if it has rows."""
    for each in state.store.all(Dataset):
        if each.dataset_group_arn == dataset.dataset_group_arn and each.dataset_type == dataset_type:
            return _file_of(state, each)
    return None


def _figures(table: pa.Table) -> Iterator[ColumnFigures]:
    for name in table.column_names:
        column = table.column(name)
        missing, kind = column.null_count, column.type
        shown = kind.value_type if pa.types.is_dictionary(kind) else kind
        distinct = len(column.drop_null().unique())
        yield ColumnFigures(name, str(shown), missing, 100 * missing / table.num_rows, distinct)


def _preview(table: pa.Table | None) -> Rows:
    if table is None or not table.num_rows:
        return Rows((), ())
    rows = [[None if value is None else str(value) for value in row.values()] for row in _first(table)]
    return Rows(tuple(table.column_names), tuple(map(tuple, rows)))


def _first(table: pa.Table) -> list[dict[str, object]]:
    found: list[dict[str, object]] = table.slice(0, PREVIEW_ROWS).to_pylist()
    return found


def _charts(table: pa.Table) -> Iterator[Chart]:
    for id_column, what in ((ITEM_ID, "items"), (ACTION_ID, "actions")):
        if {id_column, USER_ID} <= set(table.column_names):
            counts = np.bincount(np.asarray(encoded(table.column(id_column)).indices))
            most = items_with_share(counts, MOST_OF_INTERACTIONS)
            text = f"{100 * most / len(counts):.0f} % of the {len(counts):,} {what} have 80 % of the interactions."
            tail = bars(long_tail(counts))
            yield Chart(f"Interactions by {what}", text, f"{counts.max():,} interactions", f"{counts.min():,}", tail)
    if TIMESTAMP in table.column_names:
        timestamps = np.asarray(table.column(TIMESTAMP).drop_null(), dtype=np.int64)
        first, last = (moment(float(each)) for each in (timestamps.min(), timestamps.max()))
        spread = bars(over_time(timestamps))
        yield Chart("Interactions over time", f"From {first} to {last}, in UTC.", first, last, spread)


def _imports(state: EmulatorState, dataset_arn: str) -> Iterator[ImportLine]:
    """Newest first."""
    for job in reversed(state.store.all(DatasetImportJob)):
        if job.dataset_arn == dataset_arn:
            entry = state.import_jobs.get(job.arn)
            report = None if entry is None else entry.report
            when = moment(job.creation_date_time)
            yield ImportLine(job.job_name, job.status, job.import_mode, when, report, job.failure_reason)
