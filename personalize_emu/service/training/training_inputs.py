"""Metadata of items, profiles of users and circumstances of interactions, read when a training begins.

The attributes of items, read when the training of a recipe that is asked by them begins.

What a solution wants of items beside relevance, read when its training begins (T-18, T-26).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from personalize_emu.data.schemas.avro import Field
from personalize_emu.data.schemas.columns import CREATION_TIMESTAMP, IMPRESSION, ITEM_ID, USER_ID
from personalize_emu.data.schemas.dataset_types import INTERACTIONS, ITEMS, USERS
from personalize_emu.filters.records import Records
from personalize_emu.recipes.contract.base import TrainingData
from personalize_emu.recipes.contract.features import Features, Objective, Profiles
from personalize_emu.recipes.wrappers.objective import STRENGTHS
from personalize_emu.service.catalog.recipe_facts import RecipeFacts, RecipeInputs, inputs_of
from personalize_emu.service.configuration.solution_config import attribute_columns
from personalize_emu.service.core.context import Context
from personalize_emu.service.datasets.datasets import dataset_of_type, schemas_of_group
from personalize_emu.service.datasets.schemas import parsed_schema
from personalize_emu.service.state.dataset_contents import DatasetContents
from personalize_emu.service.state.feature_columns import features_of
from personalize_emu.service.state.trained_version import ItemAttributes
from personalize_emu.service.state.training_columns import KnownColumns, columns_in_training
from personalize_emu.state.resources import Schema

_RESERVED: Mapping[str, frozenset[str]] = {
    INTERACTIONS: frozenset(
        {"USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE", "EVENT_VALUE", IMPRESSION}
        | {"RECOMMENDATION_ID", "EVENT_ATTRIBUTION_SOURCE"}
    ),
    ITEMS: frozenset({ITEM_ID, CREATION_TIMESTAMP}),
    USERS: frozenset({USER_ID}),
}
"""Columns that are no metadata of the thing described."""
UNKNOWN = -1
"""In place of a time of creation."""


@dataclass(frozen=True, eq=False)
class _Described:
    """A dataset. names: its columns that are trained on. fields: those of them that are metadata."""

    contents: DatasetContents
    schema_text: str
    names: frozenset[str]
    fields: tuple[Field, ...]


@dataclass(frozen=True, eq=False)
class MetadataReading:
    """What one training reads beside the ids and times of interactions, fixed when it starts (T-28).

    context_fields: columns of the interactions that are circumstances. impressions: those are wanted, too.
    """

    context: Context
    context_fields: tuple[Field, ...]
    impressions: bool
    items: _Described | None
    users: _Described | None
    item_name: str

    @property
    def interaction_columns(self) -> tuple[str, ...]:
        names = tuple(field.name for field in self.context_fields)
        return (*names, IMPRESSION) if self.impressions else names

    def described(self, data: TrainingData) -> TrainingData:
        """The data with what is known now of its items and of all users."""
        return replace(
            data,
            item_features=self._item_features(data.catalog),
            stated_creation=self._stated_creation(data.catalog),
            profiles=self._profiles(),
        )

    def _records(self, described: _Described, id_column: str) -> Records:
        return self.context.state.indexes.records(described.contents, described.schema_text, id_column)

    def _item_features(self, catalog: Sequence[str]) -> Features | None:
        if self.items is None:
            return None
        table = self._records(self.items, ITEM_ID).along(catalog, [field.name for field in self.items.fields])
        return features_of(table, self.items.fields, self.item_name)

    def _stated_creation(self, catalog: Sequence[str]) -> NDArray[np.int64] | None:
        """Exploration and freshness are measured by it, whatever else a recipe reads of items (R-42)."""
        if self.items is None or CREATION_TIMESTAMP not in self.items.names:
            return None
        column = self._records(self.items, ITEM_ID).along(catalog, [CREATION_TIMESTAMP]).column(0)
        return np.asarray(column.fill_null(UNKNOWN).to_numpy(), dtype=np.int64)

    def _profiles(self) -> Profiles | None:
        if self.users is None:
            return None
        records = self._records(self.users, USER_ID)
        ids = tuple(sorted(records.row_of))
        table = records.along(ids, [field.name for field in self.users.fields])
        return Profiles(ids, features_of(table, self.users.fields))


def metadata_reading(
    context: Context,
    group_arn: str,
    facts: RecipeFacts,
    config: Mapping[str, Any],
    known: KnownColumns | None = None,
) -> MetadataReading:
    """config: a solutionConfig or recommenderConfig whose trainingDataConfig has been checked. known: see
    `columns_in_training`.
    """
    inputs = inputs_of(facts)
    columns = config.get("trainingDataConfig", {})
    interactions = _described(context, group_arn, INTERACTIONS, columns, known)
    items = _described(context, group_arn, ITEMS, columns, known) if inputs.items else None
    users = _described(context, group_arn, USERS, columns, known) if inputs.users else None
    item_name = _item_name(facts, items) if items is not None and inputs.texts else ""
    return MetadataReading(
        context,
        _read(interactions, inputs) if inputs.context else (),
        inputs.impressions and interactions is not None and IMPRESSION in interactions.names,
        None if items is None else replace(items, fields=_read(items, inputs, item_name)),
        None if users is None else replace(users, fields=_read(users, inputs)),
        item_name,
    )


def _read(described: _Described | None, inputs: RecipeInputs, item_name: str = "") -> tuple[Field, ...]:
    """The metadata fields that a recipe reads (R-23)."""
    return tuple(
        field
        for field in (described.fields if described else ())
        if (inputs.texts if field.textual else field.categorical or field.numeric or field.name == item_name)
    )


def _described(
    context: Context, group_arn: str, dataset_type: str, columns: Mapping[str, Any], known: KnownColumns | None
) -> _Described | None:
    dataset = dataset_of_type(context, group_arn, dataset_type)
    contents = context.state.contents(dataset.arn) if dataset else None
    if dataset is None or contents is None:
        return None
    text = context.get(Schema, dataset.schema_arn).schema
    schema = parsed_schema(text)
    names = frozenset(columns_in_training(columns, dataset_type, schema, known))
    fields = [field for field in schema.fields if field.name in names - _RESERVED[dataset_type]]
    return _Described(contents, text, names, tuple(fields))


def _item_name(facts: RecipeFacts, items: _Described) -> str:
    """The column flagged as the name (R-79); without one, of semantic similarity, the first string beside the text."""
    flagged = [field.name for field in items.fields if field.names_item]
    if flagged or facts.name != "aws-semantic-similarity":
        return flagged[0] if flagged else ""
    plain = [field.name for field in items.fields if field.type == "string" and not field.textual]
    return plain[0] if plain else ""


def item_attributes(
    context: Context, group_arn: str, config: Mapping[str, object], known: KnownColumns | None
) -> ItemAttributes | None:
    """What the Items dataset of a group holds now; None without one. known: see `columns_in_training`."""
    dataset = dataset_of_type(context, group_arn, ITEMS)
    contents = context.state.contents(dataset.arn) if dataset else None
    if dataset is None or contents is None:
        return None
    schemas = schemas_of_group(context, group_arn)
    text = context.get(Schema, dataset.schema_arn).schema
    names = attribute_columns(config, schemas, known)
    fields = {field.name.upper(): field for field in schemas[ITEMS].fields if field.name in names}
    return ItemAttributes(context.state.indexes.records(contents, text, ITEM_ID), fields)


def objective_along(
    context: Context, group_arn: str, config: Mapping[str, Any], catalog: Sequence[str]
) -> Objective | None:
    """Of a solutionConfig that has been checked; None where it names no column."""
    wanted = config.get("optimizationObjective", {})
    dataset = dataset_of_type(context, group_arn, ITEMS)
    contents = context.state.contents(dataset.arn) if dataset else None
    if "itemAttribute" not in wanted or dataset is None or contents is None:
        return None
    text = context.get(Schema, dataset.schema_arn).schema
    column = context.state.indexes.records(contents, text, ITEM_ID).along(catalog, [wanted["itemAttribute"]]).column(0)
    rewards = np.asarray(pc.cast(column, pa.float64()).fill_null(0).to_numpy()).astype(np.float32)
    sensitivity = wanted.get("objectiveSensitivity", "OFF")
    return Objective(np.nan_to_num(rewards, posinf=0.0, neginf=0.0), STRENGTHS[sensitivity])
