"""What can be tried: the deployments that answer requests, their users and items with names, and histories."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from personalize_emu.data.schemas.avro import Field, parse_schema
from personalize_emu.data.schemas.columns import (
    EVENT_TYPE,
    EVENT_VALUE,
    ITEM_ID,
    TIMESTAMP,
    USER_ID,
    encoded,
)
from personalize_emu.data.schemas.dataset_types import ACTION_INTERACTIONS, ACTIONS, INTERACTIONS, ITEMS
from personalize_emu.edge.console.overview import moment
from personalize_emu.emulator import Emulator
from personalize_emu.filters.records import Records
from personalize_emu.runtime.explanations.explanation import KINDS
from personalize_emu.service.state.dataset_contents import DatasetContents
from personalize_emu.service.state.emulator_state import EmulatorState
from personalize_emu.service.state.trained_version import TrainedVersion
from personalize_emu.state.lifecycle import ACTIVE
from personalize_emu.state.resources import (
    Campaign,
    Dataset,
    EventTracker,
    Filter,
    Recommender,
    Schema,
    SolutionVersion,
)

NAME_COLUMNS = ("TITLE", "NAME", "ITEM_NAME", "PRODUCT_NAME", "ACTION_NAME")
MOST_DETAILS = 3
"""Columns of an item that are shown beside its name."""
MOST_SUGGESTIONS = 60
HISTORY_ROWS = 10
LONGEST_TEXT = 80
TAKEN = "Taken"
"""Event type of a user who follows an action (EV-74)."""
_PARAMETER = re.compile(r"\$([A-Za-z0-9_]+)")
_SENT_BY_NAME = frozenset({USER_ID, ITEM_ID, TIMESTAMP, EVENT_TYPE, EVENT_VALUE})
"""Columns of interactions that are members of an event, not properties."""


@dataclass(frozen=True)
class Choice:
    """A campaign or recommender that can be asked."""

    arn: str
    label: str


@dataclass(frozen=True)
class FilterChoice:
    """parameters: names that need values."""

    arn: str
    name: str
    expression: str
    parameters: tuple[str, ...]


@dataclass(frozen=True)
class Named:
    """An item or action with its name and some of its columns; the name is the id where none is known."""

    id: str
    name: str
    details: tuple[str, ...]


@dataclass(frozen=True)
class HistoryLine:
    """One interaction of a user."""

    item: Named
    event_type: str
    time: str


class Deployment:
    """A campaign or recommender with a trained model, and what its dataset group has."""

    def __init__(self, state: EmulatorState, record: Campaign | Recommender, trained: TrainedVersion) -> None:
        self.arn, self.name, self.trained, self._state = record.arn, record.name, trained, state
        self.is_recommender = isinstance(record, Recommender)
        self.group_arn = _group_of(state, record)
        self.operation = trained.recipe.operation or "GetRecommendations"
        self.needs = trained.recipe.needs

    @cached_property
    def _described(self) -> Records | None:
        """What is known of the items or actions; None without a dataset of them."""
        return self._records(ACTIONS if self.lists_actions else ITEMS)

    @property
    def lists_actions(self) -> bool:
        """Whether it recommends actions, not items."""
        return self.operation == "GetActionRecommendations"

    @property
    def recipe(self) -> str:
        return self.trained.recipe.name

    @property
    def answers_users(self) -> bool:
        """Whether its answers can be explained: those for an item, and actions, cannot."""
        return self.trained.kind in KINDS

    @property
    def users(self) -> Sequence[str]:
        """Some of those with a history."""
        return self.trained.data.user_ids[:MOST_SUGGESTIONS]

    @property
    def items(self) -> list[Named]:
        """Some of those that can be recommended."""
        return [self.named(each) for each in self.trained.answered_ids[:MOST_SUGGESTIONS]]

    @property
    def filters(self) -> list[FilterChoice]:
        found = [each for each in self._state.store.all(Filter) if each.dataset_group_arn == self.group_arn]
        return [FilterChoice(each.arn, each.name, each.filter_expression, parameters_of(each)) for each in found]

    @property
    def tracking_id(self) -> str | None:
        """Of an ACTIVE event tracker of the group."""
        for tracker in self._state.store.all(EventTracker):
            if tracker.dataset_group_arn == self.group_arn and tracker.status == ACTIVE:
                return tracker.tracking_id
        return None

    @property
    def actions_tracking_id(self) -> str | None:
        """That of the group's action interactions dataset."""
        dataset = self._dataset(ACTION_INTERACTIONS)
        return None if dataset is None else dataset.tracking_id

    def named(self, item_id: str) -> Named:
        records = self._described
        if records is None:
            return Named(item_id, item_id, ())
        name, *details = self._shown_columns(records)
        texts = [records.text(item_id, column) if column else None for column in (name, *details)]
        return Named(item_id, texts[0] or item_id, tuple(text[:LONGEST_TEXT] for text in texts[1:] if text))

    def _shown_columns(self, records: Records) -> list[str]:
        """The column with the name, empty if there is none, and some that tell items apart."""
        fields = [field for field in records.schema.fields if not field.name.endswith("_ID") and field.type == "string"]
        names = [field.name for field in fields if field.names_item or field.name.upper() in NAME_COLUMNS]
        details = [field.name for field in fields if field.name not in names and not field.textual]
        return [names[0] if names else "", *details[:MOST_DETAILS]]

    def _records(self, dataset_type: str) -> Records | None:
        dataset = self._dataset(dataset_type)
        contents = dataset and self._state.contents(dataset.arn)
        schema = dataset and self._state.store.get(Schema, dataset.schema_arn)
        if not contents or not schema:
            return None
        id_column = "ACTION_ID" if dataset_type == ACTIONS else ITEM_ID
        return self._state.indexes.records(contents, schema.schema, id_column)

    def _dataset(self, dataset_type: str) -> Dataset | None:
        for each in self._state.store.all(Dataset):
            if each.dataset_group_arn == self.group_arn and each.dataset_type == dataset_type:
                return each
        return None

    def _interactions(self) -> tuple[DatasetContents, Sequence[Field]] | None:
        dataset = self._dataset(INTERACTIONS)
        contents = dataset and self._state.contents(dataset.arn)
        schema = dataset and self._state.store.get(Schema, dataset.schema_arn)
        return (contents, parse_schema(schema.schema).fields) if contents and schema else None

    def history(self, user_id: str) -> list[HistoryLine]:
        """The newest interactions of a user, newest first."""
        found = self._interactions()
        if found is None or not user_id:
            return []
        contents = found[0]
        tables = [contents.streamed(len(contents.log)), contents.bulk]
        lines = [line for table in tables if table is not None for line in self._lines(table, user_id)]
        newest = sorted(lines, key=lambda line: line[0], reverse=True)[:HISTORY_ROWS]
        return [HistoryLine(self.named(item), event_type, moment(float(time))) for time, item, event_type in newest]

    def _lines(self, table: pa.Table, user_id: str) -> Iterator[tuple[int, str, str]]:
        """Timestamp, item id and event type."""
        if USER_ID not in table.column_names:
            return
        own = table.filter(pc.equal(table.column(USER_ID).cast(pa.string()), user_id))
        for row in own.to_pylist():
            yield int(row[TIMESTAMP]), str(row[ITEM_ID]), str(row.get(EVENT_TYPE) or "")

    def click_event(self) -> tuple[str, dict[str, str]]:
        """Type and properties of the event that a click on a place of the list sends."""
        return (TAKEN, {}) if self.lists_actions else self.common_event()

    def common_event(self) -> tuple[str, dict[str, str]]:
        """The most frequent event type, and the properties that an event needs, with their most frequent values."""
        found = self._interactions()
        if found is None or found[0].bulk is None:
            return "click", {}
        table, fields = found[0].bulk, found[1]
        needed = [field for field in fields if field.name not in _SENT_BY_NAME and not field.nullable]
        properties = {field.item_name: _most_frequent(table, field.name) for field in needed}
        has_types = EVENT_TYPE in table.column_names
        return (_most_frequent(table, EVENT_TYPE) if has_types else "") or "click", properties


def _most_frequent(table: pa.Table, column: str) -> str:
    values = table.column(column)
    if pa.types.is_dictionary(values.type) or pa.types.is_string(values.type):
        codes = encoded(values.drop_null())
        indices = np.asarray(codes.indices)
        return str(codes.dictionary[int(np.bincount(indices).argmax())].as_py()) if len(indices) else ""
    return str(values[0].as_py())


def parameters_of(record: Filter) -> tuple[str, ...]:
    """The names of the parameters in a filter's expression, each once."""
    return tuple(dict.fromkeys(_PARAMETER.findall(record.filter_expression)))


def choices(emulator: Emulator) -> list[Choice]:
    """What has a trained model, newest first."""
    return [Choice(each.arn, f"{each.name} ({each.recipe})") for each in _deployments(emulator.state)]


def deployment(emulator: Emulator, arn: str) -> Deployment | None:
    """None if nothing with a trained model has the ARN."""
    return next((each for each in _deployments(emulator.state) if each.arn == arn), None)


def _deployments(state: EmulatorState) -> Iterator[Deployment]:
    records: list[Campaign | Recommender] = [*state.store.all(Campaign), *state.store.all(Recommender)]
    for record in sorted(records, key=state.store.ordinal, reverse=True):
        version = record.arn if isinstance(record, Recommender) else record.solution_version_arn
        trained = state.trained(version)
        if trained is not None:
            yield Deployment(state, record, trained)


def _group_of(state: EmulatorState, record: Campaign | Recommender) -> str:
    if isinstance(record, Recommender):
        return record.dataset_group_arn
    version = state.store.get(SolutionVersion, record.solution_version_arn)
    return "" if version is None else version.dataset_group_arn
