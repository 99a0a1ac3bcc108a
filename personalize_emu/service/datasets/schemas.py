"""Schemas: Avro texts, immutable and without a status (R-SCH)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from personalize_emu.data.schemas.avro import InvalidSchema, parse_schema
from personalize_emu.data.schemas.avro import Schema as AvroSchema
from personalize_emu.service.core.context import Context, Params
from personalize_emu.service.lifecycle.creation import create_untagged
from personalize_emu.service.lifecycle.deletion import refuse_while_in_use
from personalize_emu.state.lifecycle import UPDATING
from personalize_emu.state.resources import Dataset, Schema
from personalize_emu.wire.errors import InvalidInputException


@lru_cache(maxsize=1024)
def parsed_schema(text: str) -> AvroSchema:
    """The parsed form of a stored, and so valid, schema text."""
    return parse_schema(text)


def create_schema(context: Context, params: Params) -> dict[str, Any]:
    """Checks that depend on the dataset type are made by CreateDataset (R-SCH-14)."""
    try:
        parse_schema(params["schema"])
    except InvalidSchema as error:
        raise invalid_schema(error) from error
    schema = create_untagged(context, Schema, params, schema=params["schema"], domain=params.get("domain"))
    return {"schemaArn": schema.arn}


def describe_schema(context: Context, params: Params) -> dict[str, Any]:
    return {"schema": context.get(Schema, params["schemaArn"]).members()}


def list_schemas(context: Context, params: Params) -> dict[str, Any]:
    return context.list_page(context.all(Schema), params, "schemas", query="ListSchemas")


def delete_schema(context: Context, params: Params) -> None:
    """In use by datasets until they are deleted, and by datasets that are being updated to it (R-SCH-7)."""
    schema = context.get(Schema, params["schemaArn"])
    users = (dataset for dataset in context.all(Dataset) if schema.arn in _schemas_of(dataset))
    refuse_while_in_use(schema, next(users, None))
    context.state.store.remove(schema)


def _schemas_of(dataset: Dataset) -> tuple[str, ...]:
    if dataset.status in UPDATING and dataset.latest_dataset_update is not None:
        return dataset.schema_arn, dataset.latest_dataset_update["schemaArn"]
    return (dataset.schema_arn,)


def invalid_schema(error: InvalidSchema) -> InvalidInputException:
    return InvalidInputException(f"Invalid schema: {str(error).removesuffix('.')}.")
