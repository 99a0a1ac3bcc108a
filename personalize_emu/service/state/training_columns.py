"""Which columns of the datasets are trained on (T-19, T-28)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from personalize_emu.data.schemas.avro import Schema
from personalize_emu.service.catalog.parameter_values import shown
from personalize_emu.wire.errors import InvalidInputException

Document = Mapping[str, Any]
KnownColumns = Mapping[str, frozenset[str]]
"""Names of columns by dataset type."""

ALWAYS_TRAINED = frozenset({"USER_ID", "ITEM_ID", "ACTION_ID", "TIMESTAMP"})
"""Without these a row means nothing."""


def check_training_columns(config: Document, schemas: Mapping[str, Schema]) -> None:
    """`config` is a trainingDataConfig, of a solution or a recommender.

    Raises:
        InvalidInputException: a dataset the group does not have, or an unknown column (T-28).
    """
    for member in ("excludedDatasetColumns", "includedDatasetColumns"):
        for key, columns in config.get(member, {}).items():
            schema = schemas.get(key.upper())
            if schema is None:
                raise InvalidInputException(f"{member} names an unknown dataset: {shown(key)}.")
            _check_columns(member, key.upper(), columns, schema)


def columns_of(schemas: Mapping[str, Schema]) -> KnownColumns:
    """What is there of each dataset, for later trainings to compare with."""
    return {dataset_type: frozenset(schema.names) for dataset_type, schema in schemas.items()}


def columns_in_training(
    config: Document, dataset_type: str, schema: Schema, known: KnownColumns | None = None
) -> tuple[str, ...]:
    """Names of the columns that are trained on, in the order of the schema. `config` has been checked.

    What is both included and excluded is left out; ids and times cannot be.
    known: columns there were when what is trained was made; those that a dataset got later are left out (D-97).
    """
    excluded = _columns_of(config.get("excludedDatasetColumns", {}), dataset_type) or ()
    included = _columns_of(config.get("includedDatasetColumns", {}), dataset_type)
    usual = (known or {}).get(dataset_type, frozenset(schema.names))
    kept = set(map(str.upper, usual) if included is None else included) - set(excluded) | ALWAYS_TRAINED
    return tuple(name for name in schema.names if name.upper() in kept)


def _columns_of(columns_by_dataset: Mapping[str, Sequence[str]], dataset_type: str) -> frozenset[str] | None:
    """In upper case, of every spelling of the dataset's type; None where it is not named."""
    named = [names for key, names in columns_by_dataset.items() if key.upper() == dataset_type]
    return frozenset(name.upper() for names in named for name in names) if named else None


def _check_columns(member: str, dataset_type: str, columns: Sequence[str], schema: Schema) -> None:
    known = {name.upper() for name in schema.names}
    for column in columns:
        if column.upper() not in known:
            raise InvalidInputException(f"{member} names no column of {dataset_type}: {shown(column)}.")
