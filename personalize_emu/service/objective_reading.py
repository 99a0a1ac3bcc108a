"""What a solution wants of items beside relevance, read when its training begins (T-18, T-26)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from personalize_emu.data.columns import ITEM_ID
from personalize_emu.data.dataset_types import ITEMS
from personalize_emu.recipes.features import Objective
from personalize_emu.recipes.objective import STRENGTHS
from personalize_emu.service.context import Context
from personalize_emu.service.datasets import dataset_of_type
from personalize_emu.state.resources import Schema


def objective_along(
    context: Context, group_arn: str, config: Mapping[str, Any], catalog: Sequence[str]
) -> Objective | None:
    """Of a solutionConfig that has been checked; None where it names no column."""
    wanted = config.get("optimizationObjective", {})
    dataset = dataset_of_type(context, group_arn, ITEMS)
    contents = context.world.contents.get(dataset.arn) if dataset else None
    if "itemAttribute" not in wanted or dataset is None or contents is None:
        return None
    text = context.get(Schema, dataset.schema_arn).schema
    column = context.world.indexes.records(contents, text, ITEM_ID).along(catalog, [wanted["itemAttribute"]]).column(0)
    rewards = np.asarray(pc.cast(column, pa.float64()).fill_null(0).to_numpy()).astype(np.float32)
    sensitivity = wanted.get("objectiveSensitivity", "OFF")
    return Objective(np.nan_to_num(rewards, posinf=0.0, neginf=0.0), STRENGTHS[sensitivity])
