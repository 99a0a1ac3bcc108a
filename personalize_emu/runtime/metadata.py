"""Columns of the Items dataset in responses (spec 09 section 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from personalize_emu.data.schemas.columns import ITEM_ID
from personalize_emu.data.schemas.dataset_types import ITEMS
from personalize_emu.filters.records import Records
from personalize_emu.runtime.deployments import Deployment
from personalize_emu.runtime.filtering import group_of, records_of
from personalize_emu.service.catalog.parameter_values import shown
from personalize_emu.service.configuration.campaign_config import shows_metadata
from personalize_emu.service.core.context import Context, Params
from personalize_emu.wire.errors import InvalidInputException

MOST_COLUMNS = 10
"""Q-52, RT-66."""
MOST_RESULTS = 50
"""Q-50, Q-51: maximum number of items of a request with metadata."""
LONGEST_VALUE = 20_000
"""Maximum number of characters of a value (RT-67)."""


@dataclass(frozen=True)
class Metadata:
    """The requested columns, spelt as in the schema, in the order of `_key`."""

    items: Records
    columns: tuple[str, ...]

    def added_to(self, listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Add metadata to the items of a response; null values are omitted."""
        return [item | {"metadata": self._of(item["itemId"])} for item in listed]

    def _of(self, item_id: str) -> dict[str, str]:
        texts = ((column, self.items.text(item_id, column)) for column in self.columns)
        return {_key(column): text[:LONGEST_VALUE] for column, text in texts if text is not None}


def _key(column: str) -> str:
    """Name of a column in responses: lower case, underscores kept (RT-67)."""
    return column.lower()


def requested_metadata(context: Context, deployment: Deployment, params: Params) -> Metadata | None:
    """The requested metadata; None if the request names no columns.

    Raises:
        InvalidInputException: RT-65, RT-68; how many items may be asked for is checked elsewhere.
    """
    if not params.get("metadataColumns"):
        return None
    if not shows_metadata(deployment.trained.recipe, deployment.config):
        raise InvalidInputException(
            "metadataColumns requires a campaign or recommender with enableMetadataWithRecommendations"
        )
    columns: list[str] = []
    for key, names in params["metadataColumns"].items():
        if key.upper() != ITEMS:
            raise InvalidInputException(f"metadataColumns has columns of ITEMS only, not of {shown(key)}")
        columns = list(dict.fromkeys(names))
    if len(columns) > MOST_COLUMNS:
        raise InvalidInputException(f"metadataColumns must name at most {MOST_COLUMNS} columns")
    items = records_of(context, group_of(context, deployment.trained), ITEMS, ITEM_ID)
    known = {_key(name): name for name in items.schema.names} if items else {}
    unknown = [column for column in columns if _key(column) not in known]
    if unknown:
        raise InvalidInputException(f"metadataColumns names no column of ITEMS: {shown(unknown[0])}")
    if items is None:
        raise InvalidInputException("metadataColumns requires an ITEMS dataset")
    return Metadata(items, tuple(known[key] for key in sorted({_key(column) for column in columns})))
