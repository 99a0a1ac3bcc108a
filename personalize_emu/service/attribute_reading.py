"""The attributes of items, read when the training of a recipe that is asked by them begins."""

from __future__ import annotations

from collections.abc import Mapping

from personalize_emu.data.columns import ITEM_ID
from personalize_emu.data.dataset_types import ITEMS
from personalize_emu.service.context import Context
from personalize_emu.service.datasets import dataset_of_type, schemas_of_group
from personalize_emu.service.item_attributes import ItemAttributes
from personalize_emu.service.solution_config import attribute_columns
from personalize_emu.service.training_columns import KnownColumns
from personalize_emu.state.resources import Schema


def item_attributes(
    context: Context, group_arn: str, config: Mapping[str, object], known: KnownColumns | None
) -> ItemAttributes | None:
    """What the Items dataset of a group holds now; None without one. known: see `columns_in_training`."""
    dataset = dataset_of_type(context, group_arn, ITEMS)
    contents = context.world.contents.get(dataset.arn) if dataset else None
    if dataset is None or contents is None:
        return None
    schemas = schemas_of_group(context, group_arn)
    text = context.get(Schema, dataset.schema_arn).schema
    names = attribute_columns(config, schemas, known)
    fields = {field.name.upper(): field for field in schemas[ITEMS].fields if field.name in names}
    return ItemAttributes(context.world.indexes.records(contents, text, ITEM_ID), fields)
