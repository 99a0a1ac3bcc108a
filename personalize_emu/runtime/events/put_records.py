"""PutUsers, PutItems and PutActions (spec 10 section 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from personalize_emu.data.records.properties import InvalidProperties, record_row
from personalize_emu.data.schemas.avro import camel_name
from personalize_emu.data.schemas.dataset_types import ACTIONS, DATASET_TYPES, ITEMS, USERS
from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.core.group_keys import require_usable_key
from personalize_emu.service.datasets.schemas import parsed_schema
from personalize_emu.service.lifecycle.creation import require_active
from personalize_emu.state.resources import Dataset, Schema
from personalize_emu.wire.errors import InvalidInputException


def put_users(context: Context, params: Params) -> None:
    _put(context, USERS, params["datasetArn"], params["users"])


def put_items(context: Context, params: Params) -> None:
    _put(context, ITEMS, params["datasetArn"], params["items"])


def put_actions(context: Context, params: Params) -> None:
    _put(context, ACTIONS, params["datasetArn"], params["actions"])


def _put(context: Context, dataset_type: str, dataset_arn: str, records: Sequence[Mapping[str, Any]]) -> None:
    """Store all records or none (EV-6); a record replaces the previous one with its id (EV-63).

    Holds the store's lock, so that no import ends and no schema changes between validation and storing. Records put
    during an import are newer than the imported ones (D-84).
    """
    id_column = DATASET_TYPES[dataset_type].id_column
    assert id_column is not None, "records have an id"
    require_usable_key(context, _open_dataset(context, dataset_arn, dataset_type))
    with context.state.store.lock:
        dataset = _open_dataset(context, dataset_arn, dataset_type)
        schema = parsed_schema(context.get(Schema, dataset.schema_arn).schema)
        rows: dict[str, Mapping[str, Any]] = {}
        for record in records:
            record_id = record[camel_name(id_column)]
            # Of several records with one id the last is used, at its position.
            rows.pop(record_id, None)
            try:
                rows[record_id] = record_row(schema, id_column, record_id, record.get("properties"))
            except InvalidProperties as error:
                raise InvalidInputException(error.text) from error
        context.state.datasets[dataset.arn].held.put_rows(list(rows.values()))


def _open_dataset(context: Context, dataset_arn: str, dataset_type: str) -> Dataset:
    """The dataset, if it accepts records of that type now.

    Raises:
        ResourceNotFoundException: the dataset does not exist.
        ResourceInUseException: it is being created, updated or deleted.
        InvalidInputException: it has another type (EV-65).
    """
    dataset = context.get(Dataset, dataset_arn)
    require_active(dataset)
    if dataset.dataset_type != dataset_type:
        raise InvalidInputException(f"Dataset {dataset_arn} is of type {dataset.dataset_type}, not {dataset_type}.")
    return dataset
