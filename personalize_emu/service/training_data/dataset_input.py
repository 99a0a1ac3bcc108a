"""One dataset as a training reads it: features from its columns (R-21 to R-23, T-28), limits on event types (D-17)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from personalize_emu.data.schemas.avro import Field, Schema
from personalize_emu.data.schemas.columns import ACTION_ID, CREATION_TIMESTAMP, EVENT_TYPE, IMPRESSION, ITEM_ID, USER_ID
from personalize_emu.data.schemas.dataset_types import (
    ACTIONS,
    INTERACTIONS,
    ITEMS,
    USERS,
    required_columns,
    reserved_columns,
)
from personalize_emu.filters.records import Records
from personalize_emu.recipes.contract.features import Features, Objective, Profiles
from personalize_emu.recipes.wrappers.objective import STRENGTHS
from personalize_emu.service.catalog.recipe_facts import RecipeInputs
from personalize_emu.service.core.context import Context
from personalize_emu.service.datasets.datasets import dataset_of_type
from personalize_emu.service.datasets.schemas import parsed_schema
from personalize_emu.service.state.column_indexes import ColumnIndexes
from personalize_emu.service.state.dataset_contents import DatasetContents
from personalize_emu.service.state.feature_columns import features_of
from personalize_emu.service.state.trained_version import ItemAttributes
from personalize_emu.service.state.training_selection import KnownColumns, columns_in_training
from personalize_emu.state.jobs import JobFailed
from personalize_emu.state.resources import Schema as SchemaRecord

NOT_METADATA: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        INTERACTIONS: frozenset(
            {"USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE", "EVENT_VALUE", IMPRESSION}
            | {"RECOMMENDATION_ID", "EVENT_ATTRIBUTION_SOURCE"}
        ),
        ITEMS: frozenset({ITEM_ID, CREATION_TIMESTAMP}),
        USERS: frozenset({USER_ID}),
    }
)
"""Columns of each dataset type that are not read as metadata: ids, times, and those with a meaning of their own."""
_ID_COLUMNS: Mapping[str, str] = MappingProxyType({ITEMS: ITEM_ID, USERS: USER_ID, ACTIONS: ACTION_ID})
NO_CREATION_TIME = -1
"""In place of a CREATION_TIMESTAMP that an item does not have."""


@dataclass(frozen=True, eq=False)
class DatasetInput:
    """A dataset as it was when a training was requested. Its rows are read later, as they are then.

    columns: names of those that are trained on (T-19, T-28).
    """

    dataset_type: str
    arn: str
    contents: DatasetContents
    schema: Schema
    schema_text: str
    columns: frozenset[str]
    indexes: ColumnIndexes

    @property
    def records(self) -> Records:
        """What the dataset holds now, one row an id; for items, users and actions."""
        return self.indexes.records(self.contents, self.schema_text, _ID_COLUMNS[self.dataset_type])

    @property
    def metadata_fields(self) -> tuple[Field, ...]:
        """Metadata columns that are trained on, in the order of the schema."""
        names = self.columns - NOT_METADATA.get(self.dataset_type, frozenset())
        return tuple(field for field in self.schema.fields if field.name in names)

    def fields_for(self, inputs: RecipeInputs, item_name: str = "") -> tuple[Field, ...]:
        """The metadata columns that a recipe reads (R-23). item_name: a plain string column that it reads as well."""
        return tuple(
            field
            for field in self.metadata_fields
            if (inputs.texts if field.textual else field.categorical or field.numeric or field.name == item_name)
        )


def dataset_input(
    context: Context, group_arn: str, dataset_type: str, columns: Mapping[str, Any], known: KnownColumns | None
) -> DatasetInput | None:
    """The dataset of a type; None where the group has none that holds data.

    columns: a trainingDataConfig that has been checked. known: see `columns_in_training`.
    """
    dataset = dataset_of_type(context, group_arn, dataset_type)
    contents = context.state.contents(dataset.arn) if dataset else None
    if dataset is None or contents is None:
        return None
    text = context.get(SchemaRecord, dataset.schema_arn).schema
    schema = parsed_schema(text)
    names = frozenset(columns_in_training(columns, dataset_type, schema, known))
    return DatasetInput(dataset_type, dataset.arn, contents, schema, text, names, context.state.indexes)


def item_features(items: DatasetInput, catalog: Sequence[str], inputs: RecipeInputs, recipe_name: str) -> Features:
    """The metadata that a recipe reads, one row for each item of the catalog."""
    item_name = name_column(items, recipe_name) if inputs.texts else ""
    fields = items.fields_for(inputs, item_name)
    table = items.records.along(catalog, [field.name for field in fields])
    return features_of(table, fields, item_name)


def name_column(items: DatasetInput, recipe_name: str) -> str:
    """The column with the names of items, "" for none (R-79).

    It is the one flagged in the schema; for semantic similarity, without a flag, the first plain string column.
    """
    flagged = [field.name for field in items.metadata_fields if field.names_item]
    if flagged or recipe_name != "aws-semantic-similarity":
        return flagged[0] if flagged else ""
    plain = [field.name for field in items.metadata_fields if field.type == "string" and not field.textual]
    return plain[0] if plain else ""


def creation_timestamps(items: DatasetInput, catalog: Sequence[str]) -> NDArray[np.int64] | None:
    """int64[items]: CREATION_TIMESTAMP, or NO_CREATION_TIME; None where the column is not trained on.

    Exploration and freshness need it, whatever metadata a recipe reads (R-42).
    """
    if CREATION_TIMESTAMP not in items.columns:
        return None
    column = items.records.along(catalog, [CREATION_TIMESTAMP]).column(0)
    return np.asarray(column.fill_null(NO_CREATION_TIME).to_numpy(), dtype=np.int64)


def user_profiles(users: DatasetInput, inputs: RecipeInputs) -> Profiles:
    """The metadata of all users of the Users dataset, with and without interactions."""
    records, fields = users.records, users.fields_for(inputs)
    ids = tuple(sorted(records.row_of))
    return Profiles(ids, features_of(records.along(ids, [field.name for field in fields]), fields))


def item_attributes(items: DatasetInput) -> ItemAttributes:
    """The columns that segments can be requested by: categorical and numeric metadata (D-13, D-14)."""
    fields = [field for field in items.metadata_fields if field.categorical or field.numeric]
    return ItemAttributes(items.records, {field.name.upper(): field for field in fields})


def item_objective(items: DatasetInput, wanted: Mapping[str, Any], catalog: Sequence[str]) -> Objective | None:
    """The objective of a solution along the catalog; None where no column is named (T-18, T-26).

    wanted: an optimizationObjective that has been checked. Missing and infinite values count as 0.
    """
    if "itemAttribute" not in wanted:
        return None
    column = items.records.along(catalog, [wanted["itemAttribute"]]).column(0)
    rewards = np.asarray(pc.cast(column, pa.float64()).fill_null(0).to_numpy()).astype(np.float32)
    sensitivity = wanted.get("objectiveSensitivity", "OFF")
    return Objective(np.nan_to_num(rewards, posinf=0.0, neginf=0.0), STRENGTHS[sensitivity])


def item_ids(items: DatasetContents | None) -> set[str]:
    """Ids of the Items dataset, imported and streamed; of none, the empty set."""
    if items is None:
        return set()
    ids = {row[ITEM_ID] for row in items.log.rows()}
    if items.bulk is not None:
        ids.update(items.bulk.column(ITEM_ID).to_pylist())
    return ids


MAX_COLUMNS_AND_EVENT_TYPES = 10
"""Optional columns and distinct event types together (Q-23)."""
_UNCOUNTED = frozenset(
    {"USER_ID", "ITEM_ID", "TIMESTAMP", "IMPRESSION", "RECOMMENDATION_ID", "EVENT_ATTRIBUTION_SOURCE"}
)
"""Required columns, and reserved ones other than EVENT_TYPE and EVENT_VALUE (D-24)."""
_KEYWORDS = frozenset({*required_columns(INTERACTIONS, None), *reserved_columns(INTERACTIONS, None)})
"""Names of columns that are not event types, case-sensitive."""


def refuse_reserved_event_types(bulk: pa.Table | None, streamed: pa.Table, event_types: Collection[str]) -> None:
    """Without a column of event types there is nothing to refuse.

    streamed: the columns that have a value. event_types: the distinct ones that occur.

    Raises:
        JobFailed: there are interactions, and none of them has a usable event type (D-17).
    """
    imported = bulk is not None and EVENT_TYPE in bulk.column_names and bulk.num_rows > 0
    typed = imported or EVENT_TYPE in streamed.column_names
    if typed and _KEYWORDS.issuperset(event_types):
        raise JobFailed("All values in the event_type column are either reserved keywords or null")


def refuse_too_many_event_types(bulk: pa.Table | None, streamed: pa.Table, event_types: Collection[str]) -> None:
    """Raises JobFailed: more than MAX_COLUMNS_AND_EVENT_TYPES (D-25)."""
    columns = set((streamed if bulk is None else bulk).column_names)
    optional = len(columns - _UNCOUNTED)
    if optional + len(event_types) > MAX_COLUMNS_AND_EVENT_TYPES:
        raise JobFailed(
            f"Dataset has {optional} optional metadata columns and {len(event_types)} distinct event types. "
            f"Together there can be at most {MAX_COLUMNS_AND_EVENT_TYPES}."
        )
