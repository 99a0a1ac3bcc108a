"""Which columns of the datasets are trained on (T-19, T-28)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from personalize_emu.data.avro import Schema
from personalize_emu.service.parameter_values import shown
from personalize_emu.wire.errors import InvalidInputException

Document = Mapping[str, Any]
KnownColumns = Mapping[str, frozenset[str]]
"""Names of columns by dataset type."""

ALWAYS_TRAINED = frozenset({"USER_ID", "ITEM_ID", "ACTION_ID", "TIMESTAMP"})
"""Without these a row means nothing."""


def check_training_columns(config: Document, schemas: Mapping[str, Schema]) -> None:
    """`config` is a trainingDataConfig, of a solution or a recommender.

    Raises:
        InvalidInputException: a dataset the group does not have, an unknown column, a dataset named twice,
            or an excluded column that training cannot do without (T-28).
    """
    named: set[str] = set()
    for member in ("excludedDatasetColumns", "includedDatasetColumns"):
        for key, columns in config.get(member, {}).items():
            dataset_type = key.upper()
            schema = schemas.get(dataset_type)
            if schema is None:
                raise InvalidInputException(f"{member} names an unknown dataset: {shown(key)}.")
            if dataset_type in named:
                raise InvalidInputException(f"trainingDataConfig names {dataset_type} more than once.")
            named.add(dataset_type)
            _check_columns(member, dataset_type, columns, schema)


def columns_of(schemas: Mapping[str, Schema]) -> KnownColumns:
    """What is there of each dataset, for later trainings to compare with."""
    return {dataset_type: frozenset(schema.names) for dataset_type, schema in schemas.items()}


def columns_in_training(
    config: Document, dataset_type: str, schema: Schema, known: KnownColumns | None = None
) -> tuple[str, ...]:
    """Names of the columns that are trained on, in the order of the schema. `config` has been checked.

    known: columns there were when what is trained was made; those that a dataset got later are left out (D-97).
    """
    excluded = _columns_of(config.get("excludedDatasetColumns", {}), dataset_type) or ()
    included = _columns_of(config.get("includedDatasetColumns", {}), dataset_type)
    usual = (known or {}).get(dataset_type, frozenset(schema.names))
    kept = set(usual if included is None else included) - set(excluded) | ALWAYS_TRAINED
    return tuple(name for name in schema.names if name in kept)


def _columns_of(columns_by_dataset: Mapping[str, Sequence[str]], dataset_type: str) -> Sequence[str] | None:
    return next((names for key, names in columns_by_dataset.items() if key.upper() == dataset_type), None)


def _check_columns(member: str, dataset_type: str, columns: Sequence[str], schema: Schema) -> None:
    for column in columns:
        if column not in schema.names:
            raise InvalidInputException(f"{member} names no column of {dataset_type}: {shown(column)}.")
        if member == "excludedDatasetColumns" and column in ALWAYS_TRAINED:
            raise InvalidInputException(f"Column {column} of {dataset_type} cannot be excluded.")
